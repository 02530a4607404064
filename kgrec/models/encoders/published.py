"""Encoders of published models: XSimGCL, CKE, KGAT, KGIN and LightKG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.homogeneous import HomogeneousGraph, segment_softmax
from kgrec.graph.propagation import Normalisation, Propagation
from kgrec.models.encoders.layers import (
    GraphEncoder,
    LightGCN,
    NodeVectors,
    Unpropagated,
    layer_sum,
)
from kgrec.models.knowledge import TripleScorer


class XSimGCL(LightGCN):
    """LightGCN whose layers are shaken while training.

    Each layer's vector x gets noise of length ε that points into its own orthant:
    x + ε · sign(x) ⊙ δ / ‖δ‖, δ uniform in [0, 1). The result is the mean of the layers after the
    input, after Yu et al., XSimGCL, TKDE 2023. The contrast of a layer with the result is a loss,
    `kgrec.training.losses.info_nce`.

    Args:
        relations: Names of all relations, inverses included.
        num_layers: Layers, at least 1.
        relation_weight: As for `LightGCN`.
        noise: ε.
    """

    is_linear: ClassVar[bool] = False

    def __init__(
        self, relations: Sequence[str], num_layers: int, relation_weight: float, noise: float
    ) -> None:
        super().__init__(relations, num_layers, relation_weight)
        self.noise = noise

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None = None,
    ) -> NodeVectors:
        """Return the vectors after one more layer."""
        new = super().step(layer, x, graph, keep_item)
        if generator is None or not self.noise:
            return new
        return {kind: self._shaken(value, generator) for kind, value in new.items()}

    def _shaken(self, x: Tensor, generator: torch.Generator) -> Tensor:
        direction = F.normalize(torch.rand(x.shape, generator=generator), dim=1)
        return x + self.noise * torch.sign(x.detach()) * direction

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the mean over the layers after the input; the input where there is no other."""
        counted = layers[1:] or layers
        return layer_sum(counted) / len(counted)


class CKE(Unpropagated):
    """An item is the sum of a vector that interactions teach and one that its triples teach.

    v = η + e, with e trained by the graph's links, after the structural part of Zhang et al.,
    Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016.

    Args:
        num_items: Items.
        dim: Width of the vectors.
        scale: Standard deviation of the initial e.
        generator: Source of the initial values.
    """

    def __init__(self, num_items: int, dim: int, scale: float, generator: torch.Generator) -> None:
        super().__init__()
        self.structure = nn.Parameter(torch.randn(num_items, dim, generator=generator) * scale)

    def start(
        self, x: NodeVectors, graph: Propagation, generator: torch.Generator | None
    ) -> NodeVectors:
        """Return the vectors with the items' structural part added."""
        del generator
        return {**x, "item": x["item"] + self._structure(graph.node)}

    def triple_vectors(
        self, x: NodeVectors, node: Mapping[str, Tensor] | None = None
    ) -> NodeVectors:
        """Return the structural vectors of items beside the others' own."""
        return {**x, "item": self._structure(node)}

    def _structure(self, node: Mapping[str, Tensor] | None) -> Tensor:
        return self.structure if node is None else F.embedding(node["item"], self.structure)


class KGAT(GraphEncoder):
    """Attention over the edges of users, items and entities alike.

    π(h, r, t) = (W_r t)ᵀ tanh(W_r h + r), softmax over the triples of h, whose tails t send to h,
    with W_r and r from the TransR that is trained beside the ranking; a node and its attended
    neighborhood n are joined as LeakyReLU(W_1 (x + n)) + LeakyReLU(W_2 (x ⊙ n)), and the layers,
    at length one, stand side by side. Wang et al., KGAT, KDD 2019. As there, attention is computed
    once an epoch and is a constant in between, and triples are learned in both directions
    (`knowledge.inverses`). Without TransR all neighbors count alike.

    A user who was not in training gives all of their items the same attention.

    Args:
        graph: The edges.
        num_layers: Layers.
        dim: Width of the vectors.
        dropout: Share of the entries of each layer that is dropped while training.
        generator: Source of the initial values.
    """

    normalisation: Normalisation = "mean"
    attention: Tensor

    def __init__(
        self,
        graph: Propagation,
        num_layers: int,
        dim: int,
        dropout: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__(num_layers)
        self.dropout = dropout
        shape = (num_layers, 2, dim, dim)
        self.weight = nn.Parameter(torch.randn(shape, generator=generator) * dim**-0.5)
        self.bias = nn.Parameter(torch.zeros(num_layers, 2, dim))
        homogeneous = graph.homogeneous
        degree = torch.bincount(homogeneous.target, minlength=homogeneous.num_nodes)
        # What is learned of edges; a part of the state, because it is a step behind the weights.
        self.register_buffer("attention", 1.0 / degree[homogeneous.target].clamp(min=1).float())

    def refresh(self, x: NodeVectors, graph: Propagation, triples: TripleScorer | None) -> None:
        """Compute the attention of all edges from the vectors and TransR as they are."""
        if triples is None:
            return
        homogeneous = graph.homogeneous
        nodes = homogeneous.join(x)
        score = torch.empty(len(homogeneous.source))
        place_of = {name: row for row, name in enumerate(homogeneous.relations)}
        for row, name in enumerate(homogeneous.relations):
            edges = (homogeneous.relation == row).nonzero().squeeze(1)
            # An edge leads from the tail t to the head h, so that it is the inverse of its triple.
            learned = place_of.get(_inverse(name), row)
            vector, mapped = triples.relation[learned], nodes
            if triples.scoring == "transr":
                used, place = torch.unique(
                    torch.cat([homogeneous.target[edges], homogeneous.source[edges]]),
                    return_inverse=True,
                )
                mapped = nodes[used] @ triples.matrix[learned]
                head, tail = place[: len(edges)], place[len(edges) :]
            else:
                head, tail = homogeneous.target[edges], homogeneous.source[edges]
            score[edges] = (mapped[tail] * torch.tanh(mapped[head] + vector)).sum(1)
        self.attention.copy_(segment_softmax(score, homogeneous.target, homogeneous.num_nodes))

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None,
    ) -> NodeVectors:
        """Return the vectors after one more layer, before they are brought to length one."""
        homogeneous = graph.homogeneous
        nodes = homogeneous.join(x)
        weight = homogeneous.of_edges(self.attention) * homogeneous.of_kept_items(keep_item)
        around = homogeneous.operator(nodes, weight)
        made = self._joined(layer, nodes, around)
        return homogeneous.split(_dropped(made, self.dropout, generator))

    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        return self._joined(layer, user, message(item))

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the layers side by side, those after the input at length one."""
        return torch.cat([layers[0], *(unit_rows(layer) for layer in layers[1:])], dim=1)

    def width(self, dim: int) -> int:
        """Return the width of all layers together."""
        return dim * (self.num_layers + 1)

    def _joined(self, layer: int, x: Tensor, around: Tensor) -> Tensor:
        added = (x + around) @ self.weight[layer, 0] + self.bias[layer, 0]
        product = (x * around) @ self.weight[layer, 1] + self.bias[layer, 1]
        return F.leaky_relu(added) + F.leaky_relu(product)


class KGIN(GraphEncoder):
    """Relational paths for items, intents for users.

    An entity or item is the mean over its edges of e_r ⊙ x_t; a user is the mean of their items
    times 1 + Σ_p β_p d_p, where the intents d_p are mixtures of relation vectors and β is the
    softmax of the user's vector over the intents' own. Each layer is brought to length one, and
    the result is the sum of all. Wang et al., Learning Intents behind Interactions with Knowledge
    Graph for Recommendation, WWW 2021. Items see no users, as there.

    Args:
        graph: The edges.
        num_layers: Layers.
        dim: Width of the vectors.
        num_intents: Intents.
        edge_dropout: Share of the edges that is dropped in each step of training. The mean over a
            node's neighbors in the graph is one of those kept; a user's items that are kept count
            as much more, as in the authors' code.
        dropout: Share of the entries of each layer that is dropped while training.
        independence: Weight of the penalty on intents that are alike, Σ cos².
        scale: Standard deviation of the initial vectors.
        generator: Source of the initial values.
    """

    normalisation: Normalisation = "mean"

    def __init__(
        self,
        graph: Propagation,
        num_layers: int,
        dim: int,
        num_intents: int,
        edge_dropout: float,
        dropout: float,
        independence: float,
        scale: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__(num_layers)
        self.edge_dropout, self.dropout, self.independence = edge_dropout, dropout, independence
        num_relations = len(graph.homogeneous.relations)
        self.relation = nn.Parameter(
            torch.randn(num_relations, dim, generator=generator) * num_relations**-0.5
        )
        self.mixture = nn.Parameter(
            torch.randn(num_intents, num_relations, generator=generator) * 0.2
        )
        self.intent = nn.Parameter(torch.randn(num_intents, dim, generator=generator) * scale)

    def forward(
        self,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> list[NodeVectors]:
        """Return the vectors of all layers.

        On a whole graph the dropped edges are the same in each layer, on a drawn part each layer
        has other edges and drops some of these.
        """
        if graph.node is None:
            self._weight = self._edge_weights(graph.homogeneous.knowledge, generator)
            if generator is not None:
                self._liked_weight = self._liked_weights(graph.homogeneous.liked, generator)
        return super().forward(x, graph, keep_item, generator)

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None,
    ) -> NodeVectors:
        """Return the vectors after one more layer."""
        del layer, keep_item  # items see no users anyway
        knowledge = graph.homogeneous.knowledge
        drawn = graph.node is not None
        weight = self._edge_weights(knowledge, generator) if drawn else self._weight
        made = knowledge.split(knowledge.relational(knowledge.join(x), self.relation, weight))
        if generator is None or not self.edge_dropout:
            around = graph.operators["item", "rev_interacts", "user"](x["item"])
        else:
            liked = graph.homogeneous.liked
            weight = self._liked_weights(liked, generator) if drawn else self._liked_weight
            around = liked.split(liked.operator(liked.join(x), weight))["user"]
        made["user"] = self._intended(x["user"], around)
        return {
            kind: unit_rows(_dropped(value, self.dropout, generator))
            for kind, value in made.items()
        }

    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        del layer
        return unit_rows(self._intended(user, message(item)))

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the sum of all layers."""
        return layer_sum(layers)

    def penalty(self) -> Tensor | None:
        """Return how alike the intents are, times its weight."""
        unit = F.normalize(self.mixture, dim=1)
        return self.independence * torch.triu((unit @ unit.T) ** 2, diagonal=1).sum()

    def _intended(self, user: Tensor, around: Tensor) -> Tensor:
        intents = torch.softmax(self.mixture, dim=1) @ self.relation
        share = torch.softmax(user @ self.intent.T, dim=1)
        return around * (1 + share @ intents)

    def _kept(self, graph: HomogeneousGraph, generator: torch.Generator | None) -> Tensor:
        kept = torch.ones(len(graph.source))
        if generator is not None and self.edge_dropout:
            kept = (torch.rand(kept.shape, generator=generator) >= self.edge_dropout).float()
        return kept

    def _liked_weights(self, graph: HomogeneousGraph, generator: torch.Generator) -> Tensor:
        """Return 1 / in-degree of each edge, 0 for dropped ones and as much more for others."""
        whole = graph.weighted(torch.ones(len(graph.source)))
        degree = torch.zeros(graph.num_nodes).index_add(0, graph.target, whole)
        kept = self._kept(graph, generator) / (1 - self.edge_dropout)
        return whole * kept / degree[graph.target].clamp(min=1)

    def _edge_weights(self, graph: HomogeneousGraph, generator: torch.Generator | None) -> Tensor:
        """Return 1 / in-degree of each kept edge of the graph, 0 for others."""
        kept = graph.weighted(self._kept(graph, generator))
        degree = torch.zeros(graph.num_nodes).index_add(0, graph.target, kept)
        return kept / degree[graph.target].clamp(min=1)


class LightKG(GraphEncoder):
    """LightGCN over all edges with a number for each relation and direction.

    x_v^{l+1} = Σ_r w_r Σ_{u ∈ N_r(v)} x_u^l / sqrt(d_u d_v), with d the number of neighbors by
    whatever relation and w_r of any sign; the result is the mean over the layers. Li et al.,
    LightKG: Efficient Knowledge-Aware Recommendations with Simplified GNN Architecture, KDD 2025.
    Its contrastive layer is a loss, `kgrec.training.contrast`.

    Args:
        graph: The edges.
        num_layers: Layers.
        dropout: Share of the entries of the input that is dropped while training.
        generator: Source of the initial values.
    """

    normalisation: Normalisation = "symmetric"

    def __init__(
        self, graph: Propagation, num_layers: int, dropout: float, generator: torch.Generator
    ) -> None:
        super().__init__(num_layers)
        self.dropout = dropout
        homogeneous = graph.homogeneous
        degree = num_neighbors(homogeneous)
        self._norm = (degree[homogeneous.source] * degree[homogeneous.target]).rsqrt()
        first = homogeneous.start("item")
        ratio = graph.item_degree.clamp(min=1) / degree[
            first : first + homogeneous.sizes["item"]
        ].clamp(1)
        self._of_new_users = ratio.sqrt()[:, None]
        bound = (
            6 / (len(homogeneous.relations) + 1)
        ) ** 0.5  # Glorot's, of a table with one column
        start = torch.rand(len(homogeneous.relations), generator=generator)
        self.relation = nn.Parameter((2 * start - 1) * bound)
        self._names = homogeneous.relations

    def relation_weights(self) -> dict[str, float]:
        """Return the learned weight of each relation and direction."""
        return dict(zip(self._names, self.relation.tolist(), strict=True))

    def start(
        self, x: NodeVectors, graph: Propagation, generator: torch.Generator | None
    ) -> NodeVectors:
        """Return the input with some of its entries dropped."""
        del graph
        return {kind: _dropped(value, self.dropout, generator) for kind, value in x.items()}

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None,
    ) -> NodeVectors:
        """Return the vectors after one more layer."""
        del layer, generator
        homogeneous = graph.homogeneous
        norm = homogeneous.of_edges(self._norm) * homogeneous.of_kept_items(keep_item)
        weight = self.relation[homogeneous.relation] * norm
        return homogeneous.split(homogeneous.operator(homogeneous.join(x), weight))

    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        del layer, user
        weight = self.relation[self._names.index("rev_interacts")]
        return message(item * self._of_new_users) * weight

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the mean over the layers."""
        return layer_sum(layers) / len(layers)


def num_neighbors(homogeneous: HomogeneousGraph) -> Tensor:
    """Return how many distinct nodes have an edge into each node, float32 of shape (num_nodes,)."""
    pairs = torch.unique(homogeneous.target * homogeneous.num_nodes + homogeneous.source)
    return torch.bincount(pairs // homogeneous.num_nodes, minlength=homogeneous.num_nodes).float()


def unit_rows(x: Tensor) -> Tensor:
    """Return rows of length one, and zeros for zeros, whose gradient is what comes back for them.

    `torch.nn.functional.normalize` gives a zero row 1e12 times the gradient. A node none of whose
    edges were kept has one, and four layers of such are more than float32 holds.
    """
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / torch.where(length > 1e-12, length, torch.ones_like(length))


def _inverse(relation: str) -> str:
    prefix = "rev_"
    return relation.removeprefix(prefix) if relation.startswith(prefix) else prefix + relation


def _dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    if generator is None or not share:
        return x
    kept = torch.rand(x.shape, generator=generator) >= share
    return x * kept / (1 - share)
