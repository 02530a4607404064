"""What a trial finds, and a trial as one block of a search."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kgrec.errors import KgrecError, printable

if TYPE_CHECKING:
    import optuna

Report = Callable[[int, float], None]
"""Takes an epoch and the best value until then; it ends a trial that is behind the others."""

FAILURES: Final = (KgrecError, ArithmeticError, RuntimeError, MemoryError, ValueError)
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


Objective = Callable[[Mapping[str, Any], Report], Outcome]
"""Takes the settings of a trial, and measures them."""


@dataclass(frozen=True)
class Measured:
    """What came out of a trial.

    Attributes:
        steps: The epochs that it reported, with the best value until then.
        seconds: How long it took.
        outcome: What it found; None: it was pruned, or failed.
        error: Why it failed; empty: it did not.
    """

    steps: Sequence[tuple[int, float]]
    seconds: float
    outcome: Outcome | None = None
    error: str = ""


def measure(
    shared: tuple[Objective, Any],
    block: tuple[Mapping[str, Any], Sequence[optuna.trial.FrozenTrial]],
) -> Measured:
    """Measure the settings of one trial.

    Args:
        shared: The objective, and Optuna's pruner.
        block: The settings, and the trials that decide whether this one is pruned.
    """
    import optuna

    (objective, pruner), (settings, before) = shared, block
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    study.add_trials(list(before))
    trial, began = study.ask(), time.perf_counter()
    steps: list[tuple[int, float]] = []

    def report(epoch: int, value: float) -> None:
        steps.append((epoch, value))
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    outcome, error = None, ""
    try:
        outcome = objective(settings, report)
    except optuna.TrialPruned:
        pass
    except FAILURES as failure:
        error = printable(str(failure) or type(failure).__name__, 1000)
    return Measured(steps, round(time.perf_counter() - began, 3), outcome, error)
