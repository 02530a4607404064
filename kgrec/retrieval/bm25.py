"""Word matching, for words that a small language model misses: names and rare words."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from kgrec.text.fillers import FILLERS, without_fillers
from kgrec.text.words import WordCounts, fold_words
from kgrec.types import Float64Array, FloatArray, IntArray

_FOREIGN, _OWN = 0.3, 0.6
"""Share of a query that the texts know: below the first one, words are not trusted at all."""

_FEW: Final = 1000
_SHARE: Final = 0.1
"""With more new texts than these, a count or a share of the first ones, all become one part."""


class BM25Index:
    """BM25 over texts (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009).

    Words are normalised: no case, no accents, no plural s. Weights are computed for the words of a
    query when it is asked, so that more texts change the rarity of words at once.

    Args:
        counted: The words of n texts.
        saturation: k1, how soon a repeated word stops counting.
        length_weight: b, how much long texts are penalised.
    """

    def __init__(
        self, counted: WordCounts, *, saturation: float = 1.2, length_weight: float = 0.75
    ) -> None:
        counts = counted.counts
        self._saturation, self._length_weight = saturation, length_weight
        self._column = counted.column_of
        self._length = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
        self._total = float(self._length.sum())
        self._documents = np.bincount(counts.indices, minlength=counts.shape[1])
        self._parts: tuple[_Part, ...] = (_Part(counts.T.tocsr(), 0),)

    def extended(self, counted: WordCounts) -> BM25Index:
        """Return the index of more texts; only the words of the new ones are read.

        Args:
            counted: The words of all texts, as `WordCounts.extended` returns them: further texts
                come after those of this index, and further words after its words.
        """
        first, start = self._parts[0], self._parts[0].words.shape[1]
        num_texts, num_words = counted.counts.shape
        if num_texts - start > max(_FEW, _SHARE * start):
            return BM25Index(
                counted, saturation=self._saturation, length_weight=self._length_weight
            )
        made = copy(self)
        new = counted.counts[len(self._length) :]
        made._column = counted.column_of
        made._length = np.append(self._length, np.asarray(new.sum(axis=1)).ravel())
        made._total = self._total + float(new.sum())
        made._documents = np.bincount(new.indices, minlength=num_words)
        made._documents[: len(self._documents)] += self._documents
        made._parts = (first, _Part(counted.counts[start:].T.tocsr(), start))
        return made

    def documents(self, words: Iterable[str]) -> list[int]:
        """Return how many texts have each of some words of the index."""
        return [int(self._documents[self._column[word]]) for word in words]

    def score(self, query: str) -> FloatArray:
        """Return how well each text matches the words of a query, float32 of shape (n,)."""
        return self.score_words(fold_words(query))

    def score_words(self, words: Iterable[str]) -> FloatArray:
        """Return how well each text matches words that are folded, as `score`."""
        found = {self._column[word] for word in words if word in self._column}
        mean = self._total / len(self._length) if self._total else 1.0
        add, weight = self._saturation, self._length_weight
        scores = np.zeros(len(self._length))
        for part in self._parts:
            word, text, count = part.of_words(sorted(found))
            norm = add * (1 - weight + weight * self._length[text] / mean)
            value = self._idf(word) * count * (add + 1) / (count + norm)
            scores += np.bincount(text, weights=value, minlength=len(scores))
        return scores.astype(np.float32)

    def shares(self, query: str) -> FloatArray:
        """Return how much of a query each text has: 0 nothing, 1 all, float32 of shape (n,).

        Each distinct word of the query counts by its rarity (idf); one that no text has counts
        most. Fillers such as "I am looking for a film about" do not count if there are other words.
        """
        rows, _, total = self._rarity(query)
        scores = np.zeros(len(self._length))
        for part in self._parts:
            word, text, _ = part.of_words(rows)
            scores += np.bincount(text, weights=self._idf(word), minlength=len(scores))
        shares = scores.astype(np.float32)
        return shares / np.float32(total) if total else shares

    def trust(self, query: str) -> float:
        """Return how much the words of a query tell, 0 to 1.

        It grows with the share of the query that the texts know together, where words count as in
        `shares`: 0 up to a share of 0.3, and 1 from 0.6 on. A query in another language than the
        texts has few words that they know, and what these find is chance.
        """
        _, known, total = self._rarity(query)
        share = known / total if total else 0.0
        return min(max((share - _FOREIGN) / (_OWN - _FOREIGN), 0.0), 1.0)

    def _rarity(self, query: str) -> tuple[list[int], float, float]:
        """Return the known words of a query, and the rarity of them and of all of its words."""
        words = set(without_fillers(fold_words(query), _fillers()))
        rows = sorted(self._column[word] for word in words if word in self._column)
        of_new = float(np.log1p((len(self._length) + 0.5) / 0.5))
        known = float(self._idf(np.array(rows, dtype=np.int64)).sum())
        return rows, known, known + of_new * (len(words) - len(rows))

    def _idf(self, words: IntArray) -> Float64Array:
        with_it = self._documents[words]
        return np.asarray(np.log1p((len(self._length) - with_it + 0.5) / (with_it + 0.5)))


@dataclass(frozen=True)
class _Part:
    """The words of some neighbouring texts.

    Attributes:
        words: How often each word is in each text, CSR of shape (num_words, num_texts).
        start: The first of the texts.
    """

    words: sparse.csr_matrix
    start: int

    def of_words(self, rows: Sequence[int]) -> tuple[IntArray, IntArray, Float64Array]:
        """Return the words that texts have, these texts, and how often: each of shape (p,)."""
        known = np.array([row for row in rows if row < self.words.shape[0]], dtype=np.int64)
        found = self.words[known]
        word = np.repeat(known, np.diff(found.indptr))
        return word, found.indices.astype(np.int64) + self.start, found.data


@functools.cache
def _fillers() -> frozenset[str]:
    """Return the fillers in the form of the words of an index."""
    return frozenset(fold_words(" ".join(FILLERS)))
