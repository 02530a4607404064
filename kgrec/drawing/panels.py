"""Figures of panels with axes, all in one style."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kgrec.drawing import canvas
from kgrec.drawing.point_labels import place_labels
from kgrec.errors import DataError

INK: Final = "#222222"
POINTS: Final = 9.5
_SMALL: Final = 8.5
_WIDTH: Final = 8.6
_LETTERS: Final = 34

Points = list[tuple[float, float]]
Named = tuple[Any, list[tuple[float, float, str, str]], Points]
"""Axes, the labels of points in them, and further points that labels avoid."""


def plot_figure(width: float, height: float, *, padding: float = 0.1) -> Any:
    """Return a figure of that size in inches, with `padding` inches around each of its panels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=padding, h_pad=padding)
    figure = Figure(figsize=(width, height), facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def titled_panels(titles: Sequence[str], height: float, columns: int = 2) -> tuple[Any, list[Any]]:
    """Return a figure of panels, `columns` to a row, each `height` inches high, and their axes.

    Raises:
        DataError: There is no title.
    """
    if not titles:
        raise DataError("There is nothing to draw.")
    wide = min(len(titles), columns)
    rows = -(-len(titles) // wide)
    figure = plot_figure(_WIDTH, rows * height)
    grid = figure.subplots(rows, wide, squeeze=False).ravel()
    for ax in grid[len(titles) :]:
        ax.set_visible(False)
    axes = list(grid[: len(titles)])
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(canvas.one_line(title, 60), fontsize=10)
    return figure, axes


def write_figure(figure: Any, axes: Sequence[Any], path: str | os.PathLike[str]) -> Path:
    """Style all axes, and write the figure to a .png or .svg file.

    Raises:
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    style(axes)
    return canvas.save(figure, path)


def style(axes: Sequence[Any]) -> None:
    """Give axes the style of all figures; their texts are drawn literally."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color("#999999")
        ax.tick_params(color="#999999", labelcolor=INK, labelsize=_SMALL)
        ax.set_axisbelow(True)
        texts = (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ax.get_yticklabels())
        canvas.plain(*texts)


def label(text: str, columns: int = _LETTERS) -> str:
    """Return the text of a name beside an axis."""
    return canvas.one_line(text, columns)


def of_panel(metric: str | Mapping[str, str], title: str) -> str:
    """Return the text of the metric of a panel."""
    return label(metric if isinstance(metric, str) else metric[title])


def draw_bars(
    rows: Sequence[tuple[str, float, str]], width: float, of_axis: str, marked: str = ""
) -> tuple[Any, Any]:
    """Return a figure of horizontal bars, the first on top, and its axes.

    Args:
        rows: Name, value and the text of the value of each bar; at least one.
        width: Width of the figure in inches.
        of_axis: What the values are.
        marked: Name of the bar in another colour.
    """
    figure = plot_figure(width, 1.0 + 0.34 * len(rows))
    ax = figure.subplots()
    places = range(len(rows))
    colours = [canvas.VERMILION if name == marked else canvas.BLUE for name, _, _ in rows]
    ax.barh(places, [value for _, value, _ in rows], color=colours, height=0.62)
    ax.set_yticks(places, [label(name, 48) for name, _, _ in rows], fontsize=POINTS)
    for place, (_, value, text) in enumerate(rows):
        note(ax, text, (value, place), (4, 0), va="center")
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, 1.12 * max(value for _, value, _ in rows) or 1)
    ax.set_xlabel(of_axis)
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    return figure, ax


def note(
    ax: Any, text: str, at: tuple[float, float], offset: tuple[float, float], **options: Any
) -> None:
    """Write a text beside a point, `offset` in points."""
    under = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    options = {"fontsize": _SMALL, "color": INK, "bbox": under, **options}
    lines = [canvas.one_line(line, 36) for line in text.splitlines()]
    ax.annotate("\n".join(lines), at, xytext=offset, textcoords="offset points", **options)


def name_points(figure: Any, named: Sequence[Named]) -> None:
    """Write names beside points, after everything else is in the figure."""
    figure.draw_without_rendering()
    for ax, labels, avoid in named:
        place_labels(figure, ax, labels, avoid=avoid)


def dense(x: Sequence[float], y: Sequence[float]) -> Points:
    """Return points along a line, eleven for each segment."""
    parts = zip(zip(x, y, strict=True), zip(x[1:], y[1:], strict=True), strict=False)
    return [
        (a + (c - a) * step / 10, b + (d - b) * step / 10)
        for (a, b), (c, d) in parts
        for step in range(11)
    ]


def widened(low: float, high: float, share: float) -> tuple[float, float]:
    """Return the ends of an axis with a margin at both sides."""
    room = share * (high - low) or 0.05 * max(abs(high), 0.1)
    return low - room, high + room


def write_ticks(axis: Any, written: Callable[[float], str]) -> None:
    """Format the major ticks of an axis with a function, and hide the labels of minor ones."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
    axis.set_minor_formatter(NullFormatter())
