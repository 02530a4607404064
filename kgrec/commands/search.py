"""`kgrec search`: find items by a description."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from kgrec.commands.options import AsJson, Candidates, Exclude, Filter, K, Run, chosen_items


def search(
    run: Run,
    query: Annotated[str, typer.Argument(help="What you look for, in plain words.")],
    k: K = None,
    filter: Filter = None,
    candidates: Candidates = None,
    exclude: Exclude = None,
    download: Annotated[
        str | None,
        typer.Option(help="The encoder that the run names, if it may be downloaded from the hub."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find items by a description in plain words."""
    from kgrec.reporting.recommendations import print_items
    from kgrec.runs.serving import load_for_serving
    from kgrec.text.cache import EmbeddingCache, default_cache_folder

    recommender = load_for_serving(run, download=download)
    if recommender.cache is None and recommender.text_config is not None:
        # A run of a model without text has no text vectors: they are made once.
        recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
        recommender.progress = sys.stderr.isatty()
    choice = chosen_items(recommender, filter, candidates, exclude)
    print_items(recommender.search(query, k, **choice), as_json)
