"""Matrices of users and items to which others have come: widened, and compared."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.types import IntArray


def resized(matrix: csr_matrix, shape: tuple[int, int]) -> csr_matrix:
    """Return a matrix with empty rows and columns after its own."""
    pairs = matrix.tocoo()
    made: csr_matrix = csr_matrix((pairs.data, (pairs.row, pairs.col)), shape=shape)
    made.sort_indices()
    return made


def changed_rows(before: csr_matrix, after: csr_matrix) -> IntArray:
    """Return the rows in which two matrices of one shape differ, int64, ascending."""
    difference: csr_matrix = (after - before).tocsr()
    difference.eliminate_zeros()
    return np.flatnonzero(np.diff(difference.indptr))
