"""An index over item vectors: the items with the largest inner product with a query."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.retrieval.topk import (
    CHUNK_ELEMENTS,
    TopK,
    check_candidates,
    check_exclude,
    check_k,
    choose_in_threads,
    chunks,
    empty,
    mask,
    merge,
)
from kgrec.types import FloatArray, IntArray


class Index(ABC):
    """Finds items by their vectors: always k items, if k are allowed.

    Attributes:
        vectors: The items, float32 of shape (num_items, dim).
    """

    vectors: FloatArray

    @abstractmethod
    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return the k items with the largest inner product with each query; ties: lower row first.

        Args:
            queries: float32 of shape (b, dim), such as vectors of users or of search texts.
            k: At least 1. If it is larger than num_items, the rest is padding.
            exclude: Shape (b, num_items); stored entries are not returned.
            candidates: Rows of the items that may be returned; None: all.

        Raises:
            DataError: A product is NaN or +inf, or the shapes do not fit together.
            ConfigError: `k` is below 1.
        """

    def scores(self, queries: FloatArray) -> FloatArray:
        """Return all inner products, float32 (b, num_items), for callers that add up scores."""
        return np.asarray(queries @ self.vectors.T)


class ExactIndex(Index):
    """Compares queries with every item, in chunks of queries and, if needed, of items.

    Args:
        vectors: See `Index`.
        unknown: Rows of items without any data, int64 of shape (u,): they come after all others,
            in the order of the rows.
        chunk_elements: Scores in memory at a time.

    >>> ExactIndex([[0.0, 1.0], [3.0, 0.0]]).search([[1.0, 0.0]], k=1).items.tolist()
    [[1]]
    """

    def __init__(
        self,
        vectors: npt.ArrayLike,
        *,
        unknown: IntArray | None = None,
        chunk_elements: int = CHUNK_ELEMENTS,
    ) -> None:
        self.vectors = np.asarray(vectors, dtype=np.float32)
        if self.vectors.ndim != 2:
            raise DataError(
                f"vectors must have the shape (num_items, dim), found {self.vectors.shape}."
            )
        self._chunk_elements = chunk_elements
        self._unknown = np.zeros(0, dtype=np.int64) if unknown is None else np.unique(unknown)
        self._known: IntArray | None = None
        if len(self._unknown):
            self._known = np.setdiff1d(np.arange(len(self.vectors)), self._unknown)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return the k items with the largest inner product with each query; see `Index.search`."""
        vectors, rows = self.vectors, np.asarray(queries, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != vectors.shape[1]:
            raise DataError(
                "queries must have the shape (b, dim) with the items' dim, found "
                f"{rows.shape} and items of shape {vectors.shape}."
            )
        check_k(k)
        exclude = check_exclude(exclude, len(rows), len(vectors))
        allowed = check_candidates(candidates, len(vectors))
        pool = np.arange(len(vectors), dtype=np.int64) if allowed is None else allowed
        if self._known is not None:
            pool = np.intersect1d(pool, self._known)
        if len(pool) < len(vectors):
            # Rows of items ascend, because ties go to the lower position.
            vectors = vectors[pool]
        made = empty(len(rows), k)
        width = min(len(pool), max(self._chunk_elements, 1))
        for part in chunks(len(rows), width, self._chunk_elements):
            masked = None if exclude is None else exclude[part]
            best = empty(part.stop - part.start, k)
            for start in range(0, len(pool), max(width, 1)):
                piece = pool[start : start + width]
                block = rows[part] @ vectors[start : start + width].T
                mask(block, masked, piece)
                best = merge(best, choose_in_threads(block, k, piece))
            made.items[part], made.scores[part] = best
        return made if self._known is None else self._with_unknown(made, exclude, allowed)

    def _with_unknown(
        self, best: TopK, exclude: csr_matrix | None, allowed: IntArray | None
    ) -> TopK:
        """Fill up with the unknown items, with the score of the last known one."""
        pool = self._unknown if allowed is None else np.intersect1d(allowed, self._unknown)
        for row in np.flatnonzero(best.items[:, -1] < 0).tolist():
            open_ = pool if exclude is None else np.setdiff1d(pool, exclude[row].indices)
            found = int((best.items[row] >= 0).sum())
            more = open_[: best.items.shape[1] - found]
            best.items[row, found : found + len(more)] = more
            last = best.scores[row, found - 1] if found else 0.0
            best.scores[row, found : found + len(more)] = last
        return best
