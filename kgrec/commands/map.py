"""`kgrec map`: make a graph from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import Force


def map(
    table: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSON Lines table.")],
    mapping: Annotated[
        Path | None, typer.Option(help="YAML mapping of the columns; by default, a suggested one.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="Id column, if there is no mapping.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the graph to this `.nt` or `.nt.gz` file or folder."),
    ] = None,
    force: Force = False,
) -> None:
    """Make a graph from a table, and print the mapping, which you can edit and use again."""
    from kgrec.datasets.conversion import table_to_graph
    from kgrec.reporting.reporter import Reporter

    found, notes = table_to_graph(table, mapping, id, out, force=force)
    reporter = Reporter()
    for note in notes:
        reporter.say(note)
    typer.echo(found.to_yaml(), nl=False)
