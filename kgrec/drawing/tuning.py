"""Pictures of a search of settings: the values of its trials, and the importance of settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kgrec.drawing import canvas
from kgrec.drawing.panels import draw_bars, label, note, plot_figure, widened, write_figure
from kgrec.errors import DataError


def draw_history(
    trials: Sequence[tuple[float | None, str]], metric: str, path: str | os.PathLike[str]
) -> Path:
    """Draw a mark for each trial, and the best value so far, as a .png or .svg file.

    Trials that were stopped early are hollow, those that failed are crosses at the bottom. The
    dotted line is the first trial, the config as it is. Values far below the others are at the
    bottom too, so that the differences between good ones can be seen.

    Args:
        trials: Value and state of each trial: `complete`, `pruned` or `failed`.
        metric: The metric.
        path: The file.

    Raises:
        DataError: No trial has a value.
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    complete = [value for value, state in trials if state == "complete" and value is not None]
    if not complete:
        raise DataError("There is nothing to draw: no trial has a value.")
    ranked = sorted(complete)
    base = trials[0][0]
    few, many = np.percentile(ranked, [25, 75])
    lowest = max(ranked[0], float(few - 1.5 * (many - few)))  # Tukey's fence
    lowest = lowest if base is None else min(lowest, base)
    low, high = widened(lowest, ranked[-1], 0.12)
    figure = plot_figure(8.0, 4.2)
    ax = figure.subplots()
    ax.set_ylim(low, high)
    floor = low + 0.03 * (high - low)
    if base is not None:
        ax.axhline(base, color=canvas.GREY, linestyle=":", linewidth=1.4, zorder=0)
    best: list[float] = []
    for place, (value, state) in enumerate(trials, 1):
        shown = floor if value is None else max(value, floor)
        if state == "complete" and value is not None:
            best.append(max(value, *best[-1:]) if best else value)
            ax.plot(place, shown, "o", color=canvas.BLUE, markersize=5)
        else:
            best.append(best[-1] if best else float("nan"))
            mark, fill = ("o", "white") if state == "pruned" else ("x", canvas.VERMILION)
            colour = canvas.BLUE if state == "pruned" else canvas.VERMILION
            ax.plot(place, shown, mark, color=colour, markerfacecolor=fill, markersize=5)
    numbers = range(1, len(trials) + 1)
    ax.step(numbers, best, where="post", color=canvas.VERMILION, linewidth=1.6, zorder=1)
    _legend(ax, {state for _, state in trials}, base is not None)
    top = next(place for place, (value, state) in enumerate(trials, 1)
               if state == "complete" and value == ranked[-1])  # fmt: skip
    side = "left" if top < 0.3 * len(trials) else "right" if top > 0.7 * len(trials) else "center"
    note(ax, f"{ranked[-1]:.4f}", (top, ranked[-1]), (0, 6), ha=side)
    ax.set_xlabel("trial")
    ax.set_ylabel(f"validation {label(metric)}")
    ax.set_xlim(0, len(trials) + 1)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    return write_figure(figure, [ax], path)


def _legend(ax: object, states: set[str], based: bool) -> None:
    """Say below the axes what the marks mean."""
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], color=canvas.BLUE, marker="o", linestyle="", label="trial")]
    if "pruned" in states:
        marks.append(
            Line2D([], [], color=canvas.BLUE, marker="o", markerfacecolor="white", linestyle="",
                   label="stopped early")
        )  # fmt: skip
    if "failed" in states:
        marks.append(
            Line2D([], [], color=canvas.VERMILION, marker="x", linestyle="", label="failed")
        )
    marks.append(Line2D([], [], color=canvas.VERMILION, linewidth=1.6, label="best so far"))
    if based:
        marks.append(Line2D([], [], color=canvas.GREY, linestyle=":", label="config as it is"))
    ax.legend(  # type: ignore[attr-defined]
        handles=marks, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(marks),
        frameon=False, fontsize=8.5,
    )  # fmt: skip


def draw_importance(
    importance: Mapping[str, float], metric: str, path: str | os.PathLike[str]
) -> Path:
    """Draw the importance of settings as bars, the largest on top, as a .png or .svg file.

    Args:
        importance: The share of each setting, by key.
        metric: The metric.
        path: The file.

    Raises:
        DataError: There is no setting.
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    if not importance:
        raise DataError("There is nothing to draw: no setting was varied.")
    order = sorted(importance.items(), key=lambda item: -item[1])
    rows = [(key, share, f"{share:.0%}") for key, share in order]
    figure, ax = draw_bars(rows, 7.5, f"share in what makes validation {label(metric)} good")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return write_figure(figure, [ax], path)
