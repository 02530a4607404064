r"""Finding the terms of N-Triples and N-Quads in one pass.

Lines are read in blocks, in two steps: first the terms are found and hashed, and the processor
begins to fetch their slots of the table; then the terms are looked up. Waiting for memory at each
term would take longer than everything else.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.line import NO_VALUE, UNDERSCORE, is_valid, line_end, skip_blanks, statement
from kgrec.rdf.native.memory import FREE, KEY, LOW32, U32, are_same, compiled, prefetch
from kgrec.rdf.native.term_table import Table, Text, find, insert, place_in_arena
from kgrec.rdf.native.terms import UNSURE
from kgrec.rdf.numbered import NO_GRAPH, TermNumbers

_BLOCK: Final = 512  # lines; their notes fit into the processor's second cache
_AHEAD: Final = 6  # lines


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
        num_edges, num_values, num_unsure, self.num_lines, size, _ = counts
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
        self.text = Text(0)
        self.edges, self.values = (np.empty((5, 0), dtype=np.int32) for _ in range(2))
        self.ends = np.empty((2, 0), dtype=np.int64)
        self.unsure = np.empty((3, 0), dtype=np.int64)

    def _make_room(self, lines: int) -> None:
        """Make room for so many lines."""
        edges, values, ends, unsure = self.edges, self.values, self.ends, self.unsure
        self.edges, self.values = (np.empty((5, lines), dtype=np.int32) for _ in range(2))
        self.ends = np.empty((2, lines), dtype=np.int64)
        self.unsure = np.empty((3, lines), dtype=np.int64)
        for new, old in (
            (self.edges, edges),
            (self.values, values),
            (self.ends, ends),
            (self.unsure, unsure),
        ):
            new[:, : old.shape[1]] = old

    def scan(self, text: Text, end: int, *, trusted: bool = False) -> Found:
        """Find the terms in the first `end` bytes of a text; the last byte must be a newline.

        The table holds IRIs without brackets, blank nodes as ``_:label``.

        Args:
            text: The text.
            end: Number of bytes.
            trusted: Whether a parser wrote the text, so that all of it is valid.
        """
        table = self.table
        known = len(table)
        if end > self.text.room:
            self.text = Text(end + end // 8)
        state = np.zeros(6, dtype=np.int64)
        while state[5] < end:
            lines = int(state[3]) + _BLOCK
            if lines > self.ends.shape[1]:
                self._make_room(4 * lines)
            table.make_room(4 * _BLOCK, end - int(state[5]))
            _scan(
                *(text.address, end, self.quads, trusted, KEY),
                *(table.slots, table.arena.address, table.offsets, table.count),
                *(self.edges, self.values, self.text.address, self.ends, self.unsure, state),
            )
        self._has_blank_nodes = self._has_blank_nodes or _any_blank_node(table, known)
        return Found(self, state.tolist())

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
    return bool(((first == UNDERSCORE) & (begins[1:] > begins[:-1])).any())


@compiled
def _locate(
    begin: Any,
    end: Any,
    quads: Any,
    trusted: Any,
    key: Any,
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
        key: What hashes begin with.
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
    spans = np.zeros((4, 3), dtype=np.int64)
    num = 0
    at, to, line = begin, out, first
    while at < end and line < first + _BLOCK:
        after, written = statement(at, end, quads, trusted, key, to, spans)
        if after == UNSURE:
            after = line_end(at, end)
            if skip_blanks(at) != after:  # an empty line holds nothing to decide
                unsure[0, num_unsure], unsure[1, num_unsure] = at, after
                unsure[2, num_unsure] = line
                num_unsure += 1
            after += 1
        else:
            for j in range(4):
                notes[num, 3 * j], notes[num, 3 * j + 1] = spans[j, 0], spans[j, 1]
                notes[num, 3 * j + 2] = spans[j, 2]
                if spans[j, 1] != NO_GRAPH:
                    h = np.uint64(spans[j, 2])
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
        first = 0
        if (
            k > 0
            and notes[k, 2] == notes[k - 1, 2]
            and notes[k, 1] == notes[k - 1, 1]
            and numbers[0] != NO_GRAPH
            and are_same(notes[k, 0], notes[k - 1, 0], notes[k, 1])
        ):
            first = 1  # statements about one subject mostly follow each other
        for j in range(first, 4):
            begin, length = notes[k, 3 * j], notes[k, 3 * j + 1]
            numbers[j] = NO_GRAPH
            if length == NO_GRAPH:
                continue
            h = np.uint64(notes[k, 3 * j + 2])
            place = find(address, mask, arena, begin, length, h)
            if slots[place, 0] != FREE:
                numbers[j] = np.int64(slots[place, 0] & LOW32)
            elif trusted or is_valid(begin, length):
                numbers[j] = insert(slots, arena, offsets, count, place, begin, length, h)
            else:
                fine = False
        if not fine:
            notes[num_wrong, 12:14] = notes[k, 12:14]
            num_wrong += 1
        elif notes[k, 15] == NO_VALUE:
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
    key: Any,
    slots: Any,
    arena: Any,
    offsets: Any,
    count: Any,
    edges: Any,
    values: Any,
    out: Any,
    ends: Any,
    unsure: Any,
    state: Any,
) -> None:
    """Go on with a text until it ends, or until there is no room for a further block.

    Args:
        text: Address of the text.
        size: Its bytes.
        quads: Whether a graph may be named.
        trusted: Whether a parser wrote the text.
        key: What hashes begin with.
        slots: The table's.
        arena: Address of the table's arena.
        offsets: The table's.
        count: The table's.
        edges: Where statements between entities go.
        values: Where statements with a literal go.
        out: Address where the values of literals are copied.
        ends: Where the place of each literal's value goes.
        unsure: Where lines go that are left to a parser.
        state: Numbers of edges, values, unsure lines, lines, bytes of values and bytes of the text
            that are done, int64 of shape (6,).
    """
    notes = np.zeros((_BLOCK, 16), dtype=np.int64)
    numbers = np.zeros(6, dtype=np.int64)
    numbers[4], numbers[5] = state[0], state[1]
    address = slots.ctypes.data
    at, end, to = text + state[5], text + size, out + state[4]
    num_unsure, line = state[2], state[3]
    most = min(len(slots) // 2, len(offsets) - 1) - 4 * _BLOCK
    while at < end and line + _BLOCK <= ends.shape[1] and count[0] <= most:
        num, at, line, to, num_unsure = _locate(
            at,
            end,
            quads,
            trusted,
            key,
            to,
            line,
            address,
            len(slots) - 1,
            notes,
            unsure,
            num_unsure,
        )
        wrong = _number(
            num, notes, trusted, slots, arena, offsets, count, edges, values, ends, numbers
        )
        for k in range(wrong):
            unsure[0, num_unsure] = notes[k, 13]
            unsure[1, num_unsure] = line_end(notes[k, 13], end)
            unsure[2, num_unsure] = notes[k, 12]
            num_unsure += 1
    for k in range(state[2], num_unsure):
        unsure[0, k] -= text
        unsure[1, k] -= text
    for k in range(state[1], numbers[5]):
        ends[0, k] -= out
        ends[1, k] -= out
    state[0], state[1], state[2] = numbers[4], numbers[5], num_unsure
    state[3], state[4], state[5] = line, to - out, at - text
