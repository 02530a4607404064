"""The output of `kgrec evaluate`: metrics of all users and by group, with remarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console

from kgrec.evaluation.base import Evaluation
from kgrec.reporting.console import counted, make_console, make_table, safe

SHOWN: Final = (
    "ndcg", "recall", "precision", "mrr", "map", "hit", "ild_graph", "ild_text", "novelty",
    "coverage", "gini", "popularity", "popularity_lift",
)  # fmt: skip


def show_metrics(
    results: Mapping[str, Evaluation],
    console: Console | None = None,
    *,
    kinds: Sequence[str] | None = None,
    cutoffs: Sequence[int] | None = None,
) -> None:
    """Print the results of one protocol as a table, one column per result.

    Args:
        results: The results by name.
        console: The output; None: stdout.
        kinds: The metrics; None: all, in the order of `SHOWN`.
        cutoffs: The cut-offs; None: all.
    """
    console = console or make_console()
    names = [safe(name) for name in results]
    table = make_table(console, "metric", *names, numbers=names)
    first = next(iter(results.values()))
    known = [f"{kind}@{k}" for kind in kinds or SHOWN for k in cutoffs or first.k]
    rows = [name for name in known if name in first.metrics]
    if kinds is None and cutoffs is None:
        rows += [name for name in first.metrics if name not in rows]
    for name in rows:
        values = [result.metrics[name] for result in results.values()]
        table.add_row(name, *(f"{value:.4f}" for value in values))
    console.print(table)
    for line in _remarks(first):
        console.print(line, soft_wrap=True)


def show_groups(result: Evaluation, console: Console | None = None) -> None:
    """Print the first per-user metric by group of users, and its spread."""
    console = console or make_console()
    metric = next(iter(result.per_user))
    numbers = ("users", metric, "gap", "Jain")
    table = make_table(console, "users by", "group", *numbers, numbers=numbers)
    for name, found in result.details.get("groups", {}).items():
        values = found["metrics"][metric]
        spread = (f"{values['gap']:.4f}", f"{values['jain']:.4f}")
        for label, mean in values["by_group"].items():
            count = f"{found['num_users'][label]:,}"
            table.add_row(safe(name), safe(label), count, f"{mean:.4f}", *spread)
            name, spread = "", ("", "")
    if table.row_count:
        console.print(table)
    for name, count in result.details.get("groups_left_out", {}).items():
        console.print(
            f"Users are not grouped by {safe(name)}: it has {count:,} values.", soft_wrap=True
        )


def _remarks(result: Evaluation) -> list[str]:
    """Return what was measured, and warnings about comparisons."""
    measured = measured_on(result)
    if result.protocol == "ratings":
        low, high = result.details["range"]
        measured += f", training ratings from {low:g} to {high:g}"
    return [measured, *cautions(result)]


def measured_on(result: Evaluation) -> str:
    """Return the number of users, items and interactions, in words."""
    users, judged = counted(result.num_users, "user"), result.num_judgements
    if result.protocol == "ctr":
        return f"{users}, {result.num_candidates:,} pairs, {judged:,} of them chosen"
    if result.protocol == "ratings":
        return f"{users}, {counted(judged, 'rating')}"
    ranked = f"{result.num_candidates:,} ranked items"
    if result.protocol == "candidates":
        ranked = f"at most {ranked} each"
    return f"{users}, {ranked}, {counted(judged, 'interaction')} to be found"


def cautions(result: Evaluation) -> list[str]:
    """Return sentences about what was left out, and warnings about comparisons."""
    lines = []
    if result.num_unreachable:
        lines.append(
            f"{result.num_unreachable:,} of them could not be found, because they are not ranked: "
            "they count as missed."
        )
    missing = result.details.get("num_not_drawn", 0)
    if isinstance(missing, int) and missing > 0:
        lines.append(f"{missing:,} fewer pairs were drawn: users have too few unseen items.")
    if result.sampled:
        lines.append("Sampled metrics cannot be compared with those of a full ranking.")
    if result.non_standard:
        lines.append(
            "kgat_ndcg is not the standard NDCG: its ideal ranking has only items that were found."
        )
    return lines
