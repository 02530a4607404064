"""`kgrec compare`: compare runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.failure import say_not_stored
from kgrec.commands.options import AsJson, Force, Part, Protocol
from kgrec.errors import RunError


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders; the others are compared with the first.")
    ],
    split: Part = "test",
    protocol: Protocol = "full",
    k: Annotated[
        list[int] | None, typer.Option("-k", min=1, help="Cut-off; may be repeated.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric to test, such as ndcg@10; may be repeated.")
    ] = None,
    seeds: Annotated[
        bool,
        typer.Option("--seeds", help="Average runs that differ only in their seeds, as one model."),
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the means to this .png or .svg file.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(help="Also draw the validation curves to this file.")
    ] = None,
    times: Annotated[
        Path | None, typer.Option(help="Also draw accuracy against training time to this file.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Compare runs on the same users: differences, paired tests, effect sizes."""
    from kgrec.drawing.canvas import check_pictures
    from kgrec.drawing.curves import draw_curves
    from kgrec.drawing.results import draw_comparison, draw_comparison_times
    from kgrec.reporting.comparison_tables import show_comparison
    from kgrec.reporting.console import print_json
    from kgrec.reporting.reporter import Reporter
    from kgrec.runs.comparing import compare_runs
    from kgrec.runs.training_figures import training_seconds, validation_curves

    say = Reporter().say
    check_pictures([picture, curves, times], runs, force=force)
    not_stored: list[RunError] = []
    found = compare_runs(
        runs,
        split,
        protocol=protocol,
        k=k,
        metrics=metric,
        seeds=seeds,
        say=say,
        not_stored=not_stored.append,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        show_comparison(found)
    if picture is not None:
        draw_comparison(found, picture)
    if curves is not None:
        validated = validation_curves(runs, seeds=seeds)
        draw_curves({"Validation": validated.models}, validated.metric, curves)
        for name in validated.without:
            say(f"{name} has no validation curve.")
    if times is not None:
        draw_comparison_times(found, training_seconds(runs, seeds=seeds), times)
    say_not_stored(not_stored)
