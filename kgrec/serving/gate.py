"""What every request passes: limits, a number, the time it takes, headers that keep it safe."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kgrec.errors import printable, worded
from kgrec.serving.metrics import Metrics
from kgrec.serving.problems import ProblemError, problem_of, response_of
from kgrec.serving.settings import LimitConfig

ACCESS: Final = logging.getLogger("kgrec.access")
_QUICK: Final = ("/livez", "/readyz", "/metrics")  # they answer also when the service is busy
_SHORT: Final = re.compile(r"/v1/(users/[^/]+/recommendations|items/[^/]+/similar)")
_LONGER: Final = (b"reasons=", b"description=")  # with these, they take as long as others
_SHORT_AT_ONCE: Final = 1
"""Of requests that take a few milliseconds of one processor: Python runs one at a time, and several
threads that take turns are slower than one after the other."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Gate:
    """ASGI middleware in front of all routes.

    Paths are matched as they were sent, so that an id may hold an encoded slash.

    Args:
        app: What answers.
        limits: What a request may take.
        metrics: Where requests are counted.
        shown: Returns how a path is written to the log, without ids of users.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: LimitConfig,
        metrics: Metrics,
        shown: Callable[[str], str] = str,
    ) -> None:
        self._app, self._limits, self._metrics, self._shown = app, limits, metrics, shown
        self._places = asyncio.Semaphore(limits.in_flight)
        self._short_places = asyncio.Semaphore(min(_SHORT_AT_ONCE, limits.in_flight))
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, number = time.perf_counter(), secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = number
        raw = scope.get("raw_path")
        path = scope["path"]
        if raw:
            scope["path"] = raw.partition(b"?")[0].decode("ascii", "replace")
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                own = [pair for pair in _HEADERS if pair[0] not in given]
                message["headers"] = [
                    *message["headers"], *own, (b"x-request-id", number.encode())
                ]  # fmt: skip
            await send(message)

        try:
            with worded(_word):
                if path in _QUICK:
                    await self._app(scope, receive, answer)
                else:
                    await self._admitted(scope, receive, answer)
        except Exception as error:
            if status:  # the answer has begun: it ends here
                raise
            problem = problem_of(error)
            if problem.kind in ("busy", "too-large", "timeout"):
                self._metrics.refused.labels(problem.kind).inc()
            await response_of(problem, number)(scope, receive, answer)
        finally:
            self._tell(scope, status, time.perf_counter() - started, number)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer when there is a place; refuse if too many wait already."""
        places = self._short_places if _is_short(scope) else self._places
        if self._waiting >= self._limits.waiting and places.locked():
            raise ProblemError(
                429, "busy", "The service is busy. Try again in a second.", {"Retry-After": "1"}
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.timeout):
                body = await _whole_body(scope, receive, self._limits.body)
                await places.acquire()
        except TimeoutError:
            raise _too_slow() from None
        finally:
            self._waiting -= 1
        self._metrics.in_flight.inc()
        begun = False

        async def begin(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._limits.timeout):
                await self._app(scope, _replayed(body, receive), begin)
        except TimeoutError:
            if not begun:
                raise _too_slow() from None
            raise
        finally:
            self._metrics.in_flight.dec()
            places.release()

    def _tell(self, scope: Scope, status: int, seconds: float, number: str) -> None:
        route = scope.get("route")
        name = str(getattr(route, "path", "")) or "other"
        self._metrics.requests.labels(name, _method(scope), str(status)).inc()
        self._metrics.seconds.labels(name).observe(seconds)
        if ACCESS.isEnabledFor(logging.INFO):
            path = printable(self._shown(scope["path"]), 300)
            ACCESS.info("%s %s %d %.1f ms %s", _method(scope), path, status, 1000 * seconds, number)


def _is_short(scope: Scope) -> bool:
    """Return whether a request takes a few milliseconds, and not much more."""
    return (
        scope["method"] == "GET"
        and _SHORT.fullmatch(scope["path"]) is not None
        and not any(name in scope["query_string"] for name in _LONGER)
    )


async def _whole_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """Return the body of a request, which may not be too large."""
    too_large = ProblemError(
        413, "too-large", f"The body has more than {most:,} bytes, the most here."
    )
    declared = dict(scope["headers"]).get(b"content-length", b"")
    if declared.isdigit() and int(declared) > most:
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # who asked is gone
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most:
            raise too_large
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what comes later."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_slow() -> ProblemError:
    return ProblemError(
        503, "timeout", "The answer took too long. Ask for less, or try again later.",
        {"Retry-After": "5"},
    )  # fmt: skip


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    return scope["method"] if scope["method"] in known else "OTHER"


def _word(name: str, value: object) -> Any:
    """Return an argument as a request has it."""
    return f"`{name}`" if value is None or value is True else f"`{name}: {value}`"
