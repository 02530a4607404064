"""Reading N-Triples and N-Quads with compiled loops, on all cores.

Each thread takes pieces of the text and numbers their terms in a table of its own; in the end the
tables are merged. Lines that the loops are not sure of go to pyoxigraph. So a line is accepted
exactly if pyoxigraph accepts it, and gives the same terms.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyoxigraph

from kgrec.rdf.line_errors import Mistake, Part, mistakes
from kgrec.rdf.native.columns import take_into
from kgrec.rdf.native.scan import Found, Scanner
from kgrec.rdf.native.term_table import Text
from kgrec.rdf.numbered import (
    NO_GRAPH,
    BlankNodes,
    GraphChoice,
    NumberedStatements,
    TermNumbers,
    to_statements,
)
from kgrec.rdf.statements import Statements
from kgrec.rdf.syntaxes import Format
from kgrec.rdf.triple_terms import TripleTerms
from kgrec.types import IntArray, RowArray

_MOST_THREADS: Final = 8


@dataclass(frozen=True)
class _Piece:
    """What was read from a piece of text.

    Attributes:
        scanner: Number of the scanner whose table numbers the terms.
        found: What the loops found, first in the text, then in lines that the parser rewrote.
        num_lines: Number of lines, counted as the parser does.
        mistakes: The lines that are not valid, counted from the first of the piece.
    """

    scanner: int
    found: list[Found]
    num_lines: int
    mistakes: list[Mistake]


class CompiledReader:
    """Reads the statements of one file; see `kgrec.rdf.readers.Reader`.

    Args:
        format: N-Triples or N-Quads: what the text is, or what a parser writes it as.
        nodes: Names the blank nodes.
        graphs: Says which graphs are wanted.
        terms: Gets what is left out because of triple terms.
        threads: Number of threads that read a file; None: one for each core, eight at the most.
    """

    def __init__(
        self,
        format: Format,
        nodes: BlankNodes,
        graphs: GraphChoice,
        terms: TripleTerms,
        threads: int | None = None,
    ) -> None:
        self.format, self.nodes, self.graphs, self.terms = format, nodes, graphs, terms
        self._threads = threads or min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        self._scanners: list[Scanner] = []
        self._buffers: list[Text] = []

    def read(
        self, pieces: Iterable[Sequence[Part]], on_mistake: Callable[[Mistake], None] | None
    ) -> list[Statements]:
        """Return the statements of the text of a file."""
        done: list[_Piece] = []
        line = 1
        for piece in self._mapped(self._read_piece, pieces, self._threads):
            for mistake in piece.mistakes:
                found = mistake.moved(line)
                if found.about is not None:
                    self.terms.add(found.about)
                elif on_mistake is None:
                    raise found.error()
                if on_mistake is not None:
                    on_mistake(found)
            line += piece.num_lines
            done.append(piece)
        return self._statements(done)

    def read_written(self, texts: Iterable[bytes]) -> list[Statements]:
        """Return the statements that a parser has written, in canonical form.

        One thread keeps up with the parser, which works at the same time.
        """
        return self._statements(list(self._mapped(self._read_written, texts, 1)))

    def _mapped(
        self, work: Callable[[int, Any], _Piece], given: Iterable[Any], threads: int
    ) -> Iterator[_Piece]:
        """Yield the result of `work` for each piece, in order; a scanner has one at a time.

        One piece more than there are scanners is under way, so that no thread waits while this one
        takes the next piece.
        """
        self._scanners = [Scanner(quads=self.format.has_graphs) for _ in range(threads)]
        self._buffers = [Text(0) for _ in self._scanners]
        free: SimpleQueue[int] = SimpleQueue()
        for number in range(threads):
            free.put(number)

        def on_a_scanner(piece: Any) -> _Piece:
            number = free.get_nowait()  # there are as many as threads
            try:
                return work(number, piece)
            finally:
                free.put(number)

        running: deque[Future[_Piece]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for piece in given:
                running.append(pool.submit(on_a_scanner, piece))
                if len(running) > threads:
                    yield running.popleft().result()
            for future in running:
                yield future.result()

    def _scan(self, number: int, parts: Sequence[Part], *, trusted: bool) -> Found:
        """Copy parts of a text into the scanner's buffer, and find the terms there."""
        size = sum(map(len, parts))
        if size >= self._buffers[number].room:
            self._buffers[number] = Text(size + size // 8 + 1)
        text = self._buffers[number]
        at = 0
        for part in parts:
            text.octets[at : at + len(part)] = np.frombuffer(part, dtype=np.uint8)
            at += len(part)
        if at and text.octets[at - 1] != ord("\n"):
            text.octets[at] = ord("\n")
            at += 1
        text.octets[at : at + 1] = 0
        return self._scanners[number].scan(text, at, trusted=trusted)

    def _read_written(self, number: int, text: bytes) -> _Piece:
        found = self._scan(number, [self.terms.without(text)], trusted=True)
        # The loops take any term that fits into the parser's lines.
        assert not found.unsure.shape[1]
        return _Piece(number, [found], found.num_lines, [])

    def _read_piece(self, number: int, parts: Sequence[Part]) -> _Piece:
        found = self._scan(number, parts, trusted=False)
        if not found.unsure.shape[1]:
            return _Piece(number, [found], found.num_lines, [])
        lines, numbers = self._left_to_parser(number, found)
        wrong: list[Mistake] = []
        valid: list[bytes] = []
        stated: list[int] = []
        for run, mistake in mistakes(lines, self.format):
            if mistake is None:
                valid += lines[run]
                stated += [
                    k
                    for line, k in zip(lines[run], numbers[run], strict=True)
                    if _holds_statement(line)
                ]
            else:
                wrong.append(mistake.moved(numbers[run.start] - run.start))
        parts_found = [found]
        if valid:
            quads = pyoxigraph.parse(b"".join(valid), format=self.format.parser)
            text = pyoxigraph.serialize(quads, format=self.format.parser)
            (parsed,) = self._read_written(number, text or b"").found
            for part in (parsed.edges, parsed.values):
                if part.line is not None:
                    part.line = np.array(stated, dtype=np.int32)[part.line]
            parts_found.append(parsed)
        num_lines = found.num_lines + len(lines) - found.unsure.shape[1]
        return _Piece(number, parts_found, num_lines, wrong)

    def _left_to_parser(self, number: int, found: Found) -> tuple[list[bytes], list[int]]:
        """Return the lines that are left to the parser, and their numbers in the piece."""
        octets = self._buffers[number].octets
        lines: list[bytes] = []
        numbers: list[int] = []
        for k, (begin, end, line) in enumerate(found.unsure.T.tolist()):
            # A carriage return ends a line as well. Only these lines can have one.
            parts = (octets[begin:end].tobytes() + b"\n").splitlines(keepends=True)
            first = line + len(lines) - k
            numbers += range(first, first + len(parts))
            lines += parts
        return lines, numbers

    # ------------------------------------------------------------------ the whole

    def _statements(self, pieces: list[_Piece]) -> list[Statements]:
        """Return the statements of all pieces as one batch; `pieces` is emptied."""
        strings, meanings = self._merged_strings()
        self._scanners, self._buffers = [], []
        edges, values, texts = _joined(pieces, meanings)
        whole = NumberedStatements(strings, edges, values, texts)
        return [to_statements(whole, self.nodes, self.graphs)]

    def _merged_strings(self) -> tuple[Any, list[RowArray | None]]:
        """Return the strings of all scanners, and the new numbers of each scanner's.

        The other tables are added to the first, whose strings keep their numbers: None.
        """
        table = self._scanners[0].table
        meanings: list[RowArray | None] = [None]
        for scanner in self._scanners[1:]:
            begins = scanner.table.offsets[: len(scanner.table) + 1]
            meanings.append(table.add(scanner.table.arena, begins).astype(np.int32))
        offsets = table.offsets[: len(table) + 1]
        return _with_offsets(table.arena.octets, offsets), meanings


def _holds_statement(line: bytes) -> bool:
    """Return whether a valid line holds a statement, and not only a comment or nothing."""
    text = line.lstrip(b" \t\r\n")
    return bool(text) and not text.startswith(b"#")


def _joined(
    pieces: list[_Piece], meanings: Sequence[RowArray | None]
) -> tuple[TermNumbers, TermNumbers, Any]:
    """Return the statements of all pieces, and the values of all literals as an Arrow array.

    Args:
        pieces: The pieces; the list is emptied.
        meanings: Numbers of the strings of each scanner in the whole; None: the same.
    """
    first_lines = itertools.accumulate((piece.num_lines for piece in pieces), initial=0)
    found = [
        (one, meanings[piece.scanner], first_line)
        for piece, first_line in zip(pieces, first_lines, strict=False)
        for one in piece.found
    ]
    pieces.clear()
    edges = _room([one.edges for one, _, _ in found])
    values = _room([one.values for one, _, _ in found])
    text = np.empty(sum(len(one.text) for one, _, _ in found), dtype=np.uint8)
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    to_edge, to_value, to_text = len(edges), len(values), len(text)
    # The last one first: memory that was taken last is what the system gets back.
    while found:
        one, meaning, first_line = found.pop()
        to_edge = _put(one.edges, edges, to_edge, meaning, first_line)
        begin = _put(one.values, values, to_value, meaning, first_line)
        text[to_text - len(one.text) : to_text] = one.text
        to_text -= len(one.text)
        ends = offsets[begin + 1 : to_value + 1]
        np.cumsum(one.lengths, out=ends)
        ends += to_text
        to_value = begin
    return edges, values, _with_offsets(text, offsets)


def _room(parts: Sequence[TermNumbers]) -> TermNumbers:
    """Return columns for the statements of all parts; those that say nothing are left out."""
    size = sum(map(len, parts))
    has_graphs = any(part.graph is not None for part in parts)
    has_lines = any(part.line is not None for part in parts)
    return TermNumbers(
        np.empty((3, size), dtype=np.int32),
        np.full(size, NO_GRAPH, dtype=np.int32) if has_graphs else None,
        np.zeros(size, dtype=np.int32) if has_lines else None,
    )


def _put(
    part: TermNumbers, whole: TermNumbers, end: int, meaning: RowArray | None, first_line: int
) -> int:
    """Write a part before row `end` of the whole, and return the first of its rows.

    Strings are numbered as in the whole, and lines as in the file.
    """
    begin = end - len(part)
    for numbers, column in zip(part.terms, whole.terms, strict=True):
        if meaning is None:
            column[begin:end] = numbers
        else:
            take_into(column[begin:end], numbers, meaning)
    if part.graph is not None and whole.graph is not None:
        named = part.graph != NO_GRAPH
        numbers = part.graph[named]
        whole.graph[begin:end][named] = numbers if meaning is None else meaning[numbers]
    if part.line is not None and whole.line is not None:
        np.add(part.line, first_line, out=whole.line[begin:end])
    return begin


def _with_offsets(text: Any, offsets: IntArray) -> Any:
    buffers = pa.py_buffer(offsets), pa.py_buffer(text)
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)
