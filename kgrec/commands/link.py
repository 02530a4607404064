"""`kgrec link`: find the entity of each item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.commands import options
from kgrec.errors import ConfigError

if TYPE_CHECKING:
    from kgrec.text.progress import ShownEncoder


def link(
    items: Annotated[Path, typer.Argument(help="Table of items: CSV, TSV or Parquet.")],
    graph: Annotated[list[Path], typer.Argument(help="RDF files or folders.")],
    out: Annotated[Path, typer.Option(help="CSV file to write the links to.")] = Path("links.csv"),
    review: Annotated[
        Path | None, typer.Option(help="Also write the uncertain candidates to this CSV file.")
    ] = None,
    links: Annotated[Path | None, typer.Option(help="Known links: CSV of item id and iri.")] = None,
    item: Annotated[str, typer.Option(help="Column of item ids.")] = "item_id",
    encoding: options.Encoding = None,
    separator: options.Separator = None,
    decimal: options.Decimal = None,
    quote: options.Quote = None,
    on_error: Annotated[
        str,
        typer.Option(
            help="`raise`, or `skip` to leave out rows of tables and statements of RDF files that "
            "cannot be read."
        ),
    ] = "raise",
    template: Annotated[
        str | None,
        typer.Option(help="IRI of an item's entity, such as http://shop.example/product/{id}."),
    ] = None,
    property: Annotated[
        str | None, typer.Option(help="IRI of the property with identifiers of items.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of these identifiers; the item id by default.")
    ] = None,
    identifier: Annotated[
        str | None, typer.Option(help="How to compare identifiers: exact, plain or isbn.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Column of titles; `title` by default, if it is there.")
    ] = None,
    year: Annotated[
        str | None, typer.Option(help="Column of years; `year` or `release_year` by default.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="IRI of a type to link to; may be repeated.")
    ] = None,
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace", help="What the IRIs of entities must begin with; may be repeated."
        ),
    ] = None,
    normalise: Annotated[
        bool,
        typer.Option(
            "--normalise",
            help="Also link IRIs that differ from the graph's only in http or https, www., a slash "
            "at the end, percent-encoding, case or the fragment.",
        ),
    ] = False,
    one_to_one: Annotated[
        bool, typer.Option("--one-to-one", help="Link each entity to at most one item.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(help="Lowest confidence of a link, 0 to 1; 0.9 by default.")
    ] = None,
    meaning: Annotated[bool, typer.Option(help="Compare the remaining items by meaning.")] = True,
    meaning_limit: Annotated[
        float | None,
        typer.Option(
            help="Highest confidence for meaning alone; 0.8 by default, too low for a link."
        ),
    ] = None,
    format: options.Format = None,
    base_iri: options.BaseIri = None,
    contexts: options.Contexts = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the entity of each item: by IRI, identifier, title and year, spelling, then meaning."""
    from kgrec.linking.linked_files import link_files
    from kgrec.reporting.console import print_json
    from kgrec.reporting.link_summary import show_links

    given = {
        "template": template,
        "property": property,
        "column": column,
        "identifier": identifier,
        "title": title,
        "year": year,
        "types": types,
        "namespaces": namespaces,
        "normalise": normalise or None,
        "threshold": threshold,
        "meaning_limit": meaning_limit,
        "one_to_one": one_to_one or None,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    encoder = _encoder if meaning else None
    done = link_files(
        items,
        graph,
        out,
        review=review,
        links=links,
        item=item,
        encoder=encoder,
        force=force,
        format=options.table_options(encoding, separator, decimal, quote, on_error=on_error),
        reading={
            "format": format,
            "base_iri": base_iri,
            "contexts": options.files_by_iri(contexts or ()),
        },
        **settings,
    )
    if as_json:
        print_json(done.to_dict())
    else:
        show_links(done)


def _encoder() -> ShownEncoder:
    from kgrec.reporting.reporter import Reporter
    from kgrec.text.encoder import TextEncoder
    from kgrec.text.progress import ShownEncoder

    encoder = TextEncoder()
    try:
        _ = encoder.files
    except ConfigError as error:
        raise ConfigError(f"{error} With --no-meaning, no text encoder is needed.") from error
    return ShownEncoder(encoder, Reporter().encoding)
