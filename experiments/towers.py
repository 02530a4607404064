"""What is missed if only the items that towers retrieve are ranked, and what it saves.

`recall`: the default model on the split `random` of MovieLens with DBpedia (experiments/auto).
For each user the ten best by the whole model; the share of them among the candidates, the n best of
each tower, for each tower alone and for all of them, with the mean number of candidates. Also
NDCG@10 of the resulting lists on the test part, beside that of the whole model.

`saved`: 100,000 items, planted groups of users and items, and a model of the kind that `auto`
chooses at this size: popularity, neighbors of items and two models with vectors. Milliseconds of
CPU of one `recommend`, of the whole model and with `retrieve=500`, by exact and approximate
indexes, in turns in one process, and recall of the ten best.

    python experiments/towers.py [--only recall saved] [--items 100000]

Writes experiments/results/towers.json.
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

import kgrec
from kgrec.auto.auto import Auto
from kgrec.config import load_config
from kgrec.data.vocabulary import Vocabulary
from kgrec.datasets.loading import load_dataset
from kgrec.files import write_json
from kgrec.models.members import with_members
from kgrec.retrieval.topk import TopK
from kgrec.runs.about import about
from kgrec.runs.making import make_recommender
from kgrec.snapshot import Snapshot
from kgrec.snapshot.towers import best_retrieved
from kgrec.text.cache import EmbeddingCache, default_cache_folder

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "towers.json"
K, SIZES, RETRIEVED = 10, (10, 20, 50, 100, 200, 500, 1000), 500
AT_ONCE = 100


def recall(seed: int = 0) -> dict[str, Any]:
    """Return what is missed by each tower and by all, at each number of items."""
    config = load_config(HERE / "auto" / "movielens_random.yaml")
    data = load_dataset(config.data, seed)
    cache = EmbeddingCache(default_cache_folder(os.environ))
    made = make_recommender(config, data, Auto(), cache=cache, progress=False)
    made.fit(data.split.train, data.split.valid)
    now, test = made.snapshot, data.split.test.matrix()
    users = np.flatnonzero(np.diff(test.indptr) > 0)
    towers = now.towers
    wanted = now.best(users, K, exclude=now.left_out(users))
    found: dict[str, Any] = {
        "items": len(now.items),
        "users": len(users),
        "members": [member.name for member in with_members(now.model)][1:],
        "towers": list(towers),
        "whole": {"ndcg@10": ndcg(wanted, test[users])},
    }
    for name in (*towers, "all"):
        chosen = None if name == "all" else (name,)
        for n in SIZES:
            settings = kgrec.RetrieveConfig(n=n, towers=chosen)
            lists, pools = [], []
            for start in range(0, len(users), AT_ONCE):
                some = users[start : start + AT_ONCE]
                left_out = now.left_out(some)
                lists.append(best_retrieved(now, towers, settings, some, K, exclude=left_out).items)
                parts = [
                    towers[one].index.search(towers[one].queries(now, some), n, exclude=left_out)
                    for one in (chosen or towers)
                ]
                every = np.concatenate([part.items for part in parts], axis=1)
                pools += [len(np.unique(row[row >= 0])) for row in every]
            items = np.concatenate(lists)
            pairs = zip(items, wanted.items, strict=True)
            hits = sum(len(np.intersect1d(one, other)) for one, other in pairs)
            found.setdefault(name, {})[str(n)] = {
                "recall": hits / wanted.items.size,
                "candidates": float(np.mean(pools)),
                "ndcg@10": ndcg(TopK(items, np.zeros_like(items, dtype=np.float32)), test[users]),
            }
            print(name, n, found[name][str(n)], flush=True)
    return found


def ndcg(lists: TopK, test: Any) -> float:
    """Return NDCG@10 of lists, the mean over users."""
    gain, values = 1 / np.log2(np.arange(2, K + 2)), []
    for row, items in enumerate(lists.items):
        right = test[row].indices
        values.append(gain[np.isin(items, right)].sum() / gain[: len(right)].sum())
    return float(np.mean(values))


def planted(num_items: int) -> kgrec.Interactions:
    """Return a log of groups of items, in which some items are more popular than others."""
    rng = np.random.default_rng(0)
    num_users, groups = num_items // 5, max(2, num_items // 500)
    size = num_items // groups
    count = rng.integers(10, 60, num_users)
    user = np.repeat(np.arange(num_users), count)
    own = rng.integers(groups, size=(num_users, 3))[user, rng.integers(3, size=len(user))]
    item = own * size + (size * rng.random(len(user)) ** 2).astype(np.int64)
    anywhere = rng.random(len(user)) < 0.2
    item[anywhere] = (num_items * rng.random(int(anywhere.sum())) ** 2).astype(np.int64)
    pairs = np.unique(np.stack([user, item], axis=1), axis=0)
    users = Vocabulary([f"u{n:07}" for n in range(num_users)], "user")
    items = Vocabulary([f"i{n:07}" for n in range(num_items)], "item")
    return kgrec.Interactions(users, items, pairs[:, 0], pairs[:, 1])


def saved(num_items: int) -> dict[str, Any]:
    """Return milliseconds of single lists of a large catalogue, and what the short way misses."""
    log = planted(num_items)
    members = (
        kgrec.MostPopular(),
        kgrec.ItemKNN(),
        kgrec.IALS(),
        kgrec.LowRank(kgrec.LowRankConfig(dim=64)),
    )
    model = kgrec.Ensemble(members, kgrec.EnsembleConfig(weights=(0.1, 0.5, 1.0, 1.0)))
    exact = kgrec.Recommender(model=model, text=None).fit(log)
    approximate = kgrec.Recommender(
        model=model, text=None, index=kgrec.ApproximateIndexConfig()
    ).take(_with_index(exact.snapshot))
    settings = kgrec.RetrieveConfig(n=RETRIEVED)
    ways = {
        "whole": lambda user: exact.recommend(user, K),
        "exact towers": lambda user: exact.recommend(user, K, retrieve=settings),
        "approximate towers": lambda user: approximate.recommend(user, K, retrieve=settings),
    }
    asked = np.random.default_rng(1).choice(log.num_users, 210, replace=False)
    times: dict[str, list[float]] = {name: [] for name in ways}
    hits = dict.fromkeys(ways, 0)
    for place, user in enumerate(log.users.take(asked)):
        lists = {}
        for name, way in ways.items():
            began = time.process_time()
            lists[name] = [one.item for one in way(user)]
            if place >= 10:  # the first ones make indexes
                times[name].append(1000 * (time.process_time() - began))
        for name, items in lists.items():
            hits[name] += len(set(items) & set(lists["whole"]))
    whole = np.array(times["whole"])
    return {
        "items": num_items,
        "users": log.num_users,
        "interactions": len(log),
        "members": [member.name for member in members],
        "n": RETRIEVED,
        "ways": {
            name: {
                "cpu_ms_median": float(np.median(found)),
                "cpu_ms_p95": float(np.percentile(found, 95)),
                "share_of_whole": float(np.median(np.array(found) / whole)),
                "recall": hits[name] / (K * len(asked)),
            }
            for name, found in times.items()
        },
    }


def _with_index(now: Snapshot) -> Snapshot:
    """Return the snapshot with approximate indexes."""
    return replace(now, index_config=kgrec.ApproximateIndexConfig())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="*", choices=["recall", "saved"], default=["recall", "saved"]
    )
    parser.add_argument("--items", type=int, default=100_000)
    asked = parser.parse_args()
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked.only:
        stored[name] = recall() if name == "recall" else saved(asked.items)
        print(json.dumps(stored[name], indent=1), flush=True)
        write_json(RESULTS, stored | {"about": about(0)})


if __name__ == "__main__":
    main()
