"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kgrec.recommender import Recommender

AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]
K = Annotated[int | None, typer.Option("-k", min=1, help="Number of items; 10 by default.")]
Run = Annotated[Path, typer.Argument(help="A run folder, made by `kgrec train`.")]
Liked = Annotated[
    list[str] | None, typer.Option("--liked", help="Id of a liked item; may be repeated.")
]
Part = Annotated[str, typer.Option("--split", help="`valid` or `test`.")]
Protocol = Annotated[
    str, typer.Option(help="`full`, `candidates`, `ctr`, `kgat-ndcg` or `ratings`.")
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
