"""iALS: matrix factorisation of implicit feedback by alternating least squares."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_histories
from kgrec.models.confidence import confidence
from kgrec.models.contributions import liked_rows
from kgrec.models.costs import SECONDS_A_FACTOR
from kgrec.models.factors import FactorModel
from kgrec.models.growing import changed_rows, resized
from kgrec.models.item_item import training_matrix
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray


class IALS(FactorModel):
    """Implicit alternating least squares (Hu, Koren and Volinsky, ICDM 2008).

    The factors x_u and y_i minimise Σ_ui c_ui (p_ui - x_uᵀy_i)² + l2 (Σ ‖x_u‖² + Σ ‖y_i‖²), with
    p_ui = 1 and c_ui = 1 + alpha · r_ui where u has i, and p_ui = 0 and c_ui = 1 elsewhere. The
    library `implicit` fits the items' factors; conjugate gradients solve its steps (Takács,
    Pilászy and Tikk, RecSys 2011). A user's factors are always solved for exactly from those of
    the items (the paper's equation 4), so that a new user gets the same scores as a known user with
    the same history. A user without history gets the share of users who have each item.

    Only `fit` needs `implicit`. A fitted model is scored, saved and loaded without it.
    """

    config: IALSConfig

    @property
    def reads_text_vectors(self) -> bool:
        """A closed form over interactions needs none."""
        return False

    def __init__(self, config: IALSConfig | None = None) -> None:
        super().__init__(config or IALSConfig())

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Fit the items' factors; see `Model.fit`. Nothing is validated meanwhile.

        Raises:
            DataError: There are no interactions, or the factors are not finite.
            ConfigError: `implicit` is not installed.
        """
        if find_spec("implicit") is None:
            raise ConfigError(
                "The model ials needs the library implicit, which is not installed: "
                "`pip install 'kgrec[baselines]'`."
            )
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.recommender_base import ModelFitError
        from threadpoolctl import threadpool_limits

        config = self.config
        training_matrix(data.train)
        train = confidence(data.train, config.rating_power)
        # implicit has its own threads, one row each; threads of BLAS would slow them down.
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=config.dim,
                regularization=config.l2,
                iterations=config.iterations,
                random_state=np.random.default_rng(config.seed),
            )
            try:
                model.fit(self._confidences(train), show_progress=False)
            except ModelFitError as error:
                raise DataError(
                    f"The factors of ials are not finite with l2={config.l2} and "
                    f"alpha={config.alpha}; give a larger l2 or a smaller alpha."
                ) from error
        self._take(np.ascontiguousarray(model.item_factors, dtype=np.float32), train)
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return what the factors of both sides, and the confidences, take."""
        train = data.train
        factors = 4 * self.config.dim * (train.num_users + 2 * train.num_items)
        return super().memory_to_fit(data) + factors

    def seconds_to_fit(self, data: TrainingData) -> float:
        """Return the seconds of all iterations; see `Model.seconds_to_fit`.

        A step multiplies the factors of each interaction, and once for each user and item all
        factors with each other.
        """
        train, dim = data.train, self.config.dim
        numbers = dim * len(train) + dim**2 * (train.num_users + train.num_items)
        return SECONDS_A_FACTOR * self.config.iterations * numbers

    def updated(self, data: TrainingData) -> IALS:
        """Return the model after half a step of alternating least squares on what changed.

        All users' factors are solved for exactly from those of the items, as always. Then the
        factors of the items whose users changed are solved for exactly from those of the users,
        each by its own row of the same equation; the others stay. New items begin with zeros.
        """
        train, factors = self._fitted()
        config, num = self.config, data.train.num_items
        after = confidence(data.train, config.rating_power)
        wide = np.zeros((num, factors.shape[1]), dtype=np.float32)
        wide[: len(factors)] = factors
        before = resized(train, (data.train.num_users, num))
        moved = changed_rows(before.T.tocsr(), after.T.tocsr())
        if len(moved):
            sure = self._confidences(after)
            of_users = folded_in(wide, sure, config.l2)
            wide[moved] = folded_in(of_users, sure.T.tocsr()[moved], config.l2)
        made = type(self)(config)
        made._take(wide, after)
        return made

    def forgotten(self, data: TrainingData) -> IALS:
        """Return what `fit` finds on what is left, from the same seed; see `Model.forgotten`.

        A step of least squares is not enough: all other factors were solved for from those of the
        users who are gone. So the steps are taken again, from the same first factors.
        """
        return type(self)(self.config).fit(replace(data, valid=None))

    def parts_of_history(self, history: csr_matrix) -> FloatArray:
        """Return the part of each liked item in the user's factors; see `VectorModel`.

        As the paper explains recommendations (its section 5): with the user's own system solved,
        the factors are a sum over the items.
        """
        train, factors = self._fitted()
        found = self._confidences(check_histories(history, train.shape[1]))
        own, sure = factors[found.indices].astype(np.float64), found.data
        system = self._gram.copy()
        system[np.diag_indices_from(system)] += self.config.l2
        system += own.T @ (own * (sure - 1.0)[:, None])
        parts = np.zeros((len(liked_rows(history)), factors.shape[1] + 1), dtype=np.float32)
        place = np.searchsorted(liked_rows(history), found.indices)
        parts[place, :-1] = np.linalg.solve(system, (own * sure[:, None]).T).T
        return parts

    @cached_property
    def _gram(self) -> Float64Array:
        """Of the items' factors: each list needs it, and with many items it takes the most time."""
        return gram_of(self._fitted()[1])

    def _take(self, factors: FloatArray, train: csr_matrix) -> None:
        super()._take(factors, train)
        self.__dict__.pop("_gram", None)

    def _confidences(self, histories: csr_matrix) -> csr_matrix:
        """Return c_ui at the positive entries of `histories`."""
        made = csr_matrix(histories, dtype=np.float32, copy=True)
        made.data[made.data <= 0] = 0.0
        made.eliminate_zeros()
        made.data = 1.0 + np.float32(self.config.alpha) * made.data
        return made

    @property
    def _dim(self) -> int:
        return self.config.dim

    def _placed(self, histories: csr_matrix) -> FloatArray:
        found = self._confidences(histories)
        empty = np.diff(found.indptr) == 0
        solved = folded_in(self._fitted()[1], found, self.config.l2, self._gram)
        return np.column_stack([solved, empty]).astype(np.float32)


class IALSConfig(ModelConfig):
    """The settings of `IALS`.

    Attributes:
        dim: Width of the factors (f in the paper).
        l2: Weight of the ridge penalty (λ).
        alpha: Confidence that an interaction adds: its confidence is 1 + alpha · r.
        iterations: How often the factors of users and then of items are solved for.
        rating_power: How r is computed from a rating, see `kgrec.models.confidence.confidence`.
        seed: Seeds the initial factors; added to the seed of the run.
    """

    name: Literal["ials"] = "ials"
    model: ClassVar[type[Model]] = IALS
    dim: int = Field(default=64, ge=1, le=8192)
    l2: float = Field(default=50.0, gt=0.0, allow_inf_nan=False)
    alpha: float = Field(default=10.0, ge=0.0, allow_inf_nan=False)
    iterations: int = Field(default=20, ge=1, le=100_000)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0, lt=2**63)

    def seeded(self, seed: int) -> Self:
        """Return the settings with `seed` added to their own."""
        return self.model_copy(update={"seed": seed + self.seed})


def gram_of(factors: FloatArray) -> Float64Array:
    """Return YᵀY of factors Y, float64 of shape (dim, dim)."""
    wide = factors.astype(np.float64)
    return np.asarray(wide.T @ wide)


def folded_in(
    factors: FloatArray, confidences: csr_matrix, l2: float, gram: Float64Array | None = None
) -> FloatArray:
    """Return the factors of users with given items, by equation 4 of the paper.

    x_u = (YᵀY + Yᵀ(C_u - I)Y + l2 I)⁻¹ YᵀC_u p_u, solved in float64.

    Args:
        factors: Y, of shape (num_items, dim).
        confidences: c_ui of shape (b, num_items), with an entry where u has i.
        l2: The ridge penalty.
        gram: What `gram_of` returned; None: it is computed.

    Returns:
        float32 of shape (b, dim); zeros for a user without items.
    """
    base = gram_of(factors) if gram is None else gram.copy()
    base[np.diag_indices_from(base)] += l2
    made = np.zeros((confidences.shape[0], factors.shape[1]), dtype=np.float32)
    for user in range(confidences.shape[0]):
        entries = slice(confidences.indptr[user], confidences.indptr[user + 1])
        sure = confidences.data[entries]
        if len(sure):
            own = factors[confidences.indices[entries]].astype(np.float64)
            system = base + own.T @ (own * (sure - 1.0)[:, None])
            made[user] = np.linalg.solve(system, own.T @ sure)
    return made
