"""What somebody likes, in words: a profile that a person can read and edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from kgrec.search.facts import ItemFacts
from kgrec.types import Float64Array, FloatArray, IntArray

_VALUES: Final = 8  # of each kind
_KEYWORDS: Final = 12
_TOPICS: Final = 5
_ITEMS: Final = 3  # titles of a topic
_FEWEST: Final = 4  # items, to look for topics
_MOST: Final = 500  # items: the last ones of a long history
_SMOOTH: Final = 5.0  # items that nobody has: doubt of a value of few items


@dataclass(frozen=True)
class Topic:
    """Items of a history that are near each other.

    Attributes:
        names: The values that name it, the most typical ones first.
        items: Rows of its items, those in the middle first.
        share: Its share of the history.
    """

    names: tuple[str, ...]
    items: tuple[int, ...]
    share: float


@dataclass(frozen=True)
class Profile:
    """What somebody likes.

    Attributes:
        entities: Names of values that the history has more often than the catalogue, such as
            genres and people, with their kind and how many of its items have them.
        keywords: Words that its texts have more often than others.
        topics: Groups of items that are near each other, the largest first.
        titles: Titles of the items in the middle of each topic.
        text: All of it in sentences that search reads: edit it, and search with it.
    """

    entities: tuple[tuple[str, str, int], ...]
    keywords: tuple[str, ...]
    topics: tuple[Topic, ...]
    titles: tuple[str, ...]
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "entities": [
                {"name": name, "kind": kind, "items": count} for name, kind, count in self.entities
            ],
            "keywords": list(self.keywords),
            "topics": [{"names": list(one.names), "share": one.share} for one in self.topics],
            "titles": list(self.titles),
            "text": self.text,
        }


def profile_of(
    rows: IntArray,
    disliked: IntArray,
    facts: ItemFacts,
    places: FloatArray,
    words: tuple[list[str], Any],
) -> Profile:
    """Return the profile of a history.

    Args:
        rows: Rows of the items, int64 of shape (h,), at least one.
        disliked: Rows of items that are not liked.
        facts: What search reads of the items.
        places: Where the items are in a space, float32 of shape (num_items, dim).
        words: The words of the items' texts, and their counts, CSR of shape (num_items, words).
    """
    rows = rows[-_MOST:]
    lift = _lift(facts.has, rows)
    count = np.asarray(facts.has[rows].sum(0)).ravel()
    typical = [
        int(value) for value in np.argsort(-lift, kind="stable")
        if count[value] >= min(2, len(rows)) and lift[value] > 0
    ]  # fmt: skip
    kinds = [value for value in typical if facts.shared[value]][:_VALUES]
    people = [value for value in typical if not facts.shared[value]][:_VALUES]
    entities = tuple(
        (facts.names[value], facts.kinds[value], int(count[value])) for value in kinds + people
    )
    names = {word for name in facts.names for word in name.casefold().split()}
    ones = words[1].sign()
    rare = _lift(ones, rows)
    held = np.asarray(ones[rows].sum(0)).ravel()
    keywords = [
        words[0][place] for place in np.argsort(-rare, kind="stable")[: 4 * _KEYWORDS]
        if rare[place] > 0 and held[place] >= min(2, len(rows)) and words[0][place] not in names
        and words[0][place].isalpha() and len(words[0][place]) > 3
    ][:_KEYWORDS]  # fmt: skip
    topics = _topics(rows, facts, places)
    titles = [facts.titles[row] for one in topics for row in one.items]
    bad = _lift(facts.has, disliked) if len(disliked) else np.zeros(len(facts.names))
    unwanted = [
        facts.names[value] for value in np.argsort(-bad, kind="stable")[:3]
        if bad[value] > 0 and facts.shared[value] and count[value] == 0
    ]  # fmt: skip
    text = _text(
        [facts.names[value] for value in kinds[:4]],
        [facts.names[value] for value in people[:4]],
        keywords,
        [_dated(facts, row) for one in topics for row in one.items],
        unwanted,
    )
    return Profile(entities, tuple(keywords), topics, tuple(titles), text)


def _lift(has: Any, rows: IntArray) -> Float64Array:
    """Return by how much each column is more frequent in some rows than in all, weighted.

    It is the number of its rows times the logarithm of the ratio to the number that is expected.
    """
    count = np.asarray(has[rows].sum(0), dtype=np.float64).ravel()
    everywhere = np.asarray(has.sum(0), dtype=np.float64).ravel()
    expected = (everywhere + _SMOOTH) * len(rows) / (has.shape[0] + _SMOOTH)
    lift = np.zeros(len(count))
    some = count > 0
    lift[some] = count[some] * np.log(count[some] / expected[some])
    return lift


def _topics(rows: IntArray, facts: ItemFacts, places: FloatArray) -> tuple[Topic, ...]:
    """Return clusters of a history: Ward's method on places of length one, cut into few."""
    given = places[rows].astype(np.float64)
    given /= np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12)
    label = np.ones(len(rows), dtype=np.int64)
    if len(rows) >= _FEWEST:
        number = min(_TOPICS, max(1, len(rows) // _FEWEST))
        label = fcluster(linkage(given, "ward"), number, "maxclust").astype(np.int64)
    found = []
    for one in np.unique(label):
        inside = np.flatnonzero(label == one)
        middle = given[inside].mean(0)
        near = inside[np.argsort(-(given[inside] @ middle), kind="stable")]
        lift = _lift(facts.has, rows[inside])
        named = [facts.names[value] for value in np.argsort(-lift, kind="stable")[:3]
                 if lift[value] > 0]  # fmt: skip
        items = tuple(int(row) for row in rows[near[:_ITEMS]])
        found.append(Topic(tuple(named), items, len(inside) / len(rows)))
    return tuple(sorted(found, key=lambda topic: -topic.share))


def _dated(facts: ItemFacts, row: int) -> str:
    year = facts.years[row]
    title = facts.titles[row]
    return title if np.isnan(year) or f"({int(year)})" in title else f"{title} ({int(year)})"


def _text(
    kinds: list[str],
    people: list[str],
    keywords: list[str],
    titles: list[str],
    unwanted: list[str],
) -> str:
    lines = [
        ("I like", kinds, "."),
        ("I like what is by or with", people, "."),
        ("It is about", keywords, "."),
        ("I loved", titles, "."),
        ("No", unwanted, "."),
    ]
    return "\n".join(f"{start} {_listed(names)}{end}" for start, names, end in lines if names)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
