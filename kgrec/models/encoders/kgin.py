"""KGIN: relational paths for items, intents for users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.homogeneous import HomogeneousGraph
from kgrec.models.encoders.base import (
    BuildContext,
    GraphEncoder,
    LayerContext,
    LayeredConfig,
    Message,
    NodeVectors,
    dropped,
    layer_sum,
    unit_rows,
)


class KGIN(GraphEncoder):
    """Relational paths for items, intents for users.

    An entity or item is the mean over its edges of e_r ⊙ x_t; a user is the mean of their items
    times 1 + Σ_p β_p d_p, where the intents d_p are mixtures of relation vectors and β is the
    softmax of the user's vector over the intents' own. Each layer is scaled to length one, and
    the result is the sum of all. Wang et al., Learning Intents behind Interactions with Knowledge
    Graph for Recommendation, WWW 2021. Items see no users, as there.
    """

    def __init__(self, config: KGINConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.config = config
        dim, generator = context.dim, context.generator
        names = context.graph.homogeneous.relations
        num_intents, num_relations = config.num_intents, len(names)
        self.axes = {"relation": (0, names), "mixture": (1, names)}
        relation = torch.randn(num_relations, dim, generator=generator)
        self.relation = nn.Parameter(relation * num_relations**-0.5)
        mixture = torch.randn(num_intents, num_relations, generator=generator)
        self.mixture = nn.Parameter(mixture * 0.2)
        intent = torch.randn(num_intents, dim, generator=generator)
        self.intent = nn.Parameter(intent * context.scale)

    def forward(self, x: NodeVectors, context: LayerContext) -> list[NodeVectors]:
        """Return the vectors of all layers.

        On the whole graph, all layers drop the same edges. On a drawn part, each layer has edges
        of its own and drops some of them.
        """
        graph, generator = context.graph, context.generator
        if graph.node is None:
            self._weight = self._edge_weights(graph.homogeneous.knowledge, generator)
            if generator is not None:
                self._liked_weight = self._liked_weights(graph.homogeneous.liked, generator)
        return super().forward(x, context)

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer."""
        del layer  # and items see no users anyway
        graph, generator = context.graph, context.generator
        knowledge = graph.homogeneous.knowledge
        drawn = graph.node is not None
        weight = self._edge_weights(knowledge, generator) if drawn else self._weight
        made = knowledge.split(knowledge.relational(knowledge.join(x), self.relation, weight))
        if generator is None or not self.config.edge_dropout:
            around = graph.operators["item", "rev_interacts", "user"](x["item"])
        else:
            liked = graph.homogeneous.liked
            weight = self._liked_weights(liked, generator) if drawn else self._liked_weight
            around = liked.split(liked.operator(liked.join(x), weight))["user"]
        made["user"] = self._intended(x["user"], around)
        return {
            kind: unit_rows(dropped(value, self.config.dropout, generator))
            for kind, value in made.items()
        }

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        del layer
        return unit_rows(self._intended(user, message(item)))

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the sum of all layers."""
        return layer_sum(layers)

    def penalty(self) -> Tensor | None:
        """Return the weighted similarity of the intents."""
        unit = F.normalize(self.mixture, dim=1)
        return self.config.independence * torch.triu((unit @ unit.T) ** 2, diagonal=1).sum()

    def _intended(self, user: Tensor, around: Tensor) -> Tensor:
        intents = torch.softmax(self.mixture, dim=1) @ self.relation
        share = torch.softmax(user @ self.intent.T, dim=1)
        return around * (1 + share @ intents)

    def _kept(self, graph: HomogeneousGraph, generator: torch.Generator | None) -> Tensor:
        shape, device = graph.source.shape, graph.source.device
        if generator is None or not self.config.edge_dropout:
            return torch.ones(shape, device=device)
        drawn = torch.rand(shape, generator=generator, device=device)
        return (drawn >= self.config.edge_dropout).float()

    def _liked_weights(self, graph: HomogeneousGraph, generator: torch.Generator) -> Tensor:
        """Return 1 / in-degree of each edge after dropout: 0 if dropped, others scaled up."""
        whole = graph.weighted(torch.ones(graph.source.shape, device=graph.source.device))
        degree = whole.new_zeros(graph.num_nodes).index_add(0, graph.target, whole)
        kept = self._kept(graph, generator) / (1 - self.config.edge_dropout)
        return whole * kept / degree[graph.target].clamp(min=1)

    def _edge_weights(self, graph: HomogeneousGraph, generator: torch.Generator | None) -> Tensor:
        """Return 1 / in-degree of each kept edge of the graph, 0 for others."""
        kept = graph.weighted(self._kept(graph, generator))
        degree = kept.new_zeros(graph.num_nodes).index_add(0, graph.target, kept)
        return kept / degree[graph.target].clamp(min=1)


class KGINConfig(LayeredConfig):
    """The settings of `KGIN`."""

    name: Literal["kgin"] = "kgin"
    encoder: ClassVar[type[GraphEncoder]] = KGIN
    num_intents: int = Field(default=4, ge=1, le=1024, description="Intents of users.")
    edge_dropout: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Share of the edges that is dropped in each step of training. As in the "
        "authors' code, a node's mean is over the neighbors that are kept, and the items of a user "
        "that are kept are scaled up.",
    )
    dropout: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the entries of each layer that is dropped while training.",
    )
    independence: float = Field(
        default=1e-4,
        ge=0,
        description="Weight of the penalty on similar intents, Σ cos².",
    )
