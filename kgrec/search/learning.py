"""Learning to search from example queries: statistics, and the weights of the signals.

What examples count, such as how often an item is an answer, would tell the answers of the same
examples. So the weights are fitted on signals whose statistics come from other examples: the
examples are dealt into parts by their groups, and the statistics for a part come from the others
(cross-fitting). The final statistics come from all examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import sparse

from kgrec.auto.choices import Choices
from kgrec.auto.logit import ConditionalLogit
from kgrec.errors import DataError
from kgrec.search.example_statistics import (
    Statistics,
    Together,
    answer_places,
    learn_map,
    query_words,
    value_places,
)
from kgrec.search.examples import Example
from kgrec.search.settings import SearchConfig
from kgrec.search.signals import SIGNALS, Signals
from kgrec.search.state import State, Turn, Wish
from kgrec.search.taste import Encode, TasteSearch, meaning_of
from kgrec.search.weights import QUERY_AFTER_LEARNING, SearchWeights, vector_of
from kgrec.text.progress import ShowProgress, reporter
from kgrec.types import FloatArray, IntArray

_FEWEST: Final = 30  # examples of a kind, to learn its weights


@dataclass(frozen=True)
class Moment:
    """An example as search understands it.

    Attributes:
        example: The example.
        state: What was said.
        wish: What it asks for.
        vector: The text vector of what is wanted, float32 of shape (dim,).
        plain: The words without titles and what is unwanted.
        part: The number of its part.
    """

    example: Example
    state: State
    wish: Wish
    vector: FloatArray
    plain: str
    part: int


def state_of(example: Example, read: Callable[[str, bool], Turn]) -> State:
    """Return the state of an example; its turns alternate, and the last one asks.

    Args:
        example: The example.
        read: Returns what is understood of a turn; the second argument is whether it asks.
    """
    last = len(example.said) - 1
    turns = [read(text, (last - number) % 2 == 0) for number, text in enumerate(example.said)]
    return State(tuple(turns), mentioned=example.mentioned)


def moments_of(
    examples: Sequence[Example],
    taste: TasteSearch,
    encode: Encode,
    config: SearchConfig,
) -> list[Moment]:
    """Return the examples as search understands them; all texts are encoded together."""
    # The moments of a conversation have most turns in common.
    read = lru_cache(maxsize=1 << 16)(lambda text, asks: taste.read(text, asks=asks))
    states = [state_of(one, read) for one in examples]
    texts = list(dict.fromkeys(turn.wanted for state in states for turn in state.turns))
    vectors = dict(zip(texts, encode(texts), strict=True)) if texts else {}

    def look_up(wanted: Sequence[str]) -> FloatArray:
        if list(wanted) == [""]:
            return np.zeros((1, len(next(iter(vectors.values())))), np.float32)
        return np.stack([vectors[text] for text in wanted])

    groups = sorted({one.group for one in examples})
    order = np.random.default_rng(config.seed).permutation(len(groups))
    part = {group: int(place % config.folds) for group, place in zip(groups, order, strict=True)}
    return [
        Moment(
            one,
            state,
            taste.wish(state),
            meaning_of(state, look_up),
            " ".join(turn.plain for turn in state.turns),
            part[one.group],
        )
        for one, state in zip(examples, states, strict=True)
    ]


class StatisticsMaker:
    """Makes statistics of some moments and of the users' histories.

    Args:
        signals: What is known of the items.
        histories: The items of each user, CSR of ones of shape (num_users, num_items).
        config: The settings.
    """

    def __init__(
        self, signals: Signals, histories: sparse.csr_matrix, config: SearchConfig
    ) -> None:
        self._signals, self._histories, self._config = signals, histories, config
        self._values = value_places(signals.facts.has, config.seed)

    def of(self, moments: Sequence[Moment]) -> Statistics:
        """Return the statistics of moments."""
        size, config = len(self._signals.text), self._config
        groups: dict[str, set[int]] = {}
        for one in moments:
            rows = groups.setdefault(one.example.group, set())
            rows.update(one.wish.named)
            rows.update(one.example.answers)
        named = _rows_of([sorted(rows) for rows in groups.values()], size)
        answered = [one for one in moments if one.example.answers]
        answers = _rows_of([list(one.example.answers) for one in answered], size)
        rows = sparse.vstack([self._histories, config.example_weight * named], format="csr")
        words, idf = query_words([one.plain for one in answered])
        empty = Statistics(
            np.asarray(named.sum(0), np.float32).ravel(),
            np.asarray(answers.sum(0), np.float32).ravel(),
            Together.of(rows, config),
            words,
            idf,
            np.zeros((0, 0), np.float32),
            self._values,
        )
        centre = self._signals.centre
        queries = np.stack([empty.query(centre(one.vector), one.plain) for one in answered])
        places = answer_places(self._values, self._signals.centred)
        count = np.diff(answers.indptr)
        shares = sparse.csr_matrix(sparse.diags_array(1.0 / np.maximum(count, 1)) @ answers)
        return replace(empty, to_place=learn_map(queries, shares, places, config.map_l2))


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was learnt.

    Attributes:
        weights: The weights of the signals.
        statistics: The statistics of all examples.
        examples: The number of examples with an answer, of conversations and of single queries.
    """

    weights: SearchWeights
    statistics: Statistics
    examples: tuple[int, int]


@dataclass(frozen=True)
class _Sample:
    """The signals of some items of each moment: the answers, and others by chance."""

    moment: IntArray
    table: FloatArray
    chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]


def learn(
    examples: Sequence[Example],
    taste: TasteSearch,
    histories: sparse.csr_matrix,
    encode: Encode,
    config: SearchConfig,
    *,
    progress: ShowProgress = False,
) -> Learnt:
    """Learn statistics and weights from example queries.

    Args:
        examples: The examples.
        taste: Search with the default weights.
        histories: The items of each user, CSR of shape (num_users, num_items).
        encode: The text encoder.
        config: The settings.
        progress: As for `TextEncoder.encode`.

    Raises:
        DataError: There are too few examples.
    """
    answered = [one for one in examples if one.answers]
    if len({one.group for one in answered}) < config.folds:
        raise DataError(
            f"{len({one.group for one in answered})} conversations or queries have an answer in "
            f"the catalogue, and learning needs at least {config.folds}: set search.folds lower, "
            "or give more examples."
        )
    moments = moments_of(examples, taste, encode, config)
    maker = StatisticsMaker(taste.signals, histories, config)
    samples, kept = sampled(moments, taste, maker, config, progress=progress)
    weights = fitted(samples, kept, config)
    talks = sum(one.talks for one in answered)
    return Learnt(weights, maker.of(moments), (talks, len(answered) - talks))


def sampled(
    moments: Sequence[Moment],
    taste: TasteSearch,
    maker: StatisticsMaker,
    config: SearchConfig,
    *,
    progress: ShowProgress = False,
) -> tuple[_Sample, list[Moment]]:
    """Return the signals of answers and of other items, by statistics of the other parts."""
    rng = np.random.default_rng(config.seed)
    parts: list[tuple[IntArray, FloatArray, IntArray]] = []
    kept: list[Moment] = []
    with reporter(progress, config.folds, "Learning to search") as report:
        for part in range(config.folds):
            others = [one for one in moments if one.part != part]
            signals = taste.signals.with_statistics(maker.of(others))
            for one in (one for one in moments if one.part == part and one.example.answers):
                rows = _compared(one, len(signals.text), rng, config.negatives)
                table = signals.of(one.state, one.wish, one.vector)[rows]
                answer = np.arange(len(rows)) < len(one.example.answers)
                parts.append((np.full(len(rows), len(kept)), table, answer.astype(np.int64)))
                kept.append(one)
            report(part + 1, config.folds)
    moment, table, chosen = (np.concatenate(found) for found in zip(*parts, strict=True))
    return _Sample(moment, table, chosen.astype(bool)), kept


def _compared(one: Moment, size: int, rng: np.random.Generator, negatives: int) -> IntArray:
    """Return the answers of a moment, then items by chance that could have been one."""
    answers = np.array(one.example.answers, dtype=np.int64)
    drawn = np.unique(rng.integers(0, size, size=min(negatives, size)))
    named = one.example.mentioned or ()
    return np.concatenate([answers, np.setdiff1d(drawn, [*answers.tolist(), *named])])


def fitted(sample: _Sample, moments: Sequence[Moment], config: SearchConfig) -> SearchWeights:
    """Return the weights under which the answers are most likely.

    A conditional logit (see `kgrec.auto.logit`) over each moment's answers and other items.
    Conversations and single queries have weights of their own; a kind with too few examples keeps
    the default ones.
    """
    default = SearchWeights(vector_of(QUERY_AFTER_LEARNING), SearchWeights.default().talk)
    talks = np.array([one.example.talks for one in moments])
    found = {}
    for kind, mask in (("talk", talks), ("query", ~talks)):
        found[kind] = getattr(default, kind)
        if mask.sum() >= _FEWEST:
            found[kind] = _logit(sample, mask, config.weight_l2)
    return SearchWeights(found["query"], found["talk"])


def _logit(
    sample: _Sample, mask: np.ndarray[tuple[int], np.dtype[np.bool_]], l2: float
) -> FloatArray:
    scale = sample.table.std(0)
    columns = scale > 1e-9
    table = (sample.table / np.where(columns, scale, 1.0)).astype(np.float32)
    none = np.zeros(0, dtype=np.int64)
    choices = Choices(
        sample.moment, none, table, sample.chosen, np.zeros((len(mask), 1), np.float32),
        np.bincount(sample.moment, sample.chosen, minlength=len(mask)).astype(np.int64),
    )  # fmt: skip
    least = np.full(len(SIGNALS), -np.inf)
    solved = ConditionalLogit(choices, table, least).fit(l2, mask, columns)
    weights = np.where(columns, solved.weights / np.where(columns, scale, 1.0), 0.0)
    return weights.astype(np.float32)


Scored = Callable[[Moment], FloatArray]
"""Returns the scores of all items for a moment."""


def cross_validated(
    moments: Sequence[Moment],
    taste: TasteSearch,
    maker: StatisticsMaker,
    config: SearchConfig,
    *,
    check: Callable[[Moment, FloatArray], None],
    sample: tuple[_Sample, list[Moment]] | None = None,
) -> None:
    """Call `check` with each moment and its scores by what the other parts teach.

    Args:
        moments: The examples.
        taste: Search with the default weights.
        maker: Makes statistics.
        config: The settings.
        check: Gets each moment that has an answer, and the scores of all items.
        sample: What `sampled` returned; None: it is made.
    """
    table, kept = sampled(moments, taste, maker, config) if sample is None else sample
    part_of = np.array([one.part for one in kept])
    for part in range(config.folds):
        inside = np.flatnonzero(part_of != part)
        number = np.full(len(kept), -1)
        number[inside] = np.arange(len(inside))
        rows = part_of[table.moment] != part
        some = _Sample(number[table.moment[rows]], table.table[rows], table.chosen[rows])
        weights = fitted(some, [kept[place] for place in inside], config)
        others = [one for one in moments if one.part != part]
        found = TasteSearch(taste.signals.with_statistics(maker.of(others)), weights)
        for one in (one for one in kept if one.part == part):
            signals = found.signals.of(one.state, one.wish, one.vector)
            check(one, signals @ (weights.talk if one.example.talks else weights.query))


def _rows_of(rows: Sequence[Sequence[int]], size: int) -> sparse.csr_matrix:
    """Return lists of distinct columns as a matrix of ones, float64 CSR."""
    pointer = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    shape = (len(rows), size)
    return sparse.csr_matrix((np.ones(len(columns)), columns, pointer), shape=shape)
