"""kgrec's own model: accuracy, significance over the baselines, sparse users, and without a graph.

    python experiments/own_model.py [--data ../shared/data] [--seeds 5] [--only own_random …]

For each of experiments/own_*.yaml, the model is trained with each seed and measured on the test
part. Values of the seeds are averaged for each user before they are compared with a baseline by
paired tests. The baselines have the settings that validation chose in results/baselines.json.
Ablations of the same model with the same seeds: no graph, and a graph whose items are shuffled
among its entities. Writes experiments/results/own_model.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from kgrec.choices import make_untrained
from kgrec.config import Config, load_config, make_config
from kgrec.datasets import Dataset, load_dataset
from kgrec.evaluation.evaluate import Evaluation, protocol_candidates
from kgrec.models.base import Model
from kgrec.pipeline import Recommender
from kgrec.runs import about, make_model, make_recommender, write_json
from kgrec.text.cache import EmbeddingCache, default_cache_folder

HERE = Path(__file__).parent
METRICS = ("ndcg@10", "recall@10", "recall@20", "mrr@10")
MAIN = {"own_lastfm": "recall@10"}
EXPERIMENTS = ("own_random", "own_cold_items", "own_temporal", "own_lastfm")
ABLATED = ("own_cold_items", "own_lastfm")


def fitted(config: Config, dataset: Dataset, model: Model) -> tuple[Recommender, float]:
    """Return the recommender, and the seconds that its model took."""
    cache = EmbeddingCache(default_cache_folder(os.environ))
    recommender = make_recommender(config, dataset, model, cache=cache)
    split = dataset.split
    candidates = protocol_candidates(split, "valid")
    recommender.prepare(split.train, split.valid, candidates=candidates)
    start = time.perf_counter()
    model.fit(recommender.data)
    return recommender, time.perf_counter() - start


def measured(recommender: Recommender, dataset: Dataset, part: str) -> Evaluation:
    """Measure by the protocol of the split."""
    split = dataset.split
    exclude = [split.train] if part == "valid" else [split.train, split.valid]
    candidates = protocol_candidates(split, part)
    return recommender.evaluate(split.part(part), exclude=exclude, candidates=candidates)


def trained(name: str, data: Path, seed: int, dataset: Dataset | None) -> dict[str, Any]:
    """Train and measure one experiment with one seed."""
    config = load_config(HERE / f"{name}.yaml", [f"data.root={data}", f"seed={seed}"])
    dataset = dataset or load_dataset(config.data, seed)
    recommender, seconds = fitted(config, dataset, make_model(config))
    return {
        "valid": measured(recommender, dataset, "valid"),
        "test": measured(recommender, dataset, "test"),
        "seconds": seconds,
        "weights": [float(weight) for weight in recommender.model.weights],
        "seconds_to_best": sum(
            member.progress.best_seconds
            for member in recommender.model.members
            if getattr(member, "progress", None) is not None
        ),
    }


def shuffled(dataset: Dataset) -> Dataset:
    """Give each linked item the entity of another."""
    assert dataset.links is not None
    entity = np.random.default_rng(0).permutation(dataset.links.entity)
    return replace(dataset, links=replace(dataset.links, entity=entity))


def baselines(name: str, config: Config, dataset: Dataset) -> dict[str, Evaluation]:
    """Return what the baselines reach on test with the settings that validation chose."""
    kind = "published" if name == "own_lastfm" else dataset.split.kind
    folder = "lastfm" if name == "own_lastfm" else "movielens-dbpedia"
    stored = json.loads((HERE / "results" / "baselines.json").read_text())["results"]
    entry = next(one for one in stored if (one["dataset"], one["split"]) == (folder, kind))
    found = {}
    for row in entry["models"]:
        tree = {"data": {}, "model": {"name": row["model"], **row["settings"]}}
        recommender, _ = fitted(config, dataset, make_untrained(make_config(tree).model))
        found[row["model"]] = measured(recommender, dataset, "test")
    return found


def compared(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Return paired tests of two values for each user."""
    gain = ours - theirs
    return {
        "mean": float(theirs.mean()),
        "gain": float(gain.mean()),
        "cohens_d": float(gain.mean() / gain.std(ddof=1)),
        "t_test_p": float(stats.ttest_rel(ours, theirs).pvalue),
        "wilcoxon_p": float(stats.wilcoxon(ours, theirs).pvalue) if gain.any() else 1.0,
    }


def average(runs: list[dict[str, Any]], metric: str) -> np.ndarray:
    """Return the mean over seeds for each user."""
    return np.mean([one["test"].per_user[metric] for one in runs], axis=0)


def experiment(name: str, data: Path, seeds: int) -> dict[str, Any]:
    """Run one experiment with its baselines and ablations."""
    metric = MAIN.get(name, "ndcg@10")
    config = load_config(HERE / f"{name}.yaml", [f"data.root={data}"])
    dataset = load_dataset(config.data, 0)
    runs = [trained(name, data, seed, dataset) for seed in range(seeds)]
    ours = average(runs, metric)
    result: dict[str, Any] = {
        # Where the data lies is nobody's business but this machine's.
        "config": config.model_dump(mode="json", exclude={"data": {"root"}}),
        "metric": metric,
        "test": {key: float(np.mean([r["test"].metrics[key] for r in runs])) for key in METRICS},
        "valid": {key: float(np.mean([r["valid"].metrics[key] for r in runs])) for key in METRICS},
        "runs": [
            {
                "test": {key: one["test"].metrics[key] for key in METRICS},
                **{key: one[key] for key in ("seconds", "seconds_to_best", "weights")},
            }
            for one in runs
        ],
    }
    others = baselines(name, config, dataset)
    result["baselines"] = {
        other: compared(ours, found.per_user[metric]) for other, found in others.items()
    }
    if name == "own_random":
        rows = dataset.split.train.users.rows(list(runs[0]["test"].user_ids))
        counts = np.bincount(dataset.split.train.user, minlength=dataset.split.train.num_users)
        few = counts[rows] <= np.quantile(counts[rows], 0.2)
        result["sparsest_fifth"] = {
            "num_users": int(few.sum()),
            "ndcg@10": float(ours[few].mean()),
            "ease": compared(ours[few], others["ease"].per_user[metric][few]),
        }
    if name in ABLATED:
        without = replace(dataset, kg=None, links=None)
        for kind, other in (("no_graph", without), ("shuffled_graph", shuffled(dataset))):
            ablated = [trained(name, data, seed, other) for seed in range(seeds)]
            result[kind] = compared(ours, average(ablated, metric))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "own_model.json")
    options = parser.parse_args()
    found = json.loads(options.out.read_text()) if options.out.exists() else {"results": {}}
    for name in options.only:
        result = experiment(name, options.data, options.seeds)
        found["results"][name] = result
        found["about"] = about(0)
        write_json(options.out, found)
        print(name, {key: round(value, 4) for key, value in result["test"].items()}, flush=True)
        for key in ("baselines", "sparsest_fifth", "no_graph", "shuffled_graph"):
            print("   ", key, result.get(key), flush=True)


if __name__ == "__main__":
    main()
