"""What would have to be otherwise, so that an item leaves the best, or comes among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from kgrec.types import BoolArray, Float64Array, FloatArray, IntArray

ScoresOf = Callable[[BoolArray], FloatArray]
"""Takes which parts stay, bool of shape (b, m), and returns all scores, float32 (b, num_items)."""

EffectsOf = Callable[[IntArray], Float64Array]
"""Takes rows of items, int64 (q,), and returns what each part adds to their scores, (m, q)."""

AT_ONCE: Final = 64
"""Parts of this number are scored together: up to it, closed forms solve and need no weights."""
RIVALS: Final = 100
"""The other items whose scores are foreseen when parts go."""


@dataclass(frozen=True)
class Removal:
    """A set of parts without which an item is not among the best.

    Attributes:
        parts: Places of the parts, ascending. No part of it can be left out.
        smallest: Whether every smaller set was tried, and keeps the item among the best.
        place: The item's place without them, from 1.
        instead: Row of the item that is among the best in its place; -1: there is none.
    """

    parts: tuple[int, ...]
    smallest: bool
    place: int
    instead: int


def places(scores: FloatArray, item: int, allowed: BoolArray) -> IntArray:
    """Return the place of an item in each row of scores, from 1, int64 of shape (b,).

    Of equal scores, the item of the lower row comes first, as in `kgrec.retrieval.topk`.

    >>> places(np.array([[3.0, 1.0, 1.0, 2.0]]), 2, np.array([True, True, True, False])).tolist()
    [3]
    """
    own = scores[:, [item]]
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < item))
    return np.asarray((before & allowed).sum(axis=1) + 1, dtype=np.int64)


def best(scores: FloatArray, k: int, allowed: BoolArray) -> IntArray:
    """Return the rows of the k best allowed items of one row of scores, best first."""
    rows = np.flatnonzero(allowed)
    return rows[np.lexsort((rows, -scores[rows]))[:k]]


def smallest_removal(
    scores_of: ScoresOf, effects_of: EffectsOf, num: int, item: int, allowed: BoolArray, k: int
) -> Removal | None:
    """Return the smallest set of parts found without which an item is not among the k best.

    First each part alone is tried, and if there are few, each pair. Then parts go one after
    another, each time the one after which the item is foreseen to be nearest to place k; of the
    first set that is large enough, parts come back while the item stays away. What is foreseen only
    chooses what is tried: a set is returned if the model itself says that the item is gone.

    Args:
        scores_of: Scores with some of the parts.
        effects_of: What each part adds to the scores of some items, or an estimate.
        num: Number of parts.
        item: Row of the item.
        allowed: Which items are ranked, bool of shape (num_items,).
        k: How many are the best.

    Returns:
        None: the item is not among the k best with all parts, or stays there without any.
    """
    everything = np.ones((1, num), dtype=bool)
    scores = scores_of(everything)
    if places(scores, item, allowed)[0] > k or not num:
        return None
    tries = _Tries(scores_of, item, allowed, k)
    singles = ~np.eye(num, dtype=bool)
    found = tries.first(singles)
    if found is not None:
        return tries.removal(found, smallest=True)
    pairs_tried = num * (num - 1) // 2 <= AT_ONCE
    if pairs_tried:
        one, two = np.triu_indices(num, 1)
        pairs = np.ones((len(one), num), dtype=bool)
        pairs[np.arange(len(one)), one] = pairs[np.arange(len(one)), two] = False
        found = tries.first(pairs)
        if found is not None:
            return tries.removal(found, smallest=True)
    order = _order(scores[0], effects_of, num, item, allowed, k)
    nested = np.ones((num, num), dtype=bool)
    for size, part in enumerate(order):
        nested[size:, part] = False
    found = tries.first(nested[1:])
    if found is None:
        return None
    while True:
        back = [np.where(np.arange(num) == part, True, found) for part in np.flatnonzero(~found)]
        less = tries.first(np.array(back))
        if less is None:
            break
        found = less
    size = int((~found).sum())
    return tries.removal(found, smallest=size == 2 or (size == 3 and pairs_tried))


class _Tries:
    def __init__(self, scores_of: ScoresOf, item: int, allowed: BoolArray, k: int) -> None:
        self._scores_of, self._item, self._allowed, self._k = scores_of, item, allowed, k

    def first(self, kept: BoolArray) -> BoolArray | None:
        """Return the first row of parts with which the item is not among the best."""
        for start in range(0, len(kept), AT_ONCE):
            part = kept[start : start + AT_ONCE]
            gone = places(self._scores_of(part), self._item, self._allowed) > self._k
            if gone.any():
                first: BoolArray = part[int(gone.argmax())]
                return first
        return None

    def removal(self, kept: BoolArray, *, smallest: bool) -> Removal:
        scores = self._scores_of(kept[None])
        place = int(places(scores, self._item, self._allowed)[0])
        now = best(scores[0], self._k, self._allowed)
        whole = self._scores_of(np.ones((1, len(kept)), dtype=bool))[0]
        new = np.setdiff1d(now, best(whole, self._k, self._allowed), assume_unique=True)
        at = {int(row): rank for rank, row in enumerate(now.tolist())}
        instead = min((int(row) for row in new), key=lambda row: at[row], default=-1)
        parts = tuple(int(part) for part in np.flatnonzero(~kept))
        return Removal(parts, smallest, place, instead)


def _order(
    scores: FloatArray, effects_of: EffectsOf, num: int, item: int, allowed: BoolArray, k: int
) -> list[int]:
    """Return the parts in the order in which they go."""
    others = allowed.copy()
    others[item] = False
    rivals = best(scores, RIVALS, others)
    if len(rivals) < k:
        return list(range(num))
    effects = effects_of(np.append(item, rivals))
    margin = scores[item] - scores[rivals].astype(np.float64)
    loss = effects[:, :1] - effects[:, 1:]  # of the margin
    order: list[int] = []
    left = np.ones(num, dtype=bool)
    while left.any():
        after = margin - loss
        # The item leaves the best when k others are before it: the k-th smallest margin is below 0.
        kth = np.partition(after, k - 1, axis=1)[:, k - 1]
        part = int(np.where(left, kth, np.inf).argmin())
        order.append(part)
        left[part] = False
        margin = after[part]
    return order


@dataclass(frozen=True)
class Addition:
    """A further liked item that would bring another one among the best.

    Attributes:
        liked: Row of the item to be liked.
        place: The place that the other item would then have, from 1.
    """

    liked: int
    place: int


def best_addition(
    scores_of: Callable[[IntArray], FloatArray], item: int, likely: IntArray, allowed: BoolArray
) -> Addition | None:
    """Return the item that, once liked, brings another one to the best place.

    Args:
        scores_of: Returns all scores with each of some items liked as well, float32 (b, num_items).
        item: Row of the item that is to come up.
        likely: Rows of the items that are tried, int64 of shape (b,).
        allowed: Which items are ranked, bool of shape (num_items,).

    Returns:
        None: nothing was tried.
    """
    found: Addition | None = None
    for start in range(0, len(likely), AT_ONCE):
        part = likely[start : start + AT_ONCE]
        scores = scores_of(part)
        scores[np.arange(len(part)), part] = -np.inf  # what is liked is not recommended
        at = places(scores, item, allowed)
        one = int(at.argmin())
        if found is None or at[one] < found.place:
            found = Addition(int(part[one]), int(at[one]))
    return found
