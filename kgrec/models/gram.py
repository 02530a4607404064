"""Sums over blocks of users, by the engine in use: the Gram matrix of a closed form."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.engine import engine_in_use
from kgrec.types import Float64Array

ENTRIES: Final = 1 << 22
"""Entries of a block: their products take longer than sending the sum."""
_AT_ONCE: Final = 1_024  # rows of a sum that are dense at a time


def gram(rows: csr_matrix, entries: int = ENTRIES) -> Float64Array:
    """Return RᵀR as float64 of shape (n, n), the sum over blocks of rows in their order.

    The blocks depend on the entries of R alone, so each engine adds the same numbers in the same
    order. Where R holds whole numbers, the sum is exact in any order.

    Args:
        rows: R, CSR of shape (m, n).
        entries: Entries of a block; a longer row is a block of its own.

    Raises:
        MemoryError: n² numbers do not fit into memory.
    """
    num = rows.shape[1]
    total = np.zeros((num, num))
    for part in engine_in_use().map(_gram, None, (rows[part] for part in blocks(rows, entries))):
        for first in range(0, num, _AT_ONCE):
            total[first : first + _AT_ONCE] += part[first : first + _AT_ONCE].toarray()
    return total


def blocks(rows: csr_matrix, entries: int) -> list[slice]:
    """Return slices of rows with about as many entries each.

    >>> blocks(csr_matrix(np.ones((5, 2))), 4)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    ends, first = [], 0
    while first < rows.shape[0]:
        limit = rows.indptr[first] + entries
        last = int(np.searchsorted(rows.indptr, limit, side="right")) - 1
        first = min(max(last, first + 1), rows.shape[0])
        ends.append(first)
    return [slice(start, stop) for start, stop in zip([0, *ends], ends, strict=False)]


def _gram(_: None, rows: csr_matrix) -> csr_matrix:
    wide = csr_matrix(rows, dtype=np.float64)
    return csr_matrix(wide.T @ wide)
