"""The default model: several models that the data chooses and weighs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.auto.context import Context
from kgrec.auto.effort import Effort
from kgrec.auto.report import Report, Trial
from kgrec.auto.weights import Weights
from kgrec.errors import DataError, RunError, first_few, warn
from kgrec.models.base import Callback, Model, ModelConfig, VectorModel
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.closed_forms import closed_form_settings
from kgrec.models.contributions import Contributions, check_targets, combined, liked_rows
from kgrec.models.ensemble import standardised_contributions
from kgrec.models.members import (
    first_content_space,
    load_members,
    own_state,
    precompute_members,
    state_of,
    with_members,
)
from kgrec.models.popular import PopularityModel
from kgrec.models.standardising import standardised
from kgrec.models.state import State, check_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray

MIN_USERS: Final = 30
"""Fewer validation users say too little to choose by."""


class Auto(Model):
    """The best that several models can do together on the data, chosen on validation alone.

    The data decides which models are tried, see `kgrec.auto.trials.families`; of each family, the
    settings with the best NDCG@10 on validation stay. Their standardised scores are added with
    weights, which may depend on the user's activity and history and on what is known of the item
    (a feature-weighted linear stacking: Sill et al., 2009); see `kgrec.auto.stacking`. By
    cross-validation over users, either the sum is used or the best model alone, and it is chosen
    what the weights depend on and how strongly they are regularised. A model whose absence costs
    next to nothing is left out.

    Where most of the ranked items are new, items of the training part play new ones to choose the
    settings of content, and the models are added with equal weights; see `kgrec.auto.new_items`.

    Without a validation part, or with one of few users, there are safe models with equal weights.

    Args:
        config: The settings; None: the defaults.

    Attributes:
        members: The models that were chosen; none before `fit`.
        report: What was tried and chosen.
        say: Gets a line for each model that is tried; None: nothing is said.
        predictor: A link predictor that `load_state` takes in place of the saved one, such as its
            stored vectors; None: the saved one is restored.
    """

    config: AutoConfig

    def __init__(self, config: AutoConfig | None = None) -> None:
        self.config = config or AutoConfig()
        self.members: tuple[Model, ...] = ()
        self.report = Report()
        self.say: Callable[[str], object] | None = None
        self.predictor: Model | None = None
        self._before: Model | None = None
        self._chosen: tuple[ModelConfig, ...] = ()
        self._weights: Weights | None = None
        self._context: Context | None = None
        self._users: FloatArray | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Choose the models, fit them and their weights; see `Model.fit`.

        Raises:
            DataError: There are no interactions, or none of the models can be fitted.
        """
        # What answers requests needs none of these, and the last one loads PyTorch.
        from kgrec.auto.choices import collect
        from kgrec.auto.data_facts import Facts
        from kgrec.auto.new_items import MOSTLY_NEW, equal_sum, item_folds
        from kgrec.auto.search import CUTOFF, Search, sample_of
        from kgrec.auto.stacking import choose_weights
        from kgrec.auto.trials import families, safe_choice

        if not len(data.train):
            raise DataError("train has no interactions; there is nothing to learn from.")
        facts = Facts.of(data)
        sample = None
        if data.valid is not None and facts.valid_users >= MIN_USERS:
            sample = sample_of(data.valid, self.config.seed)
        limit = self.config.time_limit
        deadline = None if limit is None else time.monotonic() + limit
        items_choose = sample is not None and facts.new_items > MOSTLY_NEW
        parts = item_folds(data, self.config.seed) if items_choose else []
        parts = [
            replace(part, valid=sample_of(part.valid, self.config.seed))
            for part in parts
            if part.valid is not None
        ]
        search = Search(data, sample, self._build, callback, self.say, parts, deadline)
        if sample is None:
            warn(
                f"There are {facts.valid_users} validation users, too few to choose models by (at "
                f"least {MIN_USERS}): safe models with equal weights are used. Give a validation "
                "part."
            )
        tried = list(
            families(facts, self.config.effort) if sample is not None else safe_choice(facts)
        )
        for family in tried:
            search.best_of(family)
        found = search.found or ([search.silent] if search.silent else [])
        if not found:
            errors = "; ".join(trial.error for trial in search.trials)
            raise DataError(f"No model could be fitted: {errors}")
        context = Context.of(data)
        users = context.of_histories(data.train.matrix())
        kept, fit, without = list(range(len(found))), None, dict[int, float]()
        weights = Weights.equal(len(found), context.items.shape[1])
        if sample is not None:
            models = [one.model for one in found]
            choices = collect(models, data, sample, users)
            if items_choose:
                kept, fit, without = equal_sum(choices, context, CUTOFF)
            else:
                kept, fit, without = choose_weights(choices, context, CUTOFF, self.config.seed)
            weights = fit.weights
        self._chosen = tuple(found[place].settings for place in kept)
        self.members = tuple(found[place].model for place in kept)
        self._weights, self._context, self._users = weights, context, users
        self.report = Report(
            facts.lines(),
            search.trials,
            [found[place].family for place in kept],
            None if fit is None else fit.value,
            [without.get(place) for place in kept],
            "none" if fit is None else fit.level,
            search.left_out,
            [family.name for family in tried if search.on_folds(family)],
        )
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return what the largest of the models that may be tried needs."""
        from kgrec.auto.data_facts import Facts
        from kgrec.auto.trials import candidates, families, safe_choice

        facts = Facts.of(data)
        chosen = data.valid is not None and facts.valid_users >= MIN_USERS
        tried = families(facts, self.config.effort) if chosen else safe_choice(facts)
        named = [settings for family in tried for settings in candidates(family)]
        return max(settings.build().memory_to_fit(data) for settings in named)

    @property
    def reads_content(self) -> bool:
        """Whether one of the models does."""
        return any(member.reads_content for member in self.members)

    @property
    def refits(self) -> bool:
        """Whether the models are to be fitted on the validation part too, once it has chosen."""
        return self.config.refit

    def refit(self, data: TrainingData) -> Self:
        """Fit the chosen models on more interactions, with their settings and weights as they are.

        A link predictor is trained for as many epochs as were best.

        Args:
            data: What is learnt from now, over the same vocabularies; its validation part is not
                used.
        """
        _, before, _ = self._fitted()
        data = replace(data, valid=None)
        context = replace(Context.of(data), activity=before.activity, limits=before.limits)
        if context.names != before.names:
            raise DataError(
                f"refit needs data with the same features of items: {first_few(before.names, 9)}; "
                f"found {first_few(context.names, 9)}."
            )
        members = []
        for settings, member in zip(self._chosen, self.members, strict=True):
            again = self._build(_without_stopping(settings, member))
            members.append(again.fit(data))
        self.members = tuple(members)
        self._context, self._users = context, context.of_histories(data.train.matrix())
        return self

    def updated(self, data: TrainingData) -> Auto:
        """Return the chosen models, each updated, with their weights; see `Model.updated`.

        Features of items that were not known when the weights were fitted are left out.
        """
        data = replace(data, valid=None)
        return self._with_members([member.updated(data) for member in self.members], data)

    def precompute(self, room: int) -> int:
        """Let the members compute what makes their answers faster, in `room` bytes together."""
        return precompute_members(self.members, room)

    @property
    def forgets(self) -> bool:
        """Users of the validation part chose the models and their weights."""
        return False

    def forgotten(self, data: TrainingData) -> Auto:
        """Return the chosen models, which have each forgotten, with their weights."""
        data = replace(data, valid=None)
        return self._with_members([member.forgotten(data) for member in self.members], data)

    def _with_members(self, members: Sequence[Model], data: TrainingData) -> Auto:
        """Return the same choice and weights of models that are fitted on other data."""
        weights, before, _ = self._fitted()
        made = Auto(self.config)
        made.report, made._chosen, made._weights = self.report, self._chosen, weights
        made.members = tuple(members)
        context = Context.of(data).like(before)
        made._context, made._users = context, context.of_histories(data.train.matrix())
        return made

    def start_from(self, before: Model) -> bool:
        """Let the link predictor that `fit` trains begin with the weights of another one."""
        self._before = before
        return any(one.name == "link_prediction" for one in with_members(before))

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        of_users = self._fitted()[2]
        users = check_rows(users, len(of_users), "user")
        return self._sum([member.score(users) for member in self.members], of_users[users])

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        _, context, _ = self._fitted()
        histories = check_histories(histories, len(context.items))
        scores = [member.score_histories(histories) for member in self.members]
        return self._sum(scores, context.of_histories(histories))

    def score_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items, from the models' own; see `Model.score_some`."""
        weights, context, known = self._fitted()
        if isinstance(users, csr_matrix):
            about = context.of_histories(check_histories(users, len(context.items)))
        else:
            about = known[check_rows(users, len(known), "user")]
        of_models, of_items = weights.of_users(about)
        total = np.asarray(of_items @ context.items[items].T)
        for place, member in enumerate(self.members):
            total += of_models[:, place : place + 1] * member.standardised_some(users, items)
        return total

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return what each liked item adds to some scores, and each model; see `Model`.

        What is known of an item besides the models' scores, such as its popularity, is no liked
        item's: it is part of the base, and the tower `items`.
        """
        weights, context, _ = self._fitted()
        liked = check_histories(history, len(context.items))
        wanted = check_targets(targets, len(context.items))
        of_models, of_items = weights.of_users(context.of_histories(liked))
        parts = [
            (member.name, standardised_contributions(member, liked, targets).times(float(weight)))
            for member, weight in zip(self.members, of_models[0], strict=True)
        ]
        known = wanted @ (context.items @ of_items[0]).astype(np.float64)
        return combined(parts, liked_rows(liked), {"items": known})

    def similar(self, items: IntArray) -> FloatArray:
        """Return the weighted sum of the members' similarities; see `Model.similar`."""
        weights, context, _ = self._fitted()
        items = check_rows(items, len(context.items), "item")
        total = np.zeros((len(items), len(context.items)), dtype=np.float32)
        know = [not isinstance(member, PopularityModel) for member in self.members]
        for member, weight, knows in zip(self.members, weights.models[:, 0], know, strict=True):
            if knows or not any(know):
                total += max(float(weight), 1e-3) * standardised(member.similar(items))
        return total

    def content_space(self) -> VectorModel | None:
        """Return the vectors of the first member that places content; see `Model.content_space`."""
        return first_content_space(self.members)

    def notes(self) -> Sequence[str]:
        """Return what was tried and chosen; see `Report.lines`."""
        return self.report.lines()

    def state(self) -> State:
        """Return weights, context and report, and each member's arrays as `<number>.<name>`.

        `about` holds the report and the settings of the members as JSON.
        """
        weights, context, users = self._fitted()
        chosen = [settings.model_dump(mode="json") for settings in self._chosen]
        told = {"report": asdict(self.report), "features": context.names, "members": chosen}
        own: State = {
            "models": weights.models,
            "items": weights.items,
            "features": context.items,
            "activity": context.activity,
            "limits": context.limits,
            "users": users,
            "about": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8).copy(),
        }
        return own | state_of(self.members)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        own = own_state(state)
        about = {name: own[name] for name in ("about",) if name in own}
        about = check_state(about, {"about": (np.uint8, (None,))})
        self.report, names, self._chosen = _read_about(about["about"], self.predictor)
        self.members = tuple(self._restored(settings) for settings in self._chosen)
        num_items, num_users, num_features = data.train.num_items, data.train.num_users, len(names)
        arrays = check_state(
            own,
            {
                "models": (np.float32, (len(self.members), 2)),
                "items": (np.float32, (num_features, 3)),
                "features": (np.float32, (num_items, num_features)),
                "activity": (np.float32, (2,)),
                "limits": (np.float32, (2,)),
                "users": (np.float32, (num_users, 1 + num_features)),
                "about": (np.uint8, (None,)),
            },
        )
        load_members(self.members, state, data)
        self._weights = Weights(arrays["models"], arrays["items"])
        self._context = Context(names, arrays["features"], arrays["activity"], arrays["limits"])
        self._users = arrays["users"]
        return self

    def figures(self) -> Mapping[str, float]:
        """Return NDCG@10 on validation: of each family alone, and of all together."""
        return self.report.figures()

    def _build(self, settings: ModelConfig) -> Model:
        made = settings.seeded(self.config.seed).build()
        if self._before is not None:
            made.start_from(self._before)
        return made

    def _restored(self, settings: ModelConfig) -> Model:
        if self.predictor is not None and settings.name == self.predictor.name:
            return self.predictor
        return self._build(settings)

    def _sum(self, scores: Sequence[FloatArray], users: FloatArray) -> FloatArray:
        weights, context, _ = self._fitted()
        of_models, of_items = weights.of_users(users)
        total = np.asarray(of_items @ context.items.T)
        for place, score in enumerate(scores):
            total += of_models[:, place : place + 1] * standardised(score)
        return total

    def _fitted(self) -> tuple[Weights, Context, FloatArray]:
        if self._weights is None or self._context is None or self._users is None:
            raise not_fitted(self)
        return self._weights, self._context, self._users


class AutoConfig(ModelConfig):
    """The settings of `Auto`."""

    name: Literal["auto"] = "auto"
    model: ClassVar[type[Model]] = Auto
    effort: Effort = Field(
        default="normal",
        description="How many settings are tried: `quick` (closed forms only), `normal` or "
        "`thorough`. The list depends on the data alone, never on a clock.",
    )
    refit: bool = Field(
        default=False,
        description="Whether the chosen models are fitted on training and validation together at "
        "the end, for use. The figures on validation are those before.",
    )
    time_limit: float | None = Field(
        default=None,
        gt=0,
        description="Seconds after which no further model is tried; null: there is no limit. What "
        "was left out is said, and depends on the machine.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**63,
        description="Seeds the models, the folds of users and the sample of them.",
    )

    def seeded(self, seed: int) -> Self:
        """Return the settings with `seed` added to their own."""
        return self.model_copy(update={"seed": seed + self.seed})


def _without_stopping(settings: ModelConfig, member: Model) -> ModelConfig:
    """Return settings that train for as many epochs as were best for the fitted model."""
    progress = getattr(member, "progress", None)
    if progress is None or not progress.best_epoch:
        return settings
    training = getattr(settings, "training")  # noqa: B009  # of a link predictor, not loaded here
    fixed = training.model_copy(update={"max_epochs": progress.best_epoch})
    return settings.model_copy(update={"training": fixed})


def settings_of(tree: Mapping[str, Any]) -> ModelConfig:
    """Return the settings of a member; only those of the models that are named are loaded."""
    if tree["name"] != "link_prediction":
        return closed_form_settings(tree)
    from kgrec.training.link_prediction import LinkPredictionConfig

    return LinkPredictionConfig.model_validate(tree)


def _read_about(
    array: npt.NDArray[Any], predictor: Model | None
) -> tuple[Report, tuple[str, ...], tuple[ModelConfig, ...]]:
    try:
        tree = json.loads(array.tobytes())
        told = tree["report"]
        trials = [Trial(**trial) for trial in told.pop("trials")]
        # The settings of a link predictor that is there already would load PyTorch.
        members = tuple(
            predictor.config
            if predictor is not None and member["name"] == predictor.name
            else settings_of(member)
            for member in tree["members"]
        )
        names = tuple(map(str, tree["features"]))
        return Report(**told, trials=trials), names, members
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RunError(f"What the model says of itself is damaged: {error}") from error
