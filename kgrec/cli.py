"""The `kgrec` command. Whatever takes long to import is imported by the command that needs it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from kgrec.errors import KgrecError, printable

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Recommendations from a knowledge graph and interactions.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
K = Annotated[int | None, typer.Option("-k", min=1, help="How many items; 10 by default.")]
Run = Annotated[Path, typer.Argument(help="A run folder, made by `kgrec train`.")]
Liked = Annotated[
    list[str] | None, typer.Option("--liked", help="Id of a liked item; may be repeated.")
]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run and the picture.")] = Path(
        "demo-out"
    ),
) -> None:
    """Train on the embedded films, and show what comes of it."""
    from kgrec.commands.demo import run_demo

    run_demo(out)


@app.command()
def inspect(
    paths: Annotated[list[Path], typer.Argument(help="RDF files or folders.")],
    items: Annotated[
        Path | None, typer.Option(help="Item table; without --links, item ids are IRIs.")
    ] = None,
    links: Annotated[Path | None, typer.Option(help="Table of item ids and IRIs.")] = None,
    item_column: Annotated[str, typer.Option(help="Column of item ids.")] = "item_id",
    iri_column: Annotated[str, typer.Option(help="Column of IRIs in --links.")] = "iri",
    shapes: Annotated[
        list[Path] | None,
        typer.Option(help="File of SHACL shapes to validate the graph against; may be repeated."),
    ] = None,
    shapes_limit: Annotated[
        float, typer.Option(help="Seconds after which the validation is given up.")
    ] = 600,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the figures there, as .png or .svg.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="nt, nq, ttl, trig, rdf, jsonld or a media type.")
    ] = None,
    base_iri: Annotated[
        str | None, typer.Option(help="What relative IRIs are relative to.")
    ] = None,
    on_error: Annotated[
        str, typer.Option(help="`raise`, or `skip` to leave out statements that are not valid.")
    ] = "raise",
    rejects: Annotated[
        Path | None, typer.Option(help="Write what is left out there, as JSON Lines.")
    ] = None,
    graph: Annotated[
        list[str] | None,
        typer.Option(help="IRI of a named graph to read, '' for the default; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in a graph, how items are connected, and what looks suspicious.

    With --shapes, the exit code is 1 if the graph does not conform.
    """
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.kg.profile.shapes import validate
    from kgrec.reporting.graph import link_items, show_statistics
    from kgrec.reporting.shapes import show_shapes
    from kgrec.reporting.terminal import print_json

    reading: dict[str, Any] = {"format": format, "base_iri": base_iri, "on_error": on_error}
    kg = KnowledgeGraph.read(list(paths), **reading, rejects=rejects, graphs=graph)
    found = kg.statistics(link_items(kg, items, links, item_column, iri_column))
    if picture is not None:
        from kgrec.drawing.statistics import draw_statistics

        draw_statistics(found, picture)
    valid = validate(kg, list(shapes), limit_s=shapes_limit) if shapes else None
    if as_json:
        print_json(found.to_dict() | ({"shapes": valid.to_dict()} if valid else {}))
    else:
        show_statistics(found)
        if valid:
            show_shapes(valid)
    if valid and not valid.conforms:
        raise typer.Exit(1)


@app.command()
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
        typer.Option(help="Property whose value an id is; may be repeated. None: ids are IRIs."),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the ids to look up.")] = "item_id",
    item: Annotated[str, typer.Option(help="Column of item ids, for the links.")] = "item_id",
    hops: Annotated[int, typer.Option(min=0, help="How far statements are followed.")] = 1,
    relation: Annotated[
        list[str] | None, typer.Option(help="Property to keep; may be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Property to leave out; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Graph to write: .nt or .nt.gz.")] = Path("graph.nt.gz"),
    links: Annotated[
        Path | None, typer.Option(help="Also write which item is which entity, as CSV.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of answers; the user's cache folder by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the graph around one's own items from a SPARQL endpoint, such as Wikidata's."""
    from kgrec.sparql.files import run_fetch
    from kgrec.text.cache import default_cache_folder

    folder = cache or default_cache_folder(os.environ).parent / "sparql"
    try:
        done = run_fetch(
            endpoint,
            items,
            out,
            column=column,
            item=item,
            links=links,
            cache=folder,
            settings=settings or (),
            property=property,
            hops=hops,
            relations=relation or None,
            exclude=exclude or (),
        )
    except KeyboardInterrupt:
        _fail(f"Interrupted. What was fetched is kept; the same command goes on: {folder}", 130)
    if as_json:
        from kgrec.reporting.terminal import print_json

        print_json(done.to_dict())
    else:
        typer.echo(done)


@app.command()
def link(
    items: Annotated[Path, typer.Argument(help="Table of items: CSV, TSV or Parquet.")],
    graph: Annotated[list[Path], typer.Argument(help="RDF files or folders.")],
    out: Annotated[Path, typer.Option(help="CSV file of the links.")] = Path("links.csv"),
    review: Annotated[
        Path | None, typer.Option(help="Also write the uncertain candidates there, as CSV.")
    ] = None,
    links: Annotated[
        Path | None, typer.Option(help="Links that hold already: CSV of item id and iri.")
    ] = None,
    item: Annotated[str, typer.Option(help="Column of item ids.")] = "item_id",
    property: Annotated[
        str | None, typer.Option(help="IRI of a property that holds identifiers of items.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of these identifiers; the item id by default.")
    ] = None,
    identifier: Annotated[
        str | None, typer.Option(help="How identifiers compare: exact, plain or isbn.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Column of titles; `title` where there is one.")
    ] = None,
    year: Annotated[
        str | None, typer.Option(help="Column of years; `year` or `release_year` if it is there.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="IRI of a type to link to; may be repeated.")
    ] = None,
    one_to_one: Annotated[
        bool, typer.Option("--one-to-one", help="Link an entity to one item at most.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(help="Least confidence of a link, 0 to 1; 0.9 by default.")
    ] = None,
    meaning: Annotated[
        bool, typer.Option(help="Whether to look by meaning for what is left.")
    ] = True,
    meaning_limit: Annotated[
        float | None,
        typer.Option(help="Highest confidence by meaning alone; 0.8 by default: for the review."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the entity of each item: by IRI, identifier, title and year, spelling, then meaning."""
    from kgrec.linking.files import link_files
    from kgrec.reporting.terminal import print_json, print_lines

    given = {
        "property": property,
        "column": column,
        "identifier": identifier,
        "title": title,
        "year": year,
        "types": types,
        "threshold": threshold,
        "meaning_limit": meaning_limit,
        "one_to_one": one_to_one or None,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    done = link_files(
        items, graph, out, review=review, links=links, item=item, meaning=meaning, **settings
    )
    if as_json:
        print_json(done.to_dict())
    else:
        print_lines(done.lines())


@app.command()
def convert(
    folder: Annotated[
        Path,
        typer.Argument(help="Files of RecBole, KGAT or KGCN (also RippleNet and MKR): the folder."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of `data`, as key=value, such as 'positive=rating >= 4'."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("converted"),
    format: Annotated[
        str | None, typer.Option(help="`recbole`, `kgat` or `kgcn`; found by the files.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what the files do not split.")] = 0,
) -> None:
    """Write a published data set as files that kgrec reads, with a config to train on."""
    from kgrec.datasets.conversion import convert as convert_files
    from kgrec.reporting.terminal import Reporter
    from kgrec.settings import parse_settings

    dataset, config = convert_files(folder, out, format, parse_settings(settings or ()), seed)
    reporter = Reporter()
    for note in dataset.notes:
        reporter.say(note)
    reporter.say(f"Config: {config}")


@app.command(name="map")
def map_table(
    table: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or JSON Lines table.")],
    mapping: Annotated[
        Path | None, typer.Option(help="YAML mapping of its columns; chosen if there is none.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="Id column, where there is no mapping.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the graph there: `.nt` or `.nt.gz`, else a folder."),
    ] = None,
) -> None:
    """Make a graph of a table; the mapping is printed, to be changed and given again."""
    from kgrec.datasets.conversion import table_to_graph
    from kgrec.reporting.terminal import Reporter

    found, notes = table_to_graph(table, mapping, id, out)
    reporter = Reporter()
    for note in notes:
        reporter.say(note)
    typer.echo(found.to_yaml(), nl=False)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Settings to change, as key=value.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Run folder to make.")] = Path("runs/latest"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the run folder.")
    ] = False,
) -> None:
    """Train a model and write a run folder."""
    from kgrec.config import load_config
    from kgrec.runs.training import train_run

    started = time.time()
    try:
        train_run(load_config(config, overrides or ()), out, resume=resume)
    except KeyboardInterrupt:
        saved = out / "checkpoint.safetensors"
        # One that lay there before is of another training.
        ours = saved.exists() and saved.stat().st_mtime >= started
        hint = f" The checkpoint is saved; --resume goes on from it: {saved}" if ours else ""
        _fail("Interrupted." + hint, 130)


@app.command()
def evaluate(
    run: Run,
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of the protocol, as key=value, such as num=100."),
    ] = None,
    split: Annotated[str, typer.Option(help="`valid` or `test`.")] = "test",
    protocol: Annotated[
        str, typer.Option(help="`full`, `candidates`, `ctr`, `kgat-ndcg` or `ratings`.")
    ] = "full",
    k: Annotated[
        list[int] | None,
        typer.Option("-k", min=1, help="Cut-off; may be repeated. 10 and 20 by default."),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Table of user_id and item_id: what is ranked by protocol candidates."),
    ] = None,
    as_json: AsJson = False,
    trec: Annotated[
        Path | None, typer.Option(help="Also write the ranking there, in TREC format.")
    ] = None,
) -> None:
    """Measure a run on the validation or test part of its split, by a protocol."""
    from kgrec.reporting.terminal import print_json, show_groups, show_metrics
    from kgrec.runs.training import evaluate_run
    from kgrec.settings import parse_settings

    result = evaluate_run(
        run,
        split,
        protocol=protocol,
        k=k,
        given=candidates,
        trec=trec,
        settings=parse_settings(settings or ()),
    )
    if as_json:
        print_json(result.to_dict())
    else:
        show_metrics({run.name: result})
        show_groups(result)


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders; the others are compared with the first.")
    ],
    split: Annotated[str, typer.Option(help="`valid` or `test`.")] = "test",
    protocol: Annotated[
        str, typer.Option(help="`full`, `candidates`, `ctr`, `kgat-ndcg` or `ratings`.")
    ] = "full",
    k: Annotated[
        list[int] | None, typer.Option("-k", min=1, help="Cut-off; may be repeated.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric to test, as ndcg@10; may be repeated.")
    ] = None,
    seeds: Annotated[
        bool, typer.Option("--seeds", help="Take runs that differ in their seeds as one model.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the means there, as .png or .svg.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(help="Also draw the validation curves there.")
    ] = None,
    times: Annotated[
        Path | None, typer.Option(help="Also draw accuracy above seconds of training there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs on the same users: differences, paired tests, effect sizes."""
    from kgrec.reporting.comparison import show_comparison
    from kgrec.reporting.terminal import Reporter, print_json
    from kgrec.runs.comparison import compare_runs, draw_run_curves, draw_run_times

    say = Reporter().say
    found = compare_runs(runs, split, protocol=protocol, k=k, metrics=metric, seeds=seeds, say=say)
    if picture is not None:
        from kgrec.drawing.results import draw_comparison

        draw_comparison(found, picture)
    if curves is not None:
        for name in draw_run_curves(runs, curves, seeds=seeds):
            say(f"{name} has no validation curve.")
    if times is not None:
        draw_run_times(found, runs, times, seeds=seeds)
    if as_json:
        print_json(found.to_dict())
    else:
        show_comparison(found)


@app.command()
def recommend(
    run: Run,
    user: Annotated[str | None, typer.Option(help="Id of a known user.")] = None,
    liked: Liked = None,
    k: K = None,
    as_json: AsJson = False,
) -> None:
    """Recommend items to a known user, to someone new who likes the given items, or both."""
    from kgrec.reporting.terminal import print_items
    from kgrec.runs.folder import load_run

    recommender, _, split = load_run(run)
    # The test part was kept from the model, not from the user.
    has = []
    if user is not None and user in split.test.users:
        rows = split.test.item[split.test.user == split.test.users.row(user)]
        has = split.test.items.take(rows)
    print_items(recommender.recommend(user, k, liked=liked or (), exclude=has), as_json)


@app.command()
def search(
    run: Run,
    query: Annotated[str, typer.Argument(help="What is wanted, in plain words.")],
    k: K = None,
    as_json: AsJson = False,
) -> None:
    """Find items by a description in plain words."""
    from kgrec.reporting.terminal import print_items
    from kgrec.runs.folder import load_run

    recommender, _, _ = load_run(run)
    print_items(recommender.search(query, k), as_json)


@app.command()
def explain(
    run: Run,
    item: Annotated[str, typer.Option(help="Id of the item.")],
    user: Annotated[str | None, typer.Option(help="Id of a known user.")] = None,
    liked: Liked = None,
    as_json: AsJson = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the paths there, as .png or .svg.")
    ] = None,
) -> None:
    """Say why an item fits a user."""
    from kgrec.reporting.terminal import print_explanation
    from kgrec.runs.folder import load_run

    recommender, _, _ = load_run(run)
    explanation = recommender.explain(user, item, liked=liked or ())
    if picture is not None:
        from kgrec.drawing.neighborhood import draw_neighborhood

        draw_neighborhood(explanation, picture)
    print_explanation(explanation, as_json)


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    if version:
        from kgrec import __version__

        typer.echo(f"kgrec {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command: a user's mistake is one message on stderr and exit code 2."""
    try:
        app()
    except KgrecError as error:
        _fail(str(error), 2)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has left; that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _fail(message: str, code: int) -> None:
    lines = [printable(line, 2000) for line in message.splitlines()]
    typer.echo("kgrec: " + "\n".join(lines), err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
