"""Sorting by compiled loops: integers digit by digit, strings of one group by comparison."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.memory import compiled, load8

_DIGIT: Final = 11  # bits; the counts of one digit fit into the processor's first cache
_SMALL: Final = 32


def argsort(keys: Any) -> Any:
    """Return the same as `np.argsort(keys, kind="stable")`, for keys that are not negative.

    Least significant digit first (Knuth, The Art of Computer Programming, 5.2.5).

    Args:
        keys: int64 of shape (n,), 0 or more.

    Returns:
        int64 of shape (n,).
    """
    order = np.arange(len(keys))
    if not len(keys):
        return order
    bits = int(keys.max()).bit_length()
    other = np.empty_like(order)
    for shift in range(0, bits, _DIGIT):
        _by_digit(keys, shift, order, other)
        order, other = other, order
    return order


def sort(keys: Any) -> Any:
    """Return the same as `np.sort(keys)`, for keys that are not negative; `keys` is changed.

    It reads and writes the keys only in their order, where `argsort` jumps among them.

    Args:
        keys: int64 of shape (n,), 0 or more.

    Returns:
        int64 of shape (n,); the array that was given, or another one.
    """
    if not len(keys):
        return keys
    bits = int(keys.max()).bit_length()
    other = np.empty_like(keys)
    for shift in range(0, bits, _DIGIT):
        _keys_by_digit(keys, shift, other)
        keys, other = other, keys
    return keys


@compiled
def _starts_of_digits(keys: Any, shift: Any) -> Any:
    mask = (1 << _DIGIT) - 1
    starts = np.zeros((1 << _DIGIT) + 1, dtype=np.int64)
    for key in keys:
        starts[((key >> shift) & mask) + 1] += 1
    for digit in range(1 << _DIGIT):
        starts[digit + 1] += starts[digit]
    return starts


@compiled
def _keys_by_digit(keys: Any, shift: Any, out: Any) -> None:
    mask, ends = (1 << _DIGIT) - 1, _starts_of_digits(keys, shift)
    for key in keys:
        digit = (key >> shift) & mask
        out[ends[digit]] = key
        ends[digit] += 1


@compiled
def _by_digit(keys: Any, shift: Any, order: Any, out: Any) -> None:
    mask, ends = (1 << _DIGIT) - 1, _starts_of_digits(keys, shift)
    for row in order:
        digit = (keys[row] >> shift) & mask
        out[ends[digit]] = row
        ends[digit] += 1


def sort_groups(keys: Any, order: Any, text: Any, offsets: Any, kinds: Any) -> Any:
    """Sort the rows of each small group by string, then by kind.

    Args:
        keys: The group of each row, int64 of shape (n,).
        order: Rows in the order of their groups, int64 of shape (n,); changed in place.
        text: Strings, one after the other, uint8.
        offsets: Where each row's string begins, int64 of shape (n + 1,).
        kinds: What decides between rows with the same string, int64 of shape (n,).

    Returns:
        For each place of `order`, bool (n, 2): whether group, string and kind are those of the
        place before it, and whether its group is too large to be sorted here.
    """
    found = np.zeros((len(order), 2), dtype=np.bool_)
    _sort_groups(keys, order, text.ctypes.data, offsets, kinds, found)
    return found


@compiled
def _compare(a: Any, size_a: Any, b: Any, size_b: Any) -> Any:
    """Return -1, 0 or 1: which of two strings comes first."""
    for k in range(min(size_a, size_b)):
        if load8(a + k) != load8(b + k):
            return -1 if load8(a + k) < load8(b + k) else 1
    if size_a == size_b:
        return 0
    return -1 if size_a < size_b else 1


@compiled
def _compare_rows(i: Any, j: Any, text: Any, offsets: Any, kinds: Any) -> Any:
    found = _compare(
        text + offsets[i],
        offsets[i + 1] - offsets[i],
        text + offsets[j],
        offsets[j + 1] - offsets[j],
    )
    if found == 0 and kinds[i] != kinds[j]:
        return -1 if kinds[i] < kinds[j] else 1
    return found


@compiled
def _sort_groups(keys: Any, order: Any, text: Any, offsets: Any, kinds: Any, found: Any) -> None:
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and keys[order[end]] == keys[order[begin]]:
            end += 1
        if end - begin > _SMALL:
            for k in range(begin, end):
                found[k, 1] = True
        else:
            for k in range(begin + 1, end):
                row = order[k]
                place = k
                while place > begin and (
                    _compare_rows(row, order[place - 1], text, offsets, kinds) < 0
                ):
                    order[place] = order[place - 1]
                    place -= 1
                order[place] = row
            for k in range(begin + 1, end):
                same = _compare_rows(order[k], order[k - 1], text, offsets, kinds) == 0
                found[k, 0] = same
        begin = end
