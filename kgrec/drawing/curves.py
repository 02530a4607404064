"""Pictures of validation curves: of one training, and of many models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kgrec.drawing import canvas
from kgrec.drawing.panels import (
    Named,
    Points,
    dense,
    label,
    name_points,
    titled_panels,
    write_figure,
)
from kgrec.errors import DataError, did_you_mean, printable

_COLOURS: Final = (canvas.BLUE, canvas.VERMILION, canvas.GREEN, canvas.PURPLE, canvas.ORANGE)
_MARKS: Final = ("o", "s", "^", "D", "v")
Curve = Sequence[Mapping[str, float]]
"""A validation curve: for each validation its `epoch`, `seconds`, `loss` and metrics."""


def draw_training(curve: Curve, metric: str, path: str | os.PathLike[str]) -> Path:
    """Draw loss and validation metric over the epochs as a .png or .svg file; return its path.

    Args:
        curve: For each validation its `epoch`, its `loss` and, where there was one, the metric.
        metric: The validation metric, such as `"ndcg@10"`.
        path: The file.

    Raises:
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    epochs = [point["epoch"] for point in curve]
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.subplots()
    left.plot(epochs, [point["loss"] for point in curve], color=canvas.BLUE, label="training loss")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color=canvas.BLUE)
    left.spines[["top", "right"]].set_visible(False)
    if metric in curve[0]:
        values = [point[metric] for point in curve]
        right = left.twinx()
        right.plot(epochs, values, color=canvas.VERMILION, label=metric)
        best = max(range(len(values)), key=values.__getitem__)
        right.plot(epochs[best], values[best], "o", color=canvas.VERMILION)
        right.annotate(
            f"{values[best]:.4f} at epoch {epochs[best]:.0f}", (epochs[best], values[best]),
            xytext=(0, -14), textcoords="offset points", ha="center", va="top",
        )  # fmt: skip
        right.set_ylabel(f"validation {metric}", color=canvas.VERMILION)
        right.spines[["top"]].set_visible(False)
    return canvas.save(figure, path, dpi=130)


def draw_curves(
    panels: Mapping[str, Mapping[str, Sequence[Curve]]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
    *,
    along: str = "epoch",
) -> Path:
    """Draw validation curves with a mark and a name at the best point of each.

    Args:
        panels: By title of a panel and name of a model, the curves of its runs, such as seeds:
            as in `curve.json` of a run folder. The name is written at the best run.
        metric: The validation metric, such as `"ndcg@10"`; by title of a panel if they differ.
        path: The file.
        along: The horizontal axis: `epoch` or `seconds`.

    Raises:
        DataError: There is no curve, or one has no such metric.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    figure, axes = titled_panels(list(panels), 3.1)
    named: list[Named] = []
    for ax, (title, models) in zip(axes, panels.items(), strict=True):
        value = metric if isinstance(metric, str) else metric[title]
        labels: list[tuple[float, float, str, str]] = []
        lines: Points = []
        for place, (name, runs) in enumerate(models.items()):
            colour, mark = _COLOURS[place % 5], _MARKS[place % 5]
            best = (-1.0, 0.0)
            for run in runs:
                x, y = _column(run, along, name), _column(run, value, name)
                ax.plot(x, y, color=colour, linewidth=1.3, alpha=0.75)
                lines += dense(x, y)
                top = max(range(len(y)), key=y.__getitem__)
                ax.plot(x[top], y[top], mark, color=colour, markersize=6)
                best = max(best, (y[top], x[top]))
            labels.append((best[1], best[0], f"{name}: {best[0]:.4f}", colour))
        ax.set_xlabel("epoch" if along == "epoch" else "seconds of training")
        ax.set_ylabel(f"validation {label(value)}")
        ax.margins(x=0.04, y=0.12)
        ax.grid(color="#e4e4e4", linewidth=0.6)
        named.append((ax, labels, lines))
    name_points(figure, named)
    return write_figure(figure, axes, path)


def _column(run: Curve, key: str, name: str) -> list[float]:
    if not len(run) or any(key not in point for point in run):
        known = sorted(run[0]) if len(run) else ()
        raise DataError(
            f"The validation curve of {printable(name)} has no {printable(key)!r}."
            + did_you_mean(key, known)
        )
    return [float(point[key]) for point in run]
