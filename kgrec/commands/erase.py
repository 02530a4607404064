"""`kgrec erase`: a run without some users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.commands.options import AsJson, Force, Run
from kgrec.errors import printable


def erase(
    run: Run,
    users: Annotated[
        list[str], typer.Option("--user", help="Id of a user to erase; may be repeated.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run folder to create; without it, RUN itself changes.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Erase users from a run: from its data, its texts, and the log of `kgrec serve` beside it.

    A model in closed form is then exactly what a training without them finds. Of others, the
    command says that a training is due. The files that the run was trained from do not change.
    """
    from kgrec.reporting.console import make_console, print_json
    from kgrec.runs.erasing import erase_users

    drift = erase_users(run, users, out, force=force)
    logged = _erase_from_log(run, users)
    if as_json:
        print_json(drift.to_dict())
        return
    lines = [f"Erased: {len(users)}", *drift.lines()]
    lines += [f"Log: {printable(str(logged))}"] if logged else []
    for line in [*lines, f"Run folder: {printable(str(out or run))}"]:
        make_console().print(line, markup=False, soft_wrap=True)


def _erase_from_log(run: Path, users: list[str]) -> Path | None:
    """Erase users from the log that `kgrec serve` keeps beside a run, if there is one."""
    from kgrec.serving.places import log_of, secret_of

    path = log_of(run)
    if not path.exists():
        return None
    from kgrec.serving.log import open_log
    from kgrec.serving.pseudonyms import Pseudonyms, read_key

    log, names = open_log(str(path)), Pseudonyms(read_key(secret_of(run)))
    for user in users:
        log.erase(user, names.of(user))
    log.close()
    return path
