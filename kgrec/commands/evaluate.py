"""`kgrec evaluate`: evaluate a run on a part of its split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.failure import say, say_not_stored
from kgrec.commands.options import AsJson, EngineName, Force, Part, Protocol, Run
from kgrec.errors import RunError


def evaluate(
    run: Run,
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of the protocol, as key=value, such as num=100."),
    ] = None,
    split: Part = "test",
    protocol: Protocol = "full",
    k: Annotated[
        list[int] | None,
        typer.Option("-k", min=1, help="Cut-off; may be repeated. 10 and 20 by default."),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Table of user_id and item_id: items to rank for protocol `candidates`."),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="JSON Lines file of queries with answers: measure search on them."),
    ] = None,
    as_json: AsJson = False,
    trec: Annotated[
        Path | None, typer.Option(help="Also write the ranking to this file, in TREC format.")
    ] = None,
    engine: EngineName = None,
    force: Force = False,
) -> None:
    """Evaluate a run on the validation or test part of its split, by a protocol, or its search.

    The results are stored in the run folder. If they cannot be, they are shown all the same, and
    the exit code is 1.
    """
    from kgrec.engine import named_engine
    from kgrec.reporting.console import print_json
    from kgrec.reporting.metric_tables import show_groups, show_metrics
    from kgrec.runs.evaluating import evaluate_run
    from kgrec.settings import parse_settings

    if queries is not None:
        _evaluate_search(run, queries, k, trec, force=force, as_json=as_json)
        return
    not_stored: list[RunError] = []
    with named_engine(engine).build():
        result = evaluate_run(
            run,
            split,
            protocol=protocol,
            k=k,
            given=candidates,
            trec=trec,
            settings=parse_settings(settings or ()),
            force=force,
            not_stored=not_stored.append,
            say=say,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        show_metrics({run.name: result})
        show_groups(result)
    say_not_stored(not_stored)


def _evaluate_search(
    run: Path, queries: Path, k: list[int] | None, trec: Path | None, *, force: bool, as_json: bool
) -> None:
    from kgrec.reporting.console import print_json
    from kgrec.reporting.metric_tables import show_metrics
    from kgrec.runs.query_evaluation import evaluate_queries

    result = evaluate_queries(run, queries, k=k, trec=trec, force=force)
    if as_json:
        print_json(result.to_dict())
    else:
        show_metrics({run.name: result})
