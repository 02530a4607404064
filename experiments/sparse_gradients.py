"""What moving only the embeddings of a step's part of the graph does to the result.

With `num_neighbors`, SparseAdam moves the rows of a step (`training.sparse_gradients`, the
default), where Adam moves all rows in each step. Both train the same epochs on MovieLens-100K with
DBpedia (random split) with five seeds each; validation NDCG@10, the best of the epochs.

    python experiments/sparse_gradients.py [--data ../shared/data] [--epochs 60] [--seeds 5]

Writes experiments/results/sparse_gradients.json; exit code 1 where the default is worse by more
than two standard errors.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch
from bench_workers import METRIC, load, trained

from kgrec.runs.about import about

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = {
    "bpr": {"loss": "bpr", "num_neighbors": [10, 10], "batch_pairs": 2048},
    "sampled softmax": {"loss": "sampled_softmax", "num_neighbors": [10, 10], "batch_pairs": 2048},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data, settings = load(args.data)
    found: dict[str, Any] = {}
    for name, change in CASES.items():
        runs: dict[str, list[dict[str, Any]]] = {"sparse": [], "dense": []}
        for seed in range(args.seeds):
            for kind, of in runs.items():
                training = {**settings["training"], **change, "sparse_gradients": kind == "sparse"}
                case = {**settings, "training": training}
                of.append(trained(data, case, seed, args.epochs))
        values = {kind: [one[METRIC] for one in of] for kind, of in runs.items()}
        error = sum(statistics.variance(of) / len(of) for of in values.values()) ** 0.5
        means = {kind: statistics.mean(of) for kind, of in values.items()}
        difference = (means["sparse"] - means["dense"]) / error
        found[name] = {"means": means, "difference_in_standard_errors": difference, "runs": runs}
        print(name, means, f"{difference:+.2f} standard errors", flush=True)
    out = HERE / "results" / "sparse_gradients.json"
    result = {"epochs": args.epochs, "cases": found, "about": about(0)}
    out.write_text(json.dumps(result, indent=2) + "\n")
    return int(any(case["difference_in_standard_errors"] < -2 for case in found.values()))


if __name__ == "__main__":
    sys.exit(main())
