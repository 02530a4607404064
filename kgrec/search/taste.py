"""Search that knows taste: from what was said to scores of all items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from kgrec.search.facts import ItemFacts
from kgrec.search.recognise import Recogniser
from kgrec.search.signals import Signals
from kgrec.search.state import State, Turn, Wish, read_turn, wish_of
from kgrec.search.weights import SearchWeights
from kgrec.types import FloatArray

_DECAY: Final = 0.8  # of a turn's meaning, for each turn since
_FREQUENT: Final = 3  # texts with a word that alone is no title

Encode = Callable[[Sequence[str]], FloatArray]
"""Returns the text vectors of texts, float32 of shape (n, dim)."""


@dataclass(frozen=True)
class Found:
    """The scores of all items for what was said.

    Attributes:
        scores: float32 of shape (num_items,); -inf for items that are ruled out.
        wish: What was understood.
        state: What was said.
    """

    scores: FloatArray
    wish: Wish
    state: State


@dataclass(frozen=True, eq=False)
class TasteSearch:
    """Scores items for what was said.

    Attributes:
        signals: Computes the signals.
        weights: Their weights.
    """

    signals: Signals
    weights: SearchWeights

    @property
    def facts(self) -> ItemFacts:
        """What search reads of each item."""
        return self.signals.facts

    @cached_property
    def recogniser(self) -> Recogniser:
        """Finds names in words."""
        words = self.signals.words
        count = np.bincount(words.counts.indices, minlength=len(words.words))
        frequent = [word for word, of in zip(words.words, count, strict=True) if of >= _FREQUENT]
        return Recogniser(self.facts, words.words, frequent)

    def extended(self, signals: Signals, weights: SearchWeights) -> TasteSearch:
        """Return search of more items, which come after these.

        Args:
            signals: What `Signals.extended` returned.
            weights: The weights.
        """
        made = TasteSearch(signals, weights)
        before = self.__dict__.get("recogniser")
        if before is not None:
            words = signals.words
            new = words.counts.indices[words.counts.indptr[len(self.facts.titles)] :]
            known = [words.words[column] for column in np.unique(new)]
            number = zip(known, signals.num_texts_with(known), strict=True)
            frequent = [word for word, of in number if of >= _FREQUENT]
            made.__dict__["recogniser"] = before.extended(signals.facts, known, frequent)
        return made

    def read(self, text: str, *, asks: bool = True) -> Turn:
        """Return what is understood of one turn."""
        return read_turn(text, self.recogniser, asks=asks)

    def wish(self, state: State) -> Wish:
        """Return what a state asks for."""
        return wish_of(state, self.facts)

    def score(self, state: State, encode: Encode, *, talks: bool) -> Found:
        """Return the scores of all items.

        Args:
            state: What was said.
            encode: The text encoder.
            talks: Whether it is a conversation, and not a single query.
        """
        wish = self.wish(state)
        weights = self.weights.talk if talks else self.weights.query
        scores = self.signals.of(state, wish, meaning_of(state, encode), weights) @ weights
        scores[self.ruled_out(wish)] = -np.inf
        return Found(scores.astype(np.float32), wish, state)

    def ruled_out(self, wish: Wish) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which items have an unwanted value, or are not to come back."""
        out = np.zeros(len(self.facts.titles), dtype=bool)
        if wish.unwanted:
            out |= np.asarray(self.facts.has[:, sorted(wish.unwanted)].sum(1)).ravel() > 0
        out[sorted(wish.seen)] = True
        return out


def meaning_of(state: State, encode: Encode) -> FloatArray:
    """Return the text vector of what is wanted: each turn counts less for each turn since."""
    texts = [turn.wanted for turn in state.turns if turn.wanted.strip()]
    if not texts:
        return np.zeros(encode([""]).shape[1], np.float32)
    vectors = encode(texts)
    weight = _DECAY ** np.arange(len(texts) - 1, -1, -1)
    return np.asarray(weight @ vectors, dtype=np.float32)
