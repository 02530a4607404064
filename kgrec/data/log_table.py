"""The table of interactions as it is read: with or without a header, bad rows left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from kgrec.data.numbers import read_numbers
from kgrec.data.origin import without_bad
from kgrec.data.table_format import NamedFormat
from kgrec.data.tables import looks_like_a_value, read_table, require_column
from kgrec.errors import first_few, printable, warn
from kgrec.types import BoolArray

_EARLIEST_TIME = 1e8  # seconds; no rating is as large


def read_log_table(
    source: str | Path | pd.DataFrame,
    where: str,
    format: NamedFormat,
    *,
    user: str,
    item: str,
    rating: str | None,
    timestamp: str | None,
) -> pd.DataFrame:
    """Return a table of interactions as a frame.

    A file without a header, such as an edge list, gets the names of the columns, if its rows have
    two to four columns and hold numbers: user, item, rating, time.

    Args:
        source: The table.
        where: What it is, for messages.
        format: How it is read.
        user: Column of users.
        item: Column of items.
        rating: Column of ratings, "rating" if it may be absent.
        timestamp: Column of times, "timestamp" if it may be absent.

    Raises:
        DataError: The table cannot be read, lacks a column, or has bad rows.
    """
    frame = read_table(source, what="interactions", format=format)
    usual = (user, item) == ("user_id", "item_id")
    if usual and not isinstance(source, pd.DataFrame) and format.columns is None:
        names = _names_of_columns(frame, rating, timestamp)
        if names:
            format = format.model_copy(update={"columns": names})
            first = ", ".join(map(str, frame.columns))
            frame = read_table(source, what="interactions", format=format)
            warn(
                f"{where} has no header, by its first line {printable(first, 80)!r}: its columns "
                f"were read as {first_few(names, 4)}. Set `columns` to be certain."
            )
    for column in (user, item):
        require_column(frame, column, where)
    if format.on_error == "raise":
        return frame
    bad: dict[str, BoolArray] = {}
    for column in (user, item):
        bad[f"no {printable(column)}"] = _missing(frame, column)
    if rating is not None and rating in frame.columns:
        found = read_numbers(frame[rating], format.decimal)
        if not found.unclear:
            bad[f"{printable(rating)} is no number"] = found.wrong
    if timestamp is not None and timestamp in frame.columns:
        bad[f"{printable(timestamp)} is no time"] = _no_time(frame[timestamp])
    return without_bad(frame, bad, where, format)


def _names_of_columns(
    frame: pd.DataFrame, rating: str | None, timestamp: str | None
) -> tuple[str, ...]:
    """Return the names that the columns of a file without a header have; none if it has one."""
    names = list(map(str, frame.columns))
    known = ["user_id", "item_id", rating or "rating", timestamp or "timestamp"]
    if not 2 <= len(names) <= 4 or set(names) & set(known):
        return ()
    if not any(looks_like_a_value(name) for name in names[:2]) and len(names) == 2:
        return ()
    if len(names) == 2:
        return ("user_id", "item_id")
    if not all(looks_like_a_value(name) for name in names[2:]):
        return ()
    if len(names) == 3:
        numbers = pd.to_numeric(frame.iloc[:, 2], errors="coerce")
        is_time = len(numbers) > 0 and not numbers.min() < _EARLIEST_TIME
        return (*known[:2], known[3] if is_time else known[2])
    return tuple(known)


def _missing(frame: pd.DataFrame, column: str) -> BoolArray:
    values = frame[column]
    return np.asarray(values.isna() | (values.astype(str).str.strip() == ""), dtype=bool)


def _no_time(column: pd.Series[str]) -> BoolArray:
    """Return which values are neither numbers nor dates, bool of shape (n,)."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.asarray(column.isna(), dtype=bool)
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    bad: BoolArray = ~np.isfinite(np.asarray(numbers, dtype=np.float64))
    if not bad.any():
        return bad
    dates = pd.to_datetime(column[bad], errors="coerce", utc=True, format="ISO8601")
    bad[bad] = dates.isna().to_numpy()
    return bad
