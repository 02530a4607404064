"""A sampled part of a graph, with operators whose expectation is that of the whole graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from kgrec.graph.homogeneous import HomogeneousGraph
from kgrec.graph.neighbors import InEdges, Neighborhood, Neighbors
from kgrec.graph.propagation import Propagation, SparseOperator
from kgrec.types import EdgeType


class SampledPropagation(Propagation):
    """The operators between the nodes of a sampled part of a graph.

    The weight of an edge is its weight in the whole graph times the number of edges that it stands
    for: the in-degree of its destination within its type divided by the number of these edges that
    were drawn. So the expected sum of the messages into an expanded node is that of the whole
    graph; with all edges drawn, it is exactly that sum.

    Args:
        parts: The sampler that drew it.
        drawn: The nodes and edges that were drawn.
    """

    def __init__(self, parts: Parts, drawn: Neighborhood) -> None:
        whole = parts.whole
        self.normalisation = whole.normalisation
        self.interactions_only = whole.interactions_only
        self.relations = whole.relations
        self.node = {kind: rows.to(whole.device) for kind, rows in drawn.node.items()}
        self.sizes = {kind: len(rows) for kind, rows in drawn.node.items()}
        self.item_degree = whole.item_degree[self.node["item"]]
        self._parts, self._drawn = parts, drawn
        self._after: dict[int, SampledPropagation] = {}

    @cached_property
    def operators(self) -> dict[EdgeType, SparseOperator]:  # type: ignore[override]
        """The operator of each edge type."""
        from kgrec.graph.neighbor_loops import transpose

        drawn, made = self._drawn, {}
        for kind, values in self._parts.weights.items():
            source, target = drawn.source[kind], drawn.target[kind]
            weight = values[drawn.place[kind]] * drawn.weight[kind]
            count = torch.bincount(target, minlength=self.sizes[kind[2]])
            arrays = source.numpy(), target.numpy(), weight.numpy()
            by_target = source, torch.cumsum(count, 0) - count, weight
            by_source = map(torch.from_numpy, transpose(*arrays, self.sizes[kind[0]]))
            made[kind] = SparseOperator.from_sorted(
                tuple(part.to(self.device) for part in by_target),
                tuple(part.to(self.device) for part in by_source),
            )
        return made

    def after(self, num_layers: int) -> SampledPropagation:
        """Return the part from that many hops earlier; see `Propagation.after`."""
        if not num_layers:
            return self
        if num_layers not in self._after:
            hops = max(self._drawn.hops - num_layers, 0)
            self._after[num_layers] = SampledPropagation(self._parts, self._drawn.within(hops))
        return self._after[num_layers]

    @cached_property
    def homogeneous(self) -> HomogeneousGraph:
        """The same edges over all of the part's nodes in one numbering."""
        drawn, relations = self._drawn, self._parts.whole.homogeneous.relations
        rows = self._parts.homogeneous_rows
        none = torch.zeros(0, dtype=torch.int64, device=self.device)
        graph = HomogeneousGraph(self.sizes, relations, none, none, none)
        kinds = list(rows)
        if not kinds:
            return graph
        columns = (
            [drawn.source[kind] + graph.start(kind[0]) for kind in kinds],
            [drawn.target[kind] + graph.start(kind[2]) for kind in kinds],
            [torch.full_like(drawn.place[kind], relations.index(kind[1])) for kind in kinds],
            [rows[kind][drawn.place[kind]] for kind in kinds],
            [drawn.weight[kind] for kind in kinds],
        )
        made = [torch.cat(column).to(self.device) for column in columns]
        return HomogeneousGraph(self.sizes, relations, *made)


class Parts:
    """Draws parts of a graph, each the neighborhood of some nodes.

    Compiled loops draw them on the CPU; then they move to the device of the whole graph.

    Args:
        whole: The operators of all edges.
        num_neighbors: Edges of each type that are taken of a node, at most, in each hop; -1: all.

    Attributes:
        weights: Value of each edge in operator order, float32 of shape (E,), on the CPU.
    """

    def __init__(self, whole: Propagation, num_neighbors: Sequence[int]) -> None:
        self.whole = whole
        self.num_neighbors = {kind: tuple(num_neighbors) for kind, _ in whole.items()}
        edges, self.weights = {}, {}
        for kind, operator in whole.items():
            source, start, self.weights[kind] = (part.cpu() for part in operator.by_target)
            edges[kind] = InEdges(torch.cat([start, torch.tensor([len(source)])]), source)
        self._neighbors = Neighbors(whole.sizes, edges)

    def around(self, seeds: Mapping[str, Tensor], generator: torch.Generator) -> SampledPropagation:
        """Return the neighborhood of distinct nodes, rows by type, which are its first nodes."""
        seeds = {kind: rows.cpu() for kind, rows in seeds.items()}
        drawn = self._neighbors.draw(seeds, self.num_neighbors, generator)
        return SampledPropagation(self, drawn)

    @cached_property
    def homogeneous_rows(self) -> dict[EdgeType, Tensor]:
        """Row in the homogeneous graph of each edge, in operator order, int64 of shape (E,).

        The homogeneous graph has its edges sorted by relation, destination and source.
        """
        homogeneous, keys = self.whole.homogeneous, {}
        place = {name: row for row, name in enumerate(homogeneous.relations)}
        for kind, edges in self._neighbors.edges.items():
            target = torch.repeat_interleave(torch.diff(edges.start)) + homogeneous.start(kind[2])
            row = place[kind[1]] * homogeneous.num_nodes + target
            keys[kind] = row * homogeneous.num_nodes + edges.source + homogeneous.start(kind[0])
        if not keys:
            return {}
        order = torch.argsort(torch.cat(list(keys.values())))
        rows = torch.empty_like(order)
        rows[order] = torch.arange(len(order))
        return dict(zip(keys, torch.split(rows, [len(key) for key in keys.values()]), strict=True))
