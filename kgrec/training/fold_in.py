"""How far the vector of a new user goes towards the user's items: chosen on validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.engine import LocalEngine
from kgrec.evaluation.evaluate import evaluate
from kgrec.models.training_data import TrainingData
from kgrec.types import FloatArray, IntArray

STEPS: Final = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0)
"""The sizes that are tried; see `kgrec.models.history_step`."""

MOST_USERS: Final = 1000
"""Users on whom they are tried, drawn among those of the validation part."""


@dataclass(frozen=True)
class _FoldedIn:
    """Scores users as if they had come after training.

    Attributes:
        rows: Rows of the users, int64 of shape (b,), ascending.
        vectors: Their vectors, float32 of shape (b, dim).
        items: The items' side, float32 of shape (num_items, dim).
    """

    rows: IntArray
    vectors: FloatArray
    items: FloatArray

    def score(self, users: IntArray) -> FloatArray:
        """Return float32 of shape (b, num_items) for rows of users."""
        return np.asarray(self.vectors[np.searchsorted(self.rows, users)] @ self.items.T)


def best_step(
    data: TrainingData,
    items: FloatArray,
    moved: Callable[[csr_matrix, float], FloatArray],
    metric: str,
    seed: int,
) -> float:
    """Return the size of the step with the best validation figure of users as if they were new.

    Args:
        data: The training data; without a validation part, there is no step.
        items: The items' side of the product, float32 of shape (num_items, dim).
        moved: Histories and a size to the vectors of users.
        metric: Such as `ndcg@10`.
        seed: The seed of the draw of users.
    """
    if data.valid is None or not len(data.valid):
        return 0.0
    matrix = csr_matrix(data.train.matrix(), dtype=np.float32)
    has = np.diff(matrix.indptr) > 0
    rows = np.unique(data.valid.user)
    rows = rows[has[rows]]
    if not len(rows):
        return 0.0
    if len(rows) > MOST_USERS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_USERS, replace=False))
    valid = data.valid.select(np.isin(data.valid.user, rows))
    k = (int(metric.partition("@")[2]),)

    def figure(size: float) -> float:
        model = _FoldedIn(rows, moved(matrix[rows], size), items)
        with LocalEngine():  # the vectors of each size would go to all workers
            found = evaluate(model, valid, exclude=data.train, k=k, candidates=data.candidates)
        return found.metrics[metric]

    return max(STEPS, key=figure)  # the smallest of equal ones
