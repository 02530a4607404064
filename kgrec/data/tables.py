"""Reading tables: CSV, TSV, Parquet and JSON Lines as pandas frames, with errors that say where."""

from __future__ import annotations

import csv
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kgrec.data.jsonlines import read_json_lines
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.files import looked_in, nearest_file, under

_ATOMIC = (".inter", ".kg", ".link", ".item", ".user")
_QUOTED = re.compile(r'^"((?:[^"]|"")*)"\Z')
_SEPARATORS = {".csv": ",", ".tsv": "\t"} | dict.fromkeys(_ATOMIC, "\t")


def read_table(
    source: str | Path | pd.DataFrame, *, columns: list[str] | None = None, what: str = "table"
) -> pd.DataFrame:
    """Return a table as a frame; ids stay text (`007` is not 7).

    Args:
        source: A CSV, TSV or JSON Lines file (plain or gzip), a Parquet file, or a frame, which is
            returned as it is.
        columns: Columns that must be there.
        what: What the table is, for error messages.

    Raises:
        DataError: The file is missing, cannot be read, or lacks a column.
    """
    if isinstance(source, pd.DataFrame):
        frame, where = source, f"the {what}"
    else:
        path = under("", source)
        frame, where = _read_file(path, what), str(path)
    for column in columns or ():
        require_column(frame, column, where)
    return frame


def require_column(frame: pd.DataFrame, column: str, where: str) -> None:
    """Raise a DataError if `frame` has no `column`, naming the nearest, or has it twice."""
    if list(frame.columns).count(column) > 1:
        raise DataError(f"{where} has the column {printable(column)!r} more than once.")
    if column not in frame.columns:
        known = [str(name) for name in frame.columns]
        if len(known) == 1 and ";" in known[0]:
            raise DataError(
                f"{where} has no column {printable(column)!r}: its header is "
                f"{printable(known[0])!r}. Columns must be separated by commas, not semicolons."
            )
        raise DataError(
            f"{where} has no column {printable(column)!r}." + did_you_mean(column, known)
        )


def _read_file(path: Path, what: str) -> pd.DataFrame:
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected the {what} file.")
    if not path.is_file():
        raise DataError(
            f"The {what} file {path} does not exist.{looked_in(path)}{nearest_file(path)}"
        )
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    kind = suffixes[-1].lower() if suffixes else ""
    try:
        if kind in (".parquet", ".pq"):
            # Whole numbers beside missing ones stay whole: a float loses digits.
            return pq.read_table(path).to_pandas(integer_object_nulls=True)  # type: ignore[no-any-return]
        if kind in (".jsonl", ".ndjson"):
            return read_json_lines(path)
        if kind not in _SEPARATORS:
            raise DataError(
                f"{path}: the {what} table is read from .csv, .tsv, .parquet or .jsonl, "
                f"found {kind or 'no ending'}."
            )
        return _read_atomic(path) if kind in _ATOMIC else _read_separated(path, _SEPARATORS[kind])
    except DataError:
        raise
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty: expected a header line and rows.") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:  # those of pandas and Arrow too
        reason = printable(str(error).strip())
        raise DataError(f"{path} cannot be read as the {what} table: {reason}") from error


def _read_atomic(path: Path) -> pd.DataFrame:
    """Read a tab-separated file in which a quotation mark is an ordinary character.

    `"Crocodile" Dundee` stays as it is; only a field that is quoted as a whole, with doubled
    quotation marks inside, loses its quotes.
    """
    frame = _read_separated(path, "\t", quoting=csv.QUOTE_NONE)
    frame.columns = pd.Index([_QUOTED.sub(_unquoted, str(name)) for name in frame.columns])
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


def _read_separated(path: Path, separator: str, **options: Any) -> pd.DataFrame:
    options |= {"dtype": str, "keep_default_na": False, "na_values": [""]}
    frame: pd.DataFrame = pd.read_csv(path, sep=separator, encoding="utf-8-sig", **options)
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took the first field for row names
        raise DataError(
            f"{path}: the first row has more fields than the header, which names "
            f"{len(frame.columns)} columns."
        )
    return frame


def arrow_text(column: pd.Series[Any]) -> Any:
    """Return a column of text as one Arrow `large_string` array."""
    array = pa.array(column, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.large_string())


def as_numbers(frame: pd.DataFrame, column: str, where: str) -> pd.Series[float]:
    """Return a column as float64.

    Raises:
        DataError: A value is not a finite number; the message names its row and text.
    """
    require_column(frame, column, where)
    numbers = numbers_or_missing(frame[column])
    wrong = numbers.isna() & frame[column].notna()
    if wrong.any():
        first = int(wrong.to_numpy().argmax())
        found = printable(str(frame[column].iloc[first]), 40)
        raise DataError(
            f"{where}: column {column!r} must hold numbers; data row {first + 1} holds {found!r}"
            f" ({int(wrong.sum())} such rows)."
        )
    return numbers


def numbers_or_missing(column: pd.Series[Any]) -> pd.Series[float]:
    """Return a column as float64, NaN where it is not a finite number."""
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))
