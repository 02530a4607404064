"""Popularity that fades with time, among similar users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, diags_array

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_rows
from kgrec.models.item_item import training_matrix
from kgrec.models.popular import PopularityModel
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.models.training_data import TrainingData
from kgrec.types import FloatArray, IntArray

SECONDS_A_DAY = 86_400.0


class Trending(PopularityModel):
    """Popularity that fades with time and counts similar users more than others.

    s(u, i) = Σ_v K(u, v) y_vi / Σ_v K(u, v) + prior · mean_v y_vi, a kernel estimate (Nadaraya,
    1964; Watson, 1964) over users: y_vi = 2^(-age / half_life) · n_v^(-activity_power) for an
    interaction whose age is counted from the last one of training, n_v the interactions of v, and
    K(u, v) the similarity of two users by the user table, from `TrainingData.user_features`.
    Without features, and for unseen users, it is the popularity among all. It needs no history,
    so it works for new users.
    """

    config: TrendingConfig

    def __init__(self, config: TrendingConfig | None = None) -> None:
        self.config = config or TrendingConfig()

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Weigh the interactions; see `Model.fit`.

        Raises:
            DataError: There are no interactions, or they have no timestamps and there is a
                half-life.
        """
        training_matrix(data.train)
        self._weighted = self._weights(data.train)
        self._read_features(data)
        mean = np.asarray(self._weighted.mean(axis=0), dtype=np.float32)
        self._popularity = mean.reshape(-1)
        return self

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        popularity = self._fitted()
        users = check_rows(users, self._weighted.shape[0], "user")
        scores = np.tile(self.config.prior * popularity, (len(users), 1))
        if self._features is not None:
            alike = (self._features[users] @ self._features.T).toarray()
            total = alike.sum(axis=1, keepdims=True)
            share = np.divide(alike, total, out=np.zeros_like(alike), where=total > 0)
            scores += np.asarray(share @ self._weighted, dtype=np.float32)
        return scores

    def state(self) -> State:
        """Return `popularity`, float32 of shape (num_items,), and the weighted histories."""
        return {"popularity": self._fitted()} | csr_state("histories", self._weighted)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        num_users, num_items = data.train.num_users, data.train.num_items
        expected = csr_expected("histories", num_users)
        arrays = check_state(state, expected | {"popularity": (np.float32, (num_items,))})
        self._weighted = csr_from_state(arrays, "histories", num_items)
        self._read_features(data)
        self._popularity = arrays["popularity"]
        return self

    def _read_features(self, data: TrainingData) -> None:
        features = data.user_features
        self._features = None if features is None or not features.nnz else features

    def _weights(self, train: Interactions) -> csr_matrix:
        """Return y, float32 of shape (num_users, num_items)."""
        matrix = train.matrix()
        if self.config.half_life is not None:
            if train.timestamp is None:
                raise DataError(
                    "trending has a half_life, but the training interactions have no timestamps. "
                    "Name their column (data.timestamp), or set half_life to null."
                )
            days = (train.timestamp.max() - train.timestamp) / SECONDS_A_DAY
            recent = csr_matrix(
                (0.5 ** (days / self.config.half_life), (train.user, train.item)),
                shape=matrix.shape,
            )
            recent.sort_indices()
            matrix.data[:] = recent.data
        count = np.maximum(np.diff(matrix.indptr), 1).astype(np.float32)
        weighted: csr_matrix = (diags_array(count**-self.config.activity_power) @ matrix).tocsr()
        return weighted.astype(np.float32)


class TrendingConfig(ModelConfig):
    """The settings of `Trending`.

    Attributes:
        half_life: Days in which an interaction loses half of its weight; None: time does not
            count.
        activity_power: An interaction of a user who has n weighs n ** -activity_power, so that
            the most active users do not dominate.
        prior: Weight of the popularity among all users.
    """

    name: Literal["trending"] = "trending"
    model: ClassVar[type[Model]] = Trending
    half_life: float | None = Field(default=21.0, gt=0.0, allow_inf_nan=False)
    activity_power: float = Field(default=0.5, ge=0.0, allow_inf_nan=False)
    prior: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
