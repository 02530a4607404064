"""A link predictor trained by two workers of Ray beside one process: how good, and how fast.

Both train the same epochs on MovieLens-100K with DBpedia (random split), with five seeds each, in
turns. Each worker has one thread, and so has the single process. The best validation figure of two
workers must lie within the noise of the seeds of one process: the means differ by less than two
standard errors of their difference. The time of an epoch has no bar: each worker propagates over
the whole graph, so only what a batch adds to that is shared.

    python experiments/bench_workers.py [--data ../shared/data] [--epochs 40] [--seeds 5]

Writes experiments/results/bench_workers.json. Needs `kgrec[ray]`, and two free cores for the times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

from kgrec.config import load_config
from kgrec.engine import LocalEngine, RayEngineConfig
from kgrec.models.training_data import TrainingData
from kgrec.runs.about import about
from kgrec.runs.given_data import read_data
from kgrec.runs.log import RunLog
from kgrec.runs.making import make_recommender
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

HERE = Path(__file__).parent
METRIC = "ndcg@10"
CASES: dict[str, dict[str, Any]] = {
    "whole graph, softmax": {},
    "drawn parts, bpr": {"loss": "bpr", "num_neighbors": [10, 10], "batch_pairs": 8192},
}


def load(root: Path) -> tuple[TrainingData, dict[str, Any]]:
    """Return the data, and the settings of the model, without texts."""
    config = load_config(
        HERE / "movielens_dbpedia.yaml", [f"data.root={root}", "text=null", "seed=0"]
    )
    dataset = read_data(config, RunLog())
    model = LinkPrediction()
    made = make_recommender(config, dataset, model)
    prepared = made.prepare(dataset.split.train, dataset.split.valid)
    settings = config.model.model_dump()
    return prepared.data, {"predictor": settings["predictor"], "training": settings["training"]}


def trained(data: TrainingData, settings: dict[str, Any], seed: int, epochs: int) -> dict[str, Any]:
    """Train with a seed; return the best figure and the seconds of an epoch."""
    given = {"max_epochs": epochs, "eval_every": 5, "patience": epochs, "threads": 1}
    training = {**settings["training"], **given, "seed": seed}
    config = LinkPredictionConfig.model_validate({**settings, "training": training})
    progress = LinkPrediction(config).fit(data).progress
    assert progress is not None
    return {
        "seed": seed,
        METRIC: progress.best,
        "best_epoch": progress.best_epoch,
        "seconds_an_epoch": progress.seconds / progress.epoch,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data, settings = load(args.data)
    found: dict[str, Any] = {}
    with RayEngineConfig(address="local", workers=2).build() as ray:
        for name, change in CASES.items():
            training = {**settings["training"], **change}
            case = {**settings, "training": training}
            runs: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
            for seed in range(args.seeds):
                with LocalEngine():
                    runs["one"].append(trained(data, case, seed, args.epochs))
                with ray:
                    runs["two"].append(trained(data, case, seed, args.epochs))
            found[name] = compared(runs)
            print(f"{name}: {json.dumps({k: v for k, v in found[name].items() if k != 'runs'})}")
    result = {
        "epochs": args.epochs,
        "cases": found,
        "load_average": os.getloadavg()[0],
        "about": about(0),
    }
    out = HERE / "results" / "bench_workers.json"
    out.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if all(case["within_noise"] for case in found.values()) else 1


def compared(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return means, the difference in standard errors, and the ratio of the shortest epochs."""
    figures = {who: [one[METRIC] for one in of] for who, of in runs.items()}
    epochs = {who: min(one["seconds_an_epoch"] for one in of) for who, of in runs.items()}
    means = {who: statistics.mean(of) for who, of in figures.items()}
    error = sum(statistics.variance(of) / len(of) for of in figures.values()) ** 0.5
    return {
        "means": means,
        "standard_deviation_of_seeds": {w: statistics.stdev(of) for w, of in figures.items()},
        "difference_in_standard_errors": abs(means["two"] - means["one"]) / error,
        "within_noise": abs(means["two"] - means["one"]) < 2 * error,
        "least_seconds_an_epoch": epochs,
        "epoch_of_one_over_two": epochs["one"] / epochs["two"],
        "runs": runs,
    }


if __name__ == "__main__":
    sys.exit(main())
