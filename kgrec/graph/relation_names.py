"""Short names for relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kgrec.rdf.iri_names import local_name


def short_names(iris: Sequence[str]) -> list[str]:
    """Return a short, distinct name for each IRI: its last part, or all of it where that clashes.

    A name that begins with `rev_` would be taken for an inverse, and `interacts` for the log;
    they are set apart by a prefix.

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
    """Return whether a name means something else in the graph: the log, or an inverse."""
    return name == "interacts" or name.startswith("rev_")
