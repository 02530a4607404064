"""Statements about statements (RDF 1.2, or RDF-star), which a graph of plain triples leaves out.

https://www.w3.org/TR/rdf12-concepts/#dfn-triple-term: the object of a statement may be a triple
term, `<<( s p o )>>`. The node that `rdf:reifies` connects with it is its reifier. Turtle writes
reifiers as `<< s p o >>` or after `~`, and their statements also as annotations: `{| p o |}`. The
triple that has an annotation is a plain one and is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.codes import used_codes
from kgrec.rdf.namespaces import RDF
from kgrec.rdf.statements import LiteralTable, Statements, take_literals
from kgrec.types import BoolArray

_BEGIN: Final = b"<<("
_REIFIES: Final = f"<{RDF}reifies>".encode()


class TripleTerms:
    """Counts the statements of one file that are left out because of triple terms.

    Attributes:
        count: Number of all statements that were left out.
    """

    def __init__(self) -> None:
        self.count = 0
        self._reifiers: set[bytes] = set()

    def add(self, line: bytes) -> None:
        """Count a statement with a triple term, which is a line of canonical N-Triples."""
        self.count += 1
        subject, predicate, _ = line.split(b" ", 2)
        if predicate == _REIFIES:
            self._reifiers.add(subject)

    def without(self, written: bytes) -> bytes:
        """Return canonical N-Triples or N-Quads without the lines that have a triple term."""
        return b"".join(self.lines_without(written)[0]) if _BEGIN in written else written

    def lines_without(self, written: bytes) -> tuple[list[bytes], list[int]]:
        """Return the lines that have no triple term, with their ends, and their numbers."""
        lines: list[bytes] = []
        numbers: list[int] = []
        for number, line in enumerate(written.splitlines(keepends=True)):
            parts = line.split(b" ", 2)
            if len(parts) == 3 and parts[2].startswith(_BEGIN):
                self.add(line)
            else:
                lines.append(line)
                numbers.append(number)
        return lines, numbers

    def without_annotations(
        self, batches: Sequence[Statements], names: dict[str, str]
    ) -> list[Statements]:
        """Return batches without the statements whose subject or object is a reifier.

        Blank nodes that only such statements lead to are left out with them.

        Args:
            batches: All statements of the file.
            names: Names of its blank nodes by their labels.
        """
        terms = {subject.decode() for subject in self._reifiers}
        gone = {term[1:-1] for term in terms if not term.startswith("_:")}
        gone |= {names[term] for term in terms if term in names}
        found = list(batches)
        while gone:
            rest, behind = [], set[str]()
            for batch in found:
                kept, left_out = _without_terms(batch, gone)
                behind |= left_out
                self.count += len(batch) - len(kept)
                rest.append(kept)
            found = rest
            for batch in found:
                behind -= set(batch.terms.take(pa.array(np.unique(batch.edges[:, 2]))).to_pylist())
            gone = behind
        return found


def _without_terms(batch: Statements, gone: set[str]) -> tuple[Statements, set[str]]:
    """Return a batch without the statements of some terms, and the blank nodes they lead to."""
    is_gone = np.asarray(pc.is_in(batch.terms, pa.array(gone, type=pa.large_string())), dtype=bool)
    if not is_gone.any():
        return batch, set()
    edges, values = batch.edges, batch.values
    from_gone = is_gone[edges[:, 0]]
    left_out = from_gone | is_gone[edges[:, 2]]
    behind = batch.terms.take(pa.array(np.unique(edges[from_gone, 2]))).to_pylist()
    blank = {term for term in behind if term.startswith("_:") and term not in gone}
    return restricted(batch, ~left_out, ~is_gone[values[:, 0]]), blank


def restricted(batch: Statements, edges: BoolArray, values: BoolArray) -> Statements:
    """Return a batch of the statements that the masks keep, with the terms in them."""
    kept, rows = batch.edges[edges], np.flatnonzero(values)
    owners = batch.values[rows]
    used, code = used_codes([kept[:, 0], kept[:, 2], owners[:, 0]], len(batch.terms))
    relations, relation = used_codes([kept[:, 1], owners[:, 1]], len(batch.predicates))
    literals: LiteralTable = take_literals(batch.literals, rows)
    new = replace(
        batch,
        terms=batch.terms.take(pa.array(used)),
        predicates=batch.predicates.take(pa.array(relations)),
        edges=np.column_stack([code[kept[:, 0]], relation[kept[:, 1]], code[kept[:, 2]]]),
        literals=literals,
        values=np.column_stack([code[owners[:, 0]], relation[owners[:, 1]]]),
    )
    if batch.edge_graph is None or batch.value_graph is None:
        return new
    return replace(new, edge_graph=batch.edge_graph[edges], value_graph=batch.value_graph[rows])
