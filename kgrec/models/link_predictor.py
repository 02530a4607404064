"""The link predictor: fusion, graph encoder and head as orthogonal parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from kgrec.graph.propagation import Propagation
from kgrec.models.base import ModelConfig
from kgrec.models.encoders import RGCN, Encoder, LightGCN, NodeVectors
from kgrec.models.fusion import Fusion, FusionMode
from kgrec.models.heads import CosineHead, DistMultHead, DotHead


class LinkPredictorConfig(ModelConfig):
    """The parts of a link predictor: any fusion × any encoder × any head."""

    dim: int = Field(default=64, ge=1, description="Width of all node vectors.")
    fusion: FusionMode = Field(default="add", description="How features join the id embedding.")
    encoder: Literal["lightgcn", "rgcn"] = "lightgcn"
    head: Literal["dot", "cosine", "distmult"] = "cosine"
    num_layers: int = Field(default=2, ge=0, description="Layers of message passing.")
    relation_weight: float = Field(
        default=0.3,
        ge=0,
        description="LightGCN: where the weights of the graph's relations begin; 0 leaves the "
        "knowledge graph out of the propagation.",
    )
    num_bases: int = Field(default=4, ge=1, description="R-GCN: bases of its matrices.")
    id_dropout: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of items that, in each step of training, are seen as new ones: without "
        "their id embedding and without the users who chose them.",
    )
    user_dropout: float = Field(
        default=0.1, ge=0, le=1, description="Share of users whose id embedding is dropped."
    )
    feature_dropout: float = Field(
        default=0.5, ge=0, lt=1, description="Share of feature entries dropped while training."
    )
    init_scale: float = Field(default=0.1, gt=0, description="Scale of the initial embeddings.")


@dataclass(frozen=True)
class Encoded:
    """Vectors of all nodes.

    Attributes:
        user: float32 of shape (num_users, dim), before the head.
        item: float32 of shape (num_items, dim), before the head.
        item_layers: The items' vectors of each layer, which `fold_in` needs.
    """

    user: Tensor
    item: Tensor
    item_layers: list[Tensor]


class LinkPredictor(nn.Module):
    """Scores the edge user → item by fusion × encoder × head.

    Args:
        config: The parts.
        graph: The edges; it fixes node types, sizes and relations.
        feature_dims: Width of the features of each node type that has some.
        generator: Source of the initial values.
    """

    def __init__(
        self,
        config: LinkPredictorConfig,
        graph: Propagation,
        feature_dims: Mapping[str, int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.config = config
        self.fusion = nn.ModuleDict(
            {
                kind: Fusion(
                    size,
                    config.dim,
                    feature_dims.get(kind, 0),
                    config.fusion,
                    scale=config.init_scale,
                    feature_dropout=config.feature_dropout,
                    generator=generator,
                )
                for kind, size in graph.sizes.items()
            }
        )
        self.encoder = _encoder(config, graph, generator)
        self.head = _head(config)

    def forward(
        self,
        graph: Propagation,
        features: Mapping[str, Tensor],
        trained: Mapping[str, Tensor],
        generator: torch.Generator | None = None,
    ) -> Encoded:
        """Return the vectors of all users and items.

        Args:
            graph: The edges.
            features: float32 of shape (num_nodes, feature_dim) for each node type that has some.
            trained: 1 for nodes that training reaches, see `trained_nodes`; float32 of shape
                (num_nodes, 1) by node type.
            generator: Source of the random dropping of ids and features; None: nothing is dropped.
        """
        keep = dict(trained)
        if generator is not None:
            for kind, share in (
                ("item", self.config.id_dropout),
                ("user", self.config.user_dropout),
            ):
                kept = torch.rand(keep[kind].shape, generator=generator) >= share
                keep[kind] = keep[kind] * kept
        x: NodeVectors = {
            kind: fusion(features.get(kind), keep[kind], generator)
            for kind, fusion in self.fusion.items()
        }
        layers = self.encoder(x, graph, keep["item"])
        items = [layer["item"] for layer in layers]
        return Encoded(
            self.encoder.combine([layer["user"] for layer in layers]),
            self.encoder.combine(items),
            items,
        )

    def fold_in(
        self, graph: Propagation, item_layers: list[Tensor], row: Tensor, item: Tensor, num: int
    ) -> Tensor:
        """Return the vectors of users who were not in training, before the head.

        Args:
            graph: The edges of training.
            item_layers: From `Encoded`.
            row: Row of the new user of each liked item, int64 of shape (E,).
            item: Row of the liked item, int64 of shape (E,).
            num: Number of new users.

        Returns:
            float32 of shape (num, dim).
        """
        unknown = item_layers[0].new_zeros((num, self.config.dim))
        return self.encoder.fold_in(unknown, item_layers, graph.of_histories(row, item, num))


def trained_nodes(graph: Propagation, num_layers: int) -> dict[str, Tensor]:
    """Return which nodes a training interaction can reach within `num_layers` steps.

    The id embedding of any other node gets no gradient and stays the noise that it began as; it
    must not be used.

    Returns:
        1.0 where reached, float32 of shape (num_nodes, 1), by node type.
    """
    seen = {kind: torch.zeros(size, 1) for kind, size in graph.sizes.items()}
    for kind, operator in graph.items():
        if kind[1] == "interacts":
            seen["item"] = (operator(torch.ones(operator.num_sources, 1)) > 0).float()
        elif kind[1] == "rev_interacts":
            seen["user"] = (operator(torch.ones(operator.num_sources, 1)) > 0).float()
    chosen = dict(seen)
    for _ in range(num_layers):
        new = dict(seen)
        for (source, _name, target), operator in graph.items():
            new[target] = ((new[target] + operator(seen[source])) > 0).float()
        seen = new
    # An item or user without an interaction is new, however well its neighbours are known.
    return {**seen, "item": chosen["item"], "user": chosen["user"]}


def _encoder(
    config: LinkPredictorConfig, graph: Propagation, generator: torch.Generator
) -> Encoder:
    if config.encoder == "rgcn":
        return RGCN(graph.relations, config.num_layers, config.dim, config.num_bases, generator)
    return LightGCN(graph.relations, config.num_layers, config.relation_weight)


def _head(config: LinkPredictorConfig) -> DotHead:
    if config.head == "distmult":
        return DistMultHead(config.dim)
    return CosineHead() if config.head == "cosine" else DotHead()
