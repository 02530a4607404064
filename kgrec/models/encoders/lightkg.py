"""LightKG: LightGCN over all edges, with a number for each relation and direction."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from kgrec.graph.homogeneous import HomogeneousGraph
from kgrec.graph.propagation import Normalisation
from kgrec.models.encoders.base import (
    BuildContext,
    GraphEncoder,
    LayerContext,
    LayeredConfig,
    Message,
    NodeVectors,
    dropped,
)


class LightKG(GraphEncoder):
    """LightGCN over all edges with a number for each relation and direction.

    x_v^{l+1} = Σ_r w_r Σ_{u ∈ N_r(v)} x_u^l / sqrt(d_u d_v), with d the number of neighbors by
    any relation and w_r of any sign; the result is the mean over the layers. Li et al.,
    LightKG: Efficient Knowledge-Aware Recommendations with Simplified GNN Architecture, KDD 2025.
    Its contrastive layer is a loss, `kgrec.training.contrast`.
    """

    def __init__(self, config: LightKGConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.dropout = config.dropout
        graph, homogeneous = context.graph, context.graph.homogeneous
        degree = num_neighbors(homogeneous)
        self._norm = (degree[homogeneous.source] * degree[homogeneous.target]).rsqrt()
        first = homogeneous.start("item")
        ratio = graph.item_degree.clamp(min=1) / degree[
            first : first + homogeneous.sizes["item"]
        ].clamp(1)
        self._of_new_users = ratio.sqrt()[:, None]
        num = len(homogeneous.relations)
        bound = (6 / (num + 1)) ** 0.5  # Glorot initialisation of a table with one column
        start = torch.rand(num, generator=context.generator)
        self.relation = nn.Parameter((2 * start - 1) * bound)
        self._names = homogeneous.relations
        self.axes = {"relation": (0, self._names)}

    def relation_weights(self) -> dict[str, float]:
        """Return the learned weight of each relation and direction."""
        return dict(zip(self._names, self.relation.tolist(), strict=True))

    def start(self, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the input with some of its entries dropped."""
        return {kind: dropped(value, self.dropout, context.generator) for kind, value in x.items()}

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer."""
        del layer
        homogeneous = context.graph.homogeneous
        norm = homogeneous.of_edges(self._norm) * homogeneous.of_kept_items(context.keep_item)
        weight = self.relation[homogeneous.relation] * norm
        return homogeneous.split(homogeneous.operator(homogeneous.join(x), weight))

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        del layer, user
        weight = self.relation[self._names.index("rev_interacts")]
        return message(item * self._of_new_users) * weight


class LightKGConfig(LayeredConfig):
    """The settings of `LightKG`."""

    name: Literal["lightkg"] = "lightkg"
    encoder: ClassVar[type[GraphEncoder]] = LightKG
    dropout: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share of the entries of the input that is dropped while training.",
    )
    normalisation: ClassVar[Normalisation] = "symmetric"


def num_neighbors(homogeneous: HomogeneousGraph) -> Tensor:
    """Return how many distinct nodes have an edge into each node, float32 of shape (num_nodes,)."""
    pairs = torch.unique(homogeneous.target * homogeneous.num_nodes + homogeneous.source)
    return torch.bincount(pairs // homogeneous.num_nodes, minlength=homogeneous.num_nodes).float()
