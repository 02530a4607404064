"""Heads whose score is an inner product of transformed vectors, as an index needs."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.models.encoders.base import Axes, BuildContext, Propagated
from kgrec.settings import Settings


class DotHead(nn.Module):
    """score(u, i) = ⟨u, i⟩; the base of all heads.

    Args:
        context: What it is built from.

    Attributes:
        is_inner_product: Whether scores are inner products of what `user` and `item` return.
        axes: Its parameters whose size depends on the graph, as those of `GraphEncoder`.
    """

    is_inner_product: ClassVar[bool] = True
    axes: Axes = {}  # noqa: RUF012  # replaced, and never changed

    def __init__(self, context: BuildContext) -> None:  # noqa: ARG002
        super().__init__()

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' side of the product, float32 of shape (b, dim)."""
        return vectors

    def item(self, vectors: Tensor) -> Tensor:
        """Return the items' side of the product, float32 of shape (n, dim)."""
        return vectors

    def place(self, propagated: Propagated) -> Tensor:
        """Return the items' vectors for similarity, float32 of shape (num_items, dim)."""
        return self.item(propagated.item)

    def user_near(self, vectors: Tensor) -> Tensor:
        """Return input vectors of `user` for users who like items at `vectors`; shape (b, dim)."""
        return vectors

    def scores(self, user: Tensor, propagated: Propagated) -> Tensor:
        """Return the scores of all items, float32 of shape (b, num_items).

        Args:
            user: What `user` returned, float32 of shape (b, dim).
            propagated: The vectors of all nodes.
        """
        return user @ self.item(propagated.item).T

    def pair_scores(self, user: Tensor, propagated: Propagated, items: Tensor) -> Tensor:
        """Return the scores of some items for each user, float32 of shape (p, n).

        Args:
            user: What `user` returned, float32 of shape (p, dim).
            propagated: The vectors of all nodes.
            items: Rows of items, int64 of shape (p, n).
        """
        chosen = self.item(F.embedding(items.reshape(-1), propagated.item))
        # Not einsum: for small n, its many small products take ten times as long.
        return (user[:, None] * chosen.reshape(*items.shape, -1)).sum(2)


class LinkHeadConfig(Settings):
    """The settings of a head.

    Attributes:
        name: What configs call it.
        head: The class that it configures.
        reach: Number of steps along edges that it takes from an item.
    """

    name: str
    head: ClassVar[type[DotHead]]
    reach: ClassVar[int] = 0

    def build(self, context: BuildContext) -> DotHead:
        """Return the head with its initial values, for vectors as wide as `context.dim`."""
        return self.head(context)


class DotHeadConfig(LinkHeadConfig):
    """The settings of `DotHead`: there are none."""

    name: Literal["dot"] = "dot"
    head: ClassVar[type[DotHead]] = DotHead


class CosineHead(DotHead):
    """score(u, i) = ⟨u, i⟩ / (‖u‖ ‖i‖)."""

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' vectors scaled to length one."""
        return F.normalize(vectors, dim=1)

    def item(self, vectors: Tensor) -> Tensor:
        """Return the items' vectors scaled to length one."""
        return F.normalize(vectors, dim=1)


class CosineHeadConfig(LinkHeadConfig):
    """The settings of `CosineHead`: there are none."""

    name: Literal["cosine"] = "cosine"
    head: ClassVar[type[DotHead]] = CosineHead


class DistMultHead(DotHead):
    """score(u, i) = ⟨u, r, i⟩ = Σ_d u_d r_d i_d with a trained vector r for “interacts”.

    Yang et al., Embedding Entities and Relations for Learning and Inference in Knowledge Bases,
    ICLR 2015.
    """

    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.relation = nn.Parameter(torch.ones(context.dim))

    def user(self, vectors: Tensor) -> Tensor:
        """Return the users' vectors times r."""
        return vectors * self.relation

    def user_near(self, vectors: Tensor) -> Tensor:
        """Return `vectors` with the signs of r: ⟨u, r, i⟩ is then high for items near them."""
        return vectors * torch.sign(self.relation)


class DistMultHeadConfig(LinkHeadConfig):
    """The settings of `DistMultHead`: there are none."""

    name: Literal["distmult"] = "distmult"
    head: ClassVar[type[DotHead]] = DistMultHead


class TranslationHead(DotHead):
    """score(u, i) = -‖u + r - i‖², up to a constant for each user.

    TransE for the edge “interacts” (Bordes et al., NeurIPS 2013), as CFKG recommends. Written as
    an inner product: 2 ⟨u + r, i⟩ - ‖i‖² = ⟨[u + r, 1], [2 i, -‖i‖²]⟩.
    """

    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.relation = nn.Parameter(torch.zeros(context.dim))

    def user(self, vectors: Tensor) -> Tensor:
        """Return [u + r, 1], float32 of shape (b, dim + 1)."""
        moved = vectors + self.relation
        return torch.cat([moved, torch.ones_like(moved[:, :1])], dim=1)

    def item(self, vectors: Tensor) -> Tensor:
        """Return [2 i, -‖i‖²], float32 of shape (n, dim + 1)."""
        return torch.cat([2 * vectors, -(vectors**2).sum(1, keepdim=True)], dim=1)

    def place(self, propagated: Propagated) -> Tensor:
        """Return the items' vectors as they are."""
        return propagated.item

    def user_near(self, vectors: Tensor) -> Tensor:
        """Return the users u with u + r = `vectors`."""
        return vectors - self.relation


class TranslationHeadConfig(LinkHeadConfig):
    """The settings of `TranslationHead`: there are none."""

    name: Literal["translation"] = "translation"
    head: ClassVar[type[DotHead]] = TranslationHead
