"""Statements as numbers of strings: what every reader of N-Triples finds.

This module selects the statements of the graphs that are asked for, and then names their blank
nodes. All readers use it, so that names do not depend on the reader of a file.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.codes import recode, row_slices, used_codes
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.statements import LiteralTable, Statements
from kgrec.types import BoolArray, RowArray

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


@dataclass
class TermNumbers:
    """Statements as numbers of strings, in columns.

    Attributes:
        terms: Numbers of subject, predicate and object, or of what follows the value of a literal,
            int32 of shape (3, n).
        graph: Number of the graph's name, or NO_GRAPH, int32 of shape (n,); None: all statements
            are in the default graph.
        line: Number of the line, int32 of shape (n,); None: no statement has a blank node.
    """

    terms: RowArray
    graph: RowArray | None
    line: RowArray | None

    def __len__(self) -> int:
        return int(self.terms.shape[1])

    def kept(self, mask: BoolArray) -> TermNumbers:
        """Return the statements where `mask`, of shape (n,), is true."""
        graph = None if self.graph is None else self.graph[mask]
        line = None if self.line is None else self.line[mask]
        return TermNumbers(self.terms[:, mask], graph, line)


@dataclass
class NumberedStatements:
    """Statements as a reader finds them: each term is the number of a string.

    Attributes:
        strings: IRIs, blank nodes as ``_:label``, and what follows the value of a literal (``@en``,
            ``^^<…>`` or nothing), Arrow `large_string` of shape (s,). Strings of different kinds
            may be the same; of one kind, they are distinct.
        edges: The n statements between entities.
        values: The m statements with a literal.
        texts: The values of the literals, unescaped, Arrow `large_string` of shape (m,).
    """

    strings: Any
    edges: TermNumbers
    values: TermNumbers
    texts: Any


def to_statements(found: NumberedStatements, nodes: BlankNodes, graphs: GraphChoice) -> Statements:
    """Return the statements of the graphs that are wanted, with the names of their blank nodes.

    Args:
        found: The statements; their columns become those of the result, and are changed.
        nodes: Names the blank nodes.
        graphs: Says which graphs are wanted.
    """
    strings, edges, values, texts = found.strings, found.edges, found.values, found.texts
    if graphs.wanted is not None:
        of_edges, of_values = _chosen(strings, edges, values, graphs)
        edges, values = edges.kept(of_edges), values.kept(of_values)
        texts = texts.filter(pa.array(of_values))
    _name_blank_nodes(strings, edges, values, nodes)
    edges.line = values.line = None
    terms, term = used_codes([*edges.terms[::2], values.terms[0]], len(strings))
    predicates, predicate = used_codes([edges.terms[1], values.terms[1]], len(strings))
    tails, tail = used_codes([values.terms[2]], len(strings))
    names, edge_graph, value_graph = _graphs(strings, edges, values)
    for part, codes in ((edges, (term, predicate, term)), (values, (term, predicate, tail))):
        for column, code in zip(part.terms, codes, strict=True):
            recode(column, code)
    kinds = [_tail_meaning(one) for one in strings.take(tails).to_pylist()]
    literals = LiteralTable(
        texts,
        _recoded(values.terms[2], [datatype for datatype, _ in kinds]),
        _recoded(values.terms[2], [language for _, language in kinds]),
    )
    batch = Statements(
        terms=nodes.named(strings.take(terms)),
        predicates=strings.take(predicates),
        edges=edges.terms.T,
        literals=literals,
        values=values.terms[:2].T,
    )
    if names is None:
        return batch
    return replace(batch, graphs=nodes.named(names), edge_graph=edge_graph, value_graph=value_graph)


def _chosen(
    strings: Any, edges: TermNumbers, values: TermNumbers, graphs: GraphChoice
) -> tuple[BoolArray, BoolArray]:
    """Return which statements are in a graph that is wanted."""
    names, *codes = _graphs(strings, edges, values)
    if names is None:
        wanted = graphs.takes("", len(edges) + len(values))
        return np.full(len(edges), wanted), np.full(len(values), wanted)
    counts = np.bincount(np.concatenate(codes), minlength=len(names)).tolist()
    takes = np.array([graphs.takes(*one) for one in zip(names.to_pylist(), counts, strict=True)])
    edge_code, value_code = codes
    return takes[edge_code], takes[value_code]


def _graphs(strings: Any, edges: TermNumbers, values: TermNumbers) -> tuple[Any, Any, Any]:
    """Return names of graphs, "" for the default one, and their codes for each statement.

    All three are None if there is only the default graph.
    """
    if not any(
        part.graph is not None and (part.graph != NO_GRAPH).any() for part in (edges, values)
    ):
        return None, None, None
    # The default graph is numbered after the others.
    last = len(strings)
    columns = [
        np.full(len(part), last, dtype=np.int32)
        if part.graph is None
        else np.where(part.graph == NO_GRAPH, np.int32(last), part.graph)
        for part in (edges, values)
    ]
    used, code = used_codes(columns, last + 1)
    names = strings.take(used[used != last])
    if used[-1] == last:
        names = pa.concat_arrays([names, pa.array([""], type=pa.large_string())])
    for column in columns:
        recode(column, code)
    return names, columns[0], columns[1]


def _name_blank_nodes(
    strings: Any, edges: TermNumbers, values: TermNumbers, nodes: BlankNodes
) -> None:
    """Name the blank nodes in the order in which they appear in the text."""
    if edges.line is None and values.line is None:
        return
    is_blank = np.asarray(pc.starts_with(strings, "_:"))
    never = np.iinfo(np.int64).max
    first = np.full(len(strings), never)
    for part, columns in (
        (edges, ((0, edges.terms[0]), (2, edges.terms[2]), (3, edges.graph))),
        (values, ((0, values.terms[0]), (3, values.graph))),
    ):
        if part.line is None:
            continue
        for place, column in columns:
            if column is None:
                continue
            for rows in row_slices(len(column)):
                numbers = column[rows]
                met = np.flatnonzero((numbers != NO_GRAPH) & is_blank[numbers])
                places = 4 * part.line[rows][met].astype(np.int64) + place
                np.minimum.at(first, numbers[met], places)
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


def _recoded(indices: RowArray, meanings: list[str]) -> Any:
    """Return the dictionary array of meanings[indices]."""
    distinct = pa.array(meanings, type=pa.large_string()).dictionary_encode()
    codes = distinct.indices.take(pa.array(indices))
    return pa.DictionaryArray.from_arrays(codes, distinct.dictionary)
