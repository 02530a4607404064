"""How well ratings are predicted and rated items are ranked on the canonical split u1.

    python experiments/ratings.py [--data ../shared/data]

On MovieLens-100K's u1 (80,000 and 20,000 ratings) with the DBpedia graph:

- RMSE and MAE of `kernel_ratings`, without and with what it reads besides the ratings. The settings
  are its defaults, which cross-validation within the training part chose; the table has its error
  there too.
- NDCG@10 of each user's own rated test items (protocol `test-ratings`, relevant from 4) of EASE
  with and without dislikes. A validation part of the training part chooses l2 and the weight of a
  dislike by the same metric; the test compares the two by a paired t test over the users.

Writes experiments/results/ratings.json.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ttest_rel

import kgrec
from kgrec.data.interactions import Interactions, Split
from kgrec.files import write_json
from kgrec.models.training_data import TrainingData
from kgrec.runs.about import about

HERE = Path(__file__).parent
L2 = (20.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0)
WEIGHTS = (0.25, 0.5, 1.0, 1.5, 2.0)
VARIANTS: dict[str, dict[str, float]] = {
    "kernel_ratings": {},
    "… without attributes, words and the graph": {"content": 0.0},
    "… without the user table": {"table": 0.0},
    "… without taste": {"taste": 0.0},
    "… of the ratings alone": {"content": 0.0, "table": 0.0},
}
METRIC = "rated_ndcg@10"


def read(folder: Path) -> tuple[Split, dict[str, Any]]:
    """Return the split, with ratings below 4 as dislikes, and graph, links and tables."""
    parts = [
        Interactions.read(folder / "ratings_u1" / f"{name}.csv", positive="rating >= 4")
        for name in ("train", "test")
    ]
    none = np.zeros(0, dtype=np.int64)
    split = Split.from_tables(parts[0], parts[0].select(none), parts[1])
    items = kgrec.AttributeTable.read(
        folder / "items.csv", id="item_id", categories=["genres"], numbers=["release_year"]
    )
    users = kgrec.AttributeTable.read(
        folder / "users.csv", id="user_id", categories=["gender", "occupation"], numbers=["age"]
    )
    kg = kgrec.KnowledgeGraph.read(folder / "kg.nt.gz")
    table = pd.read_csv(folder / "links.csv", dtype=str)
    links = kgrec.link(split.train.items.union(items.ids), kg, table)
    return split, {"kg": kg, "links": links, "items": items, "users": users}


def predicted(split: Split, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the errors of predicted ratings, in cross-validation and on the test part."""
    base = kgrec.Recommender(model=kgrec.KernelRatings(), **inputs).prepare(split.train).data
    rated, found = base.train.rated(), {}
    fold = np.random.default_rng(0).integers(0, 5, len(rated))
    test = split.test.rated().reindex(base.train.users, base.train.items)
    for name, settings in VARIANTS.items():
        config = kgrec.KernelRatingsConfig.model_validate(settings)
        held_out = [
            _errors(config, replace(base, train=rated.select(fold != n)), rated.select(fold == n))
            for n in range(5)
        ]
        start = time.perf_counter()
        of_test = _errors(config, base, test)
        found[name] = {
            "cross_validation": {
                key: float(np.mean([e[key] for e in held_out])) for key in of_test
            },
            "test": of_test,
            "seconds": time.perf_counter() - start,
        }
        print(name, found[name], flush=True)
    return found


def _errors(
    config: kgrec.KernelRatingsConfig, data: TrainingData, test: Interactions
) -> dict[str, float]:
    model = kgrec.KernelRatings(config).fit(data)
    error = model.predict_ratings(test.user, test.item) - test.rating
    return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.abs(error).mean())}


def ranked(split: Split) -> dict[str, Any]:
    """Return how rated test items are ranked, with and without dislikes."""
    inner = split.train.split("random", valid=0.2, test=0.0, seed=0)
    found: dict[str, Any] = {}
    per_user = {}
    for name, weights in (("without dislikes", (0.0,)), ("with dislikes", WEIGHTS)):
        tried = {
            (l2, weight): _measured(l2, weight, inner.train, inner.valid).metrics[METRIC]
            for l2 in L2
            for weight in weights
        }
        l2, weight = max(tried, key=lambda key: tried[key])
        result = _measured(l2, weight, split.train, split.test)
        per_user[name] = result.per_user[METRIC]
        found[name] = {
            "l2": l2,
            "dislikes": weight,
            "validation": tried[l2, weight],
            "test": result.metrics[METRIC],
            "num_users": result.num_users,
        }
        print(name, found[name], flush=True)
    one, other = per_user["with dislikes"], per_user["without dislikes"]
    found["t test"] = {
        "p": float(ttest_rel(one, other).pvalue),
        "gain": float((one - other).mean()),
    }
    print(found["t test"], flush=True)
    return found


def _measured(
    l2: float, weight: float, train: Interactions, test: Interactions
) -> kgrec.Evaluation:
    model = kgrec.EASE(kgrec.EASEConfig(l2=l2, dislikes=weight))
    rec = kgrec.Recommender(model=model, text=None).fit(train)
    return rec.evaluate(test, protocol="test-ratings", k=10, exclude=[train])


def main() -> None:
    """Measure both, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--only", choices=["predicted", "ranked"], default=None)
    given = parser.parse_args()
    split, inputs = read(given.data / "movielens-dbpedia")
    path = HERE / "results" / "ratings.json"
    results: dict[str, Any] = {}
    if path.exists():
        import json

        results = json.loads(path.read_text(encoding="utf-8"))
    results["about"] = {**about(0), "threads": os.environ.get("OMP_NUM_THREADS")}
    if given.only != "predicted":
        results["ranked"] = ranked(split)
    if given.only != "ranked":
        results["predicted"] = predicted(split, inputs)
    write_json(path, results)


if __name__ == "__main__":
    main()
