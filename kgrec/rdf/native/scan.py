r"""Finding the terms of N-Triples and N-Quads in one pass.

Lines are read in blocks, in two steps: first the terms are found and hashed, and the processor
begins to fetch their slots of the table; then the terms are looked up. Waiting for memory at each
term would take longer than everything else.

Grammars: https://www.w3.org/TR/n-triples/ and https://www.w3.org/TR/n-quads/.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.memory import (
    FREE,
    LOW32,
    U0,
    U32,
    compiled,
    first_byte,
    hash_of,
    load8,
    load64,
    prefetch,
    repeated,
    zero_bytes,
)
from kgrec.rdf.native.term_table import MOST, Table, Text, find, insert, place_in_arena
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
from kgrec.rdf.numbered import NO_GRAPH, TermNumbers

_NO_VALUE: Final = -1
_BLOCK: Final = 512  # lines; their notes fit into the processor's second cache
_AHEAD: Final = 6  # lines
_TAB, _SPACE, _DOT, _COLON, _LESS, _AT = 9, 32, 46, 58, 60, 64
_GREATER, _CARET, _UNDERSCORE, _HYPHEN = 62, 94, 95, 45
_LFS, _GREATERS = repeated(LF), repeated(_GREATER)


class Found:
    """What a piece of text holds.

    Attributes:
        edges: The statements between entities, as numbers of the scanner's table; lines count
            from 0.
        values: The statements with a literal, in the order of the text. What stands for the object
            is what follows its value: ``@en``, ``^^<…>`` or nothing.
        text: The values of the literals, unescaped UTF-8, one after the other, uint8.
        lengths: Bytes of each value, int32 of shape (m,).
        unsure: Begin, end and number (from 0) of the lines that are left to a parser, int64 of
            shape (3, u), in order.
        num_lines: Number of lines.
    """

    __slots__ = ("edges", "lengths", "num_lines", "text", "unsure", "values")

    def __init__(self, scanner: Scanner, counts: list[int]) -> None:
        num_edges, num_values, num_unsure, self.num_lines, size = counts
        self.edges = scanner.numbers(scanner.edges[:, :num_edges])
        self.values = scanner.numbers(scanner.values[:, :num_values])
        begins, ends = scanner.ends[:, :num_values]
        self.lengths: Any = (ends - begins).astype(np.int32)
        text = scanner.text.octets[:size]
        if int(self.lengths.sum(dtype=np.int64)) == size:
            self.text: Any = text.copy()
        else:
            # Values of lines that are left to a parser are between the others.
            inside = np.zeros(size + 1, dtype=np.int8)
            np.add.at(inside, begins, 1)
            np.add.at(inside, ends, -1)
            self.text = text[np.cumsum(inside[:-1]) > 0]
        unsure = scanner.unsure[:, :num_unsure]
        self.unsure: Any = unsure[:, np.argsort(unsure[2], kind="stable")]


class Scanner:
    """Finds the terms in pieces of text, and numbers them in one table.

    Args:
        quads: Whether the name of a graph may follow the object.
    """

    def __init__(self, *, quads: bool = False) -> None:
        self.table = Table()
        self.quads = quads
        self._has_blank_nodes = False
        # Kept from piece to piece: new memory would have to be cleared each time.
        self._make_room(1 << 12, 1 << 19)

    def _make_room(self, lines: int, size: int) -> None:
        self.edges, self.values = (np.empty((5, lines), dtype=np.int32) for _ in range(2))
        self.text = Text(size)
        self.ends = np.empty((2, lines), dtype=np.int64)
        self.unsure = np.empty((3, lines), dtype=np.int64)

    def scan(self, text: Text, end: int, *, trusted: bool = False) -> Found:
        """Find the terms in the first `end` bytes of a text; the last byte must be a newline.

        The table holds IRIs without brackets, blank nodes as ``_:label``.

        Args:
            text: The text.
            end: Number of bytes.
            trusted: Whether a parser wrote the text, so that all of it is valid.
        """
        lines = int(_count_lines(text.octets, end))
        if lines > self.ends.shape[1] or end > self.text.room:
            self._make_room(max(lines, self.ends.shape[1]), max(end, self.text.room))
        table = self.table
        known = len(table)
        table.make_room((4 if self.quads else 3) * lines, end)
        counts = np.zeros(5, dtype=np.int64)
        _scan(
            *(text.address, end, self.quads, trusted),
            *(table.slots, table.arena.address, table.offsets, table.count),
            *(self.edges, self.values, self.text.address, self.ends, self.unsure, counts),
        )
        self._has_blank_nodes = self._has_blank_nodes or _any_blank_node(table, known)
        return Found(self, counts.tolist())

    def numbers(self, columns: Any) -> TermNumbers:
        """Return a copy of columns that the next piece overwrites, without those that say nothing.

        Args:
            columns: Numbers of subject, predicate, object (or tail) and graph (or NO_GRAPH), and
                the line, int32 of shape (5, n).
        """
        is_named = self.quads and bool((columns[3] != NO_GRAPH).any())
        return TermNumbers(
            columns[:3].copy(),
            columns[3].copy() if is_named else None,
            columns[4].copy() if self._has_blank_nodes else None,
        )


def _any_blank_node(table: Table, known: int) -> bool:
    """Return whether a blank node is among the strings of a table after the first `known`."""
    begins = table.offsets[known : len(table) + 1]
    first = table.arena.octets[begins[:-1]]
    # What begins where an empty string does is another one.
    return bool(((first == _UNDERSCORE) & (begins[1:] > begins[:-1])).any())


@compiled
def _count_lines(octets: Any, end: Any) -> Any:
    count = 0
    for k in range(end):
        count += octets[k] == LF
    return count


@compiled
def _iri_end(begin: Any, limit: Any) -> Any:
    """Return where the next ">" of the line is, or UNSURE if it is not before `limit`."""
    at = begin
    while at < limit:
        word = load64(at)
        found = zero_bytes(word ^ _GREATERS) | zero_bytes(word ^ _LFS)
        if found != U0:
            at += first_byte(found)
            return at if load8(at) == _GREATER else np.int64(UNSURE)
        at += 8
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
def _skip_blanks(at: Any) -> Any:
    while load8(at) == _SPACE or load8(at) == _TAB:
        at += 1
    return at


@compiled
def _next_line(begin: Any, end: Any) -> Any:
    """Return where the next line begins if only a full stop is left of this one, else UNSURE."""
    at = _skip_blanks(begin)
    if at >= end or load8(at) != _DOT:
        return np.int64(UNSURE)
    at = _skip_blanks(at + 1)
    if load8(at) == CR:
        at += 1
    if at >= end or load8(at) != LF:
        return np.int64(UNSURE)
    return at + 1


@compiled
def _line_end(begin: Any, end: Any) -> Any:
    """Return where the newline of the line is, or `end`."""
    at = begin
    while at < end:
        found = zero_bytes(load64(at) ^ _LFS)
        if found != U0:
            return min(at + first_byte(found), end)
        at += 8
    return end


@compiled
def _node(at: Any, end: Any, trusted: Any) -> Any:
    """Return begin, length and end of the IRI or blank node at `at`; the last may be UNSURE.

    The length does not count brackets.
    """
    limit = min(end, at + (MOST if trusted else LONGEST))
    if load8(at) == _LESS:
        # An IRI begins with a letter, so that no blank node or tail is the same string.
        stop = np.int64(UNSURE)
        if KINDS[load8(at + 1)] & ALPHA != 0:
            stop = _iri_end(at + 1, limit)
        if stop != UNSURE and stop < end:
            return at + 1, stop - at - 1, stop + 1
    elif load8(at) == _UNDERSCORE:
        stop = _label_end(at, limit, trusted)
        if stop != UNSURE and stop < end:
            return at, stop - at, stop
    return at, np.int64(0), np.int64(UNSURE)


@compiled
def _statement(at: Any, end: Any, quads: Any, trusted: Any, to: Any, spans: Any) -> Any:
    """Find the terms of the statement at `at`.

    Args:
        at: Where the line begins.
        end: Where the text ends.
        quads: Whether a graph may be named.
        trusted: Whether a parser wrote the text.
        to: Where the value of a literal is copied.
        spans: Where begin and length of subject, predicate, object (or tail) and graph are
            written, a length of NO_GRAPH if there is none; int64 of shape (4, 2).

    Returns:
        Where the next line begins, or UNSURE; and where the copied value ends, or _NO_VALUE for a
        statement between entities.
    """
    written = np.int64(_NO_VALUE)
    spans[3, 1] = NO_GRAPH
    spans[0, 0], spans[0, 1], at = _node(_skip_blanks(at), end, trusted)
    if at == UNSURE:
        return at, written
    at = _skip_blanks(at)
    if load8(at) != _LESS:
        return np.int64(UNSURE), written
    spans[1, 0], spans[1, 1], at = _node(at, end, trusted)
    if at == UNSURE:
        return at, written
    at = _skip_blanks(at)
    if load8(at) == QUOTE:
        at, written = copy_value(at + 1, end, to)
        if at == UNSURE:
            return at, written
        at += 1
        stop = _tail_end(at, min(end, at + (MOST if trusted else LONGEST)))
        if stop == UNSURE or stop >= end:
            return np.int64(UNSURE), written
        spans[2, 0], spans[2, 1] = at, stop - at
        at = stop
    else:
        spans[2, 0], spans[2, 1], at = _node(at, end, trusted)
        if at == UNSURE:
            return at, written
    after = _next_line(at, end)
    if after == UNSURE and quads:
        spans[3, 0], spans[3, 1], at = _node(_skip_blanks(at), end, trusted)
        if at != UNSURE:
            after = _next_line(at, end)
    return after, written


@compiled
def _is_valid(begin: Any, size: Any) -> Any:
    """Return whether a new term is surely valid."""
    if size == 0:
        return True
    first = load8(begin)
    if first == _AT:
        return is_surely_language(begin + 1, begin + size)
    if first == _CARET:
        return is_surely_datatype(begin + 3, begin + size - 1)
    # Finding the end of a blank node has checked its label.
    return first == _UNDERSCORE or is_surely_iri(begin, begin + size)


@compiled
def _locate(
    begin: Any,
    end: Any,
    quads: Any,
    trusted: Any,
    out: Any,
    first: Any,
    slots: Any,
    mask: Any,
    notes: Any,
    unsure: Any,
    num_unsure: Any,
) -> Any:
    """Find and hash the terms of a block of lines, and prefetch their slots.

    Args:
        begin: Where the block begins.
        end: Where the text ends.
        quads: Whether a graph may be named.
        trusted: Whether a parser wrote the text.
        out: Where the value of the next literal is copied.
        first: Number of the block's first line.
        slots: Address of the table's slots.
        mask: Number of slots less one.
        notes: What is found of each statement: begin, length and hash of its four terms; then its
            line's number and begin, and begin and end of its literal's value; int64 of shape
            (_BLOCK, 16).
        unsure: Address, end and number of each line that is left to a parser.
        num_unsure: How many there are so far.

    Returns:
        Number of statements, where the next block begins, its first line, where the next value is
        copied, and the number of unsure lines.
    """
    spans = np.empty((4, 2), dtype=np.int64)
    num = 0
    at, to, line = begin, out, first
    while at < end and num < _BLOCK:
        after, written = _statement(at, end, quads, trusted, to, spans)
        if after == UNSURE:
            after = _line_end(at, end)
            if _skip_blanks(at) != after:  # an empty line holds nothing to decide
                unsure[0, num_unsure], unsure[1, num_unsure] = at, after
                unsure[2, num_unsure] = line
                num_unsure += 1
            after += 1
        else:
            for j in range(4):
                notes[num, 3 * j], notes[num, 3 * j + 1] = spans[j, 0], spans[j, 1]
                if spans[j, 1] != NO_GRAPH:
                    h = hash_of(spans[j, 0], spans[j, 1])
                    notes[num, 3 * j + 2] = np.int64(h)
                    prefetch(slots + ((np.int64(h >> U32) & mask) << 4))
            notes[num, 12], notes[num, 13] = line, at
            notes[num, 14], notes[num, 15] = to, written
            to = max(to, written)
            num += 1
        at = after
        line += 1
    return num, at, line, to, num_unsure


@compiled
def _number(
    num: Any,
    notes: Any,
    trusted: Any,
    slots: Any,
    arena: Any,
    offsets: Any,
    count: Any,
    edges: Any,
    values: Any,
    ends: Any,
    numbers: Any,
) -> Any:
    """Look up the terms of a block of statements, and store their numbers.

    Args:
        num: Number of statements.
        notes: What `_locate` found.
        trusted: Whether new terms need no check.
        slots: The table's.
        arena: Address of the table's arena.
        offsets: The table's.
        count: The table's.
        edges: Where statements between entities go.
        values: Where statements with a literal go.
        ends: Where the place of each literal's value goes.
        numbers: Numbers of a statement's four terms; then how many edges and values there are,
            int64 of shape (6,).

    Returns:
        How many statements have a term that may be invalid; their notes come first.
    """
    mask = len(slots) - 1
    address = slots.ctypes.data
    num_wrong = 0
    for k in range(num):
        if k + _AHEAD < num:
            for j in range(3):
                h = np.uint64(notes[k + _AHEAD, 3 * j + 2])
                prefetch(arena + place_in_arena(address, mask, h))
        fine = True
        for j in range(4):
            begin, length = notes[k, 3 * j], notes[k, 3 * j + 1]
            numbers[j] = NO_GRAPH
            if length == NO_GRAPH:
                continue
            h = np.uint64(notes[k, 3 * j + 2])
            place = find(address, mask, arena, begin, length, h)
            if slots[place, 0] != FREE:
                numbers[j] = np.int64(slots[place, 0] & LOW32)
            elif trusted or _is_valid(begin, length):
                numbers[j] = insert(slots, arena, offsets, count, place, begin, length, h)
            else:
                fine = False
        if not fine:
            notes[num_wrong, 12:14] = notes[k, 12:14]
            num_wrong += 1
        elif notes[k, 15] == _NO_VALUE:
            for j in range(4):
                edges[j, numbers[4]] = numbers[j]
            edges[4, numbers[4]] = notes[k, 12]
            numbers[4] += 1
        else:
            for j in range(4):
                values[j, numbers[5]] = numbers[j]
            values[4, numbers[5]] = notes[k, 12]
            ends[0, numbers[5]], ends[1, numbers[5]] = notes[k, 14], notes[k, 15]
            numbers[5] += 1
    return num_wrong


@compiled
def _scan(
    text: Any,
    size: Any,
    quads: Any,
    trusted: Any,
    slots: Any,
    arena: Any,
    offsets: Any,
    count: Any,
    edges: Any,
    values: Any,
    out: Any,
    ends: Any,
    unsure: Any,
    counts: Any,
) -> None:
    notes = np.zeros((_BLOCK, 16), dtype=np.int64)
    numbers = np.zeros(6, dtype=np.int64)
    address = slots.ctypes.data
    at, end, to = text, text + size, out
    line = num_unsure = np.int64(0)
    while at < end:
        num, at, line, to, num_unsure = _locate(
            at, end, quads, trusted, to, line, address, len(slots) - 1, notes, unsure, num_unsure
        )
        wrong = _number(
            num, notes, trusted, slots, arena, offsets, count, edges, values, ends, numbers
        )
        for k in range(wrong):
            unsure[0, num_unsure] = notes[k, 13]
            unsure[1, num_unsure] = _line_end(notes[k, 13], end)
            unsure[2, num_unsure] = notes[k, 12]
            num_unsure += 1
    for k in range(num_unsure):
        unsure[0, k] -= text
        unsure[1, k] -= text
    for k in range(numbers[5]):
        ends[0, k] -= out
        ends[1, k] -= out
    counts[0], counts[1], counts[2] = numbers[4], numbers[5], num_unsure
    counts[3], counts[4] = line, to - out
