"""The default model on all data, with one config: only paths, columns and split differ.

    python experiments/auto_model.py [--seeds 5] [--only films …] [--singles]

For each of experiments/auto/*.yaml, the default model is fitted with each seed, chosen on
validation alone, and measured on the test part. `movielens_random_fifth` keeps one in five
training interactions of `movielens_random` (drawn with seed 0). With --singles, the best model of
each family that was tried is measured too, and the default model is compared with the best of them
by a paired t-test over users. A seed that has results is not run again.
Writes experiments/results/auto.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.auto.auto import Auto, AutoConfig, settings_of
from kgrec.config import load_config
from kgrec.data.interactions import Interactions, Split
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import candidate_ids
from kgrec.evaluation.significance import paired_tests
from kgrec.files import write_json
from kgrec.models.base import Model
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.making import make_recommender
from kgrec.snapshot.prepared import Prepared
from kgrec.text.cache import EmbeddingCache, default_cache_folder

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "auto.json"
FIFTH = "movielens_random_fifth"
METRICS = ("ndcg@10", "recall@10", "mrr@10")


class Task:
    """One data set, ready to fit models on it.

    Args:
        name: Its config in `auto/`.
        change: Changes the data.
        encoder: The encoder of texts; None: that of the config.
    """

    def __init__(
        self,
        name: str,
        change: Callable[[Dataset], Dataset] = lambda same: same,
        encoder: str | None = None,
    ) -> None:
        self.config = load_config(HERE / "auto" / f"{name.removesuffix('_fifth')}.yaml")
        if encoder is not None:
            assert self.config.text is not None
            text = self.config.text.model_copy(update={"model": encoder})
            self.config = self.config.model_copy(update={"text": text})
        dataset = change(load_dataset(self.config.data, 0))
        split = dataset.split
        if name == FIFTH:
            split = Split(_fifth(split.train), split.valid, split.test, split.kind)
        self.split, self.dataset = split, dataset
        cache = EmbeddingCache(default_cache_folder(os.environ))
        self.recommender: Recommender = make_recommender(
            self.config, dataset, Auto(), cache=cache, progress=False
        )
        started = time.perf_counter()
        self.prepared: Prepared = self.recommender.prepare(
            split.train, split.valid, candidates=candidate_ids(split, "valid")
        )
        self.preparing = time.perf_counter() - started

    def measured(self, model: Model) -> Evaluation:
        """Return what a fitted model reaches on the test part."""
        self.recommender.take(self.prepared.fitted(model))
        candidates = candidate_ids(self.split, "test")
        return self.recommender.evaluate(self.split.test, k=(10,), candidates=candidates)


def _fifth(log: Interactions) -> Interactions:
    kept = np.random.default_rng(0).choice(len(log), len(log) // 5, replace=False)
    return log.select(np.sort(kept))


def run(name: str, seeds: int, singles: bool, effort: str) -> None:
    """Measure one data set, and add it to the results."""
    task = Task(name)
    found = _stored().get(name, {"seeds": {}})
    evaluations = []
    for seed in range(seeds):
        if str(seed) in found["seeds"] and not singles:
            continue
        started, processor = time.perf_counter(), time.process_time()
        model = Auto(AutoConfig(effort=effort, seed=seed)).fit(task.prepared.data)
        seconds, cpu = time.perf_counter() - started, time.process_time() - processor
        evaluation = task.measured(model)
        evaluations.append(evaluation)
        found["seeds"][str(seed)] = {
            "test": {metric: evaluation.metrics[metric] for metric in METRICS},
            "valid": dict(model.figures()),
            "chosen": list(model.report.chosen),
            "level": model.report.level,
            "notes": list(model.notes()),
            "seconds": {"fit": seconds, "cpu": cpu, "prepare": task.preparing},
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        }
        print(name, seed, found["seeds"][str(seed)]["test"], f"{seconds:.0f} s, {cpu:.0f} s of CPU")
        if singles and seed == 0:
            found["singles"] = singles_of(task, model, evaluation)
            del found["singles"]["evaluation"]
        _store(name, found | {"about": about(0), "effort": effort})
    if singles and "singles" in found:
        best = found["singles"]["best"]
        print(name, "best single on test:", best, found["singles"])


def singles_of(task: Task, auto: Auto, evaluation: Evaluation) -> dict[str, Any]:
    """Measure the best of each family on test, and compare with the best of these."""
    best: dict[str, Any] = {}
    for trial in auto.report.trials:
        if trial.value is not None and (
            trial.family not in best or trial.value > best[trial.family].value
        ):
            best[trial.family] = trial
    measured = {
        family: task.measured(settings_of(trial.settings).build().fit(task.prepared.data))
        for family, trial in best.items()
    }
    top = max(measured, key=lambda family: measured[family].metrics["ndcg@10"])
    tests = paired_tests(evaluation.per_user["ndcg@10"], measured[top].per_user["ndcg@10"])
    return {
        "test": {family: one.metrics["ndcg@10"] for family, one in measured.items()},
        "best": top,
        "evaluation": measured[top],
        "ratio": evaluation.metrics["ndcg@10"] / measured[top].metrics["ndcg@10"],
        "t_test_p": tests.t_test_p,
        "wilcoxon_p": tests.wilcoxon_p,
    }


def _stored() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def _store(name: str, found: dict[str, Any]) -> None:
    write_json(RESULTS, {**_stored(), name: found})


def main() -> None:
    """Run the experiments."""
    names = [path.stem for path in sorted((HERE / "auto").glob("*.yaml"))] + [FIFTH]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=names, choices=names)
    parser.add_argument("--singles", action="store_true")
    parser.add_argument("--effort", default="normal", choices=["quick", "normal", "thorough"])
    options = parser.parse_args()
    for name in options.only:
        run(name, options.seeds, options.singles, options.effort)


if __name__ == "__main__":
    main()
