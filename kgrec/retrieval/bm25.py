"""Word matching, for words that a small language model misses: names and rare words."""

from __future__ import annotations

import functools

import numpy as np
from scipy import sparse

from kgrec.text.fillers import FILLERS, without_fillers
from kgrec.text.words import WordCounts, fold_words
from kgrec.types import FloatArray


class BM25Index:
    """BM25 over texts (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009).

    Words are normalised: no case, no accents, no plural s.

    Args:
        counted: The words of n texts.
        saturation: k1, how soon a repeated word stops counting.
        length_weight: b, how much long texts are penalised.
    """

    def __init__(
        self, counted: WordCounts, *, saturation: float = 1.2, length_weight: float = 0.75
    ) -> None:
        found = counted.counts
        self._column = {word: column for column, word in enumerate(counted.words)}
        counts = found.tocoo()
        length = np.asarray(found.sum(axis=1), dtype=np.float64).ravel()
        mean = length.mean() if length.sum() else 1.0
        norm = saturation * (1 - length_weight + length_weight * length / mean)
        documents = np.bincount(counts.col, minlength=counts.shape[1])
        idf = np.log1p((found.shape[0] - documents + 0.5) / (documents + 0.5))
        value = idf[counts.col] * counts.data * (saturation + 1) / (counts.data + norm[counts.row])
        self._weights = sparse.csr_matrix(
            (value, (counts.row, counts.col)), shape=counts.shape
        ).T.tocsr()
        self._idf, self._idf_of_new = idf, float(np.log1p((found.shape[0] + 0.5) / 0.5))

    def score(self, query: str) -> FloatArray:
        """Return how well each text matches the words of a query, float32 of shape (n,)."""
        found = {self._column[word] for word in fold_words(query) if word in self._column}
        rows = sorted(found)
        return np.asarray(self._weights[rows].sum(0), dtype=np.float32).ravel()

    def shares(self, query: str) -> FloatArray:
        """Return how much of a query each text has: 0 nothing, 1 all, float32 of shape (n,).

        Each distinct word of the query counts by its rarity (idf); one that no text has counts
        most. Fillers such as "I am looking for a film about" do not count if there are other words.
        """
        words = set(without_fillers(fold_words(query), _fillers()))
        rows = sorted(self._column[word] for word in words if word in self._column)
        total = float(self._idf[rows].sum()) + self._idf_of_new * (len(words) - len(rows))
        found = self._weights[rows]
        found.data = np.repeat(self._idf[rows], np.diff(found.indptr))
        shares = np.asarray(found.sum(0), dtype=np.float32).ravel()
        return shares / np.float32(total) if total else shares


@functools.cache
def _fillers() -> frozenset[str]:
    """Return the fillers in the form of the words of an index."""
    return frozenset(fold_words(" ".join(FILLERS)))
