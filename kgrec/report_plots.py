"""Pictures of results: comparisons, validation curves, accuracy by time, gains by group.

Each function writes one .png or .svg file. Colours are Okabe and Ito's, and what a colour says
stands beside it in words or in the shape of the mark. Names are written at the marks themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from kgrec.evaluation.comparison import ComparedModel, Comparison
from kgrec.evaluation.significance import PairedTests
from kgrec.graph import canvas

_WIDTH: Final = 8.6
_POINTS: Final = 9.5
_SMALL: Final = 8.5
_INK: Final = "#222222"
_FAINT: Final = "#666666"
_LETTERS: Final = 34
_LEVEL: Final = 0.05


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
    order = sorted(comparison.models, key=lambda one: -_mean(one, metrics[0]))
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
        colour, filled, words = _verdict(comparison.tests[metric].get(model.name))
        ax.plot(model.intervals[metric], [place, place], color=colour, linewidth=2.2)
        ax.plot(
            [value], [place], "o", markersize=8, color=colour, markeredgewidth=1.6,
            markerfacecolor=colour if filled else "white",
        )  # fmt: skip
        share = (value - low) / (high - low)
        side = "left" if share < 0.35 else "right" if share > 0.65 else "center"
        shift = {"left": -12, "center": 0, "right": 12}[side]
        _note(ax, f"{value:.4f}{words}", (value, place), (shift, -8), ha=side, va="top")
    ax.set_title(f"{metric}, mean and {comparison.config.confidence:.0%} interval", fontsize=10)
    ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)


def _verdict(found: PairedTests | None) -> tuple[str, bool, str]:
    """Return colour, whether the mark is filled, and words, of a model against the reference."""
    if found is None:
        return _FAINT, False, "  reference"
    p = found.t_test_holm
    words = f"  {found.gain:+.4f}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    if p >= _LEVEL:
        return canvas.BLUE, False, words.replace("-", "−")
    return (canvas.BLUE if found.gain > 0 else canvas.VERMILION), True, words.replace("-", "−")


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
    ax.annotate(text, at, xytext=offset, textcoords="offset points", **options)


def _label(text: str, columns: int = _LETTERS) -> str:
    return canvas.one_line(text, _POINTS, columns)
