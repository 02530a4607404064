"""Comparing two runs: who is answered by which, and what comes of it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from kgrec.serving.pseudonyms import Pseudonyms

MAIN: Final = "main"
VARIANT: Final = "variant"
_MOST: Final = 50_000  # users whose last list is remembered


@dataclass
class Counts:
    """What came of the lists of one run.

    Attributes:
        lists: Lists that were returned to known users.
        likes: Likes of users who had been returned a list.
        hits: Those of them that were in the last list.
    """

    lists: int = 0
    likes: int = 0
    hits: int = 0

    @property
    def rate(self) -> float | None:
        """Share of the likes that were in the list; None: there are none."""
        return self.hits / self.likes if self.likes else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"lists": self.lists, "likes": self.likes, "hits": self.hits, "rate": self.rate}


@dataclass
class Experiment:
    """Two runs that each answer a share of the users, or one that answers all.

    Attributes:
        pseudonyms: Spread users over the runs, and name them here.
        share: Share of the users whom the variant answers; 0: there is none.
    """

    pseudonyms: Pseudonyms
    share: float = 0.0
    counts: dict[str, Counts] = field(default_factory=lambda: {MAIN: Counts(), VARIANT: Counts()})
    _shown: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def role(self, user: str | None) -> str:
        """Return which run answers a user."""
        if user is None or not self.share:
            return MAIN
        return VARIANT if self.pseudonyms.share(user) < self.share else MAIN

    def showed(self, user: str, items: Iterable[str]) -> None:
        """Note that a user was returned a list."""
        name = self.pseudonyms.of(user)
        with self._lock:
            self.counts[self.role(user)].lists += 1
            self._shown.pop(name, None)
            self._shown[name] = frozenset(items)
            if len(self._shown) > _MOST:
                self._shown.popitem(last=False)

    def liked(self, user: str, item: str) -> None:
        """Note that a user likes an item."""
        name = self.pseudonyms.of(user)
        with self._lock:
            shown = self._shown.get(name)
            if shown is not None:
                found = self.counts[self.role(user)]
                found.likes += 1
                found.hits += item in shown

    def forget(self, user: str) -> None:
        """Forget what a user was returned."""
        with self._lock:
            self._shown.pop(self.pseudonyms.of(user), None)

    def figures(self) -> dict[str, Any]:
        """Return the counts, and how far the rates differ, with its 95 % interval."""
        with self._lock:
            main, variant = self.counts[MAIN], self.counts[VARIANT]
            found: dict[str, Any] = {"share": self.share, MAIN: main.to_dict()}
            if self.share:
                found |= {VARIANT: variant.to_dict(), "difference": _difference(main, variant)}
            return found


def _difference(main: Counts, variant: Counts) -> dict[str, float] | None:
    """Return variant - main with its normal 95 % interval (two proportions); None: no likes."""
    if main.rate is None or variant.rate is None:
        return None
    parts = [(one.rate or 0.0, one.likes) for one in (main, variant)]
    error = math.sqrt(sum(rate * (1 - rate) / count for rate, count in parts))
    difference = variant.rate - main.rate
    return {
        "rate": difference,
        "low": difference - 1.96 * error,
        "high": difference + 1.96 * error,
    }
