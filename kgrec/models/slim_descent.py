"""Coordinate descent for SLIM, compiled by numba when it is first called."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba as nb
import numpy as np

from kgrec.types import Float64Array, IntArray

F = TypeVar("F", bound=Callable[..., Any])

_compiled: Callable[[F], F] = nb.njit(nogil=True, cache=True)


def descend(
    gram: Float64Array,
    columns: IntArray,
    *,
    l1: float,
    l2: float,
    tolerance: float,
    max_passes: int,
) -> tuple[Float64Array, int]:
    """Return the weights of some columns, and how many of them did not converge.

    For each column j: min over w ≥ 0 with w_j = 0 of ½ wᵀGw - G_jᵀw + l1 Σw + ½ l2 wᵀw. Columns
    are independent and solved in `numba.config.NUMBA_NUM_THREADS` threads.

    Args:
        gram: G, symmetric and non-negative, of shape (num_items, num_items).
        columns: The columns to solve, of shape (b,).
        l1: Weight of the sum of the weights.
        l2: Weight of half the sum of their squares.
        tolerance: A column is solved when a pass moves no weight's gradient by more than this
            share of the largest entry of G_j outside of the diagonal.
        max_passes: Passes over a column, at most.

    Returns:
        float64 of shape (b, num_items), row k holding the weights of column `columns[k]`, and the
        number of columns that were not solved in `max_passes`.
    """
    made = np.zeros((len(columns), len(gram)))
    # Not numba.get_num_threads(): it starts threads, and with OpenMP it changes the number of
    # threads of the whole process, torch included.
    num_threads = int(nb.config.NUMBA_NUM_THREADS)
    size = max(1, -(-len(columns) // (4 * num_threads)))
    parts = [slice(start, start + size) for start in range(0, len(columns), size)]

    def solve(part: slice) -> int:
        return int(_solve(gram, columns[part], l1, l2, tolerance, max_passes, made[part]))

    with ThreadPoolExecutor(num_threads) as pool:
        return made, sum(pool.map(solve, parts))


@_compiled
def _solve(
    gram: Float64Array,
    columns: IntArray,
    l1: float,
    l2: float,
    tolerance: float,
    max_passes: int,
    made: Float64Array,
) -> int:
    """Solve the columns one after another into the rows of `made`; return how many failed."""
    num = gram.shape[0]
    failed = 0
    open_ = np.empty(num, dtype=np.int64)
    active = np.empty(num, dtype=np.int64)
    for row in range(columns.shape[0]):
        column = columns[row]
        weights = made[row]
        # G and w are not negative, so the gradient of w_i at 0 is at least l1 - G_ij. If that is
        # not negative, w_i is 0 at the minimum and is skipped.
        num_open = 0
        largest = 0.0
        for item in range(num):
            if item != column and gram[item, column] > l1:
                open_[num_open] = item
                num_open += 1
                largest = max(largest, gram[item, column])
        product = np.zeros(num)  # G w
        passes = 0
        solved = num_open == 0
        while not solved and passes < max_passes:
            passes += 1
            moved = _pass(gram, column, open_[:num_open], weights, product, l1, l2)
            if moved <= tolerance * largest:
                solved = True
                break
            # First solve for the weights above 0, then check all again.
            num_active = 0
            for place in range(num_open):
                if weights[open_[place]] > 0.0:
                    active[num_active] = open_[place]
                    num_active += 1
            while passes < max_passes and moved > tolerance * largest:
                passes += 1
                moved = _pass(gram, column, active[:num_active], weights, product, l1, l2)
        if not solved:
            failed += 1
    return failed


@_compiled
def _pass(
    gram: Float64Array,
    column: int,
    items: IntArray,
    weights: Float64Array,
    product: Float64Array,
    l1: float,
    l2: float,
) -> float:
    """Minimise over each weight in turn; return the largest step, in units of the gradient."""
    largest = 0.0
    for item in items:
        own = gram[item, item]
        above = gram[item, column] - product[item] + own * weights[item] - l1
        new = above / (own + l2) if above > 0.0 else 0.0
        step = new - weights[item]
        if step != 0.0:
            weights[item] = new
            for other in range(product.shape[0]):
                product[other] += step * gram[item, other]
            largest = max(largest, abs(step) * (own + l2))
    return largest
