"""`kgrec api-key`: keys of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.errors import printable


def api_key(
    file: Annotated[Path, typer.Argument(help="File of keys; it is made if there is none.")],
    name: Annotated[str, typer.Argument(help="Who gets the key.")],
    scope: Annotated[
        str,
        typer.Option(help="What it allows: read, write (also posts), or admin (also erases)."),
    ] = "read",
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the key of this name instead.")
    ] = False,
) -> None:
    """Make an API key for `kgrec serve`, and print it: the file holds only its hash.

    A running service reads the file again when it changes.
    """
    from kgrec.serving.keys import add_key, remove_key

    if remove:
        remove_key(file, name)
        typer.echo(f"Removed: {printable(name)}")
        return
    typer.echo(add_key(file, name, scope))
