"""Positions of boxes, lines and labels in a picture. Lengths are inches, y points upwards."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.types import Float64Array, IntArray

if TYPE_CHECKING:
    import networkx

Key = Hashable
Pair = tuple[Key, Key]
Size = tuple[float, float]

_SEEN = 0.35  # share of a line that its label may not cover


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions in a picture.

    Attributes:
        centre: Centre of each box, float64 (2,).
        lines: The points of each line from end to end, float64 (points, 2).
        labels: Centre of the label of each line that has one, float64 (2,).
        faults: Penalty of the labels: 100 for each that overlaps another or a box, 1 for each that
            hides most of its line.
    """

    centre: Mapping[Key, Float64Array]
    lines: Mapping[Pair, Float64Array]
    labels: Mapping[Pair, Float64Array]
    faults: int

    def shifted(self, by: Float64Array) -> Layout:
        """Return the layout moved by a vector."""
        return Layout(
            {key: point + by for key, point in self.centre.items()},
            {pair: points + by for pair, points in self.lines.items()},
            {pair: point + by for pair, point in self.labels.items()},
            self.faults,
        )

    def bounds(self, sizes: Mapping[Key, Size]) -> tuple[Float64Array, Float64Array]:
        """Return the lower left and the upper right corner of all boxes and lines."""
        half = {key: np.array(sizes[key]) / 2 for key in self.centre}
        low = [self.centre[key] - half[key] for key in self.centre]
        high = [self.centre[key] + half[key] for key in self.centre]
        low += [points.min(axis=0) for points in self.lines.values()]
        high += [points.max(axis=0) for points in self.lines.values()]
        return np.min(low, axis=0), np.max(high, axis=0)


def spread(
    graph: networkx.Graph[Any], sizes: Mapping[Key, Size], labels: Mapping[Pair, Size]
) -> Layout:
    """Put the boxes of any graph near their neighbors, after Kamada and Kawai (1989).

    The picture grows until no box overlaps another and every label has room.

    Args:
        graph: An undirected graph.
        sizes: Width and height of each box.
        labels: Each line, as the pair of its ends, with the size of its label ((0, 0) for none).
    """
    keys = list(graph)
    start = _kamada_kawai(graph)
    boxes = np.array([sizes[key] for key in keys], dtype=np.float64)
    ends = np.array(_rows(graph), dtype=np.int64).reshape(-1, 2)
    unit = boxes.mean(axis=0) + np.array([0.9, 0.75])
    best: Layout | None = None
    for scale in (0.62, 0.75, 0.9, 1.1, 1.3, 1.6, 2.0, 2.5):
        points = _without_overlap(start * unit * scale, boxes + 0.28, ends)
        centre = dict(zip(keys, points, strict=True))
        lines = {pair: straight(centre, sizes, pair) for pair in labels}
        layout = with_labels(centre, sizes, lines, labels)
        if best is None or layout.faults < best.faults:
            best = layout
        if not best.faults or (best.faults < 100 and scale >= 0.9):
            break
    assert best is not None
    return best


def _kamada_kawai(graph: networkx.Graph[Any]) -> Float64Array:
    """Return points at about the distances in the graph, float64 of shape (n, 2)."""
    import networkx as nx

    if len(graph) == 1:
        return np.zeros((1, 2))
    steps = dict(nx.all_pairs_shortest_path_length(graph))
    far = max(max(near.values()) for near in steps.values()) + 1.5  # between separate parts
    distance = {
        one: {two: float(near.get(two, far)) for two in graph} for one, near in steps.items()
    }
    placed = nx.kamada_kawai_layout(graph, dist=distance)
    points = np.array([placed[key] for key in graph], dtype=np.float64)
    # Neighbors are at distance 1, whatever the size of the whole.
    ends = [(points[one], points[two]) for one, two in _rows(graph)]
    length = float(np.mean([np.linalg.norm(one - two) for one, two in ends])) if ends else 1.0
    points = (points - points.mean(axis=0)) / max(length, 1e-9)
    # Boxes are wider than tall: the longest way through the graph runs downwards.
    longest = np.linalg.svd(points, full_matrices=False)[2][0]
    longest *= np.sign(longest[np.abs(longest).argmax()])
    turned = points @ np.column_stack([[longest[1], -longest[0]], longest])
    return np.asarray(turned, dtype=np.float64)


def _rows(graph: networkx.Graph[Any]) -> list[tuple[int, int]]:
    row = {key: place for place, key in enumerate(graph)}
    return [(row[one], row[two]) for one, two in graph.edges]


def _without_overlap(points: Float64Array, boxes: Float64Array, ends: IntArray) -> Float64Array:
    """Push boxes apart, and away from the lines of others.

    Args:
        points: Centres, float64 (n, 2).
        boxes: Widths and heights, float64 (n, 2).
        ends: The lines, rows of their two boxes, int64 (m, 2).
    """
    points = points.copy()
    for _ in range(400):
        push = _from_boxes(points, boxes)
        if not push.any():
            push = _from_lines(points, boxes, ends)
            if not push.any():
                break
        points += np.clip(push, -0.5, 0.5)
    return points


def _from_boxes(points: Float64Array, boxes: Float64Array) -> Float64Array:
    """Return how to move overlapping boxes, along the axis of the least overlap."""
    push = np.zeros_like(points)
    one, two = np.triu_indices(len(points), 1)
    apart = points[two] - points[one]
    overlap = (boxes[one] + boxes[two]) / 2 - np.abs(apart)
    touching = (overlap > 1e-6).all(axis=1)
    axis = overlap[touching].argmin(axis=1)
    which = np.arange(len(axis))
    sign = np.where(apart[touching][which, axis] >= 0, 1.0, -1.0)
    amount = overlap[touching][which, axis] * 0.52 * sign
    np.add.at(push, (two[touching], axis), amount)
    np.add.at(push, (one[touching], axis), -amount)
    return push


def _from_lines(points: Float64Array, boxes: Float64Array, ends: IntArray) -> Float64Array:
    """Return how to move boxes that lie on the lines of others, and the ends of these lines."""
    push = np.zeros_like(points)
    if not len(ends):
        return push
    start, along = points[ends[:, 0]], points[ends[:, 1]] - points[ends[:, 0]]
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    normal = np.column_stack([-along[:, 1], along[:, 0]]) / length[:, None]
    away = points[None] - start[:, None]  # lines × boxes
    at = np.einsum("lbd,ld->lb", away, along) / length[:, None] ** 2
    side = np.einsum("lbd,ld->lb", away, normal)
    reach = np.abs(normal) @ (boxes.T / 2)
    hidden = (at > 0) & (at < 1) & (np.abs(side) < reach - 1e-6)
    hidden[np.arange(len(ends))[:, None], ends] = False
    line, box = np.nonzero(hidden)
    step = (reach - np.abs(side))[line, box] * np.where(side[line, box] >= 0, 0.3, -0.3)
    step += np.sign(step) * 0.01
    move = step[:, None] * normal[line]
    np.add.at(push, box, move)
    np.add.at(push, ends[line, 0], -move / 2)
    np.add.at(push, ends[line, 1], -move / 2)
    return push


def straight(
    centre: Mapping[Key, Float64Array], sizes: Mapping[Key, Size], pair: Pair
) -> Float64Array:
    """Return the straight line between the borders of two boxes, as 25 points of shape (25, 2)."""
    start, end = (centre[key] for key in pair)
    along = end - start
    cut = []
    for key in pair:
        half = np.array(sizes[key]) / 2 + 0.03
        with np.errstate(divide="ignore"):
            cut.append(float(min(np.min(half / np.maximum(np.abs(along), 1e-9)), 0.49)))
    t = np.linspace(cut[0], 1 - cut[1], 25)[:, None]
    return np.asarray(start + along * t, dtype=np.float64)


def with_labels(
    centre: Mapping[Key, Float64Array],
    sizes: Mapping[Key, Size],
    lines: Mapping[Pair, Float64Array],
    labels: Mapping[Pair, Size],
) -> Layout:
    """Put each label on its line, near the middle, clear of boxes and of the other labels."""
    taken = [(centre[key], np.array(sizes[key])) for key in centre]
    placed: dict[Pair, Float64Array] = {}
    faults = 0
    middle_first = sorted(range(5, 20), key=lambda place: (abs(place - 12), place))
    for pair, line in lines.items():
        size = np.array(labels[pair])
        if not size.any():
            continue
        steps = np.linspace(0, len(line) - 1, 25).astype(int)
        points = line[steps[middle_first]]
        others = [other for name, other in lines.items() if name != pair]
        passing = np.concatenate(others) if others else np.zeros((0, 2))
        overlap = np.array([_overlap(point, size + 0.06, taken) for point in points])
        crossed = np.array([_inside(passing, point, size) for point in points])
        best = int((overlap + 0.002 * crossed).argmin())
        seen = 1 - _inside(line, points[best], size) / len(line)
        faults += 100 * int(overlap[best] > 0) + int(seen <= _SEEN)
        placed[pair] = points[best]
        taken.append((points[best], size))
    return Layout(centre, lines, placed, faults)


def _inside(points: Float64Array, centre: Float64Array, size: Float64Array) -> int:
    """Return how many points lie in a box."""
    return int((np.abs(points - centre) < size / 2).all(axis=1).sum())


def _overlap(
    point: Float64Array, size: Float64Array, taken: Sequence[tuple[Float64Array, Float64Array]]
) -> float:
    """Return the area that a box shares with others."""
    points = np.array([other for other, _ in taken])
    boxes = np.array([box for _, box in taken])
    shared = (size + boxes) / 2 - np.abs(points - point)
    return float(np.prod(np.maximum(shared, 0), axis=1).sum())
