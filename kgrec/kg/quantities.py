"""Literals as numbers: amounts, truth values, points in time and durations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from kgrec.rdf.datatypes import NUMERIC
from kgrec.rdf.namespaces import RDF, XSD
from kgrec.types import Float64Array

NUMBER: Final = "number"
BOOLEAN: Final = "boolean"
TIME: Final = "time"
DURATION: Final = "duration"

SECONDS_OF_MONTH: Final = 365.2425 / 12 * 86400
"""A month in seconds: one twelfth of the mean year of the Gregorian calendar."""

_KINDS: Final = {
    **dict.fromkeys(NUMERIC, NUMBER),
    XSD + "boolean": BOOLEAN,
    **{XSD + name: TIME for name in ("date", "dateTime", "dateTimeStamp", "gYear", "gYearMonth")},
    **{XSD + name: DURATION for name in ("duration", "dayTimeDuration", "yearMonthDuration")},
}
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DATE: Final = re.compile(
    r"(-?[0-9]{4,9})(?:-([0-9]{2}))?(?:-([0-9]{2}))?"
    r"(?:T([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]+)?))?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DURATION: Final = re.compile(
    r"(-?)P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?"
)
_LONGEST: Final = 400  # characters; a double cannot hold more digits
_LARGEST: Final = 1e100  # so that sums of cubes stay finite


def kind_of(datatype: str) -> str | None:
    """Return what literals of a datatype measure; None if they measure nothing.

    It is `number`, `boolean`, `time` or `duration` for the types of XML Schema. A datatype of
    another vocabulary, such as DBpedia's `usDollar`, is a unit of its own: its IRI is returned.

    >>> kind_of(XSD + "gYear"), kind_of(XSD + "string"), kind_of("http://dbpedia.org/datatype/euro")
    ('time', None, 'http://dbpedia.org/datatype/euro')
    """
    if datatype.startswith((XSD, RDF)):
        return _KINDS.get(datatype)
    return datatype


def quantities(texts: list[str], kinds: list[str]) -> Float64Array:
    """Return literals as numbers, float64 of shape (m,); NaN where a text cannot be read.

    Numbers and units of other vocabularies stay as they are; true is 1 and false is 0. A point in
    time is in years, such as 1995.5 for the middle of 1995, or for a date of which only the year
    is known. Time zones are ignored. A duration is in seconds: a year has 12 months, and a month
    `SECONDS_OF_MONTH`. Infinite values and values beyond ±1e100 are NaN.

    Args:
        texts: Lexical forms, m of them.
        kinds: What `kind_of` returns for each.

    >>> quantities(["90", "true", "1995", "PT1H30M", "ninety"], [NUMBER, BOOLEAN, TIME, DURATION,
    ... NUMBER]).tolist()
    [90.0, 1.0, 1995.5, 5400.0, nan]
    """
    found = [
        _READERS.get(kind, _number)(text[: _LONGEST + 1].strip(" \t\r\n"))
        for text, kind in zip(texts, kinds, strict=True)
    ]
    values = np.array(found, dtype=np.float64)
    values[~(np.abs(values) <= _LARGEST)] = np.nan
    return values


def _number(text: str) -> float:
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        return np.nan
    return float(text)


def _boolean(text: str) -> float:
    return {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}.get(text, np.nan)


def _time(text: str) -> float:
    match = _DATE.fullmatch(text)
    if match is None:
        return np.nan
    year, month, day = (None if part is None else int(part) for part in match.groups()[:3])
    assert year is not None
    if month is None:
        return year + 0.5
    if not (1 <= month <= 12 and 1 <= (day or 1) <= 31):
        return np.nan
    clock = zip(match.groups()[3:], _CLOCK, strict=True)
    days = (day or 1) - 1 + sum(float(part or 0) / size for part, size in clock)
    return year + (month - 1) / 12 + days / 365


_CLOCK: Final = (24, 24 * 60, 24 * 3600)


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if len(text) > _LONGEST or match is None:
        return np.nan
    sign, *parts = match.groups()
    total = sum(float(part or 0) * size for part, size in zip(parts, _SIZES, strict=True))
    return -total if sign else total


_SIZES: Final = (12 * SECONDS_OF_MONTH, SECONDS_OF_MONTH, 86400.0, 3600.0, 60.0, 1.0)
_READERS: Final[dict[str, Callable[[str], float]]] = {
    NUMBER: _number,
    BOOLEAN: _boolean,
    TIME: _time,
    DURATION: _duration,
}


def literal_kinds(datatype: Any) -> list[str | None]:
    """Return `kind_of` each entry of the dictionary of an Arrow array of datatypes."""
    return [kind_of(name) for name in datatype.dictionary.to_pylist()]
