"""The items to link: ids, titles, years and identifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import as_ids
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, did_you_mean, printable
from kgrec.linking.matching import Catalogue
from kgrec.linking.settings import LinkConfig
from kgrec.linking.titles import last_brackets, years_in


def read_items(
    items: Vocabulary | AttributeTable | pd.DataFrame, item: str
) -> tuple[Vocabulary, pd.DataFrame]:
    """Return the ids of items, and a frame of their columns in the order of the ids.

    Raises:
        DataError: There is no column of ids, an id is missing or repeated, or there is none.
    """
    if isinstance(items, Vocabulary):
        return items, pd.DataFrame(index=range(len(items)))
    if isinstance(items, AttributeTable):
        columns: dict[str, Any] = dict(items.numbers)
        if items.titles:
            columns["title"] = list(items.titles)
        return items.ids, pd.DataFrame(columns, index=range(len(items.ids)))
    ids = as_ids(items, item, "the item table").tolist()
    if not ids:
        raise DataError("The item table is empty.")
    vocabulary = Vocabulary(ids, "item")
    order = np.argsort(vocabulary.rows(ids), kind="stable")
    return vocabulary, items.iloc[order].reset_index(drop=True)


def read_titles(frame: pd.DataFrame, config: LinkConfig) -> tuple[Catalogue, tuple[str, ...]]:
    """Return titles and years of the items, and notes about what could not be used.

    Without a column of years, the year is taken from the last brackets of the title. If a column of
    years has dates, the first year in the text is taken.

    Raises:
        ConfigError: The items have no such columns.
    """
    if config.title is None:
        none = pa.array([""] * len(frame), type=pa.large_string())
        return Catalogue(none, np.full(len(frame), np.nan)), ()
    titles = pc.fill_null(column_text(frame, config.title, "title"), "")
    if config.year is None:
        return Catalogue(titles, _as_float(years_in(last_brackets(titles)))), ()
    texts = column_text(frame, config.year, "year")
    years = _as_float(years_in(texts))
    given = np.asarray(pc.not_equal(pc.fill_null(texts, ""), ""), dtype=bool)
    wrong = int((given & np.isnan(years)).sum())
    note = f"{wrong} values of {printable(config.year)} hold no year from 1500 to 2099"
    return Catalogue(titles, years), (note,) if wrong else ()


def column_text(frame: pd.DataFrame, column: str, setting: str) -> Any:
    """Return a column as Arrow text with nulls; whole numbers gain no '.0'.

    Raises:
        ConfigError: There is no such column.
    """
    if column not in frame.columns:
        known = [str(name) for name in frame.columns]
        raise ConfigError(
            f"{setting}: the items have no column {printable(column)!r}."
            + (did_you_mean(column, known) if known else " Give them as a table with columns.")
        )
    values = frame[column]
    known_values = values.notna()
    if pd.api.types.is_float_dtype(values) and (values[known_values] % 1 == 0).all():
        values = values.astype("Int64")
    texts = [
        str(value) if known else None for value, known in zip(values, known_values, strict=True)
    ]
    try:
        return pa.array(texts, type=pa.large_string())
    except UnicodeEncodeError as error:
        raise DataError(
            f"Column {printable(column)!r} of the items is no valid Unicode."
        ) from error


def _as_float(years: Any) -> Any:
    return pc.cast(years, pa.float64()).to_numpy(zero_copy_only=False)
