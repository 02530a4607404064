"""Word matching: what a language model of six layers overlooks, such as names and rare words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

FloatArray = npt.NDArray[np.float32]


class WordIndex:
    """BM25 over texts (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009).

    Words are folded: no case, no accents, no plural s.

    Args:
        texts: n texts.
        saturation: k1, how soon a repeated word stops counting.
        length_weight: b, how much long texts are held back.
    """

    def __init__(
        self, texts: Sequence[str], *, saturation: float = 1.2, length_weight: float = 0.75
    ) -> None:
        words = [fold_words(text) for text in texts]
        vocabulary = sorted({word for found in words for word in found})
        self._column = {word: column for column, word in enumerate(vocabulary)}
        row = np.repeat(np.arange(len(words)), [len(found) for found in words])
        column = [self._column[word] for found in words for word in found]
        shape = (len(words), max(len(vocabulary), 1))
        counts = sparse.csr_matrix((np.ones(len(column)), (row, column)), shape=shape).tocoo()
        length = np.array([len(found) for found in words], dtype=np.float64)
        mean = length.mean() if length.sum() else 1.0
        norm = saturation * (1 - length_weight + length_weight * length / mean)
        documents = np.bincount(counts.col, minlength=shape[1])
        idf = np.log1p((len(words) - documents + 0.5) / (documents + 0.5))
        value = idf[counts.col] * counts.data * (saturation + 1) / (counts.data + norm[counts.row])
        self._weights = sparse.csr_matrix((value, (counts.row, counts.col)), shape=shape).T.tocsr()

    def score(self, query: str) -> FloatArray:
        """Return how well each text matches the words of a query, float32 of shape (n,)."""
        found = {self._column[word] for word in fold_words(query) if word in self._column}
        rows = sorted(found)
        return np.asarray(self._weights[rows].sum(0), dtype=np.float32).ravel()


def fold_words(text: str) -> list[str]:
    """Return the words of a text, folded.

    >>> fold_words("Two Café heists, by André's gang")
    ['two', 'cafe', 'heist', 'by', 'andre', 'gang']
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = re.findall(r"\w+", plain.replace("'s", ""))
    return [word[:-1] if len(word) > 3 and word[-1] == "s" != word[-2] else word for word in words]
