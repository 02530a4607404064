"""Metrics of rankings, per user and over all recommendations.

A ranking is an int64 array of shape (b, depth): the rows of the items recommended to each of b
users, best first, padded with -1 where fewer remained. Judgements are binary. Every per-user
metric returns float64 of shape (b,), and 0 for a user without relevant items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.types import BoolArray, Float64Array, IntArray


def find_hits(ranking: IntArray, relevant: csr_matrix) -> BoolArray:
    """Return which recommended items are relevant, bool of shape (b, depth).

    Args:
        ranking: Rows of items, int64 of shape (b, depth); -1 is padding and never relevant.
        relevant: Shape (b, num_items); a stored entry that is not zero is a relevant item.

    Raises:
        DataError: The shapes do not fit together, or a row lies outside of the items.

    >>> find_hits(np.array([[2, 0]]), csr_matrix([[0, 0, 1]])).tolist()
    [[True, False]]
    """
    _check_ranking(ranking, relevant.shape[1])
    if ranking.shape[0] != relevant.shape[0]:
        raise DataError(
            f"The ranking has {ranking.shape[0]} users, the judgements have {relevant.shape[0]}."
        )
    user, item = relevant.nonzero()
    num_items = max(relevant.shape[1], 1)
    keys = user.astype(np.int64) * num_items + item
    asked = np.arange(len(ranking), dtype=np.int64)[:, None] * num_items + ranking
    found: BoolArray = np.isin(asked, keys) & (ranking >= 0)
    return found


def count_relevant(relevant: csr_matrix) -> IntArray:
    """Return the number of relevant items of each user, int64 of shape (b,)."""
    return np.bincount(relevant.nonzero()[0], minlength=relevant.shape[0]).astype(np.int64)


def ndcg(hits: BoolArray, num_relevant: IntArray, k: int) -> Float64Array:
    """Normalised discounted cumulative gain at k (Järvelin and Kekäläinen, TOIS 2002).

    Gains are binary, the discount of rank r is 1 / log2(r + 1), and the ideal ranking has
    min(k, num_relevant) relevant items on top.
    """
    return _ratio(dcg(hits, k), ideal_dcg(num_relevant, k))


def dcg(hits: BoolArray, k: int) -> Float64Array:
    """Discounted cumulative gain at k: the sum of 1 / log2(rank + 1) over the hits.

    The sum goes rank by rank, as in the ideal: a perfect ranking gets exactly the ideal, and a
    user's value does not depend on the other users, as it may in a matrix product.
    """
    gain = np.zeros(len(hits))
    for hit, discount in zip(hits[:, :k].T, _discounts(k), strict=False):  # fewer may be ranked
        gain += hit * discount
    return gain


def ideal_dcg(num_relevant: IntArray, k: int) -> Float64Array:
    """Discounted cumulative gain at k of rankings with all relevant items on top."""
    gains = np.concatenate([[0.0], np.cumsum(_discounts(k))])
    return np.asarray(gains[np.minimum(num_relevant, k)])


def recall(hits: BoolArray, num_relevant: IntArray, k: int) -> Float64Array:
    """Relevant items among the first k, as a share of all relevant items."""
    return _ratio(hits[:, :k].sum(axis=1), num_relevant)


def precision(hits: BoolArray, num_relevant: IntArray, k: int) -> Float64Array:  # noqa: ARG001
    """Relevant items among the first k, as a share of k, even where fewer were recommended."""
    return _ratio(hits[:, :k].sum(axis=1), np.full(len(hits), k))


def mrr(hits: BoolArray, num_relevant: IntArray, k: int) -> Float64Array:  # noqa: ARG001
    """Reciprocal rank of the first relevant item, 0 where there is none among the first k."""
    top = hits[:, :k]
    if not top.shape[1]:
        return np.zeros(len(hits))
    return _ratio(top.any(axis=1), top.argmax(axis=1) + 1)


def average_precision(hits: BoolArray, num_relevant: IntArray, k: int) -> Float64Array:
    """Mean of the precision at the rank of each relevant item among the first k.

    Normalised by min(k, num_relevant), so that the best possible ranking has 1. (`trec_eval`
    normalises by num_relevant.)
    """
    top = hits[:, :k]
    at_rank = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    return _ratio((at_rank * top).sum(axis=1), np.minimum(num_relevant, k))


def hit(hits: BoolArray, num_relevant: IntArray, k: int) -> Float64Array:  # noqa: ARG001
    """1 where a relevant item is among the first k, and otherwise 0."""
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


PER_USER: dict[str, Callable[[BoolArray, IntArray, int], Float64Array]] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "mrr": mrr,
    "map": average_precision,
    "hit": hit,
}
"""The per-user metrics by their names in results."""


def per_user_metrics(
    ranking: IntArray, relevant: csr_matrix, k: Sequence[int] = (10, 20)
) -> dict[str, Float64Array]:
    """Return every per-user metric at every k, as `{"ndcg@10": float64 of shape (b,), …}`.

    Args:
        ranking: Rows of items, int64 of shape (b, depth), with depth at least the largest k.
        relevant: Judgements, shape (b, num_items).
        k: Cut-offs.

    Raises:
        ConfigError: A cut-off is below 1, above the ranking's depth, or there is none.
        DataError: The shapes do not fit together.

    >>> metrics = per_user_metrics(np.array([[2, 0]]), csr_matrix([[1, 0, 0]]), k=[2])
    >>> float(metrics["mrr@2"][0]), float(metrics["recall@2"][0])
    (0.5, 1.0)
    """
    _check_cutoffs(k, ranking)
    hits, num_relevant = find_hits(ranking, relevant), count_relevant(relevant)
    return {
        f"{name}@{cutoff}": metric(hits, num_relevant, cutoff)
        for cutoff in k
        for name, metric in PER_USER.items()
    }


def beyond_accuracy(
    ranking: IntArray,
    item_counts: IntArray,
    k: Sequence[int] = (10, 20),
    candidates: IntArray | None = None,
) -> dict[str, float]:
    """Return coverage, popularity and Gini coefficient over the lists of all users.

    - `coverage@k`: candidates recommended to anyone, as a share of the candidates.
    - `popularity@k`: mean number of training interactions of a recommended item.
    - `gini@k`: Gini coefficient of how often each candidate is recommended, from 0 (all equally
      often) to nearly 1 (always the same ones).

    Args:
        ranking: Rows of items, int64 of shape (b, depth).
        item_counts: Training interactions of each item, int64 of shape (num_items,).
        k: Cut-offs.
        candidates: Rows of the items that can be recommended; None: all.

    Raises:
        ConfigError: A cut-off is below 1, above the ranking's depth, or there is none.
        DataError: The ranking holds an item that is no candidate.
    """
    _check_cutoffs(k, ranking)
    num_items = len(item_counts)
    _check_ranking(ranking, num_items)
    pool = np.arange(num_items) if candidates is None else np.unique(candidates)
    results = {}
    for cutoff in k:
        shown = ranking[:, :cutoff]
        shown = shown[shown >= 0]
        times = np.bincount(shown, minlength=num_items)
        if times[pool].sum() != len(shown):
            raise DataError("The ranking holds items that are no candidates.")
        results[f"coverage@{cutoff}"] = float((times[pool] > 0).mean()) if len(pool) else 0.0
        results[f"popularity@{cutoff}"] = float(item_counts[shown].mean()) if len(shown) else 0.0
        results[f"gini@{cutoff}"] = gini(times[pool])
    return results


def gini(counts: npt.ArrayLike) -> float:
    """Return the Gini coefficient of non-negative counts, and 0 where all are zero.

    Half the mean absolute difference between two of them, divided by their mean.

    >>> gini([1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    values = np.sort(np.asarray(counts, dtype=np.float64))
    total = values.sum()
    if total == 0:
        return 0.0
    num = len(values)
    return float((2 * np.arange(1, num + 1) - num - 1) @ values / (num * total))


def _discounts(k: int) -> Float64Array:
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Float64Array:
    """Return above / below, and 0 where `below` is 0."""
    numerator = np.asarray(above, dtype=np.float64)
    denominator = np.asarray(below, dtype=np.float64)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _check_cutoffs(k: Sequence[int], ranking: IntArray) -> None:
    depth = ranking.shape[1] if ranking.ndim == 2 else 0
    if not k or min(k) < 1 or max(k) > depth:
        raise ConfigError(
            f"k must be one or more numbers from 1 to the ranking's depth {depth}, found {list(k)}."
        )


def _check_ranking(ranking: IntArray, num_items: int) -> None:
    if ranking.ndim != 2 or not np.issubdtype(ranking.dtype, np.integer):
        raise DataError(
            f"A ranking must be integers of shape (b, depth), found {ranking.dtype} of shape "
            f"{ranking.shape}."
        )
    if ranking.size and not (-1 <= ranking.min() and ranking.max() < num_items):
        raise DataError(f"A ranking must hold item rows from -1 to {num_items - 1}.")
