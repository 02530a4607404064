"""Neighbor sampling behind the interface of PyG's loaders, without compiled extensions."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info
from torch_geometric.data import HeteroData
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
)

from kgrec.errors import ConfigError, UnknownIdError, did_you_mean, printable
from kgrec.graph.neighbors import InEdges, Neighbors
from kgrec.types import EdgeType

NumNeighbors = Sequence[int] | Mapping[EdgeType, Sequence[int]]


class NeighborSampler(BaseSampler):  # type: ignore[misc]
    """Draws the neighborhoods of a `HeteroData` for PyG's `NodeLoader` and `LinkLoader`.

    Each node that a hop found is expanded in the next one over its in-edges, drawn without
    replacement (`kgrec.graph.neighbors`). The same seed gives the same batches; with worker
    processes, the loader's own generator must be seeded too, because each worker derives its
    random numbers from it. The loaders need the graph `without_lists`.

    Args:
        data: The graph, such as `kgrec.graph.build.build_graph` makes; edges run source →
            destination.
        num_neighbors: Edges of each type that are taken of a node, at most, in each hop; -1: all.
            As a mapping for some edge types only, the others are not followed.
        seed: Seed of all draws.

    Raises:
        ConfigError: A number is below -1, an edge type is unknown, or types differ in their hops.

    >>> import torch
    >>> from torch_geometric.data import HeteroData
    >>> from torch_geometric.loader import NodeLoader
    >>> graph = HeteroData()
    >>> graph["user"].num_nodes, graph["item"].num_nodes = 1, 9
    >>> graph["item", "rev_interacts", "user"].edge_index = torch.tensor([range(9), [0] * 9])
    >>> sampler = NeighborSampler(graph, [4], seed=0)
    >>> [len(batch["item"].n_id) for batch in NodeLoader(graph, sampler, "user")]
    [4]
    """

    def __init__(self, data: HeteroData, num_neighbors: NumNeighbors, *, seed: int = 0) -> None:
        super().__init__()
        self.num_neighbors = _by_type(num_neighbors, data.edge_types)
        self.sizes = {kind: int(data[kind].num_nodes) for kind in data.node_types}
        self.seed = seed
        self._generator: tuple[int | None, torch.Generator] | None = None
        self._order: dict[EdgeType, Tensor] = {}
        edges = {}
        for kind in data.edge_types:
            source, target = data[kind].edge_index
            edges[kind], self._order[kind] = InEdges.from_edges(source, target, self.sizes[kind[2]])
        self._neighbors = Neighbors(self.sizes, edges)

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> HeteroSamplerOutput:
        """Return the neighborhood of seed nodes.

        Raises:
            ConfigError: The seeds have timestamps, or one stands there twice.
            UnknownIdError: A seed is no node.
        """
        _check_no_time(index.time)
        self._check({index.input_type: index.node})
        if len(torch.unique(index.node)) < len(index.node):
            raise ConfigError("A batch has the same seed twice; input_nodes must be distinct.")
        out = self._draw({index.input_type: index.node})
        out.metadata = (index.input_id, None)
        return out

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> HeteroSamplerOutput:
        """Return the neighborhood of both ends of seed edges, and of negatives.

        A negative is any pair (`binary`) or destination (`triplet`), by the weights of
        `neg_sampling`; like PyG's samplers, it may be an edge.

        Raises:
            ConfigError: The edges have timestamps.
            UnknownIdError: An end is no node.
        """
        _check_no_time(index.time)
        first, last = index.input_type[0], index.input_type[-1]
        source, target, label = index.row, index.col, index.label
        num = len(source)
        if neg_sampling is not None:
            more = math.ceil(num * neg_sampling.amount)
            if neg_sampling.is_binary():
                drawn = self._negatives(more, self.sizes[first], neg_sampling.src_weight)
                source = torch.cat([source, drawn])
                label = torch.ones(num) if label is None else label
                label = torch.cat([label, label.new_zeros((more, *label.shape[1:]))])
            drawn = self._negatives(more, self.sizes[last], neg_sampling.dst_weight)
            target = torch.cat([target, drawn])
        ends = {first: source, last: target}
        if first == last:
            ends = {first: torch.cat([source, target])}
        self._check(ends)
        seeds, row = {}, {}
        for kind, nodes in ends.items():
            seeds[kind], row[kind] = torch.unique(nodes, return_inverse=True)
        out = self._draw(seeds)
        of_source, of_target = row[first][: len(source)], row[last][-len(target) :]
        if neg_sampling is None or neg_sampling.is_binary():
            out.metadata = (index.input_id, torch.stack([of_source, of_target]), label, None)
        else:
            negative = of_target[num:].reshape(num, -1).squeeze(-1)
            out.metadata = (index.input_id, of_source, of_target[:num], negative, None)
        return out

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a worker process, which makes its own generator."""
        return {**self.__dict__, "_generator": None}

    def _draw(self, seeds: Mapping[str, Tensor]) -> HeteroSamplerOutput:
        part = self._neighbors.draw(seeds, self.num_neighbors, self._random())
        return HeteroSamplerOutput(
            node=part.node,
            row=part.source,
            col=part.target,
            edge={kind: self._order[kind][place] for kind, place in part.place.items()},
            num_sampled_nodes=part.num_nodes,
            num_sampled_edges=part.num_edges,
        )

    def _random(self) -> torch.Generator:
        """Return the random generator of this process."""
        worker = get_worker_info()
        process = None if worker is None else worker.seed
        if self._generator is None or self._generator[0] != process:
            # The worker's seed differs by epoch and worker, and so must the draws.
            seed = self.seed if process is None else (self.seed * 0x9E3779B9 + process) % 2**63
            self._generator = process, torch.Generator().manual_seed(seed)
        return self._generator[1]

    def _negatives(self, num: int, num_nodes: int, weight: Tensor | None) -> Tensor:
        if weight is None:
            return torch.randint(num_nodes, (num,), generator=self._random())
        if len(weight) != num_nodes:
            raise ConfigError(
                f"Negatives are drawn with {len(weight)} weights, but there are {num_nodes} nodes."
            )
        return torch.multinomial(weight, num, replacement=True, generator=self._random())

    def _check(self, seeds: Mapping[str, Tensor]) -> None:
        for kind, nodes in seeds.items():
            if kind not in self.sizes:
                raise UnknownIdError(
                    f"The graph has no nodes of the type {printable(repr(kind))}."
                    f"{did_you_mean(str(kind), self.sizes)}"
                )
            wrong = nodes[(nodes < 0) | (nodes >= self.sizes[kind])]
            if len(wrong):
                raise UnknownIdError(
                    f"A seed of the type {printable(kind)} is row {int(wrong[0])}; rows go from 0 "
                    f"to {self.sizes[kind] - 1}."
                )


def without_lists(data: HeteroData) -> HeteroData:
    """Return the graph without the lists of its nodes, such as `node_id`.

    PyG's loaders cannot slice lists. A batch's `n_id` has the rows of its nodes, which are their
    places in the lists.
    """
    made = copy.copy(data)
    for kind in data.node_types:
        for name, value in list(data[kind].items()):
            if isinstance(value, list | tuple):
                del made[kind][name]
    return made


def _check_no_time(time: Tensor | None) -> None:
    if time is not None:
        raise ConfigError(
            "Seeds have timestamps, but neighbors are drawn from the whole graph whatever their "
            "time: leave input_time or edge_label_time out."
        )


def _by_type(
    num_neighbors: NumNeighbors, kinds: Sequence[EdgeType]
) -> dict[EdgeType, tuple[int, ...]]:
    """Return the numbers of each edge type that is followed, in the order of the graph's types."""
    if not isinstance(num_neighbors, Mapping):
        num_neighbors = dict.fromkeys(kinds, num_neighbors)
    unknown = [kind for kind in num_neighbors if kind not in kinds]
    if unknown:
        raise ConfigError(
            f"num_neighbors names the edge type {printable(repr(unknown[0]))}, which the graph "
            "does not have. Its types are those of data.edge_types."
        )
    made = {kind: tuple(num_neighbors[kind]) for kind in kinds if kind in num_neighbors}
    for kind, numbers in made.items():
        if any(isinstance(num, bool) or not isinstance(num, int) or num < -1 for num in numbers):
            raise ConfigError(
                f"num_neighbors must be whole numbers from 0 on, or -1 for all neighbors; of "
                f"{printable(repr(kind))} they are {list(numbers)!r}."
            )
    if len({len(numbers) for numbers in made.values()}) > 1:
        raise ConfigError(
            "num_neighbors must have as many numbers for each edge type, one for each hop; found "
            f"{sorted({len(numbers) for numbers in made.values()})}."
        )
    return made
