"""Item-based nearest neighbors."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, vstack

from kgrec.engine import engine_in_use
from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_rows
from kgrec.models.costs import SECONDS_A_MEETING, meetings
from kgrec.models.item_item import (
    ItemItemModel,
    training_matrix,
)
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray

_CHUNK_ITEMS = 512


class ItemKNN(ItemItemModel):
    """Scores an item by its similarity to what the user liked (Sarwar et al., WWW 2001).

    The similarity of items i and j is the cosine of their columns in the training matrix with
    shrinkage, n_ij / (sqrt(n_i) sqrt(n_j) + shrinkage), where n counts users. Each item keeps
    its `num_neighbors` most similar items; of equal ones, those of lower rows. A score is the sum
    over the neighbors that the user liked.
    """

    def __init__(self, config: ItemKNNConfig | None = None) -> None:
        super().__init__()
        self.config: ItemKNNConfig = config or ItemKNNConfig()

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Find each item's neighbors; see `Model.fit`."""
        train = training_matrix(data.train)
        norms = np.sqrt(np.asarray(train.sum(axis=0), dtype=np.float64).reshape(-1))
        by_item = train.T.tocsr()
        shared = (by_item, train, norms, self.config)
        starts = range(0, train.shape[1], _CHUNK_ITEMS)
        # Row j of `neighbors` holds the neighbors of item j; weights go from neighbor to item.
        neighbors = vstack(list(engine_in_use().map(_neighbors, shared, starts)), format="csr")
        weights: csr_matrix = neighbors.T.tocsr()
        weights.sort_indices()
        self._train, self._weights = train, weights
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return what the kept neighbors, and the similarities of one chunk of items, take.

        There are no more similarities than pairs of interactions of one user, and none of an item
        more than items.
        """
        num, pairs = data.train.num_items, meetings(data.train)
        kept = min(num * self.config.num_neighbors, pairs)
        at_once = min(_CHUNK_ITEMS, num)
        of_chunk = min(pairs * at_once // max(num, 1), at_once * num)
        return super().memory_to_fit(data) + 16 * kept + 40 * of_chunk

    def seconds_to_fit(self, data: TrainingData) -> float:
        """Return the seconds of counting all pairs; see `Model.seconds_to_fit`."""
        return SECONDS_A_MEETING * meetings(data.train)

    def similar(self, items: IntArray) -> FloatArray:
        """Return the similarity of each item's neighbors, 0 for others; see `Model.similar`."""
        train, weights = self._fitted()
        columns = weights.tocsc()[:, check_rows(items, train.shape[1], "item")]
        return np.ascontiguousarray(columns.toarray().T, dtype=np.float32)


class ItemKNNConfig(ModelConfig):
    """The settings of `ItemKNN`.

    Attributes:
        num_neighbors: Neighbors kept for each item.
        shrinkage: Added to the denominator of the cosine, so that similarities from few users
            count less.
    """

    name: Literal["item_knn"] = "item_knn"
    model: ClassVar[type[Model]] = ItemKNN
    num_neighbors: int = Field(default=100, ge=1, le=1_000_000)
    shrinkage: float = Field(default=10.0, ge=0.0, allow_inf_nan=False)


def _neighbors(
    shared: tuple[csr_matrix, csr_matrix, Float64Array, ItemKNNConfig], start: int
) -> csr_matrix:
    """Return the nearest items of some items, those from `start` on."""
    by_item, train, norms, config = shared
    counts = (by_item[start : start + _CHUNK_ITEMS] @ train).tocsr()
    return _nearest(_cosine(counts, start, norms, config.shrinkage), config.num_neighbors)


def _cosine(shared: csr_matrix, start: int, norms: Float64Array, shrinkage: float) -> csr_matrix:
    """Turn counts of shared users, of the items from `start` on, into similarities."""
    row = np.repeat(np.arange(shared.shape[0]), np.diff(shared.indptr))
    column = shared.indices
    other = column != row + start  # an item is not its own neighbor
    values = shared.data / (norms[row + start] * norms[column] + shrinkage)
    return csr_matrix(
        (values[other].astype(np.float32), (row[other], column[other])), shape=shared.shape
    )


def _nearest(similarity: csr_matrix, num: int) -> csr_matrix:
    """Keep the `num` largest entries of each row; of equal ones those of the lower columns."""
    counts = np.diff(similarity.indptr)
    row = np.repeat(np.arange(similarity.shape[0]), counts)
    order = np.lexsort((similarity.indices, -similarity.data, row))
    place = np.arange(len(order)) - np.repeat(similarity.indptr[:-1], counts)
    kept = order[place < num]
    return csr_matrix(
        (similarity.data[kept], (row[kept], similarity.indices[kept])), shape=similarity.shape
    )
