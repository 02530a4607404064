"""Pictures of what counts in a score: bars of liked items and towers, and highlighted words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kgrec.drawing import canvas
from kgrec.drawing.panels import INK, POINTS, label, note, plot_figure, write_figure
from kgrec.errors import DataError

if TYPE_CHECKING:
    from kgrec.explain.explanation import Explanation

_WIDTH: Final = 8.0
_LINE: Final = 6.6  # inches of a line of words
_HEIGHT: Final = 0.34
_BASE: Final = "what is no liked item's"


def attribution_figure(explanation: Explanation) -> tuple[Any, list[Any]]:
    """Return a figure of what liked items add to a score, and its axes.

    What speaks for the item is blue, what speaks against it vermilion and hatched; the last bar,
    grey, is what is no liked item's. With towers, a second panel has the part of each model.

    Raises:
        DataError: The explanation has no score.
    """
    if explanation.score is None or explanation.base is None:
        raise DataError("There is nothing to draw: the explanation has no score.")
    rows = [(one.item.label, one.value) for one in explanation.contributions]
    rest = explanation.score - explanation.base - sum(value for _, value in rows)
    if abs(rest) > 1e-6 * max(1.0, abs(explanation.score)):
        rows.append(("all other liked items", rest))
    if abs(explanation.base) > 1e-3 * abs(explanation.score):
        rows.append((_BASE, explanation.base))
    towers = list(explanation.towers.items())
    heights = [len(rows), *([len(towers)] if towers else [])]
    figure = plot_figure(_WIDTH, 1.1 * len(heights) + _HEIGHT * sum(heights))
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights).ravel().tolist()
    title = f"What adds to the score of {canvas.one_line(explanation.item.label, 50)}"
    _bars(axes[0], rows, title)
    if towers:
        _bars(axes[1], towers, "The parts of the models")
    return figure, axes


def draw_attributions(explanation: Explanation, path: str | os.PathLike[str]) -> Path:
    """Draw what liked items add to a score as a .png or .svg file; return its path.

    Args:
        explanation: From `kgrec.Recommender.explain`.
        path: The file.

    Raises:
        DataError: The explanation has no score.
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    figure, axes = attribution_figure(explanation)
    return write_figure(figure, axes, path)


def _bars(ax: Any, rows: Sequence[tuple[str, float]], title: str) -> None:
    places = range(len(rows))
    for place, (name, value) in enumerate(rows):
        base = name == _BASE
        colour = canvas.GREY if base else canvas.BLUE if value >= 0 else canvas.VERMILION
        hatch = "///" if value < 0 and not base else None
        ax.barh(place, value, color=colour, height=0.62, hatch=hatch, edgecolor="white")
        left = value < 0
        side = {"ha": "right" if left else "left", "va": "center"}
        note(ax, f"{value:.3g}", (value, place), (-4 if left else 4, 0), **side)
    ax.set_yticks(places, [label(name, 44) for name, _ in rows], fontsize=POINTS)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    low, high = min(0.0, *(v for _, v in rows)), max(0.0, *(v for _, v in rows))
    room = 0.16 * (high - low or 1.0)
    ax.set_xlim(low - (room if low < 0 else 0.0), high + room)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_title(canvas.one_line(title, 80), fontsize=10)
    ax.set_xlabel("part of the score")
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.6)


def words_figure(words: Sequence[tuple[str, float]], title: str) -> tuple[Any, Any]:
    """Return a figure of a text whose words are highlighted by what they add, and its axes.

    Words that add are on blue, words that take away on orange and underlined; the more, the
    darker.

    Raises:
        DataError: There is no word.
    """
    if not words:
        raise DataError("There is nothing to draw: there are no words.")
    greatest = max(abs(value) for _, value in words) or 1.0
    made = [(canvas.text(word, POINTS, columns=40, max_lines=1), value) for word, value in words]
    lines: list[list[tuple[Any, float, float]]] = [[]]
    x = 0.0
    for text, value in made:
        if x and x + text.width > _LINE:
            lines.append([])
            x = 0.0
        lines[-1].append((text, value, x))
        x += text.width + 0.09
    height = 0.7 + _HEIGHT * len(lines)
    figure, ax = canvas.figure(_LINE + 0.4, height)
    heading = canvas.text(title, 10, columns=80, max_lines=1)
    canvas.write(ax, heading, 0.2 + heading.width / 2, height - 0.25)
    for number, line in enumerate(lines):
        y = height - 0.65 - _HEIGHT * number
        for text, value, left in line:
            share = abs(value) / greatest
            if share > 0.04:
                colour = canvas.SKY if value > 0 else canvas.ORANGE
                _mark(ax, left + 0.2, y, text, canvas.tinted(colour, 0.15 + 0.75 * share))
            if value < 0 and share > 0.04:
                ax.plot([left + 0.2, left + 0.2 + text.width], [y - 0.11] * 2, color=INK, lw=0.8)
            canvas.write(ax, text, left + 0.2 + text.width / 2, y)
    return figure, ax


def draw_words(
    words: Sequence[tuple[str, float]], path: str | os.PathLike[str], *, title: str = ""
) -> Path:
    """Draw a text whose words are highlighted as a .png or .svg file; return its path.

    Args:
        words: The words in their order, and what each adds; from
            `kgrec.text.attribution.word_attributions`.
        path: The file.
        title: A title above.

    Raises:
        DataError: There is no word.
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    figure, _ = words_figure(words, title)
    return canvas.save(figure, path)


def _mark(ax: Any, x: float, y: float, text: Any, colour: Any) -> None:
    from matplotlib.patches import FancyBboxPatch

    box = FancyBboxPatch(
        (x, y - 0.1), text.width, 0.2, boxstyle="round,pad=0.03", facecolor=colour, edgecolor="none"
    )
    ax.add_patch(box)
