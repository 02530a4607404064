"""What models check of what they are given, and the error of one that was not fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse

from kgrec.errors import DataError, RunError, UnknownIdError
from kgrec.types import IntArray


def not_fitted(model: object) -> RunError:
    """Return the error for a model that is used before `fit` or `load_state`."""
    return RunError(f"{type(model).__name__} was not fitted. Call fit() or load_state() first.")


def check_rows(rows: npt.ArrayLike, count: int, what: str) -> IntArray:
    """Return `rows` as int64 of shape (b,), each of them in 0 … count - 1.

    Raises:
        DataError: `rows` is no vector of integers.
        UnknownIdError: A row is outside.

    >>> check_rows([0, 2], 3, "user").tolist()
    [0, 2]
    """
    found = np.asarray(rows)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        raise DataError(
            f"{what} rows must be integers of shape (b,), found {found.dtype} of shape "
            f"{found.shape}."
        )
    outside = (found < 0) | (found >= count)
    if outside.any():
        first = found[int(outside.argmax())]
        raise UnknownIdError(f"{what} row {first} is outside of 0 … {count - 1}.")
    return found.astype(np.int64, copy=False)


def check_histories(histories: Any, num_items: int) -> csr_matrix:
    """Return `histories` as a float32 CSR matrix of shape (b, num_items).

    Raises:
        DataError: It is not sparse, has another width, or holds values that are not finite.
    """
    found: Any = histories  # scipy's stubs give a matrix that passed issparse no shape
    if not issparse(histories):
        raise DataError(
            f"histories must be a sparse matrix of shape (b, {num_items}), found "
            f"{type(histories).__name__}."
        )
    if found.ndim != 2 or found.shape[1] != num_items:
        raise DataError(
            f"histories must have one column for each of the {num_items} items, found the shape "
            f"{found.shape}."
        )
    matrix: csr_matrix = found.tocsr().astype(np.float32)
    if not np.isfinite(matrix.data).all():
        raise DataError("histories must hold finite numbers; found NaN or infinity.")
    return matrix
