"""Cells that hold several values: lists, JSON or Python lists as text, or text with separators."""

from __future__ import annotations

import ast
import json
from typing import Any, Final

import numpy as np
import pandas as pd

_LIST: Final = r"(?s)\s*\[.*\]\s*\Z"

_LONGEST: Final = 40  # characters of a value; a longer one is a sentence
_SPLIT: Final = 0.1  # least share of cells with a separator


def parse_lists(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column of texts such as `["a", "b"]` or `['a', 'b']` as lists; None for others.

    >>> parse_lists(pd.Series(['["a", "b"]', None, "[]"])).tolist()
    [['a', 'b'], None, []]
    """
    texts = column[column.notna()]
    if not len(texts) or not isinstance(texts.iloc[0], str):
        return None
    if not texts.astype("string").str.match(_LIST, na=False).all():
        return None
    found = [_parsed(text) for text in texts]
    if any(one is None for one in found):
        return None
    lists = pd.Series([None] * len(column), index=column.index, dtype=object)
    lists[column.notna()] = pd.Series(found, index=texts.index, dtype=object)
    return lists


def _parsed(text: str) -> list[Any] | None:
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
            return [one for one in value if one is not None]
    return None


def guess_separator(texts: pd.Series[str]) -> str | None:
    """Return what separates several values in the cells of a column; None: they hold one value.

    `|` and `;` separate if a tenth of the cells has one. A comma is also a part of names and
    sentences: it separates if the values between commas are short and come again in other cells.

    Args:
        texts: Cells that are not missing.

    >>> guess_separator(pd.Series(["Drama, War", "War", "Drama", "War, Sea, Drama", "Sea"]))
    ','
    >>> guess_separator(pd.Series(["Herbert, Frank", "Le Guin, Ursula", "Herbert, Frank"])) is None
    True
    """
    if not len(texts):
        return None
    for separator in ("|", ";"):
        if texts.str.contains(separator, regex=False).mean() >= _SPLIT:
            return separator
    cells = texts.drop_duplicates()
    with_comma = cells.str.contains(",", regex=False)
    if with_comma.mean() < _SPLIT or not with_comma.any():
        return None
    parts = cells.str.split(",").explode().str.strip()
    if (parts.str.len() > _LONGEST).any():
        return None
    counts = parts[parts != ""].value_counts()
    places = cells.str.split(",").explode().str.strip().groupby(level=0).cumcount()
    first = set(parts[(places == 0).to_numpy()])
    later = set(parts[(places > 0).to_numpy()])
    # Values of a list stand at any place, and in more than one combination.
    mixed = len(first & later) >= 0.5 * min(len(first), len(later))
    return "," if mixed and np.asarray(counts > 1).mean() >= 0.5 else None
