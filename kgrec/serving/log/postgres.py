"""A log in PostgreSQL, for workers on several machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from kgrec.errors import ConfigError, RunError, printable
from kgrec.serving.log.sql import Log

_LOCK: Final = 0x6B677263  # one writer at a time, so that places are seen in their order
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (sequence BIGSERIAL PRIMARY KEY, kind TEXT NOT NULL,
    user_id TEXT, item_id TEXT, body TEXT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_of_user ON entries (user_id);
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, digest TEXT NOT NULL,
    last BIGINT NOT NULL, count BIGINT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS opted_out (pseudonym TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS marks (run TEXT PRIMARY KEY, sequence BIGINT NOT NULL);
"""


class PostgresLog(Log):
    """A log in a PostgreSQL database, in the first schema of its search path.

    Args:
        url: Such as `postgresql://user:password@host/database`.

    Raises:
        ConfigError: `psycopg` is not installed.
        RunError: The server cannot be reached, or refuses.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            import psycopg
        except ImportError:
            raise ConfigError(
                "A log in PostgreSQL needs the library psycopg, which is not installed: "
                "`pip install 'kgrec[postgres]'`."
            ) from None
        self._psycopg, self._url = psycopg, url
        self._connection: Any = None
        with self._transaction(writes=True) as cursor:
            cursor.execute(_SCHEMA)

    @property
    def place(self) -> str:
        """The server and the database."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._forget_connection()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Any]:
        with self._lock:
            try:
                connection = self._connected()
                with connection.transaction(), connection.cursor() as cursor:
                    if writes:
                        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                    yield cursor
            except self._psycopg.Error as error:
                if isinstance(error, self._psycopg.OperationalError):
                    self._forget_connection()  # the next one connects again
                raise self._unusable(error) from error

    def _connected(self) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = self._psycopg.connect(
                self._url, autocommit=True, connect_timeout=10, application_name="kgrec"
            )
        return self._connection

    def _forget_connection(self) -> None:
        if self._connection is not None:
            with suppress(self._psycopg.Error):
                self._connection.close()
            self._connection = None

    def _sql(self, text: str) -> str:
        return text.replace("?", "%s")

    def _wipe(self) -> None:
        """Free what deleted rows took. Backups and the server's own log are the operator's."""
        with self._lock:
            try:
                self._connected().execute("VACUUM FULL entries")
            except self._psycopg.Error as error:
                raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> RunError:
        reason = printable(str(error).strip().partition("\n")[0]).rstrip(".")
        return RunError(f"The log {printable(self.place)} cannot be used: {reason}.")
