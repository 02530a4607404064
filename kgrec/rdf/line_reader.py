"""Reading large texts of N-Triples and N-Quads with compiled loops, on all cores.

Each thread takes pieces of the text and numbers the terms in them in a table of its own; in the
end the tables become one. Lines of which the loops are not certain are left to pyoxigraph. So a
line is accepted exactly if pyoxigraph accepts it, and gives the same terms.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyoxigraph

from kgrec.errors import DataError, printable
from kgrec.rdf.line_errors import Mistake, check_line_length, mistakes
from kgrec.rdf.native.scan import NO_GRAPH, Found, Scanner
from kgrec.rdf.native.term_table import Table, Text
from kgrec.rdf.ntriples import BlankNodes, recode, tail_meaning
from kgrec.rdf.statements import LiteralTable, Statements, take_literals
from kgrec.rdf.syntaxes import Format

IntArray = Any
_MOST_THREADS: Final = 8


@dataclass(frozen=True)
class _Piece:
    """What became of a piece of text.

    Attributes:
        scanner: Number of the scanner whose table numbers the terms.
        found: What was found, first by the loops, then in what the parser made of other lines.
        num_lines: Number of lines, counted as the parser does.
        mistakes: The lines that are not valid, counted from the first of the piece.
    """

    scanner: int
    found: list[Found]
    num_lines: int
    mistakes: list[Mistake]


class LineReader:
    """Reads the statements of one file.

    Args:
        format: N-Triples or N-Quads: what the text is, or what a parser writes it as.
        nodes: Names the blank nodes.
        threads: Number of threads; None: one for each core, eight at the most.
    """

    def __init__(self, format: Format, nodes: BlankNodes, threads: int | None = None) -> None:
        self.format, self.nodes = format, nodes
        self._threads = threads or min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        self._quads = format.name == "nq"
        self._scanners = [Scanner(quads=self._quads) for _ in range(self._threads)]
        self._texts = [Text(0) for _ in self._scanners]
        self._pieces: list[_Piece] = []

    def read(
        self, pieces: Iterable[Sequence[bytes]], on_mistake: Callable[[Mistake], None]
    ) -> Statements:
        """Return the statements of a text.

        Args:
            pieces: Whole lines, in parts that follow each other without anything between them.
            on_mistake: Gets each line that is not valid, in order; its number counts from 1.
        """
        line = 1
        for piece in self._mapped(self._take_apart, pieces):
            for mistake in piece.mistakes:
                on_mistake(mistake.moved(line))
            line += piece.num_lines
            self._pieces.append(piece)
        return self._statements()

    def read_parsed(self, texts: Iterable[bytes]) -> Statements:
        """Return the statements that a parser has written as N-Triples or N-Quads."""
        self._pieces += self._mapped(lambda number, text: self._trusted(number, text), texts)
        return self._statements()

    def _mapped(self, work: Callable[[int, Any], _Piece], given: Iterable[Any]) -> Iterator[_Piece]:
        """Yield what the work makes of each piece, in order, each scanner doing one at a time."""
        free = deque(range(self._threads))
        running: deque[tuple[int, Future[_Piece]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
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
        """Copy parts of a text into the scanner's buffer, and take them apart there."""
        size = sum(map(len, parts))
        if size >= self._texts[number].room:
            self._texts[number] = Text(size + size // 8 + 1)
        text = self._texts[number]
        at = 0
        for part in parts:
            text.octets[at : at + len(part)] = np.frombuffer(part, dtype=np.uint8)
            at += len(part)
        if at and text.octets[at - 1] != ord("\n"):
            text.octets[at] = ord("\n")
            at += 1
        text.octets[at : at + 1] = 0
        return self._scanners[number].scan(text, at, trusted=trusted)

    def _trusted(self, number: int, text: bytes) -> _Piece:
        found = self._scan(number, [text], trusted=True)
        if found.unsure.shape[1]:
            # The parser's limit of a line is ours of a term, so that all else is taken.
            begin, end, _ = found.unsure[:, 0]
            shown = text[begin:end].decode(errors="replace")
            raise DataError(
                f"{found.unsure.shape[1]} statements or more have a triple term (RDF 1.2) as their "
                f"object, for which a graph has no place; the first is {printable(shown)}."
            )
        return _Piece(number, [found], found.num_lines, [])

    def _take_apart(self, number: int, parts: Sequence[bytes]) -> _Piece:
        found = self._scan(number, parts, trusted=False)
        if not found.unsure.shape[1]:
            return _Piece(number, [found], found.num_lines, [])
        lines, numbers = self._unsure(number, found)
        wrong: list[Mistake] = []
        valid: list[bytes] = []
        stated: list[int] = []
        for run, mistake in mistakes(lines, self.format):
            if mistake is None:
                valid += lines[run]
                stated += [
                    k for line, k in zip(lines[run], numbers[run], strict=True) if _states(line)
                ]
            else:
                wrong.append(mistake.moved(numbers[run.start] - run.start))
        pieces = [found]
        if valid:
            quads = pyoxigraph.parse(b"".join(valid), format=self.format.parser)
            text = pyoxigraph.serialize(quads, format=self.format.parser)
            pieces += self._trusted(number, text or b"").found
            for columns in (pieces[1].edges, pieces[1].values):
                columns[4] = np.array(stated, dtype=np.int32)[columns[4]]
        num_lines = found.num_lines + len(lines) - found.unsure.shape[1]
        return _Piece(number, pieces, num_lines, wrong)

    def _unsure(self, number: int, found: Found) -> tuple[list[bytes], list[int]]:
        """Return the lines that are left to the parser, and their numbers in the piece."""
        octets = self._texts[number].octets
        lines: list[bytes] = []
        numbers: list[int] = []
        for k, (begin, end, line) in enumerate(found.unsure.T.tolist()):
            # A carriage return ends a line as well. Only in these lines can there be any.
            parts = (octets[begin:end].tobytes() + b"\n").splitlines(keepends=True)
            first = line + len(lines) - k
            numbers += range(first, first + len(parts))
            lines += parts
        return lines, numbers

    # ------------------------------------------------------------------ the whole

    def _statements(self) -> Statements:
        table, meanings = self._one_table()
        pieces, self._pieces, self._scanners = self._pieces, [], []
        found = [(piece.scanner, one) for piece in pieces for one in piece.found]
        edges = _joined([_renumbered(one.edges, meanings[k]) for k, one in found])
        values = _joined([_renumbered(one.values, meanings[k]) for k, one in found])
        text, ends = _values([one for _, one in found])
        strings = _strings(table)
        self._name_blank_nodes(strings, pieces, edges, values)
        del found, pieces
        terms, term = _used([edges[0], edges[2], values[0]], len(strings))
        predicates, predicate = _used([edges[1], values[1]], len(strings))
        tails, tail = _used([values[2]], len(strings))
        kinds = [tail_meaning(one) for one in strings.take(tails).to_pylist()]
        tail_codes = pa.array(tail[values[2]])
        graphs = edge_graph = value_graph = None
        if self._quads:
            graphs, edge_graph, value_graph = self._graphs(strings, edges[3], values[3])
        return Statements(
            terms=self.nodes.named(strings.take(terms)),
            predicates=strings.take(predicates),
            edges=np.column_stack([term[edges[0]], predicate[edges[1]], term[edges[2]]]),
            literals=LiteralTable(
                _with_offsets(text, ends),
                recode(tail_codes, [datatype for datatype, _ in kinds]),
                recode(tail_codes, [language for _, language in kinds]),
            ),
            values=np.column_stack([term[values[0]], predicate[values[1]]]),
            graphs=graphs,
            edge_graph=edge_graph,
            value_graph=value_graph,
        )

    def _name_blank_nodes(
        self, strings: Any, pieces: Sequence[_Piece], edges: IntArray, values: IntArray
    ) -> None:
        """Name the blank nodes in the order in which they appear in the text."""
        is_blank = np.asarray(pc.starts_with(strings, "_:"))
        blank = np.flatnonzero(is_blank)
        if not len(blank):
            return
        first = np.full(len(strings), np.iinfo(np.int64).max)
        bases = np.cumsum([0, *(piece.num_lines for piece in pieces)])
        for kind, columns, places in (("edges", edges, (0, 2, 3)), ("values", values, (0, 3))):
            sizes = [[getattr(one, kind).shape[1] for one in piece.found] for piece in pieces]
            base = np.repeat(bases[:-1], [sum(of_piece) for of_piece in sizes])
            line = base + columns[4]
            for place in places:
                column = columns[place]
                met = np.flatnonzero((column != NO_GRAPH) & is_blank[column])
                np.minimum.at(first, column[met], 4 * line[met] + place)
        order = blank[np.argsort(first[blank], kind="stable")]
        for label in strings.take(pa.array(order)).to_pylist():
            self.nodes.name(label)

    def _one_table(self) -> tuple[Table, list[IntArray | None]]:
        """Return the table of the first scanner with all others' strings, and their numbers."""
        table = self._scanners[0].table
        meanings: list[IntArray | None] = [None]
        for scanner in self._scanners[1:]:
            begins = scanner.table.offsets[: len(scanner.table) + 1]
            meanings.append(table.add(scanner.table.arena, begins).astype(np.int32))
        return table, meanings

    def _graphs(self, strings: Any, edges: IntArray, values: IntArray) -> tuple[Any, Any, Any]:
        """Return names of graphs, "" for the default one, and their codes for each statement."""
        # The default graph is numbered behind the others meanwhile.
        default = len(strings)
        columns = [np.where(column == NO_GRAPH, default, column) for column in (edges, values)]
        used, code = _used(columns, default + 1)
        if used.tolist() in ([default], []):
            return None, None, None
        names = self.nodes.named(strings.take(used[used != default]))
        if len(used) and used[-1] == default:
            names = pa.concat_arrays([names, pa.array([""], type=pa.large_string())])
        return names, code[columns[0]], code[columns[1]]


def uncut_lines(pieces: Iterator[bytes], limit: int) -> Iterator[list[bytes]]:
    """Group pieces, cut behind line ends, so that each group holds whole lines; nothing is joined.

    Args:
        pieces: The text, cut anywhere.
        limit: Most bytes that a line may have.

    Raises:
        DataError: A line is longer.
    """
    begun: list[bytes] = []
    length = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            check_line_length(length + piece.find(b"\n"), limit)
            begun.append(piece[:end] if end < len(piece) else piece)
            yield begun
            begun, length = [], 0
        if end < len(piece):
            begun.append(piece[end:])
            length += len(begun[-1])
        check_line_length(length, limit)
    if length:
        yield begun


def with_graphs(batch: Statements, wanted: Collection[str]) -> tuple[Statements, set[str]]:
    """Return the statements of some graphs, and the names of all graphs.

    Args:
        batch: Statements.
        wanted: Names of graphs, "" for the default graph.
    """
    if batch.graphs is None or batch.edge_graph is None or batch.value_graph is None:
        names = [""]
        kept = [np.full(size, "" in wanted) for size in (len(batch.edges), len(batch.values))]
    else:
        names = batch.graphs.to_pylist()
        chosen = np.array([name in wanted for name in names], dtype=bool)
        kept = [chosen[batch.edge_graph], chosen[batch.value_graph]]
    edges, values = kept
    terms, term = _used(
        [batch.edges[edges, 0], batch.edges[edges, 2], batch.values[values, 0]], len(batch.terms)
    )
    predicates, predicate = _used(
        [batch.edges[edges, 1], batch.values[values, 1]], len(batch.predicates)
    )
    part = Statements(
        terms=batch.terms.take(pa.array(terms)),
        predicates=batch.predicates.take(pa.array(predicates)),
        edges=np.column_stack(
            [
                term[batch.edges[edges, 0]],
                predicate[batch.edges[edges, 1]],
                term[batch.edges[edges, 2]],
            ]
        ),
        literals=take_literals(batch.literals, np.flatnonzero(values)),
        values=np.column_stack([term[batch.values[values, 0]], predicate[batch.values[values, 1]]]),
        graphs=batch.graphs,
        edge_graph=None if batch.edge_graph is None else batch.edge_graph[edges],
        value_graph=None if batch.value_graph is None else batch.value_graph[values],
    )
    return part, set(names)


def _states(line: bytes) -> bool:
    """Return whether a valid line holds a statement, and not only a comment or nothing."""
    text = line.lstrip(b" \t\r\n")
    return bool(text) and not text.startswith(b"#")


def _strings(table: Table) -> Any:
    """Return the strings of a table as an Arrow array on its memory."""
    return _with_offsets(table.arena.octets, table.offsets[: len(table) + 1])


def _renumbered(columns: IntArray, meaning: IntArray | None) -> IntArray:
    if meaning is None:
        return columns
    numbers = columns.copy()
    numbers[:3] = meaning[columns[:3]]
    named = columns[3] != NO_GRAPH
    numbers[3, named] = meaning[columns[3, named]]
    return numbers


def _joined(columns: Sequence[IntArray]) -> IntArray:
    if not columns:
        return np.empty((5, 0), dtype=np.int32)
    return np.concatenate(columns, axis=1)


def _values(found: Sequence[Found]) -> tuple[Any, IntArray]:
    """Return the values of all literals one behind the other, and where each ends."""
    pieces = []
    bounds = [np.zeros(1, dtype=np.int64)]
    size = 0
    for one in found:
        begins, ends = one.ends
        text = one.text
        if len(ends) and int((ends - begins).sum()) != len(text):
            # Values of lines that were left to the parser stand between the others.
            inside = np.zeros(len(text) + 1, dtype=np.int8)
            np.add.at(inside, begins, 1)
            np.add.at(inside, ends, -1)
            text = text[np.cumsum(inside[:-1]) > 0]
        elif not len(ends):
            text = text[:0]
        pieces.append(text)
        bounds.append(np.cumsum(ends - begins) + size)
        size += len(text)
    return (np.concatenate(pieces) if pieces else np.empty(0, np.uint8)), np.concatenate(bounds)


def _with_offsets(text: Any, offsets: IntArray) -> Any:
    buffers = pa.py_buffer(offsets), pa.py_buffer(text)
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)


def _used(columns: Sequence[IntArray], size: int) -> tuple[IntArray, IntArray]:
    """Return the numbers that stand in some columns, and the place among them of each number."""
    used = np.zeros(size, dtype=bool)
    for column in columns:
        used[column] = True
    return np.flatnonzero(used), np.cumsum(used) - 1
