"""What the item table and the user table say about their rows: titles, categories, numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np
import pandas as pd

from kgrec.data.ids import Normalise, as_ids, first_of_each
from kgrec.data.list_cells import guess_separator, parse_lists
from kgrec.data.numbers import read_numbers
from kgrec.data.origin import without_bad
from kgrec.data.table_format import FormatSettings
from kgrec.data.tables import (
    read_table,
    require_column,
    say_how_read,
    table_format,
    wrong_number,
)
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, printable, warn
from kgrec.types import Float64Array, IntArray

TITLES: Final = (
    "title", "name", "label", "item_title", "product_name", "movie_title", "item_name",
    "book_title", "track_name", "titel", "titre", "título", "titulo", "titolo", "tytuł",
    "bezeichnung", "artikelbezeichnung", "artikelname", "produktname", "nom", "nombre", "nome",
    "naam", "namn", "navn", "nazwa", "название", "名称", "名前",
)  # fmt: skip
"""Usual names of a column of titles, the best first."""
_FEWEST = 5
_MOST_ALIKE = 0.2
"""A share of different titles below which titles do not tell items apart."""


@dataclass(frozen=True, eq=False)
class Category:
    """One categorical column, as pairs of table row and value row (a row may have several).

    Attributes:
        values: The distinct values.
        row: Row of the table, int64 of shape (p,).
        value: Row of `values`, int64 of shape (p,).
    """

    values: Vocabulary
    row: IntArray
    value: IntArray

    def of_rows(self, rows: IntArray) -> Category:
        """Return the column with other rows, ascending, and each pair once.

        Args:
            rows: The new row of each row, int64; several may have the same.
        """
        pairs = pd.DataFrame({"row": rows[self.row], "value": self.value}).drop_duplicates()
        pairs = pairs.sort_values("row", kind="stable")
        return Category(self.values, pairs["row"].to_numpy(), pairs["value"].to_numpy())


@dataclass(frozen=True, eq=False)
class AttributeTable:
    """Attributes of items or of users.

    Attributes:
        ids: Vocabulary of the rows; all columns below are in its order.
        titles: A title for each row, "" where there is none.
        categories: Categorical columns by name.
        numbers: Numeric columns by name, float64 of shape (n,), NaN where missing.
        not_numbers: Per numeric column, how many values are not numbers and count as missing.
        others: The columns that are none of these, row by row: no model reads them, but filters do.
    """

    ids: Vocabulary
    titles: tuple[str, ...] = ()
    categories: Mapping[str, Category] = field(default_factory=dict)
    numbers: Mapping[str, Float64Array] = field(default_factory=dict)
    not_numbers: Mapping[str, int] = field(default_factory=dict)
    others: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def read(
        cls,
        source: str | Path | pd.DataFrame,
        *,
        id: str = "item_id",
        title: str | None = None,
        categories: Sequence[str] = (),
        numbers: Sequence[str] = (),
        list_separator: str | None = None,
        name: str = "item",
        normalise_ids: Normalise | None = None,
        **format: Unpack[FormatSettings],
    ) -> AttributeTable:
        """Read a table of items or users.

        Args:
            source: A text file with separators, a Parquet or JSON file, or a frame.
            id: Column of the id. Where an id has several rows, the first counts, with the
                categories of all of them, and a warning says how many there are.
            title: Column of the title; None: the column `title` where there is one.
            categories: Columns whose values become attribute nodes.
            numbers: Columns whose values become numeric features. What is not a number is
                missing, and counted in `not_numbers`; a warning names the first.
            list_separator: What separates several values in a cell of a category, "" for nothing;
                None: `|`, or `;` or `,` where the column shows it. A column may also hold lists,
                or lists as text, such as `["a", "b"]`.
            name: What the rows are, in the singular.
            normalise_ids: How ids are made alike; see `Interactions.read`.
            format: How a text file is read, such as `encoding="latin-1"` or `separator=";"`; see
                `Interactions.read`.

        Raises:
            DataError: The file or a column is missing, or one text is given where a list of
                columns belongs.
        """
        for argument, given in (("categories", categories), ("numbers", numbers)):
            if isinstance(given, str):
                found = printable(repr(given), 60)
                raise DataError(
                    f"{argument} must be a list of columns, found the single {found}. Write "
                    f"{argument}=[{found}]."
                )
        where = f"the {name} table" if isinstance(source, pd.DataFrame) else str(source)
        how = table_format(source, format)
        frame = read_table(source, columns=[id], what=f"{name} table", format=how)
        if frame.empty:
            raise DataError(f"{where} has no rows.")
        if how.on_error == "skip":
            bad = {f"no {id}": np.asarray(frame[id].isna(), dtype=bool),
                   f"repeats the {id}": np.asarray(frame[id].duplicated(), dtype=bool)}  # fmt: skip
            frame = without_bad(frame, bad, where, how)
        frame = frame.assign(**{id: as_ids(frame, id, where, normalise_ids)})
        whole = frame
        frame = first_of_each(frame, id, where, ", with the categories of all")
        frame = frame.sort_values(id, kind="stable")
        ids = Vocabulary(frame[id].tolist(), name)
        frame = frame.set_index(id).loc[ids.ids].reset_index()
        if title is not None:
            require_column(frame, title, where)
        elif "title" in frame.columns:
            title = "title"
        titles = () if title is None else tuple(_as_text(frame[title]))
        if name == "item":
            _warn_of_titles(titles, title, [*map(str, frame.columns)], where)
        made_categories = {}
        for column in categories:
            require_column(frame, column, where)
            category = _category(whole[column], list_separator, column, where)
            made_categories[column] = category.of_rows(ids.rows(whole[id].tolist()))
        made_numbers: dict[str, Float64Array] = {}
        wrong: dict[str, int] = {}
        for column in numbers:
            require_column(frame, column, where)
            told = read_numbers(frame[column], how.decimal)
            say_how_read(frame, column, told, where)
            wrong[column] = int(told.wrong.sum())
            if wrong[column]:
                warn(f"{where}: {wrong_number(frame, column, told, missing=True)}")
            made_numbers[column] = told.values
        used = {id, title, *categories, *numbers}
        others = frame[[column for column in frame.columns if column not in used]]
        others.attrs = {}
        return cls(ids, titles, made_categories, made_numbers, wrong, others)

    def reindex(self, ids: Vocabulary) -> AttributeTable:
        """Return the same table over a vocabulary that holds all of its ids.

        Rows that the table does not have get no title, no category and missing numbers.

        Raises:
            UnknownIdError: An id of the table is missing there.
        """
        place = ids.rows(self.ids.array)
        titles = np.full(len(ids), "", dtype=object)
        if self.titles:
            titles[place] = np.array(self.titles, dtype=object)
        numbers = {}
        for column, values in self.numbers.items():
            numbers[column] = np.full(len(ids), np.nan)
            numbers[column][place] = values
        return AttributeTable(
            ids,
            tuple(titles) if self.titles else (),
            {
                column: Category(category.values, place[category.row], category.value)
                for column, category in self.categories.items()
            },
            numbers,
            self.not_numbers,
            self.others.set_axis(place).reindex(range(len(ids)))
            if len(self.others)
            else self.others,
        )

    def extended(self, other: AttributeTable) -> AttributeTable:
        """Return both tables as one: new ids after these; `other` counts for known ones."""
        ids = self.ids.extended(other.ids.ids)
        old, new = self.reindex(ids), other.reindex(ids)
        told = np.zeros(len(ids), dtype=bool)
        told[ids.rows(other.ids.array)] = True
        none = [""] * len(ids)
        pairs = zip(old.titles or none, new.titles or none, strict=True)
        titles = [after or before for before, after in pairs]
        categories: dict[str, Category] = {}
        numbers: dict[str, Float64Array] = {}
        for column in {**old.categories, **new.categories}:
            nothing = np.zeros(0, dtype=np.int64)
            empty = Category(Vocabulary((), column), nothing, nothing)
            first, second = (table.categories.get(column, empty) for table in (old, new))
            kept = ~told[first.row]
            texts = first.values.take(first.value[kept]) + second.values.take(second.value)
            values = Vocabulary.from_ids(texts, column)  # sorted, as when they are read
            row = np.append(first.row[kept], second.row)
            categories[column] = Category(values, row, values.rows(texts))
        for column in {**old.numbers, **new.numbers}:
            missing = np.full(len(ids), np.nan)
            known, said = (table.numbers.get(column, missing) for table in (old, new))
            numbers[column] = np.where(np.isnan(said), known, said)
        others = new.others.combine_first(old.others)
        return AttributeTable(
            ids, tuple(titles) if any(titles) else (), categories, numbers, others=others
        )

    def tail(self, start: int) -> AttributeTable:
        """Return the table of the rows from one on, with all values of its columns."""
        categories = {}
        for column, category in self.categories.items():
            late = category.row >= start
            categories[column] = Category(
                category.values, category.row[late] - start, category.value[late]
            )
        return AttributeTable(
            self.ids.tail(start),
            self.titles[start:],
            categories,
            {column: values[start:] for column, values in self.numbers.items()},
            others=self.others.iloc[start:].reset_index(drop=True),
        )

    def without(self, ids: Collection[str]) -> AttributeTable:
        """Return the table without the rows of some ids, whether it has them or not."""
        rows = self.ids.rows(list(ids), missing="-1")
        kept = np.setdiff1d(np.arange(len(self.ids)), rows)
        place = np.full(len(self.ids), -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        categories = {}
        for column, category in self.categories.items():
            stays = place[category.row] >= 0
            texts = category.values.take(category.value[stays])
            values = Vocabulary.from_ids(texts, column)
            row = place[category.row[stays]]
            categories[column] = Category(values, row, values.rows(texts))
        return AttributeTable(
            self.ids.restricted(kept),
            tuple(self.titles[row] for row in kept) if self.titles else (),
            categories,
            {column: values[kept] for column, values in self.numbers.items()},
            self.not_numbers,
            self.others.iloc[kept].reset_index(drop=True) if len(self.others) else self.others,
        )

    def words(self) -> list[dict[str, list[str]]]:
        """Return the categories of each row in words, by column."""
        found: list[dict[str, list[str]]] = [
            {column: [] for column in self.categories} for _ in range(len(self.ids))
        ]
        for column, category in self.categories.items():
            values = category.values.take(category.value)
            for row, value in zip(category.row.tolist(), values, strict=True):
                found[row][column].append(value)
        return found


def _warn_of_titles(
    titles: tuple[str, ...], title: str | None, columns: list[str], where: str
) -> None:
    """Warn if titles tell nothing: nearly all are the same, most are empty, or none are read."""
    if title is None:
        usual = [column for column in columns if column.casefold() in TITLES]
        if usual:
            warn(
                f"{where} has no column 'title', so that items are shown by their ids. The column "
                f"{printable(usual[0])!r} looks like one: name it with title (data.items.title in "
                "a config)."
            )
        return
    known = [text for text in titles if text]
    column = f"{where}: column {printable(title)!r}"
    if len(titles) >= _FEWEST and len(known) < len(titles) / 2:
        warn(
            f"{column}: {len(titles) - len(known):,} of {len(titles):,} items have no title; they "
            "are shown by their ids. Is it the right column?"
        )
    different = len(set(known))
    if len(known) >= _FEWEST and different <= len(known) * _MOST_ALIKE:
        often, count = Counter(known).most_common(1)[0]
        warn(
            f"{column}: {len(known):,} items have only {different:,} different titles, and "
            f"{count:,} are called {printable(often, 60)!r}. Is it the right column?"
        )


def _category(column: pd.Series[Any], separator: str | None, name: str, where: str) -> Category:
    column = column.reset_index(drop=True)
    lists = parse_lists(column) if separator is None else None
    if lists is not None:
        warn(f"{where}: the texts of the column {printable(name)!r} were read as lists.")
        column = lists
    listed = column.explode()  # lists of values, as Parquet can hold them
    row = listed.index.to_numpy(np.int64)
    texts = _as_text(listed).reset_index(drop=True)
    if separator is None and lists is None:
        separator = guess_separator(texts[texts != ""].astype(str)) or "|"
        if separator != "|":
            warn(
                f"{where}: the column {printable(name)!r} was read with several values in a cell, "
                f"separated by {separator!r}. Set `list_separator` to be certain, '' for one value."
            )
    parts = texts.str.split(separator, regex=False) if separator else texts
    single = parts.explode().astype(str).str.strip()
    single = single[single != ""]
    pairs = pd.DataFrame({"row": row[single.index.to_numpy(np.int64)], "value": single.to_numpy()})
    pairs = pairs.drop_duplicates()
    vocabulary = Vocabulary.from_ids(pairs["value"].tolist(), name)
    return Category(
        vocabulary,
        pairs["row"].to_numpy(np.int64),
        vocabulary.rows(pairs["value"].tolist()),
    )


def _as_text(column: pd.Series[Any]) -> pd.Series[str]:
    """Return a column as text, "" where missing. Whole numbers gain no '.0'."""
    known = column.notna().to_numpy()
    values = column[known]
    whole = pd.api.types.is_float_dtype(values) and (values % 1 == 0).all()
    if whole and (values.abs() < 2**53).all():  # larger ones are not exact
        values = values.astype("int64")
    text = np.full(len(column), "", dtype=object)
    text[known] = values.astype(str).to_numpy(dtype=object)
    return pd.Series(text, index=column.index, dtype=object)
