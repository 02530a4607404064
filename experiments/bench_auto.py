"""Time and memory of the default model and of the link predictor as the data grows.

    python experiments/bench_auto.py [--only sparse …] [--models auto …]

Data is synthetic: users, items and entities as in `SHAPES`, degrees by a power law, an interaction
in ten held out for validation. `sparse` has the shape of a shop's or a library's data: few
interactions an item. The link predictor has its defaults, but a sampled softmax at the largest
size. Each case is a process of its own, whose peak memory is measured (VmHWM). Writes
experiments/results/bench_auto.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from synthetic_graph import EXPONENT, knowledge

from kgrec.auto.auto import Auto
from kgrec.files import write_json
from kgrec.models.base import Model
from kgrec.models.content import item_attributes
from kgrec.models.training_data import TrainingData
from kgrec.runs.about import about
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

RESULTS = Path(__file__).parent / "results" / "bench_auto.json"
SHAPES = {
    "sparse": (11_000, 9_000, 19_000, 150_000),
    "10,000": (1_000, 1_000, 10_000, 100_000),
    "100,000": (10_000, 10_000, 100_000, 1_000_000),
    "1,000,000": (100_000, 100_000, 1_000_000, 10_000_000),
}
"""Users, items, interactions and triples."""
ALL = 10**9
"""With more pairs of a user and an item, the link predictor has LARGE, and no softmax over all
items, whose work grows with these pairs."""
LARGE = LinkPredictionConfig.model_validate(
    {
        "training": {
            "loss": {"name": "sampled_softmax", "temperature": 0.22},
            "batch_users": 16_384,
            "max_epochs": 30,
        }
    }
)
MODELS: dict[str, type[Model]] = {"auto": Auto, "link_prediction": LinkPrediction}


def made(shape: tuple[int, int, int, int]) -> TrainingData:
    """Return data of a shape, one interaction in ten of which is for validation."""
    data = knowledge(*shape)
    held_out = np.random.default_rng(1).random(len(data.train)) < 0.1
    train, valid = (data.train.select(np.flatnonzero(part)) for part in (~held_out, held_out))
    edges = torch.from_numpy(np.stack([train.user, train.item]))
    data.graph["user", "interacts", "item"].edge_index = edges
    data.graph["item", "rev_interacts", "user"].edge_index = edges.flip(0).contiguous()
    return replace(data, train=train, valid=valid, attributes=item_attributes(data.graph))


def measure(model: str, shape: str) -> dict[str, Any]:
    """Return seconds and peak memory of fitting a model on data of a shape."""
    data = made(SHAPES[shape])
    fitted = MODELS[model]()
    if isinstance(fitted, LinkPrediction) and data.train.num_users * data.train.num_items > ALL:
        fitted = LinkPrediction(LARGE)
    if isinstance(fitted, Auto):
        fitted.say = lambda line: print(line, file=sys.stderr)
    started, processor = time.perf_counter(), time.process_time()
    fitted.fit(data)
    found: dict[str, Any] = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - processor,
        "peak_bytes": _peak(),
        "notes": list(fitted.notes()),
    }
    return found


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Measure all cases, each in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*options.case)))
        return
    for shape in options.only:
        for model in options.models:
            command = [sys.executable, __file__, "--case", model, shape]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            found = {"error": done.returncode}
            if done.returncode == 0:
                found = json.loads(done.stdout.splitlines()[-1])
            print(shape, model, found)
            stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"shapes": {}}
            stored["shapes"].setdefault(shape, {})[model] = found
            threads = os.environ.get("OMP_NUM_THREADS", "all")
            sizes = {name: list(sizes) for name, sizes in SHAPES.items()}
            stored |= {"about": about(0), "threads": threads, "sizes": sizes, "power": EXPONENT}
            write_json(RESULTS, stored)


if __name__ == "__main__":
    main()
