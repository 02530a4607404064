"""`kgrec update`: bring new data to a run, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import AsJson, Force, Run
from kgrec.errors import printable


def update(
    run: Run,
    out: Annotated[Path, typer.Option(help="Run folder to create; the other one stays.")],
    interactions: Annotated[
        Path | None, typer.Option(help="Table of new interactions, with the columns of the run's.")
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="Rows of the item table: new items, or other attributes.")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="Rows of the user table, likewise.")] = None,
    triples: Annotated[
        list[Path] | None, typer.Option(help="RDF file to add to the graph; may be repeated.")
    ] = None,
    links: Annotated[
        Path | None, typer.Option(help="Table of item ids and the IRIs of their entities.")
    ] = None,
    remove_items: Annotated[
        Path | None, typer.Option(help="File of the ids of items to withdraw, one a line.")
    ] = None,
    remove_users: Annotated[
        Path | None, typer.Option(help="File of the ids of users to delete, one a line.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Bring new users, items, interactions and triples to a run, without training.

    The new run folder works as any other, also for another update. What came since training is
    counted, and the command says when a training is due; `kgrec inspect` shows it again.
    """
    from kgrec.reporting.console import make_console, print_json
    from kgrec.runs.updating import UpdateFiles, update_run

    files = UpdateFiles(
        interactions, items, users, tuple(triples or ()), links, remove_items, remove_users
    )
    drift = update_run(run, out, files, force=force)
    if as_json:
        print_json(drift.to_dict())
        return
    for line in [*drift.lines(), f"Run folder: {printable(str(out))}"]:
        make_console().print(line, markup=False, soft_wrap=True)
