"""The linear layer that turns the vector of a text into an answer."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.types import FloatArray


class Head(nn.Linear):
    """A linear layer over vectors of length 1, which are scaled so that a number is about 1.

    It begins with zeros and a bias: the answer that knows no text.

    Args:
        dim: Length of the vectors.
        bias: The first bias, float32 of shape (num_outputs,).
    """

    def __init__(self, dim: int, bias: FloatArray) -> None:
        super().__init__(dim, len(bias))
        with torch.no_grad():
            self.weight.zero_()
            self.bias.copy_(torch.from_numpy(np.asarray(bias, dtype=np.float32)))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the outputs, float32 of shape (b, num_outputs).

        Args:
            vectors: Of length 1, float32 of shape (b, dim).
        """
        return super().forward(vectors * math.sqrt(self.in_features))

    def of_arrays(self, vectors: FloatArray) -> FloatArray:
        """Return the same for NumPy's arrays, without gradients."""
        with torch.no_grad():
            found = self(torch.from_numpy(vectors).to(self.weight.device))
        return np.asarray(found.cpu().numpy(), dtype=np.float32)
