"""Texts as weighted words, for names and rare words that a small language model misses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse


def fold_words(text: str) -> list[str]:
    """Return the words of a text, folded: no case, no accents, no plural s.

    >>> fold_words("Two Café heists, by André's gang")
    ['two', 'cafe', 'heist', 'by', 'andre', 'gang']
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = re.findall(r"\w+", plain.replace("'s", ""))
    return [word[:-1] if len(word) > 3 and word[-1] == "s" != word[-2] else word for word in words]


@dataclass(frozen=True)
class WordCounts:
    """The words of texts, counted once for all uses.

    Attributes:
        words: The m distinct words, folded.
        counts: How often each text has each, float64 CSR of shape (n, m) without stored zeros.
    """

    words: list[str]
    counts: sparse.csr_matrix

    def extended(self, texts: Sequence[str]) -> WordCounts:
        """Return the counts with more texts appended, and new words after the old ones."""
        more = count_words(texts)
        column_of = {word: column for column, word in enumerate(self.words)}
        new = [word for word in more.words if word not in column_of]
        column_of |= {word: len(self.words) + place for place, word in enumerate(new)}
        shape = len(texts), len(column_of)
        columns = np.array([column_of[word] for word in more.words], dtype=np.int64)
        found = more.counts.tocoo()
        below = sparse.csr_matrix((found.data, (found.row, columns[found.col])), shape=shape)
        old = self.counts
        wide = (old.shape[0], shape[1])
        above = sparse.csr_matrix((old.data, old.indices, old.indptr), shape=wide)
        return WordCounts([*self.words, *new], sparse.vstack([above, below], format="csr"))


def count_words(texts: Sequence[str]) -> WordCounts:
    """Return the words of `texts`, in alphabetical order, and how often each text has each."""
    found = [fold_words(text) for text in texts]
    vocabulary = sorted({word for words in found for word in words})
    column_of = {word: column for column, word in enumerate(vocabulary)}
    row = np.repeat(np.arange(len(found)), [len(words) for words in found])
    column = np.array([column_of[word] for words in found for word in words], dtype=np.int64)
    counts = sparse.csr_matrix(
        (np.ones(len(column)), (row, column)), shape=(len(found), len(vocabulary))
    )
    counts.sum_duplicates()
    return WordCounts(vocabulary, counts)


def tf_idf(
    counted: WordCounts, *, min_texts: int = 2, max_words: int = 50_000
) -> sparse.csr_matrix:
    """Return texts as weighted words, whose inner products are similarities.

    A word that a text has c times weighs (1 + log c) · (1 + log((1 + n) / (1 + d))), where d of the
    n texts that are not empty have it (Salton and Buckley, Term-weighting approaches in automatic
    text retrieval, 1988); each row is scaled to length 1.

    Args:
        counted: The words of the texts; a text that is "" has none.
        min_texts: Words of fewer texts are left out: they make no two texts similar.
        max_words: Most words; those of the most texts are kept.

    Returns:
        float32 of shape (n, num_words); the row of a text without kept words is zero.

    >>> tf_idf(count_words(["blue car", "red car", "blue sky"])).shape
    (3, 2)
    """
    counts = counted.counts
    num_texts = np.bincount(counts.indices, minlength=counts.shape[1])
    kept = np.flatnonzero(num_texts >= min_texts)
    if len(kept) > max_words:
        most = np.argsort(-num_texts[kept], kind="stable")[:max_words]
        kept = np.sort(kept[most])
    weighted = counts[:, kept]
    weighted.data = 1.0 + np.log(weighted.data)
    filled = int((np.diff(counts.indptr) > 0).sum())
    idf = 1.0 + np.log((1.0 + filled) / (1.0 + num_texts[kept]))
    weighted = sparse.csr_matrix(weighted @ sparse.diags_array(idf))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_matrix(sparse.diags_array(scale) @ weighted, dtype=np.float32)
