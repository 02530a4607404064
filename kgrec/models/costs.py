"""What fitting costs: seconds as measured by `experiments/slopes.py`, and bytes of what all read.

The seconds are those of one core; another machine may take half or twice the time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.types import IntArray

BYTES_AN_INTERACTION: Final = 24
"""Memory for each interaction while the training matrix is made."""
SECONDS_A_CUBE: Final = 1e-10
"""Seconds for a system of n unknowns, by n³: its products and its inverse by LU."""
SECONDS_A_MEETING: Final = 2.5e-7
"""Seconds for two interactions of one user: they are counted for a similarity of their items."""
SECONDS_A_FACTOR: Final = 2e-9
"""Seconds for a number of an interaction's factors, in one iteration of alternating squares."""


def active(rows: IntArray, size: int) -> int:
    """Return how many different rows there are.

    Args:
        rows: Rows from 0 to `size` - 1, int64 of shape (n,).
        size: Their number in the vocabulary.
    """
    return int(np.count_nonzero(np.bincount(rows, minlength=size)))


def meetings(train: Interactions) -> int:
    """Return how many pairs of interactions users have, each with itself too: the sum of squares.

    No more pairs of items have a user in common.
    """
    count = np.bincount(train.user, minlength=train.num_users)
    return int((count.astype(np.int64) ** 2).sum())
