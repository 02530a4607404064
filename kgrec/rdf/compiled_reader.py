"""Reading N-Triples and N-Quads with compiled loops, on all cores.

Each thread takes pieces of the text and numbers their terms in a table of its own; in the end the
tables are merged. Lines that the loops are not sure of go to pyoxigraph. So a line is accepted
exactly if pyoxigraph accepts it, and gives the same terms.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyoxigraph

from kgrec.rdf.line_errors import Mistake, mistakes
from kgrec.rdf.native.scan import Found, Scanner
from kgrec.rdf.native.term_table import Table, Text
from kgrec.rdf.numbered import (
    NO_GRAPH,
    BlankNodes,
    GraphChoice,
    NumberedStatements,
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
        self, pieces: Iterable[Sequence[bytes]], on_mistake: Callable[[Mistake], None] | None
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
        """Yield the result of `work` for each piece, in order; a scanner has one at a time."""
        self._scanners = [Scanner(quads=self.format.has_graphs) for _ in range(threads)]
        self._buffers = [Text(0) for _ in self._scanners]
        free = deque(range(threads))
        running: deque[tuple[int, Future[_Piece]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for piece in given:
                if not free:
                    number, future = running.popleft()
                    yield future.result()
                    free.append(number)
                number = free.popleft()
                running.append((number, pool.submit(work, number, piece)))
            for _, future in running:
                yield future.result()

    def _scan(self, number: int, parts: Sequence[bytes], *, trusted: bool) -> Found:
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

    def _read_piece(self, number: int, parts: Sequence[bytes]) -> _Piece:
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
            for columns in (parsed.edges, parsed.values):
                columns[4] = np.array(stated, dtype=np.int32)[columns[4]]
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
        table, meanings = self._merged_table()
        self._scanners, self._buffers = [], []
        first_line = 0
        for piece in pieces:
            for one in piece.found:
                _renumber(one.edges, meanings[piece.scanner], first_line)
                _renumber(one.values, meanings[piece.scanner], first_line)
            first_line += piece.num_lines
        found = [one for piece in pieces for one in piece.found]
        whole = NumberedStatements(
            strings=_strings(table),
            edges=_joined([one.edges for one in found]),
            values=_joined([one.values for one in found]),
            texts=_values(found),
        )
        del found
        pieces.clear()
        return [to_statements(whole, self.nodes, self.graphs)]

    def _merged_table(self) -> tuple[Table, list[RowArray | None]]:
        """Return one table of all scanners' strings, and the new numbers of each scanner's.

        The other tables are added to the first, whose strings keep their numbers: None.
        """
        table = self._scanners[0].table
        meanings: list[RowArray | None] = [None]
        for scanner in self._scanners[1:]:
            begins = scanner.table.offsets[: len(scanner.table) + 1]
            meanings.append(table.add(scanner.table.arena, begins).astype(np.int32))
        return table, meanings


def _holds_statement(line: bytes) -> bool:
    """Return whether a valid line holds a statement, and not only a comment or nothing."""
    text = line.lstrip(b" \t\r\n")
    return bool(text) and not text.startswith(b"#")


def _strings(table: Table) -> Any:
    """Return the strings of a table as an Arrow array on its memory."""
    return _with_offsets(table.arena.octets, table.offsets[: len(table) + 1])


def _renumber(columns: RowArray, meaning: RowArray | None, first_line: int) -> None:
    """Number strings as in the merged table, and lines as in the file."""
    columns[4] += first_line
    if meaning is not None:
        columns[:3] = meaning[columns[:3]]
        named = columns[3] != NO_GRAPH
        columns[3, named] = meaning[columns[3, named]]


def _joined(columns: Sequence[RowArray]) -> RowArray:
    if not columns:
        return np.empty((5, 0), dtype=np.int32)
    return np.concatenate(columns, axis=1)


def _values(found: Sequence[Found]) -> Any:
    """Return the values of all literals as an Arrow array."""
    pieces = []
    bounds = [np.zeros(1, dtype=np.int64)]
    size = 0
    for one in found:
        begins, ends = one.ends
        text = one.text
        if len(ends) and int((ends - begins).sum()) != len(text):
            # Values of lines that went to the parser are between the others.
            inside = np.zeros(len(text) + 1, dtype=np.int8)
            np.add.at(inside, begins, 1)
            np.add.at(inside, ends, -1)
            text = text[np.cumsum(inside[:-1]) > 0]
        elif not len(ends):
            text = text[:0]
        pieces.append(text)
        bounds.append(np.cumsum(ends - begins) + size)
        size += len(text)
    joined = np.concatenate(pieces) if pieces else np.empty(0, np.uint8)
    return _with_offsets(joined, np.concatenate(bounds))


def _with_offsets(text: Any, offsets: IntArray) -> Any:
    buffers = pa.py_buffer(offsets), pa.py_buffer(text)
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)
