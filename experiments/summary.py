"""The results in short, for the README: the rest is in docs/results.md."""

from __future__ import annotations

from statistics import mean
from typing import Any

from bars import BARS
from model_tables import DATASETS, NAMES, baselines, table

Results = dict[str, Any]


def summary(results: Results) -> list[str]:
    """Return what the README says of the results."""
    return [*against_the_best(results), reached(results)]


def against_the_best(results: Results) -> list[str]:
    """Return kgrec's default model beside the best of the others, a row for each data set."""
    rows, seeds = [], set()
    for name, (title, own_name, split) in DATASETS.items():
        own = results.get("own_model", {}).get("results", {}).get(own_name)
        if own is None:
            continue
        metric = own["metric"]
        default = ""
        runs = results.get("auto", {}).get(name, {})
        if runs.get("seeds"):
            seeds.add(len(runs["seeds"]))
            default = f"{mean(one['test'][metric] for one in runs['seeds'].values()):.4f}"
        others = baselines(results, name, own, split)
        known = {model: row for model, row in others.items() if model not in OF_KGREC}
        best = max(known, key=lambda model: known[model]["test"][metric], default=None)
        beside = ""
        if best is not None:
            beside = f"{NAMES.get(best, best)} {known[best]['test'][metric]:.4f}"
        rows.append([title, metric, default, f"{own['test'][metric]:.4f}", beside])
    if not rows:
        return []
    few, many = min(seeds, default=0), max(seeds, default=0)
    number = f"{many} seeds" if few == many else f"{few} to {many} seeds"
    return [
        f"kgrec's default model on the test parts: one config for all data, mean of {number}. "
        "Beside it are ensembles of kgrec that were tuned by hand "
        "for each data set, and the best of the other models on test.",
        table(["data", "metric", "default", "tuned by hand", "best of the others"], rows, "llrrl"),
    ]


OF_KGREC = ("content_ease", "user_ease", "trending", "link_prediction", "own")
"""Parts of kgrec's own models."""


def beside_others(results: Results) -> list[str]:
    """Return how published models and RecBole's programs compare, in a sentence each."""
    parts = []
    found = results.get("published", {}).get("results", {})
    ratios = {NAMES.get(name, name): row["ratio"] for name, row in found.items() if "ratio" in row}
    if ratios:
        told = [
            f"{name} {ratio:.2f}" for name, ratio in sorted(ratios.items(), key=lambda x: -x[1])
        ]
        parts.append(
            "Published models by their presets on HetRec Last.FM, ratio of test Recall@10 to the "
            f"published figure: {', '.join(told)}."
        )
    beside = results.get("bench_recbole")
    if beside is not None:
        shares = [one["seconds"]["share"] for one in beside["epoch"].values()]
        parts.append(
            f"An epoch of LightGCN takes {min(shares):.2f} to {max(shares):.2f} of RecBole's time "
            "for the same batches and width, side by side on one core."
        )
    return parts


def reached(results: Results) -> str:
    """Return how many bars were reached, in a sentence."""
    rows = [bar.row(results) for bar in BARS]
    failed = sum(row[3].startswith("**no**") for row in rows)
    unmeasured = sum(row[2].startswith("not ") for row in rows)
    met = len(rows) - failed - unmeasured
    text = f"Of {len(rows)} figures that kgrec was built to reach, {met} are reached"
    text += f" and {failed} are missed." if failed else "."
    return text + (f" {unmeasured} are not measured yet." if unmeasured else "")
