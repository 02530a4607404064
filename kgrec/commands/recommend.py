"""`kgrec recommend`: items for a user, or for many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.commands.failure import say
from kgrec.commands.options import (
    AsJson,
    Candidates,
    EngineName,
    Exclude,
    Filter,
    Force,
    K,
    Liked,
    Rerank,
    RerankTop,
    Run,
    chosen_items,
    reranker,
)
from kgrec.errors import ConfigError

if TYPE_CHECKING:
    from kgrec.data.interactions import Interactions
    from kgrec.recommender import Recommender


def recommend(
    run: Run,
    user: Annotated[str | None, typer.Option(help="Id of a known user.")] = None,
    liked: Liked = None,
    description: Annotated[
        str | None,
        typer.Option(
            help="What somebody likes in plain words, alone or beside --user and --liked."
        ),
    ] = None,
    all_users: Annotated[
        bool, typer.Option("--all", help="Recommend to all known users; needs --out.")
    ] = False,
    users: Annotated[
        Path | None,
        typer.Option(help="File of the ids of users to recommend to, one a line; needs --out."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write: .csv, .tsv, .parquet or .jsonl, a row for each item."
        ),
    ] = None,
    k: K = None,
    filter: Filter = None,
    candidates: Candidates = None,
    exclude: Exclude = None,
    include_disliked: Annotated[
        bool, typer.Option(help="Also recommend what users dislike; they are left out if not.")
    ] = False,
    diversity: Annotated[
        float,
        typer.Option(help="From 0, the best items, to 1, items that are as unlike as possible."),
    ] = 0.0,
    popularity: Annotated[
        float,
        typer.Option(help="From -1, the least popular items, over 0 to 1, the most popular ones."),
    ] = 0.0,
    retrieve: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many items each tower retrieves; the model then ranks these alone.",
        ),
    ] = None,
    towers: Annotated[
        list[str] | None,
        typer.Option(
            "--tower",
            help="A tower that retrieves items, such as ials or text; may be repeated. All if not.",
        ),
    ] = None,
    rerank: Rerank = None,
    rerank_top: RerankTop = 50,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep what is done in FILE.parts, and go on from there if it is there already.",
        ),
    ] = False,
    engine: EngineName = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Recommend items to a known user, to someone new who likes the given items, or both.

    --description says in words what somebody likes, such as "old westerns, nothing sad".

    With --all or --users, recommend to many users, into a file.
    """
    many = all_users or users is not None
    one = user is not None or bool(liked) or description is not None
    if many and (one or as_json or (all_users and users is not None)):
        raise ConfigError(
            "Give one of --all, --users, and --user, --liked or --description; --json is for these."
        )
    if many and out is None:
        raise ConfigError(
            "--all and --users write a file: give --out FILE.parquet, .csv or .jsonl."
        )
    if rerank is not None and many:
        raise ConfigError("--rerank is for one user: a language model is too slow for many.")
    if many and (retrieve is not None or towers):
        raise ConfigError(
            "--retrieve and --tower are for one user: for many, products of whole matrices are "
            "faster."
        )
    if out is not None and not many:
        raise ConfigError("--out is for many users: give --all or --users FILE too.")
    if resume and not many:
        raise ConfigError("--resume is for a file: give --all or --users FILE, and --out, too.")
    if engine is not None and not many:
        raise ConfigError("--engine is for many users: give --all or --users FILE, and --out, too.")
    if not one and not many:
        raise ConfigError(
            "Give --user ID, or --liked ITEM or --description TEXT for someone new, or --all --out "
            "FILE for everybody."
        )
    from kgrec.engine import named_engine
    from kgrec.reporting.recommendations import print_items
    from kgrec.retrieval.settings import retrieve_settings
    from kgrec.runs.serving import load_for_serving, read_test

    if out is not None:
        from kgrec.data.table_writer import check_format
        from kgrec.outputs.checks import check_files

        check_format(out)
        check_files([out], [run, users, candidates, exclude], force=force)
    recommender = load_for_serving(run)
    known = recommender.user_vocabulary, recommender.item_vocabulary
    choice = chosen_items(recommender, filter, candidates, exclude)
    choice |= {
        "include_disliked": include_disliked,
        "diversity": diversity,
        "popularity": popularity,
    }
    if out is not None:
        # The model did not see the test part, but the users have these items.
        with named_engine(engine).build():
            _write(recommender, out, users, k, read_test(run, *known), choice, resume)
        return
    if user in known[0]:
        test = read_test(run, *known, user)
        has = (test if include_disliked else test.rated()).item
        choice["exclude"] = [*choice["exclude"], *known[1].take(has)]
    choice["retrieve"] = retrieve_settings(retrieve, towers)
    choice["rerank"] = reranker(rerank, rerank_top)
    if description is not None:
        choice["description"] = description
    print_items(recommender.recommend(user, k, liked=liked or (), **choice), as_json)


def _write(
    recommender: Recommender,
    out: Path,
    users: Path | None,
    k: int | None,
    test: Interactions,
    choice: dict[str, Any],
    resume: bool,
) -> None:
    from kgrec.data.id_files import read_ids
    from kgrec.reporting.console import make_console
    from kgrec.runs.needs import announce, of_lists
    from kgrec.runs.serving import index_needs

    known = recommender.user_vocabulary
    ids = None if users is None else known.take(read_ids(users, known))
    found = recommender.recommend_all(k, users=ids, further=test, **choice)
    for needs in index_needs(recommender):
        announce(needs, say)
    announce(of_lists(len(found), len(recommender.item_vocabulary), found.k), say)
    found.write(out, progress=True, force=True, resume=resume)  # it was checked before the work
    make_console().print(f"{len(found):,} users: {out}", markup=False, soft_wrap=True)
