"""Statements as numbers of strings: what every reader of N-Triples finds.

This module selects the statements of the graphs that are asked for, and then names their blank
nodes. All readers use it, so that names do not depend on the reader of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.statements import LiteralTable, Statements, take_literals
from kgrec.types import BoolArray, IntArray, RowArray

NO_GRAPH: Final = -1
"""Stands for the default graph where the number of a graph's name is expected."""


class BlankNodes:
    """Names the blank nodes of one file, in the order in which they appear.

    Labels of blank nodes mean nothing outside of their file, and a parser makes some up at
    random. Numbering them keeps files apart and gives the same names at every reading.

    Args:
        file: Number of the file among those that are read together.

    Attributes:
        names: The names so far, by their labels.

    >>> nodes = BlankNodes(1)
    >>> [nodes.name(label) for label in ("_:x", "_:y", "_:x")]
    ['_:file1_b0', '_:file1_b1', '_:file1_b0']
    """

    def __init__(self, file: int) -> None:
        self._prefix = f"_:file{file}_b"
        self.names: dict[str, str] = {}

    def name(self, label: str) -> str:
        """Return the name of the node that the file calls `label`."""
        return self.names.setdefault(label, f"{self._prefix}{len(self.names)}")

    def named(self, terms: Any) -> Any:
        """Return terms with their blank nodes named, in the order of the terms.

        Args:
            terms: IRIs and ``_:label``, Arrow `large_string`.
        """
        mask = pc.starts_with(terms, "_:")
        labels = terms.filter(mask).to_pylist()
        if not labels:
            return terms
        names = pa.array([self.name(label) for label in labels], type=pa.large_string())
        return pc.replace_with_mask(terms, mask, names)

    def __len__(self) -> int:
        return len(self.names)


class GraphChoice:
    """Which graphs of one file are wanted, and which were found in it.

    Args:
        wanted: Names of graphs, "" for the default graph; None: all.

    Attributes:
        wanted: The same.
        met: Names of the graphs found, as the file writes them; empty if all are wanted.
        left_out: Number of statements left out because they are in other graphs.
    """

    def __init__(self, wanted: Collection[str] | None) -> None:
        self.wanted = wanted
        self.met: set[str] = set()
        self.left_out = 0

    def takes(self, name: str, statements: int = 1) -> bool:
        """Return whether the graph `name` is wanted, and note so many of its statements."""
        if self.wanted is None:
            return True
        if statements:
            self.met.add(name)
        if name in self.wanted:
            return True
        self.left_out += statements
        return False


@dataclass(frozen=True)
class NumberedStatements:
    """Statements as a reader finds them: each term is the number of a string.

    Attributes:
        strings: IRIs, blank nodes as ``_:label``, and what follows the value of a literal (``@en``,
            ``^^<…>`` or nothing), Arrow `large_string` of shape (s,). Strings of different kinds
            may be the same; of one kind, they are distinct.
        edges: Numbers of subject, predicate, object and graph (or NO_GRAPH) of the statements
            between entities, and of their line, int32 of shape (5, n).
        values: Numbers of subject, predicate, what follows the literal's value, graph and line of
            the statements with a literal, int32 of shape (5, m).
        texts: The values of the literals, unescaped, Arrow `large_string` of shape (m,).
    """

    strings: Any
    edges: RowArray
    values: RowArray
    texts: Any


def to_statements(found: NumberedStatements, nodes: BlankNodes, graphs: GraphChoice) -> Statements:
    """Return the statements of the graphs that are wanted, with the names of their blank nodes."""
    strings, edges, values = found.strings, found.edges, found.values
    kept = None
    if graphs.wanted is not None:
        of_edges, kept = _chosen(strings, edges[3], values[3], graphs)
        edges, values = edges[:, of_edges], values[:, kept]
    _name_blank_nodes(strings, edges, values, nodes)
    terms, term = _used([edges[0], edges[2], values[0]], len(strings))
    predicates, predicate = _used([edges[1], values[1]], len(strings))
    tails, tail = _used([found.values[2]], len(strings))
    kinds = [_tail_meaning(one) for one in strings.take(tails).to_pylist()]
    codes = pa.array(tail[found.values[2]])
    literals = LiteralTable(
        found.texts,
        _recoded(codes, [datatype for datatype, _ in kinds]),
        _recoded(codes, [language for _, language in kinds]),
    )
    batch = Statements(
        terms=nodes.named(strings.take(terms)),
        predicates=strings.take(predicates),
        edges=np.column_stack([term[edges[0]], predicate[edges[1]], term[edges[2]]]),
        literals=literals if kept is None else take_literals(literals, np.flatnonzero(kept)),
        values=np.column_stack([term[values[0]], predicate[values[1]]]),
    )
    names, edge_graph, value_graph = _graphs(strings, edges[3], values[3])
    if names.to_pylist() == [""]:
        return batch
    names = nodes.named(names)
    return replace(batch, graphs=names, edge_graph=edge_graph, value_graph=value_graph)


def _chosen(
    strings: Any, edge_graph: RowArray, value_graph: RowArray, graphs: GraphChoice
) -> tuple[BoolArray, BoolArray]:
    """Return which statements are in a graph that is wanted."""
    names, *codes = _graphs(strings, edge_graph, value_graph)
    counts = np.bincount(np.concatenate(codes), minlength=len(names)).tolist()
    wanted = np.array([graphs.takes(*one) for one in zip(names.to_pylist(), counts, strict=True)])
    edge_code, value_code = codes
    return wanted[edge_code], wanted[value_code]


def _graphs(strings: Any, edges: RowArray, values: RowArray) -> tuple[Any, IntArray, IntArray]:
    """Return names of graphs, "" for the default one, and their codes for each statement."""
    default = pa.array([""], type=pa.large_string())
    if not (edges != NO_GRAPH).any() and not (values != NO_GRAPH).any():
        return default, np.zeros(edges.shape, np.int64), np.zeros(values.shape, np.int64)
    # The default graph is numbered after the others.
    last = len(strings)
    columns = [np.where(column == NO_GRAPH, last, column) for column in (edges, values)]
    used, code = _used(columns, last + 1)
    names = strings.take(used[used != last])
    if used[-1] == last:
        names = pa.concat_arrays([names, default])
    return names, code[columns[0]], code[columns[1]]


def _name_blank_nodes(strings: Any, edges: RowArray, values: RowArray, nodes: BlankNodes) -> None:
    """Name the blank nodes in the order in which they appear in the text."""
    is_blank = np.asarray(pc.starts_with(strings, "_:"))
    if not is_blank.any():
        return
    never = np.iinfo(np.int64).max
    first = np.full(len(strings), never)
    for columns, places in ((edges, (0, 2, 3)), (values, (0, 3))):
        line = columns[4]
        for place in places:
            column = columns[place]
            met = np.flatnonzero((column != NO_GRAPH) & is_blank[column])
            np.minimum.at(first, column[met], 4 * line[met].astype(np.int64) + place)
    blank = np.flatnonzero(first != never)
    for label in strings.take(blank[np.argsort(first[blank], kind="stable")]).to_pylist():
        nodes.name(label)


def _tail_meaning(tail: str) -> tuple[str, str]:
    """Return datatype and language of a literal from what follows its value."""
    if tail.startswith("^^<"):
        return tail[3:-1], ""
    if tail.startswith("@"):
        return (RDF_DIR_LANG_STRING if "--" in tail else RDF_LANG_STRING), tail[1:].lower()
    return XSD_STRING, ""


def _recoded(indices: Any, meanings: list[str]) -> Any:
    """Return the dictionary array of meanings[indices]."""
    distinct = pa.array(meanings, type=pa.large_string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(indices), distinct.dictionary)


def _used(columns: Sequence[RowArray], size: int) -> tuple[IntArray, IntArray]:
    """Return the numbers that occur in some columns, and the place of each number among them."""
    used = np.zeros(size, dtype=bool)
    for column in columns:
        used[column] = True
    return np.flatnonzero(used), np.cumsum(used) - 1
