"""The linear system of EASE: its weights as one matrix, or the answer for a few histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags_array, vstack

from kgrec.errors import DataError, RunError
from kgrec.models.gram import gram
from kgrec.models.growing import changed_rows
from kgrec.types import Float64Array, FloatArray, IntArray

FEW = 64
"""Up to this number of histories, the system is solved for each; else there are weights."""

_TOLERANCE = 1e-13  # of the residual, relative to the right side
_MAX_STEPS = 2_000
_AT_ONCE = 1_024  # rows of a dense block
_LEAST_RANK = 32
_COST = 1_200.0
"""An inverse is taken to cost as much as solving for n³ / (1200 · entries) rows: some 50 steps with
4 · entries operations each on a sparse matrix, about ten times as slow as dense ones."""


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
        self._inverse_of_all: Float64Array | None = None

    @property
    def diagonal(self) -> Float64Array:
        """The diagonal of P, float64 of shape (n,).

        Raises:
            DataError: The system is singular to machine precision.
        """
        if self._diagonal is None:
            if self._low_rank is None:
                self._diagonal = self._solved[1]
            else:
                self._diagonal = 1.0 / self._l2
                self._diagonal[self._used] = self._low_rank.diagonal()
        return self._diagonal

    @property
    def weights(self) -> FloatArray:
        """B, float32 of shape (n, n), with zeros on the diagonal; computed at the first use.

        Raises:
            DataError: The system is singular to machine precision.
        """
        return self._solved[0]

    def changed(self, before: csr_matrix, after: csr_matrix, l2: Float64Array) -> RidgeSystem:
        """Return the system of other rows, with the diagonal of its P where that is cheap.

        A' = A + VᵀSV, where V has the rows that went or came and the columns whose penalty
        changed, so P' = P - PVᵀS(I + VPVᵀS)⁻¹VP (the Woodbury identity). PVᵀ is solved for, since
        P itself is not known. If so many rows changed that the inverse takes less time, the new
        system has no diagonal, and computes it with the weights.

        Args:
            before: The rows of this system, CSR of shape (num_rows, n'): with columns of zeros for
                new ones, and rows of zeros for new ones, so that rows can be compared.
            after: The rows from now on, of the same shape.
            l2: The penalties from now on, float64 of shape (n',).
        """
        num = len(l2)
        penalty = np.concatenate([self._l2, l2[len(self._l2) :]])
        diagonal = np.concatenate([self.diagonal, 1.0 / l2[len(self._l2) :]])
        different = changed_rows(before, after)
        moved = np.flatnonzero(penalty != l2)
        went, came = before[different], after[different]
        went, came = went[np.diff(went.indptr) > 0], came[np.diff(came.indptr) > 0]
        rank = went.shape[0] + came.shape[0] + len(moved)
        if not rank:
            return RidgeSystem(after, l2, diagonal)
        if rank > max(_LEAST_RANK, num**3 / (_COST * max(1, before.nnz))):
            return RidgeSystem(after, l2)
        units = csr_matrix((np.ones(len(moved)), (np.arange(len(moved)), moved)), (len(moved), num))
        rows = csr_matrix(vstack([came, went, units]), dtype=np.float64)
        sign = np.ones(rank)
        sign[came.shape[0] : came.shape[0] + went.shape[0]] = -1.0
        sign[rank - len(moved) :] = (l2 - penalty)[moved]
        # n x n is never made: P V' is found as the inverse times each row.
        wide = RidgeSystem(before, penalty, diagonal).times_inverse(rows.toarray())
        inner = np.asarray(rows @ wide.T) * sign
        inner[np.diag_indices_from(inner)] += 1.0
        try:
            solved = sign[:, None] * np.linalg.solve(inner, wide)
        except np.linalg.LinAlgError:
            return RidgeSystem(after, l2)
        made = diagonal - np.einsum("rn,rn->n", wide, solved)
        # What is left of a difference of nearly equal numbers is no digits: solve again.
        exact = bool(np.isfinite(made).all() and (made > 1e-6 * diagonal).all())
        return RidgeSystem(after, l2, made if exact else None)

    def precompute(self, room: int) -> int:
        """Compute P now if it fits into `room` bytes, so that single histories are multiplied.

        Returns:
            The bytes that it takes; 0: it does not fit.
        """
        num, used = self._rows.shape[1], self._used
        needed = 8 * num**2
        if needed > room or self._inverse_of_all is not None:
            return 0
        if self._low_rank is not None:
            inverse = self._low_rank.full()
        else:
            gram = (self._rows[:, used].T @ self._rows[:, used]).toarray()
            gram[np.diag_indices_from(gram)] += self._l2[used]
            inverse = self._inverse(gram)
        if len(used) < num:
            whole = np.diag(1.0 / self._l2)
            whole[np.ix_(used, used)] = inverse
            inverse = whole
        self._inverse_of_all = inverse
        return needed

    @property
    def knows_diagonal(self) -> bool:
        """Whether the diagonal of P is known, so that few histories need no inverse."""
        return self._diagonal is not None

    def times_weights(self, histories: csr_matrix) -> FloatArray:
        """Return histories · B, float32 of shape (b, n).

        Args:
            histories: CSR of shape (b, n).
        """
        few = histories.shape[0] <= FEW
        low_rank = None if few else self._low_rank
        if not few and low_rank is None:
            return np.asarray(histories @ self.weights, dtype=np.float32)
        found = np.empty(histories.shape, dtype=np.float32)
        for first in range(0, histories.shape[0], _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            given = np.asarray(histories[part].toarray(), dtype=np.float64)
            if low_rank is None:
                times = self.times_inverse(given)
            else:
                times = np.zeros_like(given)
                times[:, self._used] = low_rank.times(given[:, self._used])
            found[part] = given - times / self.diagonal
        # The weights to and from columns without an entry are zero.
        found[:, np.diff(self._columns.indptr) == 0] = 0.0
        return found

    def weights_to(self, targets: Float64Array) -> Float64Array:
        """Return B · targetsᵀ, float64 of shape (n, q), without B for up to `FEW` targets.

        P is symmetric, so a column of B takes one solution, and so does a sum of columns.

        Args:
            targets: float64 of shape (q, n).
        """
        # The weights to and from columns without an entry are zero.
        empty = np.diff(self._columns.indptr) == 0
        wanted = np.where(empty, 0.0, targets)
        if len(targets) > FEW:
            return np.asarray(self.weights @ wanted.T.astype(np.float32), dtype=np.float64)
        found = wanted - self.times_inverse(wanted / self.diagonal)
        found[:, empty] = 0.0
        return np.ascontiguousarray(found.T)

    def times_inverse(self, given: Float64Array) -> Float64Array:
        """Return given · P, float64 of shape (b, n), by preconditioned conjugate gradients.

        With what `precompute` has computed, it is a product.
        """
        inverse = self._inverse_of_all
        if inverse is not None:
            if np.count_nonzero(given) < given.size / 4:
                return np.asarray(csr_matrix(given) @ inverse)
            return np.asarray(given @ inverse)
        return conjugate_gradients(self._times, given, self._of_gram)

    def _times(self, right: Float64Array) -> Float64Array:
        return np.asarray(self._columns @ (self._rows @ right) + self._l2[:, None] * right)

    @cached_property
    def _used(self) -> IntArray:
        """The columns with entries, of which alone P is computed."""
        return np.flatnonzero(np.diff(self._columns.indptr))

    @cached_property
    def _low_rank(self) -> _LowRank | None:
        """P of the columns with entries by a matrix of the number of rows; None: it is no smaller.

        A row with one entry only adds to the diagonal. If then fewer than n rows are left, the
        Woodbury identity needs the inverse of a matrix of their number.
        """
        rows, l2 = self._rows[:, self._used], self._l2[self._used]
        entries = np.diff(rows.indptr)
        alone = rows[entries == 1]
        total = l2 + np.bincount(alone.indices, alone.data**2, minlength=len(l2))
        rows = rows[entries > 1]
        squares = np.bincount(rows.indices, rows.data**2, minlength=len(l2))
        # With a penalty far below the squares, the difference would lose its digits.
        if rows.shape[0] >= len(l2) or total.min() < 1e-6 * squares.max(initial=0.0):
            return None
        scaled = csr_matrix(rows @ diags_array(1.0 / total))
        inner = (scaled @ rows.T).toarray()
        inner[np.diag_indices_from(inner)] += 1.0
        return _LowRank(scaled, self._inverse(inner), total)

    @cached_property
    def _solved(self) -> tuple[FloatArray, Float64Array]:
        """B and the diagonal of P. The inverse, which takes twice as much, is not kept."""
        num, used = self._rows.shape[1], self._used
        if self._low_rank is not None:
            inverse = self._low_rank.full()
        else:
            system = gram(self._rows[:, used])
            system[np.diag_indices_from(system)] += self._l2[used]
            inverse = self._inverse(system)
        diagonal = 1.0 / self._l2
        diagonal[used] = np.diag(inverse)
        inverse /= -diagonal[used]
        np.fill_diagonal(inverse, 0.0)
        if len(used) == num:
            return inverse.astype(np.float32), diagonal
        weights = np.zeros((num, num), dtype=np.float32)
        weights[np.ix_(used, used)] = inverse
        return weights, diagonal

    def _inverse(self, matrix: Float64Array) -> Float64Array:
        """Return the inverse of a positive definite matrix.

        By LU, not by Cholesky: half as fast on an idle machine, but LAPACK's Cholesky inverse
        (dpotrf, dpotri) was seen to take 40 times as long where other processes share the cores.
        """
        try:
            return np.asarray(np.linalg.inv(matrix))
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"EASE's system is singular with l2={np.min(self._l2)}; give a larger l2."
            ) from error


@dataclass(frozen=True, eq=False)
class _LowRank:
    """P = D⁻¹ - SᵀMS, where D⁻¹ - D⁻¹Rᵀ(I + RD⁻¹Rᵀ)⁻¹RD⁻¹ = (RᵀR + D)⁻¹ (Woodbury).

    Attributes:
        scaled: S = RD⁻¹, CSR of shape (m, n).
        inner: M = (I + RD⁻¹Rᵀ)⁻¹, float64 of shape (m, m).
        total: D, float64 of shape (n,).
    """

    scaled: csr_matrix
    inner: Float64Array
    total: Float64Array

    def full(self) -> Float64Array:
        made = np.asarray(self.scaled.T @ (self.scaled.T @ self.inner).T)
        np.negative(made, out=made)
        made[np.diag_indices_from(made)] += 1.0 / self.total
        return made

    def diagonal(self) -> Float64Array:
        columns = self.scaled.T.tocsr()
        found = 1.0 / self.total
        for first in range(0, len(found), _AT_ONCE):
            part = columns[first : first + _AT_ONCE]
            both = part.multiply(part @ self.inner)
            found[first : first + _AT_ONCE] -= np.asarray(both.sum(axis=1)).reshape(-1)
        return found

    def times(self, given: Float64Array) -> Float64Array:
        inside = np.asarray(self.scaled @ given.T).T @ self.inner
        return np.asarray(given / self.total - (self.scaled.T @ inside.T).T)


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
