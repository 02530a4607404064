"""A picture of the models that were tried together: what each reaches alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kgrec.drawing.panels import draw_bars, label, write_figure
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
    best = sorted(figures.items(), key=lambda item: -item[1])
    rows = [(name, value, f"{value:.4f}") for name, value in best]
    figure, ax = draw_bars(rows, 8.0, f"validation {label(metric)}", chosen)
    return write_figure(figure, [ax], path)
