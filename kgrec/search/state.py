"""What a conversation has said so far, and what was understood of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from kgrec.search.facts import ItemFacts
from kgrec.search.polarity import Polarity
from kgrec.search.recognise import Named, Recogniser
from kgrec.types import Float64Array

_DECAY: Final = 0.8  # of what a turn names, for each turn since; chosen on conversations
_MOST: Final = 1.5  # of an item that is named again and again
_BACKGROUND: Final = 0.3  # of an item of a known user's history, beside one named now
_AGAINST: Final = frozenset({"unwanted", "disliked"})


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        text: Its words.
        asks: Whether the one who looks for something says it; the other one recommends.
        named: The names in it.
        wanted: Its words without what is unwanted.
        unwanted: Words of what is unwanted and no name.
        plain: Its words without titles and what is unwanted.
    """

    text: str
    asks: bool
    named: tuple[Named, ...]
    wanted: str
    unwanted: str
    plain: str


@dataclass(frozen=True)
class State:
    """All that a conversation has said so far.

    Attributes:
        turns: The turns, the last one last.
        liked: Rows of items that are known to be liked, beside those that are named.
        disliked: Rows of items that are known to be disliked.
        mentioned: Rows of the items that were named, in their order, where somebody else has found
            them; None: those that are recognised in the turns.
        history: Rows of what a known user has.
        shown: Rows of what was shown: it is not shown again.
    """

    turns: tuple[Turn, ...] = ()
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    mentioned: tuple[int, ...] | None = None
    history: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()

    def said(self, turn: Turn) -> State:
        """Return the state after one more turn."""
        return replace(self, turns=(*self.turns, turn))

    def last_turn(self) -> State:
        """Return the state of somebody who has said only the last turn."""
        return replace(self, turns=self.turns[-1:])


@dataclass(frozen=True)
class Wish:
    """What a state asks for, as rows and weights.

    Attributes:
        liked: Weight of each item that speaks for others like it, by row.
        disliked: Weight of each item that speaks against others like it.
        wanted: Weight of each value that is wanted.
        unwanted: The values that no item may have.
        named: Rows of all items that were named, in their order.
        seen: Rows of the items that are not to come back: seen, disliked or turned down.
        years: The years that are wanted, first and last; None: any.
    """

    liked: dict[int, float] = field(default_factory=dict)
    disliked: dict[int, float] = field(default_factory=dict)
    wanted: dict[int, float] = field(default_factory=dict)
    unwanted: frozenset[int] = frozenset()
    named: tuple[int, ...] = ()
    seen: frozenset[int] = frozenset()


def read_turn(text: str, recogniser: Recogniser, *, asks: bool = True) -> Turn:
    """Return what is understood of one turn."""
    named = tuple(recogniser.find(text))
    against = recogniser.unwanted_spans(text, named)
    titles = [(one.start, one.end) for one in named if one.kind == "item"]
    spelt = {one.start: (one.end, recogniser.written(one)) for one in named if not one.exact}
    unwanted = " ".join(text[start:end] for start, end in _without(against, named))
    wanted, plain = (_cut(text, spans, spelt) for spans in (against, [*against, *titles]))
    return Turn(text, asks, named, wanted, unwanted, plain)


def _cut(text: str, spans: Iterable[tuple[int, int]], spelt: dict[int, tuple[int, str]]) -> str:
    """Return a text without some spans, and with names spelt as the catalogue has them."""
    changes = {start: (end, "") for start, end in spans}
    cut = sorted(changes.items())
    for start, change in spelt.items():
        if not any(first <= start < end for first, (end, _) in cut):
            changes[start] = change
    kept, place = [], 0
    for start, (end, put) in sorted(changes.items()):
        if start >= place:
            kept += [text[place:start], put]
        place = max(place, end)
    kept.append(text[place:])
    return " ".join("".join(part or " " for part in kept).split()) if changes else text


def _without(spans: Sequence[tuple[int, int]], named: Sequence[Named]) -> list[tuple[int, int]]:
    """Return the parts of spans that are no names."""
    found = []
    for start, end in spans:
        place = start
        for one in named:
            if start <= one.start < end:
                found.append((place, one.start))
                place = one.end
        found.append((place, end))
    return [(start, end) for start, end in found if end > start]


def wish_of(state: State, facts: ItemFacts) -> Wish:
    """Return what a state asks for.

    What a turn names counts less for each turn since. The last word on an item or a value holds:
    who says "no horror" and later "a horror film" wants horror.
    """
    made = _Making(facts)
    last = len(state.turns) - 1
    for number, turn in enumerate(state.turns):
        weight = _DECAY ** (last - number)
        for one in turn.named:
            if one.kind == "value":
                made.value(one, weight)
            elif state.mentioned is None:
                made.item(one.rows, one.polarity, weight)
    for rows, polarity, weight in _placed(state):
        made.item(rows, polarity, weight)
    for row in state.history:
        made.liked.setdefault(row, _BACKGROUND)
    for row in state.liked:
        made.liked[row] = max(1.0, made.liked.get(row, 0.0))
    for row in state.disliked:
        made.item((row,), "disliked", 1.0)
    return Wish(
        {row: min(weight, _MOST) for row, weight in made.liked.items()},
        made.disliked,
        made.wanted,
        frozenset(made.unwanted),
        tuple(made.named),
        frozenset(made.seen) | frozenset(state.history) | frozenset(state.shown),
    )


@dataclass
class _Making:
    facts: ItemFacts
    liked: dict[int, float] = field(default_factory=dict)
    disliked: dict[int, float] = field(default_factory=dict)
    wanted: dict[int, float] = field(default_factory=dict)
    unwanted: set[int] = field(default_factory=set)
    named: dict[int, None] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def value(self, one: Named, weight: float) -> None:
        for row in one.rows:
            if one.polarity in _AGAINST:
                self.unwanted.add(row)
                self.wanted.pop(row, None)
            else:
                self.unwanted.discard(row)
                self.wanted[row] = max(weight, self.wanted.get(row, 0.0))

    def item(self, rows: Sequence[int], polarity: Polarity, weight: float) -> None:
        """Several items of one title share its weight."""
        share = weight / len(rows) ** 0.5
        for row in rows:
            self.named[row] = None
            if polarity in _AGAINST:
                self.liked.pop(row, None)
                self.disliked[row] = max(share, self.disliked.get(row, 0.0))
            else:
                self.disliked.pop(row, None)
                self.liked[row] = self.liked.get(row, 0.0) + share
            if polarity in (*_AGAINST, "seen"):
                self.seen.add(row)


def _placed(state: State) -> Iterable[tuple[tuple[int, ...], Polarity, float]]:
    """Return the items that somebody else has found, with what the turns say of them.

    An item that is recognised in a turn is there; another one is where the one before it was.
    """
    if state.mentioned is None:
        return
    last = len(state.turns) - 1
    now = 0
    for row in state.mentioned:
        polarity: Polarity = "neutral"
        order = [*range(now, last + 1), *range(now)]
        for number in order:
            hit = next(
                (o for o in state.turns[number].named if o.kind == "item" and row in o.rows), None
            )
            if hit is not None:
                now, polarity = number, hit.polarity
                break
        yield (row,), polarity, _DECAY ** max(last - now, 0)


def weights_of(found: dict[int, float], size: int) -> Float64Array:
    """Return weights by row as a vector of length one, or zeros, float64 of shape (size,)."""
    vector = np.zeros(size)
    if found:
        vector[list(found)] = list(found.values())
        vector /= max(float(np.linalg.norm(vector)), 1e-12)
    return vector
