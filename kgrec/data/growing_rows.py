"""Arrays to which rows are appended without copying those that are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

_ROOM: Final = 0.25
"""Spare rows of a new store, as a share of its rows: copies then cost a constant per row."""
_LEAST: Final = 64

Number = TypeVar("Number", bound=np.generic)


@dataclass
class _Store(Generic[Number]):
    """Rows with spare room behind them.

    Attributes:
        rows: All rows, also those that nobody uses yet.
        used: The number of rows that somebody uses.
        lock: Held while rows are taken into use.
    """

    rows: npt.NDArray[Number]
    used: int
    lock: Lock = field(default_factory=Lock)


class GrowingRows(Generic[Number]):
    """The rows of an array, which never change; `appended` returns more of them.

    The longer array shares the memory of the shorter one as long as there is room, so n rows that
    come one by one are copied a constant number of times each. Two arrays that grow from the same
    one do not disturb each other: the second one is copied.

    Args:
        array: The rows, of shape (n, …).

    Attributes:
        array: The same.

    >>> short = GrowingRows(np.array([[1.0], [2.0]]))
    >>> long = short.appended(np.array([[3.0]]))
    >>> len(short.array), long.array.ravel().tolist()
    (2, [1.0, 2.0, 3.0])
    """

    __slots__ = ("_store", "array")

    def __init__(self, array: npt.NDArray[Number]) -> None:
        self.array = array
        self._store: _Store[Number] | None = None

    def appended(self, more: npt.NDArray[Any]) -> Self:
        """Return the array with further rows behind the others; this one does not change.

        Args:
            more: Of shape (m, …), cast to the type of the others.
        """
        start, end = len(self.array), len(self.array) + len(more)
        if start == end:
            return self
        store = self._store
        if store is None or not _taken(store, start, end):
            room = max(_LEAST, int(end * _ROOM))
            rows = np.empty((end + room, *self.array.shape[1:]), dtype=self.array.dtype)
            rows[:start] = self.array
            store = _Store(rows, end)
        store.rows[start:end] = more
        made = type(self)(store.rows[:end])
        made._store = store
        return made


def _taken(store: _Store[Any], start: int, end: int) -> bool:
    """Take rows of a store into use; return whether they were free."""
    with store.lock:
        if store.used != start or end > len(store.rows):
            return False
        store.used = end
        return True
