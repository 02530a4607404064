"""Sorting strings by compiled loops: a quicksort that compares eight bytes at a time.

Strings are partitioned by one word of theirs, which is kept beside their number: smaller, the same
and larger. Those with the same word go on with the next one (Bentley and Sedgewick, Fast Algorithms
for Sorting and Searching Strings, 1997; Ng and Kakehi, Cache Efficient Radix Sort for String
Sorting, 2007). IRIs have long common beginnings, so that comparing whole strings would mostly
compare these.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.memory import FREE, U0, U64, compiled, load8, load64

_WORD: Final = 8  # bytes
_SMALL: Final = 16
_RANDOM: Final = 0x5851F42D4C957F2D
_BYTES = np.uint64(0x00FF00FF00FF00FF)
_PAIRS = np.uint64(0x0000FFFF0000FFFF)
_U8, _U16, _U32 = (np.uint64(n) for n in (8, 16, 32))


def string_order(strings: Any) -> Any:
    """Return the order of distinct strings by their bytes, as `pyarrow.compute.sort_indices`.

    Args:
        strings: Arrow `large_string` of shape (n,), distinct and without nulls.

    Returns:
        int64 of shape (n,).
    """
    order = np.arange(len(strings))
    _, offsets, text = strings.buffers()
    if text is None or len(strings) < 2:
        return order
    begins = np.frombuffer(offsets, dtype=np.int64)[strings.offset :][: len(strings) + 1]
    words = np.empty(len(strings), dtype=np.uint64)
    _sort(text.address, text.address + text.size, begins, order, words)
    return order


@compiled
def _word(at: Any, size: Any, end_of_text: Any) -> Any:
    """Return the eight bytes at an address, the first one highest; 0 after the string's end.

    Args:
        at: The address.
        size: Bytes of the string from there on.
        end_of_text: Where the memory ends that may be read.
    """
    if size <= 0:
        return U0
    if at + _WORD <= end_of_text:
        word = load64(at)
        if size < _WORD:
            word &= FREE >> (U64 - np.uint64(size << 3))
        word = ((word >> _U8) & _BYTES) | ((word & _BYTES) << _U8)
        word = ((word >> _U16) & _PAIRS) | ((word & _PAIRS) << _U16)
        return (word >> _U32) | (word << _U32)
    word = U0
    for k in range(_WORD):
        word <<= _U8
        if k < size:
            word |= np.uint64(load8(at + k))
    return word


@compiled
def _common(text: Any, begins: Any) -> Any:
    """Return how many bytes all strings begin with together."""
    common = begins[1] - begins[0]
    for row in range(1, len(begins) - 1):
        common = min(common, begins[row + 1] - begins[row])
        k = 0
        while k + _WORD <= common and (
            load64(text + begins[row] + k) == load64(text + begins[0] + k)
        ):
            k += _WORD
        while k < common and load8(text + begins[row] + k) == load8(text + begins[0] + k):
            k += 1
        common = k
    return common


@compiled
def _deepen(
    text: Any, end_of_text: Any, begins: Any, order: Any, words: Any, lo: Any, hi: Any, depth: Any
) -> Any:
    """Prepare strings with the same word for the next one.

    Those that end are put in front, the shorter first: they only have zeros after their end.

    Returns:
        Where those that do not end begin.
    """
    place = lo
    for k in range(lo, hi):
        row = order[k]
        size = begins[row + 1] - begins[row]
        if size <= depth:
            order[k] = order[place]
            at = place
            while at > lo and begins[order[at - 1] + 1] - begins[order[at - 1]] > size:
                order[at] = order[at - 1]
                at -= 1
            order[at] = row
            place += 1
    for k in range(place, hi):
        row = order[k]
        at = begins[row] + depth
        words[k] = _word(text + at, begins[row + 1] - at, end_of_text)
    return place


@compiled
def _sort(text: Any, end_of_text: Any, begins: Any, order: Any, words: Any) -> None:
    # Each entry: the first and the last row but one, the depth of the words, and whether they are
    # still those of the depth before.
    waiting: Any = [(np.int64(0), np.int64(len(order)), np.int64(_common(text, begins)), True)]
    random = np.uint64(1)
    while len(waiting) > 0:
        lo, hi, depth, deeper = waiting.pop()
        if deeper:
            lo = _deepen(text, end_of_text, begins, order, words, lo, hi, depth)
        if hi - lo < 2:
            continue
        if hi - lo <= _SMALL:
            for k in range(lo + 1, hi):
                word, row, at = words[k], order[k], k
                while at > lo and words[at - 1] > word:
                    words[at], order[at] = words[at - 1], order[at - 1]
                    at -= 1
                words[at], order[at] = word, row
            begin = lo
            for k in range(lo + 1, hi + 1):
                if k == hi or words[k] != words[begin]:
                    if k - begin > 1:
                        waiting.append((np.int64(begin), np.int64(k), depth + _WORD, True))
                    begin = k
            continue
        random = random * np.uint64(_RANDOM) + np.uint64(1)
        pivot = words[lo + np.int64((random >> _U32) % np.uint64(hi - lo))]
        less, at, more = lo, lo, hi
        while at < more:
            word, row = words[at], order[at]
            if word < pivot:
                words[at], order[at] = words[less], order[less]
                words[less], order[less] = word, row
                less += 1
                at += 1
            elif word > pivot:
                more -= 1
                words[at], order[at] = words[more], order[more]
                words[more], order[more] = word, row
            else:
                at += 1
        waiting.append((lo, less, depth, False))
        waiting.append((more, hi, depth, False))
        waiting.append((less, more, depth + _WORD, True))
