"""Models that are one matrix of weights from item to item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError, RunError
from kgrec.models.base import Model, State, check_histories, check_rows, check_state, not_fitted
from kgrec.types import FloatArray, IntArray


class ItemItemModel(Model):
    """Scores a user by the items that they liked: scores = histories · weights.

    `weights[i, j]` of shape (num_items, num_items) says how much liking item i speaks for item j.
    Nothing is learned about users, so that a known user and an unseen one with the same history
    get the same scores. Of a user without history nothing is known but that they are a user: they
    get the share of users who have each item, which is what is popular.
    """

    def __init__(self) -> None:
        self._weights: FloatArray | csr_matrix | None = None
        self._train: csr_matrix | None = None

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        train, _ = self._fitted()
        return self._scores(train[check_rows(users, train.shape[0], "user")])

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        train, _ = self._fitted()
        return self._scores(check_histories(histories, train.shape[1]))

    def similar(self, items: IntArray) -> FloatArray:
        """Return how much liking each of `items` speaks for all items; see `Model.similar`."""
        train, weights = self._fitted()
        return _dense(weights[check_rows(items, train.shape[1], "item")])

    def _scores(self, histories: csr_matrix) -> FloatArray:
        train, weights = self._fitted()
        scores = _dense(histories @ weights)
        empty = np.bincount(histories.nonzero()[0], minlength=len(scores)) == 0
        if empty.any():
            scores[empty] = np.bincount(train.indices, minlength=train.shape[1]) / train.shape[0]
        return scores

    def _fitted(self) -> tuple[csr_matrix, Any]:
        if self._train is None or self._weights is None:
            raise not_fitted(self)
        return self._train, self._weights


def training_matrix(train: Interactions) -> csr_matrix:
    """Return the matrix of `train`, float32 of shape (num_users, num_items).

    Raises:
        DataError: There are no interactions.
    """
    if len(train) == 0:
        raise DataError("train has no interactions; there is nothing to learn from.")
    return train.matrix()


def sparse_state(weights: csr_matrix) -> State:
    """Return sparse weights as arrays: `data` float32, `indices` and `indptr` int64."""
    return {
        "data": weights.data,
        "indices": weights.indices.astype(np.int64),
        "indptr": weights.indptr.astype(np.int64),
    }


def sparse_weights(state: Mapping[str, npt.NDArray[Any]], num_items: int, name: str) -> csr_matrix:
    """Return the weights that `sparse_state` made arrays of, float32 of (num_items, num_items).

    Args:
        state: The arrays.
        num_items: How many items there are.
        name: The model's name, for messages.

    Raises:
        RunError: An array is missing or does not fit, or an index leads outside.
    """
    expected: dict[str, tuple[type[np.generic], tuple[int | None, ...]]] = {
        "data": (np.float32, (None,)),
        "indices": (np.int64, (None,)),
        "indptr": (np.int64, (num_items + 1,)),
    }
    arrays = check_state(state, expected)
    try:
        weights = csr_matrix(
            (arrays["data"], arrays["indices"], arrays["indptr"]), shape=(num_items, num_items)
        )
        weights.check_format(full_check=True)
    except ValueError as error:
        raise RunError(f"The state of {name} is no sparse matrix: {error}.") from error
    return weights


def _dense(block: Any) -> FloatArray:
    dense = block if isinstance(block, np.ndarray) else block.toarray()
    return np.asarray(dense, dtype=np.float32)
