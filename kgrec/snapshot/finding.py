"""From what is asked in words to the list that people get, with what makes them wait or doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from kgrec.errors import printable, warn
from kgrec.retrieval.search import WEAK
from kgrec.retrieval.topk import top_k
from kgrec.search.taste import Encode, Found, TasteSearch
from kgrec.snapshot.listed import Recommendation, listed_of
from kgrec.snapshot.searching import Asked, find
from kgrec.snapshot.snapshot import Snapshot
from kgrec.text.backend import TextBackend, scripts_known_by
from kgrec.text.scripts import warn_of_unknown_scripts
from kgrec.types import FloatArray, IntArray

_LONG: Final = 10_000  # characters of a text


def remembering(encoder: TextBackend) -> Encode:
    """Return a function that encodes queries, and no text twice."""
    known: dict[str, FloatArray] = {}

    def encode(texts: Sequence[str]) -> FloatArray:
        for text in texts:
            if text not in known:
                known[text] = encoder.encode_query(text)
        return np.concatenate([known[text] for text in texts])

    return encode


def warn_of_hard_queries(asked: Asked, encoder: TextBackend) -> None:
    """Warn of a last turn that is very long, or in a script that the encoder does not know."""
    query = asked.turns[-1] if asked.turns else ""
    if len(query) > _LONG:
        warn(
            f"The text has {len(query):,} characters. All of its words count, but the language "
            "model reads only its beginning, and spelling is forgiven only there."
        )
    warn_of_unknown_scripts([query], lambda: scripts_known_by(encoder), f"“{printable(query, 60)}”")


def found_items(
    now: Snapshot,
    taste: TasteSearch,
    asked: Asked,
    k: int,
    candidates: IntArray | None,
    encode: Encode,
    *,
    talks: bool,
) -> tuple[list[Recommendation], Found]:
    """Return the k best items for what is asked, and what was understood of it.

    It warns if none of them seems to be about a single query.

    Args:
        now: The snapshot.
        taste: Its search.
        asked: The turns, and rows of items.
        k: Number of items.
        candidates: Rows of the items to choose from; None: all.
        encode: Encodes queries.
        talks: Whether it is weighed as a conversation, and not as a single query.
    """
    made = find(taste, asked, encode, talks=talks)
    if talks and asked.turns:  # what somebody has named is known to them
        made.scores[list(made.wish.named)] = -np.inf
    out = np.flatnonzero(np.isneginf(made.scores))
    if len(out):
        every = np.arange(len(now.items)) if candidates is None else candidates
        candidates = np.setdiff1d(every, out)
    best = top_k(made.scores[None, :], k, candidates=candidates)
    wanted = made.state.turns[-1].wanted if made.state.turns else ""
    if talks or now.semantic_search is None or not wanted.strip():
        return listed_of(now, best), made
    sure = now.semantic_search.confidence(wanted, encode([wanted]), best.items[0])
    listed = listed_of(now, best, sure)
    if listed and max(sure[best.items[0] >= 0]) < WEAK:
        query = asked.turns[-1] if asked.turns else ""
        warn(
            f"Weak matches for “{printable(query, 60)}”: the best one has a confidence of "
            f"{max(sure[best.items[0] >= 0]):.2f}, where 1 is sure and less than {WEAK} hardly "
            "better than what nonsense finds. Perhaps the catalogue has nothing about it; try "
            "other words."
        )
    return listed, made
