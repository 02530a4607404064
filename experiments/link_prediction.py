"""What the link predictor reaches on real data, by its configs, over several seeds.

    python experiments/link_prediction.py [--data ../shared/data] [--seeds 3] [--only NAME ...]

Every run is what `kgrec train` and `kgrec evaluate` do: trained on the training part, its epoch
chosen on the validation part, measured once on the test part. Writes experiments/results/NAME.json
with the figures of each seed and their mean.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.config import load_config
from kgrec.files import write_json
from kgrec.reporting.reporter import Reporter
from kgrec.runs.about import about
from kgrec.runs.evaluating import evaluate_run
from kgrec.runs.training import train_run

HERE = Path(__file__).parent
EXPERIMENTS = {
    "movielens_random": ("movielens_dbpedia.yaml", ["data.split=random"]),
    "movielens_temporal": ("movielens_dbpedia.yaml", ["data.split=temporal"]),
    "movielens_cold_items": ("movielens_dbpedia.yaml", ["data.split=cold_items"]),
    "lastfm": ("lastfm.yaml", []),
}


def run(name: str, data: Path, seed: int, folder: Path) -> dict[str, Any]:
    """Train and measure one experiment with one seed."""
    file, overrides = EXPERIMENTS[name]
    config = load_config(HERE / file, [*overrides, f"data.root={data}", f"seed={seed}"])
    out = folder / f"{name}-{seed}"
    metrics = train_run(config, out, log=Reporter())
    result = evaluate_run(out)
    return {
        "seed": seed,
        "metrics": dict(result.metrics),
        "validation": metrics["valid"]["metrics"],
        "best_epoch": metrics["training"]["best_epoch"],
        "epochs": metrics["training"]["epochs"],
        "seconds_to_best": metrics["training"]["seconds_to_best"],
        "seconds_fit": metrics["seconds"]["fit"],
        "seconds_all": metrics["seconds"]["all"],
        "num_users": result.num_users,
        "num_candidates": result.num_candidates,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    options = parser.parse_args()
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            runs = [run(name, options.data, seed, Path(folder)) for seed in range(options.seeds)]
        file, overrides = EXPERIMENTS[name]
        config = load_config(HERE / file, overrides).model_dump(mode="json")
        means = {
            key: float(np.mean([one["metrics"][key] for one in runs])) for key in runs[0]["metrics"]
        }
        result = {
            "what": f"{name}, test; mean of {len(runs)} seeds, epochs chosen on validation",
            "config": config,
            "about": {**about(0), "seed": [one["seed"] for one in runs]},
            "metrics": means,
            "seconds_to_best": float(np.mean([one["seconds_to_best"] for one in runs])),
            "seconds_fit": float(np.mean([one["seconds_fit"] for one in runs])),
            "runs": runs,
        }
        write_json(HERE / "results" / f"{name}.json", result)
        print(f"{name}: " + "  ".join(f"{k} {means[k]:.4f}" for k in ("ndcg@10", "recall@10")))


if __name__ == "__main__":
    main()
