"""A log in a file, by SQLite: the default, for all workers of one machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kgrec.errors import RunError, printable
from kgrec.serving.log.sql import Log

_WAIT: Final = 20.0  # seconds for other processes that write
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS entries (sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL, user_id TEXT, item_id TEXT, body TEXT NOT NULL, at INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entries_of_user ON entries (user_id)",
    """CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, digest TEXT NOT NULL,
        last INTEGER NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS opted_out (pseudonym TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS marks (run TEXT PRIMARY KEY, sequence INTEGER NOT NULL)",
)
_FORMAT: Final = 1
_APPLICATION: Final = 0x6B677263  # "kgrc", so that no other file is taken for a log


class SqliteLog(Log):
    """A log in a file.

    Args:
        path: The file; it is made if there is none.

    Raises:
        RunError: It cannot be opened, or is something else.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_WAIT, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    @property
    def place(self) -> str:
        """The file."""
        return str(self._path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        # Other workers may begin at the same moment: one of them makes the log.
        with self._transaction(writes=True) as cursor:
            self._make(cursor)
        self._write_ahead()
        run("PRAGMA synchronous = FULL")  # what is acknowledged survives a loss of power too
        run("PRAGMA secure_delete = ON")

    def _write_ahead(self) -> None:
        """Let readers and a writer work side by side. SQLite does not wait for others here."""
        end = time.monotonic() + _WAIT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _make(self, cursor: sqlite3.Cursor) -> None:
        """Make what a log has, if the file is empty, and check that it is one."""
        (own,) = cursor.execute("PRAGMA application_id").fetchone()
        if own != _APPLICATION:
            if own or cursor.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                raise RunError(f"{printable(self.place, 4096)} is a database of something else.")
            cursor.execute(f"PRAGMA application_id = {_APPLICATION}")
            cursor.execute(f"PRAGMA user_version = {_FORMAT}")
        (found,) = cursor.execute("PRAGMA user_version").fetchone()
        if found != _FORMAT:
            raise RunError(
                f"{printable(self.place, 4096)} is a log of format {found}, and this kgrec reads "
                f"format {_FORMAT}."
            )
        for statement in _SCHEMA:
            cursor.execute(statement)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Any]:
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield cursor
                except BaseException:
                    cursor.execute("ROLLBACK")
                    raise
                cursor.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._unusable(error) from error
            finally:
                cursor.close()

    def _sql(self, text: str) -> str:
        return text

    def _wipe(self) -> None:
        """Empty the journal: what it held is in the file, where deleted rows are zeros."""
        with self._lock:
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> RunError:
        reason = printable(str(error)).rstrip(".")
        return RunError(f"The log {printable(self.place, 4096)} cannot be used: {reason}.")
