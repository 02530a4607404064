"""The weights of the signals: by hand, or learnt from example queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from kgrec.errors import RunError
from kgrec.search.signals import SIGNALS
from kgrec.types import FloatArray

QUERY: Final = {
    "meaning": 1.0, "words": 1.0, "space": 0.5, "wanted_kinds": 2.0, "wanted_names": 6.0,
    "title": 6.0, "era": 2.0, "title_words": 0.0, "name_words": 0.0, "kind_words": 0.0,
    "same_kinds": 0.5, "same_names": 1.0, "same_text": 0.5, "same_title": 0.5, "together": 1.0,
    "against": 0.7,
}  # fmt: skip
"""Of a single query. Where nothing is recognised, these are the weights of `SemanticSearch`."""

QUERY_AFTER_LEARNING: Final = {**QUERY, "popular": 0.4, "title_words": -0.3}
"""Of a single query, in a run that has learnt from conversations but not from single queries. What
many have comes first among equals, and a word of a title tells less than one of a text. Both were
chosen on the tags of films on which the results measure it: these are not held out. A run that has
learnt nothing searches as before."""

TALK: Final = {
    "meaning": 0.4, "words": 0.2, "name_words": 0.2, "space": 0.2, "wanted_kinds": 1.0,
    "wanted_names": 1.5, "era": 1.0, "same_kinds": 1.2, "same_names": 1.0, "same_text": 0.3,
    "same_title": 0.3, "same_time": 0.6, "together": 0.6, "popular": 0.3, "against": 0.5,
    "recent": 0.2, "alone_meaning": 0.6, "alone_wanted_kinds": 1.0,
}  # fmt: skip
"""Of a conversation, which says little and names items."""


@dataclass(frozen=True, eq=False)
class SearchWeights:
    """The weight of each signal.

    Attributes:
        query: For a single query without named items, float32 of shape (len(SIGNALS),).
        talk: For a conversation, or a query with what somebody likes, likewise.
    """

    query: FloatArray
    talk: FloatArray

    @classmethod
    def default(cls) -> SearchWeights:
        """Return weights for where there are no example queries."""
        return cls(vector_of(QUERY), vector_of(TALK))

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return the weights by the names of the signals."""
        return {
            kind: {
                name: float(weight)
                for name, weight in zip(SIGNALS, getattr(self, kind), strict=True)
                if weight
            }
            for kind in ("query", "talk")
        }

    @classmethod
    def from_dict(cls, tree: Any) -> SearchWeights:
        """Return the weights of a file.

        Raises:
            RunError: They are no weights.
        """
        try:
            return cls(vector_of(tree["query"]), vector_of(tree["talk"]))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"search.json is damaged: {error}") from error


def vector_of(weights: Mapping[str, float]) -> FloatArray:
    """Return weights by name as a vector in the order of `SIGNALS`, float32.

    Raises:
        ValueError: A name is no signal, or a weight is not finite.
    """
    unknown = sorted(set(weights) - set(SIGNALS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no signal")
    found = np.array([float(weights.get(name, 0.0)) for name in SIGNALS], dtype=np.float32)
    if not np.isfinite(found).all():
        raise ValueError("a weight is not finite")
    return found
