"""Expected ratings by kernel ridge regression over pairs of a user and an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError, warn
from kgrec.models.base import Callback, Model, ModelConfig, VectorModel
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.item_item import training_matrix
from kgrec.models.rating_features import Features, item_features, user_features_of
from kgrec.models.state import State, check_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray

MIX: Final = np.array(
    # mean   watched content taste  itself
    [
        [0.000, 0.611, 0.2015, 0.0004, 0.0330],  # mean
        [0.156, 0.406, 0.1591, 0.0078, 0.1027],  # watched
        [0.016, 0.051, 0.0168, 0.0001, 0.0160],  # table
        [0.001, 0.016, 0.0060, 0.0001, 0.0053],  # taste
        [0.180, 0.312, 0.4029, 0.0013, 0.0000],  # itself
    ]
)
"""Prior variance of each part of a rating of variance 1: rows are users, columns items.

Chosen on held-out ratings within the training part of MovieLens-100K's split u1, of users with few
and with many ratings. Half or twice any number changes the error there by about 0.001.
"""
_MANY: Final = 5_000_000
_CHUNK: Final = 4096
_MAX_STEPS: Final = 200
_TOLERANCE: Final = 1e-6  # of the squared residual


class KernelRatings(VectorModel):
    """Predicts ratings by a Gaussian process over pairs of a user and an item.

    The rating of user u for item i is the mean rating plus f(u, i) plus noise, where f has the mean
    0 and the covariance

        k((u, i), (v, j)) = Σ_ab w_ab · K_a(u, v) · K_b(i, j),

    so that two pairs are alike if both users and both items are (Basilico and Hofmann, Unifying
    Collaborative and Content-Based Filtering, ICML 2004). K_a is one of five similarities of users,
    K_b one of five of items:

    - mean: 1 for any two; watched: the cosine of what users rated, whatever the stars, or of who
      rated the items; table, or content: that of the user table, or of the attributes in the graph
      and the item table and words; taste: the cosine of the stars that they gave or got,
      without the biases; itself: 1 for a user or item with itself, otherwise 0.

    So mean × itself are biases of items, itself × mean those of users, itself × content a
    regression of each user on attributes, itself × watched the neighborhood of the items that the
    user rated, and watched × watched is that of a factor model. All are fitted together: the
    expected ratings are the solution α of (K + noise · I) α = r of n ratings, by conjugate
    gradients. Each similarity is the inner product of features of limited dimension (truncated
    singular value decomposition), so a step costs O((n + users + items) · features) and no matrix
    of pairs is made. The answer is an inner product of vectors of user and item.

    Likes and dislikes are read, if they have ratings. Predictions are clipped to the range of the
    training ratings. A new user, who is given by liked items, is one whose ratings of these are
    the mean rating of likes.
    """

    config: KernelRatingsConfig

    def __init__(self, config: KernelRatingsConfig | None = None) -> None:
        super().__init__(config or KernelRatingsConfig())
        self._fit: _Fitted | None = None

    @property
    def reads_content(self) -> bool:
        """What is known of an item counts."""
        return True

    @property
    def reads_text_vectors(self) -> bool:
        """Words and attributes are its content."""
        return False

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Solve for the expected ratings; see `Model.fit`.

        Raises:
            DataError: There are no ratings, or all are the same.
        """
        log = data.train.rated()
        rating = checked_ratings(log)
        mean, deviation = float(rating.mean()), float(rating.std())
        given = ((rating - mean) / deviation).astype(np.float32)
        users = user_features_of(data, log, given, self.config.dim, self.config.taste_dim)
        items = item_features(data, log, given, self.config.dim, self.config.taste_dim)
        if len(log) > _MANY:
            warn(
                f"kernel_ratings fits {len(log):,} ratings, which takes long: each of about 100 "
                f"steps reads all of them in {items.matrix.shape[1] + users.matrix.shape[1]} "
                "dimensions. Smaller dim and taste_dim take less."
            )
        mix = MIX * self.config.strengths()
        solver = _Solver(users, items, mix, log)
        dual = solver.solved(given, np.float32(self.config.noise))
        of_users, of_items = solver.coefficients(dual)
        liked = float(data.train.rating.mean()) if data.train.rating is not None else mean
        self._fit = _Fitted(
            users.matrix,
            items.matrix,
            of_users,
            of_items,
            users.basis,
            users.scale,
            solver.own_of_items,
            solver.shared(dual),
            np.array([mean, deviation, rating.min(), rating.max(), liked], dtype=np.float64),
        )
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return what features, coefficients and the decomposition that makes features take.

        Each user has features, and coefficients for those of items, and the other way round; sums
        and products of a step are as large as the coefficients. Each rating is in the matrices of
        a step and in the vectors of the conjugate gradients.
        """
        train, dim, taste = data.train, self.config.dim, self.config.taste_dim
        bad = 0 if train.dislikes is None else len(train.dislikes)
        width = 1 + dim + taste
        of_users = width + (0 if data.user_features is None else dim)
        of_items = width + (0 if data.attributes is None and data.words is None else dim)
        users, items = train.num_users, train.num_items
        solving = 4 * users * (of_users + 3 * of_items) + 4 * items * (of_items + 3 * of_users)
        kept = 4 * (users * of_users + items * of_items)
        decomposing = kept + 8 * 2 * dim * (users + items)
        return 65 * (len(train) + bad) + max(solving, decomposing)

    @property
    def user_vectors(self) -> FloatArray:
        """The known users; see `VectorModel`."""
        fit = self._fitted()
        return np.concatenate([fit.of_users, fit.user_features], axis=1)

    @property
    def item_vectors(self) -> FloatArray:
        """The items; see `VectorModel`."""
        fit = self._fitted()
        return np.concatenate([fit.item_features, fit.of_items], axis=1)

    def score(self, users: IntArray) -> FloatArray:
        """Return expected ratings in standard deviations from the mean; see `Model.score`."""
        fit = self._fitted()
        rows = check_rows(users, len(fit.user_features), "user")
        made = fit.of_users[rows] @ fit.item_features.T
        return np.asarray(made + fit.user_features[rows] @ fit.of_items.T, dtype=np.float32)

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the same for users given by liked items; see `Model.score_histories`."""
        return np.asarray(self.vectors_of_histories(histories) @ self.item_vectors.T)

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users; see `VectorModel.vectors_of_histories`.

        Their features are those of what they have; the part that is theirs alone is solved for
        with the model's answers as prior mean.
        """
        fit = self._fitted()
        liked = check_histories(histories, len(fit.item_features))
        features = np.zeros((liked.shape[0], fit.user_features.shape[1]), dtype=np.float32)
        features[:, 0] = 1.0
        start, stop = 1, 1 + fit.basis.shape[1]
        has = liked.copy()
        has.data[:] = 1.0
        length = np.sqrt(np.asarray(has @ np.square(fit.of_rated)))[:, None]
        features[:, start:stop] = np.asarray(has @ fit.basis) / np.maximum(length, 1e-12)
        own = features @ fit.shared
        mean, deviation, _, _, of_likes = fit.scale
        target = np.float32((of_likes - mean) / deviation)
        for row in range(liked.shape[0]):
            items = liked.indices[liked.indptr[row] : liked.indptr[row + 1]]
            if not len(items):
                continue
            phi = fit.item_features[items].astype(np.float64)
            expected = phi @ own[row] + fit.of_items[items].astype(np.float64) @ features[row]
            scaled = phi * fit.own_of_items
            kernel = scaled @ phi.T
            kernel[np.diag_indices_from(kernel)] += self.config.noise
            own[row] += np.linalg.solve(kernel, target - expected) @ scaled
        return np.concatenate([own, features], axis=1).astype(np.float32)

    def predict_ratings(self, users: IntArray, items: IntArray) -> FloatArray:
        """Return the expected rating of each pair, float32 of shape (n,).

        Args:
            users: Rows of users, int64 of shape (n,); -1 for somebody who is not known.
            items: Rows of items, likewise.

        Raises:
            RunError: The model was not fitted.
            UnknownIdError: A row is outside.
        """
        fit = self._fitted()
        users = check_rows(np.asarray(users) + 1, len(fit.user_features) + 1, "user") - 1
        items = check_rows(np.asarray(items) + 1, len(fit.item_features) + 1, "item") - 1
        made = np.empty(len(users), dtype=np.float64)
        for start in range(0, len(users), _CHUNK):
            part = slice(start, start + _CHUNK)
            made[part] = self._expected(fit, users[part], items[part])
        mean, deviation, low, high, _ = fit.scale
        return np.asarray(np.clip(mean + deviation * made, low, high), dtype=np.float32)

    @staticmethod
    def _expected(fit: _Fitted, users: IntArray, items: IntArray) -> npt.NDArray[Any]:
        """Return the standardised rating of each pair; the features of -1 are the mean alone."""
        user_features, item_features = fit.user_features[users], fit.item_features[items]
        of_users, of_items = fit.of_users[users], fit.of_items[items]
        if (users < 0).any():
            user_features[users < 0] = 0.0
            user_features[users < 0, 0] = 1.0
            of_users[users < 0] = fit.shared[0]
        if (items < 0).any():
            item_features[items < 0] = 0.0
            item_features[items < 0, 0] = 1.0
            of_items[items < 0] = 0.0
        made = np.einsum("nf,nf->n", of_users, item_features, dtype=np.float64)
        return np.asarray(made + np.einsum("nf,nf->n", user_features, of_items, dtype=np.float64))

    def state(self) -> State:
        """Return features and coefficients; see `Model.state`."""
        return dict(vars(self._fitted()))

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        num_users, num_items = data.train.num_users, data.train.num_items
        user_dim = np.shape(state.get("user_features", np.zeros((0, 0))))[-1]
        item_dim = np.shape(state.get("item_features", np.zeros((0, 0))))[-1]
        expected = {
            "user_features": (np.float32, (num_users, None)),
            "item_features": (np.float32, (num_items, None)),
            "of_users": (np.float32, (num_users, item_dim)),
            "of_items": (np.float32, (num_items, user_dim)),
            "basis": (np.float32, (num_items, None)),
            "of_rated": (np.float32, (num_items,)),
            "own_of_items": (np.float32, (item_dim,)),
            "shared": (np.float32, (user_dim, item_dim)),
            "scale": (np.float64, (5,)),
        }
        self._fit = _Fitted(**check_state(state, expected))  # type: ignore[arg-type]
        return self

    def _fitted(self) -> _Fitted:
        if self._fit is None:
            raise not_fitted(self)
        return self._fit


@dataclass(frozen=True)
class _Fitted:
    """What was learned.

    Attributes:
        user_features: float32 of shape (num_users, p).
        item_features: float32 of shape (num_items, q).
        of_users: What each user makes of the features of items, float32 of shape (num_users, q).
        of_items: What each item makes of the features of users, float32 of shape (num_items, p).
        basis: From items to the features of who has them, float32 of shape (num_items, d).
        of_rated: Weight of each item in the length of a row of who has them, float32 (num_items,).
        own_of_items: Prior variance of a user's own coefficients, float32 of shape (q,).
        shared: From features of users to coefficients, float32 of shape (p, q).
        scale: Mean, deviation, minimum and maximum of the ratings, mean of likes; float64.
    """

    user_features: FloatArray
    item_features: FloatArray
    of_users: FloatArray
    of_items: FloatArray
    basis: FloatArray
    of_rated: FloatArray
    own_of_items: FloatArray
    shared: FloatArray
    scale: Float64Array


class _Solver:
    """The covariance of the ratings of a log, as products with vectors.

    Args:
        users: Features of users.
        items: Features of items.
        mix: Weights of the parts, float64 of shape (5, 5), as `MIX`.
        log: Users and items of the ratings.
    """

    def __init__(
        self, users: Features, items: Features, mix: Float64Array, log: Interactions
    ) -> None:
        self._users, self._items, self._log = users.matrix, items.matrix, log
        both = mix[np.ix_(users.block, items.block)]
        self._both = both.astype(np.float32)
        self.own_of_items = mix[4][items.block].astype(np.float32)
        self._own_of_users = mix[users.block, 4].astype(np.float32)
        self._shape = (log.num_users, log.num_items)

    def shared(self, dual: FloatArray) -> FloatArray:
        """Return the map from features of users to coefficients, float32 (p, q)."""
        return np.asarray(self._both * (self._users.T @ self._sums(dual)))

    def coefficients(self, dual: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return `_Fitted.of_users` and `_Fitted.of_items` of a solution of shape (n,)."""
        sums = self._sums(dual)
        of_users = self._users @ (self._both * (self._users.T @ sums)) + sums * self.own_of_items
        of_items = (self._matrix(dual).T @ self._users) * self._own_of_users
        return of_users.astype(np.float32), of_items.astype(np.float32)

    def solved(self, given: FloatArray, noise: np.float32) -> FloatArray:
        """Return the solution of (K + noise · I) x = given, float32 of shape (n,)."""
        found, residual = np.zeros_like(given), given.copy()
        direction, square = residual.copy(), float(residual @ residual)
        goal = _TOLERANCE * square
        for _ in range(_MAX_STEPS):
            if square <= goal:
                break
            image = self._times(direction) + noise * direction
            step = np.float32(square / float(direction @ image))
            found += step * direction
            residual -= step * image
            square, before = float(residual @ residual), square
            direction = residual + np.float32(square / before) * direction
        return found

    def _times(self, dual: FloatArray) -> FloatArray:
        of_users, of_items = self.coefficients(dual)
        made = np.empty_like(dual)
        user, item = self._log.user, self._log.item
        for start in range(0, len(dual), _CHUNK):
            part = slice(start, start + _CHUNK)
            u, i = user[part], item[part]
            made[part] = np.einsum("nf,nf->n", of_users[u], self._items[i])
            made[part] += np.einsum("nf,nf->n", self._users[u], of_items[i])
        return made

    def _matrix(self, dual: FloatArray) -> csr_matrix:
        return csr_matrix((dual, (self._log.user, self._log.item)), shape=self._shape)

    def _sums(self, dual: FloatArray) -> FloatArray:
        return np.asarray(self._matrix(dual) @ self._items)


def checked_ratings(log: Interactions) -> Float64Array:
    """Return the ratings of a log, float64 of shape (n,).

    Raises:
        DataError: There are none, one is not finite, or all are the same.
    """
    training_matrix(log)  # or there are no interactions
    if log.rating is None:
        raise DataError(
            "kernel_ratings learns from ratings, and the training part has none: name their column "
            "(data.rating), or choose a model of interactions, such as ease."
        )
    rating = log.rating.astype(np.float64)
    if not np.isfinite(rating).all():
        raise DataError("A rating of the training part is NaN or infinite.")
    if rating.min() == rating.max():
        raise DataError(
            f"All {len(rating):,} ratings of the training part are {rating[0]:g}: there is nothing "
            "to predict. Read dislikes too (positive, negative), or choose a model of interactions."
        )
    return rating


class KernelRatingsConfig(ModelConfig):
    """The settings of `KernelRatings`.

    Attributes:
        noise: Variance of the noise in a rating, where all ratings have the variance 1.
        dim: Dimensions of what users watched, and of the content of items; fewer are faster.
        taste_dim: Dimensions of taste.
        watched: Strength of who rated what, whatever the stars; 0: not read.
        taste: Strength of the stars.
        content: Strength of attributes and words of items.
        table: Strength of the user table.
    """

    name: Literal["kernel_ratings"] = "kernel_ratings"
    model: ClassVar[type[Model]] = KernelRatings
    noise: float = Field(default=0.5, gt=0.0, allow_inf_nan=False)
    dim: int = Field(default=60, ge=1, le=1000)
    taste_dim: int = Field(default=30, ge=1, le=1000)
    watched: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    taste: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    content: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    table: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)

    def strengths(self) -> Float64Array:
        """Return what the parts of `MIX` are multiplied by, float64 of shape (5, 5)."""
        users = np.array([1.0, self.watched, self.table, self.taste, 1.0])
        items = np.array([1.0, self.watched, self.content, self.taste, 1.0])
        return np.outer(users, items)
