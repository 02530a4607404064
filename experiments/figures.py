"""Draw the README's figures from the JSON files in experiments/results.

    python experiments/figures.py [--results experiments/results] [--out docs]

Each is written as .png and as .svg. A figure whose results are not there is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_tables import NAMES as MODELS

from kgrec.drawing.curves import draw_curves
from kgrec.drawing.results import (
    Estimate,
    draw_ablations,
    draw_accuracy_by_time,
    draw_gains,
)
from kgrec.evaluation.groups import GroupGain

HERE = Path(__file__).parent
TITLES = {
    "own_random": "MovieLens + DBpedia, random",
    "own_cold_items": "MovieLens + DBpedia, cold items",
    "own_temporal": "MovieLens + DBpedia, temporal",
    "own_lastfm": "HetRec Last.FM",
}
NAMES = MODELS | {
    "ease_searched": "EASE, searched",
    "attribute_ease": "EASE + attributes",
    "ials": "iALS",
    "no_graph": "without the graph",
    "shuffled_graph": "shuffled graph",
    "link_prediction": "GNN",
}
"""Names beside points are shorter than those of the tables."""
Results = dict[str, Any]


def curves(own: Results, path: Path) -> bool:
    """Validation curves of the trained members, a line for each seed."""
    panels: dict[str, Any] = {}
    for key, title in TITLES.items():
        result = own.get(key, {})
        metric = result.get("metric")
        found: dict[str, list[list[dict[str, float]]]] = {}
        for run in result.get("runs", ()):
            for member, columns in run.get("curves", {}).items():
                points = [
                    {"seconds": seconds, metric: value}
                    for seconds, value in zip(columns["seconds"], columns[metric], strict=True)
                ]
                found.setdefault(NAMES.get(member, member), []).append(points)
        if found:
            panels[title] = found
    if not panels:
        return False
    draw_curves(panels, metrics(own), path, along="seconds")
    return True


def accuracy_by_time(own: Results, path: Path) -> bool:
    """A point for each model: accuracy on test against seconds of training."""
    panels = {}
    for key, title in TITLES.items():
        result = own.get(key, {})
        if "interval" not in result:
            continue
        metric = result["metric"]
        models = [
            Estimate(
                "kgrec",
                result["test"][metric],
                *result["interval"],
                seconds=mean([run["seconds"] for run in result["runs"]]),
                ours=True,
            )
        ]
        models += [
            Estimate(NAMES.get(name, name), one["mean"], *one["interval"], seconds=one["seconds"])
            for name, one in result["baselines"].items()
        ]
        panels[title] = models
    if not panels:
        return False
    draw_accuracy_by_time(panels, metrics(own, "test "), path)
    return True


def gains(own: Results, path: Path) -> bool:
    """The gain over EASE by activity of users and by popularity of items."""
    panels, gained = {}, {}
    for key, name in (("own_random", "MovieLens"), ("own_lastfm", "Last.FM")):
        for kind, groups in own.get(key, {}).get("gains", {}).items():
            if kind == "reference":
                continue
            metric, _, by = kind.partition(" by interactions of the ")
            title = f"{name}: by the {by}'s interactions"
            panels[title] = [GroupGain.from_dict(group) for group in groups]
            gained[title] = metric
    if not panels:
        return False
    draw_gains(panels, gained, path, reference="EASE")
    return True


def ablations(own: Results, path: Path) -> bool:
    """The same model without the graph, and with one that says nothing."""
    panels = {}
    for key, title in TITLES.items():
        result = own.get(key, {})
        kinds = [kind for kind in ("no_graph", "shuffled_graph") if kind in result]
        if not kinds or "interval" not in result:
            continue
        metric = result["metric"]
        bars = [Estimate("kgrec", result["test"][metric], *result["interval"], ours=True)]
        for kind in kinds:
            one = result[kind]
            lost = f"{-one['gain']:+.4f}".replace("-", "−")
            lost = "±0.0000" if lost.endswith("0.0000") else lost
            note = f"{lost}, {p_value(one['t_test_holm'])}"
            bars.append(Estimate(NAMES[kind], one["mean"], *one["interval"], note=note))
        panels[title] = bars
    if not panels:
        return False
    draw_ablations(panels, metrics(own, "test "), path)
    return True


def metrics(own: Results, before: str = "") -> dict[str, str]:
    """Return the metric of each panel."""
    return {TITLES[key]: before + own[key]["metric"] for key in TITLES if key in own}


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


FIGURES: dict[str, Callable[[Results, Path], bool]] = {
    "validation_curves": curves,
    "accuracy_by_time": accuracy_by_time,
    "gains": gains,
    "ablations": ablations,
}


def draw(results: Path, out: Path) -> list[str]:
    """Draw all figures, and return the names of those that there are no results for."""
    path = results / "own_model.json"
    own = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else {}
    return [
        name
        for name, figure in FIGURES.items()
        if not (figure(own, out / f"{name}.png") and figure(own, out / f"{name}.svg"))
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    missing = draw(options.results, options.out)
    if missing:
        print(f"No results yet for: {', '.join(missing)}. Run experiments/own_model.py.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
