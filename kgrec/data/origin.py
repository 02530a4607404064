"""Where the rows of a frame come from, so that a message can name the line of a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd

from kgrec.data.rejected import BadRow, settle
from kgrec.data.table_format import NamedFormat
from kgrec.types import BoolArray

_KEY: Final = "kgrec"


@dataclass(frozen=True, eq=False)
class Origin:
    """How a frame was read.

    Attributes:
        where: The file, for messages; "" for a frame.
        format: How it was read.
        first_line: The line of the first row; None: the rows have no lines.
        starts: Gives the line of each row; None: each row has one line.
        bad: Rows that were left out when it was read.
        first_row: The number of the first row in the file, from 0, if this is a piece of it.
    """

    where: str = ""
    format: NamedFormat = field(default_factory=NamedFormat)
    first_line: int | None = None
    starts: Callable[[], Iterator[int]] | None = field(default=None, repr=False)
    bad: tuple[BadRow, ...] = ()
    first_row: int = 0

    def __deepcopy__(self, memo: Any) -> Origin:  # pandas copies the attributes of a frame
        return self

    def lines(self, rows: Sequence[int]) -> list[int]:
        """Return the lines of rows; without lines, their numbers from 1."""
        if self.first_line is None:
            return [row + 1 for row in rows]
        if self.starts is None:
            return [self.first_line + row for row in rows]
        last = max(rows, default=-1)
        known = list(islice(self.starts(), last + 1))
        return [known[row] for row in rows]


def with_origin(frame: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return the frame, which now knows its origin."""
    frame.attrs[_KEY] = origin
    return frame


def origin_of(frame: pd.DataFrame | pd.Series[Any]) -> Origin:
    """Return how a frame, or the frame of a column, was read."""
    found = frame.attrs.get(_KEY)
    return found if isinstance(found, Origin) else Origin()


def row_name(frame: pd.DataFrame | pd.Series[Any], place: int) -> str:
    """Return "line 7", or "data row 6" if the rows have no lines.

    Args:
        frame: What was read, or a part of it.
        place: Position in it.
    """
    origin, row = origin_of(frame), frame.index[place]
    if origin.first_line is None or not isinstance(row, int | np.integer):
        return f"data row {origin.first_row + place + 1}"
    return f"line {origin.lines([int(row)])[0]}"


def without_bad(
    frame: pd.DataFrame, bad: Mapping[str, BoolArray], where: str, format: NamedFormat
) -> pd.DataFrame:
    """Return a frame without rows that cannot be used; see `kgrec.data.rejected.settle`.

    Args:
        frame: The frame.
        bad: Reasons, with the rows that they hold for, bool of shape (n,).
        where: What the frame is, for messages.
        format: Whether bad rows are left out.
    """
    origin, wrong = origin_of(frame), np.zeros(len(frame), dtype=bool)
    found: list[tuple[int, str]] = []
    for reason, rows in bad.items():
        found += [(place, reason) for place in np.flatnonzero(rows & ~wrong).tolist()]
        wrong |= rows
    if not found:
        return frame
    found.sort()
    places = [place for place, _ in found]
    numbered = isinstance(frame.index[0], int | np.integer)
    lines = origin.lines([int(frame.index[place]) if numbered else place for place in places])
    rows_left_out = [
        BadRow(line, reason, _row_text(frame, place))
        for line, (place, reason) in zip(lines, found, strict=True)
    ]
    settle(rows_left_out, int((~wrong).sum()), where, format, earlier=origin.bad)
    return frame[~wrong]


def _row_text(frame: pd.DataFrame, place: int) -> str:
    cells = frame.iloc[place]
    return ", ".join("" if pd.isna(cell) is True else str(cell) for cell in cells)
