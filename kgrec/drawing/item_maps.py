"""Maps of items: where a model puts them, in two dimensions, with regions that have names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from kgrec.drawing import canvas
from kgrec.drawing.panels import INK, label, name_points, plot_figure, write_figure
from kgrec.errors import DataError
from kgrec.types import Float64Array, FloatArray, IntArray

_COLOURS: Final = (
    canvas.BLUE, canvas.ORANGE, canvas.GREEN, canvas.PURPLE, canvas.SKY, canvas.VERMILION,
    canvas.YELLOW, canvas.GREY,
)  # fmt: skip
_SHAPES: Final = "osD^vP*X"  # not colour alone tells regions apart
_NAMED: Final = 12
MOST_REGIONS: Final = len(_SHAPES)


@dataclass(frozen=True, eq=False)
class ItemMap:
    """Items in two dimensions.

    Attributes:
        points: Places, float64 of shape (n, 2).
        region: The region of each item, int64 of shape (n,).
        names: A name of each region.
    """

    points: Float64Array
    region: IntArray
    names: tuple[str, ...]


def flat(vectors: FloatArray) -> Float64Array:
    """Return the first two principal components of vectors, float64 of shape (n, 2).

    The sign of each is such that its entry of the largest size is positive, so the same vectors
    give the same picture everywhere.

    >>> vectors = np.array([[0.0, 1, 0], [0, 3, 0], [0, 2, 0]], dtype=np.float32)
    >>> (flat(vectors)[:, 0].round(3) + 0.0).tolist()  # 0.0, not -0.0
    [1.0, -1.0, 0.0]
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    points = centred @ axes[:2].T
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros((len(points), 2 - points.shape[1]))])
    largest = points[np.abs(points).argmax(axis=0), [0, 1]]
    return np.asarray(points * np.where(largest < 0, -1.0, 1.0))


def regions(points: Float64Array, number: int, seed: int = 0) -> IntArray:
    """Return the region of each point by k-means, int64 of shape (n,), the largest region first.

    Args:
        points: float64 of shape (n, dim).
        number: How many regions at most.
        seed: Seeds the first centres (k-means++: Arthur and Vassilvitskii, SODA 2007).
    """
    from scipy.cluster.vq import kmeans2

    number = min(number, len(np.unique(points, axis=0)))
    _, chosen = kmeans2(points, number, minit="++", seed=seed, missing="warn")
    found = np.unique(chosen, return_inverse=True)[1]
    order = np.argsort(-np.bincount(found), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[found], dtype=np.int64)


def item_map(vectors: FloatArray, values: Sequence[Sequence[str]], number: int = 6) -> ItemMap:
    """Return items in two dimensions, with regions that are named by what is typical of them.

    A region has the name of the value with the largest share among its items, compared with its
    share among all (their difference); of two regions with the same one, the second takes its
    next.

    Args:
        vectors: Vectors of the items, float32 of shape (n, dim), such as
            `VectorModel.similarity_vectors`.
        values: What each item is, such as its genres.
        number: Number of regions, at most 8.

    Raises:
        DataError: There are fewer than three items, or not as many values.
    """
    if len(vectors) < 3 or len(values) != len(vectors):
        raise DataError(
            f"A map needs at least three items and what each of them is; found {len(vectors)} "
            f"vectors and {len(values)} lists of values."
        )
    points = flat(vectors)
    region = regions(points, min(number, MOST_REGIONS))
    count = int(region.max()) + 1
    known = sorted({value for of_item in values for value in of_item})
    column = {value: place for place, value in enumerate(known)}
    has = np.zeros((len(values), len(known)))
    for row, of_item in enumerate(values):
        has[row, [column[value] for value in of_item]] = 1.0
    names: list[str] = []
    for one in range(count):
        lift = has[region == one].mean(axis=0) - has.mean(axis=0) if known else np.zeros(0)
        best = [known[place] for place in np.argsort(-lift, kind="stable")]
        names.append(next((name for name in best if name not in names), f"region {one + 1}"))
    return ItemMap(points, region, tuple(names))


def map_figure(
    made: ItemMap,
    *,
    marked: Sequence[tuple[int, str]] = (),
    title: str = "",
) -> tuple[Any, Any]:
    """Return a figure of a map, and its axes; regions have a colour, a shape and a name each.

    Args:
        made: The map.
        marked: (place of the item, name) of items that are drawn larger and named, such as those
            that a user likes.
        title: A title above.
    """
    figure = plot_figure(8.0, 6.2)
    ax = figure.subplots()
    faint = 0.35 if marked else 0.75
    for one, name in enumerate(made.names):
        inside = made.points[made.region == one]
        colour, shape = _COLOURS[one], _SHAPES[one]
        ax.scatter(
            inside[:, 0], inside[:, 1], s=16, c=colour, marker=shape, alpha=faint, linewidths=0,
            label=f"{label(name, 30)} ({len(inside)})",
        )  # fmt: skip
    labels = []
    for place, name in marked[:_NAMED]:
        x, y = made.points[place].tolist()
        labels.append((x, y, canvas.one_line(name, 30), INK))
    for place, _ in marked:
        x, y = made.points[place].tolist()
        shape = _SHAPES[int(made.region[place])]
        colour = _COLOURS[int(made.region[place])]
        ax.scatter([x], [y], s=70, c=colour, marker=shape, edgecolors=INK, linewidths=1.0)
    ax.legend(fontsize=8.5, loc="best", framealpha=0.9)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.set_title(canvas.one_line(title, 80), fontsize=10)
    name_points(figure, [(ax, labels, [])])
    return figure, ax


def draw_map(
    made: ItemMap,
    path: str | os.PathLike[str],
    *,
    marked: Sequence[tuple[int, str]] = (),
    title: str = "",
) -> Path:
    """Draw a map as a .png or .svg file; arguments as for `map_figure`; return its path.

    Raises:
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    figure, ax = map_figure(made, marked=marked, title=title)
    return write_figure(figure, [ax], path)
