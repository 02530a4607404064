"""Where ids are in a sorted array: binary search, which reads no more of it than it needs."""

from __future__ import annotations

import importlib.util
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.types import ByteArray, IntArray

_HASHED_PER_SEARCHED: Final = 256  # ids that Arrow hashes in the time of one search here
_MANY: Final = 1 << 12
"""So many searches are worth loading compiled loops."""


def parts_of(array: pa.Array) -> tuple[IntArray, ByteArray]:
    """Return the memory of an array of ids, which is not copied.

    Args:
        array: Ids, Arrow `large_string` of shape (n,), none missing.

    Returns:
        Where each id begins in the text, and where the last one ends, int64 of shape (n + 1,);
        and the text of all, one after the other, UTF-8 as uint8. Both cannot be written.
    """
    _, offsets, text = array.buffers()
    if not len(array) or offsets is None:
        begins, octets = np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.uint8)
    else:
        begins = np.frombuffer(offsets, dtype=np.int64, count=array.offset + len(array) + 1)
        begins = begins[array.offset :]
        octets = np.frombuffer(b"" if text is None else text, dtype=np.uint8)
    begins.flags.writeable = octets.flags.writeable = False  # one type for the compiled loops
    return begins, octets


def first_not_below(id: bytes, array: pa.Array, *, above: bool = False) -> int:
    """Return the first row of a sorted array whose id is not before one, or n.

    Args:
        id: The id in UTF-8.
        array: As for `parts_of`, sorted by the bytes of UTF-8.
        above: Whether the same id is passed over, too.
    """
    begins, text = (part.data for part in parts_of(array))
    low, high = 0, len(array)
    while low < high:
        middle = (low + high) // 2
        known = text[begins[middle] : begins[middle + 1]].tobytes()
        if known < id or (above and known == id):
            low = middle + 1
        else:
            high = middle
    return low


def row_of(id: str, array: pa.Array) -> int:
    """Return the row of one id in a sorted array, -1 for none.

    Args:
        id: The id, without lone surrogates.
        array: As for `first_not_below`.
    """
    row = first_not_below(id.encode(), array)
    return row if row < len(array) and array[row].as_py() == id else -1


def searched(wanted: pa.Array, array: pa.Array) -> IntArray:
    """Return the rows of ids in a large sorted array, which is not read as a whole.

    Without numba, many ids are found by hashing all of the array.

    Args:
        wanted: Ids, Arrow `large_string` of shape (m,), in any order and any number of times.
        array: As for `first_not_below`.

    Returns:
        int64 of shape (m,), -1 for an id that is not there.
    """
    if len(wanted) >= _MANY and importlib.util.find_spec("numba") is not None:
        from kgrec.data.id_search_loops import find

        rows, order = np.empty(len(wanted), dtype=np.int64), None
        if not pc.all(pc.less_equal(wanted[:-1], wanted[1:])).as_py():
            # Sorting takes a third of the time of as many searches all over the array.
            order = pc.sort_indices(wanted)
            wanted = wanted.take(order)
        find(*parts_of(array), *parts_of(wanted), rows)
        if order is None:
            return rows
        back = np.empty_like(rows)
        back[np.asarray(order)] = rows
        return back
    if is_few(len(wanted), len(array)):
        ids = wanted.to_pylist()
        return np.fromiter((row_of(id, array) for id in ids), dtype=np.int64, count=len(ids))
    return hashed(wanted, array)


def is_few(num_wanted: int, num_known: int) -> bool:
    """Return whether searching for each id takes less time than hashing all known ones."""
    return num_wanted * _HASHED_PER_SEARCHED < num_known


def hashed(wanted: Any, known: Any) -> IntArray:
    """Return the place of each wanted id among the known ones, in any order, -1 for none."""
    return np.asarray(pc.fill_null(pc.index_in(wanted, value_set=known), -1), dtype=np.int64)
