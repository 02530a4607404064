"""`kgrec search`: find items by a description."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from kgrec.commands.options import (
    AsJson,
    Candidates,
    Exclude,
    Filter,
    K,
    Liked,
    Rerank,
    RerankTop,
    Run,
    chosen_items,
    reranker,
)


def search(
    run: Run,
    query: Annotated[str, typer.Argument(help="What you look for, in plain words.")],
    k: K = None,
    user: Annotated[
        str | None, typer.Option(help="Id of a known user, whose taste counts too.")
    ] = None,
    liked: Liked = None,
    disliked: Annotated[
        list[str] | None,
        typer.Option("--disliked", help="Id of an item that is not liked; may be repeated."),
    ] = None,
    filter: Filter = None,
    candidates: Candidates = None,
    exclude: Exclude = None,
    rerank: Rerank = None,
    rerank_top: RerankTop = 50,
    download: Annotated[
        str | None,
        typer.Option(help="The encoder that the run names, if it may be downloaded from the hub."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find items by a description in plain words, such as "a heist film, but no comedy"."""
    from kgrec.reporting.recommendations import print_items
    from kgrec.runs.serving import load_for_serving
    from kgrec.text.cache import EmbeddingCache, default_cache_folder

    recommender = load_for_serving(run, download=download)
    if recommender.cache is None and recommender.text_config is not None:
        # A run of a model without text has no text vectors: they are made once.
        recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
        recommender.progress = sys.stderr.isatty()
    choice = chosen_items(recommender, filter, candidates, exclude)
    choice["rerank"] = reranker(rerank, rerank_top)
    found = recommender.search(
        query, k, user=user, liked=liked or (), disliked=disliked or (), **choice
    )
    print_items(found, as_json)
