"""CKE: an item vector is the sum of one from interactions and one from triples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.models.encoders.base import (
    BuildContext,
    GraphEncoder,
    GraphEncoderConfig,
    LayerContext,
    NodeVectors,
)
from kgrec.models.encoders.unpropagated import Unpropagated


class CKE(Unpropagated):
    """An item vector is the sum of one learned from interactions and one learned from triples.

    v = η + e, with e trained on the graph's triples, after the structural part of Zhang et al.,
    Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016.
    """

    def __init__(self, config: CKEConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        shape = context.graph.sizes["item"], context.dim
        start = torch.randn(shape, generator=context.generator)
        self.structure = nn.Parameter(start * context.scale)
        self.axes = {"structure": (0, "item")}

    def start(self, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors with the items' structural part added."""
        return {**x, "item": x["item"] + self._structure(context.graph.node)}

    def triple_vectors(
        self, x: NodeVectors, node: Mapping[str, Tensor] | None = None
    ) -> NodeVectors:
        """Return the structural vectors of items and the input vectors of other nodes."""
        return {**x, "item": self._structure(node)}

    def _structure(self, node: Mapping[str, Tensor] | None) -> Tensor:
        if node is None:
            return self.structure
        return F.embedding(node["item"], self.structure, sparse=self.sparse_gradients)


class CKEConfig(GraphEncoderConfig):
    """The settings of `CKE`: there are none."""

    name: Literal["cke"] = "cke"
    encoder: ClassVar[type[GraphEncoder]] = CKE
