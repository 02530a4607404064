"""Pictures of results: comparisons, validation curves, accuracy by time, gains by group.

Each function writes one .png or .svg file. Colours are Okabe and Ito's, and what a colour says
stands beside it in words or in the shape of the mark. Names are written at the marks themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kgrec.drawing import canvas
from kgrec.drawing.point_labels import place_labels
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.evaluation.comparison import ComparedModel, Comparison, lower_is_better
from kgrec.evaluation.groups import GroupGain
from kgrec.evaluation.significance import PairedTests

_WIDTH: Final = 8.6
_POINTS: Final = 9.5
_SMALL: Final = 8.5
_INK: Final = "#222222"
_FAINT: Final = "#666666"
_LETTERS: Final = 34
_LEVEL: Final = 0.05
_COLOURS: Final = (canvas.BLUE, canvas.VERMILION, canvas.GREEN, canvas.PURPLE, canvas.ORANGE)
_MARKS: Final = ("o", "s", "^", "D", "v")
Curve = Sequence[Mapping[str, float]]
"""A validation curve: for each validation its `epoch`, `seconds`, `loss` and metrics."""

_Points = list[tuple[float, float]]
_Named = tuple[Any, list[tuple[float, float, str, str]], _Points]
"""Axes, the labels of points in them, and further points that labels avoid."""


@dataclass(frozen=True)
class Estimate:
    """A mean, as it is drawn.

    Attributes:
        name: Of what.
        value: The mean.
        low: Lower end of its interval.
        high: Upper end.
        seconds: What it took, where that is drawn.
        ours: Whether it is one of those that the picture is about.
        note: What else is written beside it.
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

    Each metric has a panel. The reference is a hollow mark with a dotted line; a model that
    differs from it (t test, Holm, p < 0.05) has a filled mark, and its difference and p value
    stand beside it.

    Raises:
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    metrics = comparison.metrics
    order = comparison.ranked(metrics[0])
    wide, rows = min(len(metrics), 3), -(-len(metrics) // 3)
    figure = _figure(rows * (1.0 + 0.6 * len(order)), width=2.0 + 3.3 * max(wide, 2))
    axes = figure.subplots(rows, wide, squeeze=False)
    for left in axes[:, 0]:
        left.set_yticks(range(len(order)), [_label(one.name) for one in order], fontsize=_POINTS)
    for ax in axes[:, 1:].ravel():
        ax.set_yticks(range(len(order)), [""] * len(order))
    for ax, metric in zip(axes.ravel(), metrics, strict=False):
        _comparison_panel(ax, comparison, metric, order)
        ax.set_ylim(len(order) - 0.4, -0.6)
    for ax in axes.ravel()[len(metrics) :]:
        ax.set_visible(False)
    return _finish(figure, axes.ravel(), path)


def _comparison_panel(
    ax: Any, comparison: Comparison, metric: str, order: Sequence[ComparedModel]
) -> None:
    base = _mean(comparison.reference, metric)
    ends = [end for model in order for end in model.intervals[metric]]
    low, high = _wide(min(ends), max(ends), 0.08)
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
        _note(ax, f"{value:.4f}{words}", (value, place), (shift, -8), ha=side, va="top")
    title = canvas.one_line(metric, 10, 40)
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


def draw_curves(
    panels: Mapping[str, Mapping[str, Sequence[Curve]]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
    *,
    along: str = "epoch",
) -> Path:
    """Draw validation curves, the best point of each marked and named.

    Args:
        panels: By title of a panel and name of a model, the curves of its runs, such as seeds:
            what `curve.json` of a run folder holds. The name stands at the best run.
        metric: What was validated, such as `"ndcg@10"`; by title of a panel where they differ.
        path: The file.
        along: What the curve goes along: `epoch` or `seconds`.

    Raises:
        DataError: There is no curve, or one has no such metric.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    figure, axes = _panels(list(panels), 3.1)
    named: list[_Named] = []
    for ax, (title, models) in zip(axes, panels.items(), strict=True):
        value = metric if isinstance(metric, str) else metric[title]
        labels: list[tuple[float, float, str, str]] = []
        lines: _Points = []
        for place, (name, runs) in enumerate(models.items()):
            colour, mark = _COLOURS[place % 5], _MARKS[place % 5]
            best = (-1.0, 0.0)
            for run in runs:
                x, y = _column(run, along, name), _column(run, value, name)
                ax.plot(x, y, color=colour, linewidth=1.3, alpha=0.75)
                lines += _dense(x, y)
                top = max(range(len(y)), key=y.__getitem__)
                ax.plot(x[top], y[top], mark, color=colour, markersize=6)
                best = max(best, (y[top], x[top]))
            labels.append((best[1], best[0], f"{name}: {best[0]:.4f}", colour))
        ax.set_xlabel("epoch" if along == "epoch" else "seconds of training")
        ax.set_ylabel(f"validation {_label(value)}")
        ax.margins(x=0.04, y=0.12)
        ax.grid(color="#e4e4e4", linewidth=0.6)
        named.append((ax, labels, lines))
    _name_points(figure, named)
    return _finish(figure, axes, path)


def draw_accuracy_by_time(
    panels: Mapping[str, Sequence[Estimate]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
) -> Path:
    """Draw a point for each model: its accuracy with its interval, above its seconds of training.

    Args:
        panels: By title of a panel, the models; those that are `ours` are filled.
        metric: What the accuracy is; by title of a panel where that differs.
        path: The file.

    Raises:
        DataError: There is no model, or one took no time.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    most = max((len(models) for models in panels.values()), default=0)
    figure, axes = _panels(list(panels), max(3.0, 1.6 + 0.12 * most), columns=1)  # room for names
    named: list[_Named] = []
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
        ax.set_ylabel(_of_panel(metric, title))
        seconds = [one.seconds for one in models]
        ax.set_xlim(min(seconds) / 3, max(seconds) * 8)
        _plain_seconds(ax)
        ax.margins(y=0.12)
        ax.grid(color="#e4e4e4", linewidth=0.6)
        labels = [
            (one.seconds, one.value, one.name, canvas.VERMILION if one.ours else _INK)
            for one in models
        ]
        bars = [point for one in models for point in _dense([one.seconds] * 2, [one.low, one.high])]
        named.append((ax, labels, bars))
    _name_points(figure, named)
    return _finish(figure, axes, path)


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
        metric: What is gained; by title of a panel where that differs.
        path: The file.
        reference: Name of what the gain is over.

    Raises:
        DataError: A panel has no groups.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    most = max((len(groups) for groups in panels.values()), default=0)
    figure, axes = _panels(list(panels), 1.1 + 0.42 * most)
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
            _note(ax, share.replace("-", "−"), (max(ends), place), (8, 0), va="center")
        low, high = _wide(min(ends), max(ends), 0.08)
        ax.set_xlim(low, high + 0.16 * (high - low))
        names = [f"{one.label}  ({one.tests.num_users:,} users)" for one in groups]
        ax.set_yticks(range(len(groups)), names)
        ax.set_ylim(len(groups) - 0.5, -0.5)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel(f"gain over {_label(reference)}, {_of_panel(metric, title)}")
        ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    return _finish(figure, axes, path)


def draw_ablations(
    panels: Mapping[str, Sequence[Estimate]],
    metric: str | Mapping[str, str],
    path: str | os.PathLike[str],
) -> Path:
    """Draw bars of what a model reaches as it is and without parts of it.

    Args:
        panels: By title of a panel, the bars from top to bottom; `ours` is the whole model.
        metric: What they reach; by title of a panel where that differs.
        path: The file.

    Raises:
        DataError: A panel has no bars.
        ConfigError: The file has another ending than .png or .svg.
        RunError: The file cannot be written.
    """
    most = max((len(bars) for bars in panels.values()), default=0)
    figure, axes = _panels(list(panels), 1.1 + 0.5 * most)
    for ax, (title, bars) in zip(axes, panels.items(), strict=True):
        if not bars:
            raise DataError("Ablations need one bar or more.")
        for place, bar in enumerate(bars):
            colour = canvas.BLUE if bar.ours else canvas.SKY
            ax.barh([place], [bar.value], color=colour, height=0.6)
            ax.plot([bar.low, bar.high], [place, place], color=_INK, linewidth=1.3)
            note = f"{bar.value:.4f}" + (f"\n{bar.note}" if bar.note else "")
            _note(ax, note, (bar.high, place), (6, 0), va="center", linespacing=1.05)
        ax.set_yticks(range(len(bars)), [_label(bar.name, 24) for bar in bars])
        ax.set_ylim(len(bars) - 0.45, -0.55)
        ax.set_xlim(0, max(bar.high for bar in bars) * 1.6)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel(_of_panel(metric, title))
        ax.tick_params(axis="y", length=0)
    return _finish(figure, axes, path)


def _panels(titles: Sequence[str], height: float, columns: int = 2) -> tuple[Any, list[Any]]:
    """Return a figure of panels, `columns` to a row, each `height` inches high."""
    if not titles:
        raise DataError("There is nothing to draw.")
    wide = min(len(titles), columns)
    rows = -(-len(titles) // wide)
    figure = _figure(rows * height)
    grid = figure.subplots(rows, wide, squeeze=False).ravel()
    for ax in grid[len(titles) :]:
        ax.set_visible(False)
    axes = list(grid[: len(titles)])
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(canvas.one_line(title, 10, 60), fontsize=10)
    return figure, axes


def _of_panel(metric: str | Mapping[str, str], title: str) -> str:
    """Return what is drawn in a panel, as it is written."""
    return _label(metric if isinstance(metric, str) else metric[title])


def _column(run: Curve, key: str, name: str) -> list[float]:
    missing = not len(run) or any(key not in point for point in run)
    if missing:
        known = sorted(run[0]) if len(run) else ()
        raise DataError(
            f"The validation curve of {printable(name)} has no {printable(key)!r}."
            + did_you_mean(key, known)
        )
    return [float(point[key]) for point in run]


def _name_points(figure: Any, named: Sequence[_Named]) -> None:
    figure.draw_without_rendering()
    for ax, labels, avoid in named:
        place_labels(figure, ax, labels, avoid=avoid)


def _dense(x: Sequence[float], y: Sequence[float]) -> _Points:
    """Return points along a line, ten for each of its parts."""
    parts = zip(zip(x, y, strict=True), zip(x[1:], y[1:], strict=True), strict=False)
    return [
        (a + (c - a) * step / 10, b + (d - b) * step / 10)
        for (a, b), (c, d) in parts
        for step in range(11)
    ]


def _plain_seconds(ax: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _wide(low: float, high: float, share: float) -> tuple[float, float]:
    """Return the ends of an axis with room at both sides."""
    room = share * (high - low) or 0.05 * max(abs(high), 0.1)
    return low - room, high + room


def _mean(model: ComparedModel, metric: str) -> float:
    return float(model.evaluation.per_user[metric].mean())


def _figure(height: float, width: float = _WIDTH) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(width, height), facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _finish(figure: Any, axes: Sequence[Any], path: str | os.PathLike[str]) -> Path:
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color("#999999")
        ax.tick_params(color="#999999", labelcolor=_INK, labelsize=_SMALL)
        ax.set_axisbelow(True)
        texts = (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ax.get_yticklabels())
        canvas.plain(*texts)
    return canvas.save(figure, path)


def _note(ax: Any, text: str, at: tuple[float, float], offset: tuple[float, float],
          **options: Any) -> None:  # fmt: skip
    """Write a text beside a point, `offset` in points."""
    under = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    options = {"fontsize": _SMALL, "color": _INK, "bbox": under, **options}
    lines = [canvas.one_line(line, _SMALL, 36) for line in text.splitlines()]
    ax.annotate("\n".join(lines), at, xytext=offset, textcoords="offset points", **options)


def _label(text: str, columns: int = _LETTERS) -> str:
    return canvas.one_line(text, _POINTS, columns)
