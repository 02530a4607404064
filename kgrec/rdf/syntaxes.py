"""The syntaxes of RDF that can be read, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import pyoxigraph

from kgrec.errors import DataError, did_you_mean, printable


@dataclass(frozen=True)
class Format:
    """A syntax of RDF.

    Attributes:
        name: Its short name, as `format=` takes it.
        title: Its name in the standards.
        parser: pyoxigraph's name for it.
        extensions: Of its files, without the dot.
        media_types: What `format=` also takes.
        has_graphs: Whether its statements can stand in named graphs.
    """

    name: str
    title: str
    parser: pyoxigraph.RdfFormat
    extensions: tuple[str, ...]
    media_types: tuple[str, ...]
    has_graphs: bool = False


_RDF: Final = pyoxigraph.RdfFormat

FORMATS: Final = {
    format.name: format
    for format in (
        Format("nt", "N-Triples", _RDF.N_TRIPLES, ("nt",), ("application/n-triples",)),
        Format("nq", "N-Quads", _RDF.N_QUADS, ("nq",), ("application/n-quads",), True),
        Format("ttl", "Turtle", _RDF.TURTLE, ("ttl",), ("text/turtle", "application/x-turtle")),
        Format("trig", "TriG", _RDF.TRIG, ("trig",), ("application/trig",), True),
        Format(
            "rdf",
            "RDF/XML",
            _RDF.RDF_XML,
            ("rdf", "owl", "xml"),
            ("application/rdf+xml", "application/xml", "text/xml"),
        ),
        Format(
            "jsonld",
            "JSON-LD",
            _RDF.JSON_LD,
            ("jsonld", "json"),
            ("application/ld+json", "application/json"),
            True,
        ),
    )
}
"""Every format by its short name."""

COMPRESSIONS: Final = (".gz", ".bz2", ".zst")
"""Extensions of compressed files; the first bytes say what a file really holds."""

_BY_EXTENSION: Final = {
    extension: format for format in FORMATS.values() for extension in format.extensions
}
_BY_MEDIA_TYPE: Final = {
    media_type: format for format in FORMATS.values() for media_type in format.media_types
}


def find_format(name: str) -> Format:
    """Return the format of a short name, an extension or a media type.

    >>> find_format("ttl").title, find_format("text/turtle; charset=utf-8").title
    ('Turtle', 'Turtle')

    Raises:
        DataError: No format has this name.
    """
    key = name.partition(";")[0].strip().lower().removeprefix(".")
    found = FORMATS.get(key) or _BY_EXTENSION.get(key) or _BY_MEDIA_TYPE.get(key)
    if found is None:
        known = _BY_MEDIA_TYPE if "/" in key else FORMATS
        raise DataError(f"Unknown format {printable(name)!r}.{did_you_mean(key, known)}")
    return found


def format_of(file: str) -> Format | None:
    """Return the format that the extension of a file's name says, or None.

    >>> format_of("films.nt.gz").title
    'N-Triples'
    """
    suffixes = [suffix.lower() for suffix in PurePath(file).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return _BY_EXTENSION.get(suffixes[-1][1:]) if suffixes else None


def known_extensions() -> str:
    """Return all known extensions, for a message."""
    known = ", ".join(f".{extension}" for extension in _BY_EXTENSION)
    return f"{known}, each also with {', '.join(COMPRESSIONS)}"
