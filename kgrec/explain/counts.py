"""What counts in a score, for the paths and the words of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kgrec.explain.explanation import MOST_CONTRIBUTIONS
from kgrec.types import BoolArray, Float64Array, IntArray

TOP: Final = 3
"""Items that an explanation names, where it can: those that count most."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The score of an item, and what the liked items add to it.

    Attributes:
        score: The score.
        items: Rows of the liked items, int64 of shape (m,).
        values: What each of them adds, float64 of shape (m,).
        weights: How much each counts: by how much the score falls without it, or the same in
            another unit, float64 of shape (m,).
        base: What none of them adds.
        towers: The part of each model of an ensemble.
    """

    score: float
    items: IntArray
    values: Float64Array
    weights: Float64Array
    base: float
    towers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Counts:
    """What the items of a history count.

    Attributes:
        values: What each adds to the score, float64 of shape (m,).
        weights: How much each counts, float64 of shape (m,).
        share: Its share of all that counts, float64 of shape (m,); 0 for what speaks against.
        is_top: Whether it is one of the three that count most, bool of shape (m,).
        first: Rows of these, the first one first.
    """

    values: Float64Array
    weights: Float64Array
    share: Float64Array
    is_top: BoolArray
    first: IntArray

    @classmethod
    def of(cls, history: IntArray, scored: Scored | None) -> Counts:
        """Return the counts of a history, rows in ascending order."""
        values, weights = np.zeros(len(history)), np.zeros(len(history))
        if scored is not None:
            known = np.isin(scored.items, history)
            place = np.searchsorted(history, scored.items[known])
            values[place], weights[place] = scored.values[known], scored.weights[known]
        positive = np.maximum(weights, 0.0)
        total = positive.sum()
        share = positive / total if total > 0 else positive
        order = np.argsort(-positive, kind="stable")[:TOP]
        order = order[positive[order] > 0]
        is_top = np.zeros(len(history), dtype=bool)
        is_top[order] = True
        return cls(values, weights, share, is_top, history[order])

    @property
    def closeness(self) -> Float64Array | None:
        """How much each counts, 0 to 1, float64 of shape (m,); None: nothing counts."""
        greatest = self.share.max(initial=0.0)
        return self.share / greatest if greatest > 0 else None

    def told(self) -> list[tuple[int, float, float]]:
        """Return (place, value, share) of what counts most, and of what most speaks against."""
        order = np.argsort(-self.weights, kind="stable")
        chosen = [int(place) for place in order[:MOST_CONTRIBUTIONS] if self.weights[place] > 0]
        if len(order) and self.weights[order[-1]] < 0:
            chosen.append(int(order[-1]))
        return [(place, float(self.values[place]), float(self.share[place])) for place in chosen]
