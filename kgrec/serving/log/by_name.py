"""Opening a log by its name."""

from __future__ import annotations

from pathlib import Path

from kgrec.files import writing
from kgrec.serving.log.postgres import PostgresLog
from kgrec.serving.log.sql import Log
from kgrec.serving.log.sqlite import SqliteLog


def open_log(name: str) -> Log:
    """Return the log of a name.

    Args:
        name: A path of a SQLite file, which is made if there is none, or the URL of a PostgreSQL
            database.

    Raises:
        ConfigError: A library is missing.
        RunError: It cannot be opened.
    """
    if name.startswith(("postgresql://", "postgres://")):
        return PostgresLog(name)
    path = Path(name)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SqliteLog(path)
