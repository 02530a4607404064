"""What a model has learned, as named arrays that safetensors can hold, and checks of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import RunError

State = dict[str, npt.NDArray[Any]]


def csr_state(name: str, matrix: csr_matrix) -> State:
    """Return a sparse matrix as arrays `<name>.data`, `.indices` and `.indptr` of a state."""
    return {
        f"{name}.data": matrix.data,
        f"{name}.indices": matrix.indices.astype(np.int64),
        f"{name}.indptr": matrix.indptr.astype(np.int64),
    }


def csr_expected(name: str, num_rows: int | None) -> dict[str, tuple[type[np.generic], Any]]:
    """Return what `check_state` expects of the arrays of `csr_state`; None: any number of rows."""
    return {
        f"{name}.data": (np.float32, (None,)),
        f"{name}.indices": (np.int64, (None,)),
        f"{name}.indptr": (np.int64, (None if num_rows is None else num_rows + 1,)),
    }


def csr_from_state(state: Mapping[str, npt.NDArray[Any]], name: str, num_columns: int) -> Any:
    """Return the CSR matrix from the arrays of `csr_state`.

    Raises:
        RunError: The arrays are not a valid sparse matrix.
    """
    data, indices, indptr = (state[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    try:
        matrix = csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, num_columns))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise RunError(f"The model's state {name!r} is no sparse matrix: {error}.") from error
    return matrix


def check_state(
    state: Mapping[str, npt.NDArray[Any]],
    expected: Mapping[str, tuple[type[np.generic], tuple[int | None, ...]]],
) -> State:
    """Return the arrays of `state`, each as the dtype and shape that `expected` names.

    Args:
        state: Named arrays.
        expected: For each name, its dtype and its shape; None stands for any length.

    Raises:
        RunError: An array is missing, unexpected, or of another shape or type.
    """
    if set(state) != set(expected):
        raise RunError(
            f"The model's state must hold {sorted(expected)}, found {sorted(state)}. It belongs "
            "to another model, or the file is damaged."
        )
    for name, (dtype, shape) in expected.items():
        array = np.asarray(state[name])
        fits = array.ndim == len(shape) and all(
            want is None or want == have for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != np.dtype(dtype):
            wanted = "(" + ", ".join("n" if want is None else str(want) for want in shape) + ")"
            raise RunError(
                f"The model's state {name!r} must be {np.dtype(dtype)} of shape {wanted}, found "
                f"{array.dtype} of shape {array.shape}."
            )
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise RunError(f"The model's state {name!r} holds NaN or infinity.")
    return {name: np.asarray(state[name]) for name in expected}
