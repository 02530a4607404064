"""An index over item vectors: the items with the largest inner product with a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.data.growing_rows import GrowingRows
from kgrec.errors import DataError
from kgrec.retrieval.topk import (
    CHUNK_ELEMENTS,
    Keeper,
    TopK,
    check_candidates,
    check_exclude,
    check_k,
    chunks,
    has_numba,
    products_in_threads,
)
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.retrieval.on_device import DeviceVectors

WIDTH = 1 << 14
"""Items in a product: wide enough for it to be fast, and small enough for the cache."""

_FEW = 4
"""Queries for which a compiled loop reads the vectors, once for each."""

_LONG = 1 << 22
"""So many numbers are worth loading that loop."""

_WORTH_A_DEVICE = 1 << 20
"""Scores that are worth a way to a GPU and back; fewer take a millisecond here."""


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

    def retrieve(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return k of about the best items, for a model that ranks them; arguments of `search`.

        An index that compares all items finds the best ones here, too.
        """
        return self.search(queries, k, exclude=exclude, candidates=candidates)

    def scores(self, queries: FloatArray) -> FloatArray:
        """Return all inner products, float32 (b, num_items), for callers that add up scores."""
        return np.asarray(queries @ self.vectors.T)

    def check_queries(self, queries: npt.ArrayLike) -> FloatArray:
        """Return queries as float32 of shape (b, dim).

        Raises:
            DataError: They have another shape.
        """
        rows = np.asarray(queries, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.vectors.shape[1]:
            raise DataError(
                "queries must have the shape (b, dim) with the items' dim, found "
                f"{rows.shape} and items of shape {self.vectors.shape}."
            )
        return rows


class ExactIndex(Index):
    """Compares queries with every item, in chunks of queries and, if needed, of items.

    Args:
        vectors: See `Index`.
        unknown: Rows of items without any data, int64 of shape (u,): they come after all others,
            in the order of the rows.
        chunk_elements: Scores in memory at a time.
        device: Where many scores are computed and chosen from, in torch's words; `auto`: on a GPU
            where there is one. A copy of the vectors lies there from the first such search on.

    >>> ExactIndex([[0.0, 1.0], [3.0, 0.0]]).search([[1.0, 0.0]], k=1).items.tolist()
    [[1]]
    """

    def __init__(
        self,
        vectors: npt.ArrayLike,
        *,
        unknown: IntArray | None = None,
        chunk_elements: int = CHUNK_ELEMENTS,
        device: str = "cpu",
    ) -> None:
        self.device = device
        self._there: DeviceVectors | None = None
        self.vectors = np.asarray(vectors, dtype=np.float32)
        if self.vectors.ndim != 2:
            raise DataError(
                f"vectors must have the shape (num_items, dim), found {self.vectors.shape}."
            )
        self._rows: GrowingRows[np.float32] | None = None
        self._chunk_elements = chunk_elements
        self._unknown = np.zeros(0, dtype=np.int64) if unknown is None else np.unique(unknown)
        self._is_known: BoolArray | None = None
        if len(self._unknown):
            self._is_known = np.ones(len(self.vectors), dtype=bool)
            self._is_known[self._unknown] = False

    def extended(self, more: FloatArray, unknown: IntArray | None = None) -> ExactIndex:
        """Return the index with further items after these, whose vectors are not copied.

        Args:
            more: The vectors of the new items, float32 of shape (m, dim).
            unknown: As for the constructor, of all items.
        """
        rows = (self._rows or GrowingRows(self.vectors)).appended(more)
        made = ExactIndex(
            rows.array, unknown=unknown, chunk_elements=self._chunk_elements, device=self.device
        )
        made._rows = rows
        self._there = None  # what comes after it is asked from now on, and has a copy of its own
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs, which has memory and a device of its own."""
        return {**self.__dict__, "_rows": None, "_there": None}

    @property
    def num_unknown(self) -> int:
        """The number of items without any data."""
        return len(self._unknown)

    def known_rows(self) -> IntArray:
        """Return the rows of the other items, int64, ascending."""
        every = np.arange(len(self.vectors), dtype=np.int64)
        return every if self._is_known is None else every[self._is_known]

    def allowed_mask(self, candidates: IntArray | None) -> BoolArray:
        """Return which items are known and among the candidates, bool of shape (num_items,)."""
        known = self._is_known
        if candidates is None:
            return np.ones(len(self.vectors), dtype=bool) if known is None else known.copy()
        mask = np.zeros(len(self.vectors), dtype=bool)
        mask[candidates] = True
        return mask if known is None else mask & known

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return the k items with the largest inner product with each query; see `Index.search`."""
        rows = self.check_queries(queries)
        check_k(k)
        exclude = check_exclude(exclude, len(rows), len(self.vectors))
        allowed = check_candidates(candidates, len(self.vectors))
        pool = self._pool(allowed)  # its rows ascend, as ties go to the lower one
        number = len(self.vectors) if pool is None else len(pool)
        if there := self._vectors_there(len(rows) * number):
            best = there.search(rows, k, exclude, pool)
            if best is not None:
                return self._filled(best, exclude, allowed)
        # One product of all items is faster for few queries: there is nothing to merge.
        few = len(rows) * number <= self._chunk_elements
        width = max(1, number if few else min(number, self._chunk_elements, WIDTH))
        keeper = Keeper(len(rows), k, exclude, len(rows) * number)
        for part in chunks(len(rows), width, self._chunk_elements):
            for start in range(0, number, width):
                if pool is None:
                    some, block = None, rows[part] @ self.vectors[start : start + width].T
                else:
                    some = pool[start : start + width]
                    block = self.products(rows[part], some)
                keeper.add(np.asarray(block), part, start, some)
        return self._filled(keeper.best, exclude, allowed)

    def _vectors_there(self, number: int) -> DeviceVectors | None:
        """Return the vectors on the device if it pays for so many scores; else None."""
        if self.device == "cpu" or number < _WORTH_A_DEVICE:
            return None
        from kgrec.retrieval.on_device import UPLOADING, vectors_on

        with UPLOADING:
            if self._there is None and self.device != "cpu":
                self._there = vectors_on(self.device, self.vectors)
                if self._there is None:
                    self.device = "cpu"
            return self._there

    def _pool(self, allowed: IntArray | None) -> IntArray | None:
        """Return the known items among the allowed ones, ascending; None: all items."""
        if self._is_known is None:
            return allowed
        return self.known_rows() if allowed is None else allowed[self._is_known[allowed]]

    def products(self, queries: FloatArray, some: IntArray) -> FloatArray:
        """Return inner products with some items; never are all their vectors copied.

        Args:
            queries: float32 of shape (b, dim).
            some: Rows of items, int64 of shape (c,).

        Returns:
            float32 of shape (b, c).
        """
        made = np.empty((len(queries), len(some)), dtype=np.float32)
        if len(queries) <= _FEW and len(some) * self.vectors.shape[1] >= _LONG and has_numba():
            products_in_threads(self.vectors, some, queries, made)
            return made
        for start in range(0, len(some), WIDTH):
            vectors = self.vectors[some[start : start + WIDTH]]
            np.matmul(queries, vectors.T, out=made[:, start : start + WIDTH])
        return made

    def _filled(self, best: TopK, exclude: csr_matrix | None, allowed: IntArray | None) -> TopK:
        """Fill up with the unknown items, which get the score of the last known one."""
        if self._is_known is None:
            return best
        pool = self._unknown if allowed is None else np.intersect1d(allowed, self._unknown)
        for row in np.flatnonzero(best.items[:, -1] < 0).tolist():
            open_ = pool if exclude is None else np.setdiff1d(pool, exclude[row].indices)
            found = int((best.items[row] >= 0).sum())
            more = open_[: best.items.shape[1] - found]
            best.items[row, found : found + len(more)] = more
            last = best.scores[row, found - 1] if found else 0.0
            best.scores[row, found : found + len(more)] = last
        return best
