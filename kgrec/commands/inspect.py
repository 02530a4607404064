"""`kgrec inspect`: show the content of a graph or run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kgrec.commands import options
from kgrec.errors import ConfigError, option, printable


def inspect(
    paths: Annotated[list[Path], typer.Argument(help="RDF files or folders, or a run folder.")],
    items: Annotated[
        Path | None, typer.Option(help="Item table; without --links, item ids are IRIs.")
    ] = None,
    links: Annotated[Path | None, typer.Option(help="Table of item ids and IRIs.")] = None,
    item_column: Annotated[str, typer.Option(help="Column of item ids.")] = "item_id",
    iri_column: Annotated[str, typer.Option(help="Column of IRIs in --links.")] = "iri",
    encoding: options.Encoding = None,
    separator: options.Separator = None,
    decimal: options.Decimal = None,
    quote: options.Quote = None,
    template: Annotated[
        str | None, typer.Option(help="IRI of an item's entity, with {id} in it; see `link`.")
    ] = None,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="Also link nearly the same IRIs; see `link`.")
    ] = False,
    shapes: Annotated[
        list[Path] | None,
        typer.Option(help="File of SHACL shapes to validate the graph against; may be repeated."),
    ] = None,
    shapes_limit: Annotated[
        float, typer.Option(help="Seconds after which the validation stops with an error.")
    ] = 600,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the statistics to this .png or .svg file.")
    ] = None,
    format: options.Format = None,
    base_iri: options.BaseIri = None,
    on_error: Annotated[
        str, typer.Option(help="`raise`, or `skip` to leave out invalid statements.")
    ] = "raise",
    rejects: Annotated[
        Path | None, typer.Option(help="Write the skipped statements to this JSON Lines file.")
    ] = None,
    graph: Annotated[
        list[str] | None,
        typer.Option(help="IRI of a named graph to read, '' for the default; may be repeated."),
    ] = None,
    contexts: options.Contexts = None,
    engine: options.EngineName = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Show the content of a graph, how items are connected, and possible problems.

    Of a run folder, show the model, its origin, its figures, what reading the data said, and the
    warnings of the training.
    With --picture, draw what each of the models that were tried reaches on validation.
    With --shapes, the exit code is 1 if the graph does not conform.
    """
    from kgrec.reporting.console import print_json

    if len(paths) == 1 and (paths[0] / "weights.safetensors").exists():
        from kgrec.reporting.run_summary import show_run
        from kgrec.runs.reading import read_summary

        graph_only = {"items": items, "links": links, "shapes": shapes}
        for name, value in graph_only.items():
            if value:
                raise ConfigError(
                    f"{printable(str(paths[0]))} is a run folder: {option(name)} is for graphs. "
                    "Leave it out, or name RDF files."
                )
        run = read_summary(paths[0])
        if picture is not None:
            _draw_parts(run, paths[0], picture, force)
        (print_json if as_json else show_run)(run)
        return
    from kgrec.drawing.canvas import check_pictures
    from kgrec.engine import named_engine
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.kg.profile.shapes import validate
    from kgrec.linking.linked_files import links_from_files
    from kgrec.reporting.graph_summary import show_statistics
    from kgrec.reporting.shape_results import show_shapes

    check_pictures([picture], [*paths, items, links, rejects, *(shapes or ())], force=force)
    reading: dict[str, Any] = {"format": format, "base_iri": base_iri, "on_error": on_error}
    reading["contexts"] = options.files_by_iri(contexts or ())
    with named_engine(engine).build():
        kg = KnowledgeGraph.read(list(paths), **reading, rejects=rejects, graphs=graph)
    how = options.table_options(encoding, separator, decimal, quote)
    linked = links_from_files(
        kg,
        items,
        links,
        item_column,
        iri_column,
        template=template,
        normalise=normalise,
        format=how,
    )
    found = kg.statistics(linked)
    valid = validate(kg, list(shapes), limit_s=shapes_limit) if shapes else None
    if as_json:
        print_json(found.to_dict() | ({"shapes": valid.to_dict()} if valid else {}))
    else:
        show_statistics(found)
        if valid:
            show_shapes(valid)
    if picture is not None:
        from kgrec.drawing.graph_statistics import draw_statistics

        draw_statistics(found, picture)
    if valid and not valid.conforms:
        raise typer.Exit(1)


def _draw_parts(run: dict[str, Any], folder: Path, picture: Path, force: bool) -> None:
    from kgrec.drawing.canvas import check_pictures
    from kgrec.drawing.tried_models import draw_parts

    parts = run["metrics"].get("parts")
    if not parts:
        raise ConfigError(
            f"{printable(str(folder))} has one model, {run['model']['name']}, so "
            f"{option('picture')} has nothing to compare. A run of the model auto shows the models "
            "that it tried; the curve of a training is curve.png in the run folder."
        )
    check_pictures([picture], [folder], force=force)
    draw_parts(parts, "together", "ndcg@10", picture)
