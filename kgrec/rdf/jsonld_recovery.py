"""Reading JSON-LD with mistakes: a node that is not valid is left out, and all others are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyoxigraph

from kgrec.rdf.line_errors import Mistake, reason_of
from kgrec.rdf.term_mistakes import plain_reason

_JSON: pyoxigraph.RdfFormat = pyoxigraph.RdfFormat.JSON_LD


def readable_nodes(
    text: bytes, base_iri: str | None, on_mistake: Callable[[Mistake], None]
) -> bytes | None:
    """Return a document without its nodes that are not valid; None if it is no list of nodes.

    Args:
        text: JSON-LD: a list of nodes, or an object whose `@graph` is one.
        base_iri: Base of relative IRIs.
        on_mistake: Gets each node that is left out; JSON does not say its line.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return None
    nodes, rest = document, None
    if isinstance(document, dict):
        nodes, rest = document.get("@graph"), document
    if not isinstance(nodes, list) or _error(_written([], rest), base_iri) is not None:
        return None
    kept = list(_valid(nodes, rest, base_iri, on_mistake))
    return _written(kept, rest)


def _valid(
    nodes: Sequence[Any],
    rest: dict[str, Any] | None,
    base_iri: str | None,
    on_mistake: Callable[[Mistake], None],
) -> Iterator[Any]:
    error = _error(_written(nodes, rest), base_iri)
    if error is None:
        yield from nodes
    elif len(nodes) == 1:
        shown = json.dumps(nodes[0], ensure_ascii=False).encode(errors="replace")
        on_mistake(Mistake(None, None, plain_reason(reason_of(error)), shown))
    else:
        middle = len(nodes) // 2
        yield from _valid(nodes[:middle], rest, base_iri, on_mistake)
        yield from _valid(nodes[middle:], rest, base_iri, on_mistake)


def _written(nodes: Sequence[Any], rest: dict[str, Any] | None) -> bytes:
    return json.dumps(list(nodes) if rest is None else rest | {"@graph": list(nodes)}).encode()


def _error(text: bytes, base_iri: str | None) -> SyntaxError | None:
    try:
        for _ in pyoxigraph.parse(text, format=_JSON, base_iri=base_iri):
            pass
    except SyntaxError as error:
        return error
    return None
