"""Models with factors of the items, from which those of any user follow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.models.base import ModelConfig, VectorModel, unit_rows
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.item_item import share_of_users
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.models.training_data import TrainingData
from kgrec.types import FloatArray, IntArray


class FactorModel(VectorModel):
    """Scores by factors of the items and of the user, whom the items that they like place.

    A last column is added to the factors, the share of users who have each item: a user without
    history has a 1 there, others a 0.

    Args:
        config: The settings, with the number of factors `dim`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self._factors: FloatArray | None = None
        self._train: csr_matrix | None = None

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        return np.asarray(self.vectors_of_users(users) @ self.item_vectors.T)

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        return np.asarray(self.vectors_of_histories(histories) @ self.item_vectors.T)

    @property
    def user_vectors(self) -> FloatArray:
        """The known users, computed at each access; see `VectorModel.user_vectors`."""
        return self._placed(self._fitted()[0])

    @cached_property
    def item_vectors(self) -> FloatArray:
        """The factors, and in the last column the share of users who have each item."""
        train, factors = self._fitted()
        return np.column_stack([factors, share_of_users(train)]).astype(np.float32)

    @property
    def similarity_vectors(self) -> FloatArray:
        """The factors scaled to length one; see `VectorModel.similarity_vectors`."""
        return unit_rows(self._fitted()[1])

    def vectors_of_users(self, users: IntArray) -> FloatArray:
        """Return the vectors of some known users; only these are computed."""
        train, _ = self._fitted()
        return self._placed(train[check_rows(users, train.shape[0], "user")])

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users; see `VectorModel.vectors_of_histories`."""
        train, _ = self._fitted()
        return self._placed(check_histories(histories, train.shape[1]))

    def state(self) -> State:
        """Return `factors` of the items, float32 (num_items, dim), and the known histories."""
        train, factors = self._fitted()
        return {"factors": factors} | csr_state("histories", train)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        shape = (data.train.num_items, self._dim)
        expected = csr_expected("histories", data.train.num_users)
        arrays = check_state(state, expected | {"factors": (np.float32, shape)})
        self._take(arrays["factors"], csr_from_state(arrays, "histories", shape[0]))
        return self

    @property
    @abstractmethod
    def _dim(self) -> int:
        """The number of factors."""

    @abstractmethod
    def _placed(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of users by their items, float32 of shape (b, dim + 1)."""

    def _take(self, factors: FloatArray, train: csr_matrix) -> None:
        self._factors, self._train = factors, train
        self.__dict__.pop("item_vectors", None)

    def _fitted(self) -> tuple[csr_matrix, FloatArray]:
        if self._train is None or self._factors is None:
            raise not_fitted(self)
        return self._train, self._factors
