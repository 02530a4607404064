"""A log in a database: what SQLite and PostgreSQL have in common."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final, cast, get_args

from kgrec.errors import RunError, printable
from kgrec.serving.log.events import Appended, Event, KeyReusedError, Kind

KEY_DAYS: Final = 7
"""How long an idempotency key is remembered."""
_DAY: Final = 86_400_000  # milliseconds
_SELECT: Final = "SELECT sequence, kind, user_id, item_id, body, at FROM entries "
_KINDS: Final = get_args(Kind)


class Log(ABC):
    """A log in a database. Any number of threads and processes may use one.

    An event that `append` has returned for is there after the process or the machine dies. Events
    are seen by readers in the order of their places, without gaps that are filled later.
    """

    def __init__(self) -> None:
        self._lock = RLock()

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the log is, for messages, without a password."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back."""

    @contextmanager
    @abstractmethod
    def _transaction(self, *, writes: bool) -> Iterator[Any]:
        """Yield a cursor; what it does is there as a whole when the body ends, or not at all."""

    @abstractmethod
    def _sql(self, text: str) -> str:
        """Return a statement with the placeholders of the database, written as `?`."""

    @abstractmethod
    def _wipe(self) -> None:
        """Let nothing of deleted rows be left in the files of the database, where it can."""

    def append(self, events: Sequence[Event], key: str = "", digest: str = "") -> Appended:
        """Write events, all or none.

        Args:
            events: The events.
            key: An idempotency key: what was written under it is not written again; empty: none.
            digest: A digest of what was asked, to notice another request with the same key.

        Raises:
            KeyReusedError: The key was used for something else.
        """
        now = _milliseconds()
        with self._transaction(writes=True) as cursor:
            if key:
                cursor.execute(self._sql("DELETE FROM keys WHERE at < ?"), (now - KEY_DAYS * _DAY,))
                cursor.execute(
                    self._sql("SELECT digest, last, count FROM keys WHERE name = ?"), (key,)
                )
                known = cursor.fetchone()
                if known is not None:
                    if known[0] != digest:
                        raise KeyReusedError(key)
                    return Appended(int(known[1]), int(known[2]), repeated=True)
            last = self._insert(cursor, events, now)
            if key:
                cursor.execute(
                    self._sql(
                        "INSERT INTO keys (name, digest, last, count, at) VALUES (?,?,?,?,?)"
                    ),
                    (key, digest, last, len(events), now),
                )
        return Appended(last, len(events))

    def read(self, after: int, limit: int = 10_000) -> list[Event]:
        """Return the events after a place, in their order."""
        query = _SELECT + "WHERE sequence > ? ORDER BY sequence LIMIT ?"
        with self._transaction(writes=False) as cursor:
            cursor.execute(self._sql(query), (after, limit))
            return [_event(row) for row in cursor.fetchall()]

    def last(self) -> int:
        """Return the place of the last event; 0: there is none."""
        with self._transaction(writes=False) as cursor:
            cursor.execute("SELECT COALESCE(MAX(sequence), 0) FROM entries")
            return int(cursor.fetchone()[0])

    def of_user(self, user: str) -> list[Event]:
        """Return all events of a user."""
        query = _SELECT + "WHERE user_id = ? ORDER BY sequence"
        with self._transaction(writes=False) as cursor:
            cursor.execute(self._sql(query), (user,))
            return [_event(row) for row in cursor.fetchall()]

    def erase(self, user: str, pseudonym: str) -> int:
        """Delete all events of a user, and note that the user is gone.

        Returns:
            The place of the note.
        """
        with self._transaction(writes=True) as cursor:
            cursor.execute(self._sql("DELETE FROM entries WHERE user_id = ?"), (user,))
            cursor.execute(self._sql("DELETE FROM opted_out WHERE pseudonym = ?"), (pseudonym,))
            gone = Event("user_erased", body={"pseudonym": pseudonym})
            place = self._insert(cursor, [gone], _milliseconds())
        self._wipe()
        return place

    def mark(self, run: str) -> int:
        """Return the place in the log up to which a run was trained on it; 0: it was not."""
        with self._transaction(writes=False) as cursor:
            cursor.execute(self._sql("SELECT sequence FROM marks WHERE run = ?"), (run,))
            found = cursor.fetchone()
            return 0 if found is None else int(found[0])

    def set_mark(self, run: str, place: int) -> None:
        """Note the place in the log up to which a run was trained on it."""
        with self._transaction(writes=True) as cursor:
            cursor.execute(self._sql("DELETE FROM marks WHERE run = ?"), (run,))
            cursor.execute(
                self._sql("INSERT INTO marks (run, sequence) VALUES (?,?)"), (run, place)
            )

    def opt_out(self, pseudonym: str, out: bool) -> None:
        """Note whether nothing may be kept of a user from now on."""
        with self._transaction(writes=True) as cursor:
            cursor.execute(self._sql("DELETE FROM opted_out WHERE pseudonym = ?"), (pseudonym,))
            if out:
                cursor.execute(
                    self._sql("INSERT INTO opted_out (pseudonym) VALUES (?)"), (pseudonym,)
                )

    def opted_out(self, pseudonyms: Sequence[str]) -> set[str]:
        """Return those of some users of whom nothing may be kept."""
        found = set()
        with self._transaction(writes=False) as cursor:
            for pseudonym in pseudonyms:
                cursor.execute(
                    self._sql("SELECT 1 FROM opted_out WHERE pseudonym = ?"), (pseudonym,)
                )
                if cursor.fetchone() is not None:
                    found.add(pseudonym)
        return found

    def _insert(self, cursor: Any, events: Sequence[Event], now: int) -> int:
        statement = self._sql(
            "INSERT INTO entries (kind, user_id, item_id, body, at) VALUES (?,?,?,?,?) "
            "RETURNING sequence"
        )
        last = 0
        for event in events:
            body = json.dumps(dict(event.body), ensure_ascii=False)
            cursor.execute(statement, (event.kind, event.user, event.item, body, now))
            last = int(cursor.fetchone()[0])
        return last


def _event(row: Sequence[Any]) -> Event:
    sequence, kind, user, item, body, at = row
    if kind not in _KINDS:
        raise RunError(
            f"The log holds an event of the kind {printable(str(kind), 80)!r}, which this kgrec "
            "does not know: a newer one has written it."
        )
    return Event(cast("Kind", kind), user, item, json.loads(body), int(sequence), int(at))


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
