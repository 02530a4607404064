"""Graphs to and from networkx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.errors import DataError, printable

if TYPE_CHECKING:
    import networkx

    from kgrec.kg.graph import KnowledgeGraph

Texts = tuple[str, ...]


def networkx_statements(
    graph: networkx.MultiDiGraph[Any],
) -> tuple[list[tuple[str, str, str]], list[Texts]]:
    """Return the triples and the literals of a networkx graph as `from_triples` takes them.

    Raises:
        DataError: The edges have no direction or no keys, a node or key is no string, or the
            `literals` of a node are not (relation, value, datatype, language).
    """
    if not (graph.is_directed() and graph.is_multigraph()):
        raise DataError(
            f"Expected a networkx.MultiDiGraph whose edges are keyed by relation id, found "
            f"{type(graph).__name__}."
        )
    triples = [
        (_id(head, "node"), _id(relation, "edge key"), _id(tail, "node"))
        for head, tail, relation in graph.edges(keys=True)
    ]
    literals = [
        (_id(node, "node"), *literal)
        for node, found in graph.nodes(data="literals", default=())
        for literal in _literals(node, found)
    ]
    return triples, literals


def _id(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    hint = "; give each edge its relation as key" if place == "edge key" else ""
    raise DataError(
        f"The {place} {printable(repr(value))} is of type {type(value).__name__}; entities and "
        f"relations must be strings{hint}."
    )


def _literals(node: Any, found: Any) -> Iterator[Texts]:
    for literal in found or ():
        texts = tuple(literal) if isinstance(literal, tuple | list) else ()
        if len(texts) != 4 or not all(isinstance(text, str) for text in texts):
            raise DataError(
                f"The node {printable(repr(node))} has the literal {printable(repr(literal))}; "
                "expected (relation, value, datatype, language), all of them text."
            )
        yield texts


def to_networkx(
    kg: KnowledgeGraph,
    entities: Iterable[str | int] | None,
    hops: int,
    max_nodes: int | None,
) -> networkx.MultiDiGraph[str]:
    """Return `kg` or a neighbourhood in it; see `KnowledgeGraph.to_networkx`."""
    import networkx as nx

    hop = _hops(kg, entities, hops)
    reached = np.flatnonzero(hop >= 0)
    nearest = reached[np.argsort(hop[reached], kind="stable")]
    kept = nearest if max_nodes is None else nearest[:max_nodes]
    inside = np.zeros(kg.num_entities, dtype=bool)
    inside[kept] = True
    graph: networkx.MultiDiGraph[str] = nx.MultiDiGraph(left_out=len(reached) - len(kept))
    ids = dict(zip(kept.tolist(), kg.entities.take(kept), strict=True))
    for (row, id), label in zip(ids.items(), kg.labels(kept), strict=True):
        distance = None if entities is None else int(hop[row])
        graph.add_node(id, label=label, row=row, hop=distance, literals=[])
    names = kg.relation_labels()
    edges = kg.triples[inside[kg.triples[:, 0]] & inside[kg.triples[:, 2]]]
    for subject, relation, object in edges.tolist():
        key = kg.relations.id(relation)
        graph.add_edge(ids[subject], ids[object], key=key, label=names[relation])
    literals = kg.literals.take(np.flatnonzero(inside[kg.literals.subject]))
    for subject, relation, *texts in zip(
        literals.subject.tolist(),
        kg.relations.take(literals.relation),
        literals.value.to_pylist(),
        literals.datatype.to_pylist(),
        literals.language.to_pylist(),
        strict=True,
    ):
        graph.nodes[ids[subject]]["literals"].append((relation, *texts))
    return graph


def _hops(
    kg: KnowledgeGraph, entities: Iterable[str | int] | None, hops: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the distance of each entity from the nearest of `entities`, -1 beyond `hops`."""
    if entities is None:
        return np.zeros(kg.num_entities, dtype=np.int64)
    if isinstance(entities, str):
        entities = [entities]
    distance = np.full(kg.num_entities, -1, dtype=np.int64)
    for entity in entities:
        row = kg.entities.row(entity) if isinstance(entity, str) else int(entity)
        kg.entities.id(row)  # an error for a row that is not there
        distance[row] = 0
    subject, object = kg.triples[:, 0], kg.triples[:, 2]
    for step in range(1, hops + 1):
        frontier = distance == step - 1
        touched = np.concatenate([object[frontier[subject]], subject[frontier[object]]])
        distance[touched[distance[touched] < 0]] = step
    return distance
