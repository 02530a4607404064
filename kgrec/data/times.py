"""Columns of times as seconds since 1970, whatever unit or form they are written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from kgrec.data.origin import row_name
from kgrec.data.tables import as_numbers, require_column
from kgrec.errors import ConfigError, DataError, did_you_mean, printable, warn
from kgrec.types import BoolArray, Float64Array, IntArray

TimeUnit = Literal[
    "auto", "s", "ms", "us", "ns", "days", "YYYY", "YYYYMM", "YYYYMMDD", "YYYYMMDDHHMMSS"
]
"""What a time that is written as a number counts, or how its digits are read; `auto`: found by the
range of the numbers."""

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "days": 1 / 86_400}
_UNITS: tuple[TimeUnit, ...] = ("s", "ms", "us", "ns")
_WORDS = {
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
    "days": "days since 1970",
    "YYYY": "years",
    "YYYYMM": "years and months",
    "YYYYMMDD": "dates as digits",
    "YYYYMMDDHHMMSS": "dates and times as digits",
}
_FORMS = {"YYYY": "%Y", "YYYYMM": "%Y%m", "YYYYMMDD": "%Y%m%d", "YYYYMMDDHHMMSS": "%Y%m%d%H%M%S"}
_BIG = 1e8  # as seconds: March 1973, which is before anybody's log; smaller ones tell no unit
_DAYS = (5_000, 100_000)  # 1983 to 2243 as days since 1970, 1913 to 2173 as those of spreadsheets
_LARGEST = 1e20
_PLAUSIBLE = (-9_223_372_036, 9_223_372_036)  # 1677 to 2262, the range of nanoseconds in 64 bits


def as_seconds(frame: pd.DataFrame, column: str, where: str, unit: TimeUnit = "auto") -> IntArray:
    """Return a column of times as whole seconds since 1970 (UTC where no zone is given), int64.

    Times outside of 1677 … 2262, such as 0001-01-01 or 9999-12-31, stand for "unknown" or "never":
    they become the earliest or the latest of the other times, and a warning counts them.

    Args:
        frame: The table.
        column: The column: dates (ISO 8601), or numbers.
        where: What the table is, for messages.
        unit: What numbers count. `auto`: seconds, unless their range shows that they are
            something else, which a warning says.

    Raises:
        DataError: The column or a time is missing; a time is neither a number nor a date; or the
            numbers count different things. The message names the first such row.
        ConfigError: There is no such unit.
    """
    if unit != "auto" and unit not in _PER_SECOND | _FORMS:
        raise ConfigError(
            f"There is no time unit {printable(str(unit))!r}."
            + did_you_mean(str(unit), ["auto", *_PER_SECOND, *_FORMS])
        )
    require_column(frame, column, where)
    missing = int(frame[column].isna().sum())
    if missing:
        raise DataError(f"{where}: {missing} of {len(frame)} rows have no {column}.")
    told = _Column(column, where)
    numbers = _numbers(frame, told)
    if numbers is None:
        seconds = _of_dates(frame[column], told)
    else:
        seconds = _of_numbers(numbers, unit, told)
    return _clipped(seconds, told)


@dataclass(frozen=True)
class _Column:
    """How messages name a column."""

    name: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: column {printable(self.name)!r}"


def _numbers(frame: pd.DataFrame, told: _Column) -> Float64Array | None:
    """Return a column of numbers, also if they are text; None: it holds dates."""
    values = frame[told.name]
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(as_numbers(frame, told.name, told.where), dtype=np.float64)
    # Dates as numbers would count nanoseconds, or another unit of the column.
    if pd.api.types.is_datetime64_any_dtype(values):
        return None
    numbers = np.asarray(pd.to_numeric(values.astype(str), errors="coerce"), dtype=np.float64)
    return numbers if np.isfinite(numbers).all() else None


def _of_dates(values: pd.Series[Any], told: _Column) -> Float64Array:
    dates = _parsed(values)
    wrong = dates.isna().to_numpy(copy=True)
    seconds = np.zeros(len(values))
    seconds[~wrong] = dates[~wrong].dt.as_unit("s").astype("int64")
    if wrong.any():  # a fraction of nanoseconds in another row shortens the range of years
        again = _parsed(values[wrong])
        if again.isna().any():
            wrong[wrong] = again.isna().to_numpy()
            numbers = pd.to_numeric(values.astype(str), errors="coerce").to_numpy(np.float64)
            neither = wrong & ~np.isfinite(numbers)
            first = int((neither if neither.any() else wrong).argmax())
            raise DataError(
                f"{told} must hold seconds since 1970 or ISO 8601 dates; {row_name(values, first)} "
                f"holds {printable(str(values.iloc[first]), 40)!r}."
            )
        seconds[wrong] = again.dt.as_unit("s").astype("int64")
    return seconds


def _parsed(values: pd.Series[Any]) -> pd.Series[Any]:
    found: pd.Series[Any] = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    return found


def _of_numbers(numbers: Float64Array, unit: TimeUnit, told: _Column) -> Float64Array:
    if unit == "auto":
        unit = _unit_of(numbers, told)
        if unit != "s":
            first = int(np.abs(numbers).argmax())
            day = _date(float(_converted(numbers[[first]], unit, told)[0]))
            warn(
                f"{told} does not hold seconds since 1970 but, by their range, {_WORDS[unit]}: "
                f"{numbers[first]:.0f} was read as {day}. If this is right, say so with the "
                f"setting time_unit: {unit}; otherwise name the right unit there."
            )
        elif len(numbers) and _DAYS[0] <= numbers.min() and numbers.max() <= _DAYS[1]:
            warn(
                f"{told} was read as seconds since 1970, and then all times are on the first days "
                f"of 1970. The numbers look like days, such as {numbers[0]:g}. If they are days "
                "since 1970, say so with the setting time_unit: days; write days since 1900, as "
                "spreadsheets do, as dates."
            )
    return _converted(numbers, unit, told)


def _unit_of(numbers: Float64Array, told: _Column) -> TimeUnit:
    """Return the unit that the range of the numbers shows; seconds if it shows none."""
    whole = numbers[numbers % 1 == 0]
    if len(whole) == len(numbers) and len(numbers):
        ranges: dict[TimeUnit, tuple[float, float]] = {
            "YYYY": (1900, 2100),
            "YYYYMM": (190_001, 210_012),
            "YYYYMMDD": (19_000_101, 21_001_231),
            "YYYYMMDDHHMMSS": (19_000_101_000_000, 21_001_231_235_959),
        }
        for form, (first, last) in ranges.items():
            if first <= numbers.min() and numbers.max() <= last and _are_dates(numbers, form).all():
                return form
    sizes = np.abs(numbers)
    big = sizes >= _BIG
    # 1e8 … 1e11 are seconds, then a thousand times as much for each unit.
    place = np.clip((np.log10(np.maximum(sizes, 1.0)) - 8) // 3, 0, 3).astype(np.int64)
    kinds = np.unique(place[big])
    if len(kinds) > 1:
        units = [_UNITS[kind] for kind in kinds.tolist()]
        rows = [int(np.argmax(big & (place == kind))) for kind in kinds[:2]]
        raise DataError(
            f"{told} counts different things: data row {rows[0] + 1} holds "
            f"{numbers[rows[0]]:.0f}, which would be {units[0]} since 1970, and data row "
            f"{rows[1] + 1} holds {numbers[rows[1]]:.0f}, which would be {units[1]}. Write all of "
            "them in one unit, or name it with the setting time_unit."
        )
    return _UNITS[int(kinds[0])] if len(kinds) else "s"


def _dates(numbers: Float64Array, form: TimeUnit) -> pd.Series[Any]:
    texts = pd.Series([f"{number:.0f}" for number in numbers.tolist()], dtype=str)
    right = texts.str.len() == len(form)
    found: pd.Series[Any] = pd.to_datetime(
        texts.where(right), errors="coerce", format=_FORMS[form], utc=True
    )
    return found


def _are_dates(numbers: Float64Array, form: TimeUnit) -> BoolArray:
    return np.asarray(_dates(np.unique(numbers), form).notna(), dtype=bool)


def _converted(numbers: Float64Array, unit: TimeUnit, told: _Column) -> Float64Array:
    if unit in _FORMS:
        different, place = np.unique(numbers, return_inverse=True)
        dates = _dates(different, unit)
        wrong = dates.isna().to_numpy()[place]
        if wrong.any():
            first = int(wrong.argmax())
            raise DataError(
                f"{told} must hold dates of the form {unit}; data row {first + 1} holds "
                f"{numbers[first]:.15g}."
            )
        return np.asarray(dates.dt.as_unit("s").astype("int64"), dtype=np.float64)[place]
    if (np.abs(numbers) > _LARGEST).any():
        raise DataError(
            f"{told} holds numbers that are not seconds since 1970: {np.abs(numbers).max():.3g}."
        )
    return np.floor(numbers / _PER_SECOND[unit])


def _clipped(seconds: Float64Array, told: _Column) -> IntArray:
    """Return the seconds, those far outside of any log as the earliest or latest of the others."""
    low, high = _PLAUSIBLE
    outside = (seconds < low) | (seconds > high)
    if not outside.any():
        return seconds.astype(np.int64)
    first = int(outside.argmax())
    found = f"{_date(float(seconds[first]))} in data row {first + 1}"
    if outside.all():
        raise DataError(
            f"{told} must hold times between 1677 and 2262; all {len(seconds)} are outside, such "
            f"as {found}. Is the setting time_unit right?"
        )
    inside = seconds[~outside]
    warn(
        f"{told}: {int(outside.sum()):,} of {len(seconds):,} times are before 1677 or after 2262, "
        f"such as {found}. They cannot be times of interactions, and count as the earliest or "
        f"the latest of the other times, {_date(inside.min())} or {_date(inside.max())}."
    )
    return np.clip(seconds, inside.min(), inside.max()).astype(np.int64)


def _date(seconds: float) -> str:
    """Return the day of a time, or the seconds where no calendar has it."""
    try:
        return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))
    except (OverflowError, ValueError):
        return f"{seconds:.3g} seconds since 1970"
