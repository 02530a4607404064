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
from kgrec.types import Float64Array, FloatArray, IntArray

STEPS: Final = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0)
"""The sizes that are tried; see `kgrec.models.history_step`."""

MOST_USERS: Final = 1000
"""Users on whom they are tried, drawn among those of the validation part."""

PARTS: Final = 5
"""They count as new in so many parts: were all of them new at once, too little would be left."""

Place = Callable[[csr_matrix, float], FloatArray]
"""Takes histories, CSR of shape (b, num_items), and a size; returns vectors of users."""


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
    without: Callable[[IntArray], tuple[FloatArray, Place]],
    metric: str,
    seed: int,
) -> float:
    """Return the size of the step with the best validation figure of users as if they were new.

    The vectors of the items hold what training learnt of these users, from whom messages pass to
    their items. Of users who come later they hold nothing, so it is taken out first.

    Args:
        data: The training data; without a validation part, there is no step.
        without: Takes rows of users, int64 of shape (b,), and returns the items' side of the
            product, float32 of shape (num_items, dim), and the place of histories, both as they
            are if these users come after training.
        metric: Such as `ndcg@10`.
        seed: The seed of the draw of users, and of their parts.
    """
    if data.valid is None or not len(data.valid):
        return 0.0
    matrix = csr_matrix(data.train.matrix(), dtype=np.float32)
    has = np.diff(matrix.indptr) > 0
    rows = np.unique(data.valid.user)
    rows = rows[has[rows]]
    if not len(rows):
        return 0.0
    # A draw of all of them is their order in parts.
    rows = np.random.default_rng(seed).permutation(rows)[:MOST_USERS]
    k = (int(metric.partition("@")[2]),)
    figures: Float64Array = np.zeros(len(STEPS))
    for number in range(min(PARTS, len(rows))):
        some = np.sort(rows[number::PARTS])
        valid = data.valid.select(np.isin(data.valid.user, some))
        items, placed = without(some)
        for place, size in enumerate(STEPS):
            model = _FoldedIn(some, placed(matrix[some], size), items)
            with LocalEngine():  # the vectors of each size would go to all workers
                found = evaluate(model, valid, exclude=data.train, k=k, candidates=data.candidates)
            figures[place] += found.metrics[metric] * len(some)
    return STEPS[int(figures.argmax())]  # the smallest of equal ones
