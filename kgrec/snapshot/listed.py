"""The lists that people get: items with titles and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.errors import ConfigError, DataError, check_kind, option
from kgrec.retrieval.topk import TopK
from kgrec.types import FloatArray

if TYPE_CHECKING:
    from kgrec.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class Recommendation:
    """One item of a list.

    Attributes:
        item: The item's id.
        title: Its title, or its entity's label, or its id.
        score: The model's score; only the order within one list has a meaning.
        confidence: How sure it is that the item is about a query, 0 to 1; below 0.5 it is hardly
            better than a hit for nonsense. None: the item is not found by a query. See
            `kgrec.retrieval.search.SemanticSearch.confidence`.
    """

    item: str
    title: str
    score: float
    confidence: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without what is None."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def user_row(now: Snapshot, user: str | int | None, liked: Sequence[str]) -> int | None:
    """Return the row of a known user; None: a new one, of whom `liked` tells.

    Raises:
        UnknownIdError: The user is unknown.
        DataError: Neither is given.
    """
    if user is None and not liked:
        raise DataError(
            f"Give {option('user')}, or the items that a new user likes, {option('liked')}."
        )
    return None if user is None else now.users.row(user)


def listed_of(
    now: Snapshot, best: TopK, confidence: FloatArray | None = None
) -> list[Recommendation]:
    """Return the first list of some best rows, without places that no item has.

    Args:
        now: The snapshot that has the titles.
        best: Rows and scores, best first.
        confidence: That of each, float32 of shape (k,); None: they are not found by a query.
    """
    sure = (
        [None] * len(best.items[0])
        if confidence is None
        else [round(float(one), 3) for one in confidence]
    )
    return [
        Recommendation(now.items.id(int(row)), now.title(int(row)), float(score), one)
        for row, score, one in zip(best.items[0], best.scores[0], sure, strict=True)
        if row >= 0
    ]


def checked_k(k: int | None, now: Snapshot) -> int:
    """Return a number of items, checked; ten, or all of a smaller catalogue, for None.

    Raises:
        DataError: It is no whole number.
        ConfigError: It is below 1, or larger than the catalogue.
    """
    if k is None:
        return min(10, now.num_available)
    whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
    check_kind("k", k, whole, "a whole number, such as 10")
    if not 1 <= k <= now.num_available:
        raise ConfigError(
            f"k must lie between 1 and the {now.num_available} items of the catalogue, found {k}."
        )
    return k
