"""Options of several commands."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from kgrec.errors import ConfigError, printable, worded

if TYPE_CHECKING:
    from kgrec.data.table_format import FormatSettings
    from kgrec.recommender import Recommender
    from kgrec.snapshot.text_reranking import TextReranker

AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]
K = Annotated[int | None, typer.Option("-k", min=1, help="Number of items; 10 by default.")]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="Where the work is done: `local`, `ray` (a Ray cluster), or HOST:PORT of one.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace files, or a run, that are there already.")
]
Run = Annotated[Path, typer.Argument(help="A run folder, made by `kgrec train`.")]
Liked = Annotated[
    list[str] | None, typer.Option("--liked", help="Id of a liked item; may be repeated.")
]
Part = Annotated[str, typer.Option("--split", help="`valid` or `test`.")]
Protocol = Annotated[
    str, typer.Option(help="`full`, `candidates`, `ctr`, `kgat-ndcg`, `ratings` or `test-ratings`.")
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="What items must fulfil, such as 'price < 30 and \"drama\" in genre': columns of the "
        "item table, relations of the graph.",
    ),
]
Candidates = Annotated[
    Path | None,
    typer.Option("--candidates", help="File of the ids of the items to choose from, one a line."),
]
Exclude = Annotated[
    Path | None,
    typer.Option("--exclude", help="File of the ids of items to leave out, one a line."),
]


Encoding = Annotated[
    str | None, typer.Option(help="Encoding of the tables, such as latin-1; UTF-8 by default.")
]
Separator = Annotated[
    str | None,
    typer.Option(help="Between columns of the tables, such as ';', '::' or tab; by the ending."),
]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark of numbers: '.' or ','.")]
Quote = Annotated[
    str | None, typer.Option(help="Quotation mark of the tables; '' for none; '\"' by default.")
]
OnError = Annotated[
    str,
    typer.Option(help="`raise`, or `skip` to leave out rows and statements that cannot be read."),
]


def table_options(
    encoding: str | None, separator: str | None, decimal: str | None, quote: str | None, **more: Any
) -> FormatSettings:
    """Return the settings of a table's format that are given."""
    given = {"encoding": encoding, "separator": separator, "decimal": decimal, "quote": quote}
    kept = {name: value for name, value in (given | more).items() if value is not None}
    return cast("FormatSettings", kept)


Format = Annotated[str | None, typer.Option(help="nt, nq, ttl, trig, rdf, jsonld or a media type.")]
BaseIri = Annotated[str | None, typer.Option(help="Base of relative IRIs.")]
Contexts = Annotated[
    list[str] | None,
    typer.Option(
        "--context", help="IRI=FILE of a JSON-LD context that files refer to; may be repeated."
    ),
]

Rerank = Annotated[
    Path | None,
    typer.Option(
        help="Folder of `kgrec tune-text` with a task such as click: it orders the best items anew."
    ),
]
RerankTop = Annotated[
    int, typer.Option(min=1, help="How many of the best items --rerank orders anew.")
]


def reranker(folder: Path | None, top: int) -> TextReranker | None:
    """Return what `--rerank` names; None: nothing."""
    if folder is None:
        return None
    from kgrec.snapshot.text_reranking import TextReranker

    return TextReranker.load(folder, top)


def chosen_items(
    recommender: Recommender, filter: str | None, candidates: Path | None, exclude: Path | None
) -> dict[str, Any]:
    """Return the arguments `filter`, `candidates` and `exclude` of `Recommender.recommend`."""
    from kgrec.data.id_files import read_ids

    known = recommender.item_vocabulary
    return {
        "filter": filter,
        "candidates": None if candidates is None else known.take(read_ids(candidates, known)),
        "exclude": [] if exclude is None else known.take(read_ids(exclude, known)),
    }


def files_by_iri(given: Sequence[str]) -> dict[str, str]:
    """Return the files of `IRI=FILE` texts, by IRI.

    Raises:
        ConfigError: A text is not of this form.
    """
    found = {}
    for text in given:
        iri, _, file = text.rpartition("=")
        if not iri or not file:
            raise ConfigError(
                f"{printable(text)!r} is no context: expected IRI=FILE, such as "
                "https://schema.org/=schemaorg.jsonld."
            )
        found[iri] = file
    return found


def in_words_of(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with messages that name its options instead of Python's arguments."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        with worded(functools.partial(_written, command)):
            command(*args, **kwargs)

    return run


def _written(command: Callable[..., None], name: str, value: object) -> str:
    """Return an argument as the command line has it: an option, or else a setting."""
    shown = "" if value is None or value is True else f" {value}"
    if name not in inspect.signature(command).parameters:
        return f"`{name}`" if value is None else f"`{name}: {value}`"
    about = get_args(get_type_hints(command, include_extras=True)[name])
    for info in about:
        if isinstance(info, ArgumentInfo):
            return name.upper() + shown
        if isinstance(info, OptionInfo) and isinstance(info.default, str):
            return info.default + shown  # in an annotation, the first name stands there
    return "--" + name.replace("_", "-") + shown
