"""Fusion of a node's features with its id embedding."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FusionMode = Literal["none", "add", "concat", "gate"]


class Fusion(nn.Module):
    """The input vector of each node of one type, from its features and its id embedding.

    With x the node's features (text vector and numbers), P a trained projection and e the id
    embedding:

    * `none`: e alone; features are not used.
    * `add`: e + P x.
    * `concat`: W [e ; P x].
    * `gate`: g ⊙ e + (1 - g) ⊙ P x with g = σ(W [e ; P x] + b), after Arevalo et al., Gated
      Multimodal Units, 2017.

    For a node whose id is dropped (`keep` 0), only its features count: e is 0, and for `gate` g is
    0 too. Random dropping of ids prepares the model for nodes that were never trained. A node type
    without features has e alone, whatever the mode.

    Args:
        num_nodes: Nodes of the type.
        dim: Width of the result.
        feature_dim: Width of the features, 0 if there are none.
        mode: One of the above.
        scale: Standard deviation of the initial id embeddings.
        feature_dropout: Share of feature entries that are zeroed at random while training.
        generator: Source of the initial values.

    Attributes:
        sparse_gradients: Whether reading some rows of the table gives a sparse gradient.
    """

    def __init__(
        self,
        num_nodes: int,
        dim: int,
        feature_dim: int,
        mode: FusionMode,
        *,
        scale: float,
        feature_dropout: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.mode: FusionMode = mode if feature_dim else "none"
        self.feature_dropout = feature_dropout
        self.sparse_gradients = False
        self.embedding = _normal(num_nodes, dim, scale, generator)
        if self.mode != "none":
            # The projection of unit features is about as long as an id embedding.
            self.projection = _normal(feature_dim, dim, scale, generator)
        if self.mode in ("concat", "gate"):
            self.join = nn.Parameter(torch.cat([torch.eye(dim), torch.eye(dim)]))
        if self.mode == "gate":
            self.bias = nn.Parameter(torch.zeros(dim))

    def forward(
        self,
        features: Tensor | None,
        keep: Tensor | None = None,
        generator: torch.Generator | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Return the input vectors.

        Args:
            features: float32 of shape (num_nodes, feature_dim), or None.
            keep: 1 where the id counts and 0 where it is dropped, float32 of shape (num_nodes, 1);
                None: all count.
            generator: Source of the dropout while training; None: no dropout.
            rows: The nodes of `features` and `keep`, int64 of shape (num_nodes,); None: all.

        Returns:
            float32 of shape (num_nodes, dim).
        """
        embedding: Tensor = self.embedding
        if rows is not None:
            embedding = F.embedding(rows, self.embedding, sparse=self.sparse_gradients)
        embedding = embedding if keep is None else embedding * keep
        if self.mode == "none" or features is None:
            return embedding
        projected = self.project(features, generator)
        if self.mode == "add":
            return embedding + projected
        both = torch.cat([embedding, projected], dim=1) @ self.join
        if self.mode == "concat":
            return both
        gate = torch.sigmoid(both + self.bias)
        if keep is not None:
            gate = gate * keep
        return gate * embedding + (1 - gate) * projected

    def project(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return P x, float32 of shape (m, dim), for features of shape (m, feature_dim)."""
        if generator is not None and self.feature_dropout:
            drawn = torch.rand(features.shape, generator=generator, device=features.device)
            kept = drawn >= self.feature_dropout
            features = features * kept / (1 - self.feature_dropout)
        return features @ self.projection


def _normal(rows: int, dim: int, scale: float, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, dim, generator=generator).mul_(scale))
