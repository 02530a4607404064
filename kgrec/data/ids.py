"""Ids as they stand in tables: how they are read, and whether those of two tables meet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.origin import row_name
from kgrec.data.tables import require_column
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, did_you_mean, first_few, printable, warn

Normalise = Literal["strip", "number", "casefold"]
"""How ids are made alike. `strip`: without spaces around them and characters that nobody sees;
`number`: also 001 and 1.0 as 1; `casefold`: as `strip`, and B1 as b1."""

_INVISIBLE: Final = re.compile("[\u200b-\u200f\u2060\ufeff]")
_NUMBER: Final = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?", re.ASCII)
_DOUBTFUL: Final = r"^\s|\s$|^[+-]?0\d|^[+-]?\d+\.0*$|[\x{200b}-\x{200f}\x{2060}\x{feff}]"
_FEW_MEET: Final = 0.1
"""A share of ids below which two tables hardly meet."""


def as_ids(
    frame: pd.DataFrame, column: str, where: str, normalise: Normalise | None = None
) -> pd.Series[str]:
    """Return a column as text ids. Whole numbers lose no digit and gain no '.0'.

    Args:
        frame: The table.
        column: The column.
        where: What the table is, for messages.
        normalise: How ids are made alike; None: they stay as they are written.

    Raises:
        DataError: The column or an id is missing (the message names the first such row), or ids
            are floating-point numbers so large that different ids may have become one.
    """
    require_column(frame, column, where)
    values = frame[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    known = values.notna().to_numpy(copy=True)
    texts = _texts(values[known], f"{where}: column {printable(column)!r}")
    if normalise is not None:
        texts = normalise_ids(texts, normalise)
    known[known] = (texts != "").to_numpy()
    if not known.all():
        first = int((~known).argmax())
        raise DataError(
            f"{where}: {int((~known).sum())} of {len(values)} rows have no {column}; "
            f"the first is {row_name(frame, first)}."
        )
    return texts


def first_of_each(frame: pd.DataFrame, column: str, where: str, more: str = "") -> pd.DataFrame:
    """Return the first row of each id; a warning counts the others.

    Args:
        frame: The table; its ids are texts.
        column: The column of the ids.
        where: What the table is, for the message.
        more: What else counts of the repeated rows, for the message.
    """
    repeated = np.asarray(frame[column].duplicated(), dtype=bool)
    if not repeated.any():
        return frame
    first = int(repeated.argmax())
    warn(
        f"{where}: {repeated.sum():,} rows repeat an id of an earlier row, the first is "
        f"{printable(str(frame[column].iloc[first]))!r} in {row_name(frame, first)}. The first row "
        f"of each id counts{more}. Is {column!r} the column of the ids? Remove the rows if they "
        "are wrong."
    )
    return frame[~repeated]


def _texts(values: pd.Series[Any], told: str) -> pd.Series[str]:
    """Return known ids as text; floating-point numbers as whole ones where that is safe."""
    if pd.api.types.is_float_dtype(values):
        floats = np.ones(len(values), dtype=bool)
        exact = 2.0 ** (np.finfo(values.dtype.type).nmant + 1)
    elif values.dtype == object:
        floats = np.array([isinstance(value, float | np.floating) for value in values], dtype=bool)
        exact = 2.0**53
        if any(isinstance(value, bytes) for value in values):
            raise DataError(f"{told} holds bytes; ids are text: decode them.")
        several = (one for one in values if isinstance(one, (list, tuple, set, dict, np.ndarray)))
        for value in several:
            raise DataError(
                f"{told} holds {printable(str(value), 60)!r}; an id is one text or number. Make a "
                "row of each value."
            )
    else:
        return values.astype(str)
    if not floats.any():
        return values.astype(str)
    numbers = values[floats].astype(np.float64)
    if not (numbers % 1 == 0).all():
        example = numbers[numbers % 1 != 0].iloc[0]
        warn(f"{told} holds ids with a fraction, such as {example}. Is it the right column?")
        return values.astype(str)
    example = numbers.iloc[0]
    if (numbers.abs() >= exact).any():
        large = numbers[numbers.abs() >= exact].iloc[0]
        raise DataError(
            f"{told} holds ids as floating-point numbers above {exact:.0f}, such as {large:.0f}: "
            "neighbouring numbers are the same there, so that different ids may have become one. "
            "Read the column as text (dtype=str) or as whole numbers (dtype='Int64')."
        )
    warn(
        f"{told} holds ids as floating-point numbers, such as {example}, as pandas makes them of "
        f"whole numbers beside missing ones. They were read as whole numbers: {example} is the id "
        f"'{example:.0f}'. Read the column as text (dtype=str) to keep ids as they are written."
    )
    made = values.astype(object)
    made[floats] = [f"{number:.0f}" for number in numbers]
    return made.astype(str)


def normalise_ids(ids: pd.Series[str], how: Normalise) -> pd.Series[str]:
    """Return ids made alike; see `Normalise`.

    Raises:
        ConfigError: There is no such way.

    >>> ids = pd.Series(["b1 ", "B1", "001", "1.0", "1.5"])
    >>> normalise_ids(ids, "strip").tolist(), normalise_ids(ids, "casefold").tolist()[:2]
    (['b1', 'B1', '001', '1.0', '1.5'], ['b1', 'b1'])
    >>> normalise_ids(ids, "number").tolist()
    ['b1', 'B1', '1', '1', '1.5']
    """
    if how not in _WAYS:
        raise ConfigError(
            f"normalise_ids has no value {printable(str(how))!r}." + did_you_mean(str(how), _WAYS)
        )
    different = pd.unique(ids)
    return ids.map({id: _WAYS[how](id) for id in different})


def _stripped(id: str) -> str:
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", id)).strip()


def _as_number(id: str) -> str:
    stripped = _stripped(id)
    found = _NUMBER.fullmatch(stripped)
    if found is None:
        return stripped
    sign = "-" if found[1] == "-" and found[2] != "0" else ""
    return sign + found[2]


def _casefolded(id: str) -> str:
    return _stripped(id).casefold()


_WAYS: Final[Mapping[str, Callable[[str], str]]] = {
    "strip": _stripped,
    "number": _as_number,
    "casefold": _casefolded,
}


def near_pairs(ids: Sequence[str], others: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """Return how most ids become alike, and the pairs that then are; '' and none if none does.

    Args:
        ids: Ids that none of `others` is.
        others: Other ids.

    >>> near_pairs(["1.0", "2.0", "x"], ["1", "2", "3"])
    ('number', [('1.0', '1'), ('2.0', '2')])
    """
    best: tuple[str, list[tuple[str, str]]] = ("", [])
    for how, made in _WAYS.items():
        known = {made(id): id for id in others}
        pairs = [(id, known[made(id)]) for id in ids if made(id) in known]
        if len(pairs) > len(best[1]):
            best = how, pairs
    return best


def check_ids_meet(ids: Vocabulary, others: Iterable[str], where: str, *, remedy: str = "") -> None:
    """Warn or raise if the ids of interactions and of another table are not written alike.

    Args:
        ids: The ids of the interactions.
        others: Ids of the other table.
        where: What the other table is.
        remedy: What to do where ids are not near, such as which column to name.

    Raises:
        DataError: No id is in both, or more are nearly in both than are.
    """
    other = Vocabulary.from_ids(others, ids.name)
    if not len(ids) or not len(other):
        return
    here = other.rows(ids.array, missing="-1") >= 0
    meet = int(here.sum())
    if meet in (len(ids), len(other)):
        return
    left = ids.take(np.flatnonzero(~here))
    right = other.take(np.flatnonzero(ids.rows(other.array, missing="-1") < 0))
    how, pairs = near_pairs(left, right)
    rest = f"{len(ids):,} {ids.name} ids of the interactions"
    met = f"{meet:,} of {rest}"
    if pairs:
        shown = ", ".join(f"{printable(a)!r} and {printable(b)!r}" for a, b in pairs[:3])
        start = f"Only {met} are in {where}, and" if meet else f"None of {rest} is in {where}, but"
        message = (
            f"{start} {len(pairs):,} are written almost as there: {shown}. They would count as "
            f"different {ids.name}s. Write them alike, or let the setting normalise_ids: {how} do "
            "it when the tables are read."
        )
        if len(pairs) > meet:
            raise DataError(message)
        warn(message)
        return
    sides = f"such as {first_few(left, 2)} here and {first_few(right, 2)} there"
    if not meet:
        raise DataError(f"None of {rest} is in {where}: {sides}.{remedy}")
    if meet < _FEW_MEET * min(len(ids), len(other)):
        warn(f"Only {met} are in {where}: {sides}.{remedy}")


def warn_of_twins(ids: Vocabulary, where: str) -> None:
    """Warn if ids of one table differ only by spaces, zeros in front, or '.0'."""
    doubtful = ids.array.filter(pc.match_substring_regex(ids.array, _DOUBTFUL)).to_pylist()
    if not doubtful:
        return
    plain = [_WAYS["number"](id) for id in doubtful]
    rows = ids.rows(pa.array(plain, pa.large_string()), missing="-1")
    pairs = [
        (id, same)
        for id, same, row in zip(doubtful, plain, rows.tolist(), strict=True)
        if row >= 0 and id != same
    ]
    if not pairs:
        return
    how = "strip" if all(_stripped(id) == same for id, same in pairs) else "number"
    shown = ", ".join(f"{printable(a)!r} and {printable(b)!r}" for a, b in pairs[:3])
    warn(
        f"{where}: {len(pairs):,} {ids.name} ids are also there in another form: {shown}. They "
        f"count as different {ids.name}s. Write them alike, or let the setting normalise_ids: "
        f"{how} do it."
    )
