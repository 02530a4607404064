"""Graphs to and from networkx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.errors import DataError, printable
from kgrec.kg.exchange import in_graphs, tuple_statements
from kgrec.kg.labels import entity_labels, relation_labels
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.statements import Statements, string_array
from kgrec.types import IntArray

if TYPE_CHECKING:
    import networkx

Texts = tuple[str, ...]


def networkx_statements(graph: networkx.MultiDiGraph[Any]) -> Statements:
    """Return the statements of a networkx graph; see `KnowledgeGraph.from_networkx`.

    Raises:
        DataError: The edges have no direction or no keys, a node or key is no string, or the
            `literals` of a node are not (relation, value, datatype, language).
    """
    if not (graph.is_directed() and graph.is_multigraph()):
        raise DataError(
            f"Expected a networkx.MultiDiGraph whose edges are keyed by relation id, found "
            f"{type(graph).__name__}."
        )
    edges: list[Texts] = []
    values: list[Texts] = []
    in_graph: tuple[list[str], list[str]] = ([], [])
    named = False
    for head, tail, relation, about in graph.edges(keys=True, data=True):
        triple = (_id(head, "node"), _id(relation, "edge key"), _id(tail, "node"))
        named |= "graphs" in about
        for name in _names(about.get("graphs", ("",)), triple):
            edges.append(triple)
            in_graph[0].append(name)
    for node, about in graph.nodes(data=True):
        literals = list(_literals(node, about.get("literals")))
        graphs = about.get("literal_graphs", [("",)] * len(literals))
        if len(graphs) != len(literals):
            raise DataError(
                f"The node {printable(repr(node))} has {len(literals)} literals and "
                f"{len(graphs)} entries in literal_graphs; expected one for each."
            )
        named |= "literal_graphs" in about
        for literal, names in zip(literals, graphs, strict=True):
            for name in _names(names, literal):
                values.append((_id(node, "node"), *literal))
                in_graph[1].append(name)
    batch = tuple_statements(edges, values)
    if not named:
        return batch
    return in_graphs(batch, *(string_array(names) for names in in_graph))


def _names(names: Any, statement: Texts) -> tuple[str, ...]:
    """Return the names of a statement's graphs; an error if they are no text, or none."""
    listed = tuple(names) if isinstance(names, tuple | list) else ()
    if not listed or not all(isinstance(name, str) for name in listed):
        raise DataError(
            f"The statement {printable(repr(statement))} is in the graphs "
            f'{printable(repr(names))}; expected a list of names, "" for the default graph.'
        )
    return listed


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
    kg: GraphColumns,
    entities: Iterable[str | int] | None,
    hops: int,
    max_nodes: int | None,
) -> networkx.MultiDiGraph[str]:
    """Return `kg` or a neighborhood in it; see `KnowledgeGraph.to_networkx`."""
    import networkx as nx

    hop = _hops(kg, entities, hops)
    reached = np.flatnonzero(hop >= 0)
    nearest = reached[np.argsort(hop[reached], kind="stable")]
    kept = nearest if max_nodes is None else nearest[:max_nodes]
    inside = np.zeros(kg.num_entities, dtype=bool)
    inside[kept] = True
    graph: networkx.MultiDiGraph[str] = nx.MultiDiGraph(left_out=len(reached) - len(kept))
    ids = dict(zip(kept.tolist(), kg.entities.take(kept), strict=True))
    for (row, id), label in zip(ids.items(), entity_labels(kg, kept), strict=True):
        distance = None if entities is None else int(hop[row])
        graph.add_node(id, label=label, row=row, hop=distance, literals=[])
    names = relation_labels(kg)
    chosen = np.flatnonzero(inside[kg.triples[:, 0]] & inside[kg.triples[:, 2]])
    edges = kg.triples[chosen]
    named = kg.graphs
    graphs = None if named is None else (
        named.names_of(named.triple, kg.num_triples),
        named.names_of(named.literal, len(kg.literals)),
    )  # fmt: skip
    for place, (subject, relation, object) in zip(chosen.tolist(), edges.tolist(), strict=True):
        about = {} if graphs is None else {"graphs": graphs[0][place]}
        key = kg.relations.id(relation)
        graph.add_edge(ids[subject], ids[object], key=key, label=names[relation], **about)
    places = np.flatnonzero(inside[kg.literals.subject])
    literals = kg.literals.take(places)
    for place, subject, relation, *texts in zip(
        places.tolist(),
        literals.subject.tolist(),
        kg.relations.take(literals.relation),
        literals.value.to_pylist(),
        literals.datatype.to_pylist(),
        literals.language.to_pylist(),
        strict=True,
    ):
        node = graph.nodes[ids[subject]]
        node["literals"].append((relation, *texts))
        if graphs is not None:
            node.setdefault("literal_graphs", []).append(graphs[1][place])
    return graph


def _hops(kg: GraphColumns, entities: Iterable[str | int] | None, hops: int) -> IntArray:
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
