"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]
K = Annotated[int | None, typer.Option("-k", min=1, help="Number of items; 10 by default.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace files, or a run, that are there already.")
]
Run = Annotated[Path, typer.Argument(help="A run folder, made by `kgrec train`.")]
Liked = Annotated[
    list[str] | None, typer.Option("--liked", help="Id of a liked item; may be repeated.")
]
Part = Annotated[str, typer.Option("--split", help="`valid` or `test`.")]
Protocol = Annotated[
    str, typer.Option(help="`full`, `candidates`, `ctr`, `kgat-ndcg` or `ratings`.")
]
