"""Several recommenders as one, with weights fitted on validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError
from kgrec.models.base import Callback, Model, ModelConfig, VectorModel
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.contributions import Contributions, check_targets, combined, liked_rows
from kgrec.models.members import (
    first_content_space,
    load_members,
    own_state,
    precompute_members,
    state_of,
)
from kgrec.models.standardising import deviations, standardised
from kgrec.models.state import State, check_state
from kgrec.models.training_data import TrainingData
from kgrec.types import BoolArray, Float64Array, FloatArray, IntArray

MAX_SCORES = 1 << 24
"""Most scores in memory while weights are fitted: with more, a sample of the users is drawn."""


class EnsembleConfig(ModelConfig):
    """The settings of `Ensemble`, apart from its members.

    Attributes:
        weights: A weight for each member; None: fitted on validation, or equal where there is no
            validation part.
        l2: Weight of the ridge penalty of fitted weights, relative to the mean log-likelihood.
        seed: Seeds the sample of users for fitting weights, where there are too many.
    """

    name: Literal["ensemble"] = "ensemble"
    weights: tuple[float, ...] | None = None
    l2: float = Field(default=0.001, ge=0.0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0, lt=2**63)


class Ensemble(Model):
    """The weighted sum of its members' scores, each standardised for each user.

    For each user, a member's scores of all items are standardised to mean 0 and standard deviation
    1. The non-negative weights maximise the likelihood of the validation interactions under a
    conditional logit model (McFadden, 1974): the probability that an item is the next is the
    softmax of the sums over the items that the user does not have. This problem is convex, so the
    weights depend on the data alone. They are divided by their sum, which changes no ranking.

    Members are fitted on the same data, each as it would be alone.

    Args:
        members: The models, fitted or not; `fit` fits all of them.
        config: The settings; None: the defaults.

    Raises:
        ConfigError: There are no members, or not as many weights as members.
    """

    config: EnsembleConfig

    def __init__(self, members: Sequence[Model], config: EnsembleConfig | None = None) -> None:
        self.config = config or EnsembleConfig()
        self.members = tuple(members)
        if not self.members:
            raise ConfigError("An ensemble needs members, and found none.")
        given = self.config.weights
        if given is not None and len(given) != len(self.members):
            raise ConfigError(
                f"An ensemble of {len(self.members)} members needs as many weights, found "
                f"{len(given)}."
            )
        self.weights: FloatArray | None = None
        self._num_items = 0

    @property
    def reads_text_vectors(self) -> bool:
        """Whether a member reads them."""
        return any(member.reads_text_vectors for member in self.members)

    @property
    def reads_content(self) -> bool:
        """Whether a member does."""
        return any(member.reads_content for member in self.members)

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return what the largest member needs: they are fitted one after the other."""
        return max(member.memory_to_fit(data) for member in self.members)

    def seconds_to_fit(self, data: TrainingData) -> float | None:
        """Return the seconds of all members; None: those of one are not known."""
        found = [member.seconds_to_fit(data) for member in self.members]
        return None if None in found else sum(one for one in found if one is not None)

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Fit the members, one after another, then their weights; see `Model.fit`.

        Raises:
            DataError: A member lacks something that it needs.
        """
        self.weights = None
        for member in self.members:
            member.fit(data, callback=callback)
        return self.fit_weights(data)

    def updated(self, data: TrainingData) -> Ensemble:
        """Return an ensemble of the updated members, with the same weights."""
        return self._with_members([member.updated(data) for member in self.members], data)

    def precompute(self, room: int) -> int:
        """Let the members compute what makes their answers faster, in `room` bytes together."""
        return precompute_members(self.members, room)

    @property
    def forgets(self) -> bool:
        """Whether all members do."""
        return all(member.forgets for member in self.members)

    def forgotten(self, data: TrainingData) -> Ensemble:
        """Return an ensemble of members that have forgotten, with the same weights."""
        return self._with_members([member.forgotten(data) for member in self.members], data)

    def _with_members(self, members: Sequence[Model], data: TrainingData) -> Ensemble:
        made = Ensemble(members, self.config)
        made.weights, made._num_items = self._weights(), data.train.num_items
        return made

    def start_from(self, before: Model) -> bool:
        """Let each member begin with the weights of the member in its place."""
        members = before.members if isinstance(before, Ensemble) else (before,)
        pairs = zip(self.members, members, strict=False)
        taken = [member.start_from(other) for member, other in pairs]
        return any(taken)

    def fit_weights(self, data: TrainingData) -> Self:
        """Fit only the weights; the members are fitted already.

        Args:
            data: What they were fitted on, with the validation part.

        Raises:
            RunError: A member was not fitted.
        """
        self._num_items = data.train.num_items
        num = len(self.members)
        if self.config.weights is not None:
            weights = np.asarray(self.config.weights, dtype=np.float32)
        elif num == 1 or data.valid is None or not len(data.valid):
            weights = np.full(num, 1.0 / num, dtype=np.float32)
        else:
            weights = self._fitted_weights(data, data.valid)
        self.weights = weights
        return self

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        return self._sum(lambda member: member.score(users))

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        self._weights()
        histories = check_histories(histories, self._num_items)
        return self._sum(lambda member: member.score_histories(histories))

    def score_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items, from the members' own; see `Model.score_some`."""
        total = np.zeros((users.shape[0], len(items)), dtype=np.float32)
        for weight, member in zip(self._weights(), self.members, strict=True):
            total += weight * member.standardised_some(users, items)
        return total

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return what each liked item adds to some scores, and each member; see `Model`.

        A member's scores are standardised with the mean and deviation of the whole history.
        """
        weights = self._weights()
        liked = check_histories(history, self._num_items)
        parts = [
            (member.name, standardised_contributions(member, liked, targets).times(float(weight)))
            for member, weight in zip(self.members, weights, strict=True)
        ]
        return combined(parts, liked_rows(liked), {})

    def similar(self, items: IntArray) -> FloatArray:
        """Return the weighted sum of the members' similarities; see `Model.similar`."""
        self._weights()
        items = check_rows(items, self._num_items, "item")
        return self._sum(lambda member: member.similar(items))

    def content_space(self) -> VectorModel | None:
        """Return the vectors of the first member that places content; see `Model.content_space`."""
        return first_content_space(self.members)

    def settings(self) -> dict[str, Any]:
        """Return the settings that build such an ensemble: `EnsembleConfig` and the members."""
        members = tuple(member.settings() for member in self.members)
        return {**self.config.model_dump(), "members": members}

    def state(self) -> State:
        """Return `weights`, and each member's arrays as `<number>.<name>`; see `Model.state`."""
        return {"weights": self._weights()} | state_of(self.members)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        arrays = check_state(own_state(state), {"weights": (np.float32, (len(self.members),))})
        load_members(self.members, state, data)
        self.weights, self._num_items = arrays["weights"], data.train.num_items
        return self

    def _sum(self, ask: Callable[[Model], FloatArray]) -> FloatArray:
        total: FloatArray | None = None
        for weight, member in zip(self._weights(), self.members, strict=True):
            part = weight * standardised(ask(member))
            total = part if total is None else total + part
        assert total is not None
        return total

    def _weights(self) -> FloatArray:
        if self.weights is None:
            raise not_fitted(self)
        return self.weights

    def _fitted_weights(self, data: TrainingData, valid: Interactions) -> FloatArray:
        users = np.unique(valid.user).astype(np.int64)
        most = max(1, MAX_SCORES // (len(self.members) * valid.num_items))
        if len(users) > most:
            rng = np.random.default_rng(self.config.seed)
            users = np.sort(rng.choice(users, most, replace=False))
        open_ = np.ones((len(users), valid.num_items), dtype=bool)
        if data.candidates is not None:
            open_[:] = False
            open_[:, data.candidates] = True
        open_[data.train.matrix()[users].nonzero()] = False
        chosen = (valid.matrix()[users].toarray() > 0) & open_
        scores = np.stack([standardised(member.score(users)) for member in self.members])
        weights = logit_weights(scores, chosen, open_, self.config.l2)
        total = weights.sum()
        # If no member ranks the chosen items higher, all members count the same.
        return weights / total if total > 0 else np.full_like(weights, 1.0 / len(weights))


def standardised_contributions(
    model: Model, history: csr_matrix, targets: Float64Array
) -> Contributions:
    """Return what liked items add to `standardised` scores; see `Model.contributions`.

    The scale is that of the whole history.
    """
    scores = model.score_histories(history)
    wanted = check_targets(targets, scores.shape[1])
    centred = wanted - wanted.mean(axis=1, keepdims=True)
    deviation = float(deviations(scores)[0, 0])
    found = model.contributions(history, centred / deviation)
    if found.losses is None or not np.isfinite(deviation):
        return found
    return replace(found, losses=found.losses * deviation)  # they are standardised already


def logit_weights(
    scores: FloatArray,
    chosen: BoolArray,
    open_: BoolArray,
    l2: float,
) -> FloatArray:
    """Return the non-negative weights under which the chosen items are most likely.

    Minimises the mean of -log softmax(Σ_k w_k s_k) over the chosen items, plus l2 Σ_k w_k². A user
    counts with the square root of the number of items that they chose.

    Args:
        scores: float32 of shape (k, b, num_items).
        chosen: Which items each user chose, shape (b, num_items).
        open_: Which items the users could choose, shape (b, num_items).
        l2: Weight of the ridge penalty.

    Returns:
        float32 of shape (k,).
    """
    from scipy.optimize import minimize  # takes as long to load as all the rest

    number = chosen.sum(axis=1).astype(np.float64)
    kept = number > 0
    scores, chosen, open_, number = scores[:, kept], chosen[kept], open_[kept], number[kept]
    num = len(scores)
    if not len(number):
        return np.full(num, 1.0 / num, dtype=np.float32)
    share = np.where(chosen, (number**-0.5)[:, None], 0.0).astype(np.float32)
    share /= share.sum()
    per_user = share.sum(axis=1)
    target = np.einsum("kbm,bm->k", scores, share).astype(np.float64)

    def loss(weights: Float64Array) -> tuple[float, Float64Array]:
        logits = np.einsum("k,kbm->bm", weights.astype(np.float32), scores)
        logits[~open_] = -np.inf
        highest = logits.max(axis=1, keepdims=True)
        chance = np.exp(logits - highest)
        total = chance.sum(axis=1, keepdims=True)
        chance *= per_user[:, None] / total
        value = float(per_user @ (np.log(total) + highest)[:, 0]) - weights @ target
        gradient = np.einsum("kbm,bm->k", scores, chance) - target
        return value + l2 * float(weights @ weights), gradient + 2 * l2 * weights

    start = np.full(num, 1.0 / num)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * num, tol=1e-7)
    return np.asarray(found.x, dtype=np.float32)
