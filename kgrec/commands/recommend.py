"""`kgrec recommend`: items for a user."""

from __future__ import annotations

from typing import Annotated

import typer

from kgrec.commands.options import AsJson, K, Liked, Run


def recommend(
    run: Run,
    user: Annotated[str | None, typer.Option(help="Id of a known user.")] = None,
    liked: Liked = None,
    k: K = None,
    as_json: AsJson = False,
) -> None:
    """Recommend items to a known user, to someone new who likes the given items, or both."""
    from kgrec.reporting.recommendations import print_items
    from kgrec.runs.reading import load_run

    recommender, _, split = load_run(run)
    # The model did not see the test part, but the user has these items.
    has = []
    if user is not None and user in split.test.users:
        rows = split.test.item[split.test.user == split.test.users.row(user)]
        has = split.test.items.take(rows)
    print_items(recommender.recommend(user, k, liked=liked or (), exclude=has), as_json)
