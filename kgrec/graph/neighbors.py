"""Random parts of a graph: neighborhoods with a bounded number of edges for each node.

Hamilton, Ying and Leskovec, Inductive Representation Learning on Large Graphs, NeurIPS 2017.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgrec.errors import ConfigError
from kgrec.types import EdgeType


@dataclass(frozen=True)
class InEdges:
    """The edges of one type by destination (compressed sparse columns).

    Attributes:
        start: Where the edges into each node begin, and where the last ones end, int64 of shape
            (num_targets + 1,).
        source: Source row of each edge, int64 of shape (E,).
    """

    start: Tensor
    source: Tensor

    @classmethod
    def from_edges(cls, source: Tensor, target: Tensor, num_targets: int) -> tuple[InEdges, Tensor]:
        """Return the edges by destination, and which edge stands at each place, int64 (E,)."""
        order = torch.argsort(target, stable=True)
        start = torch.zeros(num_targets + 1, dtype=torch.int64)
        torch.cumsum(torch.bincount(target, minlength=num_targets), 0, out=start[1:])
        return cls(start, source[order].contiguous()), order

    def degree(self, nodes: Tensor) -> Tensor:
        """Return how many edges lead into each node, int64 of shape (n,)."""
        return self.start[nodes + 1] - self.start[nodes]


@dataclass(frozen=True)
class Neighborhood:
    """The nodes reached from some seeds, and the sampled edges.

    Attributes:
        node: Rows in the whole graph of the nodes of each type, int64; the seeds come first, then
            those of each hop.
        source: Row in `node` of the source of each edge, int64, by edge type.
        target: Row in `node` of its destination, int64, by edge type, ascending.
        place: Place of each edge in the `InEdges` of its type, int64.
        weight: In-degree of its destination in the whole graph divided by the number of its drawn
            edges, float32: with it, the expected sum over edges is that over all edges.
        num_nodes: Nodes that each hop added, the seeds first, by node type.
        num_edges: Edges that each hop added, by edge type.
    """

    node: dict[str, Tensor]
    source: dict[EdgeType, Tensor]
    target: dict[EdgeType, Tensor]
    place: dict[EdgeType, Tensor]
    weight: dict[EdgeType, Tensor]
    num_nodes: dict[str, list[int]]
    num_edges: dict[EdgeType, list[int]]

    @property
    def hops(self) -> int:
        """Number of hops."""
        return max((len(num) for num in self.num_nodes.values()), default=1) - 1

    def within(self, hops: int) -> Neighborhood:
        """Return what the first `hops` hops found."""
        nodes = {kind: num[: hops + 1] for kind, num in self.num_nodes.items()}
        edges = {kind: num[:hops] for kind, num in self.num_edges.items()}

        def cut(rows: dict[EdgeType, Tensor]) -> dict[EdgeType, Tensor]:
            return {kind: rows[kind][: sum(num)] for kind, num in edges.items()}

        return Neighborhood(
            {kind: self.node[kind][: sum(num)] for kind, num in nodes.items()},
            cut(self.source),
            cut(self.target),
            cut(self.place),
            cut(self.weight),
            nodes,
            edges,
        )


class Neighbors:
    """Draws neighborhoods from the edges of a heterogeneous graph.

    A node is expanded once, in the hop after the one that found it, over its in-edges: with all
    edges of k hops, the seeds get the same messages as in k layers on the whole graph. Edges are
    drawn without replacement. The cost depends on the number of drawn edges and not on the graph;
    a table of 8 bytes a node is kept. All but the generator is on the CPU.

    Args:
        sizes: Number of nodes of each type.
        edges: The edges of each type by destination.

    Raises:
        ConfigError: numba is missing.
    """

    def __init__(self, sizes: Mapping[str, int], edges: Mapping[EdgeType, InEdges]) -> None:
        if importlib.util.find_spec("numba") is None:
            raise ConfigError(
                "num_neighbors needs numba, which compiles the sampling and is not installed. "
                "Install it, or leave num_neighbors out."
            )
        self.sizes, self.edges = dict(sizes), dict(edges)
        # Row of each node in the part that is being drawn; between two draws all are -1.
        self._row = {kind: torch.full((size,), -1) for kind, size in sizes.items()}

    def draw(
        self,
        seeds: Mapping[str, Tensor],
        num_neighbors: Mapping[EdgeType, Sequence[int]],
        generator: torch.Generator,
    ) -> Neighborhood:
        """Return the neighborhood of some nodes.

        Args:
            seeds: Distinct rows of nodes of some types, int64.
            num_neighbors: Edges of each type that are taken of a node, at most, in each hop; -1:
                all. All types have as many hops, and those that are not named are not followed.
            generator: Random generator; not used if all edges are taken.
        """
        found = {kind: [seeds.get(kind, _NONE)] for kind in self.sizes}
        taken: dict[EdgeType, list[_Hop]] = {kind: [] for kind in self.edges}
        try:
            for kind, (rows,) in found.items():
                self._row[kind][rows] = torch.arange(len(rows))
            hops = max((len(numbers) for numbers in num_neighbors.values()), default=0)
            for hop in range(hops):
                self._expand(hop, found, taken, num_neighbors, generator)
        except BaseException:  # such as an interruption: no mark may stay
            for table in self._row.values():
                table.fill_(-1)
            raise
        for kind, parts in found.items():
            for rows in parts:
                self._row[kind][rows] = -1
        return _joined(found, taken, hops)

    def _expand(
        self,
        hop: int,
        found: dict[str, list[Tensor]],
        taken: dict[EdgeType, list[_Hop]],
        num_neighbors: Mapping[EdgeType, Sequence[int]],
        generator: torch.Generator,
    ) -> None:
        """Add the edges into the nodes that the last hop found, and the nodes that they lead to."""
        from kgrec.graph.neighbor_loops import expand

        before = {kind: sum(map(len, parts[:-1])) for kind, parts in found.items()}
        size = {kind: before[kind] + len(parts[-1]) for kind, parts in found.items()}
        for parts in found.values():
            parts.append(_NONE)
        for kind, numbers in num_neighbors.items():
            source, _, target = kind
            edges, nodes, num = self.edges[kind], found[target][hop], numbers[hop]
            degree = edges.degree(nodes)
            num = min(num, int(degree.max()) if len(degree) else 0)
            draws = num * int((degree > num).sum()) if num > 0 else 0
            uniform = torch.rand(
                draws, generator=generator, device=generator.device, dtype=torch.float64
            ).cpu()
            arrays = (edges.start.numpy(), edges.source.numpy(), nodes.numpy())
            place, count, numbered, new = map(
                torch.from_numpy,
                expand(*arrays, num, uniform.numpy(), self._row[source].numpy(), size[source]),
            )
            size[source] += len(new)
            found[source][-1] = torch.cat([found[source][-1], new])
            owner = torch.repeat_interleave(count)
            weight = (degree.float() / count.clamp(min=1))[owner]
            taken[kind].append(_Hop(numbered, owner + before[target], place, weight))


@dataclass(frozen=True)
class _Hop:
    """The edges of one type that one hop took."""

    source: Tensor
    target: Tensor
    place: Tensor
    weight: Tensor


_NONE = torch.zeros(0, dtype=torch.int64)


def _joined(
    found: Mapping[str, list[Tensor]], taken: Mapping[EdgeType, list[_Hop]], hops: int
) -> Neighborhood:
    none = _Hop(_NONE, _NONE, _NONE, torch.zeros(0))
    some = {kind: taken[kind] or [none] * hops or [none] for kind in taken}

    def join(name: str) -> dict[EdgeType, Tensor]:
        return {kind: torch.cat([getattr(hop, name) for hop in some[kind]]) for kind in some}

    return Neighborhood(
        {kind: torch.cat(parts) for kind, parts in found.items()},
        join("source"),
        join("target"),
        join("place"),
        join("weight"),
        {kind: [len(rows) for rows in parts] for kind, parts in found.items()},
        {kind: [len(hop.place) for hop in some[kind]][:hops] for kind in some},
    )
