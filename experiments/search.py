"""A search of settings for every model, with the same budget, the same data, the same validation.

    python experiments/search.py [--data ../shared/data] [--trials 20] [--only MODEL …]

The trials are those of `kgrec tune`: Optuna's TPE sampler proposes the settings, and the first
trial has the model's defaults, which are the published setting where there is one. Models that are
trained in epochs all have the same limits (`LIMITS` in search_space.py), and successive halving
stops trials that are behind at the 5th, 20th or 80th epoch. The trial of the best validation figure
is measured on the test part, once. Of kgrec's own models the members stay as in own_*.yaml, and
their weights are searched.

Writes experiments/results/search.json after each model, and for each model
experiments/best/DATASET/MODEL.yaml, which `kgrec train` takes. What stands in the results is not
searched again: stop it at any time, and start it again to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
import yaml
from own_model import METRICS, measured
from search_space import (
    BATCH_PAIRS,
    DATASETS,
    FIXED,
    LIMITS,
    METRIC,
    OWN,
    TRAINED,
    defaults,
    does_not_apply,
    jobs,
    nested,
    space,
)

from kgrec.auto.data_facts import Facts
from kgrec.config import load_config, make_config
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.errors import KgrecError
from kgrec.evaluation.evaluate import candidate_ids
from kgrec.files import write_atomically
from kgrec.models.base import Model
from kgrec.models.ensemble import Ensemble
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.making import make_recommender
from kgrec.snapshot import Prepared
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.tuning.outcome import Outcome, Report
from kgrec.tuning.settings import Range, Space
from kgrec.tuning.study import Study, Tried

HERE = Path(__file__).parent
SEED = 0
FIRST_RUNG, REDUCTION = 5, 4
"""Successive halving: at epochs 5, 20 and 80, the best quarter of the trials goes on."""


@dataclass
class Task:
    """A data set, ready to fit models on; the same one for all models."""

    name: str
    tree: dict[str, Any]
    dataset: Dataset
    recommender: Recommender
    prepared: Prepared

    @property
    def metric(self) -> str:
        return METRIC.get(self.name, "ndcg@10")

    def figures(self, model: Model, part: str) -> dict[str, float]:
        """Measure a fitted model by the protocol of the split."""
        self.recommender.take(self.prepared.fitted(model))
        return dict(measured(self.recommender, self.dataset, part).metrics)


@dataclass
class Best:
    """The best trial so far, and its model: the test part is measured with it."""

    value: float = -np.inf
    settings: dict[str, Any] = field(default_factory=dict)
    model: Model | None = None
    valid: dict[str, float] = field(default_factory=dict)


@cache
def task(name: str, data: Path) -> Task:
    """Read a data set and do all that comes before fitting."""
    path = HERE / f"{DATASETS[name]}.yaml"
    config = load_config(path, [f"data.root={data}", f"seed={SEED}"])
    dataset = load_dataset(config.data, SEED)
    cached = EmbeddingCache(default_cache_folder(os.environ))
    recommender = make_recommender(config, dataset, config.model.build(), cache=cached)
    split = dataset.split
    candidates = candidate_ids(split, "valid")
    prepared = recommender.prepare(split.train, split.valid, candidates=candidates)
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Task(name, tree, dataset, recommender, prepared)


def model_tree(
    task: Task, model: str, settings: Mapping[str, Any], varied: Space
) -> dict[str, Any]:
    """Return the section `model` of a config with these settings."""
    fixed = {"name": model, **FIXED.get((task.name, model), {})}
    if model in TRAINED:
        fixed = merged(fixed, {"training": {**LIMITS, "metric": task.metric}})
    if model in TRAINED and model not in ("link_prediction", "lightkg"):
        fixed["training"]["batch_pairs"] = BATCH_PAIRS
    return merged(fixed, nested(settings, varied))


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `under` with what `over` says, section by section."""
    made = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = merged(made[key], value) if both else value
    return made


def new_model(tree: dict[str, Any]) -> Model:
    return make_config({"data": {}, "model": tree, "seed": SEED}).seeded_model().build()


def searched(task: Task, model: str, trials: int) -> tuple[Study, Best, dict[str, Any]]:
    """Search the settings of one model; return study, best trial, and the best `model` section."""
    best = Best()
    own = OwnWeights(task) if model == OWN else None
    facts = Facts.of(task.prepared.data)
    varied = space(task.name, model, facts) if own is None else own.space
    first = defaults(task.name, model, varied) if own is None else own.first

    def objective(settings: Mapping[str, Any], report: Report) -> Outcome:
        if own is None:
            made = new_model(model_tree(task, model, settings, varied))

            def callback(figures: Mapping[str, float]) -> None:
                report(int(figures["epoch"]), max(figures["best"], figures[task.metric]))

            made.fit(task.prepared.data, callback=callback)
        else:
            made = own.weighted(settings)
        valid = task.figures(made, "valid")
        value = valid[task.metric]
        epoch = getattr(getattr(made, "progress", None), "best_epoch", None)
        if value > best.value:
            best.value, best.settings, best.model, best.valid = value, dict(settings), made, valid
        return Outcome(value, epoch)

    pruner = optuna.pruners.SuccessiveHalvingPruner(FIRST_RUNG, REDUCTION)
    study = Study(varied, first, seed=SEED, pruner=pruner)
    wanted = trials if varied else 1
    study.run(objective, wanted, Progress(study, task.name, model, wanted))
    if best.model is None:
        raise KgrecError(f"No trial of {model} on {task.name} came to an end.")
    tree = own.tree(best.settings) if own else model_tree(task, model, best.settings, varied)
    return study, best, tree


class OwnWeights:
    """The weights of kgrec's own model: the first member's is 1. Members are fitted once."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.section = dict(task.tree["model"])
        self.fitted: Ensemble = new_model(self.section)  # type: ignore[assignment]
        self.fitted.fit(task.prepared.data)
        assert self.fitted.weights is not None
        weights = self.fitted.weights / max(self.fitted.weights[0], 1e-6)
        self.first = {
            f"weight_{place}": float(np.clip(weights[place], 0.0, 2.0))
            for place in range(1, len(weights))
        }
        self.space: Space = dict.fromkeys(self.first, Range(low=0.0, high=2.0))

    def weighted(self, settings: Mapping[str, Any]) -> Ensemble:
        """Return the fitted members with other weights."""
        weights = (1.0, *settings.values())
        config = self.fitted.config.model_copy(update={"weights": weights})
        return Ensemble(self.fitted.members, config).fit_weights(self.task.prepared.data)

    def tree(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {**self.section, "weights": [1.0, *settings.values()]}


class Progress:
    """Says how each trial ended, in place on a terminal and in lines elsewhere."""

    def __init__(self, study: Study, dataset: str, model: str, trials: int) -> None:
        self.study, self.name, self.trials = study, f"{dataset} {model}", trials

    def __call__(self, trial: Tried) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        value = trial.error if trial.value is None else f"{trial.value:.4f}"
        found = self.study.best()
        best = "" if found is None else f", best {found.value:.4f}"
        line = f"{self.name}: trial {trial.number + 1} of {self.trials} {trial.state} {value}{best}"
        print(f"{line}   ", end=end, file=sys.stderr, flush=True)


def entry(task: Task, model: str, trials: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Search one model; return what is written of it, and the best `model` section."""
    start = time.perf_counter()
    study, best, tree = searched(task, model, trials)
    assert best.model is not None
    done = study.trials()
    chosen = study.best()
    test = task.figures(best.model, "test")
    return {
        "chosen_by": task.metric,
        "settings": best.settings,
        "valid": {name: round(best.valid[name], 5) for name in METRICS},
        "test": {name: round(test[name], 5) for name in METRICS},
        "num_trials": len(done),
        "num_pruned": sum(one.state == "pruned" for one in done),
        "num_failed": sum(one.state == "failed" for one in done),
        "errors": sorted({one.error for one in done if one.error}),
        "first": None if done[0].value is None else round(done[0].value, 5),
        "trials": [None if one.value is None else round(one.value, 4) for one in done],
        "epochs": None if chosen is None else chosen.epoch,
        "seconds": round(time.perf_counter() - start, 1),
        "date": about(SEED)["date"],
    }, tree


def write_best(task: Task, model: str, found: dict[str, Any], tree: dict[str, Any]) -> None:
    """Write the best settings as a config that `kgrec train` takes."""
    whole = {**task.tree, "model": tree, "seed": SEED}
    config = make_config(whole, f"the best settings of {model}")
    assert config.model.name == tree["name"]
    path = HERE / "best" / task.name / f"{model}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        f"# The best of {found['num_trials']} trials on validation, by experiments/search.py.\n"
        f"# {task.metric}: validation {found['valid'][task.metric]:.4f}, "
        f"test {found['test'][task.metric]:.4f}\n"
    )
    body = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, default_flow_style=None)
    write_atomically(path, [head, body])


def write_results(path: Path, found: dict[str, Any]) -> None:
    """Write the results with one line for each model, so that a change of one is seen as such."""
    lines = [
        json.dumps(key) + ": " + json.dumps(value, ensure_ascii=False)
        for key, value in found.items()
        if key != "results"
    ]
    parts = []
    for dataset, models in found["results"].items():
        rows = ",\n".join(
            f"   {json.dumps(name)}: {json.dumps(row)}" for name, row in models.items()
        )
        parts.append(f"  {json.dumps(dataset)}: {{\n{rows}\n  }}")
    results = '"results": {\n' + ",\n".join(parts) + "\n }"
    write_atomically(path, ["{\n " + ",\n ".join([*lines, results]) + "\n}\n"])


def budget(trials: int) -> dict[str, Any]:
    """Return what was the same for all models."""
    return {
        "what": "settings by Optuna's TPE on validation; test measured once, with the best",
        "budget": {
            "trials": trials,
            "sampler": "TPE",
            "seed": SEED,
            "first_trial": "the model's defaults, published ones where there are",
            "trained_models": {**LIMITS, "batch_pairs": BATCH_PAIRS},
            "pruner": f"successive halving from epoch {FIRST_RUNG}, by {REDUCTION}",
        },
        "about": {**about(SEED), "optuna": metadata.version("optuna")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--only", nargs="*", help="models; all by default")
    parser.add_argument("--on", nargs="*", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "search.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = json.loads(options.out.read_text()) if options.out.exists() else {"results": {}}
    for dataset, model in jobs():
        rows = found["results"].setdefault(dataset, {})
        if model in rows or dataset not in options.on or model not in (options.only or [model]):
            continue
        reason = does_not_apply(dataset, model)
        if reason is not None:
            rows[model] = {"not_applicable": reason}
        else:
            ready = task(dataset, options.data)
            rows[model], tree = entry(ready, model, options.trials)
            write_best(ready, model, rows[model], tree)
            print(f"{dataset} {model}", rows[model]["valid"], rows[model]["test"], flush=True)
        write_results(options.out, {**budget(options.trials), **found})


if __name__ == "__main__":
    main()
