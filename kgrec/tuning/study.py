"""Trials of settings: proposed by Optuna, compared by one number, kept in a file.

What the search has proposed depends on the seed and the results of the trials before alone. So one
that was stopped, and goes on from its file, makes the trials that it would have made without that.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from kgrec.errors import ConfigError, KgrecError, RunError, printable
from kgrec.files import system_reason
from kgrec.tuning.settings import Choice, Dimension, Range, Space

if TYPE_CHECKING:
    import optuna

Report = Callable[[int, float], None]
"""Takes an epoch and the best value until then; it ends a trial that is behind the others."""

State = Literal["complete", "pruned", "failed"]

MIN_FOR_IMPORTANCE: Final = 5
"""Fewest complete trials from which the importance of settings is estimated."""
_IDENTITY: Final = "identity"
_NAME: Final = "kgrec"
_FAILURES: Final = (KgrecError, ArithmeticError, RuntimeError, MemoryError, ValueError)
"""What a trial may fail with: settings that do not fit together, a solver without a solution, too
little memory. Other errors are mistakes in the code, and end the search."""


@dataclass(frozen=True)
class Outcome:
    """What a trial has found.

    Attributes:
        value: The number to compare by; larger is better.
        epoch: The best epoch; None: the model has none.
        metrics: Further figures.
    """

    value: float
    epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: Its place, from 0.
        state: How it ended: a pruned one was stopped because others were better at its epochs.
        value: What it reached; of a pruned one, until it was stopped; None: it failed.
        settings: By key, the values that were tried.
        seconds: How long it took.
        epoch: The best epoch; None: the model has none.
        error: Why it failed.
        metrics: Further figures of a complete one.
    """

    number: int
    state: State
    value: float | None
    settings: Mapping[str, Any]
    seconds: float
    epoch: int | None = None
    error: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


def check_optuna() -> None:
    """Check that Optuna is installed.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("optuna") is None:
        raise ConfigError(
            "A search of settings needs Optuna, which is not installed: "
            "`pip install 'kgrec[tune]'`."
        )


class Study:
    """A search of settings.

    The first trial has the settings of the start. For the others, the tree-structured Parzen
    estimator (Bergstra et al., Algorithms for Hyper-Parameter Optimization, NIPS 2011) proposes
    settings: ten at random, then where the trials so far are good.

    Args:
        space: What is varied.
        start: By key, what the first trial has. A value outside of its dimension is tried too.
        seed: Seeds the proposals.
        journal: The file of the trials, which a later study goes on from; None: no file.
        identity: What must be equal to go on from the file.
        pruner: Optuna's pruner; None: the median rule, from the 5th trial on.

    Raises:
        ConfigError: Optuna is not installed.
        RunError: The file is damaged, cannot be written, or is of another search.
    """

    def __init__(
        self,
        space: Space,
        start: Mapping[str, Any],
        *,
        seed: int = 0,
        journal: Path | None = None,
        identity: str = "",
        pruner: Any = None,
    ) -> None:
        check_optuna()
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space, self.start, self.seed = space, dict(start), seed
        pruner = pruner or optuna.pruners.MedianPruner(n_startup_trials=5)
        try:
            self._study = _opened(journal, identity, pruner)
        except OSError as error:
            shown = printable(str(journal))
            raise RunError(f"{shown} cannot be used: {system_reason(error)}.") from error
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            raise RunError(
                f"{printable(str(journal))} is damaged, or is no journal of a search: "
                f"{printable(str(error))}. Choose another folder."
            ) from error
        if self._study.user_attrs[_IDENTITY] != identity:
            raise RunError(
                f"{printable(str(journal))} has the trials of another search: its data, config, "
                "space or metric is not the same, so the values cannot be compared."
            )
        for trial in self._study.get_trials(deepcopy=False):
            if not trial.state.is_finished():  # of a process that was killed
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def trials(self) -> list[Tried]:
        """Return all trials that ended, in their order; an interrupted one is not among them."""
        kept = [trial for trial in self._study.get_trials(deepcopy=False) if _has_ended(trial)]
        return [_tried(number, trial) for number, trial in enumerate(kept)]

    def best(self) -> Tried | None:
        """Return the first of the complete trials with the largest value; None: there is none."""
        complete = [one for one in self.trials() if one.state == "complete"]
        return max(complete, key=lambda one: one.value or 0.0, default=None)

    def run(
        self,
        objective: Callable[[Mapping[str, Any], Report], Outcome],
        trials: int,
        told: Callable[[Tried], object] = lambda _: None,
    ) -> None:
        """Try settings until there are as many trials as asked for.

        Args:
            objective: Takes settings and `Report`, and measures them.
            trials: Trials in all, with those before.
            told: Gets each trial when it has ended.
        """
        while len(self.trials()) < trials:
            self._step(objective)
            told(self.trials()[-1])

    def importance(self) -> dict[str, float]:
        """Return the share of each setting in what makes trials good, the largest first.

        It is that of PED-ANOVA (Watanabe et al., PED-ANOVA: Efficiently Quantifying
        Hyperparameter Importance in Arbitrary Subspaces, IJCAI 2023). Empty with fewer than
        `MIN_FOR_IMPORTANCE` complete trials.
        """
        import optuna

        complete = [one.value for one in self.trials() if one.state == "complete"]
        if len(complete) < MIN_FOR_IMPORTANCE or len(set(complete)) == 1:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = optuna.importance.get_param_importances(self._study)
        values = {key: float(found.get(key, 0.0)) for key in self.space}
        if not all(map(np.isfinite, values.values())):
            return {}
        return dict(sorted(values.items(), key=lambda item: -item[1]))

    def _step(self, objective: Callable[[Mapping[str, Any], Report], Outcome]) -> None:
        import optuna

        state = optuna.trial.TrialState
        number, began = len(self.trials()), time.perf_counter()
        drawn = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=drawn)
        if not number:
            inside = {key: value for key, value in self.start.items() if self._holds(key, value)}
            self._study.enqueue_trial(inside)
        trial = self._study.ask()
        keys = self.space if number else inside
        settings = {key: _suggested(trial, key, self._dimension(key)) for key in keys}
        settings = settings if number else self.start
        trial.set_user_attr("settings", settings)
        best: list[float] = []

        def report(epoch: int, value: float) -> None:
            best.append(value)
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            outcome = objective(settings, report)
        except optuna.TrialPruned:
            _end(trial, began, value=max(best))
            self._study.tell(trial, state=state.PRUNED)
        except _FAILURES as error:
            said = str(error) or type(error).__name__
            _end(trial, began, error=printable(said, 1000))
            self._study.tell(trial, state=state.FAIL)
        except BaseException:
            self._study.tell(trial, state=state.FAIL)  # without an end: it is tried again
            raise
        else:
            if not np.isfinite(outcome.value):
                _end(trial, began, error=f"the value is {outcome.value}")
                self._study.tell(trial, state=state.FAIL)
                return
            _end(trial, began, epoch=outcome.epoch, metrics=dict(outcome.metrics))
            self._study.tell(trial, outcome.value)

    def _holds(self, key: str, value: Any) -> bool:
        dimension = self._dimension(key)
        if isinstance(dimension, Choice):
            return value in dimension.values
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and dimension.low <= value <= dimension.high

    def _dimension(self, key: str) -> Dimension:
        """Return a dimension; a range is of whole numbers where the start is not a fraction."""
        dimension = self.space[key]
        if isinstance(dimension, Range) and isinstance(self.start.get(key), float):
            return dimension.model_copy(
                update={"low": float(dimension.low), "high": float(dimension.high)}
            )
        return dimension


def _suggested(trial: optuna.Trial, key: str, dimension: Dimension) -> Any:
    """Ask for a value, a fraction with four significant digits, so that the YAML is short."""
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(key, dimension.values)
    low, high, log = dimension.low, dimension.high, dimension.log
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log)
    value = float(f"{trial.suggest_float(key, low, high, log=log):.4g}")
    return min(max(value, low), high)


def _opened(journal: Path | None, identity: str, pruner: Any) -> optuna.Study:
    """Return the search of a file, or a new one."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    storage: Any = optuna.storages.InMemoryStorage()
    if journal is not None:
        _drop_torn_line(journal)
        lock = JournalFileOpenLock(str(journal))
        storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))
    if _NAME in optuna.get_all_study_names(storage):
        return optuna.load_study(study_name=_NAME, storage=storage, pruner=pruner)
    made = optuna.create_study(
        study_name=_NAME, storage=storage, direction="maximize", pruner=pruner
    )
    made.set_user_attr(_IDENTITY, identity)
    return made


def _drop_torn_line(journal: Path) -> None:
    """Cut off a last line that a killed process has not written to its end."""
    if not journal.is_file():
        return
    with journal.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if content.startswith(b'{"op_code"') and 0 < whole < len(content):
            file.truncate(whole)


def _end(trial: optuna.Trial, began: float, **attributes: Any) -> None:
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    trial.set_user_attr("seconds", round(time.perf_counter() - began, 3))


def _has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    return trial.state.is_finished() and "seconds" in trial.user_attrs


def _tried(number: int, trial: optuna.trial.FrozenTrial) -> Tried:
    about = trial.user_attrs
    state: State = "failed"
    if trial.state.name in ("COMPLETE", "PRUNED"):
        state = "complete" if trial.state.name == "COMPLETE" else "pruned"
    value = trial.value if state == "complete" else about.get("value")
    return Tried(
        number,
        state,
        value,
        dict(about["settings"]),
        float(about["seconds"]),
        about.get("epoch"),
        about.get("error", ""),
        about.get("metrics", {}),
    )
