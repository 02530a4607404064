"""Where the service keeps what it needs, unless its settings say otherwise."""

from __future__ import annotations

from pathlib import Path


def folder_of(run: Path) -> Path:
    """Return the folder beside a run that holds the log, by the name under which it is given.

    So a link such as `runs/current` keeps its log when it leads to another run.

    >>> folder_of(Path("/runs/current")).as_posix()
    '/runs/current.serve'
    """
    run = run.absolute()
    return run.with_name(f"{run.name}.serve")


def log_of(run: Path) -> Path:
    """Return the file of the log."""
    return folder_of(run) / "log.sqlite3"


def secret_of(run: Path) -> Path:
    """Return the file of the key of pseudonyms."""
    return folder_of(run) / "secret.key"
