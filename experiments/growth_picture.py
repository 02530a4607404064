"""The picture of bench_models.py: time and memory of each model by the number of edges.

    python experiments/growth_picture.py

draws docs/model_growth.png and .svg again from experiments/results/bench_models.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Okabe and Ito's colours; what shares one differs in its mark and its line.
STYLES = {
    "own": ("kgrec", "#000000", "o"),
    "bpr_mf": ("BPR-MF", "#999999", "s"),
    "lightgcn": ("LightGCN", "#0072B2", "o"),
    "xsimgcl": ("XSimGCL", "#0072B2", "^"),
    "cke": ("CKE", "#E69F00", "s"),
    "cfkg": ("CFKG", "#E69F00", "D"),
    "rgcn": ("R-GCN", "#009E73", "o"),
    "kgcn": ("KGCN", "#009E73", "v"),
    "kgat": ("KGAT", "#D55E00", "o"),
    "kgin": ("KGIN", "#D55E00", "^"),
    "lightkg": ("LightKG", "#CC79A7", "D"),
}
PANELS = (
    ("seconds_per_epoch", "seconds per epoch, one thread", 1.0),
    ("peak_bytes", "highest memory in MiB, without libraries", 2.0**20),
)
ROWS = (("", "each step on the whole graph"), (" sampled", "neighbor-sampled steps"))
GAP = 0.047
"""Share of a panel's height between two labels, at the least."""


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw a row of panels for whole and one for sampled steps, both axes logarithmic."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "kgrec"
    figure = Figure(figsize=(10.5, 9.6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="col")
    ends: dict[Any, list[tuple[float, float, str, str]]] = {}
    for (suffix, title), row in zip(ROWS, axes, strict=True):
        for (key, label, unit), ax in zip(PANELS, row, strict=True):
            ends[ax] = lines(ax, result, suffix, key, unit)
            numbers = result["num_neighbors"]
            more = f" ({', '.join(map(str, numbers))} a node and type)" if suffix else ""
            ax.set_title(title + more, fontsize=10, loc="left")
            ax.set(xscale="log", yscale="log", xlabel="edges, without inverses", ylabel=label)
            ax.spines[["top", "right"]].set_visible(False)
            ax.grid(alpha=0.25)
            ax.tick_params(labelbottom=True, labelleft=True)
    sizes = [int(size) for found in result["models"].values() for size in found]
    for ax in ends:
        ax.set_xlim(min(sizes) * 0.8, max(sizes) * 1.6)
    figure.draw_without_rendering()
    for ax, found in ends.items():
        name_ends(ax, found)
    figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)


def lines(
    ax: Any, result: dict[str, Any], suffix: str, key: str, unit: float
) -> list[tuple[float, float, str, str]]:
    """Draw a line for each model; return x, y, name and colour of their ends."""
    ends = []
    for model, (name, colour, mark) in STYLES.items():
        found = result["models"].get(model + suffix, {})
        sizes = sorted(int(size) for size in found)
        points = [(n, found[str(n)][key] / unit) for n in sizes if "over" not in found[str(n)]]
        over = [found[str(n)]["over"] for n in sizes if "over" in found[str(n)]]
        if not points:
            continue
        x, y = zip(*points, strict=True)
        style = "--" if suffix else "-"
        ax.plot(x, y, style, color=colour, marker=mark, markersize=5, linewidth=1.6)
        limits = {
            "seconds": f"{result['limits']['seconds']:g} s",
            "memory": f"{result['limits']['gib']:g} GiB",
        }
        note = f" (then > {limits[over[0]]})" if over else ""
        ends.append((x[-1], y[-1], name + note, colour))
    return ends


def name_ends(ax: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Write the names right of the panel, apart from each other, with a line to each end."""
    to_axes = ax.transAxes.inverted()
    placed = [(*to_axes.transform(ax.transData.transform((x, y))), name, colour)
              for x, y, name, colour in ends]  # fmt: skip
    placed.sort(key=lambda one: one[1])
    heights = apart([float(one[1]) for one in placed])
    for (x, y, name, colour), height in zip(placed, heights, strict=True):
        ax.annotate(
            name, (x, y), xytext=(1.1, height), xycoords="axes fraction",
            textcoords="axes fraction", va="center", fontsize=9, color="#222222",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 1,
                        "shrinkB": 4, "relpos": (0, 0.5)},
        )  # fmt: skip


def apart(heights: list[float]) -> list[float]:
    """Return ascending heights moved as little as GAP between them asks.

    Heights that would overlap form a block around their mean; blocks that touch are joined.
    """
    blocks: list[tuple[float, list[float]]] = []
    for height in heights:
        block = [height]
        while True:
            centre = sum(block) / len(block)
            half = GAP * (len(block) - 1) / 2
            if (
                not blocks
                or blocks[-1][0] + GAP * (len(blocks[-1][1]) / 2) <= centre - half - GAP / 2
            ):
                break
            block = blocks.pop()[1] + block
        blocks.append((centre, block))
    made = []
    for centre, block in blocks:
        low = centre - GAP * (len(block) - 1) / 2
        made += [low + GAP * place for place in range(len(block))]
    low = min(made, default=0.0)
    return [height + max(0.0, -low) for height in made]


def main() -> None:
    result = json.loads((HERE / "results" / "bench_models.json").read_text())
    for ending in ("png", "svg"):
        draw(result, HERE.parent / "docs" / f"model_growth.{ending}")


if __name__ == "__main__":
    main()
