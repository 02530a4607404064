"""From the bytes of one file to statements as columns, with pyoxigraph."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pyarrow.compute as pc
import pyoxigraph

from kgrec.errors import DataError, option, printable
from kgrec.rdf import jsonld
from kgrec.rdf.jsonld_dropped import dropped
from kgrec.rdf.jsonld_recovery import readable_nodes
from kgrec.rdf.line_errors import Mistake, whole_lines
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.nesting import check_triple_terms
from kgrec.rdf.numbered import BlankNodes, GraphChoice
from kgrec.rdf.opening import PieceReader
from kgrec.rdf.rdfxml import NO_LANGUAGE, SafeXml
from kgrec.rdf.readers import LARGE, MakeReader, Reader, choose_reader
from kgrec.rdf.rejects import Rejects
from kgrec.rdf.settings import ReadConfig
from kgrec.rdf.statements import LiteralTable, Statements, string_array
from kgrec.rdf.syntaxes import FORMATS, Format
from kgrec.rdf.triple_terms import TripleTerms
from kgrec.rdf.turtle_recovery import TurtleRecovery
from kgrec.rdf.xml_recovery import XmlRecovery

_BATCH: Final = 1 << 15  # statements
_PIECE: Final = 1 << 22  # bytes
_LINE_ROOM: Final = 1 << 16  # bytes that a line may have besides its literal


@dataclass
class Parsing:
    """One file while it is read: what it is, and what was found in it so far.

    Attributes:
        name: The file.
        format: Its syntax.
        config: Settings.
        rejects: Gets what is left out because it is not valid.
        loader: Gives remote contexts of JSON-LD.
        nodes: Names its blank nodes.
        graphs: Chooses among its graphs.
        without_direction: Number of literals of JSON-LD whose base direction was left out.
        terms: Counts what is left out because of triple terms.
        line: Returns the line where the parser is, for errors that do not say it.
        text: Returns the text of a line near there, b"" if it is not known.
        read_before: Bytes of the files before this one, decompressed; from `LARGE` on, any number.
        num_bytes: Bytes of this file, likewise; `parse` sets it.
    """

    name: str
    format: Format
    config: ReadConfig
    rejects: Rejects
    loader: jsonld.Loader | None
    nodes: BlankNodes
    graphs: GraphChoice
    without_direction: int = 0
    terms: TripleTerms = field(default_factory=TripleTerms)
    line: Callable[[], int | None] = lambda: None
    text: Callable[[int], bytes] = lambda _: b""
    read_before: int = 0
    num_bytes: int = 0

    def reject(self, mistake: Mistake) -> None:
        """Write down what is left out, and count it if it is not valid."""
        place = (mistake.line, mistake.column, mistake.reason, mistake.text)
        self.rejects.add(self.name, *place, counted=mistake.about is None)

    def reader(self, make_reader: MakeReader) -> Reader:
        """Return the reader of the text, or of the lines that a parser writes."""
        lines = self.format
        if lines.name not in ("nt", "nq"):
            lines = FORMATS["nq" if lines.has_graphs else "nt"]
        return make_reader(lines, self.nodes, self.graphs, self.terms)


def parse(pieces: Iterator[bytes], parsing: Parsing) -> list[Statements]:
    """Return the statements of a file in batches.

    Args:
        pieces: The text, decompressed.
        parsing: The file.

    Raises:
        SyntaxError: It is not valid.
        DataError: A graph cannot hold it, or it exceeds a limit.
    """
    begun = list(_first(pieces, LARGE))
    parsing.num_bytes = sum(map(len, begun))
    make_reader = choose_reader(parsing.read_before + parsing.num_bytes)
    pieces = itertools.chain(begun, pieces)
    found = _SYNTAXES[parsing.format.name](pieces, parsing, make_reader)
    for batch in found:
        _check_literals(batch, parsing.config.max_literal)
    return _without_annotations(found, parsing)


def parse_quads(quads: Iterable[pyoxigraph.Quad], parsing: Parsing) -> list[Statements]:
    """Return the statements of a graph of pyoxigraph in batches."""
    return _without_annotations(_read_quads(quads, parsing, choose_reader(0)), parsing)


def _without_annotations(found: list[Statements], parsing: Parsing) -> list[Statements]:
    if parsing.terms.count:
        found = parsing.terms.without_annotations(found, parsing.nodes.names)
    return list(filter(len, found))


def _lines(pieces: Iterator[bytes], parsing: Parsing, make_reader: MakeReader) -> list[Statements]:
    config = parsing.config
    reader = parsing.reader(make_reader)
    lines = whole_lines(pieces, config.max_literal + _LINE_ROOM)
    return reader.read(lines, None if config.on_error == "raise" else parsing.reject)


def _turtle(pieces: Iterator[bytes], parsing: Parsing, make_reader: MakeReader) -> list[Statements]:
    pieces = _without_deep_terms(pieces)
    if parsing.config.on_error == "raise":
        reader = PieceReader(pieces)
        parsing.text = reader.line
        return _parsed(reader, parsing, make_reader)
    recovery = TurtleRecovery(parsing.format, parsing.config.base_iri, parsing.reject)
    return parsing.reader(make_reader).read_written(recovery.texts(pieces))


def _xml(pieces: Iterator[bytes], parsing: Parsing, make_reader: MakeReader) -> list[Statements]:
    if parsing.config.on_error == "skip":
        recovery = XmlRecovery(parsing.config.base_iri, parsing.reject)
        read = parsing.reader(make_reader).read_written(recovery.texts(pieces))
        return [_without_no_language(batch) for batch in read]
    begun = list(_first(pieces, LARGE))
    rest = list(itertools.islice(pieces, 1))
    found = None
    if not rest:
        try:
            text = b"".join(SafeXml(iter(begun)).texts())
            found = _parsed(text, parsing, make_reader)
        except SyntaxError as error:
            # The parser may not say where: read line by line, to see how far it gets.
            if error.lineno is not None:
                raise
    if found is None:
        document = SafeXml(itertools.chain(begun, rest, pieces))
        parsing.line = lambda: document.line
        found = _parsed(PieceReader(document.texts(by_line=True)), parsing, make_reader)
    return [_without_no_language(batch) for batch in found]


def _json(pieces: Iterator[bytes], parsing: Parsing, make_reader: MakeReader) -> list[Statements]:
    given = parsing.config.base_iri
    base = given or jsonld.RELATIVE_BASE
    text = jsonld.prepared(b"".join(pieces), given, parsing.loader)
    try:
        found = _parsed(text, parsing, make_reader, base)
    except SyntaxError:
        rest = None
        if parsing.config.on_error == "skip":
            rest = readable_nodes(text, base, parsing.reject)
        if rest is None:
            raise
        text = rest
        found = _parsed(text, parsing, make_reader, base)
    if given is None:
        _refuse_relative(found)
    for mistake in dropped(text, base, jsonld.RELATIVE_BASE):
        if parsing.config.on_error == "raise":
            raise mistake.error()
        parsing.reject(mistake)
    return [_without_direction(batch, parsing) for batch in found]


_SYNTAXES: Final = {
    "nt": _lines,
    "nq": _lines,
    "ttl": _turtle,
    "trig": _turtle,
    "rdf": _xml,
    "jsonld": _json,
}


def _parsed(
    content: Any, parsing: Parsing, make_reader: MakeReader, base_iri: str | None = None
) -> list[Statements]:
    """Return what the parser makes of bytes or of a file object."""
    base = base_iri or parsing.config.base_iri
    quads = pyoxigraph.parse(content, format=parsing.format.parser, base_iri=base)
    return _read_quads(quads, parsing, make_reader)


def _read_quads(
    quads: Iterable[pyoxigraph.Quad], parsing: Parsing, make_reader: MakeReader
) -> list[Statements]:
    lines = FORMATS["nq" if parsing.format.has_graphs else "nt"]
    given = iter(quads)

    def written() -> bytes:
        return pyoxigraph.serialize(itertools.islice(given, _BATCH), format=lines.parser) or b""

    reader = parsing.reader(make_reader)
    return reader.read_written(iter(written, b""))


def _without_deep_terms(pieces: Iterator[bytes]) -> Iterator[bytes]:
    begun = b""
    for piece in pieces:
        # A triple term may reach across two pieces: both are checked together.
        if b"<<(" in piece or b"<<(" in begun[-2:] + piece[:2]:
            check_triple_terms(begun + piece)
        begun = (begun + piece)[-_PIECE:] if len(piece) < _PIECE else piece
        yield piece


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Give pieces until they have `size` bytes together."""
    for piece in pieces:
        yield piece
        size -= len(piece)
        if size <= 0:
            return


def _check_literals(batch: Statements, limit: int) -> None:
    longest = pc.max(pc.binary_length(batch.literals.value)).as_py() or 0
    if longest > limit:
        raise DataError(
            f"a literal has {longest:,} bytes, and {limit:,} is the limit max_literal. If it is "
            "meant to be that long, give a larger one."
        )


def _without_direction(batch: Statements, parsing: Parsing) -> Statements:
    """Leave out the base direction of text, which RDF 1.1 cannot hold.

    https://www.w3.org/TR/json-ld11-api/#object-to-rdf-conversion does so by default.
    """
    table = batch.literals
    if RDF_DIR_LANG_STRING not in table.datatype.dictionary.to_pylist():
        return batch
    languages = table.language.to_pylist()
    for row, datatype in enumerate(table.datatype.to_pylist()):
        if datatype == RDF_DIR_LANG_STRING:
            languages[row] = languages[row].partition("--")[0]
            parsing.without_direction += 1
    return _with_languages(batch, languages)


def _without_no_language(batch: Statements) -> Statements:
    if NO_LANGUAGE not in batch.literals.language.dictionary.to_pylist():
        return batch
    languages = batch.literals.language.to_pylist()
    return _with_languages(batch, ["" if tag == NO_LANGUAGE else tag for tag in languages])


def _with_languages(batch: Statements, languages: list[str]) -> Statements:
    """Return a batch with other languages for the literals that have one."""
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
                    f"the relative IRI {printable(shown)!r} has no base IRI: give "
                    f"{option('base_iri')}."
                )
