"""Training the encoder of texts by two workers of Ray beside one process: seconds of an epoch.

Both take the same steps, with the batches of each step shared by the workers. So loss and figures
on the validation part differ by rounding alone, which grows in the course of a training; the
largest difference after the last epoch is told, and has no bar. In turns; each worker and the
single process have one thread. Starting workers and reading data do not count: the clock is that of
the training.

    python experiments/bench_encoder_workers.py [--data ../shared/data] [--epochs 2] [--rounds 2]

Writes experiments/results/bench_encoder_workers.json. Needs `kgrec[ray]`, and two free cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from kgrec.config import load_config
from kgrec.runs.about import about
from kgrec.runs.text_tuning import tune_text

HERE = Path(__file__).parent
BATCHES = 2
"""Of a step: each worker has one."""
REGIMES = {"full": "{name: full}", "lora": "{name: lora}"}


def trained(data: Path, regime: str, engine: str, epochs: int) -> dict[str, Any]:
    """Train, and return the seconds of an epoch, and loss and figures after the last one."""
    changes = [
        f"data.root={data}", f"text.tuning.regime={regime}", f"text.tuning.epochs={epochs}",
        f"text.tuning.accumulate={BATCHES}", f"engine={engine}",
    ]  # fmt: skip
    config = load_config(HERE / "tune_cold_items.yaml", changes)
    with tempfile.TemporaryDirectory() as scratch:
        tune_text(config, Path(scratch) / "encoder")
        curve = json.loads((Path(scratch) / "encoder" / "tuning" / "curve.json").read_text())
    return {
        "seconds_an_epoch": (curve[-1]["seconds"] - curve[0]["seconds"]) / epochs,
        "figures": {key: value for key, value in curve[-1].items() if key != "seconds"},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    engines = {"one": "{name: local}", "two": "{name: ray, address: local, workers: 2}"}
    found: dict[str, Any] = {}
    for name, regime in REGIMES.items():
        runs: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
        for _ in range(args.rounds):
            for who, engine in engines.items():
                runs[who].append(trained(args.data, regime, engine, args.epochs))
        least = {who: min(one["seconds_an_epoch"] for one in of) for who, of in runs.items()}
        one, two = (runs[who][0]["figures"] for who in engines)
        found[name] = {
            "least_seconds_an_epoch": least,
            "epoch_of_one_over_two": least["one"] / least["two"],
            "largest_difference": max(abs(one[key] - two[key]) for key in one),
            "runs": runs,
        }
        print(name, json.dumps({key: of for key, of in found[name].items() if key != "runs"}))
        result = {"epochs": args.epochs, "cases": found, "load_average": os.getloadavg()[0]}
        out = HERE / "results" / "bench_encoder_workers.json"
        out.write_text(json.dumps(result | {"about": about(0)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
