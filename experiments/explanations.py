"""How faithful reasons are, how many recommendations get one, and how long they take.

    python experiments/explanations.py [--data ../shared/data] [--recommendations 500]

- Deletion test: of recommendations (`--recommendations`) of `auto`, EASE and a link predictor on
  MovieLens-100K with DBpedia, liked items are taken out of the history, the one first that a method
  says adds most, and the model is asked again. The area under the curve is the mean fall of the
  item's score, in deviations of the scores of all items, over the first five. Methods:
  contributions, random order (the mean of ten), LIME (`lime`, on whether an item is in the history)
  with 100 and 1,000 samples, and SHAP (`shap`'s permutation explainer) with 500 evaluations, the
  latter on the first 100 recommendations.
- Sums: contributions and base against the score of the history, for all kinds of models.
- Share of the liked items that a sentence names which are among the three that add most, and the
  same for the best paths without what the model says.
- Share of recommendations with a reason, and what it tells (`Explanation.basis`), on three data
  sets.
- Seconds of one explanation and of ten, on 10,000 items.

Needs `lime` and `shap` (extra `bench`). Writes experiments/results/explanations.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

import kgrec
from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset
from kgrec.files import write_json
from kgrec.models.base import Model
from kgrec.models.contributions import histories_of_parts, of_items
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.making import make_recommender
from kgrec.types import Float64Array, FloatArray, IntArray

HERE = Path(__file__).parent
STEPS, RANDOM, A_USER, SHAP = 5, 10, 5, 100
EXPECTED = "movielens_dbpedia.yaml"
MODELS = {
    "auto": ["model=auto", "text=null"],
    "ease": ["model=ease", "text=null"],
    "link_prediction": ["text=null"],
}
SUMS = ("ease", "attribute_ease", "item_knn", "slim", "user_ease", "ials", "most_popular")
Order = Callable[[csr_matrix, int], IntArray]
"""Takes a history and an item, and returns places of the liked items, the one that adds most first.
"""


def fitted(config: str, changes: list[str], data: Path, **sizes: Any) -> Recommender:
    """Return the recommender of a config, fitted on its training part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = load_config(HERE / config, [f"data.root={data}", *changes])
        dataset = load_dataset(settings.data, 0)
        made = make_recommender(settings, dataset, settings.seeded_model().build(), **sizes)
        return made.fit(dataset.split.train, dataset.split.valid)


def recommended(rec: Recommender, number: int) -> list[tuple[int, int]]:
    """Return (user, item) of the best items of users drawn at random, with five items each."""
    now = rec.snapshot
    size = np.diff(now.histories.indptr)
    users = np.flatnonzero(size >= STEPS + 1)
    drawn = np.random.default_rng(0).permutation(users)[: number // A_USER]
    best = now.best(drawn, A_USER, exclude=now.histories[drawn])
    pairs = zip(drawn, best.items, strict=True)
    return [(int(user), int(item)) for user, items in pairs for item in items]


def standard(scores: FloatArray, item: int) -> Float64Array:
    """Return the score of an item in deviations from the mean of each row."""
    wide = scores.astype(np.float64)
    return np.asarray((wide[:, item] - wide.mean(axis=1)) / wide.std(axis=1))


def fall(model: Model, history: csr_matrix, item: int, order: IntArray) -> float:
    """Return the mean fall of an item's score while items go, one after another."""
    kept = np.tile(history.toarray(), (STEPS + 1, 1))
    rows = history.indices[order[:STEPS]]
    for step, row in enumerate(rows):
        kept[step + 1 :, row] = 0.0
    scores = standard(model.score_histories(csr_matrix(kept, dtype=np.float32)), item)
    return float((scores[0] - scores[1:]).mean())


def by_contributions(model: Model) -> Order:
    """Return the order of `Model.contributions`."""

    def order(history: csr_matrix, item: int) -> IntArray:
        found = model.contributions(history, of_items([item], history.shape[1]))
        return np.argsort(-found.weights[:, 0], kind="stable")

    return order


def scores_of_parts(model: Model, history: csr_matrix, item: int) -> Callable[[Any], Float64Array]:
    """Return a function from rows of 0 and 1 for each liked item to the item's score."""

    def scores(kept: Any) -> Float64Array:
        rows = histories_of_parts(history.indices, np.asarray(kept) > 0.5, history.shape[1])
        return model.score_histories(rows)[:, item].astype(np.float64)

    return scores


def by_lime(model: Model, samples: int) -> Order:
    """Return the order of LIME's weights."""
    from lime.lime_tabular import LimeTabularExplainer

    def order(history: csr_matrix, item: int) -> IntArray:
        number = history.nnz
        explainer = LimeTabularExplainer(
            np.random.default_rng(0).integers(0, 2, size=(100, number)).astype(float),
            mode="regression",
            categorical_features=list(range(number)),
            random_state=0,
        )
        found = explainer.explain_instance(
            np.ones(number),
            scores_of_parts(model, history, item),
            num_features=number,
            num_samples=samples,
        )
        weights = np.zeros(number)
        for place, weight in found.local_exp[1]:
            weights[place] = weight
        return np.argsort(-weights, kind="stable")

    return order


def by_shap(model: Model, evaluations: int) -> Order:
    """Return the order of SHAP's values."""
    import shap

    def order(history: csr_matrix, item: int) -> IntArray:
        number = history.nnz
        explainer = shap.PermutationExplainer(
            scores_of_parts(model, history, item), np.zeros((1, number)), seed=0
        )
        budget = max(evaluations, 2 * number + 1)
        found = explainer(np.ones((1, number)), max_evals=budget, silent=True)
        return np.argsort(-found.values[0], kind="stable")

    return order


def deletion(rec: Recommender, number: int) -> dict[str, Any]:
    """Return the areas of all methods on the recommendations of one model."""
    model, now = rec.model, rec.snapshot
    pairs = recommended(rec, number)
    methods: dict[str, Order] = {
        "contributions": by_contributions(model),
        "lime_100": by_lime(model, 100),
        "lime_1000": by_lime(model, 1000),
        "shap_500": by_shap(model, 500),
    }
    areas: dict[str, list[float]] = {name: [] for name in (*methods, "random", "sentence")}
    seconds = dict.fromkeys(methods, 0.0)
    sentence_random: list[float] = []
    rng = np.random.default_rng(1)
    for number_of_pair, (user, item) in enumerate(pairs):
        history = now.histories[user].copy()
        history.data[:] = 1.0
        for name, order in methods.items():
            if name == "shap_500" and number_of_pair >= SHAP:
                continue
            begun = time.perf_counter()
            found = order(history, item)
            seconds[name] += time.perf_counter() - begun
            areas[name].append(fall(model, history, item, found))
        drawn = [rng.permutation(history.nnz) for _ in range(RANDOM)]
        areas["random"].append(float(np.mean([fall(model, history, item, o) for o in drawn])))
        told = named_places(rec, user, item, history)
        if len(told):
            areas["sentence"].append(lost(model, history, item, told))
            others = [rng.permutation(history.nnz)[: len(told)] for _ in range(RANDOM)]
            falls = [lost(model, history, item, one) for one in others]
            sentence_random.append(float(np.mean(falls)))
    mean = {name: float(np.mean(values)) for name, values in areas.items()}
    return {
        "recommendations": len(pairs),
        "area": mean,
        "over": {
            name: float(np.mean(areas["contributions"][: len(areas[name])])) / mean[name]
            for name in mean
            if name != "sentence"
        },
        "seconds": {name: total / len(areas[name]) for name, total in seconds.items()},
        "sentence_items": {
            "fall": mean["sentence"],
            "as_many_at_random": float(np.mean(sentence_random)),
        },
    }


def named_places(rec: Recommender, user: int, item: int, history: csr_matrix) -> IntArray:
    """Return the places of the liked items that a sentence names."""
    named = rec.snapshot.reasons.explain(user, [item])[0].named
    rows = rec.snapshot.items.rows(list(named))
    return np.flatnonzero(np.isin(history.indices, rows))


def lost(model: Model, history: csr_matrix, item: int, places: IntArray) -> float:
    """Return the fall of an item's score without some items."""
    kept = np.tile(history.toarray(), (2, 1))
    kept[1, history.indices[places]] = 0.0
    scores = standard(model.score_histories(csr_matrix(kept, dtype=np.float32)), item)
    return float(scores[0] - scores[1])


def top_three(rec: Recommender, number: int) -> dict[str, float]:
    """Return the share of named items among those that add most: now, and by paths alone."""
    now = rec.snapshot
    shares: dict[str, list[float]] = {"sentence": [], "paths_alone": []}
    for user, item in recommended(rec, number):
        found = now.reasons.explain(user, [item])[0]
        first = {one.item.id for one in found.contributions[:3] if one.value > 0}
        similar = now.similar(item)[0]
        paths = now.paths.explain(item, user=user, similarity=lambda rows, s=similar: s[rows])
        for name, told in (("sentence", found), ("paths_alone", paths)):
            if told.named:
                inside = [one in first for one in told.named]
                shares[name].append(float(np.mean(inside)))
    return {name: float(np.mean(values)) for name, values in shares.items()}


def sums(data: Path) -> dict[str, Any]:
    """Return the largest difference of sums and scores, relative to the largest score."""
    found = {}
    for name in SUMS:
        rec = fitted(EXPECTED, [f"model={name}", "text=null"], data)
        found[name] = sums_of(rec)
    return found


def sums_of(rec: Recommender) -> dict[str, Any]:
    """Return how far the sums of one model are from its scores."""
    worst, method = 0.0, ""
    now = rec.snapshot
    for user in np.random.default_rng(0).permutation(len(now.users))[:100].tolist():
        history = now.histories[user].copy()
        history.data[:] = 1.0
        scores = rec.model.score_histories(history)[0].astype(np.float64)
        items = np.argsort(-scores)[:10]
        part = rec.model.contributions(history, of_items(items, len(scores)))
        worst = max(worst, float((abs(part.scores - scores[items]) / abs(scores[items])).max()))
        method = part.method
    return {"method": method, "largest_relative_difference": worst}


def coverage(rec: Recommender, users: int) -> dict[str, Any]:
    """Return what the reasons of the ten best items of users tell; users drawn, 0: all."""
    now = rec.snapshot
    rows = np.flatnonzero(np.diff(now.histories.indptr))
    if users:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:users])
    count: dict[str, int] = {}
    for first in range(0, len(rows), 256):
        part = rows[first : first + 256]
        best = now.best(part, 10, exclude=now.histories[part])
        for user, items in zip(part.tolist(), best.items, strict=True):
            for found in now.reasons.explain(user, items):
                count[found.basis] = count.get(found.basis, 0) + 1
    total = sum(count.values())
    return {
        "recommendations": total,
        "basis": count,
        "with_a_reason": 1 - count.get("none", 0) / total,
    }


def speed() -> dict[str, Any]:
    """Return the seconds of explanations on a synthetic catalogue of 10,000 items."""
    rng = np.random.default_rng(0)
    users, items = 3000, 10_000
    chance = (1 + np.arange(items)) ** -0.7
    pairs = {
        (user, int(item))
        for user in range(users)
        for item in rng.choice(items, 40, p=chance / chance.sum())
    }
    log = kgrec.Interactions.read(pd.DataFrame(sorted(pairs), columns=["user_id", "item_id"]))
    table = pd.DataFrame(
        {
            "item_id": np.arange(items).astype(str),
            "genre": [f"genre {one}" for one in rng.integers(30, size=items)],
            "director": [f"director {one}" for one in rng.integers(3000, size=items)],
            "actor": [
                "|".join(f"actor {one}" for one in rng.integers(8000, size=5)) for _ in range(items)
            ],
        }
    )
    rows = kgrec.AttributeTable.read(
        table, categories=["genre", "director", "actor"], list_separator="|"
    )
    found = {}
    for name, model in (("ease", kgrec.EASE()), ("link_prediction", _quick())):
        rec = Recommender(model=model, items=rows, text=None).fit(log)
        now, one, ten = rec.snapshot, [], []
        now.reasons.explain(0, [0])
        for user in range(1, 31):
            best = now.best(np.array([user]), 10, exclude=now.histories[[user]]).items[0]
            begun = time.perf_counter()
            now.reasons.explain(user, best[:1])
            middle = time.perf_counter()
            now.reasons.explain(user, best)
            one.append(middle - begun)
            ten.append(time.perf_counter() - middle)
        found[name] = {"one_ms": 1e3 * float(np.median(one)), "ten_ms": 1e3 * float(np.median(ten))}
    return found


def _quick() -> Model:
    from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

    config = LinkPredictionConfig.model_validate({"training": {"max_epochs": 2}})
    return LinkPrediction(config)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--recommendations", type=int, default=500)
    parser.add_argument("--users", type=int, default=0, help="of the coverage; 0: all")
    parser.add_argument("--models", nargs="*", default=["ease", "link_prediction", "auto"])
    parser.add_argument("--only-models", action="store_true", help="keep what else is in the file")
    given = parser.parse_args()
    out = HERE / "results" / "explanations.json"
    result: dict[str, Any] = {"about": about(0), "cores": os.cpu_count()}
    result["deletion"], result["top_three"] = {}, {}
    if given.only_models:
        result = json.loads(out.read_text(encoding="utf-8")) | {"about": about(0)}

    def done(key: str) -> None:
        write_json(out, result)
        print(key, flush=True)

    if not given.only_models:
        everything(result, given, done)
    for name in given.models:
        rec = fitted(EXPECTED, MODELS[name], given.data)
        result["sums"][name] = sums_of(rec)
        result["top_three"][name] = top_three(rec, given.recommendations)
        done(f"three {name}")
        result["deletion"][name] = deletion(rec, given.recommendations)
        done(f"deletion {name}")


def everything(
    result: dict[str, Any], given: argparse.Namespace, done: Callable[[str], None]
) -> None:
    """Measure what does not depend on the three models of the deletion test."""
    result["speed"] = speed()
    done("speed")
    result["sums"] = sums(given.data)
    done("sums")
    result["coverage"] = {}
    for name, config, changes in (
        ("movielens-dbpedia", EXPECTED, ["model=ease", "text=null"]),
        ("redial-films", "redial_films.yaml", ["model=ease", "text=null"]),
        ("lastfm", "lastfm.yaml", ["model=ease"]),
    ):
        result["coverage"][name] = coverage(fitted(config, changes, given.data), given.users)
        done(f"coverage {name}")


if __name__ == "__main__":
    main()
