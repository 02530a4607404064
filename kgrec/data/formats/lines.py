"""Text files with one record per line and no header, as many data sets are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.encoding import not_utf8, to_utf8
from kgrec.data.rejected import BadRow, begin_rejects, settle
from kgrec.data.table_format import NamedFormat
from kgrec.errors import DataError, printable
from kgrec.files import nearest_file, read_plain, system_reason
from kgrec.types import BoolArray, IntArray

_MOST_BYTES = 1 << 34  # the text is held in memory
_NUMBER = r"\A[0-9]{1,18}\z"


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a file that are not blank.

    Attributes:
        path: The file.
        text: The lines without their ends, Arrow `large_string` of shape (n,).
        number: Line numbers, counted from 1, int64 of shape (n,).
        format: What becomes of lines that cannot be read.
        bad: Lines that were left out already.
    """

    path: Path
    text: pa.Array
    number: IntArray
    format: NamedFormat = field(default_factory=NamedFormat)
    bad: tuple[BadRow, ...] = ()

    def __len__(self) -> int:
        return len(self.text)

    def rest(self) -> Lines:
        """Return all lines but the first."""
        return replace(self, text=self.text[1:], number=self.number[1:])

    def without(self, wrong: BoolArray, expected: str) -> Lines:
        """Return the lines without those that cannot be read, which are counted and written down.

        Args:
            wrong: Which lines, bool of shape (n,).
            expected: What was expected instead.

        Raises:
            DataError: There is such a line, and `format` does not say to leave it out; or there is
                no other line.
        """
        if not wrong.any():
            return self
        if self.format.on_error == "raise" or wrong.all():
            raise self.error(int(wrong.argmax()), expected)
        bad = [
            BadRow(int(self.number[place]), f"expected {expected}", self.text[place].as_py())
            for place in np.flatnonzero(wrong).tolist()
        ]
        settle(bad, int((~wrong).sum()), str(self.path), self.format, earlier=self.bad)
        right = self.text.filter(pa.array(~wrong))
        return replace(self, text=right, number=self.number[~wrong], bad=(*self.bad, *bad))

    def error(self, place: int, expected: str) -> DataError:
        """Return the error for the line at `place`: where it is, and what it holds."""
        found = printable(self.text[int(place)].as_py(), 60)
        return DataError(
            f"{self.path}, line {self.number[place]}: expected {expected}, found {found!r}."
        )


def read_lines(path: Path, format: NamedFormat | None = None) -> Lines:
    """Read a text file.

    Args:
        path: The file.
        format: Its encoding, and what becomes of lines that cannot be read; None: the defaults.

    Raises:
        DataError: The file is missing, cannot be read, is not in that encoding or is empty.
    """
    format = format or NamedFormat()
    begin_rejects(format, path)
    try:
        octets = read_plain(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist." + nearest_file(path)) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {system_reason(error)}.") from error
    octets = to_utf8(octets, str(path), format.encoding)
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = not_utf8(octets, str(path)).decode()
    lines = pa.array(text.split("\n"), pa.large_string())
    lines = pc.utf8_rtrim(lines, "\r")
    written = pc.not_equal(pc.utf8_trim_whitespace(lines), "")
    number = np.flatnonzero(np.asarray(written)) + 1
    if not len(number):
        raise DataError(f"{path} is empty.")
    return Lines(path, lines.filter(written), number.astype(np.int64), format)


def fields(
    lines: Lines, names: Sequence[str], separator: str | None = None, *, more: bool = False
) -> tuple[Lines, dict[str, pa.Array]]:
    """Return the lines that can be read, and their fields by name, Arrow `large_string` each.

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
    rows = np.flatnonzero(~wrong)
    parts = parts.take(pa.array(rows))
    found = {name: pc.list_element(parts, place) for place, name in enumerate(names)}
    empty = np.zeros(len(rows), dtype=bool)
    for column in found.values():
        empty |= np.asarray(pc.equal(pc.utf8_trim_whitespace(column), ""), dtype=bool)
    wrong[rows[empty]] = True
    full = pa.array(~empty)
    return lines.without(wrong, expected), {
        name: column.filter(full) for name, column in found.items()
    }


def are_numbers(column: pa.Array) -> BoolArray:
    """Return which texts are whole numbers from 0, bool of shape (n,)."""
    return np.asarray(pc.match_substring_regex(column, _NUMBER), dtype=bool)


def numbers(lines: Lines, columns: Mapping[str, pa.Array]) -> tuple[Lines, dict[str, IntArray]]:
    """Return the lines whose fields are whole numbers from 0, and these, int64 of shape (n,) each.

    Raises:
        DataError: A field is not such a number; the message names its line.
    """
    found = dict(columns)
    for name in columns:
        wrong = ~are_numbers(found[name])
        lines = lines.without(wrong, f"a whole number from 0 as {name}")
        found = {one: column.filter(pa.array(~wrong)) for one, column in found.items()}
    return lines, {name: np.asarray(column.cast(pa.int64())) for name, column in found.items()}


def texts(rows: npt.NDArray[Any]) -> list[str]:
    """Return whole numbers as text."""
    return list(pa.array(rows).cast(pa.large_string()).to_pylist())
