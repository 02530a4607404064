"""A picture of the statistics of a graph: relations, degrees, literals, types or hops."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from kgrec.drawing import canvas
from kgrec.drawing.panels import plot_figure, write_ticks
from kgrec.kg.profile.statistics import GraphStatistics

_BARS: Final = 12
_LETTERS: Final = 30
_POINTS: Final = 9


def draw_statistics(statistics: GraphStatistics, path: str | os.PathLike[str]) -> Path:
    """Draw the statistics of a graph as a .png or .svg file, and return its path.

    Four panels: triples by relation; how many entities have which degree; the share of subjects
    (of the linked items' entities, if links were given) that have each literal property; and the
    distance between items if links were given, else the most frequent types.

    Raises:
        ConfigError: The file has another ending.
        RunError: The file cannot be written.
    """
    figure = plot_figure(12.5, 8.2, padding=0.15)
    axes = figure.subplots(2, 2)
    _relations(axes[0, 0], statistics)
    _degrees(axes[0, 1], statistics)
    _properties(axes[1, 0], statistics)
    _hops_or_types(axes[1, 1], statistics)
    for ax in axes.ravel():
        ax.spines[["top", "right"]].set_visible(False)
        canvas.plain(ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts)
    return canvas.save(figure, path)


def _relations(ax: Any, found: GraphStatistics) -> None:
    rows = [(r.label, float(r.triples)) for r in found.relations]
    _bars(ax, rows, canvas.BLUE, lambda value: f"{value:,.0f}", log=True)
    ax.set_xlabel("triples (log scale)")
    ax.set_title(_title("Triples by relation", len(rows)))


def _degrees(ax: Any, found: GraphStatistics) -> None:
    pairs = [(degree, count) for degree, count in found.degree_counts if degree > 0]
    ax.set_title("How many entities have how many triples")
    ax.set_xlabel("triples of an entity (log scale)")
    ax.set_ylabel("entities (log scale)")
    if not pairs:
        _nothing(ax)
        return
    degrees, counts = zip(*pairs, strict=True)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(0.8, max(degrees) * 1.6)
    ax.set_ylim(0.7, max(counts) * 1.8)
    ax.plot(degrees, counts, "o", color=canvas.BLUE, markersize=4, alpha=0.55, markeredgewidth=0)
    write_ticks(ax.xaxis, _counted)
    write_ticks(ax.yaxis, _counted)
    ax.grid(color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    if found.hubs:
        label, _, degree = found.hubs[0]
        count = dict(pairs)[degree]
        ax.plot([degree], [count], "o", color=canvas.VERMILION, markersize=7)
        ax.annotate(
            canvas.one_line(label, _LETTERS), (degree, count),
            xytext=(0, 9), textcoords="offset points",
            ha="right" if degree > max(degrees) ** 0.5 else "left", color=canvas.VERMILION,
            fontsize=_POINTS,
        )  # fmt: skip


def _properties(ax: Any, found: GraphStatistics) -> None:
    whose = "linked entities" if found.items else "subjects"
    rows = [(p.label, p.share if p.item_share is None else p.item_share) for p in found.properties]
    rows.sort(key=lambda row: -row[1])
    _bars(ax, rows, canvas.GREEN, _percent)
    if rows:
        ax.set_xlim(0, 1.12)
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ax.set_title(_title(f"Share of {whose} with a literal property", len(rows)))


def _hops_or_types(ax: Any, found: GraphStatistics) -> None:
    if found.items is None:
        rows = [(label, float(count)) for label, _, count in found.types]
        _bars(ax, rows, canvas.ORANGE, lambda value: f"{value:,.0f}", log=True)
        ax.set_xlabel("entities (log scale)")
        ax.set_title(_title("Entities by type", len(rows)))
        return
    rows = [
        (f"within {hops} hop{'s' * (hops > 1)}", share)
        for hops, share in found.items.within.items()
    ]
    rows.append(("no path at all", found.items.unreachable / found.items.entities))
    _bars(ax, rows, canvas.ORANGE, _percent)
    ax.set_xlim(0, 1.18)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ax.set_title("Share of linked entities with another item's entity …")


def _bars(
    ax: Any,
    rows: Sequence[tuple[str, float]],
    colour: str,
    written: Callable[[float], str],
    log: bool = False,
) -> None:
    """Draw the first rows as bars with their values beside them, the first on top."""
    rows = rows[:_BARS]
    if not rows:
        _nothing(ax)
        return
    values = [value for _, value in rows]
    places = range(len(rows))
    if log:  # on a log scale, the length of a bar has no meaning
        ax.hlines(places, 0.5, values, color=canvas.tinted(colour, 0.4), linewidth=2)
        ax.plot(values, places, "o", color=colour, markersize=7)
    else:
        ax.barh(places, values, color=colour, height=0.62)
    ax.set_yticks(places, [canvas.one_line(label, _LETTERS) for label, _ in rows], fontsize=_POINTS)
    canvas.plain(*ax.get_yticklabels())
    ax.set_ylim(max(len(rows), 6) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    if log:
        ax.set_xscale("log")
        ax.set_xlim(0.5, max(values) * 4)
        write_ticks(ax.xaxis, _counted)
    for place, value in zip(places, values, strict=True):
        ax.annotate(
            written(value), (value, place), xytext=(7, 0), textcoords="offset points",
            va="center", fontsize=_POINTS, color="#333333",
        )  # fmt: skip


def _nothing(ax: Any) -> None:
    place = {"transform": ax.transAxes, "ha": "center", "va": "center"}
    ax.text(0.5, 0.5, "there are none", color="#777777", **place)
    ax.set_xticks([])
    ax.set_yticks([])


def _percent(share: float) -> str:
    """Return a share in percent; "<1%" and ">99%" are not rounded to none or all."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def _counted(value: float) -> str:
    """Return the text of a count at an axis."""
    return f"{value:,.0f}" if value >= 1 else ""


def _title(text: str, number: int) -> str:
    return text + (f" ({_BARS} of {number:,})" if number > _BARS else "")
