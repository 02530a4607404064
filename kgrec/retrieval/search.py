"""Semantic matching: from free text to items."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.models.base import VectorModel
from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.index import ExactIndex
from kgrec.types import FloatArray, IntArray

WEAK: Final = 0.5
"""Hits of lower confidence are hardly better than those of a query without a meaning."""
_SURE: Final = 4.0  # standard deviations above the hits of nonsense
_TOGETHER: Final = 1.2  # chosen on 40 long queries, half of them nonsense; the tests have 40 others
_NARROWEST: Final = 0.05  # standard deviation of cosines; topics vary more than nonsense


class SemanticSearch:
    """How well each item fits a query in words.

    The score is the sum of three, each standardised over the items:

    * the cosine of the text vectors of query and item: what the item's text says;
    * the words that they share (BM25): names and rare words, which text vectors represent badly.
      They count less where the texts know few words of the query, as of one in another language;
    * half the cosine of query and item in the model's item space: what people with this taste
      choose. Models that cannot place content in that space leave it out.

    Args:
        item_text: Text vectors of the items, float32 of shape (num_items, text dim), a row of
            zeros where an item has no text.
        words: The items' words.
        space: The model's item space, which places content; None: there is none.
        places: Where the items are, float32 of shape (num_items, place dim); None: as in `space`.
        nonsense: Text vectors of queries without a meaning, float32 of shape (m, text dim), which
            show how near an item comes to a query by chance; None: not known.
    """

    def __init__(
        self,
        item_text: FloatArray,
        words: BM25Index,
        space: VectorModel | None = None,
        places: FloatArray | None = None,
        nonsense: FloatArray | None = None,
    ) -> None:
        unit = _unit(item_text)
        self._known = np.abs(unit).sum(1) > 0
        # The mean is common to all items, such as that they are films: it does not tell them apart.
        self._centre = unit[self._known].mean(0)
        self._text = ExactIndex(_unit(unit[self._known] - self._centre))
        self._words, self._space, self._nonsense = words, space, nonsense
        self._places = None
        if space is not None:
            self._places = ExactIndex(_unit(space.similarity_vectors if places is None else places))

    def extended(
        self, item_text: FloatArray, words: BM25Index, places: FloatArray | None = None
    ) -> SemanticSearch:
        """Return the search of more items, which come after these.

        What all items have in common (their mean, and the hits of nonsense) stays that of the
        items of before.

        Args:
            item_text: As for the constructor, of the new items only.
            words: The words of all items.
            places: As for the constructor, of the new items only.
        """
        made = copy(self)
        unit = _unit(item_text)
        known = np.abs(unit).sum(1) > 0
        made._known = np.append(self._known, known)
        made._text = self._text.extended(_unit(unit[known] - self._centre))
        made._words = words
        if self._places is not None:
            if places is None:
                places = np.zeros((len(item_text), self._places.vectors.shape[1]), np.float32)
            made._places = self._places.extended(_unit(places))
        return made

    @property
    def num_items(self) -> int:
        """The number of items."""
        return len(self._known)

    def scores(self, query: str, vector: FloatArray) -> FloatArray:
        """Return the scores of all items, float32 of shape (1, num_items).

        Args:
            query: The query in words.
            vector: Its text vector, float32 of shape (1, text dim).

        Raises:
            DataError: The vector has another width than those of the items.
        """
        if vector.shape[1] != len(self._centre):
            raise DataError(
                f"The items' text vectors have {len(self._centre)} numbers, the encoder's "
                f"{vector.shape[1]}: the recommender was made with another encoder."
            )
        scores = np.zeros((1, len(self._known)), dtype=np.float32)
        # The mean is that of long texts in the items' language. A query has no part of it.
        scores[:, self._known] = _standardised(self._text.scores(_unit(vector)))
        trust = np.float32(self._words.trust(query))
        scores += trust * _standardised(self._words.score(query)[None, :])
        if self._space is not None and self._places is not None:
            placed = self._space.vectors_of_content({"text": vector})
            scores += _standardised(self._places.scores(placed)) / 2
        return scores

    def nearest(self, rows: IntArray, among: int, k: int) -> csr_matrix:
        """Return the k items of the first ones whose texts have the most similar meaning.

        Args:
            rows: Rows of items, int64 of shape (m,).
            among: From how many of the first items they are chosen.
            k: Number of items for each row.

        Returns:
            float32 of shape (m, among): 1 / k for each of them; a row of zeros for no text.
        """
        place = np.cumsum(self._known) - 1
        there = np.flatnonzero(self._known[rows])
        best = self._text.search(
            self._text.vectors[place[rows[there]]], k, candidates=np.arange(place[among - 1] + 1)
        ).items
        found = best >= 0
        columns = np.flatnonzero(self._known)[best[found]]
        at = np.repeat(there, found.sum(axis=1))
        share = np.repeat(1.0 / np.maximum(found.sum(axis=1), 1), found.sum(axis=1))
        return csr_matrix((share.astype(np.float32), (at, columns)), shape=(len(rows), among))

    def confidence(self, query: str, vector: FloatArray, rows: IntArray) -> FloatArray:
        """Return how sure it is that items are about a query, 0 to 1, float32 of shape (k,).

        It is the largest one of three:

        * the share of the query's words that the item has, by their rarity; see
          `BM25Index.shares`;
        * how much nearer its meaning is than that of the best hits for nonsense: 0 at the mean of
          their cosines, 0.5 two standard deviations (of at least 0.05) above it, 1 from four on;
        * both together, for long queries, whose words and meaning no item has all of: the
          geometric mean of the share and of 1.2 times the item's cosine over that mean.

        Args:
            query: The query in words.
            vector: Its text vector, float32 of shape (1, text dim).
            rows: Rows of the items, int64 of shape (k,).
        """
        share = found = self._words.shares(query)[rows]
        if self._by_chance is not None:
            mean, spread = self._by_chance
            cosine = np.full(len(self._known), -1.0, dtype=np.float32)
            cosine[self._known] = self._text.scores(_unit(vector))[0]
            near = np.clip(cosine[rows], 0, None) / max(mean, _NARROWEST)
            found = np.maximum(found, (cosine[rows] - mean) / (_SURE * spread))
            found = np.maximum(found, np.sqrt(_TOGETHER * share * near))
        return np.asarray(np.clip(found, 0, 1), dtype=np.float32)

    @cached_property
    def _by_chance(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the cosine of nonsense and its best hit."""
        width = len(self._centre)
        if self._nonsense is None or not len(self._nonsense) or self._nonsense.shape[1] != width:
            return None
        best = self._text.scores(_unit(self._nonsense)).max(1)
        return float(best.mean()), max(float(best.std()), _NARROWEST)


def _unit(vectors: FloatArray) -> FloatArray:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1.0), dtype=np.float32)


def _standardised(scores: FloatArray) -> FloatArray:
    mean, scale = scores.mean(1, keepdims=True), scores.std(1, keepdims=True)
    return np.asarray((scores - mean) / np.where(scale > 0, scale, 1.0), dtype=np.float32)
