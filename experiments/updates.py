"""What `update` is worth: new items and new users after training, against knowing them before.

    python experiments/updates.py [--only items users texts seconds] [--models ease …] [--part …]

MovieLens-100K with DBpedia; the configs are those of experiments/auto. `items`: the test items of
`cold_items` (with --part valid: half of its validation items) are taken out of item table, links
and graph, a model is trained without them, and `update` brings them; the share is NDCG@10 over
that of the same model with them in the catalogue from the start. `users`: a fifth of the users
(drawn with seed 0; with --part valid, seed 1) is held out whole. Half of their interactions come
by `update`, the rest is to be found; the share is NDCG@10 over that of training with that half. For
`description`, only their rows of the user table come, all their interactions are to be found, and
the share is NDCG@10 over that of popularity; `best_list` is what the best list for all of them by
their own choices reaches. `texts`: likewise, but each of them comes as the text of `profile` alone,
made from their interactions of training and validation (with --part valid, of training), and those
of the test (validation) part are to be found. `seconds`: an item comes to a loaded recommender of
10,000 items; seconds of CPU on one thread. Writes experiments/results/updates.json, or prints with
--part valid.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kgrec.auto.auto import Auto, AutoConfig
from kgrec.config import load_config
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.files import write_json
from kgrec.kg.graph import KnowledgeGraph
from kgrec.models.base import Model
from kgrec.models.content_ease import ContentEASE
from kgrec.models.ease import EASE
from kgrec.models.popular import MostPopular
from kgrec.models.user_ease import UserEASE
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.making import make_recommender
from kgrec.snapshot.searching import Asked, find
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.types import FloatArray

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "updates.json"
MODELS = {
    "auto": lambda: Auto(),
    "auto, quick": lambda: Auto(AutoConfig(effort="quick")),
    "ease": lambda: EASE(),
    "content_ease": lambda: ContentEASE(),
    "user_ease": lambda: UserEASE(),
    "link_prediction": lambda: LinkPrediction(LinkPredictionConfig()),
}
NO_NEW_ITEMS = ("ease", "user_ease")  # they read no content: a new item has no scores
NUM_ITEMS = 10_000


def dataset(name: str) -> tuple[Any, Dataset]:
    """Return a config of experiments/auto and its data."""
    config = load_config(HERE / "auto" / f"{name}.yaml")
    return config, load_dataset(config.data, 0)


def recommender(config: Any, data: Dataset, model: Model) -> Recommender:
    """Return an unfitted recommender with the store of text vectors."""
    cache = EmbeddingCache(default_cache_folder(os.environ))
    return make_recommender(config, data, model, cache=cache, progress=False)


def new_items(model: str, part: str) -> dict[str, float]:
    """Return NDCG@10 on new items: known from the start, and brought by an update."""
    config, data = dataset("movielens_cold_items")
    split = data.split
    valid, test = split.valid, split.test
    if part == "valid":
        items = np.unique(valid.item)
        late = np.isin(valid.item, items[::2])
        valid, test = valid.select(~late), valid.select(late)
    ranked = test.items.take(np.unique(test.item))
    chosen = valid.items.take(np.unique(valid.item))
    made = recommender(config, data, MODELS[model]()).fit(split.train, valid, candidates=chosen)
    start = made.evaluate(test, k=(10,), candidates=ranked, exclude=[split.train])
    without, rows, links, triples = _without(data, ranked)
    train, kept = (_only(log, ranked) for log in (split.train, valid))
    late_made = recommender(config, without, MODELS[model]()).fit(train, kept, candidates=chosen)
    assert not set(ranked) & set(late_made.item_vocabulary.ids)
    began = time.perf_counter()
    late_made.update(items=rows, links=links, triples=triples)
    seconds = time.perf_counter() - began
    later = late_made.evaluate(test, k=(10,), candidates=ranked, exclude=[split.train])
    return _share(start.metrics["ndcg@10"], later.metrics["ndcg@10"]) | {"seconds": seconds}


def _share(start: float, later: float) -> dict[str, float]:
    return {"from_the_start": start, "by_update": later, "share": later / start}


def _only(log: Interactions, without: list[str]) -> Interactions:
    """Return a log over a catalogue without some items, which have no interactions in it."""
    ids = sorted(set(log.items.ids) - set(without))
    return log.reindex(log.users, log.items.restricted(log.items.rows(ids)))


def _without(
    data: Dataset, ids: list[str]
) -> tuple[Dataset, AttributeTable, list[tuple[str, str]], KnowledgeGraph]:
    """Return the data without some items, and what is taken: rows, links, and statements."""
    kg, links, table = data.kg, data.links, data.items
    assert kg is not None
    assert links is not None
    assert table is not None
    gone = np.isin(links.item, links.items.rows(ids))
    entity = np.setdiff1d(links.entity[gone], links.entity[~gone])  # not those of other items too
    frame = kg.to_pandas(literals=True)
    names = set(kg.entities.take(entity))
    about_them = frame["head"].isin(names) | frame["tail"].isin(names)
    taken = KnowledgeGraph.from_pandas(frame[about_them])
    rest = sorted(set(links.items.ids) - set(ids))
    catalogue = links.items.restricted(links.items.rows(rest))
    kept = replace(
        links,
        item=links.item[~gone],
        entity=links.entity[~gone],
        confidence=links.confidence[~gone],
        method=tuple(np.array(links.method)[~gone]),
    ).reindex(catalogue)
    less = replace(data, kg=kg.update(removed=taken), links=kept, items=table.without(ids))
    pairs = zip(links.item[gone], links.entity[gone], strict=True)
    iris = [(links.items.id(int(one)), kg.entities.id(int(other))) for one, other in pairs]
    others = sorted(set(table.ids.ids) - set(ids))
    return less, table.without(others), iris, taken


def new_users(model: str, part: str) -> dict[str, Any]:
    """Return NDCG@10 for users held out whole: trained with half of their items, or folded in."""
    config, data = dataset("movielens_random")
    rng = np.random.default_rng(0 if part == "test" else 1)
    train, valid = data.split.train, data.split.valid
    whole = train.joined(valid, data.split.test)  # with ratings and times, which models read
    users = rng.permutation(np.unique(whole.user))
    held = np.zeros(whole.num_users, dtype=bool)
    held[users[: len(users) // 5]] = True
    theirs = whole.select(held[whole.user])
    half = rng.random(len(theirs)) < 0.5
    history, rest = theirs.select(half), theirs.select(~half)
    train, valid = train.select(~held[train.user]), valid.select(~held[valid.user])
    there = [whole.users.id(int(row)) for row in np.flatnonzero(~held)]
    known = whole.users.restricted(whole.users.rows(sorted(there)))
    table = data.users
    assert table is not None
    rows = table.without(there)
    less = replace(data, users=table.without(rows.ids.ids))
    parts = train.reindex(known, train.items), valid.reindex(known, valid.items)

    with_them = recommender(config, data, MODELS[model]()).fit(_joined(train, history), valid)
    start = with_them.evaluate(rest, k=(10,), exclude=[train, history])
    later = recommender(config, less, MODELS[model]()).fit(*parts)
    alone = recommender(config, less, MODELS[model]()).take(later.snapshot)
    later.update(interactions=_of_own(history), users=rows)
    folded = later.evaluate(rest, k=(10,), exclude=[train, history])
    alone.update(users=rows)
    told = alone.evaluate(theirs, k=(10,), exclude=[train])
    popular = recommender(config, less, MostPopular()).fit(*parts)
    popular.update(users=rows)
    usual = popular.evaluate(theirs, k=(10,), exclude=[train])
    ideal = np.asarray(theirs.matrix().sum(0)).ravel()
    best = _mean_of_lists(theirs, lambda _: ideal)
    names = ("ndcg@10",)
    found = [one.metrics[name] for one in (start, folded, usual, told) for name in names]
    description = {"popularity": found[2], "by_description": found[3], "ratio": found[3] / found[2]}
    description["best_list"] = best
    return {"interactions": _share(found[0], found[1]), "description": description}


def profile_texts(model: str, part: str) -> dict[str, float]:
    """Return NDCG@10 for users held out whole who come as a text of what they like."""
    config, data = dataset("movielens_random")
    rng = np.random.default_rng(0 if part == "test" else 1)
    train, valid, test = data.split.train, data.split.valid, data.split.test
    whole = train.joined(valid, test)
    users = rng.permutation(np.unique(whole.user))
    held = np.zeros(whole.num_users, dtype=bool)
    held[users[: len(users) // 5]] = True
    there = whole.users.restricted(np.flatnonzero(~held))
    table = data.users
    assert table is not None
    gone = whole.users.take(np.flatnonzero(held))
    parts = [log.select(~held[log.user]).reindex(there, log.items) for log in (train, valid)]
    less = replace(data, users=table.without(gone))
    made = recommender(config, less, MODELS[model]()).fit(*parts)
    popularity = np.asarray(made.snapshot.histories.sum(0)).ravel()
    told = (train.joined(valid) if part == "test" else train).matrix()
    rest = test if part == "test" else valid
    rest = rest.select(held[rest.user] & (np.diff(told.indptr) > 0)[rest.user])

    def by_text(user: int) -> FloatArray:
        text = made.profile(liked=whole.items.take(told[user].indices)).text
        return find(made.taste(), Asked((text,)), made.encode_texts, talks=True).scores

    usual = _mean_of_lists(rest, lambda _: popularity, told)
    found = _mean_of_lists(rest, by_text, told)
    history = _mean_of_lists(
        rest, lambda user: made.snapshot.score_histories(told[[user]])[0], told
    )
    return {"popularity": usual, "by_text": found, "ratio": found / usual, "by_history": history}


def _mean_of_lists(
    wanted: Interactions,
    scores_of: Callable[[int], FloatArray],
    has: csr_matrix | None = None,
) -> float:
    """Return NDCG@10 of lists of all items but those that users have, from their scores."""
    matrix, found = wanted.matrix(), []
    gain = 1 / np.log2(np.arange(2, 12))
    for user in np.flatnonzero(np.diff(matrix.indptr)).tolist():
        scores = np.array(scores_of(user), dtype=np.float64)
        if has is not None:
            scores[has[user].indices] = -np.inf
        best = np.argsort(-scores, kind="stable")[:10]
        rows = matrix[user].indices
        found.append(gain[np.isin(best, rows)].sum() / gain[: len(rows)].sum())
    return float(np.mean(found))


def _joined(train: Interactions, history: Interactions) -> Interactions:
    return train.joined(history)


def _of_own(log: Interactions) -> Interactions:
    """Return a log over the vocabulary of its own users."""
    own = np.unique(log.user)
    return log.reindex(log.users.restricted(own), log.items)


def seconds() -> dict[str, Any]:
    """Return how long it takes until a new item is found, with 10,000 items."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(3000)])
    titles = [" ".join(rng.choice(words, 6)) for _ in range(NUM_ITEMS)]
    ids = [f"i{number:05}" for number in range(NUM_ITEMS)]
    items = AttributeTable.read(pd.DataFrame({"item_id": ids, "title": titles}))
    log = pd.DataFrame(
        {
            "user_id": [f"u{row}" for row in rng.integers(0, 2000, 100_000)],
            "item_id": rng.choice(ids, 100_000),
        }
    )
    config = LinkPredictionConfig.model_validate({"training": {"max_epochs": 1}})
    made = Recommender(
        items=items,
        model=LinkPrediction(config),
        cache=EmbeddingCache(default_cache_folder(os.environ)),
    ).fit(Interactions.read(log))
    made.search("word1 word2", 3)
    times = []
    for number in range(12):
        row = pd.DataFrame({"item_id": [f"new{number}"], "title": [f"Fresh arrival {number}"]})
        table = AttributeTable.read(row)
        began = time.process_time()
        made.update(items=table, at_once=True)
        brought = time.process_time() - began
        assert made.search(f"fresh arrival {number}", 1)[0].item.startswith("new")
        searched = time.process_time() - began
        made.recommend("u1", 10)
        times.append((brought, searched, time.process_time() - began))
    median = np.median(times[2:], axis=0)
    began = time.perf_counter()
    made.settle()
    return {
        "items": NUM_ITEMS,
        "update_at_once": float(median[0]),
        "and_a_search": float(median[1]),
        "and_a_recommendation": float(median[2]),
        "settle": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=["items", "users", "texts", "seconds"])
    parser.add_argument("--models", nargs="*", default=["auto", "ease", "link_prediction"])
    parser.add_argument("--part", choices=["valid", "test"], default="test")
    asked = parser.parse_args()
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    stored = {"items": {}, "users": {}, "texts": {}, "seconds": {}} | stored
    for what in asked.only:
        if what == "seconds":
            stored["seconds"] = seconds()
            print(what, stored[what], flush=True)
            _write(stored, asked.part)
        for model in asked.models if what != "seconds" else ():
            if what == "items" and model in NO_NEW_ITEMS:
                continue
            measure = {"items": new_items, "users": new_users, "texts": profile_texts}[what]
            stored[what][model] = measure(model, asked.part)
            print(what, model, stored[what][model], flush=True)
            _write(stored, asked.part)


def _write(stored: dict[str, Any], part: str) -> None:
    if part == "test":
        write_json(RESULTS, stored | {"about": about(0)})


if __name__ == "__main__":
    main()
