"""Objects of JSON as a frame: one on each line (https://jsonlines.org), or a file with a list."""

from __future__ import annotations

import ast
import json
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa

from kgrec.data.encoding import not_utf8, to_utf8
from kgrec.data.origin import Origin, with_origin
from kgrec.data.rejected import BadRow, settle
from kgrec.data.table_format import NamedFormat
from kgrec.errors import DataError, printable, warn

_FREE = 1 << 28  # bytes of memory that any file may take
_GROWTH = 8  # times the size of a larger file
_LIST_BYTES = 72
_CELL_BYTES = 8
_LONGEST_LITERAL = 1 << 20  # characters; Python's parser takes a hundred times the memory


def read_json_objects(data: bytes, where: str, format: NamedFormat) -> pd.DataFrame:
    """Return the objects of JSON Lines, or of a JSON list, as rows.

    Columns are all keys that occur, in the order of their first appearance; a key that is missing
    or null is a missing value. Text stays text ("007" is not 7, and no text becomes a date), whole
    numbers keep every digit, and lists stay lists.

    Args:
        data: The content of the file.
        where: The file, for messages.
        format: The encoding, and whether lines that are no objects are left out.

    Raises:
        DataError: A line is not a JSON object (the message names it), or there is no object.
    """
    nested = data.count(b"[") + data.count(b"{")
    if nested * _LIST_BYTES > max(_FREE, _GROWTH * len(data)):
        raise DataError(f"{where} has {nested:,} lists and objects in {len(data):,} bytes.")
    content = to_utf8(data, where, format.encoding)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        utf8 = to_utf8 if format.encoding is not None else not_utf8
        text = utf8(content, where).decode("utf-8")
    if text.lstrip().startswith("["):
        rows = _of_list(text, where)
        origin = Origin(where, format)
    else:
        rows, starts, bad = _of_lines(text, where, format)
        origin = Origin(where, format, 1, lambda: iter(starts), bad)
    if not rows:
        raise DataError(f"{where} is empty: expected a JSON object on each line.")
    keys = len(set().union(*rows))
    if keys * len(rows) * _CELL_BYTES > max(_FREE, 8 * _GROWTH * len(data)):
        raise DataError(
            f"{where} has {keys:,} different keys in {len(rows):,} objects, and a table of all of "
            "them does not fit into the memory. Write the keys as values of one column."
        )
    columns: dict[str, list[Any]] = {}
    for place, row in enumerate(rows):
        for key, value in row.items():
            cells = columns.setdefault(key, [])
            cells += [None] * (place - len(cells))
            cells.append(value)
    for cells in columns.values():
        cells += [None] * (len(rows) - len(cells))
    frame = pd.DataFrame({key: _series(cells, key, where) for key, cells in columns.items()})
    return with_origin(frame, origin)


def _of_list(text: str, where: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        at, reason = ", line 1", str(error)
        if isinstance(error, json.JSONDecodeError):
            at, reason = f", line {error.lineno}, column {error.colno}", error.msg
        raise DataError(f"{where}{at}: this is not JSON: {printable(reason)}.") from error
    for place, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise DataError(
                f"{where}, entry {place}: expected a list of JSON objects such as "
                f'[{{"item_id": "b1"}}], found {printable(str(row), 40)!r} in it.'
            )
    return list(found)


def _of_lines(
    text: str, where: str, format: NamedFormat
) -> tuple[list[dict[str, Any]], list[int], tuple[BadRow, ...]]:
    rows: list[dict[str, Any]] = []
    starts: list[int] = []
    bad: list[BadRow] = []
    python = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row, is_python = _object(line, where, number)
        except DataError as error:
            if format.on_error == "raise":
                raise
            bad.append(BadRow(number, "no JSON object", line))
            if not rows and len(bad) == 100:  # this is no JSON Lines at all
                raise DataError(f"{error} None of the first 100 lines is one.") from error
            continue
        rows.append(row)
        starts.append(number)
        python += is_python
    settle(bad, len(rows), where, format)
    if python:
        warn(
            f"{where}: {python:,} lines are not JSON but literals of Python, with ' in place of "
            '", and were read as such.'
        )
    return rows, starts, tuple(bad)


def _object(line: str, where: str, number: int) -> tuple[dict[str, Any], bool]:
    is_python = False
    try:
        found = json.loads(line.strip("\ufeff \t\r"), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        found = _python_literal(line)
        if found is None:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise DataError(
                f"{where}, line {number}{column}: this is not JSON: {printable(reason)}."
            ) from error
        is_python = True
    if not isinstance(found, dict):
        raise DataError(
            f"{where}, line {number}: expected a JSON object such as "
            f'{{"item_id": "b1"}}, found {printable(line.strip(), 40)!r}.'
        )
    return found, is_python


def _python_literal(line: str) -> Any:
    """Return a dict that is written as in Python, as some data sets are; None for anything else."""
    if len(line) > _LONGEST_LITERAL or not line.lstrip().startswith("{'"):
        return None
    try:
        return ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not allowed")


def _series(cells: list[Any], key: str, where: str) -> pd.Series[Any]:
    try:
        values = pa.array(cells)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: a value of {printable(key)!r} is not valid Unicode text."
        ) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pd.Series(cells, dtype=object)  # of several types
    if pa.types.is_floating(values.type) and any(type(cell) is int for cell in cells):
        return pd.Series(cells, dtype=object)  # 10 does not become 10.0
    # Whole numbers stay whole beside missing ones.
    found: pd.Series[Any] = values.to_pandas(integer_object_nulls=True)
    return found
