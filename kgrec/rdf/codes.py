"""Columns of codes: which codes occur, and other numbers for them.

Long columns are gone through by compiled loops. numpy makes int64 of the numbers that it takes rows
by: it goes through a column in parts, so that no second column is made, and what is made fits into
the processor's second cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from kgrec.rdf.native import native_pays
from kgrec.types import IntArray, RowArray

_ROWS: Final = 1 << 15


def row_slices(size: int) -> Iterator[slice]:
    """Cut `size` rows into parts.

    >>> [list(range(*rows.indices(40_000)))[-1] for rows in row_slices(40_000)]
    [32767, 39999]
    """
    for begin in range(0, size, _ROWS):
        yield slice(begin, min(begin + _ROWS, size))


def used_codes(columns: Iterable[RowArray], size: int) -> tuple[IntArray, RowArray]:
    """Return the numbers that occur in some columns, and the place of each number among them.

    Args:
        columns: Numbers from 0 to `size` - 1, each int32 of shape (n,).
        size: How many numbers there may be.

    Returns:
        The numbers, ascending, int64 of shape (u,), and int32 of shape (size,).
    """
    used = np.zeros(size, dtype=bool)
    for column in columns:
        if loops := loops_for(column):
            loops.mark(column, used)
            continue
        for rows in row_slices(len(column)):
            used[column[rows]] = True
    return np.flatnonzero(used), np.cumsum(used, dtype=np.int32) - np.int32(1)


def recode(column: RowArray, code: RowArray) -> None:
    """Replace each number k of a column by code[k], in place."""
    if loops := loops_for(column):
        loops.take_into(column, column, code)
        return
    for rows in row_slices(len(column)):
        column[rows] = code[column[rows]]


def loops_for(column: RowArray | IntArray) -> Any:
    """Return the module of compiled loops if it pays for a column, else None.

    The loops are compiled for columns without gaps alone, as readers of large files make them.
    """
    if not column.flags.c_contiguous or not native_pays(column.shape[-1]):
        return None
    from kgrec.rdf.native import columns

    return columns
