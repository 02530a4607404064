"""Why a search finds an item: words, names and tastes that match, and what each signal adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kgrec.search.signals import SIGNALS
from kgrec.search.taste import Encode, Found, TasteSearch, meaning_of
from kgrec.text.fillers import FILLERS
from kgrec.text.words import fold_words

_MOST: Final = 5
_TASTE: Final = ("same_kinds", "same_names", "same_text", "same_title", "same_time", "together")


@dataclass(frozen=True)
class SearchReason:
    """Why a search finds an item.

    Attributes:
        item: Row of the item.
        words: Words of the query that its text has, folded, the rarest first.
        values: (kind, name) of what was asked for by name and it has, such as ("genre", "Horror").
        titled: Whether its title was named.
        liked: Rows of the liked items that it is most like, by what people like together.
        signals: What each signal adds to its score, by name; together they are the score.
    """

    item: int
    words: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    titled: bool
    liked: tuple[int, ...]
    signals: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The score."""
        return sum(self.signals.values())

    @property
    def taste(self) -> float:
        """What liked items add."""
        return sum(self.signals.get(name, 0.0) for name in _TASTE)


def search_reason(
    taste: TasteSearch, found: Found, item: int, encode: Encode, *, talks: bool
) -> SearchReason:
    """Return why a search finds an item.

    Args:
        taste: The search.
        found: What it found.
        item: Row of the item.
        encode: The text encoder.
        talks: As for `TasteSearch.score`.
    """
    state, wish, facts = found.state, found.wish, taste.facts
    weights = taste.weights.talk if talks else taste.weights.query
    table = taste.signals.of(state, wish, meaning_of(state, encode), weights)
    parts = table[item].astype(np.float64) * weights
    counts = taste.signals.words
    own = set(counts.of_text(item))
    asked = dict.fromkeys(word for turn in state.turns for word in fold_words(turn.wanted))
    shared = [word for word in asked if word in own and word not in FILLERS]
    rare = taste.signals.num_texts_with(shared)
    order = sorted(range(len(shared)), key=lambda place: (rare[place], place))
    values = [value for value in facts.values_of(item).tolist() if value in wish.wanted]
    liked = [row for row, weight in wish.liked.items() if weight > 0 and row != item]
    nearest: tuple[int, ...] = ()
    if liked:
        centred = taste.signals.centred
        near = centred[liked] @ centred[item]
        nearest = tuple(liked[place] for place in np.argsort(-near, kind="stable")[:3].tolist())
    return SearchReason(
        item,
        tuple(shared[place] for place in order[:_MOST]),
        tuple((facts.kinds[value], facts.names[value]) for value in values[:_MOST]),
        item in wish.named,
        nearest,
        {name: float(part) for name, part in zip(SIGNALS, parts, strict=True) if part},
    )
