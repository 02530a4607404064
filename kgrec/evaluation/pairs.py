"""Scores of (user, item) pairs, and draws of unseen pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.evaluation.base import Scorer
from kgrec.retrieval.topk import CHUNK_ELEMENTS
from kgrec.types import Float64Array, FloatArray, IntArray, RowArray


def score_pairs(
    model: Scorer,
    users: IntArray,
    items: IntArray,
    *,
    num_items: int,
    transform: Callable[[FloatArray], FloatArray] | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> FloatArray:
    """Return the model's score of each pair; each user is scored once.

    Args:
        model: What scores items for users.
        users: Rows of users, int64 of shape (n,).
        items: Rows of items, int64 of shape (n,).
        num_items: Items that the model scores.
        transform: Applied to the scores of all items of b users, float32 of shape
            (b, num_items), before the pairs are taken; None: nothing.
        chunk_elements: Scores held at a time, at least those of one user.

    Returns:
        float32 of shape (n,).

    Raises:
        DataError: A score is NaN or infinite, or the model returns another shape.
    """
    distinct, place = np.unique(users, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(distinct)))])
    scores = np.empty(len(users), dtype=np.float32)
    step = max(1, chunk_elements // max(num_items, 1))
    for start in range(0, len(distinct), step):
        stop = min(start + step, len(distinct))
        block = np.asarray(model.score(distinct[start:stop]), dtype=np.float32)
        if block.shape != (stop - start, num_items):
            raise DataError(
                f"The scores of {stop - start} rows must have the shape "
                f"({stop - start}, {num_items}), found {block.shape}."
            )
        block = block if transform is None else transform(block)
        chosen = order[ends[start] : ends[stop]]
        scores[chosen] = block[place[chosen] - start, items[chosen]]
    if not np.isfinite(scores).all():
        raise DataError("A score is NaN or infinite. The model did not converge or is damaged.")
    return scores


class Drawn(NamedTuple):
    """Unseen items of each of b users.

    Attributes:
        row: Which of the users, int64 of shape (n,), ascending.
        item: Rows of items, int64 of shape (n,), each once for a user.
        num_missing: How many fewer items than asked for, because users have seen nearly all.
    """

    row: IntArray
    item: IntArray
    num_missing: int


def draw_unseen(
    seen: csr_matrix,
    counts: IntArray,
    pool: IntArray,
    rng: np.random.Generator,
    weights: Float64Array | None = None,
) -> Drawn:
    """Draw items that users have not seen, without replacement.

    Args:
        seen: The items of each user, shape (b, num_items).
        counts: How many to draw for each user, int64 of shape (b,).
        pool: Rows of items to draw from, int64 of shape (c,), each once.
        rng: Random generator.
        weights: Weight of each item of the pool, above 0, of shape (c,); None: all equal.
    """
    seen = seen.tocsr()
    chosen = [
        _draw(seen.indices[seen.indptr[row] : seen.indptr[row + 1]], count, pool, rng, weights)
        for row, count in enumerate(counts.tolist())
    ]
    found = np.array([len(items) for items in chosen], dtype=np.int64)
    item = np.concatenate([np.zeros(0, dtype=np.int64), *chosen])
    return Drawn(np.repeat(np.arange(len(found)), found), item, int((counts - found).sum()))


def _draw(
    has: RowArray,
    count: int,
    pool: IntArray,
    rng: np.random.Generator,
    weights: Float64Array | None,
) -> IntArray:
    if weights is None and 2 * (len(has) + count) < len(pool):  # most draws are good
        found = np.zeros(0, dtype=np.int64)
        while len(found) < count:
            drawn = pool[rng.integers(0, len(pool), 2 * count)]
            found = np.concatenate([found, drawn[~np.isin(drawn, has)]])
            first = np.sort(np.unique(found, return_index=True)[1])
            found = found[first]
        return found[:count]
    free = ~np.isin(pool, has)
    allowed = pool[free]
    count = min(count, len(allowed))
    if weights is None:
        return rng.choice(allowed, count, replace=False)
    share = weights[free] / weights[free].sum() if count else None
    return rng.choice(allowed, count, replace=False, p=share)
