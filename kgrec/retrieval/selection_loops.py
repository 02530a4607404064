"""Compiled loops that keep the best scores, and score some rows of a matrix.

Compiled by numba when a function is first called; the code is kept on disk for later processes.
They release the interpreter's lock, so that Python's threads run them at the same time.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any  # numpy arrays of the dtypes that the docstrings give

_STRIP = 64  # scores that are compared with the threshold at once


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def keep_best(
    block: Array,
    first: int,
    rows: Array,
    items: Array,
    scores: Array,
    indptr: Array,
    indices: Array,
) -> bool:
    """Put the scores of a block that are above the lowest kept one in their place.

    Calls for blocks of ascending items give the k best of all; of equal scores those of lower
    rows. Most strips have no score above the k-th best so far, and are only compared with it.

    Args:
        block: Scores, float32 of shape (b, width); -inf marks what must not be kept.
        first: The item of the first column, where `rows` is empty.
        rows: The items of the columns, int64 of shape (width,), ascending; empty: they follow on
            `first`.
        items: The k best of each row so far, int64 of shape (b, k), -1 where there are fewer.
        scores: Their scores, float32 of shape (b, k), descending, -inf where there are fewer.
        indptr: Where the excluded items of each row begin, of shape (b + 1,).
        indices: Excluded items, ascending within a row.

    Returns:
        Whether each score that is not excluded is below +inf and no NaN.
    """
    width, k = block.shape[1], items.shape[1]
    named = len(rows) > 0
    for row in range(block.shape[0]):
        values = block[row]
        least = scores[row, k - 1]
        begin, end = indptr[row], indptr[row + 1]
        for start in range(0, width, _STRIP):
            stop = min(start + _STRIP, width)
            above = 0
            for column in range(start, stop):
                above += not (values[column] <= least)  # NaN is not below anything
            if above == 0:
                continue
            for column in range(start, stop):
                value = values[column]
                if value <= least:
                    continue
                item = rows[column] if named else first + column
                if _found(indices, begin, end, item):
                    continue
                if not value < np.inf:
                    return False
                place = k - 1
                while place > 0 and scores[row, place - 1] < value:
                    scores[row, place] = scores[row, place - 1]
                    items[row, place] = items[row, place - 1]
                    place -= 1
                scores[row, place] = value
                items[row, place] = item
                least = scores[row, k - 1]
    return True


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _found(indices: Array, low: int, high: int, item: int) -> bool:
    """Return whether `indices[low:high]`, ascending, has an item."""
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < item:
            low = middle + 1
        elif indices[middle] > item:
            high = middle
        else:
            return True
    return False


@nb.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
def products(vectors: Array, rows: Array, query: Array, out: Array) -> None:
    """Write the inner products of some rows with a query, without copying the rows.

    Args:
        vectors: float32 of shape (n, dim).
        rows: The rows, int64 of shape (c,).
        query: float32 of shape (dim,).
        out: float32 of shape (c,).
    """
    dim = vectors.shape[1]
    for place in range(len(rows)):
        vector = vectors[rows[place]]
        total = np.float32(0.0)
        for axis in range(dim):
            total += vector[axis] * query[axis]
        out[place] = total
