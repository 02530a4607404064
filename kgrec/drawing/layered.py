"""Boxes in columns, with few crossings of the lines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from kgrec.drawing.placement import Key, Layout, Pair, Size, straight, with_labels
from kgrec.types import Float64Array

_LANE = 0.26  # height of the lane in which a line passes a column of boxes
_SWEEPS = 12


def layered(
    layer_of: Mapping[Key, int],
    sizes: Mapping[Key, Size],
    labels: Mapping[Pair, Size],
) -> Layout:
    """Put boxes into columns with few crossings, after Sugiyama, Tagawa and Toda (1981).

    Args:
        layer_of: Column of each box.
        sizes: Width and height of each box.
        labels: Each line, as the pair of its ends, with the size of its label ((0, 0) for none).
    """
    ranks = {layer: place for place, layer in enumerate(sorted(set(layer_of.values())))}
    layers = {key: ranks[layer] for key, layer in layer_of.items()}
    routes = {pair: _route(pair, layers) for pair in labels if layers[pair[0]] != layers[pair[1]]}
    boxes: dict[Key, Size] = dict(sizes)
    wide = [0.0] * (max(layers.values()) + 1)
    for key, layer in layers.items():
        wide[layer] = max(wide[layer], sizes[key][0])
    for route in routes.values():
        for lane in route[1:-1]:
            boxes[lane] = (wide[lane[2]], _LANE)
            layers[lane] = lane[2]
    columns = _ordered(layers, routes)
    x = _column_places(columns, boxes, layers, routes, labels)
    best: Layout | None = None
    for gap in (0.22, 0.32, 0.45, 0.6, 0.8):
        y = _heights(columns, boxes, routes, gap)
        centre = {key: np.array([x[layers[key]], y[key]]) for key in sizes}
        lines = _curves(routes, layers, boxes, x, y)
        for pair in labels:
            if pair not in routes:  # both ends in one column
                lines[pair] = straight(centre, sizes, pair)
        layout = with_labels(centre, sizes, lines, labels)
        if best is None or layout.faults < best.faults:
            best = layout
        if not best.faults:
            break
    assert best is not None
    return best


def _route(pair: Pair, layers: Mapping[Key, int]) -> list[Any]:
    """Return the ends of a line from left to right, with a lane in each column between."""
    start, end = sorted(pair, key=lambda key: layers[key])
    lanes = [("lane", pair, layer) for layer in range(layers[start] + 1, layers[end])]
    return [start, *lanes, end]


def _ordered(layers: Mapping[Key, int], routes: Mapping[Pair, list[Any]]) -> list[list[Any]]:
    """Return the boxes and lanes of each column from top to bottom."""
    columns: list[list[Any]] = [[] for _ in range(max(layers.values()) + 1)]
    for key, layer in layers.items():
        columns[layer].append(key)
    left: dict[Key, list[Key]] = {key: [] for key in layers}
    right: dict[Key, list[Key]] = {key: [] for key in layers}
    for route in routes.values():
        for one, two in pairwise(route):
            right[one].append(two)
            left[two].append(one)
    best, fewest = [list(column) for column in columns], _crossings(columns, right)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in range(1, len(columns)) if down else range(len(columns) - 2, -1, -1):
            beside = columns[layer - 1 if down else layer + 1]
            place = {key: position for position, key in enumerate(beside)}
            near = left if down else right
            own = {key: position for position, key in enumerate(columns[layer])}
            columns[layer].sort(
                key=lambda key, near=near, place=place, own=own: (  # type: ignore[misc]
                    float(np.mean([place[other] for other in near[key]]))
                    if near[key]
                    else float(own[key])
                )
            )
        crossings = _crossings(columns, right)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return best


def _crossings(columns: Sequence[Sequence[Key]], right: Mapping[Key, list[Key]]) -> int:
    total = 0
    for one, two in pairwise(columns):
        place = {key: position for position, key in enumerate(two)}
        ends = [(i, place[other]) for i, key in enumerate(one) for other in right[key]]
        total += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a in ends for b in ends) // 2
    return total


def _column_places(
    columns: Sequence[Sequence[Key]],
    boxes: Mapping[Key, Size],
    layers: Mapping[Key, int],
    routes: Mapping[Pair, list[Any]],
    labels: Mapping[Pair, Size],
) -> list[float]:
    """Return the x of each column, with gaps wide enough for the labels in them."""
    width = [max(boxes[key][0] for key in column) for column in columns]
    gap = [0.9] * len(columns)
    for pair, route in routes.items():
        for key in route[:-1]:
            gap[layers[key]] = max(gap[layers[key]], labels[pair][0] + 0.8)
    x = [width[0] / 2]
    for place in range(1, len(columns)):
        x.append(x[-1] + width[place - 1] / 2 + gap[place - 1] + width[place] / 2)
    return x


def _heights(
    columns: Sequence[Sequence[Key]],
    boxes: Mapping[Key, Size],
    routes: Mapping[Pair, list[Any]],
    gap: float,
) -> dict[Key, float]:
    """Return the y of each box and lane: near its neighbors, without overlap in its column."""
    near: dict[Key, list[Key]] = {key: [] for column in columns for key in column}
    for route in routes.values():
        for one, two in pairwise(route):
            near[one].append(two)
            near[two].append(one)
    y: dict[Key, float] = {}
    for column in columns:
        stacked = _apart(np.zeros(len(column)), [boxes[key][1] for key in column], gap)
        y |= dict(zip(column, stacked.tolist(), strict=True))
    for _ in range(_SWEEPS):
        for column in columns:
            wanted = [
                float(np.mean([y[other] for other in near[key]])) if near[key] else y[key]
                for key in column
            ]
            placed = _apart(np.array(wanted), [boxes[key][1] for key in column], gap)
            y |= dict(zip(column, placed.tolist(), strict=True))
    return y


def _apart(wanted: Float64Array, heights: Sequence[float], gap: float) -> Float64Array:
    """Return the places nearest to the wanted ones without overlap, from top to bottom.

    Least squares under order constraints: pool adjacent violators.
    """
    tall = np.asarray(heights)
    distance = np.concatenate([[0.0], (tall[:-1] + tall[1:]) / 2 + gap])
    shift = np.cumsum(distance)
    pools: list[list[float]] = []  # sum, count
    for value in -wanted - shift:  # downwards is increasing
        pools.append([float(value), 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    level = np.concatenate([np.full(int(count), total / count) for total, count in pools])
    return np.asarray(-(level + shift), dtype=np.float64)


def _curves(
    routes: Mapping[Pair, list[Any]],
    layers: Mapping[Key, int],
    boxes: Mapping[Key, Size],
    x: Sequence[float],
    y: Mapping[Key, float],
) -> dict[Pair, Float64Array]:
    """Return each line as points of a smooth curve from its first end to its last."""
    ports = _ports(routes, boxes, y)
    t = np.linspace(0, 1, 25)
    ease = t * t * (3 - 2 * t)
    lines: dict[Pair, Float64Array] = {}
    for pair, route in routes.items():
        points = []
        for one, two in pairwise(route):
            left = x[layers[one]] + boxes[one][0] / 2
            right = x[layers[two]] - boxes[two][0] / 2
            low, high = ports[one, pair, "right"], ports[two, pair, "left"]
            points.append(np.column_stack([left + (right - left) * t, low + (high - low) * ease]))
            if two is not route[-1]:  # level through the lane
                across = np.linspace(right, right + boxes[two][0], 9)
                points.append(np.column_stack([across, np.full(9, high)]))
        line = np.concatenate(points)
        lines[pair] = line if route[0] == pair[0] else line[::-1]
    return lines


def _ports(
    routes: Mapping[Pair, list[Any]], boxes: Mapping[Key, Size], y: Mapping[Key, float]
) -> dict[tuple[Key, Pair, str], float]:
    """Return the y at which each line meets each box, spread over its side in order."""
    sides: dict[tuple[Key, str], list[tuple[float, int, Pair]]] = {}
    for number, (pair, route) in enumerate(routes.items()):
        for one, two in pairwise(route):
            sides.setdefault((one, "right"), []).append((y[two], number, pair))
            sides.setdefault((two, "left"), []).append((y[one], number, pair))
    ports = {}
    for (key, side), ends in sides.items():
        room = 0.6 * boxes[key][1]
        step = min(room / max(len(ends) - 1, 1), 0.14)
        for place, (_, _, pair) in enumerate(sorted(ends)):
            ports[key, pair, side] = y[key] + (place - (len(ends) - 1) / 2) * step
    return ports
