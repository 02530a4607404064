"""The output of `kgrec inspect` for a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from kgrec.reporting.console import counted, make_console, safe


def show_run(summary: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what a run says of itself.

    Args:
        summary: Made by `kgrec.runs.reading.read_summary`.
        console: The output; None: stdout.
    """
    console = console or make_console()
    about, metrics = summary["about"], summary["metrics"]
    lines = [
        f"Model: {summary['model']['name']}",
        f"Made by kgrec {about['kgrec']} on {about['date']}, seed {about['seed']}",
        *(
            f"{part}: " + ", ".join(f"{key} {value:.4f}" for key, value in found.items())
            for part, found in (("Validation", metrics.get("valid", {}).get("metrics", {})),)
            if found
        ),
        *(str(note) for note in metrics.get("notes", ())),
        counted(len(summary["warnings"]), "warning of the training", "warnings of the training"),
        *(f"  - {message}" for message in summary["warnings"]),
    ]
    for line in lines:
        console.print(safe(line, 2000), soft_wrap=True)
