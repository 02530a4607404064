"""The edges of a graph as sparse operators that are fast to apply and to differentiate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from kgrec.graph.homogeneous import HomogeneousGraph, sorted_entries, sum_entries
from kgrec.graph.relation_names import INTERACTS
from kgrec.types import EdgeType

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Normalisation = Literal["symmetric", "mean"]


class SparseOperator:
    """The linear map y = A x of a sparse matrix A, which keeps the transpose for the gradient.

    The entries of both are sorted by destination, so that forward and backward are one pass over
    contiguous rows (a segmented sum) and training computes no transpose.

    Args:
        source: Source row of each entry, int64 of shape (E,).
        target: Destination row of each entry, int64 of shape (E,).
        weight: Value of each entry, float32 of shape (E,).
        num_sources: Rows of x.
        num_targets: Rows of y.
    """

    def __init__(
        self, source: Tensor, target: Tensor, weight: Tensor, num_sources: int, num_targets: int
    ) -> None:
        self.num_sources, self.num_targets = num_sources, num_targets
        self.num_entries = len(source)
        self._forward = _sorted_by(target, source, weight, num_targets)
        self._backward = _sorted_by(source, target, weight, num_sources)

    @classmethod
    def with_inverse(
        cls,
        source: Tensor,
        target: Tensor,
        weights: tuple[Tensor, Tensor],
        num_sources: int,
        num_targets: int,
    ) -> tuple[SparseOperator, SparseOperator]:
        """Return the operator of some entries, and that of the same entries the other way round.

        What is sorted for the one is that for the other: it takes half of the time and memory of
        two operators.

        Args:
            source: Source row of each entry, int64 of shape (E,).
            target: Destination row of each entry, int64 of shape (E,).
            weights: Value of each entry in the one and in the other, float32 of shape (E,) each.
            num_sources: Rows of the sources.
            num_targets: Rows of the destinations.
        """
        by_target = sorted_entries(target, source, num_targets)
        by_source = sorted_entries(source, target, num_sources)
        made = []
        for weight in weights[:1] if weights[0] is weights[1] else weights:
            values = [weight[order] for _, _, order in (by_target, by_source)]
            made.append(
                ((*by_target[:2], values[0].contiguous()), (*by_source[:2], values[1].contiguous()))
            )
        there, back = made[0], made[-1]
        return cls.from_sorted(*there), cls.from_sorted(back[1], back[0])

    @classmethod
    def from_sorted(
        cls, by_target: tuple[Tensor, ...], by_source: tuple[Tensor, ...]
    ) -> SparseOperator:
        """Return the operator of sorted entries.

        Args:
            by_target: Source rows, where each destination begins, and values.
            by_source: Destination rows, where each source begins, and values.
        """
        made = cls.__new__(cls)
        made.num_targets, made.num_sources = len(by_target[1]), len(by_source[1])
        made.num_entries = len(by_target[0])
        made._forward, made._backward = by_target, by_source
        return made

    @property
    def by_target(self) -> tuple[Tensor, Tensor, Tensor]:
        """The entries by destination: source rows, where each destination begins, and values."""
        source, start, weight = self._forward
        return source, start, weight

    @property
    def by_source(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same by source: destination rows, where each source begins, and values."""
        target, start, weight = self._backward
        return target, start, weight

    def __call__(self, x: Tensor) -> Tensor:
        """Return A x, float32 of shape (num_targets, dim), for x of shape (num_sources, dim)."""
        if x.shape[0] != self.num_sources:
            raise ValueError(f"expected {self.num_sources} rows, found {x.shape[0]}")
        result: Tensor = _Multiply.apply(x, self._forward, self._backward)  # type: ignore[no-untyped-call]
        return result

    def forward(self, x: Tensor) -> Tensor:
        """Return A x, outside of automatic differentiation."""
        return sum_entries(self._forward, x)

    def backward(self, y: Tensor) -> Tensor:
        """Return Aᵀ y, outside of automatic differentiation."""
        return sum_entries(self._backward, y)


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: tuple[Tensor, ...], backward: Any) -> Tensor:
        ctx.backward_operator = backward
        return sum_entries(forward, x.detach())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return sum_entries(ctx.backward_operator, gradient.contiguous()), None, None


class _MeanOfPowers(torch.autograd.Function):
    """The mean over (x, A x, …, A^K x) of a bipartite A, in one node of the autograd graph.

    The gradient of Σ_k A^k is Σ_k (Aᵀ)^k, computed as nested products: h ← g + Aᵀ h. No
    intermediate result is kept or copied.
    """

    @staticmethod
    def forward(
        ctx: Any,
        user: Tensor,
        item: Tensor,
        to_user: SparseOperator,
        to_item: SparseOperator,
        num_layers: int,
    ) -> tuple[Tensor, Tensor]:
        ctx.operators, ctx.num_layers = (to_user, to_item), num_layers
        # Detached: otherwise the sums would keep tensors that only their own gradients read.
        user, item = user.detach(), item.detach()
        return _nested(user, item, to_user.forward, to_item.forward, num_layers)

    @staticmethod
    def backward(ctx: Any, of_user: Tensor, of_item: Tensor) -> tuple[Tensor | None, ...]:
        to_user, to_item = ctx.operators
        # The transpose of the operator into items leads to users, and the other way round.
        back = (to_item.backward, to_user.backward)
        user, item = _nested(of_user.contiguous(), of_item.contiguous(), *back, ctx.num_layers)
        return user, item, None, None, None


def _nested(
    user: Tensor, item: Tensor, to_user: Any, to_item: Any, num_layers: int
) -> tuple[Tensor, Tensor]:
    made_user, made_item = user, item
    for _ in range(num_layers):
        made_user, made_item = to_user(made_item).add_(user), to_item(made_user).add_(item)
    if not num_layers:
        return user.clone(), item.clone()
    scale = 1 / (num_layers + 1)
    return made_user.mul_(scale), made_item.mul_(scale)


def mean_of_layers(
    user: Tensor, item: Tensor, to_user: SparseOperator, to_item: SparseOperator, num_layers: int
) -> tuple[Tensor, Tensor]:
    """Return the means over layers 0 … `num_layers` of propagation between users and items.

    It is the result of `LightGCN` on interactions alone, with a fraction of the memory traffic of
    adding the layers one by one.

    Args:
        user: float32 of shape (num_users, dim).
        item: float32 of shape (num_items, dim).
        to_user: The operator from items to users.
        to_item: The operator from users to items.
        num_layers: Layers.
    """
    made: tuple[Tensor, Tensor] = _MeanOfPowers.apply(  # type: ignore[no-untyped-call]
        user, item, to_user, to_item, num_layers
    )
    return made


def _sorted_by(row: Tensor, column: Tensor, weight: Tensor, num_rows: int) -> tuple[Tensor, ...]:
    column, offset, order = sorted_entries(row, column, num_rows)
    return column, offset, weight[order].contiguous()


class Propagation:
    """All edge types of a `HeteroData` as normalised sparse operators.

    Args:
        data: The graph; edges run source → destination.
        normalisation: `symmetric`: an edge weighs 1 / sqrt(out-degree · in-degree) within its
            type (He et al., LightGCN, SIGIR 2020); `mean`: 1 / in-degree (Schlichtkrull et al.,
            R-GCN, ESWC 2018).
        interactions_only: Whether to use only users, items and their interactions.
        device: Where the operators compute; `data` stays where it is.

    Attributes:
        sizes: Number of nodes of each type.
        edges: Source and destination rows of the edges of each type, int64 of shape (E,), as given.
        relations: Names of the relations; an inverse is a relation of its own.
        node: For a sampled part, the rows of its nodes in the whole graph, int64 by type; None:
            this is the whole graph.
    """

    node: Mapping[str, Tensor] | None = None

    def __init__(
        self,
        data: HeteroData,
        normalisation: Normalisation = "symmetric",
        *,
        interactions_only: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        self.normalisation = normalisation
        self.interactions_only = interactions_only
        kinds = ["user", "item"] if interactions_only else data.node_types
        self.sizes = {kind: int(data[kind].num_nodes) for kind in kinds}
        self.operators: dict[EdgeType, SparseOperator] = {}
        self.edges: dict[EdgeType, tuple[Tensor, Tensor]] = {}
        for kind in sorted(data.edge_types):
            if interactions_only and kind[1] not in ("interacts", "rev_interacts"):
                continue
            source, target = data[kind].edge_index.to(device)
            self.edges[kind] = source, target
        for kind in sorted(self.edges, key=lambda kind: kind[1].startswith("rev_")):
            if kind not in self.operators:
                self._add_operators(kind)
        self.operators = {kind: self.operators[kind] for kind in self.edges}
        self.relations = sorted({kind[1] for kind in self.operators})
        none = torch.zeros(0, dtype=torch.int64, device=device)
        _, chosen = self.edges.get(INTERACTS, (none, none))
        self.item_degree = torch.bincount(chosen, minlength=self.sizes["item"])

    def _add_operators(self, kind: EdgeType) -> None:
        """Make the operator of an edge type, and that of its inverse, if it has one."""
        source, target = self.edges[kind]
        sizes = self.sizes[kind[0]], self.sizes[kind[2]]
        weight = edge_values(source, target, *sizes, self.normalisation)
        inverse = kind[2], f"rev_{kind[1]}", kind[0]
        back = self.edges.get(inverse)
        if back is None or not (torch.equal(source, back[1]) and torch.equal(target, back[0])):
            self.operators[kind] = SparseOperator(source, target, weight, *sizes)
            return
        of_inverse = weight
        if self.normalisation == "mean":
            of_inverse = edge_values(target, source, *sizes[::-1], self.normalisation)
        self.operators[kind], self.operators[inverse] = SparseOperator.with_inverse(
            source, target, (weight, of_inverse), *sizes
        )

    @property
    def device(self) -> torch.device:
        """Where the operators compute."""
        return self.item_degree.device

    @cached_property
    def homogeneous(self) -> HomogeneousGraph:
        """The same edges over all nodes in one numbering."""
        return HomogeneousGraph.from_operators(self.sizes, self.edges, self.device)

    def take(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the rows of this graph's nodes from those of all nodes, by type."""
        if self.node is None:
            return values
        return {kind: rows[self.node[kind]] for kind, rows in values.items()}

    def after(self, num_layers: int) -> Propagation:
        """Return the graph of the nodes with exact vectors after so many layers.

        In the whole graph these are all nodes. In a sampled part, each layer needs one hop of
        neighbors; the remaining nodes come first.
        """
        del num_layers
        return self

    def first(self, x: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the rows of this graph's nodes, which are the first ones of `x`."""
        return {kind: rows[: self.sizes[kind]] for kind, rows in x.items()}

    def items(self) -> Iterator[tuple[EdgeType, SparseOperator]]:
        """Iterate over (edge type, operator) in a fixed order."""
        return iter(self.operators.items())

    def has_edges_of(self, other: Propagation) -> bool:
        """Return whether another graph with the same nodes has the same edges, on any device."""
        if self.relations != other.relations:
            return False
        return all(
            one == theirs
            and all(
                torch.equal(a.cpu(), b.cpu())
                for a, b in zip(mine.by_target, others.by_target, strict=True)
            )
            for (one, mine), (theirs, others) in zip(self.items(), other.items(), strict=True)
        )

    def of_histories(self, row: Tensor, item: Tensor, num_rows: int) -> SparseOperator:
        """Return the item → user operator of users who were not in training.

        Their edges have the weights of training, with the items' degrees unchanged.

        Args:
            row: Row of the user, int64 of shape (E,).
            item: Row of the liked item, int64 of shape (E,).
            num_rows: Number of users.
        """
        degree = torch.bincount(row, minlength=num_rows).clamp(min=1).float()
        if self.normalisation == "mean":
            weight = 1.0 / degree[row]
        else:
            weight = (degree[row] * self.item_degree[item].clamp(min=1).float()).rsqrt()
        return SparseOperator(item, row, weight, self.sizes["item"], num_rows)


def edge_values(
    source: Tensor,
    target: Tensor,
    num_sources: int,
    num_targets: int,
    how: Normalisation,
    weight: Tensor | None = None,
) -> Tensor:
    """Return the normalised values of edges, float32 of shape (E,).

    Args:
        source: Source row of each edge, int64 of shape (E,).
        target: Destination row of each edge, int64 of shape (E,).
        num_sources: Number of sources.
        num_targets: Number of destinations.
        how: See `Propagation`.
        weight: How much each edge counts, also in the degrees, float32 of shape (E,); None: 1.
    """
    in_degree = _degree(target, num_targets, weight)
    if how == "mean":
        values = 1.0 / in_degree[target]
    else:
        out_degree = _degree(source, num_sources, weight)
        values = (out_degree[source] * in_degree[target]).rsqrt()
    return values if weight is None else values * weight


def _degree(rows: Tensor, number: int, weight: Tensor | None) -> Tensor:
    if weight is None:
        return torch.bincount(rows, minlength=number).clamp(min=1).float()
    return weight.new_zeros(number).index_add(0, rows, weight).clamp(min=1)
