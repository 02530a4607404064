"""EASE from user to user, which also uses the user table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, hstack

from kgrec.models.base import (
    Callback,
    Model,
    ModelConfig,
    TrainingData,
    check_histories,
    check_rows,
    not_fitted,
)
from kgrec.models.confidence import confidence
from kgrec.models.ease import ease_weights
from kgrec.models.item_item import share_of_users, training_matrix
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.types import FloatArray, IntArray


class UserEASE(Model):
    """The linear model that best rebuilds each user from the other users.

    EASE (Steck, WWW 2019) on the transposed matrix: with X of shape (num_users, num_items), the
    scores are BᵀX with the B that minimises ‖Xᵀ − XᵀB‖² + l2 ‖B‖² and has zeros on its diagonal.
    Each feature of the user table is one more item, which the users with this feature like. So a
    user with few interactions, or none, gets the weights of similar users. Solved in float64, in
    about 32 num_users² bytes.

    An unseen user is one more column of the same regression. The scores of a user without
    interactions and features are the share of users who have each item.
    """

    config: UserEASEConfig

    def __init__(self, config: UserEASEConfig | None = None) -> None:
        self.config = config or UserEASEConfig()
        self._weights: FloatArray | None = None
        self._inverse: FloatArray | None = None
        self._train: csr_matrix | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Solve for the weights; see `Model.fit`."""
        training_matrix(data.train)
        train = confidence(data.train, self.config.rating_power)
        rows = train
        if data.user_features is not None and self.config.alpha > 0:
            rows = hstack([train, self.config.alpha * data.user_features], format="csr")
        share = self.config.dropout
        count = np.asarray(train.multiply(train).sum(axis=1)).reshape(-1)
        penalty = self.config.l2 + share / (1.0 - share) * count
        columns = csr_matrix(rows.T)
        self._weights = ease_weights(columns, penalty)
        self._inverse = _inverse_diagonal(columns, self._weights, penalty)
        self._train = train
        return self

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        train, weights, _ = self._fitted()
        users = check_rows(users, train.shape[0], "user")
        return self._scores(weights[:, users].T)

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        train, weights, inverse = self._fitted()
        liked = check_histories(histories, train.shape[1])
        shared = np.asarray((liked @ train.T).todense(), dtype=np.float32)
        # P = (XXᵀ + penalty)⁻¹ from B_ij = -P_ij / P_jj: B is kept, and the diagonal of P.
        of_users = shared * inverse - (shared @ weights) * inverse
        return self._scores(of_users)

    def similar(self, items: IntArray) -> FloatArray:
        """Return the scores of a user who likes only one of `items`; see `Model.similar`."""
        train, _, _ = self._fitted()
        items = check_rows(items, train.shape[1], "item")
        ones = np.ones(len(items), dtype=np.float32)
        place = (np.arange(len(items)), items)
        return self.score_histories(csr_matrix((ones, place), shape=(len(items), train.shape[1])))

    def state(self) -> State:
        """Return `weights`, float32 (num_users, num_users), `inverse` and the histories."""
        train, weights, inverse = self._fitted()
        return {"weights": weights, "inverse": inverse} | csr_state("histories", train)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        num = data.train.num_users
        expected = csr_expected("histories", num)
        expected |= {"weights": (np.float32, (num, num)), "inverse": (np.float32, (num,))}
        arrays = check_state(state, expected)
        self._weights, self._inverse = arrays["weights"], arrays["inverse"]
        self._train = csr_from_state(arrays, "histories", data.train.num_items)
        return self

    def _scores(self, of_users: FloatArray) -> FloatArray:
        train, _, _ = self._fitted()
        scores = np.asarray(of_users @ train, dtype=np.float32)
        unknown = ~of_users.any(axis=1)
        if unknown.any():
            scores[unknown] = share_of_users(train)
        return scores

    def _fitted(self) -> tuple[csr_matrix, FloatArray, FloatArray]:
        if self._train is None or self._weights is None or self._inverse is None:
            raise not_fitted(self)
        return self._train, self._weights, self._inverse


class UserEASEConfig(ModelConfig):
    """The settings of `UserEASE`.

    Attributes:
        l2: Weight of the ridge penalty.
        dropout: Share of each item's users that the weights must do without; 0: none.
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
        alpha: Weight of the user table, as the length of a user's row in the extra columns.
    """

    name: Literal["user_ease"] = "user_ease"
    model: ClassVar[type[Model]] = UserEASE
    l2: float = Field(default=200.0, gt=0.0, allow_inf_nan=False)
    dropout: float = Field(default=0.33, ge=0.0, lt=1.0)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    alpha: float = Field(default=4.0, ge=0.0, allow_inf_nan=False)


def _inverse_diagonal(
    columns: csr_matrix, weights: FloatArray, penalty: npt.NDArray[Any]
) -> FloatArray:
    """Return the diagonal of (columnsᵀ columns + penalty)⁻¹, float32 of shape (num_users,).

    The error of rebuilding a column is the reciprocal of its entry: 1 / P_jj = G_jj + penalty_j -
    Σ_i G_ji B_ij, by the formula of the block inverse.
    """
    gram = (columns.T @ columns).toarray()
    explained = np.einsum("ji,ij->j", gram, weights.astype(np.float64))
    left = np.diag(gram) + penalty - explained
    return np.asarray(1.0 / left, dtype=np.float32)
