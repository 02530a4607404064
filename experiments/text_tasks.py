"""What a tuned encoder with a head is worth, beside the frozen one: three tasks on real data.

    python experiments/text_tasks.py rating   # ratings_u1: RMSE
    python experiments/text_tasks.py click    # ratings_u1, new items alone: AUC
    python experiments/text_tasks.py genres   # genres from abstracts: macro F1

`click` and `genres` are compared with logistic regression on frozen vectors. All begin with the
packaged MiniLM. A validation part of the training part chooses the epoch, the penalty of logistic
regression, the features that it reads, and the threshold; the test part is used once for each seed.

- `rating`: the canonical split u1. The baseline is the mean rating of the item. Beside
  `kernel_ratings`, the answer of the text is added with weights that least squares finds on the
  validation part, where neither model has learnt.
- `rating` and `click`: an epoch has 4,000 pairs, and 2,000 pairs of the validation part choose it.
- `click`: 4 and 5 stars are a yes. Logistic regression learns from all pairs of training by the
  vectors of user and item and their product, or from 10,000 of them by the vectors of pairs. A
  fifth of the items is for the test and a tenth for validation; digests of their ids choose them,
  and the training part has none of them. The test counts the ratings of u1's test part for the test
  items alone.
- `genres`: the films with an abstract in DBpedia; the text is the abstract alone.

`--tiny` takes a few pairs or films and one epoch, to see that it runs, and writes nothing.
Otherwise it adds its part to experiments/results/text_tasks.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ratings import read
from scipy.stats import ttest_rel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import kgrec
from kgrec.data.interactions import Interactions
from kgrec.files import write_json
from kgrec.runs.about import about
from kgrec.settings import make_settings
from kgrec.snapshot.deriving import texts_of_items
from kgrec.text.cache import default_cache_folder
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.targets import Target, ValuesTarget, number_target, yes_target
from kgrec.text.tuning.tasks.attributes import AttributesTask
from kgrec.text.tuning.tasks.pair_texts import Answers, PairTextsTask
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.text.tuning.user_texts import UserTexts, user_texts
from kgrec.types import BoolArray, FloatArray, IntArray, index_to_mask

HERE = Path(__file__).parent
MODEL = "all-MiniLM-L6-v2"
SETTINGS: dict[str, Any] = {
    "regime": {"name": "top_layers", "n": 2}, "max_length": 128, "epochs": 4, "patience": 2,
    "learning_rate": 5e-5, "token_budget": 8192,
}  # fmt: skip
PAIRS: dict[str, Any] = {"pairs_per_epoch": 4_000, "batch_size": 32}
VALID_PAIRS, REGRESSION_PAIRS = 2_000, 10_000
PENALTIES = (0.01, 0.1, 1.0, 10.0)
TINY_PAIRS, TINY_FILMS = 60, 60


def share_of(ids: Sequence[str], salt: str) -> FloatArray:
    """Return a number from 0 to 1 for each id, which depends on its digest alone."""
    digests = [hashlib.sha256(f"{salt} {id}".encode()).digest()[:8] for id in ids]
    return np.array([int.from_bytes(one, "big") / 2**64 for one in digests])


def drawn(number: int, most: int) -> IntArray:
    """Return some of `number` rows, drawn with seed 0."""
    return np.random.default_rng(0).permutation(number)[:most]


def tuning(task: dict[str, Any], tiny: bool) -> TextTuning:
    """Return the settings of a training."""
    epochs = 1 if tiny else SETTINGS["epochs"]
    settings = {**SETTINGS, "epochs": epochs, "tasks": [task]}
    return make_settings(TextTuning, settings, "experiments/text_tasks.py")


def make_tower(settings: TextTuning, seed: int) -> Tower:
    """Return the packaged MiniLM in training."""
    import os

    return Tower(find_model(MODEL), settings, default_cache_folder(os.environ), seed=seed)


def trained(tower: Tower, task: Any, settings: TextTuning, seed: int) -> dict[str, Any]:
    """Train, leave the best weights in it, and return what it took."""
    progress = Tuner(tower, [task], settings, seed).run(lambda figures: print(figures, flush=True))
    return {
        "best_epoch": progress.best_epoch,
        "valid": progress.best,
        "seconds": progress.seconds,
    }


class Pairs:
    """Users and items of u1 with their texts.

    Attributes:
        train: Pairs to learn from.
        valid: Pairs that choose.
        test: Pairs that are measured.
    """

    def __init__(self, folder: Path, new_items: bool, tiny: bool) -> None:
        split, inputs = read(folder)
        rec = kgrec.Recommender(model=kgrec.MostPopular(), **inputs)
        self.prepared = rec.prepare(split.train)
        base = self.prepared.data.train
        rated, test = base.rated(), split.test.rated().reindex(base.users, base.items)
        self.kind = share_of(base.items.ids, "items")
        if new_items:
            train = rated.select(self.kind[rated.item] >= 0.3)
            valid = rated.select((0.2 <= self.kind[rated.item]) & (self.kind[rated.item] < 0.3))
            valid = valid.select(np.sort(drawn(len(valid), VALID_PAIRS)))
            test = test.select(self.kind[test.item] < 0.2)
        else:
            chosen = index_to_mask(drawn(len(rated), VALID_PAIRS), len(rated))
            train, valid = rated.select(~chosen), rated.select(chosen)
        if tiny:
            train, valid, test = (
                log.select(np.sort(drawn(len(log), TINY_PAIRS))) for log in (train, valid, test)
            )
        self.train, self.valid, self.test = train, valid, test
        assert rec.text_config is not None
        texts = texts_of_items(self.prepared.inputs, base.items, rec.text_config)
        names = self.prepared.inputs.names(self.prepared.data.graph)
        titles = [names.node("item", row) for row in range(base.num_items)]
        self.items = [text or title for text, title in zip(texts, titles, strict=True)]
        assert train.rating is not None
        liked, disliked = train.select(train.rating >= 4), train.select(train.rating < 4)
        table = inputs["users"].reindex(base.users)
        self.users: UserTexts = user_texts(titles, liked.matrix(), disliked.matrix(), table)

    def task(self, name: str, tower: Tower, target: Target, labels: Any, **more: Any) -> Any:
        """Return the task over training and validation pairs."""
        config = tuning({"name": name, **more}, False).tasks[0]
        train, valid = (answers(log, labels) for log in (self.train, self.valid))
        return PairTextsTask(config, self.users, self.items, train, valid, target, tower)  # type: ignore[arg-type]

    def tokens(self, tower: Tower, log: Interactions) -> Corpus:
        """Return the pairs of a log as the tower reads them."""
        reader = tower.pair_reader(0.5)
        pairs = zip(log.user.tolist(), log.item.tolist(), strict=True)
        return Corpus.of_tokens(
            [reader.tokens(self.users.of(user, item), self.items[item]) for user, item in pairs]
        )


def answers(log: Interactions, labels: Any) -> Answers:
    """Return the pairs of a log with labels that are made of ratings."""
    return Answers(log.user, log.item, labels(log.rating).astype(np.float32))


def rating(folder: Path, seed: int, tiny: bool) -> dict[str, Any]:
    """Return the RMSE of text alone, of items' means, and of kernel_ratings with and without it."""
    pairs = Pairs(folder, new_items=False, tiny=tiny)
    settings = tuning({"name": "rating", **PAIRS}, tiny)
    tower = make_tower(settings, seed)
    target = number_target(np.asarray(pairs.train.rating))
    task = pairs.task("rating", tower, target, lambda given: given, **PAIRS)
    found = trained(tower, task, settings, seed)
    of_text = {
        name: target.answers(task.head.of_arrays(tower.vectors(pairs.tokens(tower, log))))
        for name, log in (("valid", pairs.valid), ("test", pairs.test))
    }
    base = pairs.prepared.data
    inner = kgrec.KernelRatings().fit(with_log(base, pairs.train))
    both = pairs.train.joined(pairs.valid)
    whole = kgrec.KernelRatings().fit(with_log(base, both))
    valid, test = pairs.valid, pairs.test
    of_kernel = inner.predict_ratings(valid.user, valid.item)
    columns = np.stack([np.ones(len(valid)), of_kernel, of_text["valid"]], axis=1)
    weights = np.linalg.lstsq(columns, np.asarray(valid.rating), rcond=None)[0]
    alone = whole.predict_ratings(test.user, test.item)
    blended = np.stack([np.ones(len(test)), alone, of_text["test"]], axis=1) @ weights
    means = item_means(both)
    return {
        **found,
        "weights": weights.tolist(),
        "rmse": {
            "text alone": rmse(of_text["test"], test),
            "mean of the item": rmse(means[test.item], test),
            "kernel_ratings": rmse(alone, test),
            "kernel_ratings and text": rmse(np.clip(blended, target.low, target.high), test),
        },
    }


def with_log(data: Any, log: Interactions) -> Any:
    """Return training data with other interactions."""
    from dataclasses import replace

    return replace(data, train=log)


def item_means(log: Interactions) -> FloatArray:
    """Return the mean rating of each item; that of all ratings where it has none."""
    rating = np.asarray(log.rating, dtype=np.float64)
    counts = np.bincount(log.item, minlength=log.num_items)
    sums = np.bincount(log.item, rating, minlength=log.num_items)
    return np.where(counts > 0, sums / np.maximum(counts, 1), rating.mean())


def rmse(predicted: FloatArray, log: Interactions) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((predicted - np.asarray(log.rating)) ** 2)))


def click(folder: Path, seed: int, tiny: bool) -> dict[str, Any]:
    """Return the AUC on new items of the tuned encoder and of the frozen one."""
    pairs = Pairs(folder, new_items=True, tiny=tiny)

    def yes(given: FloatArray) -> FloatArray:
        return np.asarray(given >= 4, dtype=np.float32)

    settings = tuning({"name": "click", **PAIRS}, tiny)
    tower = make_tower(settings, seed)
    corpora = {
        name: pairs.tokens(tower, getattr(pairs, name)) for name in ("train", "valid", "test")
    }
    labels = {name: yes(np.asarray(getattr(pairs, name).rating)) for name in corpora}
    some = {"train": np.sort(drawn(len(pairs.train), REGRESSION_PAIRS))}
    rows = {name: some.get(name, np.arange(len(one))) for name, one in labels.items()}
    of_pairs = {name: tower.vectors(corpus, rows[name]) for name, corpus in corpora.items()}
    regression, chosen = logistic(
        {"pair": (of_pairs, labels["train"][rows["train"]]),
         "user, item and product": (products(pairs, tower), labels["train"])},
        labels["valid"],
    )  # fmt: skip
    task = pairs.task("click", tower, yes_target(labels["train"]), yes, **PAIRS)
    found = trained(tower, task, settings, seed)
    scores = task.head.of_arrays(tower.vectors(corpora["test"]))[:, 0]
    tuned, plain = (
        (auc(labels["test"], one), per_user(labels["test"], one, pairs.test.user))
        for one in (scores, regression)
    )
    return {
        **found,
        "regression": chosen,
        "num_test": len(pairs.test),
        "num_items": len(np.unique(pairs.test.item)),
        "auc": {"tuned": tuned[0], "frozen and logistic regression": plain[0]},
        "users": len(tuned[1]),
        "p of per-user AUC": float(ttest_rel(tuned[1], plain[1]).pvalue),
    }


def products(pairs: Pairs, tower: Tower) -> dict[str, FloatArray]:
    """Return frozen vectors of user and item one by one, with their product."""
    items = tower.vectors(tower.corpus(pairs.items))
    rows = np.unique(np.concatenate([pairs.train.user, pairs.valid.user, pairs.test.user]))
    place = np.searchsorted(rows, np.arange(rows.max() + 1))
    users = tower.vectors(tower.corpus([str(pairs.users.of(row)) for row in rows.tolist()]))
    found = {}
    for name in ("train", "valid", "test"):
        log = getattr(pairs, name)
        one, other = users[place[log.user]], items[log.item]
        found[name] = np.concatenate([one, other, one * other], axis=1)
    return found


def logistic(
    features: dict[str, tuple[dict[str, FloatArray], FloatArray]], valid: FloatArray
) -> tuple[FloatArray, dict[str, Any]]:
    """Return the test scores of the logistic regression that is best on validation.

    Args:
        features: By name, the features of each part and the labels of those of training.
        valid: The labels of the validation part.
    """
    best: tuple[float, Any, dict[str, Any]] = (-1.0, None, {})
    for name, (parts, labels) in features.items():
        for penalty in PENALTIES:
            scale = np.sqrt(parts["train"].shape[1])
            model = LogisticRegression(C=penalty, max_iter=500)
            model.fit(scale * parts["train"], labels)
            value = auc(valid, model.decision_function(scale * parts["valid"]))
            if value > best[0]:
                scores = model.decision_function(scale * parts["test"])
                best = value, scores, {"features": name, "C": penalty, "valid": value}
    return best[1], best[2]


def auc(labels: FloatArray, scores: FloatArray) -> float:
    """Return the AUC."""
    return float(roc_auc_score(labels, scores))


def per_user(labels: FloatArray, scores: FloatArray, users: Any) -> FloatArray:
    """Return the AUC of each user who has both answers."""
    rows = [np.flatnonzero(users == user) for user in np.unique(users)]
    both = [row for row in rows if 0 < labels[row].sum() < len(row)]
    return np.array([auc(labels[row], scores[row]) for row in both])


def genres(folder: Path, seed: int, tiny: bool) -> dict[str, Any]:
    """Return the macro F1 of the tuned encoder and of the frozen one on the test films."""
    texts, names, labels, ids = abstracts(folder)
    part = share_of(ids, "films")
    if tiny:
        kept = np.argsort(part)[:: max(len(part) // TINY_FILMS, 1)]
        texts, labels, part = [texts[row] for row in kept], labels[kept], part[kept]
    test, valid = part < 0.2, (0.2 <= part) & (part < 0.36)
    train = ~test & ~valid
    settings = tuning({"name": "attributes", "of": ["genres"], "batch_size": 16}, tiny)
    tower = make_tower(settings, seed)
    frozen = tower.vectors(tower.corpus(texts))
    shares = tuple(labels[train].mean(axis=0).tolist())
    target = ValuesTarget(values=names, shares=shares)
    plain, chosen = regressions(frozen, labels, train, valid, target)
    kept = np.flatnonzero(~test)
    task = AttributesTask(
        settings.tasks[0],  # type: ignore[arg-type]
        [texts[row] for row in kept.tolist()], labels[kept], valid[kept], target, tower,
    )  # fmt: skip
    found = trained(tower, task, settings, seed)
    vectors = tower.vectors(tower.corpus([texts[row] for row in np.flatnonzero(test).tolist()]))
    outputs = task.head.of_arrays(vectors)
    return {
        **found,
        "regression": chosen,
        "films": {"train": int(train.sum()), "valid": int(valid.sum()), "test": int(test.sum())},
        "tuned": target.metrics(outputs, labels[test], float(task.threshold)),
        "frozen and logistic regression": target.metrics(
            plain[test], labels[test], chosen["threshold"]
        ),
    }


def abstracts(folder: Path) -> tuple[list[str], tuple[str, ...], FloatArray, list[str]]:
    """Return abstracts, genres that 20 films have, who has them, and the films' ids."""
    kg = kgrec.KnowledgeGraph.read(folder / "kg.nt.gz")
    links = pd.read_csv(folder / "links.csv", dtype=str)
    links = links.drop_duplicates("iri").drop_duplicates("item_id")
    found = kg.descriptions(kg.entities.rows(links["iri"].tolist()), ("en", ""))
    told = dict(zip(links["item_id"], found, strict=True))
    table = pd.read_csv(folder / "items.csv", dtype=str).dropna(subset=["genres"])
    table = table[[bool(told.get(id)) for id in table["item_id"]]]
    lists = [set(given.split("|")) for given in table["genres"]]
    values = sorted(set().union(*lists))
    labels = np.array([[value in one for value in values] for one in lists], dtype=np.float32)
    often = labels.sum(axis=0) >= 20
    names = tuple(value for value, kept in zip(values, often, strict=True) if kept)
    return [told[id] for id in table["item_id"]], names, labels[:, often], list(table["item_id"])


def regressions(
    vectors: FloatArray,
    labels: FloatArray,
    train: BoolArray,
    valid: BoolArray,
    target: ValuesTarget,
) -> tuple[FloatArray, dict[str, Any]]:
    """Return logits of all films by a logistic regression for each genre on frozen vectors."""
    best: tuple[float, Any, dict[str, Any]] = (-1.0, None, {})
    scaled = vectors * np.sqrt(vectors.shape[1])
    for penalty in PENALTIES:
        columns = []
        for place in range(labels.shape[1]):
            right = labels[train, place]
            if not 0 < right.sum() < len(right):
                columns.append(np.full(len(vectors), 20.0 if right.all() else -20.0))
                continue
            model = LogisticRegression(C=penalty, max_iter=500).fit(scaled[train], right)
            columns.append(model.decision_function(scaled))
        logits = np.stack(columns, axis=1).astype(np.float32)
        threshold = target.best_threshold(logits[valid], labels[valid])
        value = target.metrics(logits[valid], labels[valid], threshold)["macro_f1"]
        if value > best[0]:
            best = value, logits, {"C": penalty, "threshold": threshold, "valid": value}
    return best[1], best[2]


TASKS = {"rating": rating, "click": click, "genres": genres}


def main() -> None:
    """Measure one task, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="a few rows; nothing is written")
    given = parser.parse_args()
    folder, path = given.data / "movielens-dbpedia", HERE / "results" / "text_tasks.json"
    found = []
    for seed in range(1 if given.tiny else given.seeds):
        start = time.perf_counter()
        one = TASKS[given.task](folder, seed, given.tiny)
        found.append({"seed": seed, **one, "all_seconds": time.perf_counter() - start})
        print(json.dumps(found[-1], indent=1), flush=True)
        if not given.tiny:
            results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            settings = {"settings": SETTINGS, "pairs": PAIRS, given.task: found}
            write_json(path, results | settings | {"about": about(0)})


if __name__ == "__main__":
    main()
