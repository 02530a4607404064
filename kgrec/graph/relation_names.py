"""Names of relations in a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from kgrec.rdf.iri_names import local_name
from kgrec.types import EdgeType

INTERACTS: Final[EdgeType] = ("user", "interacts", "item")
"""The edge type of the interactions."""


def short_names(iris: Sequence[str]) -> list[str]:
    """Return a short, distinct name for each IRI: its last part, or all of it if not unique.

    Names that begin with `rev_` would look like inverses, and `interacts` like the interactions;
    they get a prefix.

    >>> short_names(["http://a/director", "http://a#label", "http://b/label"])
    ['director', 'http://a#label', 'http://b/label']
    """
    last = [local_name(iri) for iri in iris]
    count = Counter(last)
    names = [
        name if count[name] == 1 and not is_reserved(name) else iri
        for name, iri in zip(last, iris, strict=True)
    ]
    return [f"relation_{name}" if is_reserved(name) else name for name in names]


def is_reserved(name: str) -> bool:
    """Return whether a name is that of the interactions or of an inverse."""
    return name == INTERACTS[1] or name.startswith("rev_")
