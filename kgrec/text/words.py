"""Texts as weighted words, for names and rare words that a small language model misses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from kgrec.data.growing_rows import GrowingRows
from kgrec.text.cache import text_keys

_HAN = r"\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003347f"
_UNSPACED = (
    _HAN + r"\u3041-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Japanese kana
    r"\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
)
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_IS_HAN = re.compile(rf"[{_HAN}]")
_NAME_DOTS = re.compile(rf"(?<=[{_UNSPACED}])[·・‧•∙⋅]+(?=[{_UNSPACED}])")
_VOWELS_AND_VOICE = (0, 7, 8, 9)  # combining classes of marks that are part of a letter


def fold_words(text: str) -> list[str]:
    """Return the words of a text, folded: no case, no accents, no plural s.

    Scripts without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan)
    give pairs of neighbouring characters, and Chinese also single ones. Dots inside of names
    (哈利·波特) do not count.

    >>> fold_words("Two Café heists, by André's gang")
    ['two', 'cafe', 'heist', 'by', 'andre', 'gang']
    >>> fold_words("哈利·波特 DVD")
    ['哈利', '利波', '波特', '哈', '利', '波', '特', 'dvd']
    """
    text = text.casefold()
    if text.isascii():
        return _singular(re.findall(r"\w+", text.replace("'s", "")))
    folded = _folded(_NAME_DOTS.sub("", text.replace("’", "'")))
    words: list[str] = []
    for word in folded.replace("'s", "").translate(_Separators()).split():
        if not _IS_UNSPACED.search(word):
            words += _singular([word])
            continue
        for run in _RUNS.findall(word):
            if not _IS_UNSPACED.match(run):
                words += _singular([run])
                continue
            words += [run[place : place + 2] for place in range(len(run) - 1)] or [run]
            words += [char for char in run if len(run) > 1 and _IS_HAN.match(char)]
    return words


def _singular(words: list[str]) -> list[str]:
    return [word[:-1] if len(word) > 3 and word[-1] == "s" != word[-2] else word for word in words]


def _folded(text: str) -> str:
    """Return a text without accents; marks that are vowels or part of a letter stay."""
    kept = (
        char
        for char in unicodedata.normalize("NFKD", text)
        if unicodedata.combining(char) in _VOWELS_AND_VOICE or "\u0e00" <= char <= "\u0eff"
    )
    return unicodedata.normalize("NFC", "".join(kept))


class _Separators(dict[int, str]):
    """Turns what is no letter, digit or mark into a blank; joiners and soft hyphens vanish."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        if char == "_" or kind[0] in "LNM":
            return char
        return "" if kind == "Cf" else " "


@dataclass(frozen=True)
class WordCounts:
    """The words of texts, counted once for all uses.

    Attributes:
        words: The m distinct words, folded.
        counts: How often each text has each, float64 CSR of shape (n, m) without stored zeros.
        keys: By which `EmbeddingCache` finds the vectors of the texts, uint8 of shape (n, 32); see
            `kgrec.text.cache.text_keys`.
    """

    words: list[str]
    counts: sparse.csr_matrix
    keys: npt.NDArray[np.uint8]

    def extended(self, texts: Sequence[str]) -> WordCounts:
        """Return the counts with more texts appended, and new words after the old ones.

        The old counts are not copied, see `GrowingRows`.
        """
        more = count_words(texts)
        column_of = dict(self.column_of)
        new = [word for word in more.words if word not in column_of]
        column_of |= {word: len(self.words) + place for place, word in enumerate(new)}
        columns = np.array([column_of[word] for word in more.words], dtype=np.int64)
        found = sparse.csr_matrix(
            (more.counts.data, columns[more.counts.indices], more.counts.indptr),
            shape=(len(texts), len(column_of)),
        )
        found.sort_indices()
        data, indices, indptr, keys = (
            rows.appended(later)
            for rows, later in zip(
                self._growing,
                (found.data, found.indices, found.indptr[1:] + self.counts.indptr[-1], more.keys),
                strict=True,
            )
        )
        shape = len(indptr.array) - 1, len(column_of)
        counts = sparse.csr_matrix((data.array, indices.array, indptr.array), shape=shape)
        made = WordCounts([*self.words, *new], counts, keys.array)
        made.__dict__["column_of"] = column_of
        made.__dict__["_growing"] = (data, indices, indptr, keys)
        return made

    def of_text(self, row: int) -> list[str]:
        """Return the distinct words of a text."""
        start, end = self.counts.indptr[row : row + 2]
        return [self.words[column] for column in self.counts.indices[start:end]]

    @cached_property
    def column_of(self) -> Mapping[str, int]:
        """The column of each word."""
        return {word: column for column, word in enumerate(self.words)}

    @cached_property
    def _growing(self) -> tuple[GrowingRows[Any], ...]:
        old = self.counts
        return tuple(map(GrowingRows, (old.data, old.indices, old.indptr, self.keys)))


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
    return WordCounts(vocabulary, counts, text_keys(texts))


def nonsense(words: Sequence[str], count: int = 32) -> list[str]:
    """Return queries without a meaning: letters of the words in a random order, always the same.

    Args:
        words: The words of texts, in whose script the queries are.
        count: Number of queries, each of one to three words of four to eight letters.

    >>> nonsense(["heist", "comedy"], 2) == nonsense(["heist", "comedy"], 2)
    True
    """
    letters = "".join(word for word in words if word.isalpha()) or "abcdefghijklmnopqrstuvwxyz"
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        lengths = rng.integers(4, 9, size=rng.integers(1, 4))
        places = [rng.integers(0, len(letters), size=length) for length in lengths]
        made.append(" ".join("".join(letters[place] for place in one) for one in places))
    return made


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
