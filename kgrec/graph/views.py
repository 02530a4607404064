"""Neighborhoods in the graph, as graphs of networkx."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.errors import ConfigError, UnknownIdError, did_you_mean, printable
from kgrec.graph.build import forward_types
from kgrec.graph.node_names import NodeNames
from kgrec.types import BoolArray, EdgeType, IntArray

if TYPE_CHECKING:
    import networkx
    from torch_geometric.data import HeteroData

Node = tuple[str, int]


def to_networkx(
    graph: HeteroData,
    seeds: Sequence[Node],
    *,
    hops: int = 1,
    max_nodes: int = 30,
    names: NodeNames | None = None,
    relations: Iterable[str] | None = None,
) -> networkx.MultiDiGraph[Node]:
    """Return the neighborhood of some nodes.

    Nodes are added hop by hop. If they are too many, those of low degree stay: a director says
    more about a film than the country of a hundred films.

    Args:
        graph: The graph.
        seeds: (node type, row) of the nodes to start from.
        hops: Number of edges, in either direction, that the neighborhood reaches.
        max_nodes: Number of nodes at most, with the seeds.
        names: Labels; None: ids.
        relations: Names or IRIs of the relations to follow and to show; None: all.

    Returns:
        Nodes are (type, row) with `type`, `row`, `id`, `label` and `hop`; edges go in the
        direction of their relation, are keyed by its name and have `relation`, `iri` and `label`.
        All edges between the nodes are included. `graph["left_out"]` is the number of nodes within
        `hops` that `max_nodes` left out.

    Raises:
        UnknownIdError: A seed is not in the graph.
        ConfigError: There is no seed, `hops` or `max_nodes` is too small, or a relation is
            unknown.
    """
    import networkx as nx

    names = names or NodeNames(ids={kind: graph[kind].node_id for kind in graph.node_types})
    seeds = _checked_seeds(graph, seeds)
    if hops < 0:
        raise ConfigError(f"hops must be at least 0, found {hops}.")
    if max_nodes < len(seeds):
        raise ConfigError(f"max_nodes={max_nodes} must hold the {len(seeds)} seeds.")
    edges = _edges(graph, relations)
    hop_of, left_out = _reach(graph, edges, seeds, hops, max_nodes)
    view: networkx.MultiDiGraph[Node] = nx.MultiDiGraph(left_out=left_out)
    for (kind, row), hop in hop_of.items():
        words = {"id": names.id(kind, row), "label": names.node(kind, row)}
        view.add_node((kind, row), type=kind, row=row, **words, hop=hop)
    for edge in edges:
        start, name, end = edge.kind
        inside = edge.between(hop_of)
        attributes = {
            "relation": name,
            "iri": edge.iri,
            "label": names.relation(edge.kind, edge.iri),
        }
        for source, target in zip(edge.source[inside], edge.target[inside], strict=True):
            view.add_edge((start, int(source)), (end, int(target)), key=name, **attributes)
    return view


@dataclass(frozen=True, eq=False)
class _Edges:
    """The edges of one type, ordered by source, then target."""

    kind: EdgeType
    iri: str
    source: IntArray
    target: IntArray

    def between(self, nodes: dict[Node, Any]) -> BoolArray:
        """Return which edges have both ends among `nodes`, bool of shape (E,)."""
        ends = ((self.kind[0], self.source), (self.kind[2], self.target))
        chosen = [np.isin(rows, [row for kind, row in nodes if kind == end]) for end, rows in ends]
        return chosen[0] & chosen[1]


def _checked_seeds(graph: HeteroData, seeds: Sequence[Node]) -> list[Node]:
    if not seeds:
        raise ConfigError("There is no seed: a neighborhood needs at least one (type, row).")
    checked: dict[Node, None] = {}
    for kind, row in seeds:
        if kind not in graph.node_types:
            raise UnknownIdError(
                f"The graph has no node type {printable(str(kind))!r}."
                + did_you_mean(str(kind), graph.node_types)
            )
        if not 0 <= row < graph[kind].num_nodes:
            raise UnknownIdError(f"{kind} row {row} is outside of 0 … {graph[kind].num_nodes - 1}.")
        checked[(kind, int(row))] = None
    return list(checked)


def _edges(graph: HeteroData, relations: Iterable[str] | None) -> list[_Edges]:
    if isinstance(relations, str):
        raise ConfigError(f"relations must be a list of names, found the text {relations!r}.")
    found = []
    for kind in sorted(forward_types(graph)):
        source, target = graph[kind].edge_index.numpy()
        order = np.lexsort((target, source))
        found.append(_Edges(kind, graph[kind].iri, source[order], target[order]))
    if relations is None:
        return found
    wanted = set(relations)
    known = {name for edge in found for name in (edge.kind[1], edge.iri) if name}
    for name in sorted(wanted - known):
        raise ConfigError(
            f"The graph has no relation {printable(name)!r}." + did_you_mean(name, sorted(known))
        )
    return [edge for edge in found if edge.kind[1] in wanted or edge.iri in wanted]


def _reach(
    graph: HeteroData, edges: list[_Edges], seeds: list[Node], hops: int, max_nodes: int
) -> tuple[dict[Node, int], int]:
    """Return the hop of each node of the neighborhood, and how many nodes were left out."""
    degree = {kind: np.zeros(graph[kind].num_nodes, dtype=np.int64) for kind in graph.node_types}
    for edge in edges:
        for kind, rows in ((edge.kind[0], edge.source), (edge.kind[2], edge.target)):
            degree[kind] += np.bincount(rows, minlength=len(degree[kind]))
    hop_of = dict.fromkeys(seeds, 0)
    left_out: set[Node] = set()
    frontier = list(seeds)
    for hop in range(1, hops + 1):
        found = [node for node in _neighbors(edges, frontier) if node not in hop_of]
        found.sort(key=lambda node: (int(degree[node[0]][node[1]]), node))
        room = max_nodes - len(hop_of)
        frontier = found[:room]
        left_out.update(found[room:])
        hop_of |= dict.fromkeys(frontier, hop)
    return hop_of, len(left_out.difference(hop_of))


def _neighbors(edges: list[_Edges], frontier: list[Node]) -> set[Node]:
    found: set[Node] = set()
    for edge in edges:
        start, _, end = edge.kind
        for near, far_kind, far in (
            ((start, edge.source), end, edge.target),
            ((end, edge.target), start, edge.source),
        ):
            rows = [row for kind, row in frontier if kind == near[0]]
            if rows:
                reached = np.unique(far[np.isin(near[1], rows)])
                found.update((far_kind, int(row)) for row in reached)
    return found
