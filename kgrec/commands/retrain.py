"""`kgrec retrain`: train a run again, with what came in while it was served."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import Run
from kgrec.errors import printable


def retrain(
    run: Run,
    out: Annotated[Path, typer.Option(help="Run folder to create.")],
    log: Annotated[
        str | None,
        typer.Option(help="The log of `kgrec serve`; that beside RUN else; - reads it."),
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(help="Its key of pseudonyms; that beside RUN else.")
    ] = None,
    promote: Annotated[
        bool,
        typer.Option("--promote", help="Let the link RUN lead to it if it is no worse."),
    ] = False,
) -> None:
    """Train a run again, on its data and on what came in while it was served.

    Both models are measured on the validation part. The exit code is 1 if the new one is worse; it
    is then written, and not promoted.
    """
    from kgrec.serving.log import open_log
    from kgrec.serving.places import log_of, secret_of
    from kgrec.serving.pseudonyms import Pseudonyms, read_key
    from kgrec.serving.retraining import METRIC, lead, retrain

    if log == "-":  # a URL with a password does not belong into a list of processes
        log = sys.stdin.readline().strip()
    opened = open_log(log or str(log_of(run)))
    names = Pseudonyms(read_key(secret or secret_of(run)))
    found = retrain(run, opened, names, out)
    opened.close()
    typer.echo(f"{METRIC} on validation: {found.before:.4f} before, {found.after:.4f} now")
    if not found.better:
        typer.echo(f"It has fallen: {printable(str(run))} stays.")
        raise typer.Exit(1)
    if promote:
        lead(run, out)
        typer.echo(f"{printable(str(run))} leads to {printable(str(out))}.")
