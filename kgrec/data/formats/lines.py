"""Text files with one record per line and no header, as many data sets are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import DataError, printable
from kgrec.files import nearest_file, read_plain, system_reason
from kgrec.types import IntArray

_MOST_BYTES = 1 << 34  # the text is held in memory
_NUMBER = r"\A[0-9]{1,18}\z"


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a file that are not blank.

    Attributes:
        path: The file.
        text: The lines without their ends, Arrow `large_string` of shape (n,).
        number: Line numbers, counted from 1, int64 of shape (n,).
    """

    path: Path
    text: pa.Array
    number: IntArray

    def __len__(self) -> int:
        return len(self.text)

    def rest(self) -> Lines:
        """Return all lines but the first."""
        return Lines(self.path, self.text[1:], self.number[1:])

    def error(self, place: int, expected: str) -> DataError:
        """Return the error for the line at `place`: where it is, and what it holds."""
        found = printable(self.text[int(place)].as_py(), 60)
        return DataError(
            f"{self.path}, line {self.number[place]}: expected {expected}, found {found!r}."
        )


def read_lines(path: Path, encoding: str = "utf-8-sig") -> Lines:
    """Read a text file.

    Raises:
        DataError: The file is missing, cannot be read, is not in that encoding or is empty.
    """
    try:
        octets = read_plain(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist." + nearest_file(path)) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {system_reason(error)}.") from error
    try:
        text = octets.decode(encoding)
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig")
        raise DataError(f"{path}, line {line}: this is not {name} text: {error.reason}.") from error
    lines = pa.array(text.split("\n"), pa.large_string())
    lines = pc.utf8_rtrim(lines, "\r")
    written = pc.not_equal(pc.utf8_trim_whitespace(lines), "")
    number = np.flatnonzero(np.asarray(written)) + 1
    if not len(number):
        raise DataError(f"{path} is empty.")
    return Lines(path, lines.filter(written), number.astype(np.int64))


def fields(
    lines: Lines, names: Sequence[str], separator: str | None = None, *, more: bool = False
) -> dict[str, pa.Array]:
    """Return the fields of each line by name, Arrow `large_string` of shape (n,) each.

    Args:
        lines: The lines.
        names: Names of the fields, in order.
        separator: What separates them; None: white space.
        more: Whether a line may have more fields, which are then ignored.

    Raises:
        DataError: A line has another number of fields, or an empty one.
    """
    if separator is None:
        parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines.text))
    else:
        parts = pc.split_pattern(lines.text, separator)
    count = np.asarray(pc.list_value_length(parts))
    shown = repr(separator) if separator else "white space"
    expected = f"{len(names)} fields ({', '.join(names)}) separated by {shown}"
    wrong = count < len(names) if more else count != len(names)
    if wrong.any():
        raise lines.error(int(wrong.argmax()), expected)
    found = {name: pc.list_element(parts, place) for place, name in enumerate(names)}
    for column in found.values():
        empty = np.asarray(pc.equal(pc.utf8_trim_whitespace(column), ""))
        if empty.any():
            raise lines.error(int(empty.argmax()), expected)
    return found


def numbers(lines: Lines, column: pa.Array, name: str) -> IntArray:
    """Return a column of whole numbers from 0, int64 of shape (n,).

    Raises:
        DataError: A field is not such a number; the message names its line.
    """
    right = np.asarray(pc.match_substring_regex(column, _NUMBER))
    if not right.all():
        raise lines.error(int(right.argmin()), f"a whole number from 0 as {name}")
    return np.asarray(column.cast(pa.int64()))


def texts(rows: npt.NDArray[Any]) -> list[str]:
    """Return whole numbers as text."""
    return list(pa.array(rows).cast(pa.large_string()).to_pylist())
