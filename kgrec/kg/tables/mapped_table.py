"""A table and its mapping as statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.ids import as_ids
from kgrec.data.origin import without_bad
from kgrec.data.table_format import FormatSettings
from kgrec.data.tables import arrow_text, read_table, require_column, table_format
from kgrec.errors import DataError, printable
from kgrec.kg.tables.cells import Cells, column_cells
from kgrec.kg.tables.mapping import IDS, VALUE, LiteralColumn, RelationColumn, TableMapping
from kgrec.kg.tables.suggestion import id_column, odd_numbers, suggest_mapping
from kgrec.kg.tables.templates import expand, variables
from kgrec.rdf.datatypes import LEXICAL, matches
from kgrec.rdf.namespaces import RDF_TYPE, RDFS, XSD, XSD_STRING
from kgrec.rdf.statements import Statements, statements

_LABEL: Final = RDFS + "label"
_AS_IT_IS: Final = "{+value}"


@dataclass(frozen=True, eq=False)
class MappedTable:
    """The statements of a table.

    Attributes:
        mapping: The mapping, given or suggested.
        statements: The statements, with repetitions.
        ids: Columns `id` and `iri`: which id is which entity, each pair once.
        notes: How the columns and rows were used, in sentences.
        name: The file, or "table".
    """

    mapping: TableMapping
    statements: Statements
    ids: pd.DataFrame
    notes: tuple[str, ...]
    name: str = "table"


def map_table(
    table: str | Path | pd.DataFrame | pa.Table,
    mapping: TableMapping | Mapping[str, Any] | str | Path | None = None,
    *,
    ids: Sequence[str] = IDS,
    **format: Unpack[FormatSettings],
) -> MappedTable:
    """Return the statements that a table holds by a mapping.

    Args:
        table: A CSV, TSV, Parquet or JSON Lines file, a frame, or an Arrow table.
        mapping: The mapping, as an object, as plain values or as a YAML file; None: the one that
            `kgrec.kg.tables.suggestion.suggest_mapping` chooses; the notes describe it.
        ids: Names of columns that may be the id if no mapping is given; the first that exists is
            used.
        format: How a text file is read; see `kgrec.Interactions.read`.

    Raises:
        DataError: The table cannot be read, a column or an id is missing.
        ConfigError: The mapping is wrong.
    """
    named = isinstance(table, (str, Path))
    where = str(table) if named else "the table"
    if isinstance(table, pa.Table):
        table = table.to_pandas(integer_object_nulls=True)
    how = table_format(table, format)
    frame = read_table(table, format=how)
    if frame.empty:
        raise DataError(f"{where} has no rows.")
    notes: list[str] = []
    suggested = mapping is None
    if mapping is None:
        mapping, chosen = suggest_mapping(frame, ids=ids, where=where)
        notes += chosen
    elif isinstance(mapping, (str, Path)):
        mapping = TableMapping.read(mapping)
    else:
        mapping = TableMapping.from_tree(mapping)
    id = mapping.id
    if id is None:
        id = id_column(frame, ids, where)
        mapping = mapping.model_copy(update={"id": id})
        notes.append(f"The mapping names no id. Chosen: {printable(id)} is the id.")
    if how.on_error == "skip":
        require_column(frame, id, where)
        no_id = np.asarray(frame[id].isna(), dtype=bool)
        frame = without_bad(frame, {f"no {id}": no_id}, where, how)
    short = Path(where).name if named else where
    mapped = _Mapper(frame, mapping, id, short, notes, suggested=suggested).mapped()
    return replace(mapped, name=where) if named else mapped


class _Mapper:
    """Collects the statements of one table, column by column."""

    def __init__(
        self,
        frame: pd.DataFrame,
        mapping: TableMapping,
        id: str,
        where: str,
        notes: list[str],
        *,
        suggested: bool,
    ) -> None:
        self.frame, self.mapping, self.where, self.notes = frame, mapping, where, notes
        self.id, self.suggested = id, suggested
        self.edges: list[tuple[Any, ...]] = []
        self.values: list[tuple[Any, ...]] = []
        self.ids = arrow_text(as_ids(frame, id, where))
        if mapping.iri is None:
            self.subjects = expand(f"{mapping.default_iri(id)}/{{id}}", {"id": self.ids})
        else:
            columns = dict.fromkeys(variables(mapping.iri))
            known = {name: arrow_text(as_ids(frame, name, where)) for name in columns}
            self.subjects = expand(mapping.iri, known)

    def mapped(self) -> MappedTable:
        mapping = self.mapping
        for iri in mapping.type:
            self.edges.append((self.subjects, *self._repeated(len(self.subjects), RDF_TYPE, iri)))
        if mapping.label is not None:
            self._literal(mapping.label, LiteralColumn(predicate=_LABEL, language=mapping.language,
                          datatype=None if mapping.language else XSD_STRING))  # fmt: skip
        for column, relation in mapping.relations.items():
            self._relation(column, relation)
        for column, literal in mapping.literals.items():
            self._literal(column, literal)
        ids = pa.table({"id": self.ids, "iri": self.subjects}).to_pandas()
        distinct = ids.drop_duplicates(ignore_index=True)
        self._count(len(pc.unique(self.subjects)))
        batch = statements(_joined(self.edges, 3), _joined(self.values, 5))
        return MappedTable(mapping, batch, distinct, tuple(self.notes))

    def _relation(self, column: str, given: RelationColumn) -> None:
        cells = self._cells(column, given.separator)
        # As entities, " Drama" and "Drama" are one.
        coded = pc.utf8_trim_whitespace(cells.text).dictionary_encode()
        template = given.iri or f"{self.mapping.default_iri(column)}/{{value}}"
        iris = expand(template, {VALUE: coded.dictionary})
        subjects = self.subjects.take(pa.array(cells.row))
        predicate = given.predicate or self.mapping.default_iri(column)
        self.edges.append(
            (subjects, *self._repeated(len(subjects), predicate), iris.take(coded.indices))
        )
        label = given.label if given.label is not None else template != _AS_IT_IS
        if label:
            rest = self._repeated(len(iris), _LABEL, "", given.language)
            self.values.append((iris, rest[0], coded.dictionary, rest[1], rest[2]))
        self.notes.append(
            f"{self._shown(column)} → relation {printable(predicate)}: {len(cells):,} values, "
            f"{len(iris):,} distinct{self._without(cells)}."
        )

    def _literal(self, column: str, given: LiteralColumn) -> None:
        datatype = given.datatype or ""
        if datatype.startswith("xsd:"):
            datatype = XSD + datatype.removeprefix("xsd:")
        as_text = bool(given.language) or datatype == XSD_STRING
        cells = self._cells(column, given.separator, as_text=as_text, keep=bool(datatype))
        count = len(cells)
        predicate = given.predicate or self.mapping.default_iri(column)
        if not datatype and not given.language:
            datatype = cells.datatype
        types, extra = self._repeated(count, datatype)[0], ""
        if datatype in LEXICAL:
            wrong = ~matches(cells.text, LEXICAL[datatype])
            if wrong.any():
                types = pc.if_else(pa.array(wrong), pa.scalar("", pa.large_string()), types)
                extra = f"; {int(wrong.sum()):,} do not fit the datatype and stay plain strings"
        predicates, languages = self._repeated(count, predicate, given.language)
        subjects = self.subjects.take(pa.array(cells.row))
        self.values.append((subjects, predicates, cells.text, types, languages))
        kind = f"@{given.language}" if given.language else datatype.removeprefix(XSD)
        self.notes.append(
            f"{self._shown(column)} → literal {printable(predicate)}, {printable(kind)}: "
            f"{count:,} values{self._without(cells)}{extra}{_how_read(cells)}."
        )
        if len(cells.odd) and not given.datatype and not given.language and not self.suggested:
            self.notes.append(odd_numbers(self.frame, column, cells))

    def _cells(self, column: str, separator: str | None, **how: bool) -> Cells:
        require_column(self.frame, column, self.where)
        return column_cells(self.frame[column], separator, **how)

    def _shown(self, column: str) -> str:
        return f"{printable(self.where)}: {printable(column)}"

    def _without(self, cells: Cells) -> str:
        missing = len(self.frame) - cells.num_rows
        return f", {missing:,} rows have none" if missing else ""

    def _count(self, entities: int) -> None:
        rows, mapping = len(self.frame), self.mapping
        repeated = f" ({rows - entities:,} rows repeat one)" if entities < rows else ""
        template = mapping.iri or f"{mapping.default_iri(self.id)}/{{{self.id}}}"
        self.notes.insert(
            0,
            f"{printable(self.where)}: {rows:,} rows, {entities:,} entities "
            f"{printable(template)}{repeated}.",
        )
        used = {self.id, mapping.label, *mapping.relations, *mapping.literals}
        used |= set(variables(mapping.iri or ""))
        unused = [str(name) for name in self.frame.columns if name not in used]
        if unused:
            shown = ", ".join(printable(name) for name in unused[:20])
            self.notes.append(f"{printable(self.where)}: columns not used: {shown}.")

    @staticmethod
    def _repeated(count: int, *texts: str) -> list[Any]:
        return [pa.repeat(pa.scalar(text, pa.large_string()), count) for text in texts]


def _how_read(cells: Cells) -> str:
    """Return what happened to numbers that were written in another form."""
    rewritten = f"; {cells.rewritten:,} of them in another form" if cells.rewritten else ""
    return rewritten + (f"; {cells.left_out:,} such as N/A left out" if cells.left_out else "")


def _joined(parts: list[tuple[Any, ...]], width: int) -> tuple[Any, ...]:
    """Return the columns of all parts one after another."""
    none = pa.array([], pa.large_string())
    return tuple(map(pa.concat_arrays, zip(*parts, strict=True))) or (none,) * width
