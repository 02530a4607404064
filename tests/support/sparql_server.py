"""A SPARQL 1.1 server on loopback: pyoxigraph behind HTTP, with faults on demand."""

import contextlib
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pyoxigraph as ox

JSON = "application/sparql-results+json"


@dataclass
class Server:
    """What the server holds, does, and has seen.

    Attributes:
        store: The graph.
        faults: What happens to the next requests, in order; None is a right answer.
        always: What happens to requests beyond `faults`.
        row_limit: Rows after which answers are cut off, silently.
        queries: The queries that came, in order.
        headers: The headers of each.
        times: When each came.
    """

    store: ox.Store
    faults: list = field(default_factory=list)
    always: object = None
    row_limit: int | None = None
    queries: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    times: list = field(default_factory=list)
    address: str = ""


def answer(server, query, graphs=()):
    """Return the right answer to a query as bytes of JSON, cut off after `row_limit` rows."""
    default_graph = [ox.NamedNode(graph) for graph in graphs] or None
    found = server.store.query(query, default_graph=default_graph)
    solutions = json.loads(found.serialize(format=ox.QueryResultsFormat.JSON))
    rows = solutions["results"]["bindings"]
    if server.row_limit is not None:
        del rows[server.row_limit :]
    return json.dumps(solutions).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        server = self.server.state
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(body)["query"][0]
        self.graphs = parse_qs(body).get("default-graph-uri", ())
        server.queries.append(query)
        server.headers.append(dict(self.headers))
        server.times.append(time.monotonic())
        fault = server.faults.pop(0) if server.faults else server.always
        if callable(fault):
            fault = fault(query)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.respond(server, query, fault)

    def respond(self, server, query, fault):
        if fault is None:
            return self.send(200, answer(server, query, self.graphs))
        if isinstance(fault, int):
            return self.send(fault, b"no", "text/plain")
        kind, *rest = fault if isinstance(fault, tuple) else (fault,)
        if kind == "status":  # ("status", 429, {header: value})
            return self.send(rest[0], b"not\x1b[31m now", "text/plain", rest[1])
        if kind == "body":  # ("body", bytes, content type)
            return self.send(200, rest[0], *rest[1:])
        whole = answer(server, query, self.graphs)
        if kind == "cut":  # the connection breaks in the middle of the body
            self.send_response(200)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
            self.close_connection = True
        elif kind == "reset":  # it breaks before there is any answer
            self.close_connection = True
        elif kind == "truncated":  # HTTP is whole and JSON is not
            self.send(200, whole[: len(whole) // 2])
        elif kind == "slow":
            time.sleep(rest[0])
            self.send(200, whole)
        elif kind == "drip of headers":  # ("drip of headers", first bytes, seconds)
            self.wfile.write(rest[0])
            for _ in range(100):
                self.wfile.write(b"X")
                time.sleep(rest[1])
        elif kind == "drip":  # a byte now and then, so that no single wait is long
            self.send_response(200)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            for place in range(len(whole)):
                self.wfile.write(whole[place : place + 1])
                time.sleep(rest[0])
        else:
            raise AssertionError(fault)
        return None

    def send(self, status, body, media_type=JSON, headers=()):
        self.send_response(status)
        if media_type:
            self.send_header("Content-Type", media_type)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        # A client that has had enough hangs up; that is no news. Anything else is.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serve(store):
    """Yield a `Server` that answers on a free port of 127.0.0.1."""
    http = _Http(("127.0.0.1", 0), _Handler)
    http.state = Server(store, address=f"http://127.0.0.1:{http.server_port}/sparql")
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield http.state
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
