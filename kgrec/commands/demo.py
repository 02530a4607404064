"""`kgrec demo`: the whole pipeline on the embedded films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import Force
from kgrec.commands.serve import check_serving


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run and the picture.")] = Path(
        "demo-out"
    ),
    force: Force = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the run then, with its web page.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of --serve; 0 for any free one.")
    ] = 8000,
) -> None:
    """Train on the embedded films, and show what the model can do."""
    if serve:
        check_serving()
    from kgrec.commands.demonstration import run_demo

    run_demo(out, force=force)
    if serve:
        from kgrec.serving.running import serve as answer
        from kgrec.serving.settings import Plan, ServeConfig

        if port:
            typer.echo(f"\nThe page: http://127.0.0.1:{port}/  (Ctrl+C ends it)")
        answer(Plan(out, ServeConfig(port=port)))
