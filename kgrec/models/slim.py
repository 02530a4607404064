"""SLIM: sparse linear weights from item to item."""

from __future__ import annotations

from importlib.util import find_spec
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, vstack

from kgrec.engine import engine_in_use
from kgrec.errors import ConfigError, DataError, option
from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.confidence import confidence
from kgrec.models.gram import gram
from kgrec.models.item_item import ItemItemModel, training_matrix
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, IntArray

_CHUNK_ITEMS = 2048


class SLIM(ItemItemModel):
    """Sparse, non-negative weights that best rebuild each item (Ning and Karypis, ICDM 2011).

    With the training matrix A of shape (num_users, num_items), each column of the weights W
    minimises ½ ‖a_j - A w_j‖² + ½ l2 ‖w_j‖² + l1 ‖w_j‖₁ with w_j ≥ 0 and w_jj = 0, an elastic net.
    Solved by coordinate descent with the products AᵀA (Friedman, Hastie and Tibshirani,
    Regularization Paths for Generalized Linear Models via Coordinate Descent, 2010), in about
    8 n² bytes for n items in addition to the sparse weights.
    """

    def __init__(self, config: SLIMConfig | None = None) -> None:
        super().__init__()
        self.config: SLIMConfig = config or SLIMConfig()

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Solve for the weights; see `Model.fit`.

        Raises:
            DataError: There are no interactions, too many items for the memory, or a column was
                not solved in `max_passes`.
            ConfigError: numba is missing.
        """
        if find_spec("numba") is None:
            raise ConfigError(
                "The model slim needs the library numba, which is not installed: `pip install "
                "numba`."
            )
        training_matrix(data.train)
        train = confidence(data.train, self.config.rating_power)
        try:
            self._weights = self._solved(train)
        except MemoryError as error:
            raise DataError(
                f"{self.name} needs {8 * train.shape[1] ** 2 / 2**30:.1f} GiB for "
                f"{train.shape[1]} items, more than there is. LowRank and ItemKNN need far less."
            ) from error
        self._train = train
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return 8 bytes for each pair of items, and what the matrix takes."""
        return super().memory_to_fit(data) + 8 * data.train.num_items**2

    def _solved(self, train: csr_matrix) -> csr_matrix:
        config, num = self.config, train.shape[1]
        parts = [
            np.arange(start, min(start + _CHUNK_ITEMS, num))
            for start in range(0, num, _CHUNK_ITEMS)
        ]
        chunks, failed = [], 0
        for solved, missed in engine_in_use().map(_columns, (gram(train), config), parts):
            chunks.append(solved)
            failed += missed
        if failed:
            raise DataError(
                f"slim did not solve {failed} of {num} items in {config.max_passes} passes. Give a "
                f"larger {option('max_passes').rstrip('=')}, tolerance, l1 or l2."
            )
        weights: csr_matrix = vstack(chunks, format="csr").T.tocsr()
        weights.sort_indices()
        return weights


def _columns(shared: tuple[Float64Array, SLIMConfig], columns: IntArray) -> tuple[csr_matrix, int]:
    """Return the weights of some columns, and how many of them were not solved."""
    from kgrec.models.slim_descent import descend  # loads the compiler

    system, config = shared
    solved, missed = descend(
        system,
        columns,
        l1=config.l1,
        l2=config.l2,
        tolerance=config.tolerance,
        max_passes=config.max_passes,
    )
    return csr_matrix(solved.astype(np.float32)), missed


class SLIMConfig(ModelConfig):
    """The settings of `SLIM`.

    Attributes:
        l1: Weight of the sum of the weights (λ in the paper): the larger, the fewer weights.
        l2: Weight of half the sum of their squares (β in the paper).
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
        tolerance: When a column counts as solved: no weight's gradient moves by more than this
            share of the column's largest entry.
        max_passes: Passes of the descent over a column, at most.
    """

    name: Literal["slim"] = "slim"
    model: ClassVar[type[Model]] = SLIM
    l1: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    l2: float = Field(default=50.0, gt=0.0, allow_inf_nan=False)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    tolerance: float = Field(default=1e-4, gt=0.0, lt=1.0)
    max_passes: int = Field(default=1000, ge=1, le=1_000_000)
