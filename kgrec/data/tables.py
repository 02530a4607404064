"""Reading tables: text with separators, Parquet and JSON as pandas frames; errors say where."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from kgrec.bounds.archives import read_gzip, read_parquet
from kgrec.data.jsonlines import read_json_objects
from kgrec.data.numbers import ReadNumbers, read_numbers
from kgrec.data.origin import Origin, origin_of, row_name, with_origin
from kgrec.data.rejected import begin_rejects, settle
from kgrec.data.separated import read_separated
from kgrec.data.table_format import FormatSettings, NamedFormat, make_format
from kgrec.errors import (
    ConfigError,
    DataError,
    KgrecError,
    check_kind,
    did_you_mean,
    printable,
    warn,
)
from kgrec.files import looked_in, nearest_file, under

_ATOMIC: Final = (".inter", ".kg", ".link", ".item", ".user")
_QUOTED = re.compile(r'^"((?:[^"]|"")*)"\Z')
_SHEETS: Final = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
_JSON: Final = (".jsonl", ".ndjson", ".json")
_TEXT: Final = (".csv", ".tsv", ".tab", ".psv", ".dat", ".data", ".txt", ".edges", ".edgelist")


def read_table(
    source: str | Path | pd.DataFrame,
    *,
    columns: list[str] | None = None,
    what: str = "table",
    format: NamedFormat | None = None,
) -> pd.DataFrame:
    """Return a table as a frame; ids stay text (`007` is not 7).

    Args:
        source: A CSV, TSV or other text file with separators, a JSON or JSON Lines file (plain or
            gzip), a Parquet file, or a frame, which is returned as it is.
        columns: Columns that must be there.
        what: What the table is, for error messages.
        format: How a text file is read; None: the defaults.

    Raises:
        DataError: The file is missing, cannot be read, or lacks a column.
        ConfigError: The format names columns of a file that has names itself.
    """
    format = format or NamedFormat()
    readable = isinstance(source, str | Path | pd.DataFrame)
    check_kind(f"The {what}", source, readable, "the path of a file or a pandas.DataFrame")
    if isinstance(source, pd.DataFrame):
        frame, where = source, f"the {what}"
        if origin_of(frame).format != format:
            begin_rejects(format)
            frame = with_origin(frame.copy(deep=False), Origin("", format))
    else:
        path = under("", source)
        begin_rejects(format, path)
        frame, where = _read_file(path, what, format), str(path)
    for column in columns or ():
        require_column(frame, column, where)
    return frame


def table_format(source: str | Path | pd.DataFrame, settings: FormatSettings) -> NamedFormat:
    """Return the format that keyword arguments describe.

    Raises:
        ConfigError: A setting is unknown or wrong, or is about text, and the table is a frame.
    """
    format = make_format(settings)
    if isinstance(source, pd.DataFrame):
        about_text = format.model_fields_set - {"decimal", "on_error", "rejects"}
        given = [name for name in sorted(about_text) if getattr(format, name) not in (None, "")]
        if given:
            hint = " Between values in a cell it is list_separator=." * ("separator" in given)
            raise ConfigError(
                f"{given[0]}= is for text files, and the table is a frame already.{hint}"
            )
    return format


def require_column(frame: pd.DataFrame, column: str, where: str) -> None:
    """Raise a DataError if `frame` has no `column`, naming the nearest, or has it twice."""
    if list(frame.columns).count(column) > 1:
        raise DataError(f"{where} has the column {printable(column)!r} more than once.")
    if column not in frame.columns:
        known = [str(name) for name in frame.columns]
        hint = did_you_mean(column, known)
        if len(known) == 1 and (found := re.search(r"::|[;|\t,]", known[0])):
            hint = (
                f" Its only column is {printable(known[0])!r}: set `separator` to "
                f"{found.group()!r} if that is between the columns."
            )
        elif known and all(map(looks_like_a_value, known)):
            hint = (
                f" Its first line is {printable(', '.join(known), 80)!r}, which looks like a row: "
                "if the file has no header, set `columns` to the names of its columns."
            )
        raise DataError(f"{where} has no column {printable(column)!r}.{hint}")


def looks_like_a_value(name: str) -> bool:
    """Return whether the name of a column is rather a number, as in a file without a header."""
    return re.fullmatch(r"[-+]?\d[\d.,:T/ -]*|Unnamed: \d+", name) is not None


def _read_file(path: Path, what: str, format: NamedFormat) -> pd.DataFrame:
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected the {what} file.")
    if not path.exists():
        raise DataError(
            f"The {what} file {path} does not exist.{looked_in(path)}{nearest_file(path)}"
        )
    suffixes = [suffix for suffix in path.suffixes if suffix.lower() != ".gz"]
    kind = suffixes[-1].lower() if suffixes else ""
    limits = format.max_bytes, format.max_ratio
    with reading_table(path, what):
        if kind in (".parquet", ".pq"):
            # Whole numbers beside missing ones stay whole: a float loses digits.
            frame: pd.DataFrame = read_parquet(path, *limits).to_pandas(integer_object_nulls=True)
            return with_origin(frame, Origin(str(path), format))
        if kind in _JSON:
            return read_json_objects(read_gzip(path, *limits), str(path), format)
        if kind not in _TEXT + _ATOMIC:
            raise DataError(
                f"{path}: the {what} table is read from .csv, .tsv, .dat, .txt, .json, .jsonl or "
                f".parquet, found {kind or 'no ending'}."
                + " Save the sheet as CSV."
                * (kind in _SHEETS)
            )
        return _read_text(path, kind, format)


@contextmanager
def reading_table(path: Path, what: str) -> Iterator[None]:
    """Say in our words which table the body cannot read.

    Raises:
        DataError: pandas, Arrow or the system cannot read it.
    """
    try:
        yield
    except KgrecError:  # a RunError is an OSError
        raise
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        reason = printable(str(error).strip())
        raise DataError(f"{path} cannot be read as the {what} table: {reason}") from error


def _read_text(path: Path, kind: str, format: NamedFormat) -> pd.DataFrame:
    where, atomic = str(path), kind in _ATOMIC
    if atomic and format.separator is None:
        format = format.model_copy(update={"separator": "\t"})
    limits = format.max_bytes, format.max_ratio
    read = read_separated(read_gzip(path, *limits), kind, where, format, plain_quotes=atomic)
    frame = _without_quotes(read.frame) if atomic else read.frame
    settle(read.bad, len(frame), where, format)

    def again() -> Any:
        return read_separated(
            read_gzip(path, *limits), kind, where, format, plain_quotes=atomic
        ).starts()

    starts = None if read.is_regular else again
    return with_origin(frame, Origin(where, format, read.first_line, starts, read.bad))


def _without_quotes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose fields lose the quotes around them.

    `"Crocodile" Dundee` stays as it is; only a field that is quoted as a whole, with doubled
    quotation marks inside, loses its quotes.
    """
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place].astype("string")  # also if it is empty
        quoted = column.str.match(_QUOTED, na=False)
        if quoted.any():
            bare = column[quoted].str.replace(_QUOTED, _unquoted, regex=True)
            column = column.copy()
            column[quoted] = bare.where(bare != "", None)
            frame.isetitem(place, column.to_numpy())
    return frame


def _unquoted(found: re.Match[str]) -> str:
    return found.group(1).replace('""', '"')


def arrow_text(column: pd.Series[Any]) -> Any:
    """Return a column of text as one Arrow `large_string` array."""
    array = pa.array(column, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.large_string())


def as_numbers(frame: pd.DataFrame, column: str, where: str) -> pd.Series[float]:
    """Return a column as float64; see `kgrec.data.numbers` for how numbers may be written.

    Raises:
        DataError: A value is not a finite number; the message names its row and text.
    """
    require_column(frame, column, where)
    found = read_numbers(frame[column], origin_of(frame).format.decimal)
    if found.wrong.any():
        raise DataError(f"{where}: {wrong_number(frame, column, found)}")
    say_how_read(frame, column, found, where)
    return pd.Series(found.values, index=frame.index, name=column)


def wrong_number(
    frame: pd.DataFrame, column: str, found: ReadNumbers, *, missing: bool = False
) -> str:
    """Return in words which value of a column is the first that is no number, and what to do.

    Args:
        frame: The table.
        column: The column.
        found: What was read of it.
        missing: Whether such values count as missing, else rows with them are errors.
    """
    first = int(found.wrong.argmax())
    shown = printable(str(frame[column].iloc[first]), 40)
    count = int(found.wrong.sum())
    remedy = "Correct it, or set `on_error` to skip, which leaves out such rows."
    if found.unclear:
        remedy = "Set `decimal` to the mark before the decimals of numbers, '.' or ','."
    elif missing:
        remedy = "Such values count as missing. Correct them if they are numbers."
    return (
        f"column {printable(column)!r} must hold numbers; {row_name(frame, first)} holds "
        f"{shown!r} ({count:,} such {'row' if count == 1 else 'rows'}). {remedy}"
    )


def say_how_read(frame: pd.DataFrame, column: str, found: ReadNumbers, where: str) -> None:
    """Warn if numbers of a column were read in a way that is not certain."""
    guessed = found.decimal == "," and origin_of(frame).format.decimal is None
    if not (guessed or found.units):
        return
    first = int(found.rewritten.argmax())
    shown = f"{printable(str(frame[column].iloc[first]), 40)!r} as {found.texts([first])[0]}"
    parts = [f"{count:,} without {printable(unit)}" for unit, count in found.units[:3]]
    parts += ["with a decimal comma (set `decimal` to be certain)"] if guessed else []
    warn(
        f"{where}: numbers of the column {printable(column)!r} were read {' and '.join(parts)}: "
        f"{shown} ({row_name(frame, first)})."
    )


def numbers_or_missing(column: pd.Series[Any]) -> pd.Series[float]:
    """Return a column as float64, NaN where it is not a finite number."""
    found = read_numbers(column, origin_of(column).format.decimal)
    return pd.Series(found.values, index=column.index, name=column.name)
