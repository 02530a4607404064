"""Reading N-Triples and N-Quads with Arrow and numpy, without compiled loops.

pyoxigraph writes what it parsed, whatever the syntax, in canonical form. Arrow splits such
text with a few calls per piece; one Python object per term would cost several times as much as the
parsing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyoxigraph

from kgrec.errors import DataError
from kgrec.rdf.line_errors import Mistake, Part, mistakes
from kgrec.rdf.nesting import check_triple_terms
from kgrec.rdf.numbered import (
    NO_GRAPH,
    BlankNodes,
    GraphChoice,
    NumberedStatements,
    TermNumbers,
    to_statements,
)
from kgrec.rdf.opening import PieceReader
from kgrec.rdf.statements import Statements
from kgrec.rdf.syntaxes import Format
from kgrec.rdf.term_places import QUOTE, TermPlaces, find_terms
from kgrec.rdf.triple_terms import TripleTerms
from kgrec.types import IntArray

_ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")


class ArrowReader:
    """Reads the statements of one file; see `kgrec.rdf.readers.Reader`."""

    def __init__(
        self, format: Format, nodes: BlankNodes, graphs: GraphChoice, terms: TripleTerms
    ) -> None:
        self.format, self.nodes, self.graphs, self.terms = format, nodes, graphs, terms

    def read(
        self, pieces: Iterable[Sequence[Part]], on_mistake: Callable[[Mistake], None] | None
    ) -> list[Statements]:
        """Return the statements of the text of a file."""
        found: list[Statements] = []
        texts = map(b"".join, pieces)
        before, last = 0, b""
        for text in texts:
            before += last.count(b"\n")
            if b"\r" in last:  # ends a line as well
                before += last.count(b"\r") - last.count(b"\r\n")
            last = text
            try:
                if on_mistake is not None and b"<<(" in text:
                    raise SyntaxError("perhaps a triple term")  # to be found with its line
                found.append(self._read(text))
            except (SyntaxError, DataError) as error:
                if on_mistake is None:
                    raise self._placed(error, itertools.chain([text], texts), before) from None
                lines = text.splitlines(keepends=True)
                valid: list[bytes] = []
                for run, mistake in mistakes(lines, self.format):
                    if mistake is None:
                        valid += lines[run]
                        continue
                    if mistake.about is not None:
                        self.terms.add(mistake.about)
                    on_mistake(mistake.moved(before + 1))
                found.append(self._read(b"".join(valid)))
        return found

    def _placed(self, error: Exception, texts: Iterator[bytes], before: int) -> Exception:
        """Return an error with its place in the file, which may depend on what follows it.

        Args:
            error: The error.
            texts: The text that holds it, and what follows.
            before: Number of lines before them.
        """
        if not isinstance(error, SyntaxError):
            return error
        try:
            source: Any = PieceReader(texts)
            for _ in pyoxigraph.parse(source, format=self.format.parser):
                pass
        except SyntaxError as found:
            error = found
        if error.lineno is not None:
            error.lineno += before
        return error

    def read_written(self, texts: Iterable[bytes]) -> list[Statements]:
        """Return the statements that a parser has written, in canonical form."""
        return [self._statements(text) for text in texts]

    def _read(self, text: bytes) -> Statements:
        """Return the statements of whole lines."""
        check_triple_terms(text)
        parser = self.format.parser
        written = pyoxigraph.serialize(pyoxigraph.parse(text, format=parser), format=parser)
        return self._statements(written or b"")

    def _statements(self, written: bytes) -> Statements:
        places = find_terms(self.terms.without(written), quads=self.format.has_graphs)
        return to_statements(_numbered(places), self.nodes, self.graphs)


def _numbered(places: TermPlaces) -> NumberedStatements:
    """Return the statements of canonical N-Triples or N-Quads."""
    data = pa.py_buffer(places.text)
    begin, end = places.object
    head = places.octets[begin]
    is_literal = head == QUOTE
    to_entity, to_literal = np.flatnonzero(~is_literal), np.flatnonzero(is_literal)
    graph_begin, graph_end = places.graph
    in_graph = np.flatnonzero(graph_begin < graph_end)
    nodes = pa.concat_arrays(
        [
            _slices(data, *places.subject),
            _slices(data, begin[to_entity], end[to_entity]),
            _slices(data, graph_begin[in_graph], graph_end[in_graph]),
        ]
    ).dictionary_encode()
    predicates = _slices(data, *places.predicate).dictionary_encode()
    value_end = places.value_end[to_literal]
    tails = _slices(data, value_end + 1, end[to_literal]).dictionary_encode()
    terms = np.empty((3, len(places)), dtype=np.int32)
    ends = np.cumsum([len(places), len(to_entity)])
    terms[0], terms[2, to_entity], graph_names = np.split(np.asarray(nodes.indices), ends)
    terms[1] = predicates.indices
    terms[1] += len(nodes.dictionary)
    terms[2, to_literal] = tails.indices
    terms[2, to_literal] += len(nodes.dictionary) + len(predicates.dictionary)
    whole = TermNumbers(terms, None, None)
    if len(in_graph):
        whole.graph = np.full(len(places), NO_GRAPH, dtype=np.int32)
        whole.graph[in_graph] = graph_names
    if pc.any(pc.starts_with(nodes.dictionary, "_:")).as_py():
        whole.line = np.arange(len(places), dtype=np.int32)
    ids = [_ids(nodes.dictionary), _ids(predicates.dictionary), tails.dictionary]
    return NumberedStatements(
        strings=pa.concat_arrays(ids),
        edges=whole.kept(~is_literal),
        values=whole.kept(is_literal),
        texts=_unescape(_slices(data, begin[to_literal] + 1, value_end)),
    )


def _with_gaps(data: Any, begin: IntArray, end: IntArray) -> Any:
    """Return data[begin[i]:end[i]] as every second string of an array, without copying.

    The slices are in order; the strings between them are the gaps between two slices.
    """
    if not len(begin):
        return pa.array([], type=pa.large_string())
    offsets = np.empty(2 * len(begin), dtype=np.int64)
    offsets[0::2], offsets[1::2] = begin, end
    return pa.LargeStringArray.from_buffers(2 * len(begin) - 1, pa.py_buffer(offsets), data)


def _slices(data: Any, begin: IntArray, end: IntArray) -> Any:
    """Return data[begin[i]:end[i]] for all i as a string array; the slices are in order."""
    return _with_gaps(data, begin, end).take(pa.array(np.arange(0, 2 * len(begin), 2)))


def _ids(terms: Any) -> Any:
    """Return distinct terms without the brackets of IRIs."""
    return pc.utf8_trim(terms, characters="<>")


def _unescape(values: Any) -> Any:
    r"""Replace the escapes of N-Triples in `values` by the characters that they stand for."""
    escaped = pc.match_substring(values, "\\")
    if not pc.any(escaped).as_py():
        return values
    texts = values.filter(escaped)
    by_code = pc.match_substring_regex(texts, r"\\[uU]")
    # NUL is always written as an escape, so it can stand for a backslash meanwhile.
    for written, meant in (
        (r"\\", "\0"),
        (r"\"", '"'),
        (r"\n", "\n"),
        (r"\r", "\r"),
        (r"\t", "\t"),
        (r"\b", "\b"),
        (r"\f", "\f"),
        (r"\'", "'"),
        ("\0", "\\"),
    ):
        texts = pc.replace_substring(texts, written, meant)
    if pc.any(by_code).as_py():
        slow = [_unescape_one(text) for text in values.filter(escaped).filter(by_code).to_pylist()]
        texts = pc.replace_with_mask(texts, by_code, pa.array(slow, type=pa.large_string()))
    return pc.replace_with_mask(values, escaped, texts)


def _unescape_one(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _ESCAPES[match[3]]

    return _ESCAPE.sub(character, text)
