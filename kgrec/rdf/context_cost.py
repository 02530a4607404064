"""A limit on what the contexts of a JSON-LD document cost.

The parser copies all terms in scope wherever a context adds to them, and reads a context in the
definition of a term again wherever the term is used. Many terms and many such places together take
time that grows with the square of the document's size.
"""

from __future__ import annotations

import json
from typing import Any, Final

from kgrec.errors import DataError

_FREE: Final = 4_000_000  # terms that any document may make the parser copy: some seconds
_PER_BYTE: Final = 2  # terms for each byte of a larger document
_READ: Final = 8  # copies of a term that take as long as reading its definition


def check_contexts(text: bytes) -> None:
    """Refuse a document whose contexts take time out of proportion to its size.

    Args:
        text: The document. If it is not JSON, the parser will say where.

    Raises:
        DataError: The contexts cost too much.
    """
    if text.count(b"@context") < 2 and b"\\u" not in text:
        return
    try:
        document = json.loads(text)
    except ValueError:
        return
    most = max(_FREE, _PER_BYTE * len(text))
    if _Cost(document).total > most:
        raise DataError(
            f"the contexts of the JSON-LD make the parser copy more than {most:,} terms: there are "
            "many terms, and many contexts beside or inside of them. Put all terms into the one "
            "context at the top, or convert the document to N-Quads."
        )


class _Cost:
    """Adds up the terms that are copied, from the top of a document down.

    Attributes:
        total: Their number.
    """

    def __init__(self, document: Any) -> None:
        self.total = 0
        self._scoped: dict[str, int] = {}  # terms whose definition has a context, and its size
        self._define(document)
        self._walk(document)

    def _define(self, document: Any) -> None:
        waiting = [document]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                for term, definition in value.items():
                    if isinstance(definition, dict) and "@context" in definition:
                        size = _size(definition["@context"])
                        self._scoped[term] = max(size, self._scoped.get(term, 0))
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value

    def _walk(self, document: Any) -> None:
        waiting: list[tuple[Any, int]] = [(document, 0)]
        while waiting:
            value, terms = waiting.pop()
            if isinstance(value, list):
                waiting += [(one, terms) for one in value]
            if not isinstance(value, dict):
                continue
            if "@context" in value:
                self.total += terms
                terms += _size(value["@context"])
            types = value.get("@type", ())
            for name in [types] if isinstance(types, str) else types or ():
                self._use(name, terms)
            for name, inner in value.items():
                if name != "@context":
                    self._use(name, terms)
                    waiting.append((inner, terms))

    def _use(self, name: Any, terms: int) -> None:
        if isinstance(name, str) and name in self._scoped:
            self.total += terms + _READ * self._scoped[name]


def _size(context: Any) -> int:
    """Return the number of terms in a context, and in those inside of it."""
    found, waiting = 0, [context]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found += len(value)
            waiting += [one["@context"] for one in value.values() if _has_context(one)]
        elif isinstance(value, list):
            waiting += value
    return found


def _has_context(definition: Any) -> bool:
    return isinstance(definition, dict) and "@context" in definition
