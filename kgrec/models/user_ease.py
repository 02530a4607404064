"""EASE from user to user, which also uses the user table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, hstack

from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.confidence import confidence, signed
from kgrec.models.contributions import Contributions, check_targets, liked_rows
from kgrec.models.costs import SECONDS_A_CUBE, active
from kgrec.models.growing import resized
from kgrec.models.item_item import share_of_users, training_matrix
from kgrec.models.ridge import FEW, RidgeSystem, checked_diagonal
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray


class UserEASE(Model):
    """The linear model that best rebuilds each user from the other users.

    EASE (Steck, WWW 2019) on the transposed matrix: with X of shape (num_users, num_items), the
    scores are BᵀX with the B that minimises ‖Xᵀ − XᵀB‖² + l2 ‖B‖² and has zeros on its diagonal.
    Each feature of the user table is one more item, which the users with this feature like. So a
    user with few interactions, or none, gets the weights of similar users. Solved in float64, in
    about 32 num_users² bytes.

    With `dislikes` d, X is likes minus d · dislikes, as in `kgrec.models.ease.EASE`: users are
    similar too if they dislike the same.

    An unseen user is one more column of the same regression. The scores of a user without
    interactions and features are the share of users who have each item.
    """

    config: UserEASEConfig

    @property
    def reads_text_vectors(self) -> bool:
        """A closed form over interactions and the user table needs none."""
        return False

    def __init__(self, config: UserEASEConfig | None = None) -> None:
        self.config = config or UserEASEConfig()
        self._train: csr_matrix | None = None
        self._features: csr_matrix | None = None
        self._system: RidgeSystem | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Solve for the weights; see `Model.fit`."""
        training_matrix(data.train)
        self._read(data)
        self._system = self._made_system(None)
        _ = self._system.weights  # a mistake in the settings is said now
        return self

    def updated(self, data: TrainingData) -> UserEASE:
        """Return the model that `fit` finds on `data`, as `EASE.updated`; see `Model.updated`.

        Users are columns here, so the rank is twice the number of items with other users, and that
        of features that change.
        """
        train, system = self._fitted()
        features = self._features
        assert features is not None
        made = type(self)(self.config)
        made._read(data)
        after, of_features = made._rows(), made._features
        assert of_features is not None
        shape = data.train.num_users, data.train.num_items
        width = max(features.shape[1], of_features.shape[1])
        parts = [resized(train, shape), resized(features, (shape[0], width))]
        before = csr_matrix(hstack(parts, format="csr", dtype=np.float64).T)
        made._system = system.changed(
            before, resized(after, (shape[1] + width, shape[0])), made._penalties()
        )
        _ = made._system.diagonal
        return made

    def precompute(self, room: int) -> int:
        """Compute the inverse; see `RidgeSystem.precompute`."""
        return self._fitted()[1].precompute(room)

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        train, system = self._fitted()
        users = check_rows(users, train.shape[0], "user")
        if len(users) > FEW:
            return self._scores(system.weights[:, users].T)
        # The column of a user in B is that of the user in P, scaled.
        place = np.arange(len(users))
        one = np.zeros((len(users), train.shape[0]))
        one[place, users] = 1.0
        of_users = system.times_inverse(one) / -system.diagonal[users][:, None]
        of_users[place, users] = 0.0
        return self._scores(of_users.astype(np.float32))

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        train, system = self._fitted()
        liked = check_histories(histories, train.shape[1])
        shared = np.asarray((liked @ train.T).todense(), dtype=np.float32)
        if len(shared) <= FEW:
            return self._scores(system.times_inverse(shared.astype(np.float64)).astype(np.float32))
        # P = (XXᵀ + penalty)⁻¹ from B_ij = -P_ij / P_jj.
        diagonal = system.diagonal.astype(np.float32)
        return self._scores((shared - shared @ system.weights) * diagonal)

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return what each liked item adds to some scores; see `Model.contributions`.

        The score of a history h is h Xᵀ P X, a sum over its items. If nobody else has any of them,
        the score is the share of users who have each item, and that of no liked item.
        """
        train, system = self._fitted()
        liked = check_histories(history, train.shape[1])
        rows, wanted = liked_rows(liked), check_targets(targets, train.shape[1])
        strength = np.asarray(liked[0, rows].todense(), dtype=np.float64).reshape(-1, 1)
        likes = np.asarray(train[:, rows].T @ system.times_inverse((train @ wanted.T).T).T)
        base = np.zeros(len(wanted))
        if not (liked @ train.T).nnz:
            base = wanted @ share_of_users(train)
        return Contributions(rows, strength * likes, base, "sum")

    def similar(self, items: IntArray) -> FloatArray:
        """Return the scores of a user who likes only one of `items`; see `Model.similar`."""
        train, _ = self._fitted()
        items = check_rows(items, train.shape[1], "item")
        ones = np.ones(len(items), dtype=np.float32)
        place = (np.arange(len(items)), items)
        return self.score_histories(csr_matrix((ones, place), shape=(len(items), train.shape[1])))

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return 32 bytes for each pair of users; see `EASE.memory_to_fit`."""
        return super().memory_to_fit(data) + 32 * self._side(data) ** 2

    def seconds_to_fit(self, data: TrainingData) -> float:
        """Return the seconds of the inverse; see `EASE.seconds_to_fit`."""
        return SECONDS_A_CUBE * self._side(data) ** 3

    def _side(self, data: TrainingData) -> int:
        """Return the number of users of whom something is known, or of what is, if it is fewer."""
        train, features = data.train, data.user_features
        rows = active(train.item, train.num_items)
        used = np.bincount(train.user, minlength=train.num_users) > 0
        if features is not None and self.config.alpha:
            rows += features.shape[1]
            used |= np.diff(features.indptr) > 0
        return min(rows, int(used.sum()))

    def state(self) -> State:
        """Return what the weights are computed from; see `kgrec.models.ridge.RidgeSystem`."""
        train, system = self._fitted()
        assert self._features is not None
        state = csr_state("histories", train) | csr_state("features", self._features)
        return state | {"diagonal": system.diagonal}

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        num = data.train.num_users
        expected = csr_expected("histories", num) | csr_expected("features", num)
        expected |= {"features.data": (np.float64, (None,)), "diagonal": (np.float64, (num,))}
        arrays = check_state(state, expected)
        self._train = csr_from_state(arrays, "histories", data.train.num_items)
        width = int(arrays["features.indices"].max(initial=-1)) + 1
        self._features = csr_from_state(arrays, "features", width)
        self._system = self._made_system(checked_diagonal(arrays["diagonal"]))
        return self

    def _read(self, data: TrainingData) -> None:
        """Take what is needed of the training data."""
        liked = confidence(data.train, self.config.rating_power)
        self._train = signed(liked, data.train, self.config.dislikes)
        features = csr_matrix((self._train.shape[0], 0))
        if data.user_features is not None and self.config.alpha > 0:
            features = csr_matrix(self.config.alpha * data.user_features, dtype=np.float64)
        self._features = features

    def _rows(self) -> csr_matrix:
        """Return items and features as rows, users as columns."""
        assert self._train is not None
        assert self._features is not None
        rows = hstack([self._train, self._features], format="csr", dtype=np.float64)
        return csr_matrix(rows.T)

    def _penalties(self) -> Float64Array:
        train, share = self._train, self.config.dropout
        assert train is not None
        count = np.asarray(train.multiply(train).sum(axis=1), dtype=np.float64).reshape(-1)
        return np.asarray(self.config.l2 + share / (1.0 - share) * count)

    def _made_system(self, diagonal: Float64Array | None) -> RidgeSystem:
        return RidgeSystem(self._rows(), self._penalties(), diagonal)

    def _scores(self, of_users: FloatArray) -> FloatArray:
        train, _ = self._fitted()
        scores = np.asarray(of_users @ train, dtype=np.float32)
        unknown = ~of_users.any(axis=1)
        if unknown.any():
            scores[unknown] = share_of_users(train)
        return scores

    def _fitted(self) -> tuple[csr_matrix, RidgeSystem]:
        if self._train is None or self._system is None:
            raise not_fitted(self)
        return self._train, self._system


class UserEASEConfig(ModelConfig):
    """The settings of `UserEASE`.

    Attributes:
        l2: Weight of the ridge penalty.
        dropout: Share of each item's users that the weights must do without; 0: none.
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
        dislikes: How much a dislike counts against an item, where a like counts 1; 0: not at all.
        alpha: Weight of the user table, as the length of a user's row in the extra columns.
    """

    name: Literal["user_ease"] = "user_ease"
    model: ClassVar[type[Model]] = UserEASE
    l2: float = Field(default=200.0, gt=0.0, allow_inf_nan=False)
    dropout: float = Field(default=0.33, ge=0.0, lt=1.0)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    dislikes: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    alpha: float = Field(default=4.0, ge=0.0, allow_inf_nan=False)
