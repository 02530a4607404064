"""`kgrec tune-search`: learn to search from example queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import Force, Run


def tune_search(
    run: Run,
    queries: Annotated[
        Path, typer.Option(help="JSON Lines file of example queries with their answers.")
    ],
    out: Annotated[Path, typer.Option(help="Run folder to create.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of learning, as key=value, such as rank=64."),
    ] = None,
    force: Force = False,
) -> None:
    """Learn from example queries how to search a run's items, and write the run with it.

    Each line has `query`, or `said` with the turns of a conversation, and `gold`, the ids of the
    items that answer it. Keep some queries for `kgrec evaluate RUN --queries FILE`.
    """
    from kgrec.reporting.reporter import Reporter
    from kgrec.runs.search_tuning import tune_search
    from kgrec.settings import parse_settings

    tune_search(
        run, queries, out, settings=parse_settings(settings or ()), force=force, log=Reporter()
    )
