"""Safe RDF/XML: entities are bounded, nothing is loaded, and errors say where they are.

expat reads the document before the RDF parser does, and checks that it is well-formed to its end,
in any of its encodings. The document is then rewritten in UTF-8, without a DTD, and with its XML
literals in canonical form.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol
from xml.etree.ElementTree import canonicalize
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from kgrec.bounds.json_text import MAX_DEPTH
from kgrec.errors import printable
from kgrec.rdf.namespaces import RDF

_MAX_ENTITY: Final = 1 << 16  # characters that an entity may stand for
_MAX_GROWTH: Final = 1 << 24  # bytes by which entities may lengthen any document
_MAX_ATTRIBUTES: Final = 1_000  # of an element, and namespaces in its scope
_REFERENCE: Final = re.compile(r"&([^;#]+);")
_RETURN: Final = {"\r": "&#13;"}
_BREAKS: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_OTHER_PARSE_TYPES: Final = ("Resource", "Collection", "Triple")
_OLD_TERMS: Final = ("aboutEach", "aboutEachPrefix", "bagID")
_WRAPPER: Final = "kgrec-literal"

NO_LANGUAGE: Final = "x-kgrec-nolang"
"""Stands for `xml:lang=""`, text of no language in text that has one: the parser refuses it."""


class Watcher(Protocol):
    """Gets the parts of a document, and may change attributes."""

    def start(
        self, name: str, pairs: dict[str, str], namespaces: dict[str, str], depth: int, line: int
    ) -> None:
        """Take the start of an element outside of XML literals."""

    def root(self, name: str, text: str) -> None:
        """Take everything up to the tag of the root, if it is `rdf:RDF`."""

    def child(self, text: str) -> None:
        """Take a child of such a root."""


class SafeXml:
    """The pieces of an XML document, checked.

    Attributes:
        line: The first line of what was given last, counted from 1.
    """

    def __init__(self, pieces: Iterator[bytes], watch: Watcher | None = None) -> None:
        self.line = 1
        self._watch = watch
        self._divided = False  # whether the root only holds nodes, given one by one
        self._pieces = pieces
        self._depth = 0
        self._room = _MAX_GROWTH  # characters of text that may still come
        self._outside: list[str] = []
        self._written = self._outside  # or the content of an XML literal
        self._begun: list[tuple[int, int]] = []  # lines and places of elements in what is written
        self._sizes: dict[str, int] = {}
        self._namespaces: list[dict[str, str]] = [{}]
        self._literal: _Literal | None = None
        self._parser = parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._external
        parser.SkippedEntityHandler = self._skipped

    def texts(self, *, by_line: bool = False) -> Iterator[bytes]:
        """Give the document as UTF-8 that needs no DTD.

        Args:
            by_line: Whether to give it line by line, so that `line` says how far a reader is.

        Raises:
            SyntaxError: It is not well-formed, nested too deeply, or refers to something outside
                of itself, or its entities expand without bound.
        """
        for piece in self._pieces:
            # expat also takes UTF-16 that is cut inside of a character.
            for part in self._lines(piece) if by_line else [piece]:
                self.line = self._parser.CurrentLineNumber
                self._room += 4 * len(part)
                self._begun.clear()
                self._parse(part)
                yield from self._found(by_line)
        self._parse(b"", last=True)

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        """Take a piece of the document for the watcher.

        Raises:
            SyntaxError: See `texts`.
        """
        self._room += 4 * len(piece)
        self._begun.clear()
        self._parse(piece, last=last)

    def taken(self) -> str:
        """Return what was written since this was called last."""
        found = "".join(self._outside)
        self._outside.clear()
        return found

    def _found(self, by_line: bool) -> Iterator[bytes]:
        """Give what was written, by elements if lines are asked for: several lines have come."""
        places = [0]
        if by_line:
            places += [place for _, place in self._begun]
        for number, (start, end) in enumerate(itertools.pairwise([*places, len(self._outside)])):
            if number:
                self.line = self._begun[number - 1][0]
            if found := "".join(self._outside[start:end]).encode():
                yield found
        self._outside.clear()

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        """Give lines, and more at a time inside of what is longer than a few: a comment, a tag.

        expat begins again at its start with all that it is given.
        """
        lines, taken, many = piece.splitlines(keepends=True), 0, 1
        while taken < len(lines):
            before = self._parser.CurrentByteIndex
            yield b"".join(lines[taken : taken + many])
            taken += many
            many = 1 if self._parser.CurrentByteIndex > before else 2 * many

    def _parse(self, line: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(line, last)
        except expat.ExpatError as error:
            reason = f"not well-formed XML: {expat.ErrorString(error.code)}"
            raise _mistake(reason, error.lineno, error.offset + 1) from error
        except (LookupError, ValueError) as error:  # an encoding that Python does not know
            raise _mistake(f"the XML cannot be read: {error}", 1, 1) from error

    def _refuse(self, reason: str) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        raise _mistake(f"the XML is refused: {reason}", line, column)

    def _start(self, name: str, attributes: Sequence[str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"it is nested more than {MAX_DEPTH} levels deep")
        if len(attributes) > 2 * _MAX_ATTRIBUTES:
            self._refuse(f"an element has more than {_MAX_ATTRIBUTES:,} attributes")
        pairs = dict(zip(attributes[::2], attributes[1::2], strict=True))
        if self._literal is None:
            self._begun.append((self._parser.CurrentLineNumber, len(self._outside)))
            self._namespaces.append(_declared(self._namespaces[-1], pairs))
            if len(self._namespaces[-1]) > _MAX_ATTRIBUTES:
                self._refuse(f"more than {_MAX_ATTRIBUTES:,} namespaces are declared")
            if pairs.get("xml:lang") == "":
                pairs["xml:lang"] = NO_LANGUAGE
            old = _old_term(pairs, self._namespaces[-1])
            if old is not None:
                self._refuse(f"{old} is no longer an attribute of RDF/XML")
            if self._watch is not None:
                line = self._parser.CurrentLineNumber
                self._watch.start(name, pairs, self._namespaces[-1], self._depth, line)
            prefix = _literal_prefix(pairs, self._namespaces[-1])
            if prefix is not None:
                del pairs[f"{prefix}:parseType"]
                pairs[f"{prefix}:datatype"] = f"{RDF}XMLLiteral"
                self._written.append(_tag(name, pairs))
                self._literal = _Literal(self._depth, self._namespaces[-1])
                self._written = self._literal.content
                return
        else:
            self._literal.prefixes.update(_prefixes(name, attributes[::2]))
        self._written.append(_tag(name, pairs))
        if self._depth == 1 and self._watch is not None:
            self._divided = _is_rdf(name, self._namespaces[-1])
            if self._divided:
                self._watch.root(name, self.taken())

    def _end(self, name: str) -> None:
        if self._literal is not None and self._literal.depth == self._depth:
            text = self._literal.canonical()
            self._written = self._outside
            self._literal = None
            self._text(text)
        if self._literal is None:
            self._namespaces.pop()
        self._depth -= 1
        self._written.append(f"</{name}>")
        if self._depth == 1 and self._divided and self._watch is not None:
            self._watch.child(self.taken())

    def _text(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            self._refuse("its entities expand without bound")
        self._written.append(escape(text, _RETURN))

    def _comment(self, text: str) -> None:
        self._written.append(f"<!--{text}-->")

    def _instruction(self, target: str, text: str) -> None:
        self._written.append(f"<?{target} {text}?>")

    def _entity(self, name: str, is_parameter: bool, value: str | None, *_where: Any) -> None:
        if value is None:
            return  # declared, but elsewhere; refused where it is used
        size = len(value)
        for reference in _REFERENCE.findall(value):
            size += self._sizes.get(reference, 0)
        if size > _MAX_ENTITY:
            shown = printable(name, 40)
            self._refuse(f"its entity {shown!r} stands for more than {_MAX_ENTITY:,} characters")
        if not is_parameter:
            self._sizes.setdefault(name, size)

    def _external(self, _context: str, _base: Any, system: str | None, _public: Any) -> int:
        self._refuse(
            f"it refers to the external entity {printable(system or '', 80)!r}, and nothing is "
            "loaded while reading"
        )
        return 0

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._refuse(f"the entity {printable(name, 40)!r} is not declared in it")


class _Literal:
    """The content of an element whose `rdf:parseType` is `Literal`.

    Attributes:
        depth: Level of the element.
        content: What is written in it.
        prefixes: The prefixes of its names.
    """

    def __init__(self, depth: int, namespaces: dict[str, str]) -> None:
        self.depth = depth
        self.content: list[str] = []
        self.prefixes: set[str] = set()
        self._namespaces = namespaces

    def canonical(self) -> str:
        """Return the content as https://www.w3.org/TR/xml-exc-c14n/ writes it, with comments."""
        # Others would not be in the result, and there may be thousands.
        used = {key: self._namespaces[key] for key in self.prefixes if key in self._namespaces}
        own = {f"xmlns:{_WRAPPER}": _WRAPPER}
        document = [_tag(f"{_WRAPPER}:x", used | own), *self.content]
        text = canonicalize("".join(document) + f"</{_WRAPPER}:x>", with_comments=True)
        return text[text.index(">") + 1 : text.rindex("<")]


def _is_rdf(name: str, namespaces: dict[str, str]) -> bool:
    prefix, colon, local = name.rpartition(":")
    return local == "RDF" and namespaces.get(f"xmlns{colon}{prefix}") == RDF


def _prefixes(name: str, attributes: Sequence[str]) -> Iterator[str]:
    """Give the declarations that the names of an element and its attributes need."""
    for one in (name, *attributes):
        prefix, colon, _ = one.partition(":")
        if colon:
            yield f"xmlns:{prefix}"
    yield "xmlns"


def _declared(namespaces: dict[str, str], attributes: dict[str, str]) -> dict[str, str]:
    """Return the namespaces of an element inside of one that has `namespaces`."""
    new = {key: value for key, value in attributes.items() if key.startswith("xmlns")}
    return namespaces | new if new else namespaces


def _old_term(attributes: dict[str, str], namespaces: dict[str, str]) -> str | None:
    """Return an attribute that https://www.w3.org/TR/rdf-syntax-grammar/#oldTerms withdrew."""
    for key in attributes:
        prefix, _, local = key.partition(":")
        if local in _OLD_TERMS and namespaces.get(f"xmlns:{prefix}") == RDF:
            return key
    return None


def _literal_prefix(attributes: dict[str, str], namespaces: dict[str, str]) -> str | None:
    """Return the prefix of RDF if an element's content is an XML literal, else None.

    https://www.w3.org/TR/rdf-syntax-grammar/#parseTypeOtherPropertyElt gives unknown values the
    same meaning. An element with attributes that it cannot have is left to the parser.
    """
    for key, value in attributes.items():
        if not key.endswith(":parseType"):
            continue
        prefix = key.partition(":")[0]
        if namespaces.get(f"xmlns:{prefix}") == RDF:
            others = attributes.keys() - {key, f"{prefix}:ID"}
            plain = all(other.startswith(("xmlns", "xml:")) for other in others)
            return prefix if plain and value not in _OTHER_PARSE_TYPES else None
    return None


def _tag(name: str, attributes: dict[str, str]) -> str:
    if not attributes:
        return f"<{name}>"
    pairs = "".join(f" {key}={quoteattr(value, _BREAKS)}" for key, value in attributes.items())
    return f"<{name}{pairs}>"


def _mistake(reason: str, line: int, column: int) -> SyntaxError:
    return SyntaxError(reason, (None, line, column, None))
