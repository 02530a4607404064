"""The default model: several models that the data chooses and weighs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.auto.context import Context
from kgrec.auto.facts import Facts
from kgrec.auto.stacking import Choices, Fit, Weights, choose_weights, drop_needless
from kgrec.auto.trials import KINDS, Effort, families, safe_choice
from kgrec.data.interactions import Interactions
from kgrec.errors import DataError, RunError, warn
from kgrec.evaluation.evaluate import evaluate
from kgrec.models.base import (
    Callback,
    Model,
    ModelConfig,
    TrainingData,
    VectorModel,
    check_histories,
    check_rows,
    not_fitted,
)
from kgrec.models.ensemble import standardised
from kgrec.models.popular import PopularityModel
from kgrec.models.state import State, check_state
from kgrec.training.link_prediction import LinkPrediction
from kgrec.types import BoolArray, FloatArray, IntArray

CUTOFF: Final = 10
"""Cut-off of the NDCG by which settings, models and weights are chosen."""
CANDIDATES: Final = 100
"""Best items of each model among which the weights are fitted, for each user."""
MAX_USERS: Final = 2_000
"""Most validation users that choose settings and weights; of more, a sample is drawn."""
MIN_USERS: Final = 30
"""Fewer validation users say too little to choose by."""
BLOCK: Final = 1 << 24
"""Scores of a model in memory at a time."""


@dataclass(frozen=True)
class Trial:
    """One model that was tried.

    Attributes:
        family: What it looks at.
        settings: Its settings.
        value: NDCG@10 on validation; None: it could not be fitted.
        error: Why it could not be fitted.
    """

    family: str
    settings: Mapping[str, Any]
    value: float | None
    error: str = ""


@dataclass(frozen=True)
class Report:
    """What was tried and chosen.

    Attributes:
        facts: See `Facts.lines`.
        trials: All models that were tried.
        chosen: The family of each model that stays.
        value: Cross-validated NDCG@10 of all together; None: nothing was chosen by validation.
        without: The same without each of them.
        level: What the weights depend on.
    """

    facts: Sequence[str] = ()
    trials: Sequence[Trial] = ()
    chosen: Sequence[str] = ()
    value: float | None = None
    without: Sequence[float | None] = ()
    level: str = "none"

    def lines(self) -> list[str]:
        """Return the report as lines for people."""
        lines = [*self.facts]
        best: dict[str, float] = {}
        for trial in self.trials:
            if trial.value is not None:
                best[trial.family] = max(trial.value, best.get(trial.family, 0.0))
        for family, value in best.items():
            tried = sum(trial.family == family for trial in self.trials)
            lines.append(f"{family}: NDCG@10 {value:.4f} on validation, best of {tried}.")
        if self.value is not None:
            lines.append(
                f"Together: NDCG@10 {self.value:.4f}, each user ranked by weights that were "
                f"fitted without them; the weights depend on {_DEPENDS[self.level]}."
            )
        for family, without in zip(self.chosen, self.without, strict=True):
            if without is not None and self.value is not None:
                lines.append(f"  without {family}: {without:.4f} ({without - self.value:+.4f})")
            else:
                lines.append(f"  {family}")
        dropped = [family for family in best if family not in self.chosen]
        if dropped:
            lines.append(f"Left out, since the others do as well: {', '.join(dropped)}.")
        return lines


_DEPENDS: Final = {
    "none": "nothing else",
    "popularity": "the user's activity and the item's popularity",
    "all": "the user's activity and history, and the item's popularity, age, ratings and numbers",
}


class Auto(Model):
    """The best that several models can do together on the data, chosen on validation alone.

    The data decides which models are tried, see `kgrec.auto.trials.families`; of each family, the
    settings with the best NDCG@10 on validation stay. Their standardised scores are added with
    weights that depend on the user's activity and history and on what is known of the item (a
    feature-weighted linear stacking: Sill et al., 2009), see `kgrec.auto.stacking`. What the
    weights depend on, and how strongly they are regularised, is chosen by cross-validation over
    users. A model whose absence costs nothing is left out.

    Without a validation part, or with one of few users, there are safe models with equal weights.

    Args:
        config: The settings; None: the defaults.

    Attributes:
        members: The models that were chosen; none before `fit`.
        report: What was tried and chosen.
    """

    config: AutoConfig

    def __init__(self, config: AutoConfig | None = None) -> None:
        self.config = config or AutoConfig()
        self.members: tuple[Model, ...] = ()
        self.report = Report()
        self._chosen: tuple[ModelConfig, ...] = ()
        self._weights: Weights | None = None
        self._context: Context | None = None
        self._users: FloatArray | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Choose the models, fit them and their weights; see `Model.fit`.

        Raises:
            DataError: There are no interactions, or none of the models can be fitted.
        """
        if not len(data.train):
            raise DataError("train has no interactions; there is nothing to learn from.")
        facts = Facts.of(data)
        sample = _sample(data.valid, self.config.seed) if facts.valid_users >= MIN_USERS else None
        search = _Search(self, data, sample, callback)
        if sample is None:
            warn(
                f"There are {facts.valid_users} validation users, too few to choose models by (at "
                f"least {MIN_USERS}): safe models with equal weights are used. Give a validation "
                "part."
            )
            for name, settings in safe_choice(facts):
                search.fit(name, settings)
        else:
            for family in families(facts, self.config.effort):
                search.best_of(family.name, family.search)
        found = search.found
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
            fit = choose_weights(choices, context, CUTOFF, self.config.seed)
            kept, fit, without = drop_needless(choices, context, fit, CUTOFF, self.config.seed)
            weights = fit.weights
        self._chosen = tuple(found[place].settings for place in kept)
        self.members = tuple(found[place].model for place in kept)
        self._weights, self._context, self._users = weights, context, users
        self.report = _report(facts, search, kept, fit, without)
        return self

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
        return next(filter(None, (member.content_space() for member in self.members)), None)

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
        state: State = {
            "models": weights.models,
            "items": weights.items,
            "features": context.items,
            "activity": context.activity,
            "limits": context.limits,
            "users": users,
            "about": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8).copy(),
        }
        for place, member in enumerate(self.members):
            state |= {f"{place}.{name}": array for name, array in member.state().items()}
        return state

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        own = {name: array for name, array in state.items() if "." not in name}
        about = {name: own[name] for name in ("about",) if name in own}
        about = check_state(about, {"about": (np.uint8, (None,))})
        self.report, names, self._chosen = _read_about(about["about"])
        self.members = tuple(map(self._build, self._chosen))
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
        parts: list[dict[str, npt.NDArray[Any]]] = [{} for _ in self.members]
        for name, array in state.items():
            place, dot, rest = name.partition(".")
            if not dot:
                continue
            if not place.isdecimal() or int(place) >= len(parts):
                raise RunError(
                    f"The state of a model of {len(parts)} members holds {name!r}, which belongs "
                    "to none of them. It belongs to another model, or the file is damaged."
                )
            parts[int(place)][rest] = array
        for number, (member, part) in enumerate(zip(self.members, parts, strict=True)):
            try:
                member.load_state(part, data)
            except RunError as error:
                message = re.sub(r"'([\w.]+)'", rf"'{number}.\1'", str(error))
                raise RunError(f"Member {number} ({member.name}): {message}") from error
        self._weights = Weights(arrays["models"], arrays["items"])
        self._context = Context(names, arrays["features"], arrays["activity"], arrays["limits"])
        self._users = arrays["users"]
        return self

    def _build(self, settings: ModelConfig) -> Model:
        return settings.seeded(self.config.seed).build()

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
    seed: int = Field(
        default=0,
        ge=0,
        lt=2**63,
        description="Seeds the models, the folds of users and the sample of them.",
    )

    def seeded(self, seed: int) -> Self:
        """Return the settings with `seed` added to their own."""
        return self.model_copy(update={"seed": seed + self.seed})


@dataclass
class _Found:
    family: str
    settings: ModelConfig
    model: Model
    value: float


@dataclass
class _Search:
    """Fits models and keeps the best of each family."""

    auto: Auto
    data: TrainingData
    sample: Interactions | None
    callback: Callback | None
    trials: list[Trial] = field(default_factory=list)
    found: list[_Found] = field(default_factory=list)

    def fit(self, family: str, settings: ModelConfig) -> None:
        """Fit one model and keep it."""
        self.best_of(family, lambda measure: measure(settings))

    def best_of(self, family: str, search: Any) -> None:
        """Let `search` try settings, and keep the best model."""
        best: list[_Found] = []

        def measure(settings: ModelConfig) -> float:
            model = self.auto._build(settings)
            try:
                self._fit(model)
            except DataError as error:
                told = Trial(family, settings.model_dump(mode="json"), None, str(error))
                self.trials.append(told)
                return -np.inf
            value = self._value(model)
            self.trials.append(Trial(family, settings.model_dump(mode="json"), value))
            if not best or value > best[0].value:
                best[:] = [_Found(family, settings, model, value)]
            return value

        search(measure)
        self.found += best

    def _fit(self, model: Model) -> None:
        callback = self.callback if isinstance(model, LinkPrediction) else None
        model.fit(self.data, callback=callback)

    def _value(self, model: Model) -> float:
        if self.sample is None:
            return 0.0
        data = self.data
        measured = evaluate(
            model, self.sample, exclude=data.train, k=(CUTOFF,), candidates=data.candidates
        )
        return float(measured.metrics[f"ndcg@{CUTOFF}"])


def _sample(valid: Interactions | None, seed: int) -> Interactions:
    """Return the validation interactions of at most `MAX_USERS` users."""
    assert valid is not None
    users = np.unique(valid.user)
    if len(users) <= MAX_USERS:
        return valid
    drawn = np.random.default_rng(seed).choice(users, MAX_USERS, replace=False)
    return valid.select(np.flatnonzero(np.isin(valid.user, drawn)))


def collect(
    models: Sequence[Model], data: TrainingData, valid: Interactions, users: FloatArray
) -> Choices:
    """Return what the validation users could choose: the best items by each model.

    Args:
        models: Fitted models.
        data: What they were fitted on.
        valid: The validation interactions.
        users: Features of all users.
    """
    rows = np.unique(valid.user).astype(np.int64)
    train, chosen = data.train.matrix(), valid.matrix()
    allowed = np.zeros(valid.num_items, dtype=bool)
    allowed[slice(None) if data.candidates is None else data.candidates] = True
    size = max(1, BLOCK // (valid.num_items * len(models)))
    found: list[tuple[IntArray, IntArray, FloatArray, BoolArray]] = []
    number = np.zeros(len(rows), dtype=np.int64)
    for first in range(0, len(rows), size):
        block = rows[first : first + size]
        open_ = np.tile(allowed, (len(block), 1))
        open_[train[block].nonzero()] = False
        liked = (chosen[block].toarray() > 0) & open_
        number[first : first + size] = liked.sum(axis=1)
        scores = [standardised(model.score(block)) for model in models]
        near = liked.copy()
        for score in scores:
            near |= _among_best(np.where(open_, score, -np.inf), CANDIDATES)
        user, item = (near & open_).nonzero()
        made = np.stack([score[user, item] for score in scores], axis=1)
        found.append((user + first, item, made, liked[user, item]))
    user, item, score, is_chosen = (np.concatenate(part) for part in zip(*found, strict=True))
    choices = Choices(user, item, score, is_chosen, users[rows], number)
    return choices.of_users(number > 0)


def _among_best(scores: FloatArray, number: int) -> BoolArray:
    """Return which entries are among the best of their row."""
    if number >= scores.shape[1]:
        return np.ones(scores.shape, dtype=bool)
    best = np.argpartition(-scores, number, axis=1)[:, :number]
    found = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(found, best, True, axis=1)
    return found


def _report(
    facts: Facts, search: _Search, kept: Sequence[int], fit: Fit | None, without: dict[int, float]
) -> Report:
    return Report(
        facts.lines(),
        tuple(search.trials),
        [search.found[place].family for place in kept],
        None if fit is None else fit.value,
        [without.get(place) for place in kept],
        "none" if fit is None else fit.level,
    )


def _read_about(
    array: npt.NDArray[Any],
) -> tuple[Report, tuple[str, ...], tuple[ModelConfig, ...]]:
    try:
        tree = json.loads(array.tobytes())
        told = tree["report"]
        trials = [Trial(**trial) for trial in told.pop("trials")]
        kinds = {kind.model_fields["name"].default: kind for kind in KINDS}
        members = tuple(kinds[member["name"]].model_validate(member) for member in tree["members"])
        names = tuple(map(str, tree["features"]))
        return Report(**told, trials=trials), names, members
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RunError(f"What the model says of itself is damaged: {error}") from error
