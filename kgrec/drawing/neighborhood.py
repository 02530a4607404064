"""Pictures of neighborhoods: of one recommendation in columns, and of any small graph."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from kgrec.drawing import canvas
from kgrec.drawing.layered import layered
from kgrec.drawing.placement import Layout, Pair, spread
from kgrec.errors import DataError
from kgrec.rdf.iri_names import last_part

if TYPE_CHECKING:
    import networkx
    from matplotlib.figure import Figure

MOST_NODES: Final = 60
"""Pictures of more nodes are illegible."""

_MARGIN: Final = 0.35
_PADDING: Final = 0.11
_ROLES: Final = {
    "user": (canvas.ORANGE, "user"),
    "liked": (canvas.SKY, "item that the user liked"),
    "recommended": (canvas.GREEN, "recommended item"),
}
_TYPES: Final = {
    "user": (canvas.ORANGE, "user"),
    "users": (canvas.ORANGE, "user"),
    "item": (canvas.SKY, "item"),
    "entity": (canvas.YELLOW, "entity of the knowledge graph"),
}
_OTHERS: Final = (canvas.PURPLE, canvas.VERMILION, canvas.BLUE, canvas.GREY)
_LINE: Final = "#555555"


class HasPaths(Protocol):
    """Can be drawn as a neighborhood, such as `kgrec.explain.explanation.Explanation`."""

    def to_networkx(self) -> networkx.MultiDiGraph[Any]:
        """Return the graph to draw."""


def draw_neighborhood(
    neighborhood: HasPaths | networkx.MultiDiGraph[Any],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> Path:
    """Draw the neighborhood of one recommendation to a file; see `neighborhood_figure`.

    Args:
        neighborhood: An explanation, or a graph with columns.
        path: A .png or .svg file.
        title: Title; None: that of the graph, if it has one.
        caption: Text below; None: that of the graph, if it has one.

    Returns:
        The path.

    Raises:
        ConfigError: The file has another ending.
        DataError: The graph cannot be drawn.
        RunError: The file cannot be written.
    """
    return canvas.save(neighborhood_figure(neighborhood, title=title, caption=caption), path)


def draw_graph(
    view: networkx.MultiDiGraph[Any],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> Path:
    """Draw a small graph to a .png or .svg file; see `graph_figure` and `draw_neighborhood`."""
    return canvas.save(graph_figure(view, title=title, caption=caption), path)


def neighborhood_figure(
    neighborhood: HasPaths | networkx.MultiDiGraph[Any],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> Figure:
    """Return a picture with the user on the left and the recommended item on the right.

    Args:
        neighborhood: An explanation, or a graph whose nodes have `layer`, their column, and
            may have `label`, `id`, `type` and `role` ("user", "liked",
            "between", "recommended"). Edges may have `label`.
        title: Title; None: `graph["title"]`, if it is there.
        caption: Text below; None: `graph["caption"]`, if it is there.

    Raises:
        DataError: There is no node, more than `MOST_NODES`, or one without a column.
    """
    to_networkx = getattr(neighborhood, "to_networkx", None)
    graph: Any = neighborhood if to_networkx is None else to_networkx()
    _check(graph)
    layers = {key: node.get("layer") for key, node in graph.nodes(data=True)}
    if None in layers.values():
        raise DataError(
            "Every node of a neighborhood needs a `layer`, its column; draw_graph draws graphs "
            "without columns."
        )
    boxes, words = _boxes(graph), _words(graph)
    sizes = {key: _padded(made) for key, made in boxes.items()}
    layout = layered(layers, sizes, {pair: made.size for pair, made in words.items()})
    return _figure(graph, layout, boxes, words, title, caption)


def graph_figure(
    view: networkx.MultiDiGraph[Any], *, title: str | None = None, caption: str | None = None
) -> Figure:
    """Return a picture of a small graph, such as `kgrec.graph.views.to_networkx` gives.

    Args:
        view: A graph; nodes may have `label`, `id`, `type` and `hop` (those at hop 0 get a thick
            border), edges `label`. Up to about 30 nodes can be read well.
        title: Title; None: `graph["title"]`, if it is there.
        caption: Text below; None: `graph["caption"]`, if it is there, and how many nodes were
            left out.

    Raises:
        DataError: There is no node, or more than `MOST_NODES`.
    """
    import networkx as nx

    _check(view)
    boxes, words = _boxes(view), _words(view)
    sizes = {key: _padded(made) for key, made in boxes.items()}
    plain: networkx.Graph[Any] = nx.Graph()
    plain.add_nodes_from(view)
    plain.add_edges_from(words)
    layout = spread(plain, sizes, {pair: made.size for pair, made in words.items()})
    left_out = view.graph.get("left_out", 0)
    if caption is None and "caption" not in view.graph and left_out:
        what = "neighbor is" if left_out == 1 else "neighbors are"
        caption = f"{left_out:,} more {what} not shown."
    return _figure(view, layout, boxes, words, title, caption)


def node_names(graph: networkx.MultiDiGraph[Any]) -> list[str]:
    """Return the whole name of each node of a graph, and what it is, in the order of the boxes."""
    colours = _colours(graph)
    found = []
    for key, node in graph.nodes(data=True):
        label = str(node.get("label") or "").strip() or last_part(str(node.get("id") or key))
        found.append(f"{label} ({colours[key][1]})")
    return found


def _check(graph: Any) -> None:
    if not len(graph):
        raise DataError("There is nothing to draw: the graph has no nodes.")
    if len(graph) > MOST_NODES:
        raise DataError(
            f"A picture of {len(graph):,} nodes is illegible; at most {MOST_NODES} are drawn. "
            "Take a smaller neighborhood (max_nodes)."
        )


def _boxes(graph: Any) -> dict[Any, canvas.Text]:
    boxes = {}
    for key, node in graph.nodes(data=True):
        id = last_part(str(node.get("id") or key))
        label = str(node.get("label") or "").strip()
        boxes[key] = canvas.text(label or id, 10, fallback=id)
    return boxes


def _words(graph: Any) -> dict[Pair, canvas.Text]:
    """Return the text on the line between each pair of nodes with an edge."""
    labels: dict[Pair, dict[str, None]] = {}
    for source, target, edge in graph.edges(data=True):
        if source == target:
            continue
        pair = (target, source) if (target, source) in labels else (source, target)
        label = str(edge.get("label") or edge.get("relation") or "")
        labels.setdefault(pair, {})[label] = None
    return {
        pair: canvas.text(", ".join(filter(None, found)), 8.5, columns=24, max_lines=2)
        for pair, found in labels.items()
    }


def _padded(made: canvas.Text) -> tuple[float, float]:
    return max(made.width, 0.35) + 2 * _PADDING, made.height + 1.4 * _PADDING


def _figure(
    graph: Any,
    layout: Layout,
    boxes: Mapping[Any, canvas.Text],
    words: Mapping[Pair, canvas.Text],
    title: str | None,
    caption: str | None,
) -> Figure:
    sizes = {key: _padded(made) for key, made in boxes.items()}
    low, high = layout.bounds(sizes)
    width = max(float(high[0] - low[0]) + 2 * _MARGIN, 5.0)
    columns = int(width * 10)
    title, caption = title or graph.graph.get("title"), caption or graph.graph.get("caption")
    heading = below = None
    if title:
        heading = canvas.text(title, 13, columns=int(columns * 0.85), max_lines=2)
    if caption:
        below = canvas.text(caption, 9.5, columns=int(columns * 1.15), max_lines=5)
    colours = _colours(graph)
    rows = _legend_rows(list(dict.fromkeys(colours.values())), width - 2 * _MARGIN)
    foot = 0.2 + 0.28 * len(rows) + (below.height + 0.16 if below else 0)
    head = _MARGIN + (heading.height + 0.2 if heading else 0)
    height = float(high[1] - low[1]) + foot + head + 0.2
    figure, axes = canvas.figure(width, height)
    middle = (width - float(high[0] - low[0])) / 2
    placed = layout.shifted(np.array([middle, foot + 0.2]) - low)
    _draw_lines(axes, graph, placed, words)
    _draw_boxes(axes, graph, placed, boxes, colours)
    if heading:
        y = height - _MARGIN - heading.height / 2
        canvas.write(axes, heading, width / 2, y, weight="bold", gid="title")
    y = foot - 0.14
    for row in rows:
        _draw_legend(axes, row, width, y)
        y -= 0.28
    if below:
        canvas.write(axes, below, width / 2, 0.18 + below.height / 2, gid="caption")
    made: Figure = figure
    return made


def _colours(graph: Any) -> dict[Any, tuple[str, str]]:
    """Return the colour of each node, and its meaning."""
    others: dict[str, tuple[str, str]] = {}
    found = {}
    for key, node in graph.nodes(data=True):
        kind, role = str(node.get("type", "entity")), node.get("role")
        if role in _ROLES:
            found[key] = _ROLES[role]
        elif kind in _TYPES:
            found[key] = ("#F7C66B", "other users") if kind == "users" else _TYPES[kind]
        else:
            colour = _OTHERS[min(len(others), len(_OTHERS) - 1)]
            words = re.sub("^(item|user|entity)_", "", kind).replace("_", " ")
            found[key] = others.setdefault(kind, (colour, words))
    return found


def _draw_boxes(
    axes: Any,
    graph: Any,
    layout: Layout,
    boxes: Mapping[Any, canvas.Text],
    colours: Mapping[Any, tuple[str, str]],
) -> None:
    for key, made in boxes.items():
        colour, _ = colours[key]
        node = graph.nodes[key]
        chosen = node.get("hop") == 0 or node.get("role") == "recommended"
        _box(axes, layout.centre[key], _padded(made), colour, 2.4 if chosen else 1.2, "box")
        x, y = layout.centre[key]
        canvas.write(axes, made, x, y, zorder=5, color="black", gid="label")


def _box(
    axes: Any, centre: Any, size: tuple[float, float], colour: str, line: float, gid: str
) -> None:
    from matplotlib.patches import FancyBboxPatch

    rounding = min(0.09, size[1] / 3)
    axes.add_patch(
        FancyBboxPatch(
            (centre[0] - size[0] / 2, centre[1] - size[1] / 2),
            *size,
            boxstyle=f"round,pad=0,rounding_size={rounding}",
            facecolor=canvas.tinted(colour, 0.45),
            edgecolor=canvas.shaded(colour, 0.8),
            linewidth=line,
            zorder=4,
            gid=gid,
        )
    )


def _draw_lines(axes: Any, graph: Any, layout: Layout, words: Mapping[Pair, canvas.Text]) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    for pair, points in layout.lines.items():
        both = graph.has_edge(pair[1], pair[0])
        axes.add_patch(
            FancyArrowPatch(
                path=Curve(points),
                arrowstyle="<|-|>" if both else "-|>",
                mutation_scale=9,
                shrinkA=0,
                shrinkB=0,
                linewidth=1.1,
                color=_LINE,
                zorder=2,
                capstyle="butt",
            )
        )
        if pair in layout.labels:
            x, y = layout.labels[pair]
            background = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
            canvas.write(
                axes, words[pair], x, y, zorder=3, color="#222222", bbox=background, gid="relation"
            )


def _legend_rows(
    entries: list[tuple[str, str]], width: float
) -> list[list[tuple[str, canvas.Text]]]:
    rows: list[list[tuple[str, canvas.Text]]] = [[]]
    used = 0.0
    for colour, words in entries:
        made = canvas.text(words, 9, columns=40, max_lines=1)
        if rows[-1] and used + made.width + 0.6 > width:
            rows.append([])
            used = 0.0
        rows[-1].append((colour, made))
        used += made.width + 0.6
    return rows


def _draw_legend(axes: Any, row: list[tuple[str, canvas.Text]], width: float, y: float) -> None:
    x = (width - sum(made.width + 0.6 for _, made in row) + 0.27) / 2
    for colour, made in row:
        _box(axes, (x + 0.11, y), (0.22, 0.14), colour, 1.2, "legend")
        canvas.write(axes, made, x + 0.3, y, ha="left", gid="legend")
        x += made.width + 0.6
