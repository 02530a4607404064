"""Planted blocks of a size for models that are trained, with a new item in each block."""

from kgrec.testing import planted

NUM_USERS, NUM_WARM = 32, 19
COLD = (19, 20, 21)
"""One item for each block that nobody chose; text and attribute say where it belongs."""


def three_blocks(seed=0, **content):
    """Return `kgrec.testing.planted` with no two sizes alike and no user without interactions."""
    blocks = ((16, 8), (9, 6), (7, 5))
    return planted(seed, blocks=blocks, new_items=(0, 1, 2), new_users=0, **content)
