"""Numbers as people write them: 1,234.50, 1.234,50, $12, 12 %, N/A."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from kgrec.types import BoolArray, Float64Array

Decimal = Literal[".", ","]

_MISSING: Final = frozenset(
    ("", "-", "--", "–", "—", "?", ".", "#n/a", "n/a", "na", "n.a.", "nan", "null", "none", "nil")
)
"""What stands for a missing value in a column of numbers, in lower case."""

_SPACES: Final = "\u00a0\u2007\u2009\u202f'’ "
_UNIT: Final = (
    r"(?:[$€£¥₹₽₩₺₴฿]|R\$|US\$|kr\.?|zł|Kč|Ft|USD|EUR|GBP|CHF|JPY|CNY|SEK|NOK|DKK|PLN|CZK|HUF)"
)
_WITH_UNIT: Final = re.compile(
    rf"([+-−]?)\s*(?P<before>{_UNIT})?\s*(?P<number>[+-−]?[\d.,{_SPACES}]*\d[.,]?)\s*"
    rf"(?P<after>{_UNIT}|%)?".replace("+-−", "+−-")
)
_GROUPS: Final = re.compile(rf"\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?![\d{_SPACES}])")
_POINT: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d*\.?\d+|\d+\.")
_COMMA: Final = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d*)?|\d*,?\d+|\d+,")
_SURE_POINT: Final = re.compile(r"\d{1,3}(?:,\d{3})+\.\d*|\d{1,3}(?:,\d{3}){2,}|\d*\.(?!\d{3}$)\d*")
_SURE_COMMA: Final = re.compile(
    r"\d{1,3}(?:\.\d{3})+,\d*|\d{1,3}(?:\.\d{3}){2,}|\d*,(?!\d{3}$)\d*|0,\d+|\d{4,},\d+"
)
_LEADING_ZERO: Final = re.compile(r"0\d")


@dataclass(frozen=True, eq=False)
class ReadNumbers:
    """A column of numbers.

    Attributes:
        values: The numbers, float64 of shape (n,), NaN where there is none.
        wrong: Rows that hold something else, bool of shape (n,).
        rewritten: Rows whose number is not written as computers do, bool of shape (n,).
        decimal: The decimal mark that was found, or given.
        units: The units that were left out, such as "$", and how often.
        unclear: Whether the decimal mark is not clear from the column, as in 1,234 alone.
    """

    values: Float64Array
    wrong: BoolArray
    rewritten: BoolArray
    decimal: Decimal = "."
    units: tuple[tuple[str, int], ...] = ()
    unclear: bool = False

    def texts(self, rows: Any) -> list[str]:
        """Return numbers of some rows as plain decimal text."""
        return [np.format_float_positional(value, trim="-") for value in self.values[rows]]


def read_numbers(column: pd.Series[Any], decimal: Decimal | None = None) -> ReadNumbers:
    """Return a column as numbers.

    Thousands may be separated by the other mark, by blanks or apostrophes, and a currency sign or
    a percent sign may stand beside a number; it is left out. N/A, - and the like are missing.

    Args:
        column: Numbers or text, of shape (n,).
        decimal: The decimal mark; None: found by the numbers, "." where they do not say it.

    >>> read_numbers(pd.Series(["12", "1,234.50", "$7", "N/A"])).values.tolist()
    [12.0, 1234.5, 7.0, nan]
    >>> read_numbers(pd.Series(["12", "1.234,50", "1.000"])).values.tolist()
    [12.0, 1234.5, 1000.0]
    """
    known = column.notna().to_numpy()
    numeric = pd.to_numeric(column, errors="coerce").astype("float64")
    plain: Float64Array = np.array(numeric, dtype=np.float64)
    plain[~np.isfinite(plain)] = np.nan
    odd = known & np.isnan(plain)
    none = np.zeros(len(column), dtype=bool)
    text_column = not pd.api.types.is_numeric_dtype(column)
    if not odd.any() and not (decimal == "," and text_column):
        return ReadNumbers(plain, none, none, decimal or ".")
    cells = column.to_numpy(dtype=object)
    rows = np.flatnonzero(known if decimal == "," else odd).tolist()
    written = {row: str(cells[row]).strip() for row in rows}
    parts = {row: _split(text) for row, text in written.items()}
    numbers = {row: part[0] for row, part in parts.items() if part is not None}
    found, unclear = decimal, False
    if found is None:
        found, unclear = _decimal(list(numbers.values()), column, odd)
        if found == ",":  # then 1.000 is a thousand too
            rest = np.flatnonzero(known & ~odd).tolist()
            more = {row: str(cells[row]).strip() for row in rest}
            written |= more
            parts |= {row: _split(text) for row, text in more.items()}
            numbers = {row: part[0] for row, part in parts.items() if part is not None}
    wrong, rewritten = none.copy(), none.copy()
    units: Counter[str] = Counter()
    for row, text in written.items():
        if text.lower() in _MISSING:
            plain[row] = np.nan
            continue
        part = parts[row]
        value = None if part is None or unclear else _value(part[0], part[1], found)
        if value is None:
            plain[row] = np.nan
            wrong[row] = True
            continue
        plain[row] = value
        rewritten[row] = True
        assert part is not None
        units.update(part[2])
    return ReadNumbers(plain, wrong, rewritten, found, tuple(units.most_common()), unclear)


def _split(text: str) -> tuple[str, int, tuple[str, ...]] | None:
    """Return digits and marks of a number, its sign and the units beside it; None for no number."""
    negative = len(text) > 2 and text[0] == "(" and text[-1] == ")"  # as accountants write
    found = _WITH_UNIT.fullmatch(text[1:-1] if negative else text)
    if found is None:
        return None
    number = found["number"].lstrip("+-−")
    minus = any(sign in "-−" for sign in (found[1], found["number"][0]) if sign)
    grouped = _GROUPS.match(number)
    if grouped is not None:
        number = re.sub(f"[{_SPACES}]", "", grouped.group()) + number[grouped.end() :]
    units = tuple(unit for unit in (found["before"], found["after"]) if unit)
    return number, -1 if minus or negative else 1, units


def _decimal(numbers: list[str], column: pd.Series[Any], odd: BoolArray) -> tuple[Decimal, bool]:
    """Return the decimal mark that most numbers show, and whether none of them does."""
    point = sum(_SURE_POINT.fullmatch(number) is not None for number in numbers)
    comma = sum(_SURE_COMMA.fullmatch(number) is not None for number in numbers)
    if not any("," in number for number in numbers):
        return ".", False
    if comma >= point or not point:
        rest = column[~odd & column.notna().to_numpy()].astype(str).str.strip()
        point += int(rest.str.fullmatch(_SURE_POINT.pattern).sum())
    if comma > point:
        return ",", False
    return ".", not point and not comma


def _value(number: str, sign: int, decimal: Decimal) -> float | None:
    shape, thousands = (_POINT, ",") if decimal == "." else (_COMMA, ".")
    if shape.fullmatch(number) is None:
        return None
    return sign * float(number.replace(thousands, "").replace(decimal, "."))


def has_codes(column: pd.Series[Any]) -> bool:
    """Return whether a column holds codes such as 01234, which are no numbers."""
    return bool(column.dropna().astype(str).str.match(_LEADING_ZERO.pattern).any())
