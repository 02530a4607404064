"""Contrastive terms of the loss: views of a node that agree, and nodes that keep apart."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import ConfigError
from kgrec.graph.propagation import Propagation
from kgrec.models.base import ModelConfig
from kgrec.models.encoders.layers import Propagated
from kgrec.models.encoders.published import num_neighbors
from kgrec.models.link_predictor import LinkPredictorConfig
from kgrec.training import losses
from kgrec.training.sampling import Batch

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class ContrastConfig(ModelConfig):
    """A contrastive term beside the ranking loss."""

    kind: Literal["layer", "apart"] = Field(
        default="layer",
        description="`layer`: InfoNCE between a layer's vectors and the result, of the batch's "
        "users and items (XSimGCL); `apart`: inputs of nodes that share few neighbors are pushed "
        "apart (LightKG).",
    )
    user_weight: float = Field(default=0.1, ge=0, description="Weight of the users' term.")
    item_weight: float = Field(default=0.1, ge=0, description="Weight of the items' term.")
    temperature: float = Field(default=0.2, gt=0)
    layer: int = Field(default=1, ge=0, description="`layer`: which layer is contrasted.")


class Contrast:
    """Computes the term for a batch.

    Args:
        config: Settings.
        graph: The edges.
    """

    def __init__(self, config: ContrastConfig, graph: Propagation) -> None:
        self.config = config
        self._overlap = _Overlap(graph) if config.kind == "apart" else None

    def __call__(self, propagated: Propagated, batch: Batch, negative: Tensor | None) -> Tensor:
        """Return the weighted term, a scalar.

        Args:
            propagated: The vectors of all nodes.
            batch: The batch.
            negative: Its negatives, int64 of shape (p, n); None: positives stand for them.
        """
        config, overlap = self.config, self._overlap
        if overlap is None:
            user = self._views(propagated.user_layers, propagated.user, batch.users)
            item = self._views(propagated.item_layers, propagated.item, batch.item)
        else:
            users = batch.users[batch.row]
            others = batch.item if negative is None else negative.reshape(-1)
            user = self._pushed("user", propagated.user_layers[0], users, users, propagated)
            item = self._pushed("item", propagated.item_layers[0], batch.item, others, propagated)
        return config.user_weight * user + config.item_weight * item

    def _pushed(
        self, kind: str, vectors: Tensor, one: Tensor, other: Tensor, propagated: Propagated
    ) -> Tensor:
        """Push nodes apart; on a drawn part, by the neighbors they share in the whole graph."""
        assert self._overlap is not None
        neighbors: NeighborContrast = getattr(self._overlap, kind)
        part = propagated.part
        node = None if part is None or part.node is None else part.node[kind]
        return _apart(vectors, one, other, neighbors, self.config.temperature, node)

    def _views(self, layers: list[Tensor], result: Tensor, rows: Tensor) -> Tensor:
        rows = torch.unique(rows)
        layer = layers[self.config.layer]
        return losses.info_nce(result[rows], layer[rows], temperature=self.config.temperature)


def check_contrast(model: LinkPredictorConfig, contrast: ContrastConfig | None) -> None:
    """Check that the layer that is contrasted is one of the model, and as wide as the result.

    Raises:
        ConfigError: The encoder has fewer layers, or its result is wider than they are.
    """
    if contrast is None or contrast.kind != "layer":
        return
    layers = model.reach - (model.head == "relation_attention")
    if contrast.layer > layers:
        raise ConfigError(
            f"training.contrast.layer must be a layer of encoder {model.encoder!r}, from 0 (its "
            f"input) to {layers}, found {contrast.layer}."
        )
    if model.encoder == "kgat" and layers:
        raise ConfigError(
            "training.contrast.kind 'layer' compares a layer with the result, which of encoder "
            "'kgat' is all layers side by side: use kind 'apart', or another encoder."
        )


class NeighborContrast:
    """Which neighbors each node of one type has, to count what two nodes share.

    Args:
        matrix: Entry (v, w) is 1 for each edge between node v of the type and any node w of those
            that count; shape (num, num_counted).
        direct: The same between two nodes of the type, shape (num, num).
        norm: 1 / sqrt(number of neighbors), float32 of shape (num,).
    """

    def __init__(self, matrix: csr_matrix, direct: csr_matrix, norm: FloatArray) -> None:
        self.matrix, self.direct, self.norm = matrix, direct, norm

    def shared(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Return S_ij = (A² + A)_ij d_i d_j and d_i d_j with d = 1 / sqrt(neighbors).

        Args:
            one: Rows i, int64 of shape (a,).
            other: Rows j, int64 of shape (b,).

        Returns:
            Two tensors, float32 of shape (a, b).
        """
        i, j = one.numpy(), other.numpy()
        count = (self.matrix[i] @ self.matrix[j].T).toarray()
        if self.direct.nnz:
            count += self.direct[i].toarray()[:, j]
        scale = np.outer(self.norm[i], self.norm[j]).astype(np.float32)
        return torch.from_numpy(count.astype(np.float32) * scale), torch.from_numpy(scale)


class _Overlap:
    """NeighborContrast of users and of items; those that count are users and items."""

    def __init__(self, graph: Propagation) -> None:
        homogeneous = graph.homogeneous
        num = homogeneous.num_nodes
        ones = np.ones(len(homogeneous.source), dtype=np.float32)
        adjacency = csr_matrix(
            (ones, (homogeneous.target.numpy(), homogeneous.source.numpy())), (num, num)
        )
        degree = num_neighbors(homogeneous).numpy()
        norm = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0).astype(np.float32)
        place = {
            kind: slice(homogeneous.start(kind), homogeneous.start(kind) + homogeneous.sizes[kind])
            for kind in ("user", "item")
        }
        counted = np.r_[place["user"], place["item"]]
        self.user, self.item = (
            NeighborContrast(adjacency[rows][:, counted], adjacency[rows][:, rows], norm[rows])
            for rows in (place["user"], place["item"])
        )


def _apart(
    vectors: Tensor,
    one: Tensor,
    other: Tensor,
    neighbors: NeighborContrast,
    temperature: float,
    node: Tensor | None = None,
) -> Tensor:
    """Return the mean over pairs of (1 - d_i d_j) exp((1 - S_ij) cos(x_i, x_j) / τ).

    The contrastive layer of LightKG: the more two nodes share, the less they are pushed apart.
    Repeated rows count as often as they stand there, and are computed once. `node` says which rows
    of the neighbors those of the vectors are; None: the same.
    """
    i, times_i = torch.unique(one, return_counts=True)
    j, times_j = torch.unique(other, return_counts=True)
    rows = (i, j) if node is None else (node[i], node[j])
    shared, scale = neighbors.shared(*rows)
    cosine = F.normalize(vectors[i], dim=1) @ F.normalize(vectors[j], dim=1).T
    pushed = (1 - scale) * torch.exp(cosine * (1 - shared) / temperature)
    total: Tensor = times_i.float() @ pushed @ times_j.float()
    return total / (len(one) * len(other))
