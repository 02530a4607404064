"""Paths as columns; the best of them become objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from kgrec.explain.explanation import Kind
from kgrec.types import BoolArray, Float64Array, IntArray

_MOST_PER_NODE: Final = 3
_KINDS: Final[tuple[Kind, ...]] = ("direct", "shared", "two_hop")


@dataclass(frozen=True, eq=False)
class PathTable:
    """Paths from liked items to one item. The number of nodes in between tells their kind.

    Attributes:
        liked: Place of the liked item in the history, int64 of shape (p,).
        nodes: Nodes in between, -1 where there are fewer, int64 of shape (p, 2).
        relations: Relation of each step from the liked item on, -1 where there are fewer, int64 of
            shape (p, 3).
        forward: Whether that relation runs along the path, bool of shape (p, 3).
        specificity: Specificity of the nodes in between, 0 to 1, float64 of shape (p,).
        weight: Product of the other factors of the score that do not depend on the model,
            float64 of shape (p,).
    """

    liked: IntArray
    nodes: IntArray
    relations: IntArray
    forward: BoolArray
    specificity: Float64Array
    weight: Float64Array

    @classmethod
    def from_columns(
        cls,
        liked: IntArray,
        nodes: Sequence[IntArray],
        steps: Sequence[tuple[IntArray, BoolArray]],
        specificity: Float64Array,
        weight: Float64Array,
    ) -> PathTable:
        """Return the table of columns; `steps` holds relations and directions."""
        nothing = np.full(len(liked), -1, dtype=np.int64)
        never = np.zeros(len(liked), dtype=bool)
        missing = 3 - len(steps)
        return cls(
            liked,
            np.column_stack([*nodes, *[nothing] * (2 - len(nodes))]),
            np.column_stack([*(relation for relation, _ in steps), *[nothing] * missing]),
            np.column_stack([*(forward for _, forward in steps), *[never] * missing]),
            specificity,
            weight,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[PathTable]) -> PathTable:
        """Return the paths of all parts."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return len(self.liked)

    def kind_of(self, place: int) -> Kind:
        """Return the kind of a path."""
        return _KINDS[int((self.nodes[place] >= 0).sum())]

    def between(self, place: int) -> list[int]:
        """Return the nodes in between of a path."""
        return [int(node) for node in self.nodes[place] if node >= 0]

    def steps(self, place: int) -> list[tuple[int, bool]]:
        """Return (relation, whether it runs along the path) for each step of a path."""
        pairs = zip(self.relations[place].tolist(), self.forward[place].tolist(), strict=True)
        return [(relation, forward) for relation, forward in pairs if relation >= 0]

    def total_specificity(self, num_liked: int) -> Float64Array:
        """Return the sum of the specificities of distinct nodes per liked item, (num_liked,)."""
        order = np.lexsort((self.nodes[:, 0], self.liked))
        liked, node = self.liked[order], self.nodes[order, 0]
        first = _starts(liked, node)
        total: Float64Array = np.zeros(num_liked)
        np.add.at(total, liked[first], self.specificity[order][first])
        return total


def ranked(found: PathTable, score: Float64Array, k: int) -> IntArray:
    """Return the places of the k best paths, best first, int64 of shape (at most k,).

    Of the paths between the same nodes, only the best counts. At most three lead over the same
    nodes if there are others. Equal scores are ordered by liked item and nodes.

    Args:
        found: Paths.
        score: Their scores, float64 of shape (p,); those of 0 are never returned.
        k: How many.
    """
    columns = [found.liked, found.nodes[:, 0], found.nodes[:, 1]]
    tiebreak = [found.relations[:, step] for step in (2, 1, 0)]
    order = np.lexsort((*tiebreak, -score, *columns))
    order = order[score[order] > 0]
    distinct = order[_starts(*(column[order] for column in columns))]
    liked, first, second = (column[distinct] for column in columns)
    best = distinct[np.lexsort((second, first, liked, -score[distinct]))]
    rank = _rank_within(found.nodes[best, 0], found.nodes[best, 1])
    capped = (rank >= _MOST_PER_NODE) & (found.nodes[best, 0] >= 0)
    chosen = np.argsort(capped, kind="stable")[:k]
    return np.asarray(best[np.sort(chosen)], dtype=np.int64)


def _starts(*columns: IntArray) -> BoolArray:
    """Return which rows of sorted columns differ from the row before, bool of shape (p,)."""
    new = np.zeros(len(columns[0]), dtype=bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new


def _rank_within(*columns: IntArray) -> IntArray:
    """Return how many rows before have the same values, int64 of shape (p,)."""
    order = np.lexsort(columns)
    starts = np.flatnonzero(_starts(*(column[order] for column in columns)))
    length = np.diff(np.append(starts, len(order)))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, length)
    return rank
