"""Full-ranking evaluation: rank all candidates for each user, then measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions, Split
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.beyond import ItemFacts, novelty, popularity_lift
from kgrec.evaluation.metrics import beyond_accuracy, per_user_metrics
from kgrec.files import write_json
from kgrec.retrieval.topk import CHUNK_ELEMENTS, top_k_scored
from kgrec.types import Float64Array, FloatArray, IntArray


class Scorer(Protocol):
    """Anything that scores all items for users, such as a `kgrec.models.base.Model`."""

    def score(self, users: IntArray, /) -> FloatArray:
        """Return float32 of shape (b, num_items) for rows of users, int64 of shape (b,)."""
        ...


@dataclass(frozen=True)
class Ranking:
    """The best candidates for each user who has something to be found.

    Attributes:
        users: Rows of users, int64 of shape (b,), ascending.
        items: Rows of items, int64 of shape (b, depth), best first; -1 is padding.
        scores: Their scores, float32 of shape (b, depth); -inf is padding.
    """

    users: IntArray
    items: IntArray
    scores: FloatArray

    @property
    def depth(self) -> int:
        """Items ranked for each user."""
        return int(self.items.shape[1])


@dataclass(frozen=True)
class Evaluation:
    """What a model reached.

    Attributes:
        metrics: Means over the users, such as `"ndcg@10"`, and what is true of all
            recommendations together: `"coverage@10"`, `"popularity@10"`, `"gini@10"`,
            `"popularity_lift@10"`, and where attributes and text of the items are known the mean
            diversity of lists, `"ild_graph@10"` and `"ild_text@10"`; see
            `kgrec.evaluation.beyond`.
        per_user: The per-user metrics, each float64 of shape (num_users,).
        user_ids: The users' ids, in the same order.
        k: The cut-offs.
        num_candidates: Items that were ranked; for one user at most where each has their own, and
            pairs that were judged where nothing is ranked.
        num_judgements: Interactions to be found.
        num_unreachable: Those of them that could not be found, because they were excluded or are
            no candidates. They count as missed.
        protocol: How it was measured; see `kgrec.evaluation.settings.PROTOCOLS`.
        sampled: Whether a sample of the items was ranked. Such figures do not compare with those
            of the full ranking.
        non_standard: Whether a metric is not what its name says elsewhere.
        details: What else there is to know, such as settings, as JSON can hold it.
    """

    metrics: Mapping[str, float]
    per_user: Mapping[str, Float64Array] = field(repr=False)
    user_ids: Sequence[str] = field(repr=False)
    k: tuple[int, ...]
    num_candidates: int
    num_judgements: int
    num_unreachable: int = 0
    protocol: str = "full"
    sampled: bool = False
    non_standard: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def num_users(self) -> int:
        """Users with at least one interaction to be found."""
        return len(self.user_ids)

    def to_pandas(self) -> pd.DataFrame:
        """Return the per-user values, a row for each user: `user_id` and a column per metric."""
        return pd.DataFrame({"user_id": list(self.user_ids), **self.per_user})

    def to_dict(self, *, per_user: bool = False) -> dict[str, Any]:
        """Return plain numbers and strings that JSON can hold.

        Args:
            per_user: Whether the values of each user are among them.
        """
        result: dict[str, Any] = {
            "protocol": self.protocol,
            "sampled": self.sampled,
            "non_standard": self.non_standard,
            "metrics": dict(self.metrics),
            "k": list(self.k),
            "num_users": self.num_users,
            "num_candidates": self.num_candidates,
            "num_judgements": self.num_judgements,
            "num_unreachable": self.num_unreachable,
            **({"details": dict(self.details)} if self.details else {}),
        }
        if per_user:
            values = {name: column.tolist() for name, column in self.per_user.items()}
            result["per_user"] = {"user_id": list(self.user_ids), **values}
        return result

    def save_json(self, path: str | Path, *, per_user: bool = True) -> None:
        """Write `to_dict` to a file, atomically.

        Raises:
            RunError: The file cannot be written.
        """
        write_json(path, self.to_dict(per_user=per_user))


def evaluate(
    model: Scorer,
    test: Interactions,
    *,
    exclude: Interactions | Sequence[Interactions],
    k: Sequence[int] = (10, 20),
    candidates: IntArray | None = None,
    facts: ItemFacts | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> Evaluation:
    """Rank all candidates for each user of `test` and measure the rankings.

    The mean is over users with at least one interaction in `test`.

    Args:
        model: What scores items for users.
        test: The interactions to be found.
        exclude: What users have already, which is not recommended again: the training part, and
            the validation part as well when testing. The popularity of items is counted in the
            first of them.
        k: Cut-offs.
        candidates: Rows of the items that are ranked, int64 of shape (c,), see
            `protocol_candidates`; None: all items of the vocabulary.
        facts: What is known of the items, for the diversity of lists; None: it is not measured.
        chunk_elements: Scores held at a time.

    Raises:
        DataError: The logs do not share their vocabularies, `test` is empty, or a score is NaN.
        ConfigError: A cut-off is below 1, or there is none.
    """
    if not k or min(k) < 1:
        raise ConfigError(f"k must be one or more numbers from 1 on, found {list(k)}.")
    ranking = rank(
        model,
        test,
        exclude=exclude,
        depth=max(k),
        candidates=candidates,
        chunk_elements=chunk_elements,
    )
    return measure(ranking, test, exclude=exclude, k=k, candidates=candidates, facts=facts)


def rank(
    model: Scorer,
    test: Interactions,
    *,
    exclude: Interactions | Sequence[Interactions],
    depth: int,
    candidates: IntArray | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> Ranking:
    """Return the `depth` best candidates for each user of `test`.

    The arguments are those of `evaluate`. A ranking deeper than the cut-offs may be measured
    with `measure` and written with `kgrec.evaluation.trec.write_trec`, so that the model scores
    once.

    Raises:
        DataError: The logs do not share their vocabularies, `test` is empty, or a score is NaN.
        ConfigError: `depth` is below 1.
    """
    seen = seen_items(test, as_logs(exclude))
    users = users_of(test)
    best = top_k_scored(
        model.score,
        users,
        depth,
        num_items=test.num_items,
        exclude=seen[users],
        candidates=candidates,
        chunk_elements=chunk_elements,
    )
    return Ranking(users, best.items, best.scores)


def measure(
    ranking: Ranking,
    test: Interactions,
    *,
    exclude: Interactions | Sequence[Interactions],
    k: Sequence[int] = (10, 20),
    candidates: IntArray | None = None,
    facts: ItemFacts | None = None,
) -> Evaluation:
    """Return the metrics of a ranking that `rank` made with the same arguments.

    Raises:
        DataError: The logs do not share their vocabularies, or the ranking was made for other
            users.
        ConfigError: A cut-off is below 1, above the ranking's depth, or there is none.
    """
    logs = as_logs(exclude)
    seen = seen_items(test, logs)
    users = users_of(test)
    if not np.array_equal(users, ranking.users):
        raise DataError("The ranking was made for other users than those of `test`.")
    relevant = test.matrix()[users]
    train = logs[0].matrix() if logs else seen  # which then is empty
    values = per_user_metrics(ranking.items, relevant, k)
    counts = np.bincount(train.indices, minlength=test.num_items)
    num_active = int((np.diff(train.indptr) > 0).sum())
    for cut in k:
        values[f"novelty@{cut}"] = novelty(ranking.items, counts, num_active, cut)
    means = {name: float(column.mean()) for name, column in values.items()}
    means |= beyond_accuracy(ranking.items, counts, k, candidates)
    means |= _beyond_profiles(ranking.items, counts, train[users], k, facts)
    return Evaluation(
        metrics=means,
        per_user=values,
        user_ids=tuple(test.users.take(users)),
        k=tuple(k),
        num_candidates=test.num_items if candidates is None else len(np.unique(candidates)),
        num_judgements=int(relevant.nnz),
        num_unreachable=_num_unreachable(relevant, seen[users], candidates),
    )


def _beyond_profiles(
    ranking: IntArray,
    counts: IntArray,
    profiles: csr_matrix,
    k: Sequence[int],
    facts: ItemFacts | None,
) -> dict[str, float]:
    """Return the lift of popularity and the diversity, as far as they are defined."""
    found = {f"popularity_lift@{cut}": popularity_lift(ranking, counts, profiles, cut) for cut in k}
    if facts is not None:
        for name, values in facts.diversity(ranking, k, len(counts)).items():
            known = values[~np.isnan(values)]
            found[name] = float(known.mean()) if len(known) else float("nan")
    return {name: value for name, value in found.items() if np.isfinite(value)}


def protocol_candidates(split: Split, part: str = "test", kind: str | None = None) -> IntArray:
    """Return the rows of the items that are ranked when `part` of `split` is evaluated.

    For `random` and `temporal`, all items that occur in a part of the split; for `cold_items`,
    the items of the part that is evaluated.

    Args:
        split: The split.
        part: `valid` or `test`.
        kind: How the split was made; None: what the split says.

    Returns:
        int64 of shape (c,), ascending.

    Raises:
        ConfigError: There is no such part.
    """
    if (kind or split.kind) == "cold_items":
        return np.unique(split.part(part).item)
    split.part(part)
    return np.unique(np.concatenate([split.train.item, split.valid.item, split.test.item]))


def as_logs(exclude: Interactions | Sequence[Interactions]) -> list[Interactions]:
    """Return one log or several as a list."""
    return [exclude] if isinstance(exclude, Interactions) else list(exclude)


def users_of(test: Interactions) -> IntArray:
    """Return the rows of the users who have something to be found, ascending.

    Raises:
        DataError: There are none.
    """
    users: IntArray = np.unique(test.user).astype(np.int64, copy=False)
    if not len(users):
        raise DataError("There are no interactions to evaluate on.")
    return users


def seen_items(test: Interactions, logs: Sequence[Interactions]) -> csr_matrix:
    """Return what is excluded, shape (num_users, num_items).

    Raises:
        DataError: The logs do not share the vocabularies of `test`.
    """
    for log in logs:
        if log.users != test.users or log.items != test.items:
            raise DataError(
                "The logs to evaluate on and to exclude must share their vocabularies; see "
                "Interactions.over."
            )
    none = np.zeros(0, dtype=np.int64)
    user = np.concatenate([none, *(log.user for log in logs)])
    item = np.concatenate([none, *(log.item for log in logs)])
    ones = np.ones(len(user), dtype=np.float32)
    return csr_matrix((ones, (user, item)), shape=(test.num_users, test.num_items))


def _num_unreachable(relevant: csr_matrix, seen: csr_matrix, candidates: IntArray | None) -> int:
    reachable = relevant - relevant.multiply(seen > 0)
    if candidates is not None:
        chosen = np.zeros(relevant.shape[1], dtype=np.float32)
        chosen[candidates] = 1.0
        reachable = reachable.multiply(chosen[None, :])
    return int(relevant.nnz - csr_matrix(reachable).count_nonzero())
