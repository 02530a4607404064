"""Trials of settings: proposed by Optuna, compared by one number, kept in a file.

What the search has proposed depends on the seed and the results of the trials before alone. So one
that was stopped, and goes on from its file, makes the trials that it would have made without that.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from kgrec.engine import engine_in_use
from kgrec.errors import ConfigError, RunError, printable
from kgrec.files import system_reason
from kgrec.tuning.outcome import Measured, Objective, measure
from kgrec.tuning.settings import Choice, Dimension, Range, Space

if TYPE_CHECKING:
    import optuna

State = Literal["complete", "pruned", "failed"]

MIN_FOR_IMPORTANCE: Final = 5
"""Fewest complete trials from which the importance of settings is estimated."""
_IDENTITY: Final = "identity"
_NAME: Final = "kgrec"


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
        objective: Objective,
        trials: int,
        told: Callable[[Tried], object] = lambda _: None,
        at_once: int = 1,
    ) -> None:
        """Try settings until there are as many trials as asked for.

        Args:
            objective: Takes settings and `Report`, and measures them.
            trials: Trials in all, with those before.
            told: Gets each trial when it has ended.
            at_once: How many trials are proposed together, from those before them. The engine in
                use measures them; which one it is, and when the search was stopped, does not
                change them.
        """
        shared = objective, self._study.pruner  # one object: workers get it once
        while (number := len(self.trials())) < trials:
            end = min(trials, number - number % at_once + at_once)
            self._round(shared, range(number, end), at_once, told)

    def _round(
        self,
        shared: tuple[Objective, Any],
        missing: range,
        at_once: int,
        told: Callable[[Tried], object],
    ) -> None:
        """Make the trials of a round that are missing, by their numbers."""
        import optuna

        # Part of the round may be there already: what came of it decides nothing in the round.
        ended = [trial for trial in self._study.get_trials() if _has_ended(trial)]
        before = ended[: missing.start - missing.start % at_once]
        asked = [self._proposed(number, before) for number in missing]
        blocks = ((settings, before) for _, settings in asked)
        found = engine_in_use().map(measure, shared, blocks)
        waiting = [trial for trial, _ in asked]
        try:
            while waiting:
                self._told(waiting[0], next(found))
                del waiting[0]
                told(self.trials()[-1])
        finally:
            for trial in waiting:  # without an end: they are tried again
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _proposed(self, number: int, before: Sequence[Any]) -> tuple[optuna.Trial, dict[str, Any]]:
        """Return a trial with the settings that the trials before a round propose."""
        import optuna

        basis = optuna.create_study(direction="maximize", sampler=self._sampler(number))
        basis.add_trials(list(before))
        if number:
            drawn = basis.ask()
            settings = {key: _suggested(drawn, key, self._dimension(key)) for key in self.space}
        else:
            settings = self.start
        inside = {key: value for key, value in settings.items() if self._holds(key, value)}
        self._study.enqueue_trial(inside)
        trial = self._study.ask()
        for key in inside:
            _suggested(trial, key, self._dimension(key))
        trial.set_user_attr("settings", settings)
        return trial, settings

    def _told(self, trial: optuna.Trial, found: Measured) -> None:
        """Keep what came out of a trial."""
        import optuna

        state = optuna.trial.TrialState
        for epoch, value in found.steps:
            trial.report(value, epoch)
        outcome, error, about = found.outcome, found.error, {"seconds": found.seconds}
        if outcome is not None and not np.isfinite(outcome.value):
            error = f"the value is {outcome.value}"
        if error:
            _end(trial, {"error": error, **about})
            self._study.tell(trial, state=state.FAIL)
        elif outcome is None:
            _end(trial, {"value": max(value for _, value in found.steps), **about})
            self._study.tell(trial, state=state.PRUNED)
        else:
            _end(trial, {"epoch": outcome.epoch, "metrics": dict(outcome.metrics), **about})
            self._study.tell(trial, outcome.value)

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        import optuna

        drawn = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        return optuna.samplers.TPESampler(seed=drawn)

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


def _end(trial: optuna.Trial, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():  # the seconds last: they say that it has ended
        trial.set_user_attr(name, value)


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
