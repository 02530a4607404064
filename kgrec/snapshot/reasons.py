"""Reasons: why an item is recommended, what would change that, and why another one is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.vocabulary import id_list
from kgrec.errors import ConfigError, DataError, option
from kgrec.explain.counterfactuals import (
    AT_ONCE,
    Addition,
    best,
    best_addition,
    places,
    smallest_removal,
)
from kgrec.explain.explanation import Explanation
from kgrec.explain.settings import ExplainConfig, Length, Tone
from kgrec.models.contributions import histories_of_parts
from kgrec.settings import make_settings
from kgrec.snapshot.ranker import Ranker
from kgrec.snapshot.scored import contributions, scored
from kgrec.text.fillers import FILLERS
from kgrec.types import BoolArray, Float64Array, FloatArray, IntArray

_MOST_WORDS: Final = 4
_COMMON: Final = 0.2
"""Words of a larger share of the texts tell nothing."""


@dataclass(frozen=True)
class Named:
    """An item by id and title."""

    item: str
    title: str


@dataclass(frozen=True)
class Counterfactual:
    """What would have to be otherwise, so that an item is not among the best.

    Attributes:
        item: The item.
        without: The liked items without which it is not among the k best; empty if no part of the
            history removes it, or it is not among them.
        smallest: Whether every smaller set was tried, and does not.
        place: Its place as things are, from 1.
        place_without: Its place without these items.
        instead: What would be among the best in its place; None: nothing, or `without` is empty.
        k: How many are the best.
    """

    item: Named
    without: tuple[Named, ...]
    smallest: bool
    place: int
    place_without: int
    instead: Named | None
    k: int

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in types of JSON."""
        return asdict(self)


@dataclass(frozen=True)
class WhyNot:
    """Why an item is not among the best.

    Attributes:
        item: The item.
        place: Its place among all that may be recommended, from 1; 0: it may not be.
        cause: "has": the user has it already; "disliked": the user dislikes it; "best": it is among
            the k best; "score": others have a higher score.
        k: How many are the best.
        score: Its score.
        needed: The score of the last of the k best.
        against: Liked items that speak against it, compared with the last of the k best, the
            strongest first.
        missing: An item that, if it were liked too, would bring it to `place_with`; None: none of
            those that are most like it brings it up.
        place_with: The place that it would have.
        explanation: What speaks for it nevertheless.
    """

    item: Named
    place: int
    cause: str
    k: int
    score: float
    needed: float
    against: tuple[Named, ...]
    missing: Named | None
    place_with: int
    explanation: Explanation

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in types of JSON."""
        return asdict(self)


class Reasons:
    """Answers to "why?" of one snapshot.

    What is counterfactual is asked of the model as if the user came new with other items, so
    nothing is trained again: a place that depends on more than these may differ from the place in
    the user's list.

    Args:
        now: The snapshot.
    """

    def __init__(self, now: Ranker) -> None:
        self._now = now

    def explain(
        self,
        user: int | None,
        items: Sequence[int] | IntArray,
        *,
        liked: Iterable[str | int] = (),
        k: int = 5,
        language: str | None = None,
        length: Length | None = None,
        tone: Tone | None = None,
        similar: bool = False,
    ) -> list[Explanation]:
        """Return why each of some items fits a user; see `kgrec.Recommender.explain`.

        Args:
            user: Row of the user; None: a new one.
            items: Rows of items.
            liked: Ids of further liked items.
            k: Number of paths at most.
            language: Language of the sentences; None: that of the settings, or of the labels.
            length: How much they say; None: as the settings say.
            tone: How they address people; None: as the settings say.
            similar: Whether they tell why the items are like a single liked one.

        Raises:
            ConfigError: There is no such length or tone.
        """
        now, liked = self._now, id_list(liked, "liked")
        given = {"language": language, "length": length, "tone": tone}
        changes = {name: value for name, value in given.items() if value is not None}
        settings = make_settings(ExplainConfig, now.explain.model_dump() | changes, "explain")
        first = next(iter(now.languages), "")
        history = now.history(user, liked)
        rows = np.asarray(items, dtype=np.int64)
        likes = now.not_withdrawn(history.indices.astype(np.int64))
        found = scored(now, history, rows, None if liked else user)
        return [
            now.paths.explain(
                row,
                user=user,
                liked=likes,
                similarity=self._similarity(row),
                scored=of_row,
                words=self._shared_words(row),
                k=k,
                language=first if settings.language is None else settings.language,
                length=settings.length,
                tone=settings.tone,
                similar=similar,
            )
            for row, of_row in zip(rows.tolist(), found, strict=True)
        ]

    def counterfactual(
        self, user: int | None, item: int, *, liked: Iterable[str | int] = (), k: int = 10
    ) -> Counterfactual:
        """Return the smallest set of liked items without which an item is not among the k best.

        Args:
            user: Row of the user; None: a new one.
            item: Row of the item.
            liked: Ids of further liked items.
            k: How many are the best.

        Raises:
            ConfigError: `k` is below 1.
            DataError: There are no liked items.
        """
        now = self._now
        history, allowed = self.asked(user, liked, k)
        rows = np.sort(history.indices).astype(np.int64)
        rows = rows[rows < now.num_scored]  # what is new since training counts nothing

        def effects_of(items: IntArray) -> Float64Array:
            return contributions(now, history, items).weights

        allowed[item] = True
        scores_of = self._scores_of_parts(rows)
        place = int(places(now.score_histories(history), item, allowed)[0])
        found = smallest_removal(scores_of, effects_of, len(rows), item, allowed, k)
        this = self._named(item)
        if found is None:
            return Counterfactual(this, (), smallest=False, place=place, place_without=place,
                                  instead=None, k=k)  # fmt: skip
        return Counterfactual(
            this,
            tuple(self._named(int(rows[part])) for part in found.parts),
            found.smallest,
            place,
            found.place,
            None if found.instead < 0 else self._named(found.instead),
            k,
        )

    def why_not(
        self,
        user: int | None,
        item: int,
        *,
        liked: Iterable[str | int] = (),
        k: int = 10,
        language: str | None = None,
    ) -> WhyNot:
        """Return why an item is not among the k best of a user; arguments as for `counterfactual`.

        Raises:
            ConfigError: `k` is below 1.
            DataError: There are no liked items.
        """
        now, liked = self._now, id_list(liked, "liked")
        history, allowed = self.asked(user, liked, k)
        asked = now.score_histories(history) if user is None or liked else now.score(_one(user))
        scores = np.asarray(asked)
        order = best(scores[0], k, allowed)
        last = int(order[-1]) if len(order) else item  # nothing is left to recommend
        explanation = self.explain(user, [item], liked=liked, language=language)[0]
        this, own, needed = self._named(item), float(scores[0, item]), float(scores[0, last])
        cause = "score"
        if item in history.indices:
            cause = "has"
        elif not allowed[item]:
            cause = "disliked"
        elif item in order:
            cause = "best"
        if cause in ("has", "disliked"):
            return WhyNot(this, 0, cause, k, own, needed, (), None, 0, explanation)
        place = int(places(scores, item, allowed)[0])
        if cause == "best":
            return WhyNot(this, place, cause, k, own, needed, (), None, place, explanation)
        found = contributions(now, history, np.array([item, last]))
        margin = found.weights[:, 0] - found.weights[:, 1]
        worst = [int(one) for one in np.argsort(margin, kind="stable")[:3] if margin[one] < 0]
        missing = self._missing(history, item, allowed)
        better = missing is not None and missing.place < place
        return WhyNot(
            this, place, cause, k, own, needed,
            tuple(self._named(int(found.items[one])) for one in worst),
            self._named(missing.liked) if missing is not None and better else None,
            missing.place if missing is not None and better else place,
            explanation,
        )  # fmt: skip

    def similar(
        self,
        item: int,
        others: Sequence[int] | IntArray,
        *,
        k: int = 5,
        language: str | None = None,
    ) -> list[Explanation]:
        """Return why some items are like an item: what they share with it.

        Args:
            item: Row of the item.
            others: Rows of the items that are like it.
            k: Number of paths at most.
            language: As for `explain`.
        """
        one = [self._now.items.id(item)]
        return self.explain(None, others, liked=one, k=k, language=language, similar=True)

    def _missing(self, history: csr_matrix, item: int, allowed: BoolArray) -> Addition | None:
        """Return the further item that, once liked, brings an item up most."""
        now = self._now
        alike = now.similar(item)[0].astype(np.float64)
        alike[item] = -np.inf
        alike[history.indices] = -np.inf
        alike[~allowed] = -np.inf
        likely = np.argsort(-alike, kind="stable")[:AT_ONCE]
        likely = likely[np.isfinite(alike[likely])]

        def scores_of(more: IntArray) -> FloatArray:
            place = np.arange(len(more))
            one = np.ones(len(more), dtype=np.float32)
            further = csr_matrix((one, (place, more)), shape=(len(more), history.shape[1]))
            stacked = csr_matrix(np.ones((len(more), 1), dtype=np.float32)) @ history + further
            return now.score_histories(csr_matrix(stacked, dtype=np.float32))

        return best_addition(scores_of, item, likely.astype(np.int64), allowed)

    def asked(
        self, user: int | None, liked: Iterable[str | int], k: int
    ) -> tuple[csr_matrix, BoolArray]:
        """Return the history of a user, CSR of shape (1, num_items), and what may be recommended.

        Args:
            user: Row of the user; None: a new one.
            liked: Ids of further liked items.
            k: How many items are the best.

        Returns:
            The history, and which items may be recommended, bool of shape (num_items,).

        Raises:
            ConfigError: `k` is below 1.
            DataError: There are no liked items.
        """
        now = self._now
        if k < 1:
            raise ConfigError(f"k must be at least 1, found {k}.")
        history = now.history(user, liked)
        if not history.nnz:
            raise DataError(f"The user has no items: give some that are liked, {option('liked')}.")
        allowed = np.ones(len(now.items), dtype=bool)
        if now.withdrawn is not None:
            allowed &= ~now.withdrawn
        allowed[history.indices] = False
        if user is not None:
            allowed[now.left_out(_one(user)).indices] = False
        return history, allowed

    def _scores_of_parts(self, rows: IntArray) -> Callable[[BoolArray], FloatArray]:
        now = self._now
        return lambda kept: now.score_histories(histories_of_parts(rows, kept, len(now.items)))

    def _similarity(self, row: int) -> Callable[[IntArray], FloatArray]:
        return lambda others: np.asarray(self._now.similar(row)[0, others])

    def _shared_words(self, row: int) -> Callable[[IntArray], list[str]]:
        def shared(liked: IntArray) -> list[str]:
            words = self._now.derived.words
            if words is None or not len(liked):
                return []
            documents = self._documents
            of_liked = {word for one in liked.tolist() for word in words.of_text(one)}
            both = [word for word in words.of_text(row) if word in of_liked]
            count = {word: documents[words.column_of[word]] for word in both}
            limit = _COMMON * words.counts.shape[0]
            told = [
                word
                for word in both
                if word not in FILLERS and word.isalpha() and len(word) > 2 and count[word] <= limit
            ]
            return sorted(told, key=lambda word: (count[word], word))[:_MOST_WORDS]

        return shared

    @cached_property
    def _documents(self) -> IntArray:
        words = self._now.derived.words
        assert words is not None
        return np.bincount(words.counts.indices, minlength=words.counts.shape[1])

    def _named(self, row: int) -> Named:
        return Named(self._now.items.id(row), self._now.title(row))


def _one(user: int) -> IntArray:
    return np.array([user], dtype=np.int64)
