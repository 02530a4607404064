"""RDF/XML made safe: entities bounded, nothing loaded, and places of mistakes known.

The document goes through expat before the RDF parser sees it. expat finds out whether it is
well-formed to its end, in any of its encodings. A document with a DTD or of another encoding than
UTF-8 is written anew without the DTD and in UTF-8; others pass as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from kgrec.errors import printable
from kgrec.kg.nesting import MAX_DEPTH

_MAX_ENTITY: Final = 1 << 16  # characters that an entity may stand for
_MAX_GROWTH: Final = 1 << 24  # bytes by which entities may lengthen any document
_REFERENCE: Final = re.compile(r"&([^;#]+);")
_HEAD: Final = 1 << 16


class SafeXml:
    """The pieces of an XML document, checked, one line after the other.

    Attributes:
        line: The last line that was given, counted from 1.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.line = 1
        self._pieces = pieces
        self._parser = expat.ParserCreate()
        self._depth = 0
        self._written: list[str] = []
        self._sizes: dict[str, int] = {}

    def lines(self) -> Iterator[bytes]:
        """Give the document as UTF-8 that needs no DTD.

        Raises:
            SyntaxError: It is not well-formed, nested too deeply, or refers to something outside
                of itself, or its entities expand without bound.
        """
        first = next(self._pieces, b"")
        anew = b"<!DOCTYPE" in first[:_HEAD] or not _is_utf8(first)
        self._listen(anew)
        read = given = 0
        for line in _lines(first, self._pieces):
            self.line = self._parser.CurrentLineNumber
            self._parse(line)
            found = line
            if anew:
                found = "".join(self._written).encode()
                self._written.clear()
            read, given = read + len(line), given + len(found)
            if given - 4 * read > _MAX_GROWTH:
                self._refuse("its entities expand without bound")
            if found:
                yield found
        self._parse(b"", last=True)

    def _parse(self, line: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(line, last)
        except expat.ExpatError as error:
            reason = f"not well-formed XML: {expat.ErrorString(error.code)}"
            raise _mistake(reason, error.lineno, error.offset + 1) from error
        except (LookupError, ValueError) as error:  # an encoding that Python does not know
            raise _mistake(f"no XML that can be read: {error}", 1, 1) from error

    def _refuse(self, reason: str) -> None:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        raise _mistake(f"the XML is refused: {reason}", line, column)

    def _listen(self, anew: bool) -> None:
        parser = self._parser
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = None if anew else self._late_doctype
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._external
        parser.SkippedEntityHandler = self._skipped
        if anew:
            parser.StartElementHandler = self._start_anew
            parser.EndElementHandler = self._end_anew
            parser.CharacterDataHandler = lambda text: self._written.append(escape(text, _RETURN))
            parser.CommentHandler = lambda text: self._written.append(f"<!--{text}-->")
            parser.ProcessingInstructionHandler = lambda target, text: self._written.append(
                f"<?{target} {text}?>"
            )

    def _start(self, _name: str, _attributes: Sequence[str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"it is nested more than {MAX_DEPTH} levels deep")

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _start_anew(self, name: str, attributes: Sequence[str]) -> None:
        self._start(name, attributes)
        pairs = zip(attributes[::2], attributes[1::2], strict=True)
        shown = "".join(f" {key}={quoteattr(value, _BREAKS)}" for key, value in pairs)
        self._written.append(f"<{name}{shown}>")

    def _end_anew(self, name: str) -> None:
        self._end(name)
        self._written.append(f"</{name}>")

    def _late_doctype(self, *_declaration: Any) -> None:
        self._refuse(f"its DOCTYPE stands behind the first {_HEAD} bytes")

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


_RETURN: Final = {"\r": "&#13;"}
_BREAKS: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def _mistake(reason: str, line: int, column: int) -> SyntaxError:
    return SyntaxError(reason, (None, line, column, None))


def _is_utf8(text: bytes) -> bool:
    if text[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in text[:4]:
        return False
    declared = re.match(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']", text)
    return declared is None or declared[1].lower() in (b"utf-8", b"utf8", b"us-ascii")


def _lines(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    """Cut pieces behind newlines; UTF-16 is cut somewhere in its characters, which is no matter."""
    yield from first.splitlines(keepends=True)
    for piece in others:
        yield from piece.splitlines(keepends=True)
