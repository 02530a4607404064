"""Fitting the weights of models, and choosing what they depend on by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from kgrec.auto.choices import Choices
from kgrec.auto.context import Context
from kgrec.auto.logit import ConditionalLogit, Solution, bounded_step
from kgrec.auto.ranking import Ranking
from kgrec.auto.weights import Weights
from kgrec.types import BoolArray, Float64Array, FloatArray

Level = Literal["none", "popularity", "all"]
"""What the weights depend on: nothing, activity and popularity, or all that is known."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
PENALTIES: Final = (0.001, 0.01, 0.1)
"""Ridge penalties among which cross-validation chooses."""
FOLDS: Final = 5
WORTH: Final = 0.001
"""A model whose absence lowers the metric by no more than this share of it is left out."""


@dataclass(frozen=True)
class Fit:
    """Weights that were chosen by cross-validation.

    Attributes:
        weights: Fitted on all validation users.
        level: What they depend on; "equal": they were not fitted.
        l2: The ridge penalty.
        value: The metric over users, each by weights that were fitted without this user.
    """

    weights: Weights
    level: Level | Literal["equal"]
    l2: float
    value: float


class Stacking:
    """The conditional logit model of one level, on all users and without each fold of them.

    Args:
        choices: What users chose.
        context: The features of the items.
        level: What the weights depend on.
        k: The cut-off of the NDCG.
        seed: Seeds the folds of users.
    """

    def __init__(self, choices: Choices, context: Context, level: Level, k: int, seed: int) -> None:
        self.level, self._choices = level, choices
        self.num_models, self._num_features = choices.scores.shape[1], context.items.shape[1]
        self._some = {"none": 0, "popularity": 1, "all": self._num_features}[level]
        self._table = _features(choices, context.items[:, : self._some], level)
        self._least = np.full(self._table.shape[1], -np.inf)
        self._least[: self.num_models] = 0.0
        self._logit = ConditionalLogit(choices, self._table, self._least)
        self.columns = np.ones(self._table.shape[1], dtype=bool)
        self._held_out = folds(len(choices.users), seed)
        self._ranking = Ranking(choices, k)
        self._rows = [np.flatnonzero(held[choices.user]) for held in self._held_out]

    def fit(self, l2: float, start: Sequence[Solution] = ()) -> list[Solution]:
        """Return the solution on all users, then that without each fold.

        Args:
            l2: The ridge penalty.
            start: Solutions of a similar problem, to begin with.
        """
        everybody = np.ones(len(self._choices.users), dtype=bool)
        first = start[0].weights if start else None
        found = [self._logit.fit(l2, everybody, self.columns, first)]
        for number, held_out in enumerate(self._held_out, 1):
            first = start[number].weights if start else found[0].weights
            found.append(self._logit.fit(l2, ~held_out, self.columns, first))
        return found

    def values(self, parts: Sequence[Float64Array]) -> Float64Array:
        """Return the NDCG of each user by weights that were fitted without them, float64 (b,).

        Args:
            parts: The weights without each fold.
        """
        scores = np.empty(len(self._choices.user), dtype=np.float32)
        for rows, weights in zip(self._rows, parts, strict=True):
            scores[rows] = self._table[rows] @ weights.astype(np.float32)
        return self._ranking.ndcg(scores)

    def value(self, found: Sequence[Solution]) -> Float64Array:
        """Return `values` of the solutions without each fold."""
        return self.values([one.weights for one in found[1:]])

    def without(self, found: Sequence[Solution], model: int) -> Float64Array:
        """Return `values` without a model: nearly those of fitting again, by one Newton step."""
        gone = self._of_model(model)
        kept = self.columns & ~gone
        parts = []
        for one in found[1:]:
            gradient = -one.curvature[:, gone] @ one.weights[gone]
            step = bounded_step(one.curvature, gradient, self._least - one.weights, kept)
            parts.append(np.where(gone, 0.0, one.weights + step))
        return self.values(parts)

    def leave_out(self, model: int) -> None:
        """Use the scores of a model no longer."""
        self.columns = self.columns & ~self._of_model(model)

    def weights(self, solution: Solution, models: Sequence[int]) -> Weights:
        """Return the weights of some models from a solution."""
        found, num, some = solution.weights, self.num_models, self._some
        made = Weights.equal(num, self._num_features)
        made.models[:, 0] = found[:num]
        if self.level != "none":
            made.models[:, 1] = found[num : 2 * num]
            columns = found[2 * num :].reshape(-1, some)
            made.items[:some, : len(columns)] = columns.T
        return _of_models(made, models)

    def _of_model(self, model: int) -> BoolArray:
        places = np.zeros(len(self.columns), dtype=bool)
        places[[model] if self.level == "none" else [model, self.num_models + model]] = True
        return places


def choose_weights(
    choices: Choices, context: Context, k: int, seed: int
) -> tuple[list[int], Fit, dict[int, float]]:
    """Return the models, their weights and what each is worth, by cross-validated NDCG@k.

    A sum of the models has to rank better than the best of them alone, since the likelihood that
    its weights maximise is not the ranking. Weights that depend on the context have to be better
    by more than chance explains: 1.64 standard errors of the difference over users, p < .05.

    Args:
        choices: What the validation users chose.
        context: The features of the items.
        k: The cut-off.
        seed: Seeds the folds of users.

    Returns:
        The models that stay, their weights, and the metric without each of them.
    """
    num = choices.scores.shape[1]
    ranking = Ranking(choices, k)
    alone = [ranking.ndcg(choices.scores[:, one]) for one in range(num)]
    single = max(range(num), key=lambda one: float(alone[one].mean()))
    chosen: Fit | None
    values, chosen = _best_penalty(choices, context, "none", k, seed)
    if alone[single].mean() >= values.mean():
        values, chosen = alone[single], None
    for level in LEVELS[1:]:
        others, fit = _best_penalty(choices, context, level, k, seed)
        gain = others - values
        if gain.mean() > 1.64 * gain.std() / max(1, len(gain)) ** 0.5:
            values, chosen = others, fit
    if chosen is not None:
        return drop_needless(choices, context, chosen, k, seed)
    weights = Weights.equal(1, context.items.shape[1])
    return [single], Fit(weights, "none", 0.0, float(values.mean())), {}


def _best_penalty(
    choices: Choices, context: Context, level: Level, k: int, seed: int
) -> tuple[Float64Array, Fit]:
    stacking = Stacking(choices, context, level, k, seed)
    tried: list[tuple[Float64Array, float, Solution]] = []
    found: list[Solution] = []
    for l2 in sorted(PENALTIES, reverse=True):
        found = stacking.fit(l2, found)
        tried.append((stacking.value(found), l2, found[0]))
    values, l2, solution = max(tried, key=lambda one: float(one[0].mean()))
    weights = stacking.weights(solution, range(stacking.num_models))
    return values, Fit(weights, level, l2, float(values.mean()))


def _of_models(weights: Weights, models: Sequence[int]) -> Weights:
    return Weights(weights.models[list(models)], weights.items)


def folds(num_users: int, seed: int) -> list[BoolArray]:
    """Return which users are held out in each fold."""
    fold = np.random.default_rng(seed).permutation(num_users) % FOLDS
    return [fold == one for one in range(min(FOLDS, num_users))]


def fit_weights(choices: Choices, context: Context, level: Level, l2: float) -> Weights:
    """Return the weights of one level and penalty on all users; see `ConditionalLogit`."""
    stacking = Stacking(choices, context, level, 1, 0)
    return stacking.weights(stacking.fit(l2)[0], range(stacking.num_models))


def drop_needless(
    choices: Choices, context: Context, fit: Fit, k: int, seed: int
) -> tuple[list[int], Fit, dict[int, float]]:
    """Leave out the models whose absence costs next to nothing, one after another.

    Altogether they cost no more than `WORTH` of the metric with all models.

    Returns:
        The models that stay, their weights, and the metric without each of them.
    """
    assert fit.level != "equal"  # there is nothing to fit again
    stacking = Stacking(choices, context, fit.level, k, seed)
    kept = list(range(stacking.num_models))
    found = stacking.fit(fit.l2)
    value = fit.value
    while True:
        without = {model: float(stacking.without(found, model).mean()) for model in kept}
        needless = max(without, key=lambda model: without[model])
        if len(kept) == 1 or without[needless] < fit.value * (1 - WORTH):
            break
        kept.remove(needless)
        stacking.leave_out(needless)
        found = stacking.fit(fit.l2, found)
        value = float(stacking.value(found).mean())
    weights = stacking.weights(found[0], kept)
    return kept, Fit(weights, fit.level, fit.l2, value), without if len(kept) > 1 else {}


def _features(choices: Choices, items: FloatArray, level: Level) -> FloatArray:
    if level == "none":
        return choices.scores
    active = choices.users[choices.user, :1]
    of_items = items[choices.item]
    blocks = [choices.scores, choices.scores * active, of_items, of_items * active]
    if level == "all":
        blocks.append(of_items * choices.users[choices.user, 1:])
    return np.concatenate(blocks, axis=1, dtype=np.float32)
