"""The conditional logit model: the weights under which what users chose is most likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import lsq_linear

from kgrec.auto.choices import Choices
from kgrec.types import BoolArray, Float64Array, FloatArray

_MAX_STEPS: Final = 25
_CLOSE: Final = 1e-7
"""Newton's method ends when a step promises less than this, in mean log-likelihood."""


@dataclass(frozen=True)
class Solution:
    """The weights that were found.

    Attributes:
        weights: float64 of shape (p,); 0 where a column is left out.
        curvature: Second derivatives of the loss there, float64 of shape (p, p).
    """

    weights: Float64Array
    curvature: Float64Array


class ConditionalLogit:
    """Finds weights w so that softmax over the items of a user of x·w is likely to choose theirs.

    A conditional logit model (McFadden, 1974) with a ridge penalty, as in
    `kgrec.models.ensemble`. Each of a user's c choices counts c^-½, so that a user with many counts
    more, but not in proportion. The problem is convex; Newton's method needs a few passes.

    Args:
        choices: What users could choose, and what they chose.
        table: x, the features of each pair, float32 of shape (n, p).
        least: The least value of each weight, 0 or -inf, float64 of shape (p,).
    """

    def __init__(self, choices: Choices, table: FloatArray, least: Float64Array) -> None:
        self._user, self._table, self._least = choices.user, table, least
        self._chosen = choices.chosen
        self._num = len(choices.users)
        self._present = np.flatnonzero(np.bincount(self._user, minlength=self._num))
        self._start = np.searchsorted(self._user, self._present)
        count = np.bincount(self._user, self._chosen, minlength=self._num)
        self._share = np.where(self._chosen, np.maximum(count, 1)[self._user] ** -0.5, 0.0)

    def fit(
        self, l2: float, users: BoolArray, columns: BoolArray, start: Float64Array | None = None
    ) -> Solution:
        """Return the best weights.

        Args:
            l2: Weight of the ridge penalty, relative to the mean log-likelihood.
            users: Which users count, bool of shape (b,).
            columns: Which columns are used, bool of shape (p,); the others' weights are 0.
            start: Weights to begin with; None: the same for each column that must not fall below 0.
        """
        bounded = np.isfinite(self._least)
        if start is None:
            start = np.where(bounded, 1.0 / max(1, int(bounded.sum())), 0.0)
        weights = np.where(columns, start, 0.0)
        share = np.where(users[self._user], self._share, 0.0)
        if not share.sum() > 0:
            return Solution(weights, 2 * l2 * np.eye(len(weights)))
        share /= share.sum()
        per_user = np.bincount(self._user, share, minlength=self._num).astype(np.float64)
        target = np.asarray(share.astype(np.float32) @ self._table, dtype=np.float64)

        def loss(at: Float64Array) -> tuple[float, FloatArray]:
            chance, value = self._chances(at, per_user)
            return value - float(at @ target) + l2 * float(at @ at), chance

        value, chance = loss(weights)
        for _ in range(_MAX_STEPS):
            gradient, curvature = self._derivatives(chance, per_user)
            gradient += 2 * l2 * weights - target
            curvature[np.diag_indices_from(curvature)] += 2 * l2
            step = bounded_step(curvature, gradient, self._least - weights, columns)
            promised = -float(gradient @ step)
            if promised < _CLOSE:
                break
            size = 1.0
            while size > 1e-4:
                tried, found = loss(weights + size * step)
                if tried <= value - 1e-4 * size * promised:
                    break
                size /= 2
            else:
                break
            weights, value, chance = weights + size * step, tried, found
        else:
            _, curvature = self._derivatives(chance, per_user)
            curvature[np.diag_indices_from(curvature)] += 2 * l2
        return Solution(weights, curvature)

    def _chances(self, weights: Float64Array, per_user: Float64Array) -> tuple[FloatArray, float]:
        """Return the chance of each pair, times its user's weight, and the log-normaliser."""
        user, present = self._user, self._present
        logits = self._table @ weights.astype(np.float32)
        highest = np.zeros(self._num, dtype=np.float32)
        highest[present] = np.maximum.reduceat(logits, self._start)
        chance = np.exp(logits - highest[user])
        total = np.bincount(user, chance, minlength=self._num)
        value = float(per_user[present] @ (np.log(total[present]) + highest[present]))
        chance *= (per_user / np.maximum(total, 1e-30))[user].astype(np.float32)
        return chance, value

    def _derivatives(
        self, chance: FloatArray, per_user: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return the first and second derivatives of the log-normaliser."""
        weighted = self._table * chance[:, None]
        second = np.asarray(weighted.T @ self._table, dtype=np.float64)
        means = np.add.reduceat(weighted, self._start, axis=0).astype(np.float64)
        scale = np.sqrt(np.maximum(per_user[self._present], 1e-30))[:, None]
        scaled = np.where(scale > 1e-14, means / scale, 0.0)
        return means.sum(axis=0), second - scaled.T @ scaled


def bounded_step(
    curvature: Float64Array, gradient: Float64Array, least: Float64Array, columns: BoolArray
) -> Float64Array:
    """Return the step d that minimises g·d + ½ d·H·d with d at least `least`.

    Args:
        curvature: H, positive definite, of shape (p, p).
        gradient: g, of shape (p,).
        least: The least step of each weight, 0 or below.
        columns: Which weights may move.
    """
    place = np.flatnonzero(columns)
    step = np.zeros(len(gradient))
    if not len(place):
        return step
    root = np.linalg.cholesky(curvature[np.ix_(place, place)])
    aim = -np.linalg.solve(root, gradient[place])
    free = np.linalg.solve(root.T, aim)
    low = np.minimum(least[place], 0.0)
    if (free < low).any():
        upper = np.full(len(place), np.inf)
        free = lsq_linear(root.T, aim, bounds=(low - 1e-12, upper), method="bvls").x
        free = np.maximum(free, low)
    step[place] = free
    return step
