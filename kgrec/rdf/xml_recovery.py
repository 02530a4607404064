"""Reading RDF/XML with mistakes: what is wrong is left out, and all else is read.

The document is divided at the children of its root, and many of them are parsed together. A wrong
IRI or language tag is replaced by a mark, and the statements with the mark are left out. If the
parser refuses the rest of a child, only that child is left out. A document that is not well-formed
cannot be read on: where its elements end is not known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyoxigraph

from kgrec.rdf.line_errors import Mistake, reason_of
from kgrec.rdf.namespaces import RDF
from kgrec.rdf.rdfxml import NO_LANGUAGE, SafeXml
from kgrec.rdf.term_mistakes import absolute_mistake, plain_reason, tag_mistake

_GROUP: Final = 1 << 20  # bytes parsed at once
_MARK: Final = "x-kgrec-wrong-term:"
_LANGUAGE_MARK: Final = "x-kgrec-wrong"
_IRIS: Final = ("about", "resource", "datatype")
_PARSER: Final = pyoxigraph.RdfFormat.RDF_XML
_WRITTEN: Final = pyoxigraph.RdfFormat.N_TRIPLES


@dataclass(frozen=True)
class _Child:
    """A child of the root: its text, and the line where it begins."""

    text: str
    line: int


class XmlRecovery:
    """Reads one document of RDF/XML.

    Args:
        base_iri: Base of relative IRIs.
        on_mistake: Gets what is left out: its place, the reason, and the tag or the element.
    """

    def __init__(self, base_iri: str | None, on_mistake: Callable[[Mistake], None]) -> None:
        self._base = base_iri
        self._has_base = base_iri is not None
        self._on_mistake = on_mistake
        self._head = ""  # everything up to the tag of the root, with it
        self._root = ""
        self._line = 1
        self._children: list[_Child] = []
        self._size = 0

    def texts(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give what can be read, as canonical N-Triples.

        Raises:
            SyntaxError: The document is not well-formed, or is refused; see `SafeXml`.
        """
        document = SafeXml(iter(()), watch=self)
        for piece in pieces:
            document.feed(piece)
            if self._size >= _GROUP:
                yield from self._taken()
        document.feed(b"", last=True)
        if not self._head:  # the root is the only node
            self._children = [_Child(document.taken(), 1)]
        yield from self._taken()

    # ------------------------------------------------------------------ called by the document

    def start(
        self, name: str, pairs: dict[str, str], namespaces: dict[str, str], depth: int, line: int
    ) -> None:
        """Check the attributes of an element; `pairs` gets marks for those that are wrong."""
        if depth == 2:
            self._line = line
        for key, value in pairs.items():
            reason, mark = None, _MARK
            prefix, _, local = key.partition(":")
            if key == "xml:base":
                self._has_base = True
            elif key == "xml:lang" and value != NO_LANGUAGE:
                reason, mark = _tag_mistake(value), _LANGUAGE_MARK
            elif local in _IRIS and namespaces.get(f"xmlns:{prefix}") == RDF:
                reason = absolute_mistake(value, relative=self._has_base)
            if reason is not None:
                pairs[key] = mark
                text = f'<{name} {key}="{value}">'.encode(errors="replace")
                self._on_mistake(Mistake(line, None, reason, text))

    def root(self, name: str, text: str) -> None:
        """Take everything up to the tag of the root, if it is `rdf:RDF`."""
        self._head, self._root = text, name

    def child(self, text: str) -> None:
        """Take a child of such a root."""
        self._children.append(_Child(text, self._line))
        self._size += len(text)

    # ------------------------------------------------------------------ parsing

    def _taken(self) -> Iterator[bytes]:
        children, self._children, self._size = self._children, [], 0
        if children:
            yield b"".join(self._read(children))

    def _read(self, children: Sequence[_Child]) -> Iterator[bytes]:
        text = self._head + "".join(child.text for child in children)
        text += f"</{self._root}>" if self._root else ""
        try:
            quads = pyoxigraph.parse(text.encode(), format=_PARSER, base_iri=self._base)
            if _MARK in text or _LANGUAGE_MARK in text:
                kept = [quad for quad in quads if not _marked(quad)]
                yield pyoxigraph.serialize(kept, format=_WRITTEN) or b""
            else:
                yield pyoxigraph.serialize(quads, format=_WRITTEN) or b""
        except SyntaxError as error:
            if len(children) > 1:
                middle = len(children) // 2
                yield from self._read(children[:middle])
                yield from self._read(children[middle:])
                return
            (child,) = children
            reason = plain_reason(reason_of(error))
            self._on_mistake(Mistake(child.line, None, reason, child.text.strip().encode()))


_tag_mistake = functools.lru_cache(1024)(tag_mistake)


def _marked(quad: pyoxigraph.Quad) -> bool:
    if isinstance(quad.object, pyoxigraph.Triple):
        return False  # whoever counts triple terms needs it
    language = quad.object.language if isinstance(quad.object, pyoxigraph.Literal) else None
    return language == _LANGUAGE_MARK or _MARK in str(quad)
