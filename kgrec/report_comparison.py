"""What `kgrec compare` prints."""

from __future__ import annotations

import math

from rich.console import Console

from kgrec.errors import printable
from kgrec.evaluation.comparison import Comparison
from kgrec.evaluation.significance import PairedTests
from kgrec.report import counted, make_console, make_table, safe

_COLUMNS = (
    "mean", "difference", "interval", "t test p", "Wilcoxon p", "bootstrap p", "d", "r",
)  # fmt: skip


def show_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print a table for each metric: the best model on top, and each against the reference."""
    console = console or make_console()
    reference = comparison.reference
    share = f"{comparison.config.confidence:.0%}"
    for metric in comparison.metrics:
        table = make_table(console, metric, *_COLUMNS, numbers=_COLUMNS)
        for model in comparison.ranked(metric):
            mean = f"{model.evaluation.per_user[metric].mean():.4f}"
            found = comparison.tests[metric].get(model.name)
            rest = ("reference", *[""] * 6) if found is None else _row(found)
            table.add_row(safe(model.name), mean, *rest)
        console.print(table)
        console.print()
    evaluation = reference.evaluation
    several = len(comparison.models) > 2
    console.print(
        f"{counted(evaluation.num_users, 'user')}, {evaluation.num_candidates:,} ranked items, "
        f"{counted(evaluation.num_judgements, 'interaction')} to be found. Differences are to "
        f"{printable(reference.name)}, with {share} bootstrap intervals; p values are two-sided"
        f"{', corrected by Holm over the models of a metric' if several else ''}. d: Cohen's d "
        "of the paired differences; r: rank-biserial correlation.",
        soft_wrap=True,
        markup=False,
    )


def _row(found: PairedTests) -> tuple[str, ...]:
    return (
        f"{found.gain:+.4f}",
        f"{found.low:+.4f} … {found.high:+.4f}",
        p_value(found.t_test_holm),
        p_value(found.wilcoxon_holm),
        p_value(found.bootstrap_holm),
        f"{found.cohens_d:+.2f}",
        f"{found.rank_biserial:+.2f}",
    )


def p_value(p: float) -> str:
    """Return a p value as it is read: three digits, or its power of ten where it is small.

    >>> p_value(0.0471), p_value(0.00002), p_value(0.0), p_value(1.0)
    ('0.047', '2e-05', '0', '1')
    """
    if p >= 0.001:
        return f"{p:.3f}" if p < 0.9995 else "1"
    return "0" if p == 0 else f"{p:.0e}" if math.isfinite(p) else "?"
