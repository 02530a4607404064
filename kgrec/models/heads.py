"""Link-prediction heads: from a user's and an item's vector to a score.

Each head is an inner product of transformed vectors, so that one index serves them all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DotHead(nn.Module):
    """score(u, i) = ⟨u, i⟩."""

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' side of the product, float32 of shape (b, dim)."""
        return vectors

    def item(self, vectors: Tensor) -> Tensor:
        """Return the items' side of the product, float32 of shape (n, dim)."""
        return vectors


class CosineHead(DotHead):
    """score(u, i) = ⟨u, i⟩ / (‖u‖ ‖i‖)."""

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' vectors at length one."""
        return F.normalize(vectors, dim=1)

    def item(self, vectors: Tensor) -> Tensor:
        """Return the items' vectors at length one."""
        return F.normalize(vectors, dim=1)


class DistMultHead(DotHead):
    """score(u, i) = ⟨u, r, i⟩ = Σ_d u_d r_d i_d with a trained vector r for “interacts”.

    Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge Bases,
    ICLR 2015.

    Args:
        dim: Width of the vectors.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.relation = nn.Parameter(torch.ones(dim))

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' vectors times r."""
        return vectors * self.relation
