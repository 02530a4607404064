"""Contrastive terms of the loss: views of a node agree, and different nodes are pushed apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import ConfigError
from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import Propagated
from kgrec.models.encoders.lightkg import num_neighbors
from kgrec.models.link_predictor import LinkPredictorConfig
from kgrec.settings import Settings, by_name
from kgrec.training.sampling import Batch
from kgrec.types import FloatArray


class Contrast(ABC):
    """Computes the term for a batch.

    Args:
        config: The settings.
        graph: The edges.
    """

    def __init__(self, config: ContrastTermConfig, graph: Propagation) -> None:  # noqa: ARG002
        self.config = config

    def __call__(self, propagated: Propagated, batch: Batch, negative: Tensor | None) -> Tensor:
        """Return the weighted term, a scalar.

        Args:
            propagated: The vectors of all nodes.
            batch: The batch.
            negative: Its negatives, int64 of shape (p, n); None: the positives are used instead.
        """
        user, item = self.terms(propagated, batch, negative)
        return self.config.user_weight * user + self.config.item_weight * item

    @abstractmethod
    def terms(
        self, propagated: Propagated, batch: Batch, negative: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the terms of users and of items, not weighted."""


class ContrastTermConfig(Settings):
    """The settings of a contrastive term of the loss."""

    name: str
    contrast: ClassVar[type[Contrast]]
    user_weight: float = Field(default=0.1, ge=0, description="Weight of the users' term.")
    item_weight: float = Field(default=0.1, ge=0, description="Weight of the items' term.")
    temperature: float = Field(default=0.2, gt=0, description="Divides the similarities.")

    def build(self, graph: Propagation) -> Contrast:
        """Return what computes the term on a graph."""
        return self.contrast(self, graph)

    def check(self, model: LinkPredictorConfig) -> None:
        """Check that the term can be computed for a model.

        Raises:
            ConfigError: It cannot.
        """


class LayerContrast(Contrast):
    """Two views of a node agree."""

    config: LayerContrastConfig

    def terms(
        self, propagated: Propagated, batch: Batch, negative: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the terms of users and of items, not weighted."""
        del negative
        user = self._views(propagated.user_layers, propagated.user, batch.users)
        return user, self._views(propagated.item_layers, propagated.item, batch.item)

    def _views(self, layers: list[Tensor], result: Tensor, rows: Tensor) -> Tensor:
        rows = torch.unique(rows)
        layer = layers[self.config.layer]
        return info_nce(result[rows], layer[rows], temperature=self.config.temperature)


class LayerContrastConfig(ContrastTermConfig):
    """InfoNCE between a layer and the result, of the batch's users and items (XSimGCL)."""

    name: Literal["layer"] = "layer"
    contrast: ClassVar[type[Contrast]] = LayerContrast
    layer: int = Field(
        default=1, ge=0, le=64, description="Which layer is contrasted; 0: the input."
    )

    def check(self, model: LinkPredictorConfig) -> None:
        """Check that the layer is one of the model, and as wide as the result.

        Raises:
            ConfigError: The encoder has fewer layers, or its result is wider than they are.
        """
        encoder = model.encoder
        if self.layer > encoder.reach:
            raise ConfigError(
                f"training.contrast.layer must be a layer of encoder {encoder.name!r}, from 0 (its "
                f"input) to {encoder.reach}, found {self.layer}."
            )
        if encoder.width(model.dim) != model.dim:
            raise ConfigError(
                "training.contrast 'layer' compares a layer with the result, but that of encoder "
                f"{encoder.name!r} is all layers concatenated: use 'apart', or another encoder."
            )


def info_nce(one: Tensor, other: Tensor, *, temperature: float) -> Tensor:
    """Contrast of two views: each row of one view must find its own row in the other.

    -log exp(cos(x_i, y_i) / τ) / Σ_j exp(cos(x_i, y_j) / τ), the mean over rows (van den Oord et
    al., Representation Learning with Contrastive Predictive Coding, 2018).

    Args:
        one: First view, float32 of shape (b, dim).
        other: Second view of the same nodes, float32 of shape (b, dim).
        temperature: τ.
    """
    logits = F.normalize(one, dim=1) @ F.normalize(other, dim=1).T / temperature
    return (torch.logsumexp(logits, dim=1) - logits.diagonal()).mean()


class ApartContrast(Contrast):
    """Different nodes are pushed apart."""

    def __init__(self, config: ApartContrastConfig, graph: Propagation) -> None:
        super().__init__(config, graph)
        self._neighbors = _neighbors(graph)

    def terms(
        self, propagated: Propagated, batch: Batch, negative: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the terms of users and of items, not weighted."""
        users = batch.users[batch.row]
        others = batch.item if negative is None else negative.reshape(-1)
        user = self._pushed("user", propagated.user_layers[0], users, users, propagated)
        item = self._pushed("item", propagated.item_layers[0], batch.item, others, propagated)
        return user, item

    def _pushed(
        self, kind: str, vectors: Tensor, one: Tensor, other: Tensor, propagated: Propagated
    ) -> Tensor:
        """Push nodes apart; neighbors are always counted in the whole graph."""
        part = propagated.part
        node = None if part is None or part.node is None else part.node[kind]
        return _apart(vectors, one, other, self._neighbors[kind], self.config.temperature, node)


class ApartContrastConfig(ContrastTermConfig):
    """Inputs of nodes that share few neighbors are pushed apart (LightKG)."""

    name: Literal["apart"] = "apart"
    contrast: ClassVar[type[Contrast]] = ApartContrast


ContrastConfig = Annotated[
    LayerContrastConfig | ApartContrastConfig, Field(discriminator="name"), by_name("layer")
]
"""The settings of any contrastive term; a name alone is one with its defaults."""


class SharedNeighbors:
    """The neighbors of each node of one type, to count those that two nodes share.

    Args:
        matrix: Entry (v, w) is 1 for each edge between node v of the type and node w among the
            counted neighbors; shape (num, num_counted).
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
            Two tensors, float32 of shape (a, b), on the device of the rows.
        """
        i, j = one.cpu().numpy(), other.cpu().numpy()
        count = (self.matrix[i] @ self.matrix[j].T).toarray()
        if self.direct.nnz:
            count += self.direct[i].toarray()[:, j]
        scale = np.outer(self.norm[i], self.norm[j]).astype(np.float32)
        shared = torch.from_numpy(count.astype(np.float32) * scale)
        return shared.to(one.device), torch.from_numpy(scale).to(one.device)


def _neighbors(graph: Propagation) -> dict[str, SharedNeighbors]:
    """Return the neighbors of users and of items; only users and items are counted."""
    homogeneous = graph.homogeneous
    num = homogeneous.num_nodes
    ones = np.ones(len(homogeneous.source), dtype=np.float32)
    ends = homogeneous.target.cpu().numpy(), homogeneous.source.cpu().numpy()
    adjacency = csr_matrix((ones, ends), (num, num))
    degree = num_neighbors(homogeneous).cpu().numpy()
    norm = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0).astype(np.float32)
    place = {
        kind: slice(homogeneous.start(kind), homogeneous.start(kind) + homogeneous.sizes[kind])
        for kind in ("user", "item")
    }
    counted = np.r_[place["user"], place["item"]]
    return {
        kind: SharedNeighbors(adjacency[rows][:, counted], adjacency[rows][:, rows], norm[rows])
        for kind, rows in place.items()
    }


def _apart(
    vectors: Tensor,
    one: Tensor,
    other: Tensor,
    neighbors: SharedNeighbors,
    temperature: float,
    node: Tensor | None = None,
) -> Tensor:
    """Return the mean over pairs of (1 - d_i d_j) exp((1 - S_ij) cos(x_i, x_j) / τ).

    The contrastive layer of LightKG: the more two nodes share, the less they are pushed apart.
    Repeated rows are computed once and counted as often as they occur. `node` maps the rows of
    `vectors` to rows of `neighbors`; None: they are the same.
    """
    i, times_i = torch.unique(one, return_counts=True)
    j, times_j = torch.unique(other, return_counts=True)
    rows = (i, j) if node is None else (node[i], node[j])
    shared, scale = neighbors.shared(*rows)
    cosine = F.normalize(vectors[i], dim=1) @ F.normalize(vectors[j], dim=1).T
    pushed = (1 - scale) * torch.exp(cosine * (1 - shared) / temperature)
    total: Tensor = times_i.float() @ pushed @ times_j.float()
    return total / (len(one) * len(other))
