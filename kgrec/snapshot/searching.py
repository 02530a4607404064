"""Search that knows taste, over a snapshot's items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.graph.modalities import TEXT
from kgrec.models.base import unit_rows
from kgrec.search.facts import item_facts
from kgrec.search.signals import Signals
from kgrec.search.state import State, Turn
from kgrec.search.taste import Encode, Found, TasteSearch
from kgrec.search.weights import SearchWeights
from kgrec.types import Float64Array, FloatArray

if TYPE_CHECKING:
    from kgrec.snapshot.inputs import Inputs
    from kgrec.snapshot.snapshot import Snapshot


def taste_search(now: Snapshot, inputs: Inputs) -> TasteSearch | None:
    """Return search that knows taste; None: the snapshot has no text vectors.

    Args:
        now: The snapshot.
        inputs: Its graph, links and item table.
    """
    text, words = now.derived.features.get(("item", TEXT)), now.derived.words
    if text is None or words is None:
        return None
    kg, links = inputs.chosen()
    table = None if inputs.items is None else inputs.items.reindex(now.items)
    titles = [now.title(row) for row in range(len(now.items))]
    facts = item_facts(now.items, titles, table, kg, links, inputs.languages)
    taught = None if now.taught is None else now.taught.widened(len(now.items))
    space = now.model.content_space()
    places = None
    if space is not None:
        places = unit_rows(now.placed_in(space))
    popularity = np.asarray(now.histories.sum(0), dtype=np.float64).ravel()
    signals = Signals(
        facts, text, words, popularity, space, places, _model(now),
        None if taught is None else taught.statistics,
    )  # fmt: skip
    return TasteSearch(signals, SearchWeights.default() if taught is None else taught.weights)


def _model(now: Snapshot) -> Callable[[Float64Array], FloatArray]:
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
