"""JSON Lines: one JSON object per line (https://jsonlines.org), as a frame."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa

from kgrec.errors import DataError, printable


def read_json_lines(path: Path) -> pd.DataFrame:
    """Return the objects of a JSON Lines file (also with `.gz`) as rows.

    Columns are all keys that occur, in the order of their first appearance; a key that is missing
    or null is a missing value. Text stays text ("007" is not 7, and no text becomes a date), whole
    numbers keep every digit, and lists stay lists.

    Raises:
        DataError: A line is not a JSON object (the message names it), or there is no object.
        OSError: The file cannot be read.
    """
    columns: dict[str, list[Any]] = {}
    count = 0
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            for key, value in _object(line, path, number).items():
                cells = columns.setdefault(key, [])
                cells += [None] * (count - len(cells))
                cells.append(value)
            count += 1
    if not count:
        raise DataError(f"{path} is empty: expected a JSON object on each line.")
    for cells in columns.values():
        cells += [None] * (count - len(cells))
    return pd.DataFrame({key: _series(cells, key, path) for key, cells in columns.items()})


def _opened(path: Path) -> Any:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line.rstrip(), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(
            f"{path}, line {number}{column}: this is not JSON: {printable(reason)}."
        ) from error
    if not isinstance(found, dict):
        raise DataError(
            f"{path}, line {number}: expected a JSON object such as "
            f'{{"item_id": "b1"}}, found {printable(line.strip(), 40)!r}.'
        )
    return found


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not allowed")


def _series(cells: list[Any], key: str, path: Path) -> pd.Series[Any]:
    try:
        values = pa.array(cells)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path}: a value of {printable(key)!r} is not valid Unicode text."
        ) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pd.Series(cells, dtype=object)  # of several types
    if pa.types.is_floating(values.type) and any(type(cell) is int for cell in cells):
        return pd.Series(cells, dtype=object)  # 10 does not become 10.0
    # Whole numbers stay whole beside missing ones.
    found: pd.Series[Any] = values.to_pandas(integer_object_nulls=True)
    return found
