"""The output of `kgrec tune`."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from kgrec.reporting.console import LONG, counted, make_console, make_table, safe
from kgrec.runs.tuning import BEST, Tuned


def show_tuned(found: Tuned, console: Console | None = None) -> None:
    """Print what a search has found: values, settings, importance, and what did not end well."""
    console = console or make_console()
    first, best = found.trials[0], found.best
    columns = ("config", "best", "importance")
    table = make_table(console, "setting", *columns, numbers=columns)
    for key in found.importance or found.start:
        share = found.importance.get(key)
        table.add_row(
            safe(key),
            _shown(found.start.get(key)),
            _shown(best.settings.get(key)),
            "" if share is None else f"{share:.0%}",
        )
    console.print(table)
    was = "failed" if first.value is None else f"{first.value:.4f}"
    lines = [
        f"Validation {found.metric} of {found.model}: best {best.value:.4f} (trial "
        f"{best.number + 1}), the config as it is {was}.",
        f"{counted(len(found.trials), 'trial')}: {found.count('complete')} complete, "
        f"{found.count('pruned')} stopped early, {found.count('failed')} failed.",
    ]
    errors = [one.error for one in found.trials if one.error]
    lines += [f"  {errors.count(one)} x {one}" for one in dict.fromkeys(errors)]
    if not best.number:
        lines.append("No other settings were better than those of the config.")
    if not found.importance:
        lines.append("The importance is not known: there are too few complete trials.")
    lines += [
        "The best of many trials looks better on validation than it is: measure it on test, once.",
        f"Train it with: kgrec train {found.folder / BEST}",
    ]
    for line in lines:
        console.print(safe(line, LONG), soft_wrap=True)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return safe(f"{value:.4g}" if isinstance(value, float) else str(value), 40)
