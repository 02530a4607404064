"""The values of a table's column as text, and the datatype that fits them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.numbers import Decimal, has_codes, read_numbers
from kgrec.data.origin import origin_of
from kgrec.errors import DataError, printable
from kgrec.rdf.datatypes import LEXICAL, matches
from kgrec.rdf.namespaces import XSD, XSD_STRING
from kgrec.types import IntArray

_MOSTLY: Final = 0.5  # least share of numbers in a column that is said to be one of numbers
_EXACT: Final = 2**53  # beyond it, one float is the nearest of several whole numbers
# With a leading zero it is a code, such as a postal code, and no number.
_WHOLE: Final = r"[+-]?(?:0|[1-9][0-9]*)"
_INFERRED: Final = {
    XSD + "integer": _WHOLE,
    XSD + "decimal": rf"{_WHOLE}(?:\.[0-9]+)?",
    XSD + "double": rf"{_WHOLE}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?",
    XSD + "boolean": "true|false",
    **{XSD + name: LEXICAL[XSD + name] for name in ("date", "dateTime")},
}


@dataclass(frozen=True, eq=False)
class Cells:
    """The values of a column. A row may have none, one or several.

    Attributes:
        row: Row of the table, int64 of shape (c,), in order.
        text: Lexical forms, Arrow `large_string` of shape (c,); none is blank.
        datatype: Datatype IRI of all of them, from the column's type or inferred from the texts.
        listed: Whether the column holds lists.
        odd: Rows with a value that is no number, of a column that has numbers else, int64.
        rewritten: Number of values that were numbers in another form, such as 1,234.50.
        left_out: Number of values such as N/A in a column of numbers.
    """

    row: IntArray
    text: pa.Array
    datatype: str
    listed: bool = False
    odd: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    rewritten: int = 0
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.row)

    @property
    def num_rows(self) -> int:
        """Number of rows that have a value."""
        return int(np.count_nonzero(np.diff(self.row))) + 1 if len(self) else 0


def column_cells(
    column: pd.Series[Any],
    separator: str | None = None,
    *,
    as_text: bool = False,
    keep: bool = False,
) -> Cells:
    """Return the values of a column; missing and blank ones are left out.

    Args:
        column: The column, of shape (n,). It may hold lists.
        separator: Text between several values in one cell; blanks around values are removed.
        as_text: Whether texts stay as they are written, even if all of them look like numbers.
        keep: Whether values that are no numbers stay beside numbers in other forms, such as
            1,234.50, which are rewritten.

    Raises:
        DataError: The column holds objects that have no text form.
    """
    values = _arrow(column)
    row = np.arange(len(values), dtype=np.int64)
    listed = False
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        listed = True
        row = row[np.asarray(pc.list_parent_indices(values), dtype=np.int64)]
        values = values.flatten()
    there = np.asarray(pc.is_valid(values))
    row, values = row[there], values.drop_null()
    text, datatype = _as_text(values, str(column.name))
    if separator:
        parts = pc.split_pattern(text, separator)
        row = row[np.asarray(pc.list_parent_indices(parts), dtype=np.int64)]
        text = pc.utf8_trim_whitespace(parts.flatten())
    written = pc.not_equal(pc.utf8_trim_whitespace(text), "")
    if not pc.all(written).as_py():
        row, text = row[np.asarray(written)], text.filter(written)
    if datatype == XSD_STRING and not as_text:
        datatype = infer_datatype(text)
        if datatype == XSD_STRING and len(text):
            decimal = origin_of(column).format.decimal
            cells = Cells(row, text, datatype, listed)
            return cells if separator or listed else _numbers(cells, decimal, keep)
    if datatype != XSD_STRING:
        text = pc.utf8_trim_whitespace(text)
    return Cells(row, text, datatype, listed)


def _numbers(cells: Cells, decimal: Decimal | None, keep: bool) -> Cells:
    """Return texts as plain numbers if all of them are numbers in some form; see `odd` too."""
    texts = cells.text.to_pandas()
    found = read_numbers(texts, decimal)
    number = ~np.isnan(found.values)
    mostly = number.sum() >= max(1, _MOSTLY * len(texts)) and not found.unclear
    if not mostly or has_codes(texts[number]):
        return cells
    if found.wrong.any() and not keep:
        return replace(cells, odd=cells.row[found.wrong])
    written = texts.str.strip().to_numpy(dtype=object, copy=True)
    written[found.rewritten] = found.texts(found.rewritten)
    if keep:
        number[:] = True
    text = pa.array(written[number], pa.large_string())
    return Cells(
        cells.row[number],
        text,
        infer_datatype(text),
        rewritten=int(found.rewritten[number].sum()),
        left_out=int((~number).sum()),
    )


def infer_datatype(text: pa.Array) -> str:
    """Return the IRI of the narrowest datatype that fits all texts; else that of strings.

    >>> infer_datatype(pa.array(["1", "2.5"]))
    'http://www.w3.org/2001/XMLSchema#decimal'
    >>> infer_datatype(pa.array(["01234", "56789"]))
    'http://www.w3.org/2001/XMLSchema#string'
    """
    if not len(text):
        return XSD_STRING
    for datatype, pattern in _INFERRED.items():
        if matches(text, pattern).all():
            return datatype
    return XSD_STRING


def _arrow(column: pd.Series[Any]) -> Any:
    try:
        values = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        values = _mixed(column)
    except UnicodeEncodeError as error:
        raise DataError(
            f"Column {printable(str(column.name))!r} holds characters that no text can have."
        ) from error
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_fixed_size_list(values.type):
        values = values.cast(pa.list_(values.type.value_type))
    return values


def _mixed(column: pd.Series[Any]) -> Any:
    """Return a column of different kinds of values, or of lists and single values, as lists."""
    try:
        texts = [[str(part) for part in _parts(cell)] for cell in column.astype(object)]
        return pa.array(texts, pa.large_list(pa.large_string()))
    except (TypeError, UnicodeEncodeError) as error:
        raise DataError(
            f"Column {printable(str(column.name))!r} holds objects that have no text form."
        ) from error


def _parts(cell: Any) -> list[Any]:
    parts = cell if isinstance(cell, (list, tuple, np.ndarray)) else [cell]
    for part in parts:
        if not pd.api.types.is_scalar(part) or isinstance(part, bytes):
            raise TypeError(part)
    return [part for part in parts if not pd.isna(part)]


def _as_text(values: Any, name: str) -> tuple[Any, str]:
    """Return the lexical forms of values without nulls, and the datatype IRI."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _as_text(values.dictionary_decode().drop_null(), name)
    if pa.types.is_null(kind):
        return pa.array([], pa.large_string()), XSD_STRING
    if pa.types.is_floating(kind):
        return _float_text(values)
    if pa.types.is_timestamp(kind):
        return _time_text(values)
    text = pa.large_string()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(text), XSD_STRING
    for test, datatype in (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_decimal, "decimal"),
        (pa.types.is_date, "date"),
    ):
        if test(kind):
            return values.cast(text), XSD + datatype
    raise DataError(
        f"Column {printable(name)!r} holds values of the type {printable(str(kind), 60)}; expected "
        "text, numbers, truth values, dates, or lists of these."
    )


def _float_text(values: Any) -> tuple[Any, str]:
    numbers = np.asarray(values.cast(pa.float64()))
    if len(numbers) and (np.abs(numbers) < _EXACT).all() and (numbers % 1 == 0).all():
        # Whole numbers that are floats because one is missing, as pandas has it.
        return pa.array(numbers.astype(np.int64)).cast(pa.large_string()), XSD + "integer"
    text = values.cast(pa.large_string())
    for found, written in (("inf", "INF"), ("-inf", "-INF"), ("nan", "NaN")):
        text = pc.if_else(pc.equal(text, found), pa.scalar(written, pa.large_string()), text)
    return text, XSD + "double"


def _time_text(values: Any) -> tuple[Any, str]:
    zone = "Z" if values.type.tz else ""
    fine = values.cast(pa.timestamp("ns", values.type.tz))
    ticks = np.asarray(fine.cast(pa.int64()))
    if not zone and (ticks % (24 * 3600 * 10**9) == 0).all():
        return pc.strftime(fine, "%Y-%m-%d").cast(pa.large_string()), XSD + "date"
    unit = "s" if (ticks % 10**9 == 0).all() else "ns"
    plain = fine.cast(pa.timestamp(unit))
    return pc.strftime(plain, f"%Y-%m-%dT%H:%M:%S{zone}").cast(pa.large_string()), XSD + "dateTime"
