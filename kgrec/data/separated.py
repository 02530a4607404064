"""Tables as text with separators: what separates the columns, the header, and rows of wrong width.

Arrow's reader does the work; see https://arrow.apache.org/docs/python/csv.html.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pv

from kgrec.data.encoding import not_utf8, to_utf8
from kgrec.data.rejected import BadRow
from kgrec.data.table_format import NamedFormat
from kgrec.errors import DataError, printable, warn

_USUAL: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_CANDIDATES: Final = (",", ";", "\t", "|", "::")
_HEAD: Final = 1 << 16  # bytes that decide about the separator
_LINES: Final = 100
_MOST_BAD: Final = 1_000_000  # rows; a file with more is no such table
_BLOCK: Final = 1 << 22
_STAND_IN: Final = "\x1f"  # the unit separator, for separators of several characters
_COMMENT: Final = re.compile(rb"[#%][^\n]*\n")
_EXCEL: Final = re.compile(rb'"?sep=([^"\r\n])"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class SeparatedTable:
    """A table that was read from text.

    Attributes:
        frame: Its rows; all values are text, and empty ones are missing.
        bad: Rows of the wrong width, which are not in the frame.
        content: The text, in UTF-8.
        first: Byte of the content at which the first row begins.
        quote: The quotation mark, "" for none.
    """

    frame: pd.DataFrame
    bad: tuple[BadRow, ...]
    content: bytes = field(repr=False)
    first: int
    quote: str

    @property
    def first_line(self) -> int:
        """The number of the line on which the first row begins."""
        return self.content.count(b"\n", 0, self.first) + 1

    @property
    def is_regular(self) -> bool:
        """Whether each row has one line."""
        lines = self.content.count(b"\n", self.first) + (not self.content.endswith(b"\n"))
        return lines == len(self.frame)

    def starts(self) -> Iterator[int]:
        """Yield the number of the line on which each row of the frame begins."""
        bad = {one.line for one in self.bad}
        for number, text in _records(self.content, self.first, self.quote):
            if number not in bad and text.strip():
                yield number


def read_separated(
    data: bytes, ending: str, where: str, format: NamedFormat, *, plain_quotes: bool = False
) -> SeparatedTable:
    """Return the table of a text.

    Args:
        data: The content of the file.
        ending: The ending of its name, such as `.csv`, in lower case.
        where: Its name, for messages.
        format: How it is read.
        plain_quotes: Whether quotation marks are ordinary characters if nothing else is said.

    Raises:
        DataError: It is empty, not in the encoding, or a quotation mark is not closed.
    """
    content = to_utf8(data, where, format.encoding)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if format.encoding in (None, "utf-8", "utf8") and not _is_utf8_at_first(content):
        content = _utf8(content, where, format)
    skipped, separator = _skipped(content, ending, format, where)
    if separator is None:
        separator = format.separator or _separator(content[skipped:], ending, where)
    quote = format.quote
    if quote is None:
        quote = "" if plain_quotes or len(separator) > 1 else '"'
    try:
        return _parsed(content, skipped, separator, quote, where, format)
    except UnicodeDecodeError:
        content = _utf8(content, where, format)
        return _parsed(content, skipped, separator, quote, where, format)


def _is_utf8_at_first(content: bytes) -> bool:
    """Return whether the beginning is UTF-8: guesses about separators are made there."""
    try:
        content[:_HEAD].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end >= _HEAD - 4 and len(content) > _HEAD
    return True


def _utf8(content: bytes, where: str, format: NamedFormat) -> bytes:
    if format.encoding is not None:
        return to_utf8(content, where, "utf-8")  # raises, because it is not
    return not_utf8(content, where)


def _skipped(
    content: bytes, ending: str, format: NamedFormat, where: str
) -> tuple[int, str | None]:
    """Return where the header begins, and the separator that the file names itself."""
    if format.skip_lines is not None:
        place = 0
        for _ in range(format.skip_lines):
            place = content.find(b"\n", place) + 1
            if not place:
                raise DataError(f"{where} has no more lines than skip_lines leaves out.")
        return place, None
    excel = _EXCEL.match(content)
    if excel is not None:
        return excel.end(), format.separator or excel.group(1).decode("utf-8", "replace")
    place = 0
    if ending != ".csv":
        while (comment := _COMMENT.match(content, place)) is not None:
            place = comment.end()
        if place:
            count = content.count(b"\n", 0, place)
            warn(
                f"{where}: {count:,} lines of comments above the table were left out. Set "
                "`skip_lines` to be certain."
            )
    return place, None


def _separator(content: bytes, ending: str, where: str) -> str:
    """Return what separates the columns, by the ending and the first lines."""
    usual = _USUAL.get(ending)
    text = content[:_HEAD].decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(content) > _HEAD:
        lines = lines[:-1]
    lines = lines[:_LINES]
    if not lines:
        return usual or ","
    fits = {one: _fit(lines, one) for one in _CANDIDATES}
    if usual is not None and fits[usual][0] > 1 and fits[usual][1] >= 0.5:
        return usual
    good = [one for one in _CANDIDATES if fits[one][0] > 1 and fits[one][1] > 0.9]
    if not good and usual is None and _fit(lines, None)[0] > 1 and _fit(lines, None)[1] > 0.9:
        good = [" "]
    if not good:
        in_header = [one for one in _CANDIDATES if fits[one][0] > 1]
        if usual is not None and (fits[usual][0] > 1 or not in_header):
            return usual
        good = in_header or [","]
        if not in_header:
            return ","
    best = max(good, key=lambda one: (fits[one][1], fits[one][0]) if one != " " else (0, 0))
    if best != usual:
        shown = {"\t": "tabs", " ": "blanks"}.get(best, repr(best))
        warn(
            f"{where}: the columns are separated by {shown}, by its first lines. Set `separator` "
            "to be certain."
        )
    return best


def _fit(lines: list[str], separator: str | None) -> tuple[int, float]:
    """Return the number of columns of the first line, and the share of lines that have as many."""
    if separator is None:
        widths = [len(line.split()) for line in lines]
    elif len(separator) > 1:
        widths = [line.count(separator) + 1 for line in lines]
    else:
        try:
            rows = csv.reader((line.replace("\0", "") for line in lines), delimiter=separator)
            widths = [len(row) for row in rows]
        except csv.Error:
            widths = [line.count(separator) + 1 for line in lines]
    if not widths:
        return 0, 0.0
    return widths[0], Counter(widths)[widths[0]] / len(widths)


def _parsed(
    content: bytes, skipped: int, separator: str, quote: str, where: str, format: NamedFormat
) -> SeparatedTable:
    """Return the table.

    Raises:
        UnicodeDecodeError: The content is not UTF-8.
    """
    bad: list[Any] = []
    text, mark = content, separator
    if len(separator) > 1:
        if _STAND_IN.encode() in content:
            raise DataError(
                f"{where} holds the control character U+001F, so that a separator of several "
                "characters cannot be used. Replace it."
            )
        text, mark = content.replace(separator.encode(), _STAND_IN.encode()), _STAND_IN
        skipped = len(content[:skipped].replace(separator.encode(), _STAND_IN.encode()))
    if mark == " ":
        head, body = text[:skipped], text[skipped:]
        body = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", body)
        text, mark = head + re.sub(rb"[ \t]+", b"\t", body), "\t"
    names, first = _header(text, skipped, mark, quote, where, format)
    if first >= len(text):
        none = pd.DataFrame({name: pd.Series([], dtype=str) for name in names})
        return SeparatedTable(none, (), content, first, quote)
    keys = [str(number) for number in range(len(names))]
    options: dict[str, Any] = {
        "parse_options": pv.ParseOptions(
            delimiter=mark,
            quote_char=quote or False,
            double_quote=not format.escape,
            escape_char=format.escape or False,
            newlines_in_values=bool(quote),
            invalid_row_handler=lambda row: _set_aside(row, bad),
        ),
        "convert_options": pv.ConvertOptions(
            column_types=dict.fromkeys(keys, pa.large_string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    }
    table = _arrow_table(text, first, keys, options, where)
    wrong = tuple(_bad_rows(bad, text, first, quote, len(names)))
    if text is not content:
        wrong = tuple(_as_written(wrong, content))
    if quote and text.count(quote.encode()) % 2 and not wrong:
        _check_last_quote(table, text, quote, where)
    frame: pd.DataFrame = table.to_pandas()
    if mark == _STAND_IN and quote:
        frame = frame.replace(_STAND_IN, separator, regex=True)
    frame.columns = pd.Index(names)
    return SeparatedTable(frame, wrong, text, first, quote)


def _set_aside(row: Any, bad: list[Any]) -> str:
    bad.append(row)
    return "skip" if len(bad) < _MOST_BAD else "error"


def _arrow_table(text: bytes, first: int, keys: list[str], options: Any, where: str) -> Any:
    body = pa.py_buffer(text).slice(first)
    block = _BLOCK
    while True:
        reading = pv.ReadOptions(column_names=keys, block_size=block)
        try:
            return pv.read_csv(pa.BufferReader(body), read_options=reading, **options)
        except pa.ArrowInvalid as error:
            reason = str(error)
            if "straddling" in reason and block < len(text):
                block = min(block * 16, max(len(text), 2))
                continue
            if "UTF8" in reason:
                text.decode("utf-8")  # raises
            if "Empty CSV" in reason:
                return pa.table({key: pa.array([], pa.large_string()) for key in keys})
            raise DataError(f"{where} cannot be read: {printable(reason)}") from error


def _header(
    text: bytes, skipped: int, separator: str, quote: str, where: str, format: NamedFormat
) -> tuple[list[str], int]:
    """Return the names of the columns, and the byte at which the first row begins."""
    begin, record = next(
        (found for found in _spans(text, skipped, quote) if found[1].strip()), (0, b"")
    )
    if not record:
        raise DataError(f"{where} is empty: expected a header line and rows.")
    fields = record.decode("utf-8").rstrip("\n")
    options: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    if format.escape:
        options["escapechar"] = format.escape
    try:
        names = next(csv.reader([fields], delimiter=separator, **options), [])
    except csv.Error as error:
        raise DataError(f"{where}: the header cannot be read: {error}.") from error
    if not quote:
        names = [re.sub(r'^"((?:[^"]|"")*)"\Z', lambda m: m.group(1).replace('""', '"'), name)
                 for name in names]  # fmt: skip
    if format.columns is None:
        names = [name.strip() for name in names]
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice is not None:
            warn(
                f"{where}: the header has {printable(twice)!r} more than once. The first is the "
                f"column of that name, the next one is called {printable(twice)}.1."
            )
        return _distinct(names), begin + len(record)
    if len(names) != len(format.columns):
        raise DataError(
            f"{where}: its first line has {len(names)} columns, and `columns` names "
            f"{len(format.columns)}: {printable(', '.join(format.columns))}. The line is "
            f"{printable(fields, 80)!r}."
        )
    return list(format.columns), begin


def _distinct(names: list[str]) -> list[str]:
    """Return names as pandas has them: empty ones by their place, repeated ones numbered."""
    found: list[str] = []
    for place, name in enumerate(names):
        base = name or f"Unnamed: {place}"
        one, count = base, 0
        while one in found:
            count += 1
            one = f"{base}.{count}"
        found.append(one)
    return found


def _records(text: bytes, first: int, quote: str) -> Iterator[tuple[int, bytes]]:
    """Yield the rows from a byte on, with the number of the line on which each begins."""
    number = text.count(b"\n", 0, first) + 1
    for _, record in _spans(text, first, quote):
        yield number, record
        number += record.count(b"\n")


def _spans(text: bytes, first: int, quote: str) -> Iterator[tuple[int, bytes]]:
    """Yield the rows from a byte on, with their first bytes.

    A row goes on after the end of a line if a quotation mark in it is not closed.
    """
    mark, begin, end, marks = quote.encode(), first, first, 0
    while begin < len(text):
        new = text.find(b"\n", end) + 1 or len(text)
        if mark:
            marks += text.count(mark, end, new)
        end = new
        if marks % 2 == 0 or end == len(text):
            yield begin, text[begin:end]
            begin, marks = end, 0


def _bad_rows(bad: list[Any], text: bytes, first: int, quote: str, width: int) -> Iterator[BadRow]:
    """Yield the rows that Arrow refused, with their lines."""
    by_line = {_first_line(row.text): row for row in bad if row.text.strip()}
    left = Counter(_first_line(row.text) for row in bad if row.text.strip())
    if not left:
        return
    begin = text.count(b"\n", 0, first) + 1
    for number, line in enumerate(text[first:].split(b"\n"), begin):
        shown = _first_line(line.decode("utf-8", "replace"))
        if left.get(shown, 0) > 0:
            left[shown] -= 1
            row = by_line[shown]
            reason = f"{width} columns are expected and {row.actual_columns} found"
            hint = ""
            if quote and ("\n" in row.text or row.text.count(quote) % 2):
                hint = (
                    f"a quotation mark {quote} may not be closed; if it is an ordinary character, "
                    "set `quote` to ''"
                )
            yield BadRow(number, reason, row.text, hint)


def _as_written(bad: Iterable[BadRow], content: bytes) -> Iterator[BadRow]:
    """Yield bad rows with their text as it was before separators were replaced."""
    lines = content.split(b"\n")
    for row in bad:
        end = row.line + row.text.count("\n")
        written = b"\n".join(lines[row.line - 1 : end]).decode("utf-8", "replace")
        yield replace(row, text=written)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _check_last_quote(table: Any, text: bytes, quote: str, where: str) -> None:
    """Raise a DataError if the last value begins with a quotation mark that is not closed."""
    if not table.num_rows:
        return
    last = table.column(table.num_columns - 1)[-1].as_py() or ""
    raw = last.replace(quote, quote * 2).rstrip("\r\n").encode()
    if not text.rstrip(b"\r\n").endswith(quote.encode() + raw) or last.count("\n") == 0:
        return
    place = len(text.rstrip(b"\r\n")) - len(raw)
    line = text.count(b"\n", 0, place) + 1
    raise DataError(
        f"{where}: the quotation mark {quote} in line {line} is not closed. Close it; if quotation "
        "marks are ordinary characters in this file, set `quote` to ''."
    )
