"""Taking strings in another order by a compiled loop.

Arrow does it too, into memory that comes from the system a small page at a time. numpy asks for
large pages, and a few of them cost less than thousands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from kgrec.rdf.native.memory import compiled, copy


def take_strings(strings: Any, rows: Any) -> Any:
    """Return the strings at some rows, in that order.

    Args:
        strings: Arrow `large_string` of shape (n,), without nulls.
        rows: int64 of shape (k,), each from 0 to n - 1.

    Returns:
        Arrow `large_string` of shape (k,).
    """
    _, offsets, text = strings.buffers()
    if text is None or not len(rows):
        return strings.take(pa.array(rows))
    begins = np.frombuffer(offsets, dtype=np.int64)[strings.offset :][: len(strings) + 1]
    ends = np.empty(len(rows) + 1, dtype=np.int64)
    ends[0] = 0
    np.cumsum((begins[1:] - begins[:-1])[rows], out=ends[1:])
    taken = np.empty(int(ends[-1]), dtype=np.uint8)
    _take(text.address, begins, rows, taken.ctypes.data, ends)
    return pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(taken))


@compiled
def _take(text: Any, begins: Any, rows: Any, out: Any, ends: Any) -> None:
    for k in range(len(rows)):
        row = rows[k]
        copy(out + ends[k], text + begins[row], begins[row + 1] - begins[row])
