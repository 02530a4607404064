"""Models with one matrix of weights from item to item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, issparse

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.models.base import Model
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.contributions import Contributions, check_targets, liked_rows
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray


class ItemItemModel(Model):
    """Scores a user by the items that they liked: scores = histories · weights.

    `weights[i, j]`, of shape (num_items, num_items), is how much liking item i adds to the score of
    item j. Nothing is learned about users: a known user and an unseen one with the same history get
    the same scores. A user without history gets the share of users who have each item.

    """

    @property
    def reads_text_vectors(self) -> bool:
        """A closed form over interactions and attributes needs none."""
        return False

    def __init__(self) -> None:
        self._weights: csr_matrix | None = None
        self._train: csr_matrix | None = None

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        train, _ = self._fitted()
        return self._scores(train[check_rows(users, train.shape[0], "user")])

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        train, _ = self._fitted()
        return self._scores(check_histories(histories, train.shape[1]))

    def score_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items, from sums that are sparse; see `Model.score_some`."""
        found = self._sparse_sums(users)
        return super().score_some(users, items) if found is None else _columns(found, items)

    def standardised_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return standardised scores of some items; see `Model.standardised_some`.

        Mean and deviation are those of the sums with their zeros, which are not written out.
        """
        found = self._sparse_sums(users)
        if found is None:
            return super().standardised_some(users, items)
        num, width = found.shape
        row, data = np.repeat(np.arange(num), np.diff(found.indptr)), found.data.astype(np.float64)
        mean = np.bincount(row, data, num) / width
        variance = np.bincount(row, data**2, num) / width - mean**2
        deviation = np.sqrt(np.maximum(variance, 0.0))
        tiny = 1e-6 * np.maximum(np.sqrt(np.bincount(row, data**2, num)), 1e-30)
        deviation[deviation <= tiny] = np.inf
        centred = _columns(found, items) - mean[:, None]
        return np.asarray(centred / deviation[:, None], dtype=np.float32)

    def _sparse_sums(self, users: IntArray | csr_matrix) -> csr_matrix | None:
        """Return the scores of all items; None: they are not sparse, or somebody has no items."""
        train, weights = self._fitted()
        if not issparse(weights):
            return None
        if isinstance(users, csr_matrix):
            histories: Any = check_histories(users, train.shape[1])
        else:
            histories = train[check_rows(users, train.shape[0], "user")]
        if (np.bincount(histories.nonzero()[0], minlength=histories.shape[0]) == 0).any():
            return None
        return csr_matrix(histories @ weights)

    def similar(self, items: IntArray) -> FloatArray:
        """Return the weights from each of `items` to all items; see `Model.similar`."""
        train, weights = self._fitted()
        return dense(weights[check_rows(items, train.shape[1], "item")])

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return what each liked item adds to some scores: its weights; see `Model`.

        They add up exactly, and each is what the score loses without the item.
        """
        train, _ = self._fitted()
        liked = check_histories(history, train.shape[1])
        rows, wanted = liked_rows(liked), check_targets(targets, train.shape[1])
        if not len(rows):
            base = wanted @ share_of_users(train)
            return Contributions(rows, np.zeros((0, len(wanted))), base, "sum")
        strength = np.asarray(liked[0, rows].todense(), dtype=np.float64).reshape(-1, 1)
        values = strength * self._weights_to(rows, wanted)
        return Contributions(rows, values, np.zeros(len(wanted)), "sum")

    def _weights_to(self, rows: IntArray, targets: Float64Array) -> Float64Array:
        """Return weights[rows] @ targets.T, float64 of shape (m, q)."""
        return np.asarray(self._fitted()[1][rows] @ targets.T, dtype=np.float64)

    @property
    def weights(self) -> FloatArray | csr_matrix:
        """The weights, float32 of shape (num_items, num_items)."""
        weights: FloatArray | csr_matrix = self._fitted()[1]
        return weights

    def state(self) -> State:
        """Return the weights, and the histories of the known users; see `Model.state`."""
        train, weights = self._fitted()
        return csr_state("weights", weights) | csr_state("histories", train)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        num_users, num_items = data.train.num_users, data.train.num_items
        expected = csr_expected("histories", num_users) | csr_expected("weights", num_items)
        arrays = check_state(state, expected)
        self._train = csr_from_state(arrays, "histories", num_items)
        self._weights = csr_from_state(arrays, "weights", num_items)
        return self

    def _scores(self, histories: csr_matrix) -> FloatArray:
        train, _ = self._fitted()
        scores = self._times_weights(histories)
        empty = np.bincount(histories.nonzero()[0], minlength=len(scores)) == 0
        if empty.any():
            scores[empty] = share_of_users(train)
        return scores

    def _times_weights(self, histories: csr_matrix) -> FloatArray:
        return dense(histories @ self._fitted()[1])

    def _fitted(self) -> tuple[csr_matrix, Any]:
        if self._train is None or self._weights is None:
            raise not_fitted(self)
        return self._train, self._weights


def _columns(sums: csr_matrix, items: IntArray) -> FloatArray:
    """Return some columns as an array: one full row at a time costs less than slicing."""
    made = np.empty((sums.shape[0], len(items)), dtype=np.float32)
    for row in range(len(made)):
        own = slice(sums.indptr[row], sums.indptr[row + 1])
        full = np.zeros(sums.shape[1], dtype=np.float32)
        full[sums.indices[own]] = sums.data[own]
        made[row] = full[items]
    return made


def training_matrix(train: Interactions) -> csr_matrix:
    """Return the matrix of `train`, float32 of shape (num_users, num_items).

    Raises:
        DataError: There are no interactions.
    """
    if len(train) == 0:
        raise DataError("train has no interactions; there is nothing to learn from.")
    return train.matrix()


def share_of_users(train: csr_matrix) -> Float64Array:
    """Return the share of users who like each item, float64 of shape (num_items,)."""
    liked = train.indices[train.data > 0]
    return np.bincount(liked, minlength=train.shape[1]) / train.shape[0]


def dense(block: Any) -> FloatArray:
    """Return a block of scores, sparse or not, as an array."""
    made = block if isinstance(block, np.ndarray) else block.toarray()
    return np.asarray(made, dtype=np.float32)
