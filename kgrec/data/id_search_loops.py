"""Binary searches in sorted text, compiled by numba when they are first called.

The compiled code is kept on disk for later processes. It releases the interpreter's lock.
"""

from __future__ import annotations

from typing import Any

import numba as nb

Array = Any  # numpy arrays of the dtypes that the docstrings give


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def find(begins: Array, text: Array, asked_begins: Array, asked_text: Array, rows: Array) -> None:
    """Write the row of each asked id among known ones, -1 for none.

    Each search begins where the last one ended, with steps that double (Bentley and Yao, An almost
    optimal algorithm for unbounded searching, Information Processing Letters 1976), so memory is
    read in its order.

    Bytes that the id shares with both ends of what is left to search are not compared again, since
    all between them share these, too (Manber and Myers, Suffix arrays, SIAM J. Comput. 1993).

    Args:
        begins: Where each known id begins, int64 of shape (n + 1,); they are sorted and distinct.
        text: Their text, uint8.
        asked_begins: Where each asked id begins, int64 of shape (m + 1,); they are sorted.
        asked_text: Their text, uint8.
        rows: The result, int64 of shape (m,).
    """
    size = len(begins) - 1
    first = 0
    for place in range(len(rows)):
        begin, length = asked_begins[place], asked_begins[place + 1] - asked_begins[place]
        low, step = first, 1
        while low + step < size:
            at = begins[low + step - 1]
            known = begins[low + step] - at
            same = _shared(text, at, known, asked_text, begin, length, 0)
            if not _is_below(text, at, known, asked_text, begin, length, same):
                break
            low += step
            step *= 2
        high = min(size, low + step)
        shared_low, shared_high, found = 0, 0, -1
        while low < high:
            middle = (low + high) >> 1
            at = begins[middle]
            known = begins[middle + 1] - at
            same = min(shared_low, shared_high)
            same = _shared(text, at, known, asked_text, begin, length, same)
            if same == known and same == length:
                found = low = middle
                break
            if _is_below(text, at, known, asked_text, begin, length, same):
                low, shared_low = middle + 1, same
            else:
                high, shared_high = middle, same
        rows[place] = found
        first = low


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _shared(
    text: Array, at: int, known: int, asked: Array, begin: int, length: int, same: int
) -> int:
    """Return how many bytes two ids share at their start, if `same` of them are known to be."""
    most = min(known, length)
    while same < most and text[at + same] == asked[begin + same]:
        same += 1
    return same


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _is_below(
    text: Array, at: int, known: int, asked: Array, begin: int, length: int, same: int
) -> bool:
    """Return whether the known one of two ids that share `same` bytes comes first."""
    if same == min(known, length):
        return known < length
    return bool(text[at + same] < asked[begin + same])
