"""Several graphs as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import DataError
from kgrec.rdf.assembly import assemble
from kgrec.rdf.columns import Columns, GraphColumns
from kgrec.rdf.read_report import ReadReport
from kgrec.rdf.statements import Statements, statements


def merge_graphs(graphs: Sequence[Columns]) -> Columns:
    """Return the graph of all statements of several graphs.

    The same IRI is the same entity in all graphs. The same blank node is not: from the second graph
    on, blank nodes get new names (https://www.w3.org/TR/rdf11-mt/#shared-blank-nodes).

    Raises:
        DataError: There is no graph.

    >>> from kgrec.kg.graph import KnowledgeGraph
    >>> one = KnowledgeGraph.from_triples([("ex:a", "ex:p", "_:x")])
    >>> other = KnowledgeGraph.from_triples([("ex:a", "ex:p", "_:x"), ("ex:a", "ex:p", "ex:b")])
    >>> merge_graphs([one, other]).entities.ids
    ['_:g1_x', '_:x', 'ex:a', 'ex:b']
    """
    if not graphs:
        raise DataError("There is no graph to merge.")
    if len(graphs) == 1:
        return graphs[0]
    taken: list[str] = []
    batches: list[Statements] = []
    for graph in graphs:
        renamed = taken and _blank_nodes(graph.entities.array)
        batches.append(_statements(graph, _free_prefix(taken) if renamed else ""))
        taken += _blank_nodes(batches[-1].terms)
    reports = [graph.report for graph in graphs]
    report = ReadReport(
        files=tuple(file for report in reports for file in report.files),
        skipped=tuple(name for report in reports for name in report.skipped),
        rejected=sum(report.rejected for report in reports),
        first_rejected=next((r.first_rejected for r in reports if r.first_rejected), None),
        rejects=next((report.rejects for report in reports if report.rejects), None),
        notes=tuple(note for report in reports for note in report.notes),
    )
    made = assemble(batches, report)
    read = replace(
        made.report,
        statements=sum(report.statements for report in reports),
        duplicates=made.report.duplicates + sum(report.duplicates for report in reports),
    )
    return type(graphs[0]).from_columns(replace(made, report=read))


def _statements(kg: GraphColumns, prefix: str) -> Statements:
    entities, relations, literals = kg.entities.array, kg.relations.array, kg.literals
    if prefix:
        entities = pc.replace_substring_regex(entities, r"\A_:", "_:" + prefix)
    subject, relation, object = (pa.array(np.ascontiguousarray(c)) for c in kg.triples.T)
    text = pa.large_string()
    return statements(
        (entities.take(subject), relations.take(relation), entities.take(object)),
        (
            entities.take(pa.array(literals.subject)),
            relations.take(pa.array(literals.relation)),
            literals.value.cast(text),
            literals.datatype.cast(text),
            literals.language.cast(text),
        ),
    )


def _blank_nodes(terms: Any) -> list[str]:
    return list(terms.filter(pc.starts_with(terms, "_:")).to_pylist())


def _free_prefix(taken: Sequence[str]) -> str:
    number = 1
    while any(name.startswith(f"_:g{number}_") for name in taken):
        number += 1
    return f"g{number}_"
