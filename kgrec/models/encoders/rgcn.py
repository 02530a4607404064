"""R-GCN: a matrix for each relation, made of bases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from kgrec.models.encoders.base import (
    INTERACTS,
    BuildContext,
    GraphEncoder,
    LayerContext,
    LayeredConfig,
    Message,
    NodeVectors,
)


class RGCN(GraphEncoder):
    """x_v^{l+1} = σ(W_0 x_v^l + Σ_r mean_{u ∈ N_r(v)} W_r x_u^l), the last layer without σ.

    Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks, ESWC 2018,
    with their basis decomposition W_r = Σ_b a_rb V_b. σ is tanh, which keeps both signs for the
    inner products of the head. The result is the sum of the input and the last layer, so that a
    node without neighbors keeps its vector.
    """

    takes_edge_weights: ClassVar[bool] = True

    def __init__(self, config: RGCNConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        num_layers, num_bases = config.num_layers, config.num_bases
        dim, generator = context.dim, context.generator
        self._place = {name: row for row, name in enumerate(sorted(context.graph.relations))}
        self.axes = {"mix": (1, list(self._place))}
        scale = dim**-0.5
        shape = (num_layers, num_bases, dim, dim)
        self.bases = nn.Parameter(torch.randn(shape, generator=generator) * scale)
        mix = torch.randn(num_layers, len(self._place), num_bases, generator=generator)
        self.mix = nn.Parameter(mix * num_bases**-0.5)
        self.self_loop = nn.Parameter(torch.eye(dim).repeat(num_layers, 1, 1))

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer."""
        graph, keep_item = context.graph, context.keep_item
        new = {kind: value @ self.self_loop[layer] for kind, value in x.items()}
        for (source, name, target), operator in graph.items():
            # Both orders give the same: multiply the smaller side by the matrix.
            weight = self._matrix(layer, name)
            if operator.num_sources <= operator.num_targets:
                message = operator(x[source] @ weight)
            else:
                message = operator(x[source]) @ weight
            if name == INTERACTS and keep_item is not None:
                message = message * keep_item
            new[target] = new[target] + message
        return {kind: self._activate(layer, value) for kind, value in new.items()}

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        weight = self._matrix(layer, f"rev_{INTERACTS}")
        return self._activate(layer, user @ self.self_loop[layer] + message(item) @ weight)

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the sum of the input and the last layer."""
        return layers[0] + layers[-1] if len(layers) > 1 else layers[0]

    def _matrix(self, layer: int, relation: str) -> Tensor:
        return torch.einsum("b,bij->ij", self.mix[layer, self._place[relation]], self.bases[layer])

    def _activate(self, layer: int, x: Tensor) -> Tensor:
        return torch.tanh(x) if layer + 1 < self.num_layers else x


class RGCNConfig(LayeredConfig):
    """The settings of `RGCN`."""

    name: Literal["rgcn"] = "rgcn"
    encoder: ClassVar[type[GraphEncoder]] = RGCN
    num_bases: int = Field(default=4, ge=1, le=1024, description="Bases that the relations share.")
