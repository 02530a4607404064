"""All node types in one numbering, for models on one graph instead of one per relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.types import EdgeType


@dataclass(frozen=True)
class HomogeneousGraph:
    """The edges of a heterogeneous graph over nodes numbered type by type.

    Attributes:
        sizes: Number of nodes of each type, in the order of the numbering.
        relations: Names of the relations; an inverse, `rev_…`, is a relation of its own.
        source: Source node of each edge, int64 of shape (E,).
        target: Destination node of each edge, int64 of shape (E,).
        relation: Row of `relations` of each edge, int64 of shape (E,).
        edge: For a sampled part, the row of each edge in the whole graph, int64 of shape (E,);
            None: this is the whole graph.
        weight: For a sampled part, how many edges of the whole graph each one stands for, float32
            of shape (E,).
    """

    sizes: Mapping[str, int]
    relations: tuple[str, ...]
    source: Tensor
    target: Tensor
    relation: Tensor
    edge: Tensor | None = None
    weight: Tensor | None = None

    @classmethod
    def from_operators(
        cls,
        sizes: Mapping[str, int],
        edges: Mapping[EdgeType, tuple[Tensor, Tensor]],
        device: torch.device | str = "cpu",
    ) -> HomogeneousGraph:
        """Join the edge types; edges are sorted, so that their order does not matter."""
        relations = tuple(sorted({kind[1] for kind in edges}))
        place = {name: row for row, name in enumerate(relations)}
        start = _starts(sizes)
        none = torch.zeros(0, dtype=torch.int64, device=device)
        source = torch.cat([none, *(edges[kind][0] + start[kind[0]] for kind in edges)])
        target = torch.cat([none, *(edges[kind][1] + start[kind[2]] for kind in edges)])
        relation = torch.cat(
            [none, *(torch.full_like(edges[kind][0], place[kind[1]]) for kind in edges)]
        )
        num = sum(sizes.values())
        order = torch.argsort((relation * num + target) * num + source)
        return cls(dict(sizes), relations, source[order], target[order], relation[order])

    @property
    def num_nodes(self) -> int:
        """Nodes of all types."""
        return sum(self.sizes.values())

    def start(self, kind: str) -> int:
        """Return the number of the first node of a type."""
        return _starts(self.sizes)[kind]

    def join(self, x: Mapping[str, Tensor]) -> Tensor:
        """Return the vectors of all nodes, float32 of shape (num_nodes, dim)."""
        return torch.cat([x[kind] for kind in self.sizes])

    def split(self, x: Tensor) -> dict[str, Tensor]:
        """Return the vectors by node type; the inverse of `join`."""
        return dict(zip(self.sizes, torch.split(x, list(self.sizes.values())), strict=True))

    def select(self, keep: Tensor) -> HomogeneousGraph:
        """Return the graph with the edges that `keep` names: bool of shape (E,), or rows."""
        return replace(
            self,
            source=self.source[keep],
            target=self.target[keep],
            relation=self.relation[keep],
            edge=None if self.edge is None else self.edge[keep],
            weight=None if self.weight is None else self.weight[keep],
        )

    @cached_property
    def knowledge(self) -> HomogeneousGraph:
        """The graph without the interactions."""
        return self.select(~self.of_interactions())

    @cached_property
    def liked(self) -> HomogeneousGraph:
        """The edges from items to the users who chose them, and no others."""
        return self.select(self._named({"rev_interacts"}))

    @cached_property
    def operator(self) -> WeightedOperator:
        """The edges as an operator between all nodes."""
        return WeightedOperator(self.source, self.target, self.num_nodes, self.num_nodes)

    @cached_property
    def relational(self) -> RelationalOperator:
        """The edges as an operator with messages that are gated by their relation."""
        return RelationalOperator(self)

    def of_edges(self, values: Tensor) -> Tensor:
        """Return the weights of this graph's edges, float32 of shape (E,).

        Args:
            values: The weights of the whole graph's edges. In a sampled part they are scaled, so
                that the expected sum of messages is that of the whole graph.
        """
        return values if self.edge is None else self.weighted(values[self.edge])

    def weighted(self, values: Tensor) -> Tensor:
        """Return values of this graph's edges times how many edges each stands for."""
        return values if self.weight is None else values * self.weight

    def of_interactions(self) -> Tensor:
        """Return which edges join users and items, bool of shape (E,)."""
        return self._named({"interacts", "rev_interacts"})

    def of_kept_items(self, keep_item: Tensor | None) -> Tensor:
        """Return 0 for interactions into items that see no user and 1 for other edges.

        Args:
            keep_item: 0 for such items, float32 of shape (num_items, 1); None: there are none.

        Returns:
            float32 of shape (E,), or of shape (1,) where there are none.
        """
        if keep_item is None or bool(keep_item.all()):
            return torch.ones(1, device=self.source.device)
        edges = self._named({"interacts"}).nonzero().squeeze(1)
        kept = torch.ones(len(self.source), device=self.source.device)
        kept[edges] = keep_item.squeeze(1)[self.target[edges] - self.start("item")]
        return kept

    def forward(self) -> Tensor:
        """Return which edges are no inverses, bool of shape (E,)."""
        return self._named({name for name in self.relations if not name.startswith("rev_")})

    def _named(self, names: set[str]) -> Tensor:
        named = [name in names for name in self.relations]
        return torch.tensor(named, dtype=torch.bool, device=self.source.device)[self.relation]


def _starts(sizes: Mapping[str, int]) -> dict[str, int]:
    starts, total = {}, 0
    for kind, size in sizes.items():
        starts[kind] = total
        total += size
    return starts


class WeightedOperator:
    """y = A(w) x with new values w of the entries at each call, differentiable in w and x.

    Entries are kept sorted by destination and by source; neither forward nor backward makes a
    tensor of shape (E, dim).

    Args:
        source: Source row of each entry, int64 of shape (E,).
        target: Destination row of each entry, int64 of shape (E,).
        num_sources: Rows of x.
        num_targets: Rows of y.
    """

    def __init__(self, source: Tensor, target: Tensor, num_sources: int, num_targets: int) -> None:
        self.num_sources, self.num_targets = num_sources, num_targets
        self.by_target = sorted_entries(target, source, num_targets)
        self.by_source = sorted_entries(source, target, num_sources)

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return A(w) x, float32 of shape (num_targets, dim).

        Args:
            x: float32 of shape (num_sources, dim).
            weight: Value of each entry, float32 of shape (E,).
        """
        made: Tensor = _Weighted.apply(x, weight, self)  # type: ignore[no-untyped-call]
        return made


class _Weighted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, operator: WeightedOperator) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.operator = operator
        return _sum(operator.by_target, x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        operator: WeightedOperator = ctx.operator
        gradient = gradient.contiguous()
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = _sum(operator.by_source, gradient, weight)
        if ctx.needs_input_grad[1]:
            of_weight = _products(operator.by_target, x, weight, gradient)
        return of_x, of_weight, None


Order = tuple[Tensor, Tensor, Tensor]


def sorted_entries(row: Tensor, column: Tensor, num_rows: int) -> Order:
    """Sort entries by row: return their columns, where each row begins, and their old places.

    Entries that are sorted by row or by column already, as those of a graph are, are not sorted
    again: the first stay as they are, the others are transposed in one pass.
    """
    width = int(column.max()) + 1 if len(column) else 1
    counts = torch.bincount(row, minlength=num_rows)
    starts = torch.cumsum(counts, 0) - counts
    if _ascends(row, column):
        return column.contiguous(), starts, torch.arange(len(row), device=row.device)
    if row.device.type == "cpu" and _ascends(column, row):
        order = _transposed(row, column, num_rows, width)
    else:
        order = torch.argsort(row * width + column)
    return column[order].contiguous(), starts, order


def _ascends(first: Tensor, second: Tensor) -> bool:
    """Return whether pairs are in ascending order."""
    if len(first) < 2:
        return True
    step = first[1:] - first[:-1]
    fine = (step > 0) | ((step == 0) & (second[1:] >= second[:-1]))
    return bool(fine.all())


def _transposed(row: Tensor, column: Tensor, num_rows: int, num_columns: int) -> Tensor:
    """Return the order by row of entries that are sorted by column, int64 of shape (E,)."""
    starts = np.zeros(num_columns + 1, dtype=np.int64)
    np.cumsum(np.bincount(column.numpy(), minlength=num_columns), out=starts[1:])
    places = np.arange(len(row))
    by_column = csr_matrix((places, row.numpy(), starts), shape=(num_columns, num_rows))
    return torch.from_numpy(by_column.tocsc().data)


def sum_entries(entries: tuple[Tensor, ...], x: Tensor) -> Tensor:
    """Return Σ weight · x[column] of each row, for sorted (columns, where rows begin, weights)."""
    column, offset, weight = entries
    if not len(column):
        return x.new_zeros((len(offset), x.shape[1]))
    return F.embedding_bag(column, x, offset, mode="sum", per_sample_weights=weight)


def _sum(order: Order, x: Tensor, weight: Tensor) -> Tensor:
    column, offset, place = order
    return sum_entries((column, offset, weight[place]), x)


def _products(order: Order, x: Tensor, weight: Tensor, gradient: Tensor) -> Tensor:
    """Return ⟨x_s, g_t⟩ of each entry, float32 of shape (E,).

    It is the gradient of `embedding_bag` for its weights. That kernel gathers no rows: with one
    more forward pass, it is still eight times as fast as gathering both sides.
    """
    column, offset, place = order
    made = torch.empty_like(weight)
    if len(column):
        with torch.enable_grad():
            sample = weight[place].detach().requires_grad_()
            bags = F.embedding_bag(
                column, x.detach(), offset, mode="sum", per_sample_weights=sample
            )
        (made[place],) = torch.autograd.grad(bags, sample, gradient)
    return made


class RelationalOperator:
    """y_v = Σ_r Σ_{u ∈ N_r(v)} w_uv (x_u ⊙ e_r): messages gated by the relation's vector.

    Since e_r does not depend on u or v, it can be multiplied before the sum or after it. Each
    relation uses the side with fewer distinct nodes, so that the largest tensor has
    Σ_r min(sources of r, destinations of r) rows and not E.

    Args:
        graph: The edges.
    """

    def __init__(self, graph: HomogeneousGraph) -> None:
        num, num_relations = graph.num_nodes, max(len(graph.relations), 1)
        before, row_before = torch.unique(graph.relation * num + graph.source, return_inverse=True)
        after, row_after = torch.unique(graph.relation * num + graph.target, return_inverse=True)
        sources = torch.bincount(before // num, minlength=num_relations)
        targets = torch.bincount(after // num, minlength=num_relations)
        early = (sources <= targets)[graph.relation]
        self.early, self.late = early.nonzero().squeeze(1), (~early).nonzero().squeeze(1)
        used, row = torch.unique(row_before[self.early], return_inverse=True)
        self._early_node, self._early_relation = before[used] % num, before[used] // num
        self._from_early = WeightedOperator(row, graph.target[self.early], len(used), num)
        used, row = torch.unique(row_after[self.late], return_inverse=True)
        self._late_node, self._late_relation = after[used] % num, after[used] // num
        self._to_late = WeightedOperator(graph.source[self.late], row, num, len(used))
        self.num_rows = len(self._early_node) + len(self._late_node)

    def __call__(self, x: Tensor, relation: Tensor, weight: Tensor) -> Tensor:
        """Return y, float32 of shape (num_nodes, dim).

        Args:
            x: float32 of shape (num_nodes, dim).
            relation: e, float32 of shape (num_relations, dim).
            weight: w of each edge of the graph, float32 of shape (E,).
        """
        gated = x[self._early_node] * relation[self._early_relation]
        early = self._from_early(gated, weight[self.early])
        late = self._to_late(x, weight[self.late]) * relation[self._late_relation]
        return early.index_add(0, self._late_node, late)


def segment_softmax(values: Tensor, group: Tensor, num: int) -> Tensor:
    """Return the softmax of the values within each group.

    Args:
        values: float32 of shape (E,).
        group: Group of each value, int64 of shape (E,).
        num: Number of groups.
    """
    highest = values.new_full((num,), -torch.inf)
    highest = highest.scatter_reduce(0, group, values.detach(), "amax")
    grown = torch.exp(values - highest[group])
    return grown / values.new_zeros(num).index_add(0, group, grown)[group]
