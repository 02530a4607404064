"""Validation curves and training times from run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kgrec.errors import DataError, RunError, printable
from kgrec.runs.grouping import named_runs, runs_of_models
from kgrec.runs.json_files import read_json
from kgrec.runs.manifest import checked
from kgrec.runs.reading import read_config
from kgrec.training.link_prediction import LinkPredictionConfig

_LARGEST: Final = 1e30
"""Real figures are smaller; larger ones cannot be drawn."""


@dataclass(frozen=True)
class ValidationCurves:
    """The validation curves of some runs.

    Attributes:
        metric: The validation metric of all runs.
        models: The curves of the runs of each model, by its name; see `curve.json`.
        without: The names of the runs without a curve.
    """

    metric: str
    models: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]
    without: tuple[str, ...]


def validation_curves(folders: Sequence[str | Path], *, seeds: bool = False) -> ValidationCurves:
    """Return the validation curves of runs.

    Args:
        folders: The run folders.
        seeds: Whether runs that differ only in their seeds are one model.

    Raises:
        DataError: No run has a curve, or their validation metrics differ.
        RunError: A file of a run is missing or damaged.
    """
    runs = named_runs(folders)
    curves = {name: read_curve(folder) for name, folder in runs.items()}
    known = [frozenset(curve[0]) for curve in curves.values() if curve]
    if not known:
        raise DataError("None of the runs has a validation curve: none was trained in epochs.")
    metrics = known[0].intersection(*known[1:]) - {"epoch", "seconds", "loss"}
    chosen = sorted({_validated(runs[name]) for name, curve in curves.items() if curve})
    if len(chosen) > 1 or chosen[0] not in metrics:
        found = ", ".join(map(printable, chosen))
        raise DataError(f"The runs were not validated by one metric that all have: {found}.")
    models = {
        model: [curves[name] for name in names if curves[name]]
        for model, names in runs_of_models(runs, seeds=seeds).items()
    }
    return ValidationCurves(
        chosen[0],
        {model: several for model, several in models.items() if several},
        tuple(name for name, curve in curves.items() if not curve),
    )


def training_seconds(folders: Sequence[str | Path], *, seeds: bool = False) -> dict[str, float]:
    """Return how long the training of each model took, in seconds.

    Args:
        folders: The run folders.
        seeds: Whether runs that differ only in their seeds are one model; its seconds are their
            mean.

    Raises:
        RunError: A file of a run is missing or damaged.
    """
    runs = named_runs(folders)
    return {
        model: sum(_seconds(runs[name]) for name in names) / len(names)
        for model, names in runs_of_models(runs, seeds=seeds).items()
    }


def read_curve(folder: Path) -> list[dict[str, float]]:
    """Return the validation curve of a run; empty if it has none.

    Raises:
        RunError: It is damaged.
    """
    path = folder / "curve.json"
    if not path.exists():
        return []
    points = read_json(checked(folder, path.name))
    if not isinstance(points, list) or not all(
        isinstance(point, dict)
        and point.keys() == points[0].keys()
        and all(map(_is_figure, point.values()))
        for point in points
    ):
        raise RunError(f"{printable(str(path))} is damaged: it is not a list of figures.")
    return points


def _is_figure(value: Any) -> bool:
    """Return whether the value is a number that can be drawn."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -_LARGEST < value < _LARGEST  # both are false for NaN


def _validated(folder: Path) -> str:
    """Return the validation metric of a run."""
    model = read_config(folder).model
    if not isinstance(model, LinkPredictionConfig):
        raise RunError(
            f"{printable(str(folder))} has a validation curve, but {model.name} has none."
        )
    return model.training.metric


def _seconds(folder: Path) -> float:
    """Return the seconds of training."""
    path = folder / "metrics.json"
    try:
        seconds = float(read_json(checked(folder, path.name))["seconds"]["fit"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(
            f"{printable(str(path))} does not say how long training took; `kgrec train` does."
        ) from error
    if not 0 < seconds < _LARGEST:
        raise RunError(f"{printable(str(path))} is damaged: training took {seconds} seconds.")
    return seconds
