"""The linear model of EASE with few dimensions, for catalogues whose square fits nowhere."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_histories
from kgrec.models.confidence import confidence
from kgrec.models.factors import FactorModel
from kgrec.models.item_item import training_matrix
from kgrec.models.training_data import TrainingData
from kgrec.types import FloatArray

_SMALL: Final = 256
"""With so few users or items, their products are solved as a dense matrix."""


class LowRank(FactorModel):
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
        super().__init__(config or LowRankConfig())

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
        self._take(factors, train)
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return what the singular vectors, those that the iteration keeps, and the matrix take.

        The iteration keeps 2 · dim + 1 vectors of the smaller side (ARPACK) and makes dim of them.
        Where that is about as
        much as the side itself, the products of its members are solved for instead.
        """
        train, dim = data.train, self.config.dim
        least = min(train.num_users, train.num_items)
        inner = 24 * least**2 if _is_small(least, dim) else 8 * least * (3 * dim + 1)
        vectors = 8 * min(dim, least) * (train.num_users + 2 * train.num_items)
        return super().memory_to_fit(data) + inner + vectors

    def parts_of_history(self, history: csr_matrix) -> FloatArray:
        """Return the part of each liked item in the user's vector; see `VectorModel`."""
        train, factors = self._fitted()
        found = csr_matrix(check_histories(history, train.shape[1]))
        found.eliminate_zeros()
        found.sort_indices()
        parts = factors[found.indices] * found.data[:, None]
        return np.column_stack([parts, np.zeros(len(parts))]).astype(np.float32)

    @property
    def _dim(self) -> int:
        return self.config.dim

    def _placed(self, histories: csr_matrix) -> FloatArray:
        sums = np.asarray(histories @ self._fitted()[1], dtype=np.float32)
        empty = np.asarray(abs(histories).sum(axis=1)).reshape(-1) == 0
        return np.column_stack([sums, empty]).astype(np.float32)


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


def _is_small(least: int, number: int) -> bool:
    """Return whether the products of the smaller side are solved as a dense matrix."""
    return least <= max(_SMALL, 2 * number)


def _largest(matrix: csr_matrix, number: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the largest singular values that are not zero, and their right vectors as rows."""
    wide = csr_matrix(matrix, dtype=np.float64)
    least = min(wide.shape)
    if _is_small(least, number):
        by_item = wide.shape[1] == least
        products = (wide.T @ wide if by_item else wide @ wide.T).toarray()
        squares, inner = np.linalg.eigh(products)
        values = np.sqrt(np.maximum(squares, 0.0))
        inverse = np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
        vectors = inner.T if by_item else np.asarray(wide.T @ (inner * inverse)).T
    else:
        # A fixed start, so that the same data gives the same vectors.
        start = np.random.default_rng(0).normal(size=least)
        _, values, vectors = svds(wide, number, v0=start, return_singular_vectors=True)
    order = np.argsort(-values, kind="stable")[:number]
    values, vectors = values[order], vectors[order]
    there = values > 1e-6 * values.max(initial=0.0)
    return values[there], vectors[there]
