"""The k best items, exactly, in bounded memory.

Ties go to the item of the lower row, so a ranking does not depend on the machine or on the
chunks. There is never a matrix of all users by all items: a chunk has at most `chunk_elements`
scores.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.types import FloatArray, IntArray

CHUNK_ELEMENTS = 1 << 24
"""Scores in a chunk: 64 MiB as float32; selection needs little more."""

_PER_THREAD = 1 << 21
"""Smallest number of scores for a thread."""

_MANY = 1 << 26
"""So many scores are worth loading compiled loops."""

_MOST_KEPT = 256
"""Largest k of the compiled loops, which put each score in its place."""

_STRIPES = 64
"""Columns in a stripe; see `_largest`."""


class TopK(NamedTuple):
    """The best items of each of b queries, best first.

    Where fewer than k items remain after exclusion, the rest of the row is padded with the item
    -1 and the score -inf.

    Attributes:
        items: Rows of items, int64 of shape (b, k).
        scores: Their scores, float32 of shape (b, k).
    """

    items: IntArray
    scores: FloatArray


def top_k(
    scores: npt.ArrayLike,
    k: int,
    *,
    exclude: csr_matrix | None = None,
    candidates: IntArray | None = None,
) -> TopK:
    """Return the k best items of a block of scores.

    Args:
        scores: float32 of shape (b, num_items); -inf marks an item that must not be returned.
        k: At least 1. If it is larger than num_items, the rest is padding.
        exclude: Shape (b, num_items); an item whose entry is stored in row i is not returned for
            query i.
        candidates: Rows of the items that may be returned, int64 of shape (c,); None: all.

    Raises:
        DataError: A score is NaN or +inf, or the shapes do not fit together.
        ConfigError: `k` is below 1.

    >>> best = top_k([[0.1, 0.7, 0.7, 0.2]], k=3)
    >>> best.items.tolist()
    [[1, 2, 3]]
    """
    block = np.asarray(scores, dtype=np.float32)
    if block.ndim != 2:
        raise DataError(f"scores must have the shape (b, num_items), found {block.shape}.")
    check_k(k)
    exclude = check_exclude(exclude, *block.shape)
    allowed = check_candidates(candidates, block.shape[1])
    if allowed is None and exclude is not None:
        block = block.copy()
    return _chosen(block, k, exclude, allowed)


def _chosen(
    block: FloatArray, k: int, exclude: csr_matrix | None, allowed: IntArray | None
) -> TopK:
    """Return the k best items that are allowed and not excluded.

    `block` may belong to the caller: excluded scores are overwritten and then restored.
    """
    if allowed is not None:
        block = block[:, allowed]
    elif exclude is not None and not block.flags.writeable:
        block = block.copy()
    hidden = mask(block, exclude, allowed)
    try:
        return choose_in_threads(block, k, allowed)
    finally:
        if hidden is not None:
            block[hidden.query, hidden.item] = hidden.scores


def top_k_scored(
    score: Callable[[IntArray], npt.ArrayLike],
    rows: npt.ArrayLike,
    k: int,
    *,
    num_items: int,
    exclude: csr_matrix | None = None,
    candidates: IntArray | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> TopK:
    """Return the k best items for each of `rows`, by a function that scores all items.

    Args:
        score: Takes rows, int64 of shape (c,), and returns float32 of shape (c, num_items), such
            as `Model.score` or `Model.similar`. It is called once for each chunk. Excluded scores
            in its result may be overwritten for a moment, until the next call.
        rows: Rows to score, int64 of shape (b,).
        k: Number of items, at least 1.
        num_items: Number of items that `score` scores.
        exclude: Shape (b, num_items): its row i belongs to `rows[i]`.
        candidates: Rows of the items that may be returned; None: all.
        chunk_elements: Scores in memory at a time, at least those of one row.

    Raises:
        DataError: A score is NaN or +inf, or the shapes do not fit together.
        ConfigError: `k` or `chunk_elements` is below 1.
    """
    queries = np.asarray(rows, dtype=np.int64)
    if queries.ndim != 1:
        raise DataError(f"rows must have the shape (b,), found {queries.shape}.")
    check_k(k)
    exclude = check_exclude(exclude, len(queries), num_items)
    allowed = check_candidates(candidates, num_items)
    made = empty(len(queries), k)
    for part in chunks(len(queries), num_items, chunk_elements):
        block = np.asarray(score(queries[part]), dtype=np.float32)
        if block.shape != (part.stop - part.start, num_items):
            raise DataError(
                f"The scores of {part.stop - part.start} rows must have the shape "
                f"({part.stop - part.start}, {num_items}), found {block.shape}."
            )
        best = _chosen(block, k, None if exclude is None else exclude[part], allowed)
        made.items[part], made.scores[part] = best
    return made


class Keeper:
    """Keeps the k best of blocks of scores that come one after another.

    Args:
        num: The number of queries.
        k: At least 1.
        exclude: Shape (num, num_items); stored entries are not kept.
        total: About how many scores will come. Many are looked through by compiled loops, whose
            loading takes as long as half a second of work.

    Attributes:
        best: The best so far.
    """

    def __init__(self, num: int, k: int, exclude: csr_matrix | None, total: int) -> None:
        self.best = empty(num, k)
        self._exclude = exclude
        self._compiled = total >= _MANY and k <= _MOST_KEPT and has_numba()
        if self._compiled and exclude is not None and not exclude.has_sorted_indices:
            self._exclude = exclude.sorted_indices()

    def add(self, block: FloatArray, part: slice, first: int, rows: IntArray | None) -> None:
        """Add scores of some queries.

        Args:
            block: float32 of shape (c, width), which may be overwritten. Of a query, blocks come
                in the order of the items.
            part: The queries, c of them.
            first: The item of the first column, where `rows` is None.
            rows: The items of the columns, int64 of shape (width,), ascending; None: they follow
                on `first`.

        Raises:
            DataError: A score is NaN or +inf.
        """
        excluded = None if self._exclude is None else self._exclude[part]
        best = TopK(self.best.items[part], self.best.scores[part])
        if self._compiled and block.flags.c_contiguous:
            _keep_in_threads(block, best, excluded, first, rows)
            return
        if rows is None and (first or excluded is not None):
            rows = np.arange(first, first + block.shape[1])
        mask(block, excluded, rows)
        made = merge(best, choose_in_threads(block, best.items.shape[1], rows))
        best.items[:], best.scores[:] = made


def has_numba() -> bool:
    """Return whether compiled loops can be used."""
    return importlib.util.find_spec("numba") is not None


def _keep_in_threads(
    block: FloatArray, best: TopK, exclude: csr_matrix | None, first: int, rows: IntArray | None
) -> None:
    """Put the scores of a block among the best so far; see `keep_best`."""
    from kgrec.retrieval.selection_loops import keep_best

    num = len(block)
    starts, items = np.zeros(num + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if exclude is not None:
        starts, items = exclude.indptr.astype(np.int64), exclude.indices.astype(np.int64)
    named = np.zeros(0, dtype=np.int64) if rows is None else rows

    def keep(some: slice) -> bool:
        begin, end = some.start, some.stop
        kept = best.items[begin:end], best.scores[begin:end]
        fine = keep_best(block[begin:end], first, named, *kept, starts[begin : end + 1], items)
        return bool(fine)

    if not all(_in_threads(keep, num, block.size)):
        raise not_finite()


def products_in_threads(
    vectors: FloatArray, rows: IntArray, queries: FloatArray, out: FloatArray
) -> None:
    """Write the products of queries with some rows of vectors to `out`, of shape (b, len(rows))."""
    from kgrec.retrieval.selection_loops import products

    for query, line in zip(np.ascontiguousarray(queries), out, strict=True):

        def work(some: slice, query: FloatArray = query, line: FloatArray = line) -> None:
            products(vectors, rows[some], query, line[some])

        _in_threads(work, len(rows), len(rows) * vectors.shape[1])


def _in_threads(work: Callable[[slice], Any], num: int, size: int) -> list[Any]:
    """Call `work` for parts of `num` rows with `size` numbers, in threads if they are many."""
    workers = max(1, min(os.cpu_count() or 1, size // _PER_THREAD, num))
    bounds = np.linspace(0, num, workers + 1).astype(int).tolist()
    parts = [slice(begin, end) for begin, end in pairwise(bounds)]
    if workers == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, parts))


def choose_in_threads(block: FloatArray, k: int, rows: IntArray | None) -> TopK:
    """Return the result of `_choose`; threads share the rows of a large block.

    numpy's loops run in parallel, and the threads end before this returns.
    """
    workers = min(os.cpu_count() or 1, block.size // _PER_THREAD, block.shape[0])
    if workers < 2:
        return _choose(block, k, rows)
    with ThreadPoolExecutor(workers) as pool:
        parts = np.array_split(block, workers)
        found = list(pool.map(_choose, parts, repeat(k), repeat(rows)))
    return TopK(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _choose(block: FloatArray, k: int, rows: IntArray | None) -> TopK:
    """Return the k best columns of `block`, named by the ascending `rows` (None: 0, 1, …)."""
    num, width = block.shape
    taken = min(k, width)
    made = empty(num, k)
    if taken == 0 or num == 0:
        return made
    columns = _largest(block, taken)
    scores = np.take_along_axis(block, columns, axis=1)
    # Columns ascend within a row, so in a stable sort the lower one wins ties.
    order = np.argsort(-scores, axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    found = columns if rows is None else rows[columns]
    made.items[:, :taken] = np.where(np.isneginf(scores), -1, found)
    made.scores[:, :taken] = scores
    return made


def _largest(block: FloatArray, taken: int) -> IntArray:
    """Return the columns of the `taken` largest scores of each row, ascending; ties to the left.

    Each long row is read once: its largest scores are in the `taken` stripes with the largest
    maximum. Only rows with ties between stripes are searched as a whole.

    Raises:
        DataError: A score is NaN or +inf.
    """
    num, width = block.shape
    num_stripes = width // _STRIPES
    if num_stripes < 2 * taken:
        _check_scores(block.max(axis=1))
        return _partitioned(block, taken)
    # Stripe s has the columns s, s + num_stripes, s + 2 num_stripes, …; the rest are few.
    main = block[:, : num_stripes * _STRIPES].reshape(num, _STRIPES, num_stripes)
    tail = block[:, num_stripes * _STRIPES :]
    best = np.maximum.reduce(main, axis=1)
    _check_scores(best)
    _check_scores(tail.max(axis=1, initial=-np.inf))
    least = np.partition(best, num_stripes - taken, axis=1)[:, num_stripes - taken, None]
    wanted = best >= least
    tied = wanted.sum(axis=1) > taken
    columns = np.empty((num, taken), dtype=np.int64)
    if tied.any():
        columns[tied] = _partitioned(block[tied], taken)
    stripe = np.nonzero(wanted[~tied])[1].reshape(-1, taken)
    row = np.flatnonzero(~tied)[:, None, None]
    scores = main[row, np.arange(_STRIPES)[None, :, None], stripe[:, None, :]]
    scores = np.concatenate([scores.reshape(len(row), _STRIPES * taken), tail[~tied]], axis=1)
    place = _partitioned(scores, taken)  # ascending, like the columns
    depth, which = np.divmod(place, taken)
    inside = depth * num_stripes + np.take_along_axis(stripe, which, axis=1)
    outside = place - _STRIPES * taken + _STRIPES * num_stripes
    columns[~tied] = np.where(depth < _STRIPES, inside, outside)
    return columns


def _check_scores(best: FloatArray) -> None:
    """Check the largest scores of each part; the largest is NaN if any score is."""
    if not (best < np.inf).all():
        raise not_finite()


def not_finite() -> DataError:
    """Return the error of a score that cannot be ranked."""
    return DataError("A score is NaN or infinite. The model did not converge or is damaged.")


def _partitioned(block: FloatArray, taken: int) -> IntArray:
    """Return the result of `_largest`, by a partition of whole rows."""
    num, width = block.shape
    least = np.partition(block, width - taken, axis=1)[:, width - taken, None]
    chosen = block >= least
    tied = np.flatnonzero(chosen.sum(axis=1) > taken)
    if len(tied):  # more scores tie for the last places than fit
        part, floor = block[tied], least[tied]
        above, equal = part > floor, part == floor
        room = taken - above.sum(axis=1, keepdims=True)
        chosen[tied] = above | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= room))
    columns: IntArray = np.nonzero(chosen)[1].astype(np.int64, copy=False).reshape(num, taken)
    return columns


def merge(left: TopK, right: TopK) -> TopK:
    """Return the best of two rankings; items of `left` have lower rows than those of `right`."""
    k = left.items.shape[1]
    items = np.concatenate([left.items, right.items], axis=1)
    scores = np.concatenate([left.scores, right.scores], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return TopK(np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1))


class _Hidden(NamedTuple):
    """Overwritten entries of a block, and their old values."""

    query: npt.NDArray[Any]
    item: npt.NDArray[Any]
    scores: FloatArray


def mask(block: FloatArray, exclude: csr_matrix | None, rows: IntArray | None) -> _Hidden | None:
    """Set the excluded entries of `block`, whose columns stand for the ascending `rows`."""
    if exclude is None or not exclude.nnz:
        return None
    query = np.repeat(np.arange(block.shape[0]), np.diff(exclude.indptr))
    item: npt.NDArray[Any] = exclude.indices
    if rows is not None:
        place = np.minimum(np.searchsorted(rows, item), max(len(rows) - 1, 0))
        here = rows[place] == item if len(rows) else np.zeros(len(item), dtype=bool)
        query, item = query[here], place[here]
    hidden = _Hidden(query, item, block[query, item])
    block[query, item] = -np.inf
    return hidden


def empty(num: int, k: int) -> TopK:
    """Return only padding."""
    return TopK(np.full((num, k), -1, dtype=np.int64), np.full((num, k), -np.inf, dtype=np.float32))


def chunks(num: int, width: int, chunk_elements: int) -> list[slice]:
    """Return slices of `num` rows of `width` scores, `chunk_elements` scores each."""
    if chunk_elements < 1:
        raise ConfigError(f"chunk_elements must be at least 1, found {chunk_elements}.")
    step = max(1, chunk_elements // max(width, 1))
    return [slice(start, min(start + step, num)) for start in range(0, num, step)]


def check_k(k: int) -> None:
    """Raise a ConfigError for a k below 1."""
    if k < 1:
        raise ConfigError(f"k must be at least 1, found {k}.")


def check_exclude(exclude: csr_matrix | None, num: int, num_items: int) -> csr_matrix | None:
    """Return the excluded entries as CSR; a wrong shape is a DataError."""
    if exclude is None:
        return None
    if exclude.shape != (num, num_items):
        raise DataError(f"exclude must have the shape ({num}, {num_items}), found {exclude.shape}.")
    return exclude.tocsr()


def check_candidates(candidates: IntArray | None, num_items: int) -> IntArray | None:
    """Return candidates, ascending and once each; invalid rows are a DataError."""
    if candidates is None:
        return None
    rows = np.asarray(candidates)
    if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
        raise DataError(f"candidates must be integers of shape (c,), found {rows.dtype}.")
    rows = rows.astype(np.int64, copy=False)
    if len(rows) > 1 and not (rows[1:] > rows[:-1]).all():
        rows = np.unique(rows)
    if len(rows) and (rows[0] < 0 or rows[-1] >= num_items):
        raise DataError(f"candidates must lie in 0 … {num_items - 1}.")
    return rows
