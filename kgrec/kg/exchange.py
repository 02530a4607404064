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

from kgrec.errors import DataError, printable
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.literals import Literals
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.statements import Statements, statements, string_array

if TYPE_CHECKING:
    import pandas as pd
    import rdflib

Triple = tuple[str, str, str]
LiteralStatement = tuple[str, str, str, str | None, str | None]


def frame_statements(frame: pd.DataFrame, head: str, relation: str, tail: str) -> Statements:
    """Return a table's statements; see `KnowledgeGraph.from_pandas`.

    Raises:
        DataError: A column is missing, or an id is missing or a fraction.
    """
    from kgrec.data.tables import require_column

    for name in (head, relation, tail):
        require_column(frame, name, "The table")
    columns = [_frame_ids(frame, name) for name in (head, relation, tail)]
    optional = [_frame_texts(frame, name) for name in ("datatype", "language")]
    is_literal = np.zeros(len(frame), dtype=bool)
    for column in optional:
        is_literal |= np.array([bool(text) for text in column.to_pylist()], dtype=bool)
    literal, edge = pa.array(is_literal), pa.array(~is_literal)
    edges = tuple(column.filter(edge) for column in columns)
    values = tuple(column.filter(literal) for column in (*columns, *optional))
    batch = statements(edges, values)
    if "graph" not in frame.columns:
        return batch
    graph = _frame_texts(frame, "graph")
    return in_graphs(batch, graph.filter(edge), graph.filter(literal))


def in_graphs(batch: Statements, edges: Any, values: Any) -> Statements:
    """Return statements in named graphs.

    Args:
        batch: The statements.
        edges: Name of the graph of each edge, Arrow string array; null or "" is the default graph.
        values: Name of the graph of each statement with a literal, likewise.
    """
    names = pc.fill_null(pa.concat_arrays([edges, values]), "").dictionary_encode()
    codes = np.asarray(names.indices, dtype=np.int32)
    return replace(
        batch,
        graphs=names.dictionary,
        edge_graph=codes[: len(edges)],
        value_graph=codes[len(edges) :],
    )


def tuple_statements(
    triples: Iterable[Sequence[str | None]], literals: Iterable[Sequence[str | None]]
) -> Statements:
    """Return the statements of tuples of three strings, and of five for literals.

    Raises:
        DataError: A tuple has another length, or holds something that is no string.
    """
    return statements(_columns(triples, 3, "triples"), _columns(literals, 5, "literals"))


def _columns(rows: Iterable[Sequence[str | None]], width: int, name: str) -> tuple[Any, ...]:
    listed = _checked(rows, name, (width,), f"{width} strings")
    columns = list(zip(*listed, strict=True)) or [()] * width
    return tuple(string_array(column) for column in columns)


def split_statements(
    rows: Iterable[Sequence[str | None]], name: str
) -> tuple[list[Any], list[Any]]:
    """Return the tuples of three strings, and those of five, which hold a literal.

    Raises:
        DataError: A tuple has another length.
    """
    expected = "3 strings, or 5 for a literal (subject, predicate, value, datatype, language)"
    listed = _checked(rows, name, (3, 5), expected)
    return [row for row in listed if len(row) == 3], [row for row in listed if len(row) == 5]


def _checked(rows: Iterable[Any], name: str, widths: Sequence[int], expected: str) -> list[Any]:
    """Return rows as a list. A row that is no sequence of an allowed length is an error."""
    listed = list(rows)
    for position, row in enumerate(listed):
        is_row = isinstance(row, Sequence) and not isinstance(row, str)
        if not is_row or len(row) not in widths:
            shown = printable(repr(row), 120)
            found = f"has {len(row)} parts ({shown})" if is_row else f"is {shown}"
            raise DataError(f"{name}[{position}] {found}; expected {expected}.")
    return listed


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
    if graphs is not None:  # a row for each graph of a statement
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
        entities = _nodes(kg.entities.ids)
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
    named = [dataset.graph(node) if node else dataset for node in _nodes(graphs.names.ids)]
    for stated, pairs in ((edges, graphs.triple), (values, graphs.literal)):
        for row, graph in pairs.tolist():
            named[graph].add(stated[row])
    return dataset


def _nodes(ids: Iterable[str]) -> list[Any]:
    import rdflib

    return [rdflib.BNode(id[2:]) if id.startswith("_:") else rdflib.URIRef(id) for id in ids]


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
    """Silence rdflib about ids that are no IRIs and about ill-typed literals.

    It would log a traceback for each. `KnowledgeGraph.statistics` reports them instead.
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
