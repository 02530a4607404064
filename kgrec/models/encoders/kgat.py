"""KGAT: attention over the edges of users, items and entities alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.homogeneous import segment_softmax
from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import (
    BuildContext,
    GraphEncoder,
    LayerContext,
    LayeredConfig,
    Message,
    NodeVectors,
    dropped,
    unit_rows,
)
from kgrec.models.knowledge import TripleScorer


class KGAT(GraphEncoder):
    """Attention over the edges of users, items and entities alike.

    π(h, r, t) = (W_r t)ᵀ tanh(W_r h + r), softmax over the triples of h, whose tails t send to h,
    with W_r and r from the TransR that is trained together with the ranking. A node x and its
    weighted neighborhood n become LeakyReLU(W_1 (x + n)) + LeakyReLU(W_2 (x ⊙ n)); the layers,
    scaled to length one, are concatenated. Wang et al., KGAT, KDD 2019. As there, attention is
    computed once per epoch and constant in between, and triples are learned in both directions
    (`knowledge.inverses`). Without TransR, all neighbors have the same weight.

    For a user who was not in training, all liked items have the same attention.
    """

    attention: Tensor

    def __init__(self, config: KGATConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        dim, homogeneous = context.dim, context.graph.homogeneous
        self.dropout = config.dropout
        shape = (config.num_layers, 2, dim, dim)
        self.weight = nn.Parameter(torch.randn(shape, generator=context.generator) * dim**-0.5)
        self.bias = nn.Parameter(torch.zeros(config.num_layers, 2, dim))
        degree = torch.bincount(homogeneous.target, minlength=homogeneous.num_nodes)
        # Part of the state, because it is older than the weights by up to an epoch.
        self.register_buffer("attention", 1.0 / degree[homogeneous.target].clamp(min=1).float())

    def refresh(self, x: NodeVectors, graph: Propagation, triples: TripleScorer | None) -> None:
        """Compute the attention of all edges from the vectors and TransR as they are."""
        if triples is None:
            return
        homogeneous = graph.homogeneous
        nodes = homogeneous.join(x)
        score = nodes.new_empty(len(homogeneous.source))
        place_of = {name: row for row, name in enumerate(homogeneous.relations)}
        for row, name in enumerate(homogeneous.relations):
            edges = (homogeneous.relation == row).nonzero().squeeze(1)
            # An edge leads from the tail t to the head h: it is the inverse of its triple.
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

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer, before they are scaled to length one."""
        homogeneous = context.graph.homogeneous
        nodes = homogeneous.join(x)
        weight = homogeneous.of_edges(self.attention) * homogeneous.of_kept_items(context.keep_item)
        around = homogeneous.operator(nodes, weight)
        made = self._joined(layer, nodes, around)
        return homogeneous.split(dropped(made, self.dropout, context.generator))

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        return self._joined(layer, user, message(item))

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the layers concatenated, those after the input scaled to length one."""
        return torch.cat([layers[0], *(unit_rows(layer) for layer in layers[1:])], dim=1)

    def _joined(self, layer: int, x: Tensor, around: Tensor) -> Tensor:
        added = (x + around) @ self.weight[layer, 0] + self.bias[layer, 0]
        product = (x * around) @ self.weight[layer, 1] + self.bias[layer, 1]
        return F.leaky_relu(added) + F.leaky_relu(product)


class KGATConfig(LayeredConfig):
    """The settings of `KGAT`."""

    name: Literal["kgat"] = "kgat"
    encoder: ClassVar[type[GraphEncoder]] = KGAT
    dropout: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the entries of each layer that is dropped while training.",
    )
    adds_relations: ClassVar[bool] = True

    def width(self, dim: int) -> int:
        """Return the width of all layers together."""
        return dim * (self.num_layers + 1)


def _inverse(relation: str) -> str:
    prefix = "rev_"
    return relation.removeprefix(prefix) if relation.startswith(prefix) else prefix + relation
