"""From the bytes of one file to statements as columns, by way of pyoxigraph."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
import pyoxigraph

from kgrec.errors import DataError, printable
from kgrec.rdf import jsonld
from kgrec.rdf.line_errors import Mistake, valid_lines, whole_lines
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.native import native_is_there
from kgrec.rdf.nesting import check_triple_terms
from kgrec.rdf.ntriples import BlankNodes, UnusualTermError, columns
from kgrec.rdf.opening import PieceReader
from kgrec.rdf.rdfxml import NO_LANGUAGE, SafeXml
from kgrec.rdf.rejects import Rejects
from kgrec.rdf.settings import ReadConfig
from kgrec.rdf.statements import LiteralTable, Statements, string_array
from kgrec.rdf.syntaxes import FORMATS, Format
from kgrec.rdf.term_places import Layout, lay_out, lay_out_if_canonical

_BATCH: Final = 1 << 15  # statements
_PIECE: Final = 1 << 22  # bytes
_AT_ONCE: Final = 1 << 26  # bytes
_LARGE: Final = 1 << 24  # bytes; loading the compiled loops takes as long as reading fewer
_LINE_ROOM: Final = 1 << 16  # bytes that a line may have beside its literal


@dataclass
class Parsing:
    """The reading of one file.

    Attributes:
        name: The file.
        format: Its syntax.
        config: Settings.
        nodes: Names its blank nodes.
        rejects: Gets what is left out as not valid.
        loader: Gives remote contexts of JSON-LD.
        graphs: Names of the graphs met, if `config` chooses among them.
        other_graphs: Number of statements left out as of other graphs.
        without_direction: Number of literals of JSON-LD whose base direction was left out.
        line: The line where the parser is, where it does not say so itself.
    """

    name: str
    format: Format
    config: ReadConfig
    nodes: BlankNodes
    rejects: Rejects
    loader: jsonld.Loader | None = None
    graphs: set[str] = field(default_factory=set)
    other_graphs: int = 0
    without_direction: int = 0
    line: Callable[[], int | None] = lambda: None

    def statements(self, pieces: Iterator[bytes]) -> list[Statements]:
        """Return the statements in batches.

        Args:
            pieces: The text, decompressed.

        Raises:
            SyntaxError: It is not valid.
            DataError: It is not what a graph can hold, or goes beyond a limit.
        """
        if self.format.name in ("nt", "nq"):
            found = self._lines(pieces)
        elif self.format.name == "rdf":
            found = [_without_no_language(batch) for batch in self._xml(pieces)]
        elif self.format.name == "jsonld":
            found = self._json(pieces)
        else:
            found = self._parsed(_at_once(self._without_deep_terms(pieces)))
        for batch in found:
            self._check_literals(batch)
        return found

    def _lines(self, pieces: Iterator[bytes]) -> list[Statements]:
        begun = list(_first(pieces, _LARGE))
        rest = next(pieces, None)
        pieces = itertools.chain(begun, () if rest is None else (rest,), pieces)
        if rest is not None and native_is_there():
            return [self._large_lines(pieces)]
        lines = whole_lines(pieces, self.config.max_literal + _LINE_ROOM)
        if self.config.on_error == "skip":
            lines = valid_lines(lines, self.format, self.name, self.rejects)
        content = _at_once(_checked(lines))
        found = None
        if self.format.name == "nt" and self._wants(""):
            found = _canonical(content, self.nodes)
        return self._parsed(content) if found is None else found

    def _large_lines(self, pieces: Iterator[bytes]) -> Statements:
        from kgrec.rdf.line_reader import LineReader, uncut_lines, with_graphs

        def on_mistake(mistake: Mistake) -> None:
            if self.config.on_error == "raise":
                raise mistake.error()
            place = (mistake.line, mistake.column, mistake.reason, mistake.text)
            self.rejects.add(self.name, *place)

        lines = uncut_lines(pieces, self.config.max_literal + _LINE_ROOM)
        found = LineReader(self.format, self.nodes).read(lines, on_mistake)
        if self.config.graphs is None:
            return found
        chosen, names = with_graphs(found, self.config.graphs)
        self.graphs |= names
        self.other_graphs += len(found) - len(chosen)
        return chosen

    def _xml(self, pieces: Iterator[bytes]) -> list[Statements]:
        begun = list(_first(pieces, _AT_ONCE))
        rest = next(pieces, None)
        if rest is not None:
            return self._xml_by_line(itertools.chain(begun, [rest], pieces))
        try:
            return self._parsed(b"".join(SafeXml(iter(begun)).texts()))
        except SyntaxError as error:
            if error.lineno is not None:
                raise
        # The parser does not say where: let it read line by line, and see how far it comes.
        return self._xml_by_line(iter(begun))

    def _xml_by_line(self, pieces: Iterator[bytes]) -> list[Statements]:
        document = SafeXml(pieces)
        self.line = lambda: document.line
        return self._parsed(PieceReader(document.texts(by_line=True)))

    def _json(self, pieces: Iterator[bytes]) -> list[Statements]:
        base = self.config.base_iri
        text = jsonld.prepared(b"".join(pieces), base, self.loader)
        found = self._parsed(text, base or jsonld.RELATIVE_BASE)
        if base is None:
            _refuse_relative(found)
        return [self._without_direction(batch) for batch in found]

    def _without_direction(self, batch: Statements) -> Statements:
        """Leave out the base direction of text, for which RDF 1.1 has no place.

        https://www.w3.org/TR/json-ld11-api/#object-to-rdf-conversion does so unless told otherwise.
        """
        table = batch.literals
        if RDF_DIR_LANG_STRING not in table.datatype.dictionary.to_pylist():
            return batch
        languages = table.language.to_pylist()
        for row, datatype in enumerate(table.datatype.to_pylist()):
            if datatype == RDF_DIR_LANG_STRING:
                languages[row] = languages[row].partition("--")[0]
                self.without_direction += 1
        return _with_languages(batch, languages)

    def _parsed(self, content: Any, base_iri: str | None = None) -> list[Statements]:
        """Read any syntax by way of canonical N-Triples."""
        base = None if self.format.name in ("nt", "nq") else base_iri or self.config.base_iri
        parser = pyoxigraph.parse(content, format=self.format.parser, base_iri=base)
        is_large = not isinstance(content, bytes) or len(content) >= _LARGE
        if is_large and self.config.graphs is None and native_is_there():
            return [self._large(parser)]
        return self.batches(parser)

    def _large(self, quads: Iterator[pyoxigraph.Quad]) -> Statements:
        """Return quads by way of compiled loops, which work while the parser does."""
        from kgrec.rdf.line_reader import LineReader

        lines = FORMATS["nq" if self.format.has_graphs else "nt"]
        texts = iter(
            lambda: pyoxigraph.serialize(itertools.islice(quads, _BATCH), format=lines.parser), b""
        )
        return LineReader(lines, self.nodes, threads=1).read_parsed(filter(None, texts))

    def batches(self, quads: Iterable[pyoxigraph.Quad]) -> list[Statements]:
        """Return quads in batches, without those of graphs that are not asked for."""
        found: list[Statements] = []
        given = iter(quads)
        if not self.format.has_graphs and self.config.graphs is None:
            while text := _ntriples(itertools.islice(given, _BATCH)):
                found.append(columns(lay_out(text), self.nodes))
            return found
        while some := list(itertools.islice(given, _BATCH)):
            chosen = some
            if self.config.graphs is not None:
                chosen = [quad for quad in some if self._wants(graph_name(quad))]
                self.other_graphs += len(some) - len(chosen)
            if text := _ntriples(quad.triple for quad in chosen):
                found.append(self._with_graphs(columns(lay_out(text), self.nodes), chosen))
        return found

    def _with_graphs(self, batch: Statements, quads: Sequence[pyoxigraph.Quad]) -> Statements:
        """Return the batch of some quads with the names of their graphs."""
        names = [graph_name(quad) for quad in quads]
        if not any(names):
            return batch
        named = [self.nodes.name(name) if name.startswith("_:") else name for name in names]
        graphs = string_array(named).dictionary_encode()
        codes = np.asarray(graphs.indices, dtype=np.int64)
        is_literal = np.array([isinstance(quad.object, pyoxigraph.Literal) for quad in quads])
        return replace(
            batch,
            graphs=graphs.dictionary,
            edge_graph=codes[~is_literal],
            value_graph=codes[is_literal],
        )

    def _wants(self, graph: str) -> bool:
        if self.config.graphs is None:
            return True
        self.graphs.add(graph)
        return graph in self.config.graphs

    def _without_deep_terms(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        begun = b""
        for piece in pieces:
            # What stands at the seam of two pieces is looked at with both.
            if b"<<(" in piece or b"<<(" in begun[-2:] + piece[:2]:
                check_triple_terms(begun + piece)
            begun = (begun + piece)[-_PIECE:] if len(piece) < _PIECE else piece
            yield piece

    def _check_literals(self, batch: Statements) -> None:
        longest = pc.max(pc.binary_length(batch.literals.value)).as_py() or 0
        if longest > self.config.max_literal:
            raise DataError(
                f"a literal has {longest:,} bytes, and {self.config.max_literal:,} is the limit "
                "max_literal. If it is meant to be that long, give a larger one."
            )


def _ntriples(statements: Iterable[pyoxigraph.Quad] | Iterable[pyoxigraph.Triple]) -> bytes:
    return pyoxigraph.serialize(statements, format=pyoxigraph.RdfFormat.N_TRIPLES) or b""


def graph_name(quad: pyoxigraph.Quad) -> str:
    """Return the name of a quad's graph: an IRI, "_:" and a label, or "" for the default graph."""
    graph = quad.graph_name
    if isinstance(graph, pyoxigraph.DefaultGraph):
        return ""
    return graph.value if isinstance(graph, pyoxigraph.NamedNode) else str(graph)


def _canonical(content: Any, nodes: BlankNodes) -> list[Statements] | None:
    """Read N-Triples that are laid out as canonical ones already; None if they are not.

    Most are, since programs write them. Then parsing only has to find out whether they are valid.
    """
    if not isinstance(content, bytes):
        return None
    layouts: list[Layout] = []
    for text in _cut(content):
        layout = lay_out_if_canonical(text)
        if layout is None:
            return None
        layouts.append(layout)
    parser = pyoxigraph.parse(content, format=pyoxigraph.RdfFormat.N_TRIPLES)
    if sum(1 for _ in parser) != sum(map(len, layouts)):
        return None
    try:
        return [columns(layout, nodes) for layout in layouts]
    except UnusualTermError:
        return None


def _cut(content: bytes) -> Iterator[bytes]:
    """Cut text behind newlines into pieces that fit into the processor's cache."""
    begin = 0
    while begin < len(content):
        newline = content.find(b"\n", begin + _PIECE)
        end = newline + 1 if newline >= 0 else len(content)
        yield content[begin:end]
        begin = end


def _checked(lines: Iterator[bytes]) -> Iterator[bytes]:
    for piece in lines:
        check_triple_terms(piece)
        yield piece


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Give pieces until they have `size` bytes together."""
    for piece in pieces:
        yield piece
        size -= len(piece)
        if size <= 0:
            return


def _at_once(pieces: Iterator[bytes]) -> Any:
    """Return the whole text if it is small, else a file to read it from.

    The parser is faster on bytes than on a file, which keeps the memory of large ones low.
    """
    begun = list(_first(pieces, _AT_ONCE))
    rest = next(pieces, None)
    if rest is None:
        return b"".join(begun)
    return PieceReader(itertools.chain(begun, [rest], pieces))


def _without_no_language(batch: Statements) -> Statements:
    if NO_LANGUAGE not in batch.literals.language.dictionary.to_pylist():
        return batch
    languages = batch.literals.language.to_pylist()
    return _with_languages(batch, ["" if tag == NO_LANGUAGE else tag for tag in languages])


def _with_languages(batch: Statements, languages: list[str]) -> Statements:
    """Return a batch with other languages of those literals that have one."""
    table = batch.literals
    datatypes = table.datatype.to_pylist()
    for row, language in enumerate(languages):
        if datatypes[row] in (RDF_LANG_STRING, RDF_DIR_LANG_STRING):
            datatypes[row] = RDF_LANG_STRING if language else XSD_STRING
    literals = LiteralTable(
        table.value,
        string_array(datatypes).dictionary_encode(),
        string_array(languages).dictionary_encode(),
    )
    return replace(batch, literals=literals)


def _refuse_relative(batches: Collection[Statements]) -> None:
    for batch in batches:
        for column in (batch.terms, batch.predicates, batch.literals.datatype.dictionary):
            relative = column.filter(pc.starts_with(column, jsonld.RELATIVE_BASE[:-11]))
            if len(relative):
                shown = relative[0].as_py().removeprefix(jsonld.RELATIVE_BASE)
                raise DataError(
                    f"the relative IRI {printable(shown)!r} has nothing to be relative to: give "
                    "base_iri=."
                )
