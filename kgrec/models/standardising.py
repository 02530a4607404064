"""Scores with mean 0 and deviation 1 for each user, so that those of models can be added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from kgrec.types import Float64Array, FloatArray


def standardised(scores: FloatArray) -> FloatArray:
    """Return scores with mean 0 and standard deviation 1 in each row; a constant row is 0.

    >>> standardised(np.array([[1.0, 3.0], [5.0, 5.0]], dtype=np.float32)).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / deviations(scores), dtype=np.float32)


def deviations(scores: FloatArray) -> FloatArray:
    """Return the standard deviation of each row, of shape (b, 1); infinite if it is constant."""
    deviation = scores.std(axis=1, keepdims=True)
    tiny = 1e-6 * np.maximum(np.abs(scores).max(axis=1, keepdims=True, initial=0.0), 1e-30)
    return np.asarray(np.where(deviation > tiny, deviation, np.inf), dtype=scores.dtype)


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of vectors: with them, products are standardised without all of them.

    The products q·v of a query with n vectors have the mean q·m and the variance qᵀCq.

    Attributes:
        mean: m, float64 of shape (dim,).
        covariance: C, float64 of shape (dim, dim).
    """

    mean: Float64Array
    covariance: Float64Array

    @classmethod
    def of(cls, vectors: FloatArray) -> Self:
        """Return those of vectors, float32 of shape (n, dim)."""
        if not len(vectors):
            width = vectors.shape[1]
            return cls(np.zeros(width), np.zeros((width, width)))
        mean = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - mean.astype(np.float32)
        return cls(mean, (centred.T @ centred).astype(np.float64) / len(vectors))

    def deviations(self, queries: FloatArray) -> Float64Array:
        """Return the deviation of the products of each query, (b,); 0 where it is next to none.

        Args:
            queries: float32 of shape (b, dim).
        """
        exact = np.asarray(queries, dtype=np.float64)
        variance = np.einsum("bd,de,be->b", exact, self.covariance, exact)
        spread = np.sqrt(np.maximum(variance, 0.0))
        tiny = 1e-6 * np.maximum(np.linalg.norm(exact, axis=1), 1e-30)
        return np.asarray(np.where(spread > tiny, spread, 0.0))

    def standardised(self, queries: FloatArray, products: FloatArray) -> FloatArray:
        """Return some products as they are when the products with all vectors are standardised.

        Args:
            queries: float32 of shape (b, dim).
            products: With any c of the vectors, float32 of shape (b, c).
        """
        spread = self.deviations(queries)
        level = np.asarray(queries, dtype=np.float64) @ self.mean
        share = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        return np.asarray((products - level[:, None]) * share[:, None], dtype=np.float32)
