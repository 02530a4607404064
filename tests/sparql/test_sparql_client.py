"""One request: politeness, patience, and what is refused."""

import gzip
import json
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from sparql_server import JSON

from kgrec.errors import EndpointError
from kgrec.sparql.client import Client, TooHeavyError
from kgrec.sparql.settings import SparqlConfig

QUERY = "SELECT ?s WHERE { ?s ?p ?o } ORDER BY ?s LIMIT 3"
NOW = datetime(2026, 2, 27, 23, 59, 30, tzinfo=UTC).timestamp()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.seconds = 1000.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def ask(server, clock):
    def run(query=QUERY, divisible=False, **settings):
        config = SparqlConfig(**{"endpoint": server.address, "rate": 1000} | settings)
        client = Client(
            config,
            clock=lambda: clock.seconds,
            sleep=clock.sleep,
            now=lambda: NOW + clock.seconds - 1000,
        )
        return client.ask(query, divisible=divisible)

    return run


def waits(clock):
    """Return the waits that are longer than the pause between requests."""
    return [seconds for seconds in clock.slept if seconds > 0.0011]


def test_the_rate_is_kept(server, clock):
    config = SparqlConfig(endpoint=server.address, rate=0.5)
    client = Client(config, clock=lambda: clock.seconds, sleep=clock.sleep)
    starts = []
    for pause in (0, 0, 0.5, 5, 0):
        clock.seconds += pause  # what the caller does meanwhile counts
        client.ask(QUERY)
        starts.append(clock.seconds)
    assert starts == [1000, 1002, 1004, 1009, 1011]
    assert clock.slept == [2, 1.5, 2]


def test_what_is_sent(ask, server):
    assert len(ask(contact="me@ex.org")) == 3
    headers = server.headers[0]
    assert headers["User-Agent"].startswith("kgrec/")
    assert headers["User-Agent"].endswith("contact: me@ex.org")
    assert headers["Accept"] == JSON
    assert server.queries == [QUERY]


def test_the_wait_doubles(ask, server, clock):
    server.faults = [503, 429, 502, 521]
    assert len(ask(backoff=0.5)) == 3
    assert waits(clock) == [0.5, 1, 2, 4]
    server.always = 503
    with pytest.raises(EndpointError, match="after 4 tries: It answers with HTTP status 503: no"):
        ask(retries=3, backoff=2, longest_wait=3)
    assert waits(clock)[4:] == [2, 3, 3]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 1),  # our own patience is longer
        (format_datetime(datetime(2026, 2, 28, 0, 0, 12, tzinfo=UTC), usegmt=True), 42),
        ("Sat, 28 Feb 2026 00:00:12 -0000", 42),
        ("Saturday, 28-Feb-26 00:00:12 GMT", 42),
        ("Fri, 27 Feb 2026 23:00:00 GMT", 1),  # past
        ("soon", 1),
        ("-5", 1),
        ("9" * 400, None),
        ("301", None),
        ("Mon, 27 Feb 2126 23:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after(ask, server, clock, status, header, seconds):
    server.faults = [("status", status, {"Retry-After": header})]
    if seconds is None:
        with pytest.raises(EndpointError, match=r"asks for a wait of .* longest allowed is 300 s"):
            ask()
        assert waits(clock) == []
    else:
        assert len(ask()) == 3
        assert waits(clock) == [seconds]
    assert len(server.queries) == (1 if seconds is None else 2)


@pytest.mark.parametrize("fault", ["cut", "reset", "truncated", 500, 504])
def test_what_never_arrives_whole_is_too_heavy(ask, server, clock, fault):
    server.always = fault
    with pytest.raises(TooHeavyError, match="after 3 tries"):
        ask(retries=2)
    assert len(server.queries) == 3
    if fault in (500, 504):
        with pytest.raises(TooHeavyError, match="after 2 tries"):
            ask(retries=9, divisible=True)


@pytest.mark.parametrize("status", [206, 413, 414])
def test_what_is_too_much_is_asked_once(ask, server, status):
    server.always = status
    with pytest.raises(TooHeavyError):
        ask()
    assert len(server.queries) == 1


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        (400, "HTTP status 400: no"),
        (401, "requires a password"),
        (403, "give a contact"),
        (404, "Is this the endpoint's address"),
        (405, "by POST"),
        (304, "304"),
        (("body", b"<html>", "text/html; charset=utf-8"), "The answer is text/html, expected"),
        (("body", b"{}", "text/\x1bx"), r"The answer is text/\\x1bx"),
        (("body", b"{}", None), "no type at all"),
        (("body", b'{"results":{"bindings":{}}}', JSON), "no table of bindings"),
        (("body", b'{"results":{"bindings":[1]}}', JSON), "no table of bindings"),
        (("status", 303, {"Location": "/other"}), "HTTP status 303"),
        (("status", 302, {}), "redirects to nowhere"),
        (("status", 302, {"Location": "file:///etc/passwd"}), "redirects to file:///etc/passwd"),
        (("status", 307, {"Location": "ftp://127.0.0.1/x"}), "only to the same host"),
        (("status", 307, {"Location": "http://localhost/x"}), "only to the same host"),
        (("status", 307, {"Location": "http://[bad/"}), r"http://\[bad/, which is no address"),
        (("status", 307, {"Location": "http://127.0.0.1:port/"}), "no such host|no address"),
        (("status", 307, {"Location": "/sparql"}), "redirects more than 5 times"),
    ],
    ids=str,
)
def test_what_is_refused_at_once(ask, server, clock, fault, match):
    server.always = fault
    with pytest.raises(EndpointError, match=match) as raised:
        ask()
    assert waits(clock) == []
    assert "\x1b" not in str(raised.value)
    assert len(server.queries) == (6 if "more than" in match else 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_on_the_same_host_keeps_the_query(ask, server, status):
    server.faults = [("status", status, {"Location": "/other?x=1"})]
    assert len(ask()) == 3
    assert server.queries == [QUERY, QUERY]


def test_https_is_never_left():
    from kgrec.sparql.client import _FailureError, _redirected

    with pytest.raises(_FailureError, match="from https only to https"):
        _redirected("https://ex.org/sparql", "http://ex.org/sparql")
    assert _redirected("http://ex.org/a", "https://ex.org/b") == "https://ex.org/b"


def test_slow_answers_end_in_time(server):
    client = Client(SparqlConfig(endpoint=server.address, rate=1000, timeout=0.2, retries=0))
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: application/sparql-results+json\r\n"
    chunked += b"Transfer-Encoding: chunked\r\n\r\n"
    drips = [b"", b"HTTP/1.1 200 OK\r\nX-Y: ", chunked, chunked + b"1;"]
    headers = [("drip of headers", begun, 0.05) for begun in drips]
    for fault in (("slow", 2.0), ("drip", 0.05), *headers):
        server.faults = [fault]
        started = time.monotonic()
        with pytest.raises(TooHeavyError, match=r"within 0.2 s"):
            client.ask(QUERY)
        assert time.monotonic() - started < 1.8


def test_nobody_there(clock):
    config = SparqlConfig(endpoint="http://127.0.0.1:9/sparql", retries=1)
    client = Client(config, sleep=clock.sleep)
    with pytest.raises(EndpointError, match=r"after 2 tries: It cannot be reached: .*refused"):
        client.ask(QUERY)


def test_gzip_and_its_bombs(ask, server, monkeypatch):
    from sparql_server import _Handler

    packed = [gzip.compress(b'{"results":{"bindings":[{}]}}')]

    def respond(self, *_):
        self.send(200, packed[0], headers={"Content-Encoding": "gzip"})

    monkeypatch.setattr(_Handler, "respond", respond)
    assert ask() == [{}]
    packed[0] = gzip.compress(b" " * 50_000_000)
    with pytest.raises(TooHeavyError, match="larger than 100000 bytes"):
        ask(max_bytes=100_000)
    packed[0] = gzip.compress(json.dumps({"results": {"bindings": [{}]}}).encode())[:-12]
    with pytest.raises(TooHeavyError, match="after 2 tries"):
        ask(retries=1)


def test_the_environment_s_proxy_is_not_asked(ask, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert len(ask()) == 3
    with pytest.raises(EndpointError, match="cannot be reached"):
        ask(proxy="http://127.0.0.1:9", retries=0)


def test_certificates_are_verified(server):
    """The server speaks no TLS at all; nothing is sent to it in the clear."""
    address = server.address.replace("http:", "https:")
    client = Client(SparqlConfig(endpoint=address, retries=0))
    with pytest.raises(EndpointError, match="certificate or encryption"):
        client.ask(QUERY)
    assert server.queries == []
    assert client._pool.connection_pool_kw.get("cert_reqs") is None  # urllib3's default: required
