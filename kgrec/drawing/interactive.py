"""Pictures for a notebook: SVG in HTML, with names on hover and for the keyboard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import numpy as np

from kgrec.drawing import canvas
from kgrec.drawing.attributions import attribution_figure
from kgrec.drawing.item_maps import ItemMap, map_figure
from kgrec.drawing.neighborhood import HasPaths, neighborhood_figure, node_names
from kgrec.drawing.panels import style
from kgrec.errors import DataError, printable

if TYPE_CHECKING:
    import networkx

    from kgrec.explain.explanation import Explanation

MOST_STOPS: Final = 200
"""Of a map with more items, the Tab key stops at marked ones only."""

_LONGEST: Final = 400
_RADIUS: Final = 5.0
_POINTS: Final = 72
_SVG: Final = "{http://www.w3.org/2000/svg}"
_XLINK: Final = "{http://www.w3.org/1999/xlink}"
_LEFT_OUT: Final = ("metadata", "style")
# What matplotlib has in its style sheet, which would count for the whole page.
_STYLE: Final = "max-width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt"


@dataclass(frozen=True)
class InteractivePicture:
    """A picture that a notebook shows.

    Each node, bar or point tells its whole name on hover, and the Tab key goes from one to the
    next. It has no script and loads nothing; names are text, whatever they contain.

    Attributes:
        html: An `<svg>` element, to put into any page.
    """

    html: str

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class _Target:
    """Where a name appears: left, bottom, right and top as shares of the figure."""

    name: str
    box: tuple[float, float, float, float]
    stops: bool = True


def interactive_neighborhood(
    neighborhood: HasPaths | networkx.MultiDiGraph[Any],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> InteractivePicture:
    """Return the picture of `draw_neighborhood` for a notebook; nodes tell what they are.

    Args:
        neighborhood: An explanation, or a graph with columns.
        title: Title; None: that of the graph, if it has one.
        caption: Text below; None: that of the graph, if it has one.

    Raises:
        DataError: The graph cannot be drawn.
    """
    to_networkx = getattr(neighborhood, "to_networkx", None)
    graph: Any = neighborhood if to_networkx is None else to_networkx()
    figure = neighborhood_figure(graph, title=title, caption=caption)
    written = canvas.svg(figure)
    boxes = [patch for patch in figure.axes[0].patches if patch.get_gid() == "box"]
    targets = [
        _Target(name, _shares(figure, patch))
        for name, patch in zip(node_names(graph), boxes, strict=True)
    ]
    heading = title or graph.graph.get("title") or "A neighborhood"
    return _picture(written, targets, heading)


def interactive_attributions(explanation: Explanation) -> InteractivePicture:
    """Return the picture of `draw_attributions` for a notebook; bars tell their value.

    Args:
        explanation: From `kgrec.Recommender.explain`.

    Raises:
        DataError: The explanation has no score.
    """
    figure, axes = attribution_figure(explanation)
    style(axes)
    written = canvas.svg(figure)
    # The axes write a name in one line, and cut it: the names of the liked items come first.
    liked = [one.item.label for one in explanation.contributions]
    targets = []
    for ax, names in zip(axes, (liked, list(explanation.towers)), strict=False):
        ticks = [text.get_text() for text in ax.get_yticklabels()]
        for name, bar in zip([*names, *ticks[len(names) :]], ax.patches, strict=True):
            targets.append(_Target(f"{name}: {bar.get_width():.3g}", _shares(figure, bar)))
    return _picture(written, targets, f"What adds to the score of {explanation.item.label}")


def interactive_map(
    made: ItemMap,
    names: Sequence[str],
    *,
    marked: Sequence[tuple[int, str]] = (),
    title: str = "",
) -> InteractivePicture:
    """Return the picture of `draw_map` for a notebook; points tell the item and its region.

    Args:
        made: The map.
        names: The name of each item, in the order of `made.points`.
        marked: As for `map_figure`.
        title: As for `map_figure`.

    Raises:
        DataError: There are not as many names as items.
    """
    if len(names) != len(made.points):
        raise DataError(
            f"Each item of a map needs a name: found {len(names):,} names for "
            f"{len(made.points):,} items."
        )
    figure, ax = map_figure(made, marked=marked, title=title)
    style([ax])
    written = canvas.svg(figure)
    size = np.array([figure.bbox.width, figure.bbox.height])
    room = _RADIUS / (_POINTS * figure.get_size_inches())
    chosen = {place for place, _ in marked}
    every = len(names) <= MOST_STOPS
    targets = []
    # Marked ones are drawn above the others, so what they tell must lie above as well.
    for place in sorted(range(len(names)), key=lambda place: (place in chosen, place)):
        middle = ax.transData.transform(made.points[place]) / size
        low, high = (middle - room).tolist(), (middle + room).tolist()
        name = f"{names[place]} ({made.names[int(made.region[place])]})"
        targets.append(_Target(name, (*low, *high), every or place in chosen))
    return _picture(written, targets, title or "A map of items")


def _shares(figure: Any, patch: Any) -> tuple[float, float, float, float]:
    box, whole = patch.get_window_extent(), figure.bbox
    across, up = (box.x0 / whole.width, box.x1 / whole.width), box.y0 / whole.height
    return across[0], up, across[1], box.y1 / whole.height


def _picture(written: bytes, targets: Sequence[_Target], heading: str) -> InteractivePicture:
    """Return an SVG file of matplotlib as an element of a page, with invisible targets on top.

    All ids get a prefix of their own: those of two pictures in one page would be the same.
    """
    # matplotlib has just written it. Comments, in which labels are, are dropped here.
    root = ElementTree.fromstring(written)  # noqa: S314
    prefix = "kgrec-" + hashlib.sha256(written).hexdigest()[:12] + "-"
    for parent in root.iter():
        for child in [*parent]:
            if child.tag.removeprefix(_SVG) in _LEFT_OUT:
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        for key, value in [*element.attrib.items()]:
            del element.attrib[key]
            name = key.removeprefix(_XLINK)
            if name == "id":
                value = prefix + value
            elif name == "href":
                value = "#" + prefix + value.removeprefix("#")
            element.set(name, value.replace("url(#", f"url(#{prefix}"))
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    root.set("role", "group")
    root.set("aria-label", printable(heading, _LONGEST))
    root.set("style", _STYLE)
    for target in targets:
        left, bottom, right, top = target.box
        place = {
            "x": left * width, "y": (1 - top) * height,
            "width": (right - left) * width, "height": (top - bottom) * height,
        }  # fmt: skip
        name = printable(target.name, _LONGEST)
        options = {key: f"{value:.2f}" for key, value in place.items()}
        options |= {"fill": "transparent", "role": "img", "aria-label": name}
        if target.stops:
            options["tabindex"] = "0"
        ElementTree.SubElement(ElementTree.SubElement(root, "rect", options), "title").text = name
    return InteractivePicture(ElementTree.tostring(root, encoding="unicode"))
