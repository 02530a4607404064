"""Names beside the points of a plot, placed to hide little of it and of each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from kgrec.drawing import canvas

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in pixels."""

_NEAR: Final = ((0.0, -0.5), (-1.0, -0.5), (-0.5, 0.0), (-0.5, -1.0))
_FAR: Final = tuple(
    (across, up)
    for up in (0.3, -1.3, 1.0, -2.0, 1.8, -2.8, 2.8, -3.8, 4.0, -5.0)
    for across in (0.0, -1.0, -0.5)
)
_FAR_OFF: Final = 14
"""Distance in points from which on a line joins a label to its point."""
_OFFSETS: Final = (*_NEAR, *_FAR)
"""Possible places of a label, best first: from its point to its corner, in shares of its size."""


def place_labels(
    figure: Any,
    ax: Any,
    labels: Sequence[tuple[float, float, str, str]],
    *,
    avoid: Sequence[tuple[float, float]] = (),
    points: float = 8.5,
) -> None:
    """Write a name beside each point, where it hides the least; lines lead to distant ones.

    Args:
        figure: The figure with everything but labels, after `figure.draw_without_rendering()`.
        ax: The axes, with final limits and scales.
        labels: For each point its x, y, text and colour. Texts are drawn as they are.
        avoid: Further points not to hide, such as those of lines.
        points: Font size.
    """
    scale, inside = figure.dpi / 72, ax.get_window_extent()
    dots = [ax.transData.transform((x, y)) for x, y, _, _ in labels]
    boxes = [_around(dot, 5 * scale) for dot in dots]
    boxes += [_around(ax.transData.transform(point), 4 * scale) for point in avoid]
    for (x, y, text, colour), dot in zip(labels, dots, strict=True):
        made = canvas.text(text, points, columns=40, max_lines=1)
        size = (made.width * figure.dpi, made.height * figure.dpi)
        choices = [_box(dot, size, offset, scale) for offset in _OFFSETS]
        # A distant place costs more: a tenth of a label for each step.
        others = [one for one in dots if one is not dot]
        costs = [
            _hidden(box, boxes, inside)
            + size[0]
            * size[1]
            * (0.1 * max(0, place - 3) ** 0.5 + 0.5 * _misleading(box, dot, others))
            for place, box in enumerate(choices)
        ]
        chosen = min(range(len(costs)), key=costs.__getitem__)
        boxes.append(choices[chosen])
        left, bottom = choices[chosen][:2]
        end = _nearest(choices[chosen], dot)
        far = math.dist(end, dot) > _FAR_OFF * scale
        if far or _misleading(choices[chosen], dot, others) > 0:
            ax.annotate(
                "", (x, y), xytext=[(e - d) / scale for e, d in zip(end, dot, strict=True)],
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": canvas.GREY, "linewidth": 0.8},
            )  # fmt: skip
        label = ax.annotate(
            made.lines[0], (x, y),
            xytext=((left - dot[0]) / scale, (bottom - dot[1]) / scale + 0.25 * points),
            textcoords="offset points", fontsize=points, color=colour,
        )  # fmt: skip
        canvas.plain(label)


def _around(dot: Sequence[float], half: float) -> Box:
    return dot[0] - half, dot[1] - half, dot[0] + half, dot[1] + half


def _box(
    dot: Sequence[float], size: tuple[float, float], offset: tuple[float, float], scale: float
) -> Box:
    """Return the left, bottom, right and top of a label at an offset, in pixels.

    An offset is a share of the label's size, plus 8 points to the same side.
    """
    across, up = offset
    aside = 8 * scale * (1 if across >= 0 else -1) * (across != -0.5)
    above = 8 * scale * (1 if up > -0.5 else -1) * (across == -0.5)
    left, bottom = dot[0] + across * size[0] + aside, dot[1] + up * size[1] + above
    return left, bottom, left + size[0], bottom + size[1]


def _nearest(box: Box, dot: Sequence[float]) -> tuple[float, float]:
    """Return the place of a label nearest to a point."""
    return min(max(dot[0], box[0]), box[2]), min(max(dot[1], box[1]), box[3])


def _misleading(box: Box, dot: Sequence[float], others: Sequence[Sequence[float]]) -> float:
    """Return how much nearer a label is to another point than to its own, 0 to 1."""
    own = math.dist(_nearest(box, dot), dot)
    nearest = min((math.dist(_nearest(box, one), one) for one in others), default=math.inf)
    return max(0.0, 1 - nearest / max(own, 1e-9)) if nearest < own else 0.0


def _hidden(box: Box, others: Sequence[Box], inside: Any) -> float:
    """Return how much of a label overlaps others or lies outside, in square pixels."""
    left, bottom, right, top = box
    total = 0.0
    for one in others:
        total += _overlap(box, one)
    within = _overlap(box, (inside.x0, inside.y0, inside.x1, inside.y1))
    return total + (right - left) * (top - bottom) - within


def _overlap(box: Box, other: Box) -> float:
    """Return the area that two boxes share, in square pixels."""
    wide = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
    return wide * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
