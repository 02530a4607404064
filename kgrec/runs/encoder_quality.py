"""What text vectors alone are worth for recommendation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Split
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import evaluate, protocol_candidates
from kgrec.models.base import unit_rows
from kgrec.types import FloatArray, IntArray


@dataclass(frozen=True)
class MeanOfLiked:
    """Scores items by the cosine with the mean vector of what a user likes.

    Attributes:
        vectors: Of length 1, or zero for an item without text, float32 of shape (num_items, dim).
        liked: CSR of shape (num_users, num_items) with ones.
    """

    vectors: FloatArray
    liked: csr_matrix

    def score(self, users: IntArray) -> FloatArray:
        """Return float32 of shape (b, num_items) for rows of users."""
        profiles = unit_rows(np.asarray(self.liked[users] @ self.vectors, dtype=np.float32))
        return np.asarray(profiles @ self.vectors.T, dtype=np.float32)


def measure_vectors(
    vectors: FloatArray, split: Split, part: str = "valid", k: tuple[int, ...] = (10, 20)
) -> Evaluation:
    """Evaluate text vectors on a part of a split, without any other model.

    A user is the mean of the vectors of the liked items of the training part. The rest is as in
    `kgrec.evaluate`.

    Args:
        vectors: float32 of shape (num_items, dim); a zero row is an item without text.
        split: The split.
        part: `valid` or `test`.
        k: Cut-offs.
    """
    model = MeanOfLiked(unit_rows(vectors), csr_matrix(split.train.matrix(), dtype=np.float32))
    known = [split.train] if part == "valid" else [split.train, split.valid]
    candidates = protocol_candidates(split, part)
    return evaluate(model, split.part(part), exclude=known, candidates=candidates, k=k)
