"""A client of a SPARQL endpoint: it limits its rate, repeats failed requests and checks answers.

It follows the SPARQL 1.1 Protocol (query by POST) and SPARQL 1.1 Query Results JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from kgrec.bounds.json_text import parse_json
from kgrec.errors import EndpointError, printable
from kgrec.sparql.deadline import Deadline
from kgrec.sparql.settings import SparqlConfig

Binding = dict[str, Any]

_PIECE: Final = 1 << 16  # bytes
_MEDIA_TYPES: Final = ("application/sparql-results+json", "application/json")
_REDIRECTS: Final = (301, 302, 307, 308)
_MOST_REDIRECTS: Final = 5
# Codes above 511 come from a proxy in front of the endpoint.
_BUSY: Final = (408, 425, 429, 502, 503, 520, 521, 522, 523)
_OUT_OF_TIME: Final = (500, 504, 524)
_HINTS: Final = {
    401: "It requires a password; kgrec sends none.",
    403: "It may refuse this user agent: give a contact, such as an e-mail address.",
    404: "Is this the endpoint's address?",
    405: "It does not accept queries by POST.",
}


class TooHeavyError(EndpointError):
    """A query that the endpoint cannot answer as a whole, but perhaps in parts."""


@dataclass
class Traffic:
    """The requests so far.

    Attributes:
        requests: Number of requests, including repetitions and redirections.
        repeated: Number of requests that were repeated after a failure.
    """

    requests: int = 0
    repeated: int = 0


class _FailureError(Exception):
    """One failed attempt.

    Attributes:
        kind: "busy" (try again later), "broken" (cut off or damaged), "heavy" (took too long),
            "too much" (too large, also when repeated) or "fatal".
        wait: Seconds that the server asks to wait, or None.
    """

    def __init__(self, kind: str, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.wait = wait


class Client:
    """A client of one endpoint; it sends one query at a time.

    Args:
        config: Address, limits and waiting times.
        notice: Called with the reason and length of each wait.
        clock: Returns seconds that never go backwards.
        sleep: Waits a number of seconds.
        now: Returns seconds since 1970, for dates from the server.
    """

    def __init__(
        self,
        config: SparqlConfig,
        notice: Callable[[str], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.traffic = Traffic()
        self._notice, self._clock, self._sleep, self._now = notice, clock, sleep, now
        self._earliest = clock()
        agent = config.user_agent + (f" contact: {config.contact}" if config.contact else "")
        self._headers = {
            "User-Agent": agent,
            "Accept": _MEDIA_TYPES[0],
            "Accept-Encoding": "gzip",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        # Certificates are verified by default; proxies of the environment are ignored.
        self._pool: urllib3.PoolManager = (
            urllib3.ProxyManager(config.proxy) if config.proxy else urllib3.PoolManager()
        )
        self._limit = Deadline(self._pool)

    def ask(self, query: str, *, divisible: bool = False) -> list[Binding]:
        """Return the bindings of a SELECT query, as in its JSON.

        Args:
            query: The query.
            divisible: Whether the caller can divide the query: it is then repeated only once if it
                takes too long.

        Raises:
            TooHeavyError: The answer takes too long, is too large, or never arrives completely.
            EndpointError: The endpoint cannot be reached, refuses, or asks for too long a wait.
        """
        failures = 0
        while True:
            try:
                return self._try(query)
            except _FailureError as failure:
                failures += 1
                patience = self.config.retries
                if failure.kind == "heavy" and divisible:
                    patience = min(patience, 1)
                if failure.kind in ("fatal", "too much") or failures > patience:
                    raise self._error(failure, failures) from failure.__cause__
                self._wait(failure, failures)

    def _error(self, failure: _FailureError, failures: int) -> EndpointError:
        tries = f" after {failures} tries" if failures > 1 else ""
        kind = EndpointError if failure.kind in ("fatal", "busy") else TooHeavyError
        return kind(f"{printable(self.config.endpoint)}{tries}: {failure}")

    def _wait(self, failure: _FailureError, failures: int) -> None:
        config = self.config
        seconds = min(config.backoff * 2.0 ** min(failures - 1, 30), config.longest_wait)
        if failure.wait is not None:
            if failure.wait > config.longest_wait:
                raise EndpointError(
                    f"{printable(config.endpoint)} asks for a wait of {failure.wait:.0f} s "
                    f"({failure}); the longest allowed is {config.longest_wait:.0f} s. "
                    "Continue later, or allow more with longest_wait."
                )
            seconds = max(seconds, failure.wait)
        self.traffic.repeated += 1
        self._notice(f"{failure} Trying again in {seconds:.3g} s.")
        self._sleep(seconds)

    def _try(self, query: str) -> list[Binding]:
        graphs = [("default-graph-uri", iri) for iri in self.config.default_graph]
        body = urlencode([("query", query), *graphs]).encode()
        url = self.config.endpoint
        for _ in range(_MOST_REDIRECTS + 1):
            self._pause()
            with self._limit.within(self.config.timeout) as late:
                try:
                    with self._send(url, body) as response:
                        if response.status not in _REDIRECTS:
                            return self._answer(response)
                        url = _redirected(url, response.headers.get("Location"))
                except _FailureError as failure:
                    if late.is_set():  # headers that are cut off count as whole
                        raise self._too_late() from failure
                    raise
        raise _FailureError("fatal", f"It redirects more than {_MOST_REDIRECTS} times.")

    def _pause(self) -> None:
        delay = self._earliest - self._clock()
        if delay > 0:
            self._sleep(delay)
        self._earliest = self._clock() + 1 / self.config.rate
        self._deadline = self._clock() + self.config.timeout

    def _too_late(self) -> _FailureError:
        return _FailureError(
            "heavy", f"The answer did not arrive within {self.config.timeout:g} s."
        )

    def _send(self, url: str, body: bytes) -> urllib3.BaseHTTPResponse:
        self.traffic.requests += 1
        limit = urllib3.Timeout(connect=min(self.config.timeout, 20), read=self.config.timeout)
        try:
            return self._pool.request(
                "POST",
                url,
                body=body,
                headers=self._headers,
                timeout=limit,
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except exceptions.HTTPError as error:
            raise _transport_failure(error, self.config.timeout) from error

    def _answer(self, response: urllib3.BaseHTTPResponse) -> list[Binding]:
        if response.status != 200:
            raise _status_failure(response, self._excerpt(response), self._now)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type not in _MEDIA_TYPES:
            found = printable(media_type) or "no type at all"
            raise _FailureError(
                "fatal",
                f"The answer is {found}, expected {_MEDIA_TYPES[0]}. Is this the address of a "
                "SPARQL endpoint, and not of a web page?",
            )
        return _bindings(self._read(response))

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := response.read1(_PIECE):
                size += len(piece)
                pieces.append(piece)
                if size > self.config.max_bytes:
                    most = self.config.max_bytes
                    raise _FailureError("too much", f"The answer is larger than {most} bytes.")
                if self._clock() > self._deadline:
                    raise self._too_late()
        except exceptions.HTTPError as error:
            raise _transport_failure(error, self.config.timeout) from error
        return b"".join(pieces)

    def _excerpt(self, response: urllib3.BaseHTTPResponse) -> str:
        """Return the beginning of the server's text about a failure."""
        try:
            text = response.read1(2000).decode("utf-8", "replace")
        except exceptions.HTTPError:
            return ""  # the status says enough
        return printable(" ".join(text.split()), 300)


def _redirected(url: str, location: str | None) -> str:
    try:
        target = urljoin(url, location or "")
        before, after = urlsplit(url), urlsplit(target)
    except ValueError as error:
        reason = f"It redirects to {printable(location or '')}, which is no address: {error}."
        raise _FailureError("fatal", reason) from error
    allowed = ("https",) if before.scheme == "https" else ("http", "https")
    if not location or after.scheme not in allowed or after.hostname != before.hostname:
        raise _FailureError(
            "fatal",
            f"It redirects to {printable(target) if location else 'nowhere'}. kgrec follows "
            "redirections only to the same host, and from https only to https.",
        )
    return target


def _transport_failure(error: exceptions.HTTPError, timeout: float) -> _FailureError:
    # NameResolutionError is a NewConnectionError, which is a ConnectTimeoutError.
    refused = isinstance(error, exceptions.NewConnectionError)
    if isinstance(error, exceptions.ConnectTimeoutError) and not refused:
        return _FailureError("busy", "It cannot be reached: connecting took too long.")
    if isinstance(error, exceptions.TimeoutError) and not refused:
        return _FailureError("heavy", f"No answer within {timeout:g} s.")
    reason = printable(str(error).rpartition(": ")[2] or str(error))
    if isinstance(error, exceptions.SSLError):
        return _FailureError("fatal", f"Its certificate or encryption is not valid: {reason}.")
    if isinstance(error, (exceptions.NameResolutionError, exceptions.LocationValueError)):
        return _FailureError("fatal", f"There is no such host: {reason}.")
    if refused or isinstance(error, exceptions.ProxyError):
        return _FailureError("busy", f"It cannot be reached: {reason}.")
    return _FailureError("broken", f"The connection broke: {reason}.")


def _status_failure(
    response: urllib3.BaseHTTPResponse, excerpt: str, now: Callable[[], float]
) -> _FailureError:
    status = response.status
    reason = f"It answers with HTTP status {status}"
    reason += f": {excerpt}" if excerpt else "."
    if status in _BUSY:
        return _FailureError("busy", reason, _retry_after(response, now))
    if status in _OUT_OF_TIME:
        return _FailureError("heavy", reason, _retry_after(response, now))
    if status in (206, 413, 414):  # Virtuoso sends 206 with what it finished in time
        return _FailureError("too much", reason)
    hint = _HINTS.get(status)
    return _FailureError("fatal", f"{reason} {hint}" if hint else reason)


def _retry_after(response: urllib3.BaseHTTPResponse, now: Callable[[], float]) -> float | None:
    """Return the seconds that the header asks for, as a number or as a date (RFC 9110)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(date.timestamp() - now(), 0.0)


def _bindings(body: bytes) -> list[Binding]:
    try:
        found = parse_json(body)["results"]["bindings"]
    except (ValueError, KeyError, TypeError) as error:
        # Servers that run out of time end the answer with a stack trace, or with nothing.
        reason = f"The answer is cut off or damaged ({len(body)} bytes)."
        raise _FailureError("broken", reason) from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise _FailureError("fatal", "The answer holds no table of bindings.")
    return found
