"""Pictures of results: comparisons, accuracy by time, gains by group, ablations.

Each function writes one .png or .svg file. Colours are Okabe and Ito's; words or the shape of the
mark repeat their meaning. Names are written at the marks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kgrec.drawing import canvas
from kgrec.drawing.panels import (
    INK,
    POINTS,
    Named,
    dense,
    label,
    name_points,
    note,
    of_panel,
    plot_figure,
    titled_panels,
    widened,
    write_figure,
    write_ticks,
)
from kgrec.errors import ConfigError, DataError, printable
from kgrec.evaluation.comparison import ComparedModel, Comparison, lower_is_better
from kgrec.evaluation.groups import GroupGain
from kgrec.evaluation.significance import PairedTests

_FAINT: Final = "#666666"
_LEVEL: Final = 0.05


@dataclass(frozen=True)
class Estimate:
    """A mean to draw.

    Attributes:
        name: Its name.
        value: The mean.
        low: Lower end of its interval.
        high: Upper end.
        seconds: Time of training.
        ours: Whether to highlight it.
        note: Text beside it.
    """

    name: str
    value: float
    low: float
    high: float
    seconds: float = 0.0
    ours: bool = False
    note: str = ""


def draw_comparison(comparison: Comparison, path: str | os.PathLike[str]) -> Path:
    """Draw means with their bootstrap intervals, a row for each model, the best one on top.

    Each metric has a panel. The reference is a hollow mark with a dotted line. A model that differs
    from it (t test, Holm, p < 0.05) has a filled mark; difference and p value are beside it.

    Raises:
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    metrics = comparison.metrics
    order = comparison.ranked(metrics[0])
    wide, rows = min(len(metrics), 3), -(-len(metrics) // 3)
    figure = plot_figure(2.0 + 3.3 * max(wide, 2), rows * (1.0 + 0.6 * len(order)))
    axes = figure.subplots(rows, wide, squeeze=False)
    for left in axes[:, 0]:
        left.set_yticks(range(len(order)), [label(one.name) for one in order], fontsize=POINTS)
    for ax in axes[:, 1:].ravel():
        ax.set_yticks(range(len(order)), [""] * len(order))
    for ax, metric in zip(axes.ravel(), metrics, strict=False):
        _comparison_panel(ax, comparison, metric, order)
        ax.set_ylim(len(order) - 0.4, -0.6)
    for ax in axes.ravel()[len(metrics) :]:
        ax.set_visible(False)
    return write_figure(figure, axes.ravel(), path)


def _comparison_panel(
    ax: Any, comparison: Comparison, metric: str, order: Sequence[ComparedModel]
) -> None:
    base = _mean(comparison.reference, metric)
    ends = [end for model in order for end in model.intervals[metric]]
    low, high = widened(min(ends), max(ends), 0.08)
    ax.set_xlim(low, high)
    ax.axvline(base, color=canvas.GREY, linestyle=":", linewidth=1.2, zorder=0)
    for place, model in enumerate(order):
        value = _mean(model, metric)
        colour, filled, words = _verdict(comparison.tests[metric].get(model.name), metric)
        ax.plot(model.intervals[metric], [place, place], color=colour, linewidth=2.2)
        ax.plot(
            [value], [place], "o", markersize=8, color=colour, markeredgewidth=1.6,
            markerfacecolor=colour if filled else "white",
        )  # fmt: skip
        share = (value - low) / (high - low)
        side = "left" if share < 0.35 else "right" if share > 0.65 else "center"
        shift = {"left": -12, "center": 0, "right": 12}[side]
        note(ax, f"{value:.4f}{words}", (value, place), (shift, -8), ha=side, va="top")
    title = canvas.one_line(metric, 40)
    ax.set_title(f"{title}, mean and {comparison.config.confidence:.0%} interval", fontsize=10)
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)


def _verdict(found: PairedTests | None, metric: str) -> tuple[str, bool, str]:
    """Return colour, whether the mark is filled, and words, of a model against the reference."""
    if found is None:
        return _FAINT, False, "  reference"
    p = found.t_test_holm
    words = f"  {found.gain:+.4f}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    if p >= _LEVEL:
        return canvas.BLUE, False, words.replace("-", "−")
    better = (found.gain > 0) != lower_is_better(metric)
    return (canvas.BLUE if better else canvas.VERMILION), True, words.replace("-", "−")


def draw_accuracy_by_time(
    panels: Mapping[str, Sequence[Estimate]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
) -> Path:
    """Draw a point for each model: accuracy with its interval, over seconds of training.

    Args:
        panels: By title of a panel, the models; those that are `ours` are filled.
        metric: The metric; by title of a panel if it differs.
        path: The file.

    Raises:
        DataError: There is no model, or one took no time.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    most = max((len(models) for models in panels.values()), default=0)
    height = max(3.0, 1.6 + 0.12 * most)  # room for names
    figure, axes = titled_panels(list(panels), height, columns=1)
    named: list[Named] = []
    for ax, (title, models) in zip(axes, panels.items(), strict=True):
        if not models or min(one.seconds for one in models) <= 0:
            raise DataError("Accuracy by time needs models that took more than 0 seconds.")
        for one in models:
            colour = canvas.VERMILION if one.ours else canvas.BLUE
            ax.plot([one.seconds] * 2, [one.low, one.high], color=canvas.tinted(colour, 0.5))
            ax.plot(
                [one.seconds], [one.value], "D" if one.ours else "o", color=colour, markersize=7,
                markeredgewidth=1.5, markerfacecolor=colour if one.ours else "white",
            )  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlabel("seconds of training (log scale)")
        ax.set_ylabel(of_panel(metric, title))
        seconds = [one.seconds for one in models]
        ax.set_xlim(min(seconds) / 3, max(seconds) * 8)
        write_ticks(ax.xaxis, lambda value: f"{value:g}")
        ax.margins(y=0.12)
        ax.grid(color="#e4e4e4", linewidth=0.6)
        labels = [
            (one.seconds, one.value, one.name, canvas.VERMILION if one.ours else INK)
            for one in models
        ]
        bars = [point for one in models for point in dense([one.seconds] * 2, [one.low, one.high])]
        named.append((ax, labels, bars))
    name_points(figure, named)
    return write_figure(figure, axes, path)


def draw_comparison_times(
    comparison: Comparison, seconds: Mapping[str, float], path: str | os.PathLike[str]
) -> Path:
    """Draw a point for each compared model: the first metric over seconds of training.

    Args:
        comparison: The comparison.
        seconds: How long training took, by name of a model.
        path: The file.

    Raises:
        ConfigError: The file has another ending than .png or .svg, or no seconds are given for a
            compared model.
        DataError: A model took no time.
        RunError: The file cannot be written.
    """
    metric = comparison.metrics[0]
    missing = [model.name for model in comparison.models if model.name not in seconds]
    if missing:
        raise ConfigError(f"No seconds are given for the compared model {printable(missing[0])}.")
    points = [
        Estimate(
            model.name,
            _mean(model, metric),
            *model.intervals[metric],
            seconds=seconds[model.name],
            ours=model is not comparison.reference,
        )
        for model in comparison.models
    ]
    return draw_accuracy_by_time({"Accuracy and time": points}, metric, path)


def draw_gains(
    panels: Mapping[str, Sequence[GroupGain]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
    *,
    reference: str,
) -> Path:
    """Draw the gain over a reference in each group, with its interval, and in percent.

    Args:
        panels: By title of a panel, the groups, from top to bottom.
        metric: The metric; by title of a panel if it differs.
        path: The file.
        reference: Name of the reference.

    Raises:
        DataError: A panel has no groups.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    most = max((len(groups) for groups in panels.values()), default=0)
    figure, axes = titled_panels(list(panels), 1.1 + 0.42 * most)
    for ax, (title, groups) in zip(axes, panels.items(), strict=True):
        if not groups:
            raise DataError("Gains by group need one group or more.")
        ax.axvline(0, color=_FAINT, linewidth=1)
        ends = [0.0, *(end for one in groups for end in (one.tests.low, one.tests.high))]
        for place, one in enumerate(groups):
            tests = one.tests
            certain = tests.low > 0 or tests.high < 0
            colour = canvas.BLUE if tests.gain >= 0 else canvas.VERMILION
            ax.plot([tests.low, tests.high], [place, place], color=colour, linewidth=2.2)
            ax.plot(
                [tests.gain], [place], "o", color=colour, markersize=7, markeredgewidth=1.5,
                markerfacecolor=colour if certain else "white",
            )  # fmt: skip
            share = f"{tests.gain / tests.reference:+.0%}" if tests.reference else "from 0"
            note(ax, share.replace("-", "−"), (max(ends), place), (8, 0), va="center")
        low, high = widened(min(ends), max(ends), 0.08)
        ax.set_xlim(low, high + 0.16 * (high - low))
        names = [f"{one.label}  ({one.tests.num_users:,} users)" for one in groups]
        ax.set_yticks(range(len(groups)), names)
        ax.set_ylim(len(groups) - 0.5, -0.5)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel(f"gain over {label(reference)}, {of_panel(metric, title)}")
        ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    return write_figure(figure, axes, path)


def draw_ablations(
    panels: Mapping[str, Sequence[Estimate]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
) -> Path:
    """Draw bars for a model as it is and without some of its parts.

    Args:
        panels: By title of a panel, the bars from top to bottom; `ours` is the whole model.
        metric: The metric; by title of a panel if it differs.
        path: The file.

    Raises:
        DataError: A panel has no bars.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    most = max((len(bars) for bars in panels.values()), default=0)
    figure, axes = titled_panels(list(panels), 1.1 + 0.5 * most)
    for ax, (title, bars) in zip(axes, panels.items(), strict=True):
        if not bars:
            raise DataError("Ablations need one bar or more.")
        for place, bar in enumerate(bars):
            colour = canvas.BLUE if bar.ours else canvas.SKY
            ax.barh([place], [bar.value], color=colour, height=0.6)
            ax.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.3)
            words = f"{bar.value:.4f}" + (f"\n{bar.note}" if bar.note else "")
            note(ax, words, (bar.high, place), (6, 0), va="center", linespacing=1.05)
        ax.set_yticks(range(len(bars)), [label(bar.name, 24) for bar in bars])
        ax.set_ylim(len(bars) - 0.45, -0.55)
        ax.set_xlim(0, max(bar.high for bar in bars) * 1.6)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel(of_panel(metric, title))
        ax.tick_params(axis="y", length=0)
    return write_figure(figure, axes, path)


def _mean(model: ComparedModel, metric: str) -> float:
    return float(model.evaluation.per_user[metric].mean())
