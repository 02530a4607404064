"""Statements of JSON-LD that a parser leaves out without a word, as an IRI or a tag is not valid.

https://www.w3.org/TR/json-ld11-api/#deserialize-json-ld-to-rdf-algorithm says to leave them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pyoxigraph

from kgrec.rdf.line_errors import Mistake
from kgrec.rdf.term_mistakes import iri_mistake, tag_mistake

# What no IRI holds: https://www.rfc-editor.org/rfc/rfc3987
_NOT_IN_IRIS: Final = re.compile(r"[\x00-\x20<>\"{}|^`\\\[\]\uFFFE\uFFFF]|%(?![0-9A-Fa-f]{2})")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\[\]]*@)?\[[0-9A-Fa-fvV:.]+\]")
_AS_WRITTEN: Final = frozenset(
    ("@value", "@direction", "@version", "@container", "@index", "@nest", "@protected",
     "@propagate", "@prefix", "@json", "@import")
)  # fmt: skip
_IDS: Final = frozenset(("@id", "@type", "@base", "@vocab", "@reverse", "@context", "@graph"))
_COERCED: Final = re.compile(rb'"@type"\s*:\s*"@(?:id|vocab)"')


def dropped(text: bytes, base_iri: str | None, start: str) -> Iterator[Mistake]:
    """Yield a mistake for each statement that a parser leaves out silently.

    What no IRI can hold is replaced by letters, and the document is read again: what has these
    letters in an IRI is a statement that was left out.

    Args:
        text: A document that can be read.
        base_iri: Base of relative IRIs.
        start: What `base_iri` begins with if it only stands for a base; left out of messages.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    marks = _Marks(text, coerced=_COERCED.search(text) is not None)
    changed = marks.of(document, id=False)
    if not marks.used:
        return
    for quad in pyoxigraph.parse(
        json.dumps(changed), format=pyoxigraph.RdfFormat.JSON_LD, base_iri=base_iri
    ):
        reason = next(filter(None, map(marks.mistake, _terms(quad))), None)
        if reason is not None:
            shown = marks.without(str(quad))
            yield Mistake(None, None, reason.replace(start, ""), shown.replace(start, "").encode())


def _terms(quad: pyoxigraph.Quad) -> Iterator[Any]:
    yield from (quad.subject, quad.predicate, quad.object, quad.graph_name)


class _Marks:
    """Replaces what is not valid by letters, and finds these letters again."""

    def __init__(self, text: bytes, *, coerced: bool) -> None:
        letters = "bad"
        while letters.encode() in text:
            letters += "x"
        self._letters, self._coerced = letters, coerced
        self._found = re.compile(rf"{letters}([0-9a-f]+)z")
        self._tags: list[str] = []
        self.used = False

    def of(self, value: Any, *, id: bool) -> Any:
        """Return a value with marks; `id` if its strings are IRIs."""
        if isinstance(value, str):
            return self._marked(value) if id or self._coerced else value
        if isinstance(value, list):
            return [self.of(one, id=id) for one in value]
        if not isinstance(value, dict):
            return value
        return {self._key(key): self._under(key, one, id=id) for key, one in value.items()}

    def mistake(self, term: Any) -> str | None:
        """Return what is wrong with a term, or None."""
        if isinstance(term, pyoxigraph.Literal):
            if term.language is not None and term.language.startswith("x-wrong-"):
                place = term.language.rpartition("-")[2]
                if place.isdecimal() and int(place) < len(self._tags):
                    return tag_mistake(self._tags[int(place)])
            return self.mistake(term.datatype)
        name = getattr(term, "value", "")
        if not isinstance(name, str) or not self._found.search(name):
            return None
        iri = self.without(name)
        return iri_mistake(iri) or f"the IRI {iri!r} is not valid"

    def without(self, text: str) -> str:
        """Return a text with what stood in the place of the marks."""
        text = re.sub(r"@x-wrong-(\d+)", lambda tag: f"@{self._tags[int(tag[1])]}", text)
        return self._found.sub(lambda mark: chr(int(mark[1], 16)), text)

    def _key(self, key: str) -> str:
        return key if key.startswith("@") else self._marked(key)

    def _under(self, key: str, value: Any, *, id: bool) -> Any:
        if key in _AS_WRITTEN:
            return value
        if key == "@language":
            return self._tag(value)
        return self.of(value, id=key in _IDS or (id and key != "@graph" and key[:1] != "@"))

    def _marked(self, text: str) -> str:
        if text.startswith("@"):
            return text
        address = _ADDRESS.match(text)  # only there may be brackets
        begin = address[0] if address else ""
        head, hash, fragment = text[len(begin) :].partition("#")
        parts = (_NOT_IN_IRIS.sub(self._mark, head), _NOT_IN_IRIS.sub(self._mark, fragment))
        marked = begin + parts[0] + hash + parts[1].replace("#", f"{self._letters}23z")
        self.used |= marked != text
        return marked

    def _mark(self, found: re.Match[str]) -> str:
        return f"{self._letters}{ord(found[0]):x}z"

    def _tag(self, value: Any) -> Any:
        if not isinstance(value, str) or tag_mistake(value) is None:
            return value
        self.used = True
        self._tags.append(value)
        return f"x-wrong-{len(self._tags) - 1}"
