"""Batches of texts of similar length, within a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kgrec.types import IntArray


def length_batches(lengths: IntArray, token_budget: int) -> Iterator[IntArray]:
    """Yield the rows of each batch, longest texts first.

    Rows are sorted by length, and a batch takes rows while its longest length times their number
    is within the budget. So padding is only a few percent, and the budget bounds the memory. The
    longest come first: if memory is too small, the first batch fails, and the estimate of the time
    left is rather too long than too short.

    Args:
        lengths: Tokens of each text, int64 of shape (n,).
        token_budget: Tokens of a batch, padding included. A text longer than this is a batch of
            its own.

    Yields:
        Rows, int64 of shape (m,) with m ≥ 1; each row comes once.

    >>> [rows.tolist() for rows in length_batches(np.array([3, 9, 4, 8]), 18)]
    [[1, 3], [2, 0]]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        size = max(token_budget // longest, 1)
        yield order[start : start + size].astype(np.int64)
        start += size
