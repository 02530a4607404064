"""Fitting the models of each family, and keeping the best one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from kgrec.auto.report import Trial
from kgrec.auto.trials import Family
from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.evaluation.evaluate import evaluate
from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.training_data import TrainingData

CUTOFF: Final = 10
"""Cut-off of the NDCG by which settings, models and weights are chosen."""
MAX_USERS: Final = 2_000
"""Most validation users that choose settings and weights; of more, a sample is drawn."""
_ASKED: Final = 32
"""Users whose scores tell whether a model can rank the items at all."""
_SILENT: Final = "it scores all ranked items alike"
HOPELESS: Final = 0.7
"""Other settings of a family are not tried if the first ones reach less than this share of the
best model so far: settings move a model by less."""


@dataclass(frozen=True)
class Found:
    """The best model of a family.

    Attributes:
        family: The name of the family.
        settings: The settings, without the seed of the run.
        model: The fitted model.
    """

    family: str
    settings: ModelConfig
    model: Model


@dataclass
class Search:
    """Fits models and keeps the best of each family.

    Attributes:
        data: What the models are fitted on.
        sample: The validation interactions that choose; None: the first settings of each family
            are taken.
        build: Makes the model of some settings.
        callback: Gets the progress of models that are trained in epochs.
        say: Gets a line for each model that was tried.
        folds: The data without some items, on which models of content are measured as well.
        deadline: Time of `time.monotonic` after which nothing more is tried; None: there is none.
        trials: All models that were tried.
        found: The best of each family.
        left_out: What was not tried, since the time was over.
        silent: The first model that scores all ranked items alike, if there is one; it is of use if
            no other was found.
    """

    data: TrainingData
    sample: Interactions | None
    build: Callable[[ModelConfig], Model]
    callback: Callback | None = None
    say: Callable[[str], object] | None = None
    folds: Sequence[TrainingData] = ()
    deadline: float | None = None
    trials: list[Trial] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    silent: Found | None = None

    def best_of(self, family: Family) -> None:
        """Try the settings of a family and keep the best model, if one could be fitted."""
        best: list[tuple[float, Found]] = []

        def measure(settings: ModelConfig) -> float:
            model, told = self.build(settings), settings.model_dump(mode="json")
            if self.found and self.deadline is not None and time.monotonic() > self.deadline:
                if family.name not in self.left_out:
                    self.left_out.append(family.name)
                return -np.inf
            started = time.monotonic()
            try:
                model.fit(self._chosen_by_sample, callback=self.callback)
            except DataError as error:
                self._note(Trial(family.name, told, None, str(error)), started)
                return -np.inf
            if self.sample is not None and not self._tells_apart(model, self.sample):
                self._note(Trial(family.name, told, None, _SILENT), started)
                self.silent = self.silent or Found(family.name, settings, model)
                return -np.inf
            value = None if self.sample is None else self._ndcg(model, self.data, self.sample)
            if value is not None and self.on_folds(family):
                value = float(np.mean([value, *map(self._on_fold(settings), self.folds)]))
            self._note(Trial(family.name, told, value), started)
            if not best or (value is not None and value > best[0][0]):
                best[:] = [(value or 0.0, Found(family.name, settings, model))]
            return best[0][0] if value is None else value

        if self.sample is None:
            measure(family.start)
        else:
            values = [trial.value for trial in self.trials if trial.value is not None]
            family.search(measure, HOPELESS * max(values, default=0.0))
        self.found += [found for _, found in best]

    def _note(self, trial: Trial, started: float) -> None:
        self.trials.append(trial)
        if self.say is not None:
            value = "fitted" if trial.value is None else f"NDCG@{CUTOFF} {trial.value:.4f}"
            if trial.error:
                value = f"left out: {trial.error}"
            seconds = time.monotonic() - started
            self.say(f"Model {len(self.trials)}, {trial.family}: {value} ({seconds:.1f} s)")

    @cached_property
    def _chosen_by_sample(self) -> TrainingData:
        """The data with the sample alone for validation, so that its cost is bounded."""
        return self.data if self.sample is None else replace(self.data, valid=self.sample)

    def on_folds(self, family: Family) -> bool:
        """Return whether the values of a family are means over validation and the folds."""
        return family.content_only and bool(self.folds)

    def _on_fold(self, settings: ModelConfig) -> Callable[[TrainingData], float]:
        def value(fold: TrainingData) -> float:
            assert fold.valid is not None
            return self._ndcg(self.build(settings).fit(fold), fold, fold.valid)

        return value

    def _tells_apart(self, model: Model, sample: Interactions) -> bool:
        """Return whether the scores of ranked items differ for some validation user.

        Where all are equal, as those of popularity among new items, the order of the rows ranks. If
        it goes with time, it looks like a good model.
        """
        users = np.unique(sample.user)[:_ASKED]
        ranked = slice(None) if self.data.candidates is None else self.data.candidates
        scores = model.score(users.astype(np.int64))[:, ranked]
        return bool((scores.max(axis=1) > scores.min(axis=1)).any()) if scores.size else True

    def _ndcg(self, model: Model, data: TrainingData, sample: Interactions) -> float:
        measured = evaluate(
            model, sample, exclude=data.train, k=(CUTOFF,), candidates=data.candidates
        )
        return float(measured.metrics[f"ndcg@{CUTOFF}"])


def sample_of(valid: Interactions, seed: int) -> Interactions:
    """Return the validation interactions of at most `MAX_USERS` users."""
    users = np.unique(valid.user)
    if len(users) <= MAX_USERS:
        return valid
    drawn = np.random.default_rng(seed).choice(users, MAX_USERS, replace=False)
    return valid.select(np.flatnonzero(np.isin(valid.user, drawn)))
