"""`kgrec explain`: why an item fits a user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import AsJson, Force, Liked, Run


def explain(
    run: Run,
    item: Annotated[str, typer.Option(help="Id of the item.")],
    user: Annotated[str | None, typer.Option(help="Id of a known user.")] = None,
    liked: Liked = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language of the sentence: en, de, es, fr, zh; else that of the texts."),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(
            help="Let a language model rewrite the sentence: `smollm2`, a GGUF file, or a folder."
        ),
    ] = None,
    as_json: AsJson = False,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the paths to this .png or .svg file.")
    ] = None,
    force: Force = False,
) -> None:
    """Explain why an item fits a user."""
    from kgrec.drawing.canvas import check_pictures
    from kgrec.reporting.recommendations import print_explanation
    from kgrec.runs.serving import load_for_serving

    check_pictures([picture], [run], force=force)
    recommender = load_for_serving(run)
    writer = None
    if words is not None:
        from kgrec.explain.writing.writer import Writer

        writer = Writer(words)
    explanation = recommender.explain(
        user, item, liked=liked or (), language=language, words=writer
    )
    print_explanation(explanation, as_json)
    if picture is not None:
        from kgrec.drawing.neighborhood import draw_neighborhood

        draw_neighborhood(explanation, picture)
