r"""The places of terms in N-Triples and N-Quads, without a Python object per term.

Canonical N-Triples (https://www.w3.org/TR/n-triples/#canonical-ntriples) and N-Quads have one
statement per line, terms separated by exactly one space, and no comments. The characters that
separate terms (spaces, quotation marks and newlines) are then found in one pass over the text, and
the place of each term follows from the first and last separators of its line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgrec.types import ByteArray, IntArray

Span = tuple[IntArray, IntArray]
NEWLINE, SPACE, EXCLAMATION, QUOTE, LESS = b'\n !"<'


@dataclass(frozen=True, eq=False)
class TermPlaces:
    """The places of the terms in n lines of canonical N-Triples or N-Quads.

    Attributes:
        text: The lines, UTF-8; each ends with a newline.
        octets: The same as uint8.
        subject: Where each subject begins and ends, two int64 arrays of shape (n,).
        predicate: The same for the predicates.
        object: The same for the objects.
        graph: The same for the graphs' names; empty for statements of the default graph.
        value_end: Where the value of a literal ends; has no meaning for other objects.
    """

    text: bytes
    octets: ByteArray
    subject: Span
    predicate: Span
    object: Span
    graph: Span
    value_end: IntArray

    def __len__(self) -> int:
        return len(self.value_end)


def find_terms(text: bytes, *, quads: bool) -> TermPlaces:
    """Return where the terms are in canonical N-Triples, or N-Quads if `quads`."""
    octets = np.frombuffer(text, dtype=np.uint8)
    # Space, quotation mark and newline; canonical text has no other character this low but "!".
    separators = np.flatnonzero((octets <= QUOTE) & (octets != EXCLAMATION))
    newlines = np.flatnonzero(octets[separators] == NEWLINE)
    # IRIs, blank nodes, datatypes and languages hold no separators, so that a line is:
    # subject SPACE predicate SPACE … QUOTE datatype or language SPACE graph SPACE . NEWLINE
    heads = np.zeros_like(newlines)  # the first separator of each line
    heads[1:] = newlines[:-1] + 1
    ends = separators[newlines]
    begins = np.zeros_like(ends)
    begins[1:] = ends[:-1] + 1
    first, second = separators[heads], separators[heads + 1]
    last = newlines - 1  # the separator after the object
    graph = ends - 2, ends - 2
    if quads:
        in_graph = (octets[separators[last - 1]] == SPACE) & (last - 1 > heads + 1)
        last = last - in_graph
        graph = np.minimum(separators[last] + 1, ends - 2), ends - 2
    return TermPlaces(
        text=text,
        octets=octets,
        subject=(begins, first),
        predicate=(first + 1, second),
        object=(second + 1, separators[last]),
        graph=graph,
        value_end=separators[last - 1],
    )
