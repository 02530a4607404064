"""Rows that cannot be read: an error that names one, or left out, counted and written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kgrec.data.table_format import TableFormat
from kgrec.errors import DataError, printable, warn
from kgrec.files import write_atomically
from kgrec.outputs.rejects import check_rejects, rejects_line

_SHOWN: Final = 10


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read.

    Attributes:
        line: The line on which it begins, from 1; a row of a frame counts from 1 too.
        reason: What is wrong.
        text: The row as it is written.
        hint: What to do, "" for nothing special.
    """

    line: int
    reason: str
    text: str
    hint: str = ""


def begin_rejects(format: TableFormat, source: Path | None = None) -> None:
    """Make the file for rows that are left out, if there shall be one.

    It is empty at first, so that no older file is mistaken for it.

    Args:
        format: Whether bad rows are left out, and where they are written.
        source: The file of the table; None: it is a frame.

    Raises:
        DataError: It cannot be written, or something else is there.
    """
    if format.rejects is not None and format.on_error == "skip":
        check_rejects(format.rejects, [] if source is None else [source])
        write_atomically(format.rejects, ())


def settle(
    bad: Sequence[BadRow],
    rows: int,
    where: str,
    format: TableFormat,
    *,
    earlier: Sequence[BadRow] = (),
) -> None:
    """Raise an error for the first bad row, or warn of those left out and write them to a file.

    Args:
        bad: Rows that cannot be read.
        rows: The number of the other rows.
        where: The table, for messages.
        format: Whether bad rows are left out, and where they are written.
        earlier: Rows that were left out before, which stay in the file.

    Raises:
        DataError: There is a bad row, and it is not to be left out.
        RunError: The file cannot be written.
    """
    if not bad:
        return
    first = bad[0]
    if format.on_error == "raise":
        more = f" {len(bad):,} rows are like this." if len(bad) > 1 else ""
        hint = f" {first.hint[0].upper()}{first.hint[1:]}." if first.hint else ""
        raise DataError(
            f"{where}, line {first.line}: {first.reason}: {printable(first.text, 120)!r}.{more}"
            f"{hint} Correct the file, or set `on_error` to skip, which leaves out such rows."
        )
    lines = ", ".join(f"{one.line:,}" for one in bad[:_SHOWN])
    more = ", …" if len(bad) > _SHOWN else ""
    word = "line" if len(bad) == 1 else "lines"
    kept = f" They are in {format.rejects}." if format.rejects is not None else (
        " Set `rejects` to a file to keep them."
    )  # fmt: skip
    warn(
        f"{where}: {len(bad):,} of {rows + len(bad):,} rows cannot be read and were left out: "
        f"{word} {lines}{more}. The first: {first.reason}: {printable(first.text, 80)!r}.{kept}"
    )
    if format.rejects is not None:
        _write([*earlier, *bad], where, format.rejects)


def _write(bad: Sequence[BadRow], where: str, path: Path) -> None:
    lines = (rejects_line(where, one.line, None, one.reason, one.text) for one in bad)
    write_atomically(path, lines)
