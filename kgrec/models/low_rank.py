"""The linear model of EASE with few dimensions, for catalogues whose square fits nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from kgrec.models.base import (
    Callback,
    Model,
    ModelConfig,
    TrainingData,
    VectorModel,
    check_histories,
    check_rows,
    not_fitted,
    unit_rows,
)
from kgrec.models.confidence import confidence
from kgrec.models.item_item import share_of_users, training_matrix
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.types import FloatArray, IntArray

_DENSE: Final = 256
"""Users or items, of which there may be fewer than dimensions: solved as a dense matrix."""


class LowRank(VectorModel):
    """Ridge regression of the items on themselves with weights of low rank.

    With the training matrix X of shape (num_users, num_items), the weights B minimise
    ‖X − XB‖² + l2 ‖B‖² among those of rank `dim` at the most. In closed form
    B = V diag(s² / (s² + l2)) Vᵀ with the `dim` largest singular values s of X and their right
    vectors V (Jin et al., Towards a Better Understanding of Linear Models for Recommendation, KDD
    2021, equation 11). With l2 = 0 it is PureSVD (Cremonesi, Koren and Turrin, RecSys 2010). The
    memory grows with the number of items, where that of EASE grows with its square.

    A user's score is the inner product of h V D and V D, where D² is the diagonal and h the items
    that the user likes. A user without any gets the share of users who have each item.
    """

    config: LowRankConfig

    def __init__(self, config: LowRankConfig | None = None) -> None:
        self.config = config or LowRankConfig()
        self._factors: FloatArray | None = None
        self._train: csr_matrix | None = None

    @property
    def reads_text_vectors(self) -> bool:
        """A closed form over interactions needs none."""
        return False

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Find the singular vectors; see `Model.fit`.

        Raises:
            DataError: There are no interactions.
        """
        training_matrix(data.train)
        train = confidence(data.train, self.config.rating_power)
        values, vectors = _largest(train, self.config.dim)
        gain = np.sqrt(values**2 / (values**2 + self.config.l2))
        factors = np.zeros((train.shape[1], self.config.dim), dtype=np.float32)
        factors[:, : len(values)] = vectors.T * gain
        self._factors, self._train = factors, train
        return self

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        return np.asarray(self.vectors_of_users(users) @ self.item_vectors.T)

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        return np.asarray(self.vectors_of_histories(histories) @ self.item_vectors.T)

    @property
    def user_vectors(self) -> FloatArray:
        """The known users, computed at each access; see `VectorModel.user_vectors`."""
        return self._placed(self._fitted()[0])

    @property
    def item_vectors(self) -> FloatArray:
        """The factors, and in the last column the share of users who have each item.

        Users without history have a 1 in that column, others a 0.
        """
        train, factors = self._fitted()
        return np.column_stack([factors, share_of_users(train)]).astype(np.float32)

    @property
    def similarity_vectors(self) -> FloatArray:
        """The factors scaled to length one; see `VectorModel.similarity_vectors`."""
        return unit_rows(self._fitted()[1])

    def vectors_of_users(self, users: IntArray) -> FloatArray:
        """Return the vectors of some known users; only these are computed."""
        train, _ = self._fitted()
        return self._placed(train[check_rows(users, train.shape[0], "user")])

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users; see `VectorModel.vectors_of_histories`."""
        train, _ = self._fitted()
        return self._placed(check_histories(histories, train.shape[1]))

    def parts_of_history(self, history: csr_matrix) -> FloatArray:
        """Return the part of each liked item in the user's vector; see `VectorModel`."""
        train, factors = self._fitted()
        found = csr_matrix(check_histories(history, train.shape[1]))
        found.eliminate_zeros()
        found.sort_indices()
        parts = factors[found.indices] * found.data[:, None]
        return np.column_stack([parts, np.zeros(len(parts))]).astype(np.float32)

    def state(self) -> State:
        """Return `factors` of the items, float32 (num_items, dim), and the known histories."""
        train, factors = self._fitted()
        return {"factors": factors} | csr_state("histories", train)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        shape = (data.train.num_items, self.config.dim)
        expected = csr_expected("histories", data.train.num_users)
        arrays = check_state(state, expected | {"factors": (np.float32, shape)})
        self._factors = arrays["factors"]
        self._train = csr_from_state(arrays, "histories", shape[0])
        return self

    def _placed(self, histories: csr_matrix) -> FloatArray:
        sums = np.asarray(histories @ self._fitted()[1], dtype=np.float32)
        empty = np.asarray(abs(histories).sum(axis=1)).reshape(-1) == 0
        return np.column_stack([sums, empty]).astype(np.float32)

    def _fitted(self) -> tuple[csr_matrix, FloatArray]:
        if self._train is None or self._factors is None:
            raise not_fitted(self)
        return self._train, self._factors


class LowRankConfig(ModelConfig):
    """The settings of `LowRank`.

    Attributes:
        dim: The rank of the weights, and the length of a vector.
        l2: Weight of the ridge penalty (λ in the paper).
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
    """

    name: Literal["low_rank"] = "low_rank"
    model: ClassVar[type[Model]] = LowRank
    dim: int = Field(default=128, ge=1, le=8192)
    l2: float = Field(default=300.0, ge=0.0, allow_inf_nan=False)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


def _largest(matrix: csr_matrix, number: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the largest singular values that are not zero, and their right vectors as rows."""
    wide = csr_matrix(matrix, dtype=np.float64)
    least = min(wide.shape)
    if least <= max(_DENSE, 2 * number):
        used_rows, used = np.unique(wide.nonzero()[0]), np.unique(wide.indices)
        _, values, inner = np.linalg.svd(wide[used_rows][:, used].toarray(), full_matrices=False)
        vectors = np.zeros((len(inner), wide.shape[1]))
        vectors[:, used] = inner
    else:
        # A fixed start, so that the same data gives the same vectors.
        start = np.random.default_rng(0).normal(size=least)
        _, values, vectors = svds(wide, number, v0=start, return_singular_vectors=True)
    order = np.argsort(-values, kind="stable")[:number]
    values, vectors = values[order], vectors[order]
    there = values > 1e-10 * values.max(initial=0.0)
    return values[there], vectors[there]
