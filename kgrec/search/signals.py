"""The signals of search: how well each item fits what a conversation has said, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy import sparse

from kgrec.data.growing_rows import GrowingRows
from kgrec.errors import DataError
from kgrec.models.base import VectorModel
from kgrec.retrieval.bm25 import BM25Index
from kgrec.search.example_statistics import Statistics, weighed
from kgrec.search.facts import ItemFacts
from kgrec.search.state import State, Wish, weights_of
from kgrec.text.fillers import FILLERS
from kgrec.text.words import WordCounts, count_words, fold_words
from kgrec.types import Float64Array, FloatArray

SIGNALS: Final = (
    "meaning", "words", "title_words", "name_words", "kind_words", "space", "title", "wanted_kinds",
    "wanted_names", "era", "same_kinds", "same_names", "same_text", "same_title", "same_time",
    "together", "against", "popular", "recent", "described", "named_often", "answer_often",
    "learnt", "alone_meaning", "alone_popular", "alone_recent", "alone_named_often", "alone_learnt",
    "alone_wanted_kinds",
)  # fmt: skip
"""Their names, in the order of columns. Those that begin with `alone` are the same once more where
no item was named, so that they can count differently there."""

_YEARS: Final = re.compile(r"(?<!\w)(?:(1[5-9]|20)?(\d)0'?s|((?:1[5-9]|20)\d\d))(?!\w)")
_SMOOTH: Final = 0.3  # of counts before the logarithm
_AGE: Final = 15.0  # years that are a step of time
_RECENT: Final = 10.0  # years that count as recent, before the last one of the catalogue


@dataclass(frozen=True, eq=False)
class Signals:
    """Computes the signals.

    Attributes:
        facts: What search reads of each item.
        text: Text vectors of the items, float32 of shape (num_items, dim), zeros for no text.
        words: The words of the items' texts.
        popularity: Number of users who have each item, float64 of shape (num_items,).
        space: The model's item space, which places content; None: there is none.
        places: Where the items are in it, rows of length one; None: there is none.
        model: Returns the model's scores of all items for a weighted history; None: not used.
        statistics: What example queries taught; None: nothing.
    """

    facts: ItemFacts
    text: FloatArray
    words: WordCounts
    popularity: Float64Array
    space: VectorModel | None = None
    places: FloatArray | None = None
    model: Callable[[Float64Array], FloatArray] | None = None
    statistics: Statistics | None = None

    def with_statistics(self, statistics: Statistics | None) -> Signals:
        """Return the same with other statistics; what is computed once is shared."""
        made = copy(self)
        made.__dict__["statistics"] = statistics
        return made

    def changed(
        self,
        popularity: Float64Array,
        model: Callable[[Float64Array], FloatArray] | None,
        statistics: Statistics | None,
    ) -> Signals:
        """Return the signals of the same items with another popularity, model and statistics."""
        made = copy(self)
        made.__dict__.pop("_everybody", None)
        made.__dict__.update(popularity=popularity, model=model, statistics=statistics)
        return made

    def extended(
        self,
        facts: ItemFacts,
        text: FloatArray,
        words: WordCounts,
        popularity: Float64Array,
        places: FloatArray | None,
        model: Callable[[Float64Array], FloatArray] | None,
        statistics: Statistics | None,
    ) -> Signals:
        """Return the signals of more items, which come after these.

        The arguments are as the attributes, but `places` holds the new items alone.

        What is computed once is extended. The mean of the text vectors stays that of before.
        """
        rows = self._place_rows if places is None else self._place_rows.appended(places)
        places = None if self.places is None else rows.array
        made = Signals(facts, text, words, popularity, self.space, places, model, statistics)
        start = len(self.text)
        new = range(start, len(text))
        known = np.abs(text[start:]).sum(1) > 0
        moved = _unit(_unit(text[start:]) - self._mean)
        moved[~known] = 0
        made.__dict__.update(
            _place_rows=rows,
            _mean=self._mean,
            _known=np.append(self._known, known),
            _centred_rows=self._centred_rows.appended(moved),
            _all_words=self._all_words.extended(words),
        )
        fields: dict[str, Callable[[], Sequence[str]]] = {
            "titles": lambda: facts.titles[start:],
            "names": lambda: facts.words_of_values(new, shared=False),
            "kinds": lambda: facts.words_of_values(new, shared=True),
        }
        for name, texts in fields.items():
            made._extend_field(self, name, texts)
        return made

    def _extend_field(self, before: Signals, name: str, texts: Callable[[], Sequence[str]]) -> None:
        """Extend the words of a field and their index, if other signals have made them."""
        counted, index = f"_counted_{name}", f"_{name.removesuffix('s')}_words"
        if counted not in before.__dict__:
            return
        self.__dict__[counted] = before.__dict__[counted].extended(texts())
        if index in before.__dict__:
            self.__dict__[index] = before.__dict__[index].extended(self.__dict__[counted])

    def num_texts_with(self, words: Iterable[str]) -> list[int]:
        """Return how many items' texts have each of some words."""
        return self._all_words.documents(words)

    def of(
        self, state: State, wish: Wish, vector: FloatArray, weights: FloatArray | None = None
    ) -> FloatArray:
        """Return the signals of all items, float32 of shape (num_items, len(SIGNALS)).

        Args:
            state: The conversation.
            wish: What it asks for.
            vector: The text vector of what is wanted, float32 of shape (dim,).
            weights: Their weights: some signals without one are left out, zeros in the result.
        """
        table = np.zeros((len(self.text), len(SIGNALS)), dtype=np.float32)
        found = {
            **self._of_words(state, wish, vector),
            **self._of_fields(state, weights),
            **self._of_items(wish),
            **self._of_all(),
            **self._of_examples(state, vector),
        }
        for column, name in enumerate(SIGNALS):
            source = name.removeprefix("alone_")
            if source in found and (source == name or not wish.liked):
                table[:, column] = found[source]
        return table

    # ------------------------------------------------------------------ what words say

    def _of_words(self, state: State, wish: Wish, vector: FloatArray) -> dict[str, FloatArray]:
        plain = " ".join(turn.plain for turn in state.turns)
        query = _query_of(state)
        trust = self._trusted(query)
        wanted = np.zeros(len(self.facts.names))
        wanted[list(wish.wanted)] = list(wish.wanted.values())
        kinds = np.where(self.facts.shared, wanted, 0.0)
        found = {
            "meaning": self._meaning(vector),
            "words": trust * _standardised(self._all_words.score(query)),
            "title": self._titled(wish),
            "wanted_kinds": _share(self.facts.has, kinds),
            "wanted_names": _share(self.facts.has, wanted - kinds),
            "era": self._era(plain),
        }
        if self.space is not None and self.places is not None and vector.any():
            placed = self.space.vectors_of_content({"text": vector[None, :]})[0]
            placed = placed / max(float(np.linalg.norm(placed)), 1e-12)
            found["space"] = _standardised(self.places @ placed)
        return found

    def _of_fields(self, state: State, weights: FloatArray | None) -> dict[str, FloatArray]:
        """Return BM25 over titles and over names; their indexes are made when they are needed."""
        query = _query_of(state)
        trust = self._trusted(query)
        return {
            name: trust * _standardised(getattr(self, f"_{name}").score(query))
            for name in ("title_words", "name_words", "kind_words")
            if weights is None or weights[SIGNALS.index(name)]
        }

    def _trusted(self, query: str) -> np.float32:
        return np.float32(self._all_words.trust(query))

    def _meaning(self, vector: FloatArray) -> FloatArray:
        self._check_width(vector)
        scores = np.zeros(len(self.text), np.float32)
        if vector.any():
            known = self._known
            # The mean is that of long texts in the items' language. A query has no part of it.
            scores[known] = _standardised((self.centred @ vector)[known])
        return scores

    def centre(self, vector: FloatArray) -> FloatArray:
        """Return a text vector as those of items are kept: without their mean, of length one.

        Args:
            vector: float32 of shape (dim,).

        Raises:
            DataError: It has another width than those of the items.
        """
        self._check_width(vector)
        length = float(np.linalg.norm(vector))
        if not length:
            return vector
        moved = vector / length - self._mean
        return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12), dtype=np.float32)

    def _check_width(self, vector: FloatArray) -> None:
        if vector.shape != self._mean.shape:
            raise DataError(
                f"The items' text vectors have {len(self._mean)} numbers, the encoder's "
                f"{len(vector)}: the recommender was made with another encoder."
            )

    def _titled(self, wish: Wish) -> FloatArray:
        found = np.zeros(len(self.text), np.float32)
        found[list(wish.named)] = 1.0
        return found

    def _era(self, plain: str) -> FloatArray:
        """Return 1 for the items of the years that are named, such as "the 90s" or "from 1995"."""
        found = np.zeros(len(self.text), np.float32)
        spans = spans_of_years(plain)
        for first, last in spans:
            found[(self.facts.years >= first) & (self.facts.years <= last)] = 1.0
        return found

    # ------------------------------------------------------------------ what named items say

    def _of_items(self, wish: Wish) -> dict[str, FloatArray]:
        if not wish.liked and not wish.disliked:
            return {}
        size = len(self.text)
        liked, disliked = weights_of(wish.liked, size), weights_of(wish.disliked, size)
        found: dict[str, FloatArray] = {}
        if wish.liked:
            found["same_kinds"] = _near(self._kinds, liked)
            found["same_names"] = _near(self._names, liked)
            found["same_title"] = _near(self._titles, liked)
            found["same_text"] = self._same_text(liked)
            found["same_time"] = self._same_time(liked)
            found["together"] = self._together(liked)
        if wish.disliked:
            alike = _near(self._kinds, disliked) + _near(self._names, disliked)
            found["against"] = -(alike + self._same_text(disliked))
        return found

    def _same_text(self, weights: Float64Array) -> FloatArray:
        rows = np.flatnonzero(weights)
        return _standardised(self.centred @ (weights[rows].astype(np.float32) @ self.centred[rows]))

    def _together(self, liked: Float64Array) -> FloatArray:
        if self.statistics is not None:
            return 20 * self.statistics.together.scores(liked)
        if self.model is None:
            return np.zeros(len(self.text), np.float32)
        return _standardised(self.model(liked))

    def _same_time(self, liked: Float64Array) -> FloatArray:
        years = self.facts.years
        known = np.flatnonzero((liked > 0) & ~np.isnan(years))
        if not len(known):
            return np.zeros(len(years), np.float32)
        middle = float(np.average(years[known], weights=liked[known]))
        return -np.abs(self._filled_years - middle).astype(np.float32) / np.float32(_AGE)

    # ------------------------------------------------------------------ what holds for everybody

    def _of_all(self) -> dict[str, FloatArray]:
        return self._everybody

    @cached_property
    def _everybody(self) -> dict[str, FloatArray]:
        years = self._filled_years
        recent = np.clip((years - (self._last_year - _RECENT)) / _RECENT, 0, 1)
        return {
            "popular": np.log1p(self.popularity).astype(np.float32),
            "recent": recent.astype(np.float32),
            "described": self.facts.described.astype(np.float32),
        }

    def _of_examples(self, state: State, vector: FloatArray) -> dict[str, FloatArray]:
        taught = self.statistics
        if taught is None:
            return {}
        plain = " ".join(turn.plain for turn in state.turns)
        query = taught.query(self.centre(vector), plain)
        return {
            "named_often": np.log(taught.named + _SMOOTH),
            "answer_often": np.log(taught.answers + _SMOOTH),
            "learnt": _standardised(taught.learnt(query, self.centred)),
        }

    # ------------------------------------------------------------------ the items, once for all

    @cached_property
    def _known(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.asarray(np.abs(self.text).sum(1) > 0)

    @cached_property
    def _mean(self) -> FloatArray:
        unit = _unit(self.text[self._known])
        return unit.mean(0) if len(unit) else np.zeros(self.text.shape[1], np.float32)

    @property
    def centred(self) -> FloatArray:
        """The text vectors without their mean, of length one; zeros for no text."""
        return self._centred_rows.array

    @cached_property
    def _centred_rows(self) -> GrowingRows[np.float32]:
        moved = _unit(_unit(self.text) - self._mean)
        moved[~self._known] = 0
        return GrowingRows(moved)

    @cached_property
    def _place_rows(self) -> GrowingRows[np.float32]:
        return GrowingRows(np.zeros((0, 0), np.float32) if self.places is None else self.places)

    @cached_property
    def _filled_years(self) -> Float64Array:
        years = self.facts.years
        known = years[~np.isnan(years)]
        return np.where(np.isnan(years), np.median(known) if len(known) else 0.0, years)

    @cached_property
    def _last_year(self) -> float:
        known = self.facts.years[~np.isnan(self.facts.years)]
        return float(np.quantile(known, 0.995)) if len(known) else 0.0

    @cached_property
    def _all_words(self) -> BM25Index:
        return BM25Index(self.words)

    @cached_property
    def _title_words(self) -> BM25Index:
        return BM25Index(self._counted_titles)

    @cached_property
    def _counted_titles(self) -> WordCounts:
        return count_words(self.facts.titles)

    @cached_property
    def _name_words(self) -> BM25Index:
        return BM25Index(self._counted_names)

    @cached_property
    def _counted_names(self) -> WordCounts:
        return _words_of_values(self.facts, ~self.facts.shared)

    @cached_property
    def _kind_words(self) -> BM25Index:
        return BM25Index(self._counted_kinds)

    @cached_property
    def _counted_kinds(self) -> WordCounts:
        return _words_of_values(self.facts, self.facts.shared)

    @cached_property
    def _kinds(self) -> sparse.csr_matrix:
        return weighed(self.facts.has[:, self.facts.shared])

    @cached_property
    def _names(self) -> sparse.csr_matrix:
        return weighed(self.facts.has[:, ~self.facts.shared])

    @cached_property
    def _titles(self) -> sparse.csr_matrix:
        counted = self._counted_titles
        kept = [word not in FILLERS and len(word) > 2 for word in counted.words]
        ones = sparse.csr_matrix(counted.counts[:, np.flatnonzero(kept)], dtype=np.float32)
        ones.data[:] = 1.0
        return weighed(ones)


def spans_of_years(plain: str) -> list[tuple[int, int]]:
    """Return the spans of years that words name.

    >>> spans_of_years("something from the 90s or 1987")
    [(1990, 1999), (1987, 1987)]
    """
    found = []
    for match in _YEARS.finditer(plain):
        century, decade, year = match.groups()
        if year:
            found.append((int(year), int(year)))
            continue
        first = int(f"{century or ('20' if decade in '012' else '19')}{decade}0")
        found.append((first, first + 9))
    return found


def _words_of_values(
    facts: ItemFacts, which: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> WordCounts:
    """Return the words of some of the values of each item."""
    names = [name if kept else "" for name, kept in zip(facts.names, which, strict=True)]
    counted = count_words(names)
    made = sparse.csr_matrix(facts.has.astype(np.float64) @ counted.counts)
    keys = np.zeros((made.shape[0], counted.keys.shape[1]), np.uint8)
    return WordCounts(counted.words, made, keys)


def _query_of(state: State) -> str:
    """Return the words for BM25: a conversation's without titles and fillers.

    A single query is read as `SemanticSearch` reads it.
    """
    if len(state.turns) == 1:
        return state.turns[0].wanted
    return " ".join(_content(" ".join(turn.plain for turn in state.turns)))


def _content(text: str) -> list[str]:
    return [word for word in fold_words(text) if word not in FILLERS]


def _share(has: sparse.csr_matrix, wanted: Float64Array) -> FloatArray:
    """Return how much of what is wanted each item has, 0 to 1."""
    total = wanted.sum()
    if not total:
        return np.zeros(has.shape[0], np.float32)
    return np.asarray(has @ wanted / total, dtype=np.float32)


def _near(values: sparse.csr_matrix, weights: Float64Array) -> FloatArray:
    """Return how much each item shares with weighted items."""
    return np.asarray(values @ (values.T @ weights), dtype=np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1.0), dtype=np.float32)


def _standardised(scores: FloatArray) -> FloatArray:
    scale = scores.std()
    return np.asarray((scores - scores.mean()) / (scale if scale > 0 else 1.0), dtype=np.float32)
