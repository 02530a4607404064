"""Which texts share a batch: those of like length, up to a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kgrec.types import IntArray


def length_batches(lengths: IntArray, token_budget: int) -> Iterator[IntArray]:
    """Yield the rows of each batch, longest texts first.

    Rows are sorted by length, and a batch takes rows while its longest length times their number
    stays within the budget: the padding that is computed in vain is a few percent, and memory is
    bounded by the budget rather than by a number of texts. Longest first, so that a lack of
    memory shows in the first batch and the estimate of the time left errs on the safe side.

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
