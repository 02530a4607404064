"""NDCG of scores of the pairs that users could choose."""

from __future__ import annotations

import numpy as np

from kgrec.auto.choices import Choices
from kgrec.evaluation.metrics import ndcg
from kgrec.types import Float64Array, FloatArray


class Ranking:
    """Ranks the pairs of each user; see `kgrec.evaluation.metrics.ndcg`.

    Args:
        choices: What users could choose, and what they chose.
        k: The cut-off.
    """

    def __init__(self, choices: Choices, k: int) -> None:
        num = len(choices.users)
        start = np.searchsorted(choices.user, np.arange(num))
        place = np.arange(len(choices.user)) - start[choices.user]
        shape = num, max(k, int(place.max(initial=-1)) + 1)
        self._k, self._number = k, choices.num_chosen
        self._pairs = choices.user, place
        self._table = np.full(shape, np.inf, dtype=np.float32)
        self._chosen = np.zeros(shape, dtype=bool)
        self._chosen[self._pairs] = choices.chosen

    def ndcg(self, scores: FloatArray) -> Float64Array:
        """Return the NDCG of each user, float64 (b,).

        Args:
            scores: Of each pair, float32 of shape (n,).
        """
        self._table[self._pairs] = -scores
        best = np.argpartition(self._table, self._k - 1, axis=1)[:, : self._k]
        order = np.argsort(np.take_along_axis(self._table, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        return ndcg(np.take_along_axis(self._chosen, best, axis=1), self._number, self._k)
