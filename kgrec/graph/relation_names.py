"""Short names for relations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence


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


def local_name(iri: str) -> str:
    """Return the last part of an IRI: what stands behind the last slash, hash or colon.

    >>> local_name("http://a/director"), local_name("urn:isbn:1"), local_name("soup")
    ('director', '1', 'soup')
    """
    return re.split(r"[/#:]", iri.rstrip("/#"))[-1] or iri


def is_reserved(name: str) -> bool:
    """Return whether a name means something else in the graph: the log, or an inverse."""
    return name == "interacts" or name.startswith("rev_")
