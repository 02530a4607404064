"""A suggested mapping for a table, and the reasons for it in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from kgrec.data.attribute_table import TITLES
from kgrec.data.list_cells import guess_separator
from kgrec.data.origin import row_name
from kgrec.errors import DataError, printable, warn
from kgrec.kg.tables.cells import Cells, column_cells
from kgrec.kg.tables.mapping import IDS, LiteralColumn, RelationColumn, TableMapping
from kgrec.rdf.namespaces import XSD, XSD_STRING

_SHORT: Final = 60
"""Characters: a column with a longer value does not hold names."""
_ID: Final = re.compile(r"(?:^|_|-|\s)(?:id|sku|isbn\d*|asin|ean|gtin|upc|code|key|uri|iri)$")


def suggest_mapping(
    frame: pd.DataFrame, *, ids: Sequence[str] = IDS, where: str = "the table"
) -> tuple[TableMapping, tuple[str, ...]]:
    """Choose what each column of a table means.

    The id is one of the columns `ids`, else the first column without missing or repeated values. A
    title becomes the label. Text becomes a relation if its values are short and each occurs at
    least twice on average; lists and text with `|` or `;` in it are several values. Numbers,
    dates, truth values and other text become literals.

    Args:
        frame: The table.
        ids: Names of columns that may be the id; the first that exists is used.
        where: Name of the table in error messages.

    Returns:
        The mapping, and a sentence per column.

    Raises:
        DataError: No column can be the id.
    """
    rows = _row_numbers(frame, ids)
    if rows is not None:
        frame = frame.drop(columns=rows)
    id = id_column(frame, ids, where)
    notes = [f"No mapping was given. Chosen: {printable(id)} is the id."]
    if rows is not None:
        notes.append(f"Chosen: {printable(rows)} is left out: it numbers the rows.")
    folded = {str(name).casefold(): str(name) for name in reversed(frame.columns)}
    label = next((folded[t] for t in TITLES if t in folded and folded[t] != id), None)
    if label is not None:
        notes.append(f"Chosen: {printable(label)} is the label.")
    relations: dict[str, RelationColumn] = {}
    literals: dict[str, LiteralColumn] = {}
    names: list[str] = []
    for column in map(str, frame.columns):
        if column in (id, label):
            continue
        try:
            cells = column_cells(frame[column])
        except DataError as error:
            notes.append(f"Chosen: {printable(column)} is left out. {error}")
            continue
        if not len(cells):
            notes.append(f"Chosen: {printable(column)} is left out: it is empty.")
            continue
        relation, reason = _relation(frame[column], cells)
        if relation is None:
            literals[column] = LiteralColumn()
            names += [column] if _may_be_names(cells) else []
        else:
            relations[column] = relation
        kind = "a literal" if relation is None else "a relation"
        notes.append(f"Chosen: {printable(column)} is {kind}: {reason}.")
        if relation is None and len(cells.odd):
            notes.append(odd_numbers(frame, column, cells))
    if label is None and names:
        warn(
            f"{printable(where)}: no column was taken for the label, so the rows are shown by "
            f"their ids. {printable(names[0])!r} looks like their names: give a mapping with it as "
            "`label`; `kgrec map` writes one to begin with."
        )
    mapping = TableMapping(id=id, label=label, relations=relations, literals=literals)
    return mapping, tuple(notes)


def odd_numbers(frame: pd.DataFrame, column: str, cells: Cells) -> str:
    """Return in words which values of a mostly numeric column are no numbers, and what to do."""
    first = int(cells.odd[0])
    shown = printable(str(frame[column].iloc[first]), 40)
    return (
        f"{printable(column)}: {len(cells.odd):,} of {len(cells):,} values are no numbers, the "
        f"others are, so all stay texts. The first: {row_name(frame, first)} holds {shown!r}. "
        "Correct it, or give the column a datatype such as xsd:decimal in the mapping: the odd "
        "values then stay texts, the others are numbers."
    )


def id_column(frame: pd.DataFrame, ids: Sequence[str], where: str) -> str:
    """Return the column that is the id, as `suggest_mapping` chooses it.

    Raises:
        DataError: No column can be the id.
    """
    for name in ids:
        if name in frame.columns:
            return name
    columns = list(map(str, frame.columns))
    for column in sorted(columns, key=lambda one: _ID.search(one.casefold()) is None):
        values = frame[column]
        if values.notna().all() and _distinct(values) == len(values):
            return column
    raise DataError(
        f"{printable(where)}: no column is called {printable(' or '.join(ids))}, and none has a "
        "different value in each row. Name the column of the ids as `id` in a mapping."
    )


def _row_numbers(frame: pd.DataFrame, ids: Sequence[str]) -> str | None:
    """Return the first column if it has no name and numbers the rows, as a saved index does."""
    column = str(frame.columns[0])
    if column in ids or not re.fullmatch(r"(?i)Unnamed: \d+|index|level_0|rownames|", column):
        return None
    numbers = pd.to_numeric(frame[frame.columns[0]], errors="coerce")
    first = numbers.iloc[0]
    consecutive = (numbers - first == np.arange(len(numbers))).all()
    return column if first in (0, 1) and consecutive and frame.shape[1] > 1 else None


def _may_be_names(cells: Cells) -> bool:
    """Return whether the values of a literal column are short words, most of them different."""
    if cells.datatype != XSD_STRING or len(cells.odd):
        return False
    longest = pc.max(pc.utf8_length(cells.text)).as_py()
    has_letters = pc.match_substring_regex(cells.text, r"\p{L}{2}")
    return bool(longest <= _SHORT and pc.all(has_letters).as_py())


def _distinct(values: pd.Series[Any]) -> int:
    try:
        return int(values.nunique())
    except TypeError:  # lists are no ids
        return -1


def _relation(column: pd.Series[Any], cells: Cells) -> tuple[RelationColumn | None, str]:
    """Return how a column becomes a relation, None for a literal, and why."""
    if cells.datatype != XSD_STRING and not cells.listed:
        return None, f"all its values are of the type {cells.datatype.removeprefix(XSD)}"
    separator = None if cells.listed else guess_separator(pd.Series(cells.text.to_pandas()))
    if separator is not None:
        cells = column_cells(column, separator)
    distinct = pc.unique(cells.text)
    longest = pc.max(pc.utf8_length(distinct)).as_py()
    if longest > _SHORT:
        return None, f"its longest text has {longest:,} characters"
    if 2 * len(distinct) > len(cells):
        return None, f"{len(distinct):,} of its {len(cells):,} values are different"
    is_iri = pc.all(pc.match_substring_regex(distinct, r"\Ahttps?://[^\s]+\z")).as_py()
    several = f", separated by {separator!r}" if separator else ", in lists" if cells.listed else ""
    return (
        RelationColumn(separator=separator, iri="{+value}" if is_iri else None),
        f"{len(cells):,} values, {len(distinct):,} different{several}",
    )
