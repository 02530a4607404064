"""What example queries teach beside weights: which items are named and answers, and together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy import sparse

from kgrec.errors import RunError
from kgrec.search.settings import SearchConfig
from kgrec.text.words import fold_words
from kgrec.types import Float64Array, FloatArray

_FEWEST: Final = 5  # examples with a word, so that something can be learnt of it
_MOST: Final = 0.4  # share of the examples: words of more say nothing
_SMALL: Final = 4000  # rows
_NOTHING: Final = 1e-9
_VALUES: Final = 96  # dimensions of the items' values in the space of answers
_TEXT: Final = 0.7  # weight of texts there, beside 1 of values; chosen on conversations


@dataclass(frozen=True, eq=False)
class Together:
    """Who likes what together: EASE of low rank.

    EASE (Steck, WWW 2019) has the weights B_ij = -P_ij / P_jj with P = (XᵀX + l2·I)⁻¹. With the
    singular vectors V and values s of X, P = (I - V D Vᵀ) / l2 with D = s² / (s² + l2), so that
    B_ij = (V D Vᵀ)_ij / (1 - (V D Vᵀ)_jj) for i ≠ j. Here V has the first singular vectors only.

    Attributes:
        left: V D, float32 of shape (num_items, rank).
        right: V with each row divided by 1 - (V D Vᵀ)_jj, likewise.
    """

    left: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, rows: sparse.csr_matrix, config: SearchConfig) -> Together:
        """Return who likes what together.

        Args:
            rows: Weighted histories, of shape (n, num_items).
            config: The rank and the penalty.
        """
        rank = min(config.rank, min(rows.shape) - 1)
        if rank < 1 or not rows.nnz:
            none = np.zeros((rows.shape[1], 1), np.float32)
            return cls(none, none)
        singular, vectors = _right_vectors(rows, rank, config.seed)
        shrunk = singular**2 / (singular**2 + config.l2)
        left = vectors * shrunk
        own = np.einsum("nr,nr->n", left, vectors)
        right = vectors / np.maximum(1.0 - own, 1e-6)[:, None]
        return cls(left.astype(np.float32), right.astype(np.float32))

    def scores(self, history: Float64Array) -> FloatArray:
        """Return how well all items go with a weighted history, float32 of shape (num_items,)."""
        place = np.flatnonzero(history)
        wish = history[place].astype(np.float32) @ self.left[place]
        return np.asarray(self.right @ wish, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Statistics:
    """What example queries teach beside weights.

    Attributes:
        named: In how many examples' conversations each item is named, float32 of shape (n,).
        answers: How often each item is an answer, likewise.
        together: Who likes what together, of users and of conversations.
        words: The words of queries that the map knows.
        idf: Their rarity, float32.
        to_place: The map from a query to the space of answers, float32 of shape
            (text dim + words, value dim + text dim).
        values: Where the items' values are in that space, float32 of shape (n, value dim).
    """

    named: FloatArray
    answers: FloatArray
    together: Together
    words: tuple[str, ...]
    idf: FloatArray
    to_place: FloatArray
    values: FloatArray

    def query(self, vector: FloatArray, plain: str) -> FloatArray:
        """Return what the map reads of a query, float32 of shape (text dim + words,)."""
        column = self._column
        found = sorted({column[word] for word in fold_words(plain) if word in column})
        words = np.zeros(len(self.words), np.float32)
        words[found] = self.idf[found]
        norm = float(np.linalg.norm(words))
        return np.concatenate([vector, words / norm if norm else words])

    def learnt(self, query: FloatArray, text: FloatArray) -> FloatArray:
        """Return how near items are to where a query leads, float32 of shape (n,).

        Args:
            query: What `query` returned.
            text: Centred text vectors of the items, float32 of shape (n, text dim).
        """
        place = query @ self.to_place
        width = self.values.shape[1]
        return np.asarray(self.values @ place[:width] + _TEXT * (text @ place[width:]))

    @cached_property
    def _column(self) -> Mapping[str, int]:
        return {word: column for column, word in enumerate(self.words)}

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays, for a file."""
        return {
            "named": self.named, "answers": self.answers, "left": self.together.left,
            "right": self.together.right, "idf": self.idf, "to_place": self.to_place,
            "values": self.values,
        }  # fmt: skip

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Any], words: Sequence[str], num_items: int
    ) -> Statistics:
        """Return the statistics of a file.

        Args:
            arrays: What `to_arrays` returned.
            words: The words of queries.
            num_items: The number of items.

        Raises:
            RunError: The arrays do not fit together.
        """
        missing = [name for name in _ARRAYS if name not in arrays]
        if missing:
            raise RunError(f"search.safetensors is damaged: it lacks {missing[0]!r}.")
        made = {name: np.asarray(arrays[name]) for name in _ARRAYS}
        shapes = {name: array.shape for name, array in made.items()}
        rank = shapes["left"][-1] if made["left"].ndim == 2 else -1
        width = shapes["values"][-1] if made["values"].ndim == 2 else -1
        dim = shapes["to_place"][0] - len(words) if made["to_place"].ndim == 2 else -1
        expected = {
            "named": (num_items,), "answers": (num_items,), "left": (num_items, rank),
            "right": (num_items, rank), "idf": (len(words),),
            "to_place": (dim + len(words), width + dim), "values": (num_items, width),
        }  # fmt: skip
        for name, array in made.items():
            fits = shapes[name] == expected[name] and array.dtype == np.float32
            if not fits or not np.isfinite(array).all():
                raise RunError(
                    f"search.safetensors is damaged: {name!r} is {array.dtype} of shape "
                    f"{array.shape}; expected finite float32 of shape {expected[name]}."
                )
        together = Together(made["left"], made["right"])
        rest = {name: made[name] for name in ("idf", "to_place", "values")}
        return cls(made["named"], made["answers"], together, tuple(words), **rest)

    def widened(self, num_items: int) -> Statistics:
        """Return the same over more items, of which nothing is known."""

        def more(array: FloatArray) -> FloatArray:
            missing = num_items - len(array)
            return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])

        if len(self.named) == num_items:
            return self
        together = Together(more(self.together.left), more(self.together.right))
        parts = more(self.named), more(self.answers), together, self.words, self.idf
        return Statistics(*parts, self.to_place, more(self.values))


_ARRAYS: Final = ("named", "answers", "left", "right", "idf", "to_place", "values")


def value_places(has: sparse.csr_matrix, seed: int = 0) -> FloatArray:
    """Return items as points by their values: alike where they share rare ones, float32.

    Args:
        has: Which item has which value, of shape (n, m).
        seed: Of the start of the decomposition.
    """
    rank = min(_VALUES, min(has.shape) - 1)
    if rank < 1 or not has.nnz:
        return np.zeros((has.shape[0], 1), np.float32)
    weighted = weighed(has)
    places = np.asarray(weighted @ _right_vectors(weighted, rank, seed)[1])
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
    return np.asarray(places - places.mean(0), dtype=np.float32)


def _right_vectors(
    rows: sparse.csr_matrix, rank: int, seed: int
) -> tuple[Float64Array, Float64Array]:
    """Return the largest singular values of a matrix and its right singular vectors.

    Of a matrix with few rows they come from the eigenvectors of its rows' products, which is faster
    than the iterations that a larger one needs.
    """
    rows = rows.astype(np.float64)
    if rows.shape[0] <= _SMALL:
        from scipy.linalg import eigh  # only learning needs it

        values, vectors = eigh(
            (rows @ rows.T).toarray(), subset_by_index=(rows.shape[0] - rank, rows.shape[0] - 1)
        )
        singular = np.sqrt(np.maximum(values, 0.0))
        scale = np.divide(1.0, singular, out=np.zeros_like(singular), where=singular > _NOTHING)
        back = np.asarray(rows.T @ (vectors * scale), dtype=np.float64)
        return np.asarray(singular, dtype=np.float64), back
    from scipy.sparse.linalg import svds

    start = np.random.default_rng(seed).normal(size=min(rows.shape))
    _, singular, right = svds(rows, k=rank, v0=start)
    return np.asarray(singular, np.float64), np.asarray(right.T, np.float64)


def weighed(has: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return ones weighted by the rarity of their column, with rows of length one."""
    count = np.bincount(has.indices, minlength=has.shape[1])
    idf = np.log(max(has.shape[0], 1) / np.maximum(count, 1)) + 1e-6
    made = sparse.csr_matrix(has @ sparse.diags_array(idf))
    length = np.sqrt(np.asarray(made.multiply(made).sum(1)).ravel())
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_matrix(sparse.diags_array(scale) @ made, dtype=np.float32)


def query_words(plains: Sequence[str]) -> tuple[tuple[str, ...], FloatArray]:
    """Return the words of example queries that can teach something, and their rarity."""
    count: dict[str, int] = {}
    for plain in plains:
        for word in set(fold_words(plain)):
            count[word] = count.get(word, 0) + 1
    most = _MOST * len(plains)
    kept = sorted(word for word, number in count.items() if _FEWEST <= number <= most)
    rarity = [np.log(len(plains) / count[word]) for word in kept]
    return tuple(kept), np.array(rarity, dtype=np.float32)


def learn_map(
    queries: FloatArray, answers: sparse.csr_matrix, places: FloatArray, l2: float
) -> FloatArray:
    """Return the ridge regression from queries to the mean place of their answers, float32.

    Args:
        queries: What `Statistics.query` returns, of shape (n, p).
        answers: Each query's answers, rows with the sum one, of shape (n, num_items).
        places: Where the items are, of shape (num_items, q).
        l2: The penalty.
    """
    aims = np.asarray(answers @ places, dtype=np.float64)
    aims -= aims.mean(0)
    given = queries.astype(np.float64)
    system = given.T @ given + l2 * np.eye(given.shape[1])
    return np.asarray(np.linalg.solve(system, given.T @ aims), dtype=np.float32)


def answer_places(values: FloatArray, text: FloatArray) -> FloatArray:
    """Return the space of answers, as `Statistics.learnt` reads it."""
    return np.concatenate([values, _TEXT * text], axis=1)
