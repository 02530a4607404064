"""Edges sorted by source, to find the edges of many nodes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgrec.types import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Adjacency:
    """Compressed sparse rows of labelled edges.

    Attributes:
        start: Where the edges of each source begin, int64 of shape (num_sources + 1,).
        target: The other end of each edge, int64 of shape (E,).
        relation: Number of its relation, int64 of shape (E,).
        forward: Whether the relation runs from source to target, bool of shape (E,).
    """

    start: IntArray
    target: IntArray
    relation: IntArray
    forward: BoolArray

    @classmethod
    def from_edges(
        cls,
        num_sources: int,
        source: IntArray,
        target: IntArray,
        relation: IntArray,
        forward: BoolArray,
    ) -> Adjacency:
        """Sort edges, arrays of shape (E,) in any order."""
        order = np.lexsort((~forward, relation, target, source))
        start = np.searchsorted(source[order], np.arange(num_sources + 1))
        return cls(start.astype(np.int64), target[order], relation[order], forward[order])

    def at(self, sources: IntArray) -> tuple[IntArray, IntArray]:
        """Return the edges of `sources` (int64 of shape (m,)), in their order.

        Returns:
            For each edge the place of its source in `sources`, and the place of the edge, both
            int64 of shape (number of edges,).
        """
        return expand(self.start[sources], self.start[sources + 1] - self.start[sources])


def expand(begin: IntArray, count: IntArray) -> tuple[IntArray, IntArray]:
    """Return the ranges begin … begin + count, one after the other: (which range, place).

    >>> which, place = expand(np.array([4, 0]), np.array([2, 3]))
    >>> which.tolist(), place.tolist()
    ([0, 0, 1, 1, 1], [4, 5, 0, 1, 2])
    """
    which = np.repeat(np.arange(len(begin)), count)
    shift = np.repeat(begin - (np.cumsum(count) - count), count)
    return which, np.arange(len(which)) + shift


def join(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """Return all pairs of places (i, j) with left[i] == right[j], ordered by i, then j.

    >>> i, j = join(np.array([7, 8, 7]), np.array([7, 9, 7]))
    >>> list(zip(i.tolist(), j.tolist()))
    [(0, 0), (0, 2), (2, 0), (2, 2)]
    """
    order = np.argsort(right, kind="stable")
    first, last = (np.searchsorted(right[order], left, side=side) for side in ("left", "right"))
    i, place = expand(first.astype(np.int64), (last - first).astype(np.int64))
    return i, order[place]
