"""A sum of few models that is chosen for its ranking: weights that depend on nothing."""

from __future__ import annotations

from typing import Final

import numpy as np

from kgrec.auto.choices import Choices
from kgrec.auto.ranking import Ranking
from kgrec.types import BoolArray, Float64Array, FloatArray

SHARES: Final = (0.1, 0.2, 0.4, 0.8)
"""Weights that are added to a model in one step, where the first model has 1."""
MAX_STEPS: Final = 10
GAIN: Final = 0.002
"""A step must raise the metric by this share of it."""


class Blending:
    """Greedy ensemble selection (Caruana et al., 2004) on standardised scores.

    The best model comes first; then the share of the model that raises NDCG most is added, as long
    as one does. In this way a model is left out unless it earns its place, and no weight is fitted
    to anything but the ranking.

    Args:
        choices: What users could choose, and what they chose.
        k: The cut-off of the NDCG.
    """

    def __init__(self, choices: Choices, k: int) -> None:
        self._scores = choices.scores
        self._ranking = Ranking(choices, k)
        self._known: dict[tuple[float, ...], Float64Array] = {}

    def values(self, weights: tuple[float, ...]) -> Float64Array:
        """Return the NDCG of each user, float64 (b,)."""
        if weights not in self._known:
            mixed = self._scores @ np.array(weights, dtype=np.float32)
            self._known[weights] = self._ranking.ndcg(mixed)
        return self._known[weights]

    def fit(self, users: BoolArray) -> tuple[float, ...]:
        """Return the weights of the models that rank best for some users.

        Args:
            users: Which users count, bool of shape (b,).
        """

        def value(weights: tuple[float, ...]) -> float:
            return float(self.values(weights)[users].mean())

        num = self._scores.shape[1]
        single = [tuple(float(one == other) for other in range(num)) for one in range(num)]
        best = max(single, key=value)
        for _ in range(MAX_STEPS):
            tried = [
                (*best[:place], round(best[place] + share, 1), *best[place + 1 :])
                for place in range(num)
                for share in SHARES
            ]
            better = max(tried, key=value)
            if value(better) < value(best) * (1 + GAIN):
                break
            best = better
        return best

    def cross_validated(self, held_out: list[BoolArray]) -> Float64Array:
        """Return the NDCG of each user by weights that were fitted without their fold."""
        values = np.zeros(len(held_out[0]))
        for fold in held_out:
            values[fold] = self.values(self.fit(~fold))[fold]
        return values

    def mixed(self, weights: tuple[float, ...]) -> FloatArray:
        """Return the sum of the scores, scaled to weights of sum one, float32 of shape (n, 1)."""
        share = np.array(weights, dtype=np.float32)
        return np.asarray(self._scores @ (share / share.sum()))[:, None]
