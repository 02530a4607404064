"""Popularity: the baseline that recommends the most popular items to everyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.contributions import Contributions, check_targets, liked_rows
from kgrec.models.item_item import training_matrix
from kgrec.models.standardising import standardised
from kgrec.models.state import State, check_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray


class PopularityModel(Model):
    """A model that scores items for unseen users by their popularity."""

    _popularity: FloatArray | None = None

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the popularity of all items for each history; see `Model.score_histories`."""
        popularity = self._fitted()
        return np.tile(popularity, (check_histories(histories, len(popularity)).shape[0], 1))

    def similar(self, items: IntArray) -> FloatArray:
        """Return the popularity of all items, as there is no similarity; see `Model.similar`."""
        popularity = self._fitted()
        return np.tile(popularity, (len(check_rows(items, len(popularity), "item")), 1))

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return nothing for the liked items, as they do not count; see `Model.contributions`."""
        popularity = self._fitted()
        rows = liked_rows(check_histories(history, len(popularity)))
        wanted = check_targets(targets, len(popularity))
        values = np.zeros((len(rows), len(wanted)))
        return Contributions(rows, values, wanted @ popularity.astype(np.float64), "sum")

    def _fitted(self) -> FloatArray:
        if self._popularity is None:
            raise not_fitted(self)
        return self._popularity


class MostPopular(PopularityModel):
    """Scores each item by the number of users who have it in the training interactions."""

    @property
    def reads_text_vectors(self) -> bool:
        """A closed form over interactions needs none."""
        return False

    def __init__(self, config: MostPopularConfig | None = None) -> None:
        self.config: MostPopularConfig = config or MostPopularConfig()
        self._num_users = 0
        self._standardised: tuple[FloatArray, FloatArray] | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Count the users of each item; see `Model.fit`."""
        counts = np.asarray(training_matrix(data.train).sum(axis=0), dtype=np.float32)
        self._popularity = counts.reshape(-1)
        self._num_users = data.train.num_users
        return self

    def score(self, users: IntArray) -> FloatArray:
        """Return the popularity of all items for each user; see `Model.score`."""
        return np.tile(self._fitted(), (len(check_rows(users, self._num_users, "user")), 1))

    def standardised_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return what is the same for everybody, and so computed once; see `Model`."""
        counts = self._fitted()
        if isinstance(users, csr_matrix):
            check_histories(users, len(counts))
        else:
            check_rows(users, self._num_users, "user")
        kept = self._standardised
        if kept is None or kept[0] is not counts:
            kept = self._standardised = counts, standardised(counts[None])[0]
        return np.tile(kept[1][items], (users.shape[0], 1))

    def state(self) -> State:
        """Return `counts`, float32 of shape (num_items,); see `Model.state`."""
        return {"counts": self._fitted()}

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        arrays = check_state(state, {"counts": (np.float32, (data.train.num_items,))})
        self._popularity = arrays["counts"]
        self._num_users = data.train.num_users
        return self


class MostPopularConfig(ModelConfig):
    """The settings of `MostPopular`: none."""

    name: Literal["most_popular"] = "most_popular"
    model: ClassVar[type[Model]] = MostPopular
