"""Link-prediction heads: from a user's and an item's vector to a score.

All but one are an inner product of transformed vectors, so that one index serves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.homogeneous import HomogeneousGraph, segment_softmax
from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.layers import Propagated


class DotHead(nn.Module):
    """score(u, i) = ⟨u, i⟩, and what all heads have.

    Attributes:
        is_inner_product: Whether scores are inner products of what `user` and `item` return.
    """

    is_inner_product: ClassVar[bool] = True

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' side of the product, float32 of shape (b, dim)."""
        return vectors

    def item(self, vectors: Tensor) -> Tensor:
        """Return the items' side of the product, float32 of shape (n, dim)."""
        return vectors

    def place(self, propagated: Propagated) -> Tensor:
        """Return where items lie among each other, float32 of shape (num_items, dim)."""
        return self.item(propagated.item)

    def user_near(self, vectors: Tensor) -> Tensor:
        """Return the users, before `user`, whom items placed at `vectors` fit; shape (b, dim)."""
        return vectors

    def scores(self, user: Tensor, propagated: Propagated) -> Tensor:
        """Return the scores of all items, float32 of shape (b, num_items).

        Args:
            user: What `user` returned, float32 of shape (b, dim).
            propagated: The vectors of all nodes.
        """
        return user @ self.item(propagated.item).T

    def pair_scores(self, user: Tensor, propagated: Propagated, items: Tensor) -> Tensor:
        """Return the scores of some items for each user, float32 of shape (p, n).

        Args:
            user: What `user` returned, float32 of shape (p, dim).
            propagated: The vectors of all nodes.
            items: Rows of items, int64 of shape (p, n).
        """
        chosen = self.item(F.embedding(items.reshape(-1), propagated.item))
        # Not einsum: its product of many small matrices takes ten times as long for small n.
        return (user[:, None] * chosen.reshape(*items.shape, -1)).sum(2)


class CosineHead(DotHead):
    """score(u, i) = ⟨u, i⟩ / (‖u‖ ‖i‖)."""

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' vectors at length one."""
        return F.normalize(vectors, dim=1)

    def item(self, vectors: Tensor) -> Tensor:
        """Return the items' vectors at length one."""
        return F.normalize(vectors, dim=1)


class DistMultHead(DotHead):
    """score(u, i) = ⟨u, r, i⟩ = Σ_d u_d r_d i_d with a trained vector r for “interacts”.

    Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge Bases,
    ICLR 2015.

    Args:
        dim: Width of the vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.relation = nn.Parameter(torch.ones(dim))

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' vectors times r."""
        return vectors * self.relation

    def user_near(self, vectors: Tensor) -> Tensor:
        """Return the users whom items at `vectors` fit: items of the sign that r turns them to."""
        return vectors * torch.sign(self.relation)


class TranslationHead(DotHead):
    """score(u, i) = -‖u + r - i‖², up to what is the same for all items of a user.

    TransE for the edge “interacts” (Bordes et al., NeurIPS 2013), as CFKG recommends. Written as
    an inner product: 2 ⟨u + r, i⟩ - ‖i‖² = ⟨[u + r, 1], [2 i, -‖i‖²]⟩.

    Args:
        dim: Width of the vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.relation = nn.Parameter(torch.zeros(dim))

    def user(self, vectors: Tensor) -> Tensor:
        """Return [u + r, 1], float32 of shape (b, dim + 1)."""
        moved = vectors + self.relation
        return torch.cat([moved, torch.ones_like(moved[:, :1])], dim=1)

    def item(self, vectors: Tensor) -> Tensor:
        """Return [2 i, -‖i‖²], float32 of shape (n, dim + 1)."""
        return torch.cat([2 * vectors, -(vectors**2).sum(1, keepdim=True)], dim=1)

    def place(self, propagated: Propagated) -> Tensor:
        """Return the items' vectors as they are."""
        return propagated.item

    def user_near(self, vectors: Tensor) -> Tensor:
        """Return the users from whom r leads to `vectors`."""
        return vectors - self.relation


class RelationAttentionHead(DotHead):
    """score(u, i) = ⟨u, tanh(W (i + Σ_e π_u(e) n_e) + b)⟩: each user weighs the item's relations.

    π_u(e) = softmax over the edges e from i's neighbors n_e in the graph of ⟨u, r_e⟩, as in Wang
    et al., Knowledge Graph Convolutional Networks for Recommender Systems, WWW 2019, with one
    layer and the whole neighborhood in place of a sample of it. It is no inner product: an item
    has another vector for each user.

    Args:
        graph: The edges.
        dim: Width of the vectors.
        generator: Source of the initial values.
    """

    is_inner_product: ClassVar[bool] = False

    def __init__(self, graph: Propagation, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        homogeneous = graph.homogeneous
        self._edges = _EdgesOfItems.from_graph(homogeneous)
        scale = dim**-0.5
        self.relation = nn.Parameter(
            torch.randn(len(homogeneous.relations), dim, generator=generator) * scale
        )
        self.weight = nn.Parameter(torch.randn(dim, dim, generator=generator) * scale)
        self.bias = nn.Parameter(torch.zeros(dim))

    def place(self, propagated: Propagated) -> Tensor:
        """Return what items are to a user who weighs all of their relations alike."""
        everything = torch.arange(len(self._edges.count))
        nobody = propagated.item.new_zeros((1, self.weight.shape[0]))
        return self._vectors(nobody @ self.relation.T, propagated, everything[None])

    def scores(self, user: Tensor, propagated: Propagated) -> Tensor:
        """Return the scores of all items, float32 of shape (b, num_items); a user at a time."""
        # W is applied once to all nodes: what is left for each user is one weighted sum.
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
        # ⟨u, r⟩ of all relations is far smaller than one row for each edge.
        made = self._vectors(user @ self.relation.T, propagated, items)
        return (user[:, None] * made.reshape(*items.shape, -1)).sum(2)

    def _vectors(self, affinity: Tensor, propagated: Propagated, items: Tensor) -> Tensor:
        """Return the vectors of items (p, n) for users of given ⟨u, r⟩, shape (p · n, dim)."""
        edges = self._edges_of(propagated)
        pairs = items.reshape(-1)
        count = edges.count[pairs]
        pair = torch.repeat_interleave(count)
        offset = torch.cumsum(count, 0) - count
        edge = torch.arange(len(pair)) - offset[pair] + edges.start[pairs][pair]
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


@dataclass(frozen=True)
class _EdgesOfItems:
    """The graph's edges into items, by item.

    Attributes:
        kinds: Node types in the order of the homogeneous numbering.
        source: Source of each edge in the homogeneous numbering, int64 of shape (e,).
        relation: Its relation, int64 of shape (e,).
        weight: How many edges it stands for, float32 of shape (e,); None: itself.
        start: Where the edges of each item begin, int64 of shape (num_items,).
        count: How many each has, int64 of shape (num_items,).
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
        """Return the logits of edges, or of the given ones: of as many as each stands for."""
        if self.weight is None:
            return affinity
        return affinity + torch.log(self.weight if edge is None else self.weight[edge])
