r"""Finding the terms in one line of N-Triples or N-Quads.

A line that these loops are not sure of is left to a parser.

Grammars: https://www.w3.org/TR/n-triples/ and https://www.w3.org/TR/n-quads/.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.memory import LANES, are_same, compiled, finder, first, hash_of, load8
from kgrec.rdf.native.term_table import MOST
from kgrec.rdf.native.terms import (
    ALNUM,
    ALPHA,
    CR,
    KINDS,
    LABEL,
    LF,
    LONGEST,
    QUOTE,
    UNSURE,
    copy_value,
    is_surely_datatype,
    is_surely_iri,
    is_surely_language,
)
from kgrec.rdf.numbered import NO_GRAPH

NO_VALUE: Final = -1
"""Stands for the value of a literal where there is none."""

UNDERSCORE: Final = 95
"""What a blank node begins with, and no other term."""

_TAB, _SPACE, _DOT, _COLON, _LESS, _AT = 9, 32, 46, 58, 60, 64
_GREATER, _CARET, _HYPHEN = 62, 94, 45
_newlines, _ends_of_iris = finder(bytes([LF])), finder(bytes([LF, _GREATER]))


@compiled
def _iri_end(begin: Any, limit: Any) -> Any:
    """Return where the next ">" of the line is, or UNSURE if it is not before `limit`."""
    at = begin
    while at < limit:
        found = _ends_of_iris(at)
        if found != 0:
            at += first(found)
            return at if at < limit and load8(at) == _GREATER else np.int64(UNSURE)
        at += LANES
    return np.int64(UNSURE)


@compiled
def _label_end(begin: Any, limit: Any, trusted: Any) -> Any:
    r"""Return where the blank node ``_:label`` at `begin` ends, or UNSURE."""
    if trusted:  # any label is valid, and a space follows
        at = begin
        while at < limit and load8(at) != _SPACE:
            at += 1
        return at
    if load8(begin + 1) != _COLON or KINDS[load8(begin + 2)] & ALNUM == 0:
        return np.int64(UNSURE)
    at = begin + 3
    while at < limit and KINDS[load8(at)] & LABEL != 0:
        at += 1
    follows = load8(at)
    return at if follows == _SPACE or follows == _TAB else np.int64(UNSURE)


@compiled
def _tail_end(begin: Any, limit: Any) -> Any:
    """Return where what follows a literal's value ends, or UNSURE."""
    at = begin
    if load8(at) == _AT:
        at += 1
        while at < limit and (KINDS[load8(at)] & ALNUM != 0 or load8(at) == _HYPHEN):
            at += 1
    elif load8(at) == _CARET:
        if load8(at + 1) != _CARET or load8(at + 2) != _LESS:
            return np.int64(UNSURE)
        at = _iri_end(at + 3, limit)
        if at != UNSURE:
            at += 1
    return at


@compiled
def skip_blanks(at: Any) -> Any:
    """Return where the spaces and tabs at an address end."""
    while load8(at) == _SPACE or load8(at) == _TAB:
        at += 1
    return at


@compiled
def _next_line(begin: Any, end: Any) -> Any:
    """Return where the next line begins if only a full stop is left of this one, else UNSURE."""
    at = skip_blanks(begin)
    if at >= end or load8(at) != _DOT:
        return np.int64(UNSURE)
    at = skip_blanks(at + 1)
    if load8(at) == CR:
        at += 1
    if at >= end or load8(at) != LF:
        return np.int64(UNSURE)
    return at + 1


@compiled
def line_end(begin: Any, end: Any) -> Any:
    """Return where the newline of the line is, or `end`."""
    at = begin
    while at < end:
        found = _newlines(at)
        if found != 0:
            return min(at + first(found), end)
        at += LANES
    return end


@compiled
def _node(at: Any, end: Any, trusted: Any, key: Any) -> Any:
    """Return begin, length, hash and end of the IRI or blank node at `at`; the last may be UNSURE.

    Length and hash do not count brackets.
    """
    limit = min(end, at + (MOST if trusted else LONGEST))
    if load8(at) == _LESS:
        # An IRI begins with a letter, so that no blank node or tail is the same string.
        stop = np.int64(UNSURE)
        if KINDS[load8(at + 1)] & ALPHA != 0:
            stop = _iri_end(at + 1, limit)
        if stop != UNSURE:
            size = stop - at - 1
            return at + 1, size, np.int64(hash_of(at + 1, size, key)), stop + 1
    elif load8(at) == UNDERSCORE:
        stop = _label_end(at, limit, trusted)
        if stop != UNSURE and stop < end:
            return at, stop - at, np.int64(hash_of(at, stop - at, key)), stop
    return at, np.int64(0), np.int64(0), np.int64(UNSURE)


@compiled
def _is_same_iri(at: Any, begin: Any, size: Any) -> Any:
    """Return whether the IRI in brackets at `at` is the one that was found at `begin`.

    A blank node that was found there, or nothing (a size of 0), is none.
    """
    return (
        size > 0
        and load8(at) == _LESS
        and load8(begin) != UNDERSCORE
        and are_same(at + 1, begin, size + 1)  # with the bracket that closes it
    )


@compiled
def statement(at: Any, end: Any, quads: Any, trusted: Any, key: Any, to: Any, spans: Any) -> Any:
    """Find the terms of the statement at `at`.

    Args:
        at: Where the line begins.
        end: Where the text ends.
        quads: Whether a graph may be named.
        trusted: Whether a parser wrote the text.
        key: What hashes begin with.
        to: Where the value of a literal is copied.
        spans: Where begin, length and hash of subject, predicate, object (or tail) and graph are
            written, a length of NO_GRAPH if there is none; int64 of shape (4, 3). The first row is
            that of the statement before, or 0.

    Returns:
        Where the next line begins, or UNSURE; and where the copied value ends, or NO_VALUE for a
        statement between entities.
    """
    written = np.int64(NO_VALUE)
    spans[3, 1] = NO_GRAPH
    at = skip_blanks(at)
    if _is_same_iri(at, spans[0, 0], spans[0, 1]):
        # Statements about one subject mostly follow each other.
        spans[0, 0] = at + 1
        at += spans[0, 1] + 2
    else:
        spans[0, 0], spans[0, 1], spans[0, 2], at = _node(at, end, trusted, key)
        if at == UNSURE:
            return at, written
    at = skip_blanks(at)
    if load8(at) != _LESS:
        return np.int64(UNSURE), written
    spans[1, 0], spans[1, 1], spans[1, 2], at = _node(at, end, trusted, key)
    if at == UNSURE:
        return at, written
    at = skip_blanks(at)
    if load8(at) == QUOTE:
        at, written = copy_value(at + 1, end, to)
        if at == UNSURE:
            return at, written
        at += 1
        stop = _tail_end(at, min(end, at + (MOST if trusted else LONGEST)))
        if stop == UNSURE or stop >= end:
            return np.int64(UNSURE), written
        spans[2, 0], spans[2, 1] = at, stop - at
        spans[2, 2] = np.int64(hash_of(at, stop - at, key))
        at = stop
    else:
        spans[2, 0], spans[2, 1], spans[2, 2], at = _node(at, end, trusted, key)
        if at == UNSURE:
            return at, written
    after = _next_line(at, end)
    if after == UNSURE and quads:
        spans[3, 0], spans[3, 1], spans[3, 2], at = _node(skip_blanks(at), end, trusted, key)
        if at != UNSURE:
            after = _next_line(at, end)
    return after, written


@compiled
def is_valid(begin: Any, size: Any) -> Any:
    """Return whether a new term is surely valid."""
    if size == 0:
        return True
    first = load8(begin)
    if first == _AT:
        return is_surely_language(begin + 1, begin + size)
    if first == _CARET:
        return is_surely_datatype(begin + 3, begin + size - 1)
    # Finding the end of a blank node has checked its label.
    return first == UNDERSCORE or is_surely_iri(begin, begin + size)
