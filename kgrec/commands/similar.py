"""`kgrec similar`: items similar to an item."""

from __future__ import annotations

from typing import Annotated

import typer

from kgrec.commands.options import AsJson, Candidates, Exclude, Filter, K, Run, chosen_items


def similar(
    run: Run,
    item: Annotated[str, typer.Argument(help="Id of the item.")],
    k: K = None,
    filter: Filter = None,
    candidates: Candidates = None,
    exclude: Exclude = None,
    as_json: AsJson = False,
) -> None:
    """Find the items that are most similar to an item, as the model sees them."""
    from kgrec.reporting.recommendations import print_items
    from kgrec.runs.serving import load_for_serving

    recommender = load_for_serving(run)
    choice = chosen_items(recommender, filter, candidates, exclude)
    print_items(recommender.similar_items(item, k, **choice), as_json)
