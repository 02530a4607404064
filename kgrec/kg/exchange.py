"""Graphs to and from pandas and rdflib."""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import DataError, did_you_mean, printable
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.literals import Literals
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.statements import Statements, statements, string_array
from kgrec.types import BoolArray

if TYPE_CHECKING:
    import pandas as pd
    import rdflib

Triple = tuple[str, str, str]
LiteralStatement = tuple[str, str, str, str | None, str | None]
Edges = tuple[Any, Any, Any]
Values = tuple[Any, Any, Any, Any, Any]
_BLANK = "_:"


def frame_statements(frame: pd.DataFrame, head: str, relation: str, tail: str) -> Statements:
    """Return a table's statements; its column `graph`, if there is one, names their graphs.

    Raises:
        DataError: A column is missing, or an id is missing or a fraction.
    """
    edges, values = frame_columns(frame, head, relation, tail)
    batch = statements(edges, values)
    if "graph" not in frame.columns:
        return batch
    graph = _frame_texts(frame, "graph")
    is_literal = _is_literal(frame)
    return in_graphs(batch, graph.filter(pa.array(~is_literal)), graph.filter(pa.array(is_literal)))


def in_graphs(batch: Statements, edges: Any, values: Any) -> Statements:
    """Return statements in named graphs.

    Args:
        batch: The statements.
        edges: Name of the graph of each edge, Arrow string array; null or "" is the default graph.
        values: The same of the statements with literals.
    """
    names = pc.fill_null(pa.concat_arrays([edges, values]), "").dictionary_encode()
    codes = np.asarray(names.indices, dtype=np.int64)
    return replace(
        batch,
        graphs=names.dictionary,
        edge_graph=codes[: len(edges)],
        value_graph=codes[len(edges) :],
    )


def frame_columns(frame: pd.DataFrame, head: str, relation: str, tail: str) -> tuple[Edges, Values]:
    """Return a table's statements between entities, and those with a literal, as columns.

    Raises:
        DataError: A column is missing, or an id is missing or a fraction.
    """
    wanted = (head, relation, tail)
    for name in wanted:
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise DataError(
                f"The table has no column {printable(name)!r}.{did_you_mean(name, known)}"
            )
    columns = [_frame_ids(frame, name) for name in wanted]
    optional = [_frame_texts(frame, name) for name in ("datatype", "language")]
    is_literal = _is_literal(frame)
    there = pa.array(np.flatnonzero(is_literal))
    edges = [column.take(pa.array(np.flatnonzero(~is_literal))) for column in columns]
    values = [column.take(there) for column in (*columns, *optional)]
    return (edges[0], edges[1], edges[2]), (values[0], values[1], values[2], values[3], values[4])


def _is_literal(frame: pd.DataFrame) -> BoolArray:
    """Return which rows of a table hold a literal: those with a datatype or a language."""
    is_literal = np.zeros(len(frame), dtype=bool)
    for name in ("datatype", "language"):
        column = _frame_texts(frame, name)
        is_literal |= np.array([bool(text) for text in column.to_pylist()], dtype=bool)
    return is_literal


def tuple_statements(
    triples: Iterable[Sequence[str | None]], literals: Iterable[Sequence[str | None]]
) -> Statements:
    """Return the statements of three strings, and those of five, which hold a literal.

    Raises:
        DataError: One has another length, or holds something that is no string.
    """
    edges, values = _columns(triples, 3, "triples"), _columns(literals, 5, "literals")
    return statements((edges[0], edges[1], edges[2]), tuple(values))


def _columns(rows: Iterable[Sequence[str | None]], width: int, name: str) -> list[Any]:
    """Return tuples of strings as `width` columns.

    Raises:
        DataError: A row has another length, or holds something that is no string.
    """
    listed = list(rows)
    for position, row in enumerate(listed):
        if not _is_row(row) or len(row) != width:
            raise DataError(f"{name}[{position}] {_shown(row)}; expected {width} strings.")
    columns = list(zip(*listed, strict=True)) or [()] * width
    return [string_array(column) for column in columns]


def split_statements(
    rows: Iterable[Sequence[str | None]], name: str
) -> tuple[list[Any], list[Any]]:
    """Return the statements of three strings, and those of five, which hold a literal.

    Raises:
        DataError: A row has another length.
    """
    listed = list(rows)
    for position, row in enumerate(listed):
        if not _is_row(row) or len(row) not in (3, 5):
            raise DataError(
                f"{name}[{position}] {_shown(row)}; expected 3 strings, or 5 for a literal "
                "(subject, predicate, value, datatype, language)."
            )
    return [row for row in listed if len(row) == 3], [row for row in listed if len(row) == 5]


def _is_row(row: Any) -> bool:
    return isinstance(row, Sequence) and not isinstance(row, str)


def _shown(row: Any) -> str:
    found = printable(repr(row), 120)
    return f"has {len(row)} parts ({found})" if _is_row(row) else f"is {found}"


def _frame_ids(frame: pd.DataFrame, name: str) -> Any:
    column = frame[name]
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise DataError(
            f"Column {printable(name)!r} has {len(missing)} missing values, the first in row "
            f"{missing[0]} (counted from 0)."
        )
    if column.dtype.kind == "f" and len(column):
        raise DataError(
            f"Column {printable(name)!r} holds fractions; ids must be strings or whole numbers."
        )
    if column.dtype.kind in "iu":
        column = column.astype(str)
    return string_array(column.tolist())


def _frame_texts(frame: pd.DataFrame, name: str) -> Any:
    if name not in frame.columns:
        return string_array([None] * len(frame))
    column = frame[name].astype(object)
    return string_array(column.where(column.notna(), None).tolist())


def to_pandas(kg: GraphColumns, literals: bool) -> pd.DataFrame:
    """Return `kg` as a table of text; see `KnowledgeGraph.to_pandas`."""
    import pandas as pd

    edges, table = kg.triples, kg.literals
    graphs = kg.graphs
    if graphs is not None:  # a row for each graph that a statement stands in
        edges, table = edges[graphs.triple[:, 0]], table.take(graphs.literal[:, 0])
    columns = {
        "head": kg.entities.take(edges[:, 0]),
        "relation": kg.relations.take(edges[:, 1]),
        "tail": kg.entities.take(edges[:, 2]),
    }
    if literals:
        columns["head"] += kg.entities.take(table.subject)
        columns["relation"] += kg.relations.take(table.relation)
        columns["tail"] += table.value.to_pylist()
        columns["datatype"] = [None] * len(edges) + table.datatype.to_pylist()
        columns["language"] = [None] * len(edges) + table.language.to_pylist()
    if graphs is not None:
        columns["graph"] = graphs.names.take(graphs.triple[:, 1])
        columns["graph"] += graphs.names.take(graphs.literal[:, 1]) if literals else []
    return pd.DataFrame(columns)


def to_rdflib(kg: GraphColumns) -> rdflib.Graph:
    """Return `kg` as an rdflib graph; see `KnowledgeGraph.to_rdflib`."""
    import rdflib

    table = kg.literals
    if RDF_DIR_LANG_STRING in table.datatype.dictionary.to_pylist():
        raise DataError(
            "The graph holds literals with a base direction (RDF 1.2), which rdflib does not know."
        )
    with quiet_rdflib():
        entities = [
            rdflib.BNode(id[len(_BLANK) :]) if id.startswith(_BLANK) else rdflib.URIRef(id)
            for id in kg.entities.ids
        ]
        relations = [rdflib.URIRef(id) for id in kg.relations.ids]
        edges = [
            (entities[subject], relations[relation], entities[object])
            for subject, relation, object in kg.triples.tolist()
        ]
        values = [
            (entities[subject], relations[relation], literal)
            for subject, relation, literal in zip(
                table.subject.tolist(),
                table.relation.tolist(),
                _rdflib_literals(table),
                strict=True,
            )
        ]
        if kg.graphs is not None:
            return _rdflib_dataset(kg.graphs, edges, values)
    graph = rdflib.Graph()
    for triple in itertools.chain(edges, values):
        graph.add(triple)
    return graph


def _rdflib_dataset(graphs: NamedGraphs, edges: list[Any], values: list[Any]) -> rdflib.Dataset:
    import rdflib

    dataset = rdflib.Dataset()
    named = [
        dataset.graph(rdflib.BNode(name[len(_BLANK) :]) if name.startswith(_BLANK)
                      else rdflib.URIRef(name)) if name else None
        for name in graphs.names.ids
    ]  # fmt: skip
    for stated, pairs in ((edges, graphs.triple), (values, graphs.literal)):
        for row, graph in pairs.tolist():
            to = named[graph]
            (dataset if to is None else to).add(stated[row])
    return dataset


def _rdflib_literals(table: Literals) -> Iterator[rdflib.Literal]:
    import rdflib

    for value, datatype, language in zip(
        table.value.to_pylist(),
        table.datatype.to_pylist(),
        table.language.to_pylist(),
        strict=True,
    ):
        plain = datatype in (XSD_STRING, RDF_LANG_STRING)
        try:
            yield rdflib.Literal(
                value,
                lang=language or None,
                datatype=None if plain else rdflib.URIRef(datatype),
                normalize=False,  # "01"^^xsd:integer stays "01"
            )
        except ValueError as error:
            raise DataError(
                f"rdflib does not take the literal {printable(value)!r}: "
                f"{printable(language)!r} is no language tag (BCP 47)."
            ) from error


@contextmanager
def quiet_rdflib() -> Iterator[None]:
    """Keep rdflib from complaining about every id that is no IRI and every ill-typed literal.

    It logs a traceback for each, with the text as it is. `KnowledgeGraph.statistics` reports
    them; here they only pass through.
    """
    logger = logging.getLogger("rdflib.term")

    def drop(_record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            yield
    finally:
        logger.removeFilter(drop)
