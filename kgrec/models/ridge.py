"""The linear system of EASE: its weights as one matrix, or the answer for a few histories."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags_array

from kgrec.errors import DataError, RunError
from kgrec.types import Float64Array, FloatArray

FEW = 64
"""Up to this number of histories, the system is solved for each; else there are weights."""

_TOLERANCE = 1e-13  # of the residual, relative to the right side
_MAX_STEPS = 2_000


class RidgeSystem:
    """P = (RᵀR + l2)⁻¹ for a sparse R of shape (num_rows, n), where l2 is a diagonal.

    EASE's weights are B_ij = -P_ij / P_jj (Steck, WWW 2019), a full matrix: 333 MB for 9,000 items,
    and half a minute to compute. But a history x needs only xB = x - xP / diag(P), apart from its
    own entries: one symmetric system, which conjugate gradients solve from R in a few hundredths of
    a second. So a run folder holds R and the diagonal of P. What is solved how depends on the
    number of histories alone, so a model that was saved and loaded gives the same numbers.

    Args:
        rows: R, CSR.
        l2: The ridge penalty of each column, above 0, float64 of shape (n,).
        diagonal: The diagonal of P, float64 of shape (n,); None: computed with the weights.
    """

    def __init__(
        self, rows: csr_matrix, l2: npt.NDArray[np.float64], diagonal: Float64Array | None = None
    ) -> None:
        self._rows = csr_matrix(rows, dtype=np.float64)
        self._columns = self._rows.T.tocsr()
        self._l2 = l2
        squares = np.asarray(self._columns.multiply(self._columns).sum(axis=1)).reshape(-1)
        self._of_gram = squares + l2
        self._diagonal = diagonal

    @property
    def diagonal(self) -> Float64Array:
        """The diagonal of P, float64 of shape (n,)."""
        return self._solved[1] if self._diagonal is None else self._diagonal

    @property
    def weights(self) -> FloatArray:
        """B, float32 of shape (n, n), with zeros on the diagonal; computed at the first use.

        Raises:
            DataError: The system is singular to machine precision.
        """
        return self._solved[0]

    def times_weights(self, histories: csr_matrix) -> FloatArray:
        """Return histories · B, float32 of shape (b, n).

        Args:
            histories: CSR of shape (b, n).
        """
        if histories.shape[0] > FEW:
            return np.asarray(histories @ self.weights, dtype=np.float32)
        given = np.asarray(histories.toarray(), dtype=np.float64)
        made = given - self.times_inverse(given) / self.diagonal
        # The weights to and from columns without an entry are zero.
        made[:, np.diff(self._columns.indptr) == 0] = 0.0
        return np.asarray(made, dtype=np.float32)

    def times_inverse(self, given: Float64Array) -> Float64Array:
        """Return given · P, float64 of shape (b, n), by preconditioned conjugate gradients."""
        return conjugate_gradients(self._times, given, self._of_gram)

    def _times(self, right: Float64Array) -> Float64Array:
        return np.asarray(self._columns @ (self._rows @ right) + self._l2[:, None] * right)

    @cached_property
    def _solved(self) -> tuple[FloatArray, Float64Array]:
        """Return B and the diagonal of P."""
        num = self._rows.shape[1]
        used = np.flatnonzero(np.diff(self._columns.indptr))
        try:
            inverse = _inverse(self._rows[:, used], self._l2[used])
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"EASE's system is singular with l2={np.min(self._l2)}; give a larger l2."
            ) from error
        diagonal = 1.0 / self._l2
        diagonal[used] = np.diag(inverse)
        inverse /= -diagonal[used]
        np.fill_diagonal(inverse, 0.0)
        if len(used) == num:
            return inverse.astype(np.float32), diagonal
        weights = np.zeros((num, num), dtype=np.float32)
        weights[np.ix_(used, used)] = inverse
        return weights, diagonal


def _inverse(rows: csr_matrix, l2: Float64Array) -> Float64Array:
    """Return (RᵀR + l2)⁻¹, float64 of shape (n, n), from the smaller one of two systems.

    A row with one entry only adds to the diagonal. If then fewer than n rows are left, the Woodbury
    identity needs the inverse of a matrix of their number, and else products with the sparse R:
    (RᵀR + D)⁻¹ = D⁻¹ - D⁻¹Rᵀ(I + RD⁻¹Rᵀ)⁻¹RD⁻¹.

    Inverses are by LU, not by Cholesky: half as fast on an idle machine, but LAPACK's Cholesky
    inverse (dpotrf, dpotri) was seen to take 40 times as long where other processes share the
    cores.
    """
    entries = np.diff(rows.indptr)
    alone = rows[entries == 1]
    total = l2 + np.bincount(alone.indices, alone.data**2, minlength=len(l2))
    rows = rows[entries > 1]
    squares = np.bincount(rows.indices, rows.data**2, minlength=len(l2))
    # With a penalty far below the squares, the difference would lose its digits.
    if rows.shape[0] >= len(l2) or total.min() < 1e-6 * squares.max(initial=0.0):
        gram = (rows.T @ rows).toarray()
        gram[np.diag_indices_from(gram)] += total
        return np.asarray(np.linalg.inv(gram))
    scaled = csr_matrix(rows @ diags_array(1.0 / total))
    inner = (scaled @ rows.T).toarray()
    inner[np.diag_indices_from(inner)] += 1.0
    inverse = np.asarray(scaled.T @ (scaled.T @ np.linalg.inv(inner)).T)
    np.negative(inverse, out=inverse)
    inverse[np.diag_indices_from(inverse)] += 1.0 / total
    return inverse


def conjugate_gradients(
    times: Callable[[Float64Array], Float64Array], given: Float64Array, diagonal: Float64Array
) -> Float64Array:
    """Return the solutions of A x = g for each row g of `given`, float64 of shape (b, n).

    By conjugate gradients with the diagonal as preconditioner, to a relative residual of 1e-13.

    Args:
        times: Returns A X for X of shape (n, b), where A is symmetric and positive definite.
        given: The right sides, float64 of shape (b, n).
        diagonal: The diagonal of A, float64 of shape (n,).
    """
    right = np.ascontiguousarray(given.T)
    scale = 1.0 / diagonal[:, None]
    found = right * scale
    residual = right - times(found)
    direction = residual * scale
    product = (residual * direction).sum(axis=0)
    goal = _TOLERANCE**2 * (right * right).sum(axis=0)
    for _ in range(_MAX_STEPS):
        if ((residual * residual).sum(axis=0) <= goal).all():
            break
        image = times(direction)
        # A column that is solved has a direction of zeros: it stays.
        step = product / np.maximum((direction * image).sum(axis=0), 1e-300)
        found += step * direction
        residual -= step * image
        scaled = residual * scale
        new = (residual * scaled).sum(axis=0)
        direction = scaled + (new / np.maximum(product, 1e-300)) * direction
        product = new
    return np.ascontiguousarray(found.T)


def checked_diagonal(diagonal: npt.NDArray[Any]) -> Float64Array:
    """Return the diagonal of P from a saved state.

    Raises:
        RunError: An entry is not above 0.
    """
    if not (diagonal > 0).all():
        raise RunError("The model's state 'diagonal' must be above 0.")
    return np.asarray(diagonal, dtype=np.float64)
