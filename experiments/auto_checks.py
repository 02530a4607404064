"""What the default model is worth beside baselines, and without the knowledge graph.

    python experiments/auto_checks.py [--only lastfm …] [--baselines movielens_temporal …]

* With the graph left out, and with each linked item given the entity of another, the default model
  is fitted as in auto_model.py and compared on test with the best single model that was fitted
  without the graph.
* On the data of --baselines, it is compared on test with every baseline in closed form, with the
  settings that validation chose for it, by paired tests with Holm's correction.

One seed (0). What has results is not run again. Writes experiments/results/auto_checks.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

from auto_model import HERE, METRICS, Task, singles_of
from own_model import against, baselines, shuffled

from kgrec.auto.auto import Auto
from kgrec.datasets.dataset import Dataset
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.significance import paired_tests
from kgrec.files import write_json
from kgrec.runs.about import about

RESULTS = HERE / "results" / "auto_checks.json"


def without_graph(dataset: Dataset) -> Dataset:
    """Leave the knowledge graph out; tables and interactions stay."""
    return replace(dataset, kg=None, links=None)


def fitted(task: Task) -> tuple[Auto, Evaluation]:
    """Fit the default model and measure it on test."""
    model = Auto().fit(task.prepared.data)
    return model, task.measured(model)


def told(model: Auto, evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures of one fitted default model."""
    test = {metric: evaluation.metrics[metric] for metric in METRICS}
    return {"test": test, "chosen": list(model.report.chosen), "valid": dict(model.figures())}


def ablations(name: str) -> dict[str, Any]:
    """Return the default model without the graph and with a shuffled one, beside single models."""
    task = Task(name, without_graph)
    model, evaluation = fitted(task)
    singles = singles_of(task, model, evaluation)
    best = singles["evaluation"]
    del singles["evaluation"]
    found = {"left out": {**told(model, evaluation), "singles": singles}}
    model, evaluation = fitted(Task(name, shuffled))
    tests = paired_tests(evaluation.per_user["ndcg@10"], best.per_user["ndcg@10"])
    ratio = evaluation.metrics["ndcg@10"] / best.metrics["ndcg@10"]
    beside = {"ratio": ratio, "t_test_p": tests.t_test_p, "wilcoxon_p": tests.wilcoxon_p}
    return found | {"shuffled": {**told(model, evaluation), "beside the best single": beside}}


def beside_baselines(name: str) -> dict[str, Any]:
    """Return the default model's paired tests against all baselines in closed form."""
    task = Task(name)
    _, evaluation = fitted(task)
    others = baselines(name.replace("movielens", "own"), task.config, task.dataset)
    return against(evaluation.per_user["ndcg@10"], others, "ndcg@10")


def main() -> None:
    """Run the checks."""
    names = [path.stem for path in sorted((HERE / "auto").glob("*.yaml"))]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=names, choices=names)
    parser.add_argument("--baselines", nargs="*", default=["movielens_temporal"], choices=names)
    options = parser.parse_args()
    parts = [("baselines", name, beside_baselines) for name in options.baselines]
    parts += [("ablations", name, ablations) for name in options.only]
    for part, name, run in parts:
        stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        if name in stored.get(part, {}):
            continue
        found = run(name)
        print(part, name, json.dumps(found, indent=1))
        stored[part] = stored.get(part, {}) | {name: found}
        write_json(RESULTS, stored | {"about": about(0)})


if __name__ == "__main__":
    main()
