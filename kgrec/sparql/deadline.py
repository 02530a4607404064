"""Connections that can be ended from outside: a server may send a byte now and then for ever.

A timeout of a socket limits each wait alone. `Deadline` ends all connections of a pool when a
request has taken too long, whatever it is waiting for: an answer, its headers, or encryption.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Ends the connections of a pool in time.

    Args:
        pool: The pool; its connections are counted from now on.
    """

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._open: set[socket.socket] = set()
        pool.pool_classes_by_scheme = {
            "http": _pool_class(urllib3.HTTPConnectionPool, HTTPConnection, self._open),
            "https": _pool_class(urllib3.HTTPSConnectionPool, HTTPSConnection, self._open),
        }

    @contextmanager
    def within(self, seconds: float) -> Iterator[threading.Event]:
        """End all connections if the body takes more than `seconds`; it then sees them broken.

        Yields:
            Whether they were ended.
        """
        late = threading.Event()
        timer = threading.Timer(seconds, self._end, (late,))
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _end(self, late: threading.Event) -> None:
        late.set()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _pool_class(pool: Any, connection: Any, opened: set[socket.socket]) -> Any:
    class Connection(connection):  # type: ignore[misc]
        _guard: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            made: socket.socket = super()._new_conn()
            self._guard = made.dup()  # encryption takes the socket itself away
            opened.add(self._guard)
            return made

        def close(self) -> None:
            super().close()
            if self._guard is not None:
                opened.discard(self._guard)
                self._guard.close()
                self._guard = None

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool
