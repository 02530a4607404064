"""`kgrec demo`: the whole pipeline on the embedded films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import Force


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run and the picture.")] = Path(
        "demo-out"
    ),
    force: Force = False,
) -> None:
    """Train on the embedded films, and show what the model can do."""
    from kgrec.commands.demonstration import run_demo

    run_demo(out, force=force)
