"""The head of KGCN: each user has own weights for the relations of an item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.homogeneous import HomogeneousGraph, segment_softmax
from kgrec.models.encoders.base import BuildContext, Propagated
from kgrec.models.heads.inner_product import DotHead, LinkHeadConfig


class RelationAttentionHead(DotHead):
    """score(u, i) = ⟨u, tanh(W (i + Σ_e π_u(e) n_e) + b)⟩: each user weighs the item's relations.

    π_u(e) = softmax over the edges e from i's neighbors n_e in the graph of ⟨u, r_e⟩, as in Wang
    et al., Knowledge Graph Convolutional Networks for Recommender Systems, WWW 2019, with one
    layer and the whole neighborhood instead of a sample of it. It is not an inner product: an item
    has another vector for each user.
    """

    is_inner_product: ClassVar[bool] = False

    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        dim, generator, homogeneous = context.dim, context.generator, context.graph.homogeneous
        self._edges = _EdgesOfItems.from_graph(homogeneous)
        scale = dim**-0.5
        self.relation = nn.Parameter(
            torch.randn(len(homogeneous.relations), dim, generator=generator) * scale
        )
        self.axes = {"relation": (0, homogeneous.relations)}
        self.weight = nn.Parameter(torch.randn(dim, dim, generator=generator) * scale)
        self.bias = nn.Parameter(torch.zeros(dim))

    def place(self, propagated: Propagated) -> Tensor:
        """Return the items' vectors for a user with equal weights for all relations."""
        everything = torch.arange(len(self._edges.count), device=propagated.item.device)
        nobody = propagated.item.new_zeros((1, self.weight.shape[0]))
        return self._vectors(nobody @ self.relation.T, propagated, everything[None])

    def scores(self, user: Tensor, propagated: Propagated) -> Tensor:
        """Return the scores of all items, user by user, float32 of shape (b, num_items)."""
        # W is applied once to all nodes; then each user needs one weighted sum.
        edges = self._edges_of(propagated)
        nodes = edges.nodes(propagated) @ self.weight
        items = propagated.item @ self.weight + self.bias
        owner = torch.repeat_interleave(edges.count)
        num = len(edges.count)
        made = []
        for one, affinity in zip(user, user @ self.relation.T, strict=True):
            attention = segment_softmax(edges.inclined(affinity[edges.relation]), owner, num)
            around = F.embedding_bag(
                edges.source, nodes, edges.start, mode="sum", per_sample_weights=attention
            )
            made.append(torch.tanh(items + around) @ one)
        return torch.stack(made) if made else user.new_zeros((0, num))

    def pair_scores(self, user: Tensor, propagated: Propagated, items: Tensor) -> Tensor:
        """Return the scores of some items for each user, float32 of shape (p, n)."""
        # ⟨u, r⟩ of all relations needs far less memory than one row for each edge.
        made = self._vectors(user @ self.relation.T, propagated, items)
        return (user[:, None] * made.reshape(*items.shape, -1)).sum(2)

    def _vectors(self, affinity: Tensor, propagated: Propagated, items: Tensor) -> Tensor:
        """Return the vectors of items (p, n) for users of given ⟨u, r⟩, shape (p · n, dim)."""
        edges = self._edges_of(propagated)
        pairs = items.reshape(-1)
        count = edges.count[pairs]
        pair = torch.repeat_interleave(count)
        offset = torch.cumsum(count, 0) - count
        place = torch.arange(len(pair), device=pair.device)
        edge = place - offset[pair] + edges.start[pairs][pair]
        owner = torch.div(pair, items.shape[1], rounding_mode="floor")
        inclined = edges.inclined(affinity[owner, edges.relation[edge]], edge)
        attention = segment_softmax(inclined, pair, len(pairs))
        around = F.embedding_bag(
            edges.source[edge],
            edges.nodes(propagated),
            offset,
            mode="sum",
            per_sample_weights=attention,
        )
        joined = (F.embedding(pairs, propagated.item) + around) @ self.weight + self.bias
        return torch.tanh(joined)

    def _edges_of(self, propagated: Propagated) -> _EdgesOfItems:
        return (
            self._edges
            if propagated.part is None
            else _EdgesOfItems.from_graph(propagated.part.homogeneous)
        )


class RelationAttentionHeadConfig(LinkHeadConfig):
    """The settings of `RelationAttentionHead`: there are none."""

    name: Literal["relation_attention"] = "relation_attention"
    head: ClassVar[type[DotHead]] = RelationAttentionHead
    reach: ClassVar[int] = 1


@dataclass(frozen=True)
class _EdgesOfItems:
    """The graph's edges into items, by item.

    Attributes:
        kinds: Node types in the order of the homogeneous numbering.
        source: Source of each edge in the homogeneous numbering, int64 of shape (e,).
        relation: Its relation, int64 of shape (e,).
        weight: How many edges it represents, float32 of shape (e,); None: one.
        start: First edge of each item, int64 of shape (num_items,).
        count: Number of edges of each item, int64 of shape (num_items,).
    """

    kinds: tuple[str, ...]
    source: Tensor
    relation: Tensor
    weight: Tensor | None
    start: Tensor
    count: Tensor

    @classmethod
    def from_graph(cls, homogeneous: HomogeneousGraph) -> _EdgesOfItems:
        first, num_items = homogeneous.start("item"), homogeneous.sizes["item"]
        inside = (homogeneous.target >= first) & (homogeneous.target < first + num_items)
        part = homogeneous.select(inside & ~homogeneous.of_interactions())
        part = part.select(torch.argsort(part.target, stable=True))
        count = torch.bincount(part.target - first, minlength=num_items)
        start = torch.cumsum(count, 0) - count
        return cls(tuple(homogeneous.sizes), part.source, part.relation, part.weight, start, count)

    def nodes(self, propagated: Propagated) -> Tensor:
        """Return the vectors of all nodes in the homogeneous numbering."""
        return torch.cat([propagated.nodes[kind] for kind in self.kinds])

    def inclined(self, affinity: Tensor, edge: Tensor | None = None) -> Tensor:
        """Return the logits of the edges, or of the given ones, with the log of their weight."""
        if self.weight is None:
            return affinity
        return affinity + torch.log(self.weight if edge is None else self.weight[edge])
