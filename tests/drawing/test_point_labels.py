"""Labels stand beside their points, inside of the axes, and not on each other."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from kgrec.drawing.point_labels import place_labels


def placed(points, avoid=(), limits=(0, 10, 0, 10)):
    """Place labels and return what they cover, in pixels, with the axes and the points."""
    figure = Figure(figsize=(6, 4))
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.set_xlim(limits[:2])
    ax.set_ylim(limits[2:])
    figure.draw_without_rendering()
    place_labels(figure, ax, [(x, y, text, "black") for x, y, text in points], avoid=avoid)
    figure.draw_without_rendering()
    named = [one for one in ax.texts if isinstance(one, Annotation) and one.get_text()]
    boxes = {one.get_text(): one.get_window_extent() for one in named}
    lines = sum(1 for one in ax.texts if not one.get_text())
    return boxes, ax, lines


def test_one_label_stands_to_the_right_of_its_point():
    boxes, ax, lines = placed([(5, 5, "here")])
    x, y = ax.transData.transform((5, 5))
    assert 3 < boxes["here"].x0 - x < 25
    assert boxes["here"].y0 < y < boxes["here"].y1
    assert lines == 0


def test_labels_stay_inside():
    corners = [(0.1, 0.1, "south-west"), (9.9, 0.1, "south-east"), (9.9, 9.9, "north-east")]
    boxes, ax, _ = placed(corners)
    inside = ax.get_window_extent()
    for box in boxes.values():
        assert inside.x0 - 4 <= box.x0
        assert box.x1 <= inside.x1 + 4
        assert inside.y0 - 6 <= box.y0
        assert box.y1 <= inside.y1 + 6


@pytest.mark.parametrize("seed", range(6))
def test_a_cluster_of_points_has_labels_apart_from_each_other(seed):
    rng = np.random.default_rng(seed)
    points = [(*(5 + rng.normal(0, 0.5, 2)), f"model {number}") for number in range(6)]
    boxes, _, _ = placed(points)
    assert len(boxes) == 6
    found = list(boxes.values())
    for place, one in enumerate(found):
        for other in found[:place]:
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide < 3 or high < 4  # what matplotlib leaves around letters may touch


def test_what_is_to_be_seen_is_not_hidden_and_a_line_leads_to_a_far_label():
    # A horizontal bundle of curves through the point: the label goes above or below it.
    bundle = [(x, y) for x in np.linspace(0, 10, 120) for y in (4.4, 4.7, 5, 5.3, 5.6)]
    boxes, ax, lines = placed([(5, 5, "the best of them")], bundle)
    box = boxes["the best of them"]
    low, high = (ax.transData.transform((5, y))[1] for y in (4.4, 5.6))
    assert box.y0 > high - 4 or box.y1 < low + 4
    assert lines == 1


def test_any_text_is_drawn_as_it_is():
    boxes, _, _ = placed([(5, 5, "$\\frac$"), (2, 2, "\x1b[31m"), (8, 8, "日本")])
    assert len(boxes) == 3
    assert not any("\x1b" in text for text in boxes)
    assert "$\\frac$" in boxes  # which is no mathematics, and an error if it were read as such
