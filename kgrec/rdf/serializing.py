"""Writing a graph in syntaxes for people and other tools: Turtle, TriG, RDF/XML, JSON-LD."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final

import pyoxigraph

from kgrec.errors import DataError, printable
from kgrec.files import replacing, writing
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.namespaces import RDFS, XSD
from kgrec.rdf.sources import PathLike
from kgrec.rdf.writing import check_terms, lines, write

_FORMATS: Final = {
    ".ttl": pyoxigraph.RdfFormat.TURTLE,
    ".trig": pyoxigraph.RdfFormat.TRIG,
    ".rdf": pyoxigraph.RdfFormat.RDF_XML,
    ".xml": pyoxigraph.RdfFormat.RDF_XML,
    ".jsonld": pyoxigraph.RdfFormat.JSON_LD,
}
_LINES: Final = (".nt", ".nq")
_PREFIXES: Final = {"rdfs": RDFS, "xsd": XSD}


def is_rdf_file(path: PathLike) -> bool:
    """Return whether the ending of a path is that of an RDF syntax, also with `.gz`."""
    return _ending(Path(path)) in (*_LINES, *_FORMATS)


def serialize(kg: GraphColumns, path: PathLike) -> None:
    """Write a graph to a file, in the syntax of its ending.

    N-Triples and N-Quads are written as `kgrec.rdf.writing.write` does. The statements of the other
    syntaxes are in memory at once, in the same order.

    Raises:
        DataError: There is no syntax of this ending, or an id cannot be written.
        RunError: The file cannot be written.
    """
    target = Path(path)
    ending = _ending(target)
    if ending in _LINES:
        write(kg, target)
        return
    if ending not in _FORMATS:
        known = ", ".join((*_LINES, *_FORMATS))
        raise DataError(f"{printable(str(target))}: a graph is written to {known}, also with .gz.")
    if kg.graphs is not None and ending != ".trig":
        raise DataError(
            f"{printable(str(target))}: the graph has named graphs, which this syntax cannot hold. "
            "Write a file that ends in .nq or .trig."
        )
    check_terms(kg)
    text = b"".join(line.encode() for batch in lines(kg) for line in batch.to_pylist())
    try:
        parsed = pyoxigraph.parse(BytesIO(text), pyoxigraph.RdfFormat.N_QUADS)
        data = pyoxigraph.serialize(parsed, format=_FORMATS[ending], prefixes=_PREFIXES)
    except ValueError as error:
        raise DataError(f"{printable(str(target))}: {printable(str(error))}") from error
    assert data is not None
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            if target.suffix.lower() != ".gz":
                file.write(data)
                return
            from isal import igzip

            file.write(igzip.compress(data, mtime=0))


def _ending(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix
