"""The output of `kgrec compare`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from rich.console import Console

from kgrec.errors import printable
from kgrec.evaluation.comparison import Comparison
from kgrec.evaluation.significance import PairedTests
from kgrec.reporting.console import make_console, make_table, safe
from kgrec.reporting.metric_tables import cautions, measured_on

_COLUMNS: Final = (
    "mean", "difference", "interval", "t test p", "Wilcoxon p", "bootstrap p", "d", "r",
)  # fmt: skip
_FEWER: Final = ("mean", "difference", "t test p", "Wilcoxon p", "d")
_WIDE: Final = 112
"""Width of a terminal, in characters, for all columns of the table."""


def show_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print a table for each metric: the best model first, each compared with the reference.

    A narrow terminal gets fewer columns, not fewer digits, and a note about it.
    """
    console = console or make_console()
    columns = _COLUMNS if console.width >= _WIDE else _FEWER
    for metric in comparison.metrics:
        table = make_table(console, safe(metric), *columns, numbers=columns)
        for column in table.columns[1:]:
            column.no_wrap = True
        for model in comparison.ranked(metric):
            mean = f"{model.evaluation.per_user[metric].mean():.4f}"
            found = comparison.tests[metric].get(model.name)
            cells = {"mean": mean, "difference": "reference"} if found is None else _cells(found)
            table.add_row(safe(model.name), *(cells.get(column, "") for column in columns))
        console.print(table)
        console.print()
    console.print(_notes(comparison, columns), soft_wrap=True, markup=False)


def _notes(comparison: Comparison, columns: Sequence[str]) -> str:
    """Return what the tables compare, and how to read them."""
    evaluation = comparison.reference.evaluation
    several = len(comparison.models) > 2
    sentences = [
        f"{measured_on(evaluation)}.",
        *cautions(evaluation),
        f"Differences are to {printable(comparison.reference.name)}"
        + (
            f", with {comparison.config.confidence:.0%} bootstrap intervals"
            if "interval" in columns
            else ""
        )
        + "; p values are two-sided"
        + (", corrected for the number of models (Holm)." if several else "."),
        "d: Cohen's d of the paired differences"
        + ("; r: rank-biserial correlation." if "r" in columns else "."),
    ]
    if columns is _FEWER:
        sentences.append("A wider terminal and --json also show intervals and the bootstrap.")
    return " ".join(sentences)


def _cells(found: PairedTests) -> dict[str, str]:
    return {
        "mean": f"{found.mean:.4f}",
        "difference": f"{found.gain:+.4f}",
        "interval": f"{found.low:+.4f} … {found.high:+.4f}",
        "t test p": p_value(found.t_test_holm),
        "Wilcoxon p": p_value(found.wilcoxon_holm),
        "bootstrap p": p_value(found.bootstrap_holm),
        "d": f"{found.cohens_d:+.2f}",
        "r": f"{found.rank_biserial:+.2f}",
    }


def p_value(p: float) -> str:
    """Return a p value as text: three digits, or with a power of ten if it is small.

    >>> p_value(0.0471), p_value(0.00002), p_value(0.0), p_value(1.0)
    ('0.047', '2e-05', '0', '1')
    """
    if p >= 0.001:
        return f"{p:.3f}" if p < 0.9995 else "1"
    return "0" if p == 0 else f"{p:.0e}" if math.isfinite(p) else "?"
