"""Statements about an item, or about what somebody likes, from what the graph has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kgrec.explain.english import noun_of
from kgrec.explain.explanation import Relation
from kgrec.explain.groups import titled
from kgrec.explain.writing.statement import Kind, Statement, Values

MOST_FACTS: Final = 12
"""Facts that a statement is made of, before they are put together by relation."""

MOST_TAGS: Final = 5
"""Tags of an item at most."""

_MOST_RELATIONS: Final = 3
_MOST_NAMES: Final = 3

Facts = Iterable[tuple[Relation, str]]


def values_of(facts: Facts) -> tuple[Values, ...]:
    """Return facts by relation, in their order: three relations, with three values each.

    Relations whose names are no nouns are left out.

    Args:
        facts: Relations and labels.
    """
    names: dict[tuple[str, str], list[str]] = {}
    for relation, label in facts:
        noun = noun_of(relation)
        if noun is not None and label.strip() and label not in names.get(noun, ()):
            names.setdefault(noun, []).append(label)
    return tuple(
        Values(one, many, tuple(some[:_MOST_NAMES]), len(some[:_MOST_NAMES]) > 1)
        for (one, many), some in list(names.items())[:_MOST_RELATIONS]
    )


def statement_of(kind: Kind, facts: Facts, item: str = "") -> Statement:
    """Return a summary of an item, or a profile, as a statement.

    Args:
        kind: "summary" or "profile".
        facts: What the item is, or what liked items have, as relations and labels.
        item: The item's label.
    """
    return Statement(kind, titled(item), values=values_of(facts))


def names_in(facts: Sequence[tuple[Relation, str]]) -> list[str]:
    """Return the distinct labels of facts, in their order."""
    return list(dict.fromkeys(label for _, label in facts if label.strip()))
