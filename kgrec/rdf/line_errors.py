"""Mistakes in N-Triples and N-Quads: reading can continue, as a line holds a whole statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyoxigraph

from kgrec.errors import DataError
from kgrec.rdf.nesting import check_triple_terms
from kgrec.rdf.syntaxes import Format

Part = bytes | memoryview
"""A part of a text."""


def whole_lines(pieces: Iterator[bytes], limit: int) -> Iterator[list[Part]]:
    """Group pieces so that each group holds whole lines.

    Pieces are cut after lines, and neither joined nor copied.

    Args:
        pieces: The text, cut anywhere.
        limit: Most bytes that a line may have.

    Raises:
        DataError: A line is longer.
    """
    begun: list[Part] = []
    length = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            check_line_length(length + piece.find(b"\n"), limit)
            begun.append(memoryview(piece)[:end] if end < len(piece) else piece)
            yield begun
            begun, length = [], 0
        if end < len(piece):
            begun.append(piece[end:])
            length += len(begun[-1])
        check_line_length(length, limit)
    if length:
        yield begun


_TRIPLE_TERM: Final = "a triple term (RDF 1.2), which a graph cannot hold"

LONGEST_LINE: Final = 1 << 24
"""Bytes that the parser has room for."""


def check_line_length(length: int, limit: int) -> None:
    """Raise a DataError if a line has more bytes than it may have, or than the parser takes."""
    if length > LONGEST_LINE:
        raise DataError(
            f"a line has more than {LONGEST_LINE:,} bytes, which is too long for the parser, "
            "whatever max_literal is."
        )
    if length > limit:
        raise DataError(
            f"a line has more than {limit:,} bytes, so that its literal would be larger than "
            "the limit max_literal allows. If it is meant to be, give a larger one."
        )


@dataclass(frozen=True)
class Mistake:
    """A line that is not valid.

    Attributes:
        line: Its number; None where it is not known.
        column: Where in it, from 1; None where the parser does not say.
        reason: What is wrong.
        text: The line.
        about: The statement, if the line is valid, but has a triple term.
    """

    line: int | None
    column: int | None
    reason: str
    text: bytes
    about: bytes | None = None

    def moved(self, lines: int) -> Mistake:
        """Return the same mistake, so many lines further down."""
        return replace(self, line=None if self.line is None else self.line + lines)

    def error(self) -> SyntaxError:
        """Return the mistake as the error that a parser raises."""
        error = SyntaxError(self.reason)
        error.lineno, error.offset = self.line, self.column
        return error


def reason_of(error: SyntaxError) -> str:
    """Return the reason that a parser gives, without the place, which it also gives elsewhere."""
    text = str(error.msg)
    if text.startswith("Parser error"):
        text = text.partition(": ")[2] or text
    head, _, tail = text.rpartition(" (line ")
    return head if head and tail.rstrip(")").isdigit() else text


def mistakes(lines: Sequence[bytes], format: Format) -> Iterator[tuple[slice, Mistake | None]]:
    """Divide lines into runs of valid ones, and single ones that are not valid.

    Args:
        lines: Lines with their ends.
        format: N-Triples or N-Quads.

    Yields:
        Which lines, and the mistake in the first of them, numbered by its place in `lines`.
    """
    yield from _parts(lines, 0, len(lines), format)


def _parts(
    lines: Sequence[bytes], begin: int, end: int, format: Format
) -> Iterator[tuple[slice, Mistake | None]]:
    error = _mistake(b"".join(lines[begin:end]), format)
    if error is None:
        yield slice(begin, end), None
    elif end - begin == 1:
        text = lines[begin].rstrip(b"\r\n")
        about = error.text.encode() if error.text and error.msg is _TRIPLE_TERM else None
        yield slice(begin, end), Mistake(begin, error.offset, reason_of(error), text, about)
    else:
        middle = (begin + end) // 2
        yield from _parts(lines, begin, middle, format)
        yield from _parts(lines, middle, end, format)


def _mistake(text: bytes, format: Format) -> SyntaxError | None:
    """Return the first mistake in some lines, or None."""
    try:
        check_triple_terms(text)
        quads = pyoxigraph.parse(text, format=format.parser)
        if b"<<" not in text:
            for _ in quads:
                pass
        else:
            for quad in quads:
                if isinstance(quad.object, pyoxigraph.Triple):
                    return SyntaxError(_TRIPLE_TERM, (None, None, None, str(quad)))
    except SyntaxError as error:
        return error
    except DataError as error:
        return SyntaxError(str(error))
    except MemoryError:  # the parser's own limit
        return SyntaxError("a line of more than 16 MiB")
    return None
