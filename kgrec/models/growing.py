"""Matrices of users and items to which others have come: widened, and compared."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.types import IntArray


def resized(matrix: csr_matrix, shape: tuple[int, int]) -> csr_matrix:
    """Return a matrix with empty rows and columns after its own, over the same numbers."""
    nothing = np.full(shape[0] - matrix.shape[0], matrix.indptr[-1], dtype=matrix.indptr.dtype)
    indptr = np.concatenate([matrix.indptr, nothing])
    made: csr_matrix = csr_matrix((matrix.data, matrix.indices, indptr), shape=shape)
    made.sort_indices()
    return made


def changed_rows(before: csr_matrix, after: csr_matrix) -> IntArray:
    """Return the rows in which two matrices of one shape differ, int64, ascending."""
    difference: csr_matrix = (after - before).tocsr()
    difference.eliminate_zeros()
    return np.flatnonzero(np.diff(difference.indptr))
