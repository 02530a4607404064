"""Ratings predicted from scores, and their errors.

kgrec's models score how much a user would like an item, without a unit. A rating is predicted as

    r(u, i) = mean + b(u) + b(i) + intercept + slope · z(u, i),

with damped biases of users and items from the training ratings (Koren, Factor in the Neighbors,
TKDD 2010, section 2.1), and z the model's score of the item, standardised over all items of the
user. Intercept and slope are fitted by least squares to the residuals of the biases on the
validation ratings, which also choose the damping; test ratings are not used. The errors of the
biases alone are reported too: the difference is what the model adds. All ratings count, those of
dislikes too; `details` give their range. A model made for ratings, such as `kernel_ratings`, is not
calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, Self

import numpy as np
from pydantic import Field

from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.base import (
    Evaluation,
    EvaluationTask,
    ProtocolConfig,
    Scorer,
    seen_items,
    users_of,
    without_validation,
)
from kgrec.evaluation.pairs import score_pairs
from kgrec.models.base import RatingPredictor
from kgrec.retrieval.topk import CHUNK_ELEMENTS
from kgrec.types import Float64Array, FloatArray, IntArray

DAMPINGS: Final = (1.0, 2.0, 5.0, 10.0, 25.0)
_ROUNDS: Final = 10


class RatingsConfig(ProtocolConfig):
    """Prediction of ratings: biases of users and items, and the model's score on top."""

    name: Literal["ratings"] = "ratings"

    damping: float | None = Field(
        default=None,
        gt=0,
        description="Mean ratings that are added to each user and item; None: the best on "
        "validation of 1, 2, 5, 10 and 25.",
    )
    slope: float | None = Field(
        default=None,
        description="Rating points for one standard deviation of the score; None: fitted on "
        "validation.",
    )

    def evaluate(self, model: Scorer | RatingPredictor, task: EvaluationTask) -> Evaluation:
        """Predict the test ratings, and return the errors.

        A model that does not predict ratings itself is calibrated. `task.exclude` is the training
        part, for the biases, and then the validation part, for slope and damping, both with
        ratings. The metrics are `rmse` and `mae` over all ratings together, in rating points, and
        `bias_rmse` and `bias_mae` of the biases alone. Per user there are `rmse` and `mae`.

        Raises:
            DataError: A part has no ratings, the parts do not share their vocabularies, or a
                prediction is not finite.
            ConfigError: There is no validation part, and slope or damping are not given.
        """
        seen_items(task.test, task.exclude)  # checks the vocabularies
        if not task.exclude:
            raise ConfigError("Ratings need a training part: give it as `exclude`.")
        task = replace(task, test=task.test.rated(), exclude=[log.rated() for log in task.exclude])
        test, logs = task.test, task.exclude
        rating = ratings_of(test, "test")
        details: dict[str, object] = {"settings": self.in_results()}
        if isinstance(model, RatingPredictor):
            predictor: RatingPredictor = model
            biases = RatingBiases.chosen(logs[0], task.valid, self)
        else:
            made = RatingCalibration.fit(
                model, logs[0], task.valid, self, chunk_elements=task.chunk_elements
            )
            predictor, biases = made, made.biases
            details |= {"slope": made.slope, "intercept": made.intercept}
        predicted = np.asarray(predictor.predict_ratings(test.user, test.item), dtype=np.float64)
        if predicted.shape != rating.shape or not np.isfinite(predicted).all():
            raise DataError(
                f"Predicted ratings must be {len(rating)} finite numbers, found the shape "
                f"{predicted.shape}."
            )
        alone = biases.predict_ratings(test.user, test.item)
        details |= {"damping": biases.damping, "range": [biases.low, biases.high]}
        return _result(predicted - rating, alone - rating, test, details)


@dataclass(frozen=True)
class RatingBiases:
    """How much better or worse than the mean users rate and items are rated.

    Attributes:
        mean: Mean rating.
        user: Bias of each user, float64 of shape (num_users,); 0 without ratings.
        item: Bias of each item, float64 of shape (num_items,); 0 without ratings.
        low: Lowest training rating; predictions are clipped there.
        high: Highest training rating; likewise.
        damping: The damping that they were fitted with.
    """

    mean: float
    user: Float64Array
    item: Float64Array
    low: float
    high: float
    damping: float

    @classmethod
    def fit(cls, train: Interactions, damping: float) -> Self:
        """Fit the biases of items and of users in turn, each to the residuals of the others.

        Ten rounds come close to the minimum of
        Σ (r - mean - b(u) - b(i))² + damping (Σ b(u)² + Σ b(i)²).

        Args:
            train: The training interactions.
            damping: Above 0; how many mean ratings are added to each user and item.

        Raises:
            DataError: There are no ratings.
        """
        rating = ratings_of(train, "training")
        mean = float(rating.mean())
        user, item = np.zeros(train.num_users), np.zeros(train.num_items)
        for _ in range(_ROUNDS):
            item = _damped(train.item, rating - mean - user[train.user], len(item), damping)
            user = _damped(train.user, rating - mean - item[train.item], len(user), damping)
        return cls(mean, user, item, float(rating.min()), float(rating.max()), damping)

    @classmethod
    def chosen(cls, train: Interactions, valid: Interactions | None, config: RatingsConfig) -> Self:
        """Return the biases for `config.damping`, or if it is None, for the best one on validation.

        Raises:
            DataError: There are no ratings.
            ConfigError: There is no validation part, and no damping is given.
        """
        if config.damping is not None:
            return cls.fit(train, config.damping)
        if valid is None or not len(valid):
            raise without_validation(
                "The damping of biases is chosen on a validation part", "damping"
            )
        rating = ratings_of(valid, "validation")
        made = [cls.fit(train, damping) for damping in DAMPINGS]
        errors = [
            float(np.square(one.predict_ratings(valid.user, valid.item) - rating).mean())
            for one in made
        ]
        return made[int(np.argmin(errors))]

    def sums(self, users: IntArray, items: IntArray) -> Float64Array:
        """Return mean plus biases of each pair, float64 of shape (n,), not clipped."""
        predicted: Float64Array = self.mean + self.user[users] + self.item[items]
        return predicted

    def predict_ratings(self, users: IntArray, items: IntArray) -> Float64Array:
        """Return the rating of each pair, float64 of shape (n,)."""
        return np.clip(self.sums(users, items), self.low, self.high)


@dataclass(frozen=True)
class RatingCalibration:
    """Predicts ratings from biases and the scores of a model.

    Attributes:
        model: What scores items for users.
        biases: The biases.
        slope: Rating points for one standard deviation of the score.
        intercept: Rating points added to all.
        chunk_elements: Scores held at a time.
    """

    model: Scorer
    biases: RatingBiases
    slope: float
    intercept: float
    chunk_elements: int = CHUNK_ELEMENTS

    @classmethod
    def fit(
        cls,
        model: Scorer,
        train: Interactions,
        valid: Interactions | None,
        config: RatingsConfig,
        *,
        chunk_elements: int = CHUNK_ELEMENTS,
    ) -> Self:
        """Fit the biases to training ratings, and slope and intercept to validation ratings.

        Raises:
            DataError: There are no ratings, or a score is not finite.
            ConfigError: There is no validation part, and slope or damping are not given.
        """
        biases = RatingBiases.chosen(train, valid, config)
        if config.slope is not None:
            return cls(model, biases, config.slope, 0.0, chunk_elements)
        if valid is None or not len(valid):
            raise without_validation(
                "The slope of the score is fitted on a validation part", "slope"
            )
        rating = ratings_of(valid, "validation")
        score = cls(model, biases, 0.0, 0.0, chunk_elements).standardised(valid.user, valid.item)
        left = rating - biases.sums(valid.user, valid.item)
        spread = score - score.mean()
        variance = float(spread @ spread)
        slope = float(spread @ left) / variance if variance > 0 else 0.0
        intercept = float(left.mean() - slope * score.mean())
        return cls(model, biases, slope, intercept, chunk_elements)

    def standardised(self, users: IntArray, items: IntArray) -> Float64Array:
        """Return the standardised score of each pair, float64 of shape (n,).

        Raises:
            DataError: A score is not finite.
        """
        return score_pairs(
            self.model,
            users,
            items,
            num_items=len(self.biases.item),
            transform=_standardise,
            chunk_elements=self.chunk_elements,
        ).astype(np.float64)

    def predict_ratings(self, users: IntArray, items: IntArray) -> Float64Array:
        """Return the rating of each pair, float64 of shape (n,)."""
        predicted = self.biases.sums(users, items) + self.intercept
        if self.slope:
            predicted = predicted + self.slope * self.standardised(users, items)
        return np.clip(predicted, self.biases.low, self.biases.high)


def _result(
    error: Float64Array, of_biases: Float64Array, test: Interactions, details: dict[str, object]
) -> Evaluation:
    users = users_of(test)
    place = np.searchsorted(users, test.user)
    count = np.bincount(place)
    return Evaluation(
        metrics={
            "rmse": float(np.sqrt(np.mean(error**2))),
            "mae": float(np.abs(error).mean()),
            "bias_rmse": float(np.sqrt(np.mean(of_biases**2))),
            "bias_mae": float(np.abs(of_biases).mean()),
        },
        per_user={
            "rmse": np.sqrt(np.bincount(place, error**2) / count),
            "mae": np.bincount(place, np.abs(error)) / count,
        },
        user_ids=tuple(test.users.take(users)),
        k=(),
        num_candidates=len(test),
        num_judgements=len(test),
        protocol="ratings",
        details=details,
    )


def ratings_of(log: Interactions, part: str) -> Float64Array:
    """Return the ratings of a part, float64 of shape (n,).

    Raises:
        DataError: There are none, or one is not finite.
    """
    if log.rating is None or not len(log):
        raise DataError(
            f"The {part} part has no ratings, which this protocol predicts. Name their column "
            "(data.rating) to read the interactions."
        )
    rating = log.rating.astype(np.float64)
    if not np.isfinite(rating).all():
        raise DataError(f"A rating of the {part} part is NaN or infinite.")
    return rating


def _damped(row: IntArray, left: Float64Array, num: int, damping: float) -> Float64Array:
    bias: Float64Array = np.bincount(row, left, num) / (np.bincount(row, minlength=num) + damping)
    return bias


def _standardise(block: FloatArray) -> FloatArray:
    if not np.isfinite(block).all():
        raise DataError("A score is NaN or infinite. The model did not converge or is damaged.")
    centred: FloatArray = block - block.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    np.divide(centred, deviation, out=centred, where=deviation > 0)
    return centred
