r"""Where the terms of N-Triples stand, without a Python object per term.

Canonical N-Triples (https://www.w3.org/TR/n-triples/#canonical-ntriples) have one statement per
line, terms separated by exactly one space, and no comments. The characters that can separate
terms, "marks", are then found in one pass over the text, and the place of each term follows from
the first and last marks of its line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgrec.types import BoolArray, ByteArray, IntArray

Span = tuple[IntArray, IntArray]
NEWLINE, SPACE, EXCLAMATION, QUOTE, DOT, LESS, GREATER, BACKSLASH, UNDERSCORE = b'\n !".<>\\_'


@dataclass(frozen=True, eq=False)
class Layout:
    """The places of the terms in n lines of canonical N-Triples.

    Attributes:
        text: The lines, UTF-8; each ends with a newline.
        octets: The same as uint8.
        subject: Where each subject begins and ends, two int64 arrays of shape (n,).
        predicate: The same of the predicates.
        object: The same of the objects.
        close: Where the value of a literal ends; says nothing of other objects.
    """

    text: bytes
    octets: ByteArray
    subject: Span
    predicate: Span
    object: Span
    close: IntArray

    def __len__(self) -> int:
        return len(self.close)


def lay_out(text: bytes) -> Layout:
    """Return where the terms of canonical N-Triples stand."""
    octets, marks, lines = _marks(text)
    return _layout(text, octets, marks, lines)


def lay_out_if_canonical(text: bytes) -> Layout | None:
    """Return where the terms stand if valid N-Triples are laid out as canonical ones, else None.

    Escapes may differ from the canonical ones. The text need not be valid: whether it is, and that
    it has one statement per line, must be found out by a parser. What this cannot see of a valid
    text, two IRIs without a space between them or a comment without a space before it, shows in
    the terms: `kgrec.rdf.ntriples` looks at them.
    """
    if not text.endswith(b"\n"):
        return None
    octets, marks, lines = _marks(text)
    kinds = octets[marks]
    if not ((kinds == SPACE) | (kinds == QUOTE) | (kinds == NEWLINE)).all():
        return None
    heads = _heads(lines)
    last = lines - 1
    enough = lines - heads >= 3
    if not (
        enough.all()
        and (kinds[heads] == SPACE).all()
        and (kinds[heads + 1] == SPACE).all()
        and (kinds[last] == SPACE).all()
    ):
        return None
    found = _layout(text, octets, marks, lines)
    begin, end = found.object
    stops = end == marks[last]
    stops &= octets[end + 1] == DOT
    for (start, stop), blank_allowed in ((found.subject, True), (found.predicate, False)):
        named = (octets[start] == LESS) & (octets[stop - 1] == GREATER)
        stops &= named | ((octets[start] == UNDERSCORE) & blank_allowed)
    head = octets[begin]
    single = lines - heads == 3
    term = ((head == LESS) & (octets[end - 1] == GREATER)) | (head == UNDERSCORE)
    literal = (head == QUOTE) & _closes(octets, marks, kinds, heads, lines)
    return found if (stops & ((term & single) | literal)).all() else None


def _closes(
    octets: ByteArray, marks: IntArray, kinds: ByteArray, heads: IntArray, lines: IntArray
) -> BoolArray:
    """Return for each line whether it has just two quotation marks that are not escaped.

    The second of them must be the last mark but the space before the full stop. Behind two
    backslashes, it takes a parser to tell whether a quotation mark is escaped: that counts as no.
    """
    quotes = np.flatnonzero(kinds == QUOTE)
    at = marks[quotes]
    escaped = octets[at - 1] == BACKSLASH
    unclear = escaped & (octets[at - 2] == BACKSLASH)
    free = quotes[~escaped]
    begin, end = np.searchsorted(free, heads), np.searchsorted(free, lines)
    closed: BoolArray = (end - begin == 2) & np.isin(lines - 2, free, assume_unique=True)
    closed[np.searchsorted(lines, quotes[unclear])] = False
    return closed


def _marks(text: bytes) -> tuple[ByteArray, IntArray, IntArray]:
    """Return the text as uint8, the places of its marks, and which of the marks are newlines."""
    octets = np.frombuffer(text, dtype=np.uint8)
    # Space, quotation mark and newline; canonical text has no other character this low but "!".
    marks = np.flatnonzero((octets <= QUOTE) & (octets != EXCLAMATION))
    return octets, marks, np.flatnonzero(octets[marks] == NEWLINE)


def _heads(lines: IntArray) -> IntArray:
    """Return which mark is the first of each line."""
    heads = np.zeros_like(lines)
    heads[1:] = lines[:-1] + 1
    return heads


def _layout(text: bytes, octets: ByteArray, marks: IntArray, lines: IntArray) -> Layout:
    # IRIs, blank nodes, datatypes and languages hold no marks, so that a line is marked:
    # subject SPACE predicate SPACE … QUOTE datatype or language SPACE . NEWLINE
    heads = _heads(lines)
    ends = marks[lines]
    begins = np.zeros_like(ends)
    begins[1:] = ends[:-1] + 1
    first, second = marks[heads], marks[heads + 1]
    return Layout(
        text=text,
        octets=octets,
        subject=(begins, first),
        predicate=(first + 1, second),
        object=(second + 1, ends - 2),
        close=marks[lines - 2],
    )
