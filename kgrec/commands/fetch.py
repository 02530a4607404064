"""`kgrec fetch`: the graph around a user's items, from an endpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.failure import fail
from kgrec.commands.options import AsJson, Force


def fetch(
    endpoint: Annotated[
        str, typer.Argument(help="`wikidata`, `dbpedia`, or the address of a SPARQL endpoint.")
    ],
    items: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet table of items.")],
    settings: Annotated[
        list[str] | None, typer.Argument(help="Settings of the endpoint, as key=value.")
    ] = None,
    property: Annotated[
        list[str] | None,
        typer.Option(
            help="Property that holds the ids; may be repeated. Without it, ids are IRIs."
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the ids to look up.")] = "item_id",
    item: Annotated[str, typer.Option(help="Column of item ids, for the links.")] = "item_id",
    hops: Annotated[
        int, typer.Option(min=0, help="Number of steps to follow statements from the items.")
    ] = 1,
    relation: Annotated[
        list[str] | None, typer.Option(help="Property to keep; may be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Property to leave out; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Graph to write: .nt or .nt.gz.")] = Path("graph.nt.gz"),
    links: Annotated[
        Path | None, typer.Option(help="Also write the entity of each item to this CSV file.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for answers; the user's cache folder by default."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Fetch the graph around your items from a SPARQL endpoint, such as Wikidata's."""
    from kgrec.reporting.console import print_json
    from kgrec.reporting.reporter import Reporter
    from kgrec.settings import parse_settings
    from kgrec.sparql.fetched_files import fetch_files
    from kgrec.sparql.settings import endpoint_config
    from kgrec.text.cache import default_cache_folder

    reporter = Reporter()
    folder = cache or default_cache_folder(os.environ).parent / "sparql"
    try:
        with reporter.fetching() as progress:
            done = fetch_files(
                endpoint_config(endpoint, **parse_settings(settings or ())),
                items,
                out,
                column=column,
                item=item,
                links=links,
                force=force,
                property=property,
                hops=hops,
                relations=relation or None,
                exclude=exclude or (),
                cache=folder,
                progress=progress,
                notice=reporter.say,
            )
    except KeyboardInterrupt:
        fail(f"Interrupted. The same command continues with what was fetched: {folder}", 130)
    if as_json:
        print_json(done.to_dict())
    else:
        typer.echo(done)
