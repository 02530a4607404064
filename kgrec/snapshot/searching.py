"""Search that knows taste, over a snapshot's items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.graph.modalities import TEXT
from kgrec.models.base import unit_rows
from kgrec.search.facts import ItemFacts, item_facts
from kgrec.search.signals import Signals
from kgrec.search.state import State, Turn
from kgrec.search.taste import Encode, Found, TasteSearch
from kgrec.search.weights import SearchWeights
from kgrec.types import Float64Array, FloatArray

if TYPE_CHECKING:
    from kgrec.snapshot.fitted import Fitted
    from kgrec.snapshot.inputs import Inputs
    from kgrec.snapshot.ranker import Ranker


def facts_of(now: Fitted, inputs: Inputs, start: int = 0) -> ItemFacts:
    """Return what search reads of each item.

    Args:
        now: The snapshot.
        inputs: Its graph, links and item table.
        start: The first row.
    """
    kg, links = inputs.chosen()
    table = None if inputs.items is None else inputs.items.reindex(now.items)
    items = now.items
    if start:
        items = items.tail(start)
        table = None if table is None else table.tail(start)
        links = None if links is None else links.tail(start)
    titles = [now.title(row) for row in range(start, len(now.items))]
    relations = inputs.config.label_relations
    return item_facts(items, titles, table, kg, links, inputs.languages, relations)


def taste_search(now: Ranker, facts: Callable[[], ItemFacts]) -> TasteSearch | None:
    """Return search that knows taste; None: the snapshot has no text vectors.

    Args:
        now: The snapshot.
        facts: Returns what search reads of each item.
    """
    text, words = now.derived.features.get(("item", TEXT)), now.derived.words
    if text is None or words is None:
        return None
    taught = None if now.taught is None else now.taught.widened(len(now.items))
    weights = SearchWeights.default() if taught is None else taught.weights
    statistics = None if taught is None else taught.statistics
    space = now.model.content_space()
    popularity = np.asarray(now.histories.sum(0), dtype=np.float64).ravel()
    before, num = now.earlier.taste, len(now.items)
    if before is None:
        places = None if space is None else unit_rows(now.placed_in(space))
        return TasteSearch(
            Signals(facts(), text, words, popularity, space, places, _model(now), statistics),
            weights,
        )
    places, start = before.signals.places, len(before.facts.titles)
    if start == num:
        signals = before.signals.changed(popularity, _model(now), statistics)
        return before.extended(signals, weights)
    if places is not None:
        late = None if now.placed is None else unit_rows(now.placed[start - now.num_scored :])
        places = np.zeros((num - start, places.shape[1]), np.float32) if late is None else late
    every = before.facts.extended(facts_of(now, now.inputs, start))
    signals = before.signals.extended(
        every, text, words, popularity, places, _model(now), statistics
    )
    return before.extended(signals, weights)


def _model(now: Ranker) -> Callable[[Float64Array], FloatArray]:
    def scores(history: Float64Array) -> FloatArray:
        # Models are fitted on ones, and a small weight is that of a known user's history.
        rows = np.flatnonzero(history)
        ones = csr_matrix((np.ones(len(rows), np.float32), (np.zeros_like(rows), rows)),
                          shape=(1, len(history)))  # fmt: skip
        if not len(rows):
            return np.zeros(len(history), np.float32)
        return np.asarray(now.score_histories(ones)[0], dtype=np.float32)

    return scores


@dataclass(frozen=True)
class Asked:
    """What is asked of a search, in rows.

    Attributes:
        turns: The texts of the turns, the last one last.
        liked: Rows of items that are known to be liked.
        disliked: Rows of items that are known to be disliked.
        history: Rows of what a known user has.
        shown: Rows of what is not to come back.
    """

    turns: tuple[str, ...]
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    history: tuple[int, ...] = ()
    shown: tuple[int, ...] = ()


def find(taste: TasteSearch, asked: Asked, encode: Encode, *, talks: bool) -> Found:
    """Return the scores of all items for what is asked."""
    turns: Sequence[Turn] = [taste.read(text) for text in asked.turns]
    state = State(
        tuple(turns), asked.liked, asked.disliked, None, asked.history, asked.shown
    )  # fmt: skip
    return taste.score(state, encode, talks=talks)
