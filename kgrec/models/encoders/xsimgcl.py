"""XSimGCL: LightGCN with noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from kgrec.models.encoders.base import (
    BuildContext,
    GraphEncoder,
    LayerContext,
    NodeVectors,
    layer_sum,
)
from kgrec.models.encoders.lightgcn import LightGCN, LightGCNConfig


class XSimGCL(LightGCN):
    """LightGCN with noise in each layer during training.

    Each layer's vector x gets noise of length ε in its own orthant:
    x + ε · sign(x) ⊙ δ / ‖δ‖, δ uniform in [0, 1). The result is the mean of the layers after the
    input, after Yu et al., XSimGCL, TKDE 2023. The contrast of a layer with the result is a loss,
    see `kgrec.training.contrast`.
    """

    is_linear: ClassVar[bool] = False

    def __init__(self, config: XSimGCLConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.noise = config.noise

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer."""
        new = super().step(layer, x, context)
        if context.generator is None or not self.noise:
            return new
        return {kind: self._shaken(value, context.generator) for kind, value in new.items()}

    def _shaken(self, x: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(x.shape, generator=generator, device=x.device)
        direction = F.normalize(drawn, dim=1)
        return x + self.noise * torch.sign(x.detach()) * direction

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the mean over the layers after the input; the input where there is no other."""
        counted = layers[1:] or layers
        return layer_sum(counted) / len(counted)


class XSimGCLConfig(LightGCNConfig):
    """The settings of `XSimGCL`."""

    name: Literal["xsimgcl"] = "xsimgcl"  # type: ignore[assignment]
    encoder: ClassVar[type[GraphEncoder]] = XSimGCL
    noise: float = Field(default=0.2, ge=0, description="Length ε of the noise.")
