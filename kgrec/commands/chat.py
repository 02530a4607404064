"""`kgrec chat`: a conversation on a terminal."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from kgrec.commands.options import Filter, K, Run


def chat(
    run: Run,
    k: K = None,
    user: Annotated[
        str | None, typer.Option(help="Id of a known user, whose taste counts too.")
    ] = None,
    filter: Filter = None,
    download: Annotated[
        str | None,
        typer.Option(help="The encoder that the run names, if it may be downloaded from the hub."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each answer as a line of JSON, and nothing else.")
    ] = False,
) -> None:
    """Look for items in a conversation: each line refines what is wanted.

    It reads lines until the end of the input; `:help` lists what else it understands. A pipe works
    too: `echo "a heist film, no comedy" | kgrec chat RUN`.
    """
    from kgrec.conversation import Conversation
    from kgrec.reporting.chat import Chat
    from kgrec.runs.serving import load_for_serving
    from kgrec.text.cache import EmbeddingCache, default_cache_folder

    recommender = load_for_serving(run, download=download)
    if recommender.cache is None and recommender.text_config is not None:
        recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
        recommender.progress = sys.stderr.isatty()
    number = min(5, len(recommender.item_vocabulary)) if k is None else recommender.check_k(k)
    talk = Chat(Conversation(recommender, user, filter), number, as_json=as_json)
    talk.run(sys.stdin, shows_prompt=sys.stdin.isatty() and not as_json)
