"""`kgrec map`: make a graph from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import (
    Decimal,
    Encoding,
    Force,
    OnError,
    Quote,
    Separator,
    table_options,
)


def map(
    table: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSON Lines table.")],
    mapping: Annotated[
        Path | None, typer.Option(help="YAML mapping of the columns; by default, a suggested one.")
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Id column, if the mapping does not name it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the graph to this file (.nt, .nq, .ttl, .trig, .rdf or .jsonld, also with "
            ".gz) or folder."
        ),
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(help="CSV file for the entity of each id; by default, beside the graph."),
    ] = None,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    quote: Quote = None,
    on_error: OnError = "raise",
    rejects: Annotated[
        Path | None, typer.Option(help="Write rows that were left out to this JSON Lines file.")
    ] = None,
    force: Force = False,
) -> None:
    """Make a graph from a table, and print the mapping, which you can edit and use again."""
    from kgrec.datasets.conversion import table_to_graph
    from kgrec.reporting.reporter import Reporter

    how = table_options(encoding, separator, decimal, quote, on_error=on_error, rejects=rejects)
    found, notes = table_to_graph(table, mapping, id, out, links=links, force=force, **how)
    reporter = Reporter()
    for note in notes:
        reporter.say(note)
    typer.echo(found.to_yaml(), nl=False)
