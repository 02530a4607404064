"""The output of `kgrec inspect` for a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from kgrec.reporting.console import LONG, counted, make_console, make_table, safe
from kgrec.snapshot.drift import Drift


def show_run(summary: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what a run says of itself.

    Args:
        summary: Made by `kgrec.runs.reading.read_summary`.
        console: The output; None: stdout.
    """
    console = console or make_console()
    about, metrics, warnings = summary["about"], summary["metrics"], summary["warnings"]
    _show(
        console,
        f"Model: {summary['model']['name']}",
        f"Made by kgrec {about['kgrec']} on {about['date']}, seed {about['seed']}",
    )
    if figures := metrics.get("valid", {}).get("metrics"):
        console.print(_table(figures, console))
    _show(console, *metrics.get("notes", ()))
    if updates := summary.get("updates"):
        _show(console, *Drift.from_dict(updates).lines())
    if reading := metrics.get("reading"):
        said = [line for note in reading for line in note.splitlines()]
        _show(console, "What reading the data said:", *(f"  - {line}" for line in said))
    _show(
        console,
        counted(len(warnings), "warning of the training", "warnings of the training"),
        *(f"  - {message}" for message in warnings),
    )


def _show(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(safe(line, LONG), soft_wrap=True)


def _table(figures: Mapping[str, float], console: Console) -> Table:
    """Return a table of metrics such as `ndcg@10`: a row for each kind, a column for each k."""
    values: dict[str, dict[str, str]] = {}
    for name, value in figures.items():
        kind, _, k = name.partition("@")
        values.setdefault(kind, {})[f"@{k}"] = f"{value:.4f}"
    cutoffs = list(dict.fromkeys(k for row in values.values() for k in row))
    table = make_table(console, "validation", *cutoffs, numbers=cutoffs)
    for kind, row in values.items():
        table.add_row(safe(kind), *(row.get(k, "") for k in cutoffs))
    return table
