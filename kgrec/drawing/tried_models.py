"""A picture of the models that were tried together: what each reaches alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kgrec.drawing import canvas
from kgrec.drawing.panels import label, plot_figure, write_figure
from kgrec.errors import DataError


def draw_parts(
    figures: Mapping[str, float], chosen: str, metric: str, path: str | os.PathLike[str]
) -> Path:
    """Draw a bar for each model, the best at the top, as a .png or .svg file; return its path.

    Args:
        figures: The value of each model on validation.
        chosen: Which of them is drawn in another colour, such as all together.
        metric: The metric.
        path: The file.

    Raises:
        DataError: There is no model.
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    if not figures:
        raise DataError("There is nothing to draw: no model has a value.")
    names = sorted(figures, key=lambda name: figures[name])
    values = [figures[name] for name in names]
    figure = plot_figure(8.0, 1.2 + 0.36 * len(names))
    ax = figure.subplots()
    colours = [canvas.VERMILION if name == chosen else canvas.BLUE for name in names]
    ax.barh(range(len(names)), values, color=colours, height=0.64)
    ax.set_yticks(range(len(names)), [label(name, 32) for name in names])
    for place, value in enumerate(values):
        ax.annotate(
            f"{value:.4f}", (value, place), xytext=(4, 0), textcoords="offset points", va="center"
        )
    ax.set_xlim(0, 1.12 * max(*values, 1e-9))
    ax.set_xlabel(f"validation {label(metric)}")
    return write_figure(figure, [ax], path)
