"""Fitting the weights of models, and choosing what they depend on by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from scipy.optimize import minimize

from kgrec.auto.choices import Choices
from kgrec.auto.context import Context
from kgrec.auto.weights import Weights
from kgrec.evaluation.metrics import ndcg
from kgrec.types import BoolArray, Float64Array, FloatArray

Level = Literal["none", "popularity", "all"]
"""What the weights depend on: nothing, activity and popularity, or all that is known."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
PENALTIES: Final = (0.0003, 0.003, 0.03)
"""Ridge penalties among which cross-validation chooses."""
FOLDS: Final = 5
WORTH: Final = 0.002
"""A model whose absence lowers the metric by no more than this share of it is left out."""


@dataclass(frozen=True)
class Fit:
    """Weights that were chosen by cross-validation.

    Attributes:
        weights: Fitted on all validation users.
        level: What they depend on.
        l2: The ridge penalty.
        value: The metric over users, each by weights that were fitted without this user.
    """

    weights: Weights
    level: Level
    l2: float
    value: float


def choose_weights(choices: Choices, context: Context, k: int, seed: int) -> Fit:
    """Return the weights of the level and penalty with the best cross-validated NDCG@k.

    Of each level the best penalty counts. A level that knows more is taken only if it is better by
    more than chance explains: 1.64 standard errors of the difference over users, p < .05.

    Args:
        choices: What the validation users chose.
        context: The features of the items.
        k: The cut-off.
        seed: Seeds the folds of users.
    """
    best: tuple[Float64Array, Level, float] | None = None
    for level in LEVELS:
        tried = [(cross_validated(choices, context, level, l2, k, seed), l2) for l2 in PENALTIES]
        values, l2 = max(tried, key=lambda one: float(one[0].mean()))
        gain = values if best is None else values - best[0]
        if best is None or gain.mean() > 1.64 * gain.std() / max(1, len(gain)) ** 0.5:
            best = values, level, l2
    assert best is not None
    values, level, l2 = best
    return Fit(fit_weights(choices, context, level, l2), level, l2, float(values.mean()))


def cross_validated(
    choices: Choices, context: Context, level: Level, l2: float, k: int, seed: int
) -> Float64Array:
    """Return the NDCG@k of each user, ranked by weights fitted without them; float64 (b,)."""
    values = np.zeros(len(choices.users))
    for held_out in _folds(len(choices.users), seed):
        weights = fit_weights(choices.of_users(~held_out), context, level, l2)
        rest = choices.of_users(held_out)
        values[held_out] = ndcg_of(rest, weights.score(rest, context.items), k)
    return values


def _folds(num_users: int, seed: int) -> Iterator[BoolArray]:
    fold = np.random.default_rng(seed).permutation(num_users) % FOLDS
    return (fold == one for one in range(min(FOLDS, num_users)))


def ndcg_of(choices: Choices, scores: FloatArray, k: int) -> Float64Array:
    """Return the NDCG@k of each user, float64 of shape (b,); see `kgrec.evaluation.metrics`."""
    order = np.lexsort((-scores, choices.user))
    start = np.searchsorted(choices.user, np.arange(len(choices.users)))
    place = np.arange(len(order)) - start[choices.user]  # the order is by user, too
    top = place < k
    hits = np.zeros((len(choices.users), k), dtype=bool)
    hits[choices.user[top], place[top]] = choices.chosen[order][top]
    return ndcg(hits, choices.num_chosen, k)


def fit_weights(choices: Choices, context: Context, level: Level, l2: float) -> Weights:
    """Return the weights under which what the users chose is most likely.

    A conditional logit model (McFadden, 1974), as in `kgrec.models.ensemble.logit_weights`, with
    interactions of the models' scores and the context. a_k is at least 0.

    Args:
        choices: What the users chose.
        context: The features of the items.
        level: What the weights depend on.
        l2: Weight of the ridge penalty on all weights, relative to the mean log-likelihood.
    """
    num_models, num_features = choices.scores.shape[1], context.items.shape[1]
    some = {"none": 0, "popularity": 1, "all": num_features}[level]
    table = _features(choices, context.items[:, :some], level)
    least = np.full(table.shape[1], -np.inf)
    least[:num_models] = 0.0
    found = _most_likely(choices, table, l2, least)
    made = Weights.equal(num_models, num_features)
    made.models[:, 0] = found[:num_models]
    if level != "none":
        made.models[:, 1] = found[num_models : 2 * num_models]
        columns = found[2 * num_models :].reshape(-1, some)
        made.items[:some, : len(columns)] = columns.T
    return made


def _features(choices: Choices, items: FloatArray, level: Level) -> FloatArray:
    if level == "none":
        return choices.scores
    active = choices.users[choices.user, :1]
    of_items = items[choices.item]
    blocks = [choices.scores, choices.scores * active, of_items, of_items * active]
    if level == "all":
        blocks.append(of_items * choices.users[choices.user, 1:])
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _most_likely(
    choices: Choices, table: FloatArray, l2: float, least: Float64Array
) -> Float64Array:
    user, num = choices.user, len(choices.users)
    count = np.bincount(user, choices.chosen, minlength=num)
    share = np.where(choices.chosen, np.maximum(count, 1)[user] ** -0.5, 0.0)
    total_share = share.sum()
    if not total_share > 0:
        return np.where(np.isfinite(least), 1.0 / max(1, int(np.isfinite(least).sum())), 0.0)
    share /= total_share
    per_user = np.bincount(user, share, minlength=num)
    present = np.flatnonzero(np.bincount(user, minlength=num))
    start = np.searchsorted(user, present)
    target = np.asarray(share.astype(np.float32) @ table, dtype=np.float64)

    def loss(weights: Float64Array) -> tuple[float, Float64Array]:
        logits = table @ weights.astype(np.float32)
        highest = np.zeros(num, dtype=np.float32)
        highest[present] = np.maximum.reduceat(logits, start)
        chance = np.exp(logits - highest[user])
        total = np.bincount(user, chance, minlength=num)
        value = float(per_user[present] @ (np.log(total[present]) + highest[present]))
        chance *= (per_user / np.maximum(total, 1e-30))[user].astype(np.float32)
        gradient = np.asarray(chance @ table, dtype=np.float64) - target
        return (
            value - float(weights @ target) + l2 * float(weights @ weights),
            gradient + 2 * l2 * weights,
        )

    first = np.where(np.isfinite(least), 1.0 / max(1, int(np.isfinite(least).sum())), 0.0)
    bounds = [(None if low == -np.inf else low, None) for low in least]
    found = minimize(
        loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-7}
    )
    return np.asarray(found.x)


def drop_needless(
    choices: Choices, context: Context, fit: Fit, k: int, seed: int
) -> tuple[list[int], Fit, dict[int, float]]:
    """Leave out the models whose absence costs next to nothing, one after another.

    Returns:
        The models that stay, their weights, and the metric without each of them.
    """
    kept = list(range(choices.scores.shape[1]))
    value, without = fit.value, dict[int, float]()
    while len(kept) > 1:
        without = {
            model: float(
                cross_validated(
                    choices.of_models([one for one in kept if one != model]),
                    context, fit.level, fit.l2, k, seed,
                ).mean()
            )
            for model in kept
        }  # fmt: skip
        needless = max(without, key=lambda model: without[model])
        if without[needless] < value * (1 - WORTH):
            break
        kept.remove(needless)
        value = without[needless]
    else:
        without = {}
    weights = fit_weights(choices.of_models(kept), context, fit.level, fit.l2)
    return kept, replace(fit, weights=weights, value=value), without
