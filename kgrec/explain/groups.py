"""Liked items that share the same facts, to be named together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from kgrec.explain.explanation import Path
from kgrec.explain.phrases import Phrases

F = TypeVar("F")
_MOST_NAMES: Final = 3


def grouped(
    paths: Sequence[Path], titles: Mapping[str, str], fact_of: Callable[[Path], F]
) -> list[tuple[list[str], list[F]]]:
    """Return (titles of liked items, the facts that they share), best first.

    A fact of several paths has the root of the sum of their squared scores.
    """
    liked_by_fact: dict[F, list[str]] = {}
    total: dict[F, float] = {}
    for path in paths:
        fact = fact_of(path)
        total[fact] = total.get(fact, 0.0) + path.score**2
        liked = liked_by_fact.setdefault(fact, [])
        if (title := titles[path.liked.label]) not in liked:
            liked.append(title)
    groups: dict[frozenset[str], tuple[list[str], list[F]]] = {}
    for fact in sorted(total, key=lambda fact: -total[fact]):
        liked = liked_by_fact[fact]
        groups.setdefault(frozenset(liked), (liked, []))[1].append(fact)
    return list(groups.values())


def names_of(labels: Sequence[str], phrases: Phrases) -> str:
    """Return the names of items as a list in words; of many, some are only counted."""
    if len(labels) > _MOST_NAMES + 1:
        more = phrases.text("others", count=phrases.number(len(labels) - _MOST_NAMES))
        return phrases.enumerate([", ".join(labels[:_MOST_NAMES]), more])
    return phrases.enumerate(labels)


def titled(label: str) -> str:
    """Return a title with its article in front; catalogues put it at the end.

    >>> titled("Rock, The")
    'The Rock'
    """
    title, comma, article = label.rpartition(", ")
    return f"{article} {title}" if comma and article in ("The", "A", "An") else label
