"""kgrec's own model: accuracy, significance over the baselines, sparse users, and without a graph.

    python experiments/own_model.py [--data ../shared/data] [--seeds 5] [--only own_random …]

For each of experiments/own_*.yaml, the model is trained with each seed and measured on the test
part. Values of the seeds are averaged for each user before they are compared with a baseline by
paired tests. The baselines have the settings that validation chose, in results/baselines.json or in
results/search.json, whichever was better there.
Ablations of the same model with the same seeds: no graph, and a graph whose items are shuffled
among its entities. Gains are also told by the activity of users and the popularity of items, and
the validation curves of the trained members are kept. Writes experiments/results/own_model.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from kgrec.config import Config, load_config, make_config
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import candidate_ids, protocol_candidates, rank
from kgrec.evaluation.groups import (
    gains_by_items,
    gains_by_users,
    quantile_groups,
    recall_by_items,
)
from kgrec.evaluation.significance import (
    PairedTests,
    bootstrap_interval,
    mean_of_runs,
    paired_tests,
    with_holm,
)
from kgrec.files import write_json
from kgrec.models.base import Model
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.making import make_model, make_recommender
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.training.link_prediction import LinkPrediction

HERE = Path(__file__).parent
METRICS = ("ndcg@10", "recall@10", "recall@20", "mrr@10")
MAIN = {"own_lastfm": "recall@10"}
EXPERIMENTS = ("own_random", "own_cold_items", "own_temporal", "own_lastfm")
ABLATED = ("own_cold_items", "own_lastfm")
STORED = {
    "own_random": ("movielens-dbpedia", "random"),
    "own_cold_items": ("movielens-dbpedia", "cold_items"),
    "own_temporal": ("movielens-dbpedia", "temporal"),
    "own_lastfm": ("lastfm", "published"),
}
"""Data set and split of each experiment in results/baselines.json."""
CLOSED = ("most_popular", "item_knn", "ease", "attribute_ease", "slim", "ials")
TRAINED = (
    *("bpr_mf", "lightgcn", "xsimgcl"),
    *("cke", "cfkg", "kgcn", "kgat", "kgin", "rgcn", "lightkg"),
)
"""Baselines that are fitted at once, and those that are trained. What is a part of kgrec's own
model, such as `trending`, is none."""


TRIED = {
    "own_random": "Tried on validation: other temperatures, widths, depths, weights of the graph, "
    "masking of edges, residual and distilled training, user attributes as nodes, up to 17 towers, "
    "weights by activity of the user, GNNs of several seeds, co-occurrence in time (LOG.md). The "
    "settings with the best validation are kept.",
    "own_cold_items": "Tried on validation and in folds of the training items: other kernels of "
    "text, words, attributes and numbers, norms of columns, ridge to the trained vectors, "
    "propagation (LOG.md). Settings tuned on 125 items fit those 125 items.",
    "own_lastfm": "Tried on validation: towers in closed form over items and over users, stacking, "
    "other weights of plays, plays in the propagation, popularity added, GNNs of several seeds, "
    "more layers, a narrower temperature, the graph in the loss (LOG.md). "
    "Validation lies .017 above test, and the graph adds nothing that could be measured.",
}
"""What was done to reach the bars that are missed."""


def fitted(config: Config, dataset: Dataset, model: Model) -> tuple[Recommender, float]:
    """Return the recommender, and the seconds that its model took."""
    cache = EmbeddingCache(default_cache_folder(os.environ))
    recommender = make_recommender(config, dataset, model, cache=cache)
    split = dataset.split
    candidates = candidate_ids(split, "valid")
    prepared = recommender.prepare(split.train, split.valid, candidates=candidates)
    start = time.perf_counter()
    model.fit(prepared.data)
    seconds = time.perf_counter() - start
    return recommender.take(prepared.fitted(model)), seconds


@dataclass(frozen=True)
class Measured:
    """What a model reaches on test: its evaluation, and recall by the popularity of the items."""

    evaluation: Evaluation
    by_items: np.ndarray
    seconds: float


def measured(recommender: Recommender, dataset: Dataset, part: str) -> Evaluation:
    """Measure by the protocol of the split."""
    split = dataset.split
    exclude = [split.train] if part == "valid" else [split.train, split.valid]
    candidates = candidate_ids(split, part)
    return recommender.evaluate(split.part(part), exclude=exclude, candidates=candidates)


def item_groups(dataset: Dataset) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the group of each item, and the popularity of the test items of each group.

    The groups have about equally many test interactions each.
    """
    split = dataset.split
    counts = np.bincount(split.train.item, minlength=split.train.num_items)
    found = quantile_groups(counts[split.test.item])
    group = np.zeros(split.train.num_items, dtype=np.int64)
    group[split.test.item] = found
    return group, [counts[split.test.item[found == one]] for one in range(found.max() + 1)]


def on_test(recommender: Recommender, dataset: Dataset, seconds: float) -> Measured:
    """Measure on the test part."""
    split = dataset.split.reindex(recommender.user_vocabulary, recommender.item_vocabulary)
    candidates = protocol_candidates(split, "test", dataset.split.kind)
    ranking = rank(
        recommender, split.test, exclude=[split.train, split.valid], depth=10, candidates=candidates
    )
    group, _ = item_groups(replace(dataset, split=split))
    relevant = split.test.matrix()[ranking.users]
    by_items = recall_by_items(ranking.items, relevant, group, 10)
    return Measured(measured(recommender, dataset, "test"), by_items, seconds)


def trained(name: str, data: Path, seed: int, dataset: Dataset | None) -> dict[str, Any]:
    """Train and measure one experiment with one seed."""
    config = load_config(HERE / f"{name}.yaml", [f"data.root={data}", f"seed={seed}"])
    dataset = dataset or load_dataset(config.data, seed)
    recommender, seconds = fitted(config, dataset, make_model(config))
    progress = {
        member.name: member.progress
        for member in recommender.model.members
        if isinstance(member, LinkPrediction) and member.progress is not None
    }
    return {
        "valid": measured(recommender, dataset, "valid"),
        "test": on_test(recommender, dataset, seconds),
        "seconds": seconds,
        "weights": [float(weight) for weight in recommender.model.weights],
        # All of the fit, closed forms and weights too, but the epochs after the best ones.
        "seconds_to_best": seconds - sum(p.seconds - p.best_seconds for p in progress.values()),
        "curves": {
            member: curve(one.curve, MAIN.get(name, "ndcg@10")) for member, one in progress.items()
        },
    }


def curve(points: list[dict[str, float]], metric: str) -> dict[str, list[float]]:
    """Return a validation curve as columns."""
    digits = {"epoch": 0, "seconds": 2, "loss": 4, metric: 5}
    return {
        key: [round(point[key], places) if places else int(point[key]) for point in points]
        for key, places in digits.items()
        if all(key in point for point in points)
    }


def shuffled(dataset: Dataset) -> Dataset:
    """Give each linked item the entity of another."""
    assert dataset.links is not None
    entity = np.random.default_rng(0).permutation(dataset.links.entity)
    return replace(dataset, links=replace(dataset.links, entity=entity))


def baseline_settings(name: str, *, trained: bool = False) -> dict[str, dict[str, Any]]:
    """Return the `model` section of each baseline: whose settings were the best on validation.

    Settings are those of results/baselines.json (a grid) or of results/search.json (whose configs
    are in experiments/best).

    Args:
        name: The experiment.
        trained: Whether those that are trained in epochs are among them.
    """
    folder, kind = STORED[name]
    metric = MAIN.get(name, "ndcg@10")
    grid = json.loads((HERE / "results" / "baselines.json").read_text())["results"]
    entry = next(one for one in grid if (one["dataset"], one["split"]) == (folder, kind))
    best = {row["model"]: row["valid"][metric] for row in entry["models"]}
    found = {row["model"]: {"name": row["model"], **row["settings"]} for row in entry["models"]}
    path = HERE / "results" / "search.json"
    searched = json.loads(path.read_text())["results"] if path.exists() else {}
    dataset = name.replace("own_", "" if name == "own_lastfm" else "movielens_")
    for model, row in searched.get(dataset, {}).items():
        wanted = model in CLOSED or (trained and model in TRAINED)
        if wanted and row.get("valid", {}).get(metric, -1.0) > best.get(model, -1.0):
            config = (HERE / "best" / dataset / f"{model}.yaml").read_text(encoding="utf-8")
            # EASE as it was published stays beside EASE with dropout and ratings as weights.
            found["ease_searched" if model == "ease" else model] = yaml.safe_load(config)["model"]
    return found


def baselines(
    name: str, config: Config, dataset: Dataset, *, trained: bool = False
) -> dict[str, Measured]:
    """Return what the baselines reach on test with the settings that validation chose."""
    found = {}
    for model, section in baseline_settings(name, trained=trained).items():
        settings = make_config({"data": {}, "model": section}).seeded_model()
        recommender, seconds = fitted(config, dataset, settings.build())
        found[model] = on_test(recommender, dataset, seconds)
    return found


def compared(found: PairedTests) -> dict[str, Any]:
    """Return paired tests of the model against something, `mean` being that of the other."""
    tests = found.to_dict()
    del tests["reference"], tests["num_users"]
    return {**tests, "mean": found.reference}


def gains(ours: Measured, theirs: Measured, dataset: Dataset, metric: str) -> dict[str, Any]:
    """Return the gain by activity of users, and the gain in recall by popularity of items."""
    train = dataset.split.train
    counts = np.bincount(train.user, minlength=train.num_users)
    counts = counts[train.users.rows(list(ours.evaluation.user_ids))]
    mine, others = (one.evaluation.per_user[metric] for one in (ours, theirs))
    _, popularity = item_groups(dataset)
    found = {
        f"{metric} by interactions of the user": gains_by_users(mine, others, counts),
        "recall@10 by interactions of the item": gains_by_items(
            ours.by_items, theirs.by_items, popularity
        ),
    }
    return {
        kind: [one.to_dict() for one in groups] for kind, groups in found.items() if len(groups) > 1
    }


def average(runs: list[dict[str, Any]]) -> Measured:
    """Return the mean over seeds for each user."""
    tests: list[Measured] = [one["test"] for one in runs]
    return Measured(
        mean_of_runs([one.evaluation for one in tests]),
        np.mean([one.by_items for one in tests], axis=0),
        float(np.mean([one.seconds for one in tests])),
    )


def experiment(name: str, data: Path, seeds: int, *, trained_too: bool) -> dict[str, Any]:
    """Run one experiment with its baselines and ablations."""
    metric = MAIN.get(name, "ndcg@10")
    config = load_config(HERE / f"{name}.yaml", [f"data.root={data}"])
    dataset = load_dataset(config.data, 0)
    runs = [trained(name, data, seed, dataset) for seed in range(seeds)]
    mine = average(runs)
    ours = mine.evaluation.per_user[metric]
    result: dict[str, Any] = {
        # Where the data lies is nobody's business but this machine's.
        "config": config.model_dump(mode="json", exclude={"data": {"root"}}),
        "metric": metric,
        "tried": TRIED.get(name, ""),
        "num_users": len(ours),
        "test": {key: mine.evaluation.metrics[key] for key in METRICS},
        "interval": list(bootstrap_interval(ours)),
        "valid": {key: float(np.mean([r["valid"].metrics[key] for r in runs])) for key in METRICS},
        "runs": [
            {
                "test": {key: one["test"].evaluation.metrics[key] for key in METRICS},
                **{key: one[key] for key in ("seconds", "seconds_to_best", "weights", "curves")},
            }
            for one in runs
        ],
    }
    others = baselines(name, config, dataset, trained=trained_too)
    result["baselines"] = against(ours, others, metric)
    reference = "ease" if "ease" in others else "attribute_ease"
    result["gains"] = {
        "reference": reference,
        **gains(mine, others[reference], dataset, metric),
    }
    if name == "own_random":
        result["sparsest_fifth"] = sparsest_fifth(result["gains"])
    if name in ABLATED:
        without = replace(dataset, kg=None, links=None)
        ablated = {
            kind: average([trained(name, data, seed, other) for seed in range(seeds)])
            for kind, other in (("no_graph", without), ("shuffled_graph", shuffled(dataset)))
        }
        result |= against(ours, ablated, metric)
    return result


def against(ours: np.ndarray, others: dict[str, Measured], metric: str) -> dict[str, Any]:
    """Return paired tests against each of the others, with Holm's correction over them."""
    values = {other: one.evaluation.per_user[metric] for other, one in others.items()}
    tests = with_holm([paired_tests(ours, theirs) for theirs in values.values()])
    return {
        other: {
            **compared(found),
            "test": {key: others[other].evaluation.metrics[key] for key in METRICS},
            "interval": list(bootstrap_interval(values[other])),
            "seconds": others[other].seconds,
        }
        for other, found in zip(others, tests, strict=True)
    }


def sparsest_fifth(found: dict[str, Any]) -> dict[str, Any]:
    """Return the gain among the users with the fewest interactions."""
    group = found["ndcg@10 by interactions of the user"][0]
    ease = {**group, "mean": group["reference"]}
    return {"num_users": group["num_users"], "ndcg@10": group["mean"], "ease": ease}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument(
        "--trained-baselines",
        action="store_true",
        help="also compare with the baselines that are trained in epochs, which takes long",
    )
    parser.add_argument("--out", type=Path, default=HERE / "results" / "own_model.json")
    options = parser.parse_args()
    found = json.loads(options.out.read_text()) if options.out.exists() else {"results": {}}
    for name in options.only:
        result = experiment(
            name, options.data, options.seeds, trained_too=options.trained_baselines
        )
        found["results"][name] = result
        found["about"] = about(0)
        write_json(options.out, found)
        print(name, {key: round(value, 4) for key, value in result["test"].items()}, flush=True)
        for key in ("baselines", "sparsest_fifth", "no_graph", "shuffled_graph"):
            print("   ", key, result.get(key), flush=True)


if __name__ == "__main__":
    main()
