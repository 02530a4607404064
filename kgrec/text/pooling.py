"""From hidden states to vectors: pooling, and the dense layers after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from torch import nn

from kgrec.text.dense_files import DenseFiles
from kgrec.types import FloatArray

_ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    "identity": nn.Identity,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
}


def pool(
    hidden: torch.Tensor, mask: torch.Tensor, modes: tuple[str, ...] = ("mean",), skipped: int = 0
) -> torch.Tensor:
    """Return one vector of each text's hidden states, as sentence-transformers does, in float32.

    Args:
        hidden: Shape (n, length, dim).
        mask: Shape (n, length); 1 for a token, 0 for the padding after a text's last token.
        modes: Poolings, see `kgrec.text.layout.POOLINGS`; their vectors are put one after the
            other. "weightedmean" weighs each token by its place, which begins with 1.
        skipped: Tokens at the beginning, such as those of a prompt, that are not pooled, if
            there are others.

    Returns:
        float32 of shape (n, dim · number of modes).
    """
    own = mask.bool()
    if skipped:
        rest = own.clone()
        rest[:, :skipped] = False
        own = torch.where(rest.any(1, keepdim=True), rest, own)
    vectors = [_POOLS[mode](hidden, own) for mode in modes]
    return vectors[0] if len(vectors) == 1 else torch.cat(vectors, dim=1)


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of the hidden states of each text's own tokens; see `pool`."""
    weights = mask.to(torch.float32)
    return _weighted(hidden, weights) / weights.sum(1, keepdim=True).clamp_min(1.0)


def _weighted(hidden: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nld,nl->nd", hidden.float(), weights)


def _mean_by_root(hidden: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    weights = own.to(torch.float32)
    return _weighted(hidden, weights) / weights.sum(1, keepdim=True).clamp_min(1.0).sqrt()


def _mean_by_place(hidden: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    places = torch.arange(1, own.shape[1] + 1, dtype=torch.float32, device=own.device)
    weights = own * places
    return _weighted(hidden, weights) / weights.sum(1, keepdim=True).clamp_min(1.0)


def _largest(hidden: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    return hidden.float().masked_fill(~own[:, :, None], float("-inf")).amax(1)


def _first(hidden: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    place = own.to(torch.int64).argmax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), place].float()


def _last(hidden: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    place = own.shape[1] - 1 - own.flip(1).to(torch.int64).argmax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), place].float()


_POOLS: Final[dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    "mean": mean_pool,
    "cls": _first,
    "max": _largest,
    "mean_sqrt_len_tokens": _mean_by_root,
    "weightedmean": _mean_by_place,
    "lasttoken": _last,
}


class Dense(nn.Module):
    """A linear layer with an activation, after the pooling.

    Args:
        weight: float32 of shape (num_outputs, num_inputs).
        bias: float32 of shape (num_outputs,); None: none is added.
        activation: One of `kgrec.text.dense_files.ACTIVATIONS`.
        residual: True adds the input to the output; a matrix of shape (num_outputs, num_inputs)
            maps it first.

    Attributes:
        activation: As above.
    """

    def __init__(
        self,
        weight: FloatArray,
        bias: FloatArray | None = None,
        activation: str = "identity",
        residual: bool | FloatArray = False,
    ) -> None:
        super().__init__()
        self.linear = _linear(weight, bias)
        self.activation = activation
        self._activate = _ACTIVATIONS[activation]()
        self.adds_input = residual is not False
        self.residual = _linear(residual, None) if isinstance(residual, np.ndarray) else None

    @classmethod
    def read(cls, files: DenseFiles) -> Dense:
        """Return the layer of a folder."""
        found = files.weights
        residual = found.get("residual", True) if files.residual else False
        return cls(found["weight"], found.get("bias"), files.activation, residual)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map vectors of shape (n, num_inputs) to float32 of shape (n, num_outputs)."""
        vectors = vectors.to(self.linear.weight.dtype)
        made: torch.Tensor = self._activate(self.linear(vectors))
        if self.adds_input:
            made = made + (vectors if self.residual is None else self.residual(vectors))
        return made.float()


class Normalize(nn.Module):
    """Scales vectors to length 1."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map vectors of shape (n, dim) to those of the same direction."""
        return nn.functional.normalize(vectors, dim=1)


def _linear(weight: FloatArray, bias: FloatArray | None) -> nn.Linear:
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.array(weight, dtype=np.float32)))
        if bias is not None:
            layer.bias.copy_(torch.from_numpy(np.array(bias, dtype=np.float32)))
    return layer
