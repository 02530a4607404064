"""Who has, or dislikes, which item: sparse matrices of ones, joined and taken from each other."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions


def histories_of(logs: Sequence[Interactions]) -> csr_matrix:
    """Return the items of each user in any of the logs, float32 CSR (num_users, num_items)."""
    return sum((log.matrix() for log in logs[1:]), logs[0].matrix()).tocsr()


def dislikes_of(logs: Sequence[Interactions]) -> csr_matrix | None:
    """Return the items that each user dislikes in any of the logs, as `histories_of`."""
    if all(log.dislikes is None for log in logs):
        return None
    # What a user likes in another of the logs is no dislike.
    of_all = [log.matrix_of_dislikes() for log in logs]
    return without(sum(of_all[1:], of_all[0]).tocsr(), histories_of(logs))


def joined(one: csr_matrix, other: csr_matrix) -> csr_matrix:
    """Return ones where one of two matrices has an entry."""
    both: csr_matrix = (one + other).tocsr()
    both.data[:] = 1.0
    both.sort_indices()
    return both


def without(matrix: csr_matrix, other: csr_matrix) -> csr_matrix:
    """Return the entries of a matrix where another has none."""
    kept: csr_matrix = (matrix - matrix.multiply(other > 0)).tocsr()
    kept.eliminate_zeros()
    return kept
