"""Reading RDF files into columns: which files, in which format, and what is wrong with them."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyoxigraph

from kgrec.errors import DataError, did_you_mean, printable
from kgrec.kg.changes import UpdateReport
from kgrec.kg.layout import Layout, lay_out, lay_out_if_canonical
from kgrec.kg.ntriples import BlankNodes, UnusualTermError, columns
from kgrec.kg.statements import Statements

PathLike = str | os.PathLike[str]

FORMATS: Final = {"nt": pyoxigraph.RdfFormat.N_TRIPLES, "ttl": pyoxigraph.RdfFormat.TURTLE}
"""Names of the formats that can be read; each is also the extension of its files."""

_COMPRESSED: Final = ".gz"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BATCH: Final = 1 << 15  # statements
_PIECE: Final = 1 << 22  # bytes
_AT_ONCE: Final = 1 << 26  # bytes
_POSITION: Final = re.compile(r"^Parser error at line \d+ .*?: (?P<reason>.*?)(?: \(line \d+\))?$")


@dataclass(frozen=True)
class FileReport:
    """What one file held.

    Attributes:
        path: The file, or a name for what was read in its place.
        format: "nt" or "ttl", or how the statements were given.
        statements: Number of statements, with repetitions.
        blank_nodes: Number of blank nodes.
    """

    path: str
    format: str
    statements: int
    blank_nodes: int = 0


@dataclass(frozen=True)
class ReadReport:
    """What was read into a graph, and what was left out.

    Attributes:
        files: What each file held, in the order of reading.
        statements: Number of statements in all files, with repetitions.
        triples: Number of distinct statements between entities.
        literals: Number of distinct statements with a literal.
        duplicates: Number of statements that were stated before.
        skipped: Files of the folders read that have no known extension, and were not read.
        notes: What else became of the input, in sentences.
        updates: What each `KnowledgeGraph.update` has changed since; the figures above are those
            of the reading.
    """

    files: tuple[FileReport, ...] = ()
    statements: int = 0
    triples: int = 0
    literals: int = 0
    duplicates: int = 0
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    updates: tuple[UpdateReport, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        return asdict(self) | {
            "files": [asdict(file) for file in self.files],
            "skipped": list(self.skipped),
            "notes": list(self.notes),
            "updates": [update.to_dict() for update in self.updates],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ReadReport:
        """Return the report that `to_dict` gave."""
        files = tuple(FileReport(**file) for file in data["files"])
        updates = tuple(UpdateReport(**update) for update in data.get("updates", ()))
        texts = {name: tuple(data.get(name, ())) for name in ("skipped", "notes")}
        return cls(**(data | {"files": files, "updates": updates} | texts))


@dataclass(frozen=True)
class Source:
    """A file to read.

    Attributes:
        path: Where it is.
        format: A key of `FORMATS`.
    """

    path: Path
    format: str


def find_sources(
    paths: PathLike | Sequence[PathLike], format: str | None = None
) -> tuple[list[Source], list[str]]:
    """Return the files that `paths` name, and the files of folders that are passed over.

    Args:
        paths: A file, a folder, or a list of them. Of a folder, the files with a known extension
            are read in the order of their names, and folders in it are not entered.
        format: "nt" or "ttl", whatever the extension says; None goes by the extension.

    Raises:
        DataError: A path does not exist, its extension is unknown, `format` is unknown, or a
            folder has no file with a known extension.
    """
    if format is not None and format not in FORMATS:
        raise DataError(f"Unknown format {printable(format)!r}.{did_you_mean(format, FORMATS)}")
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not listed:
        raise DataError("No file to read a graph from: the list of paths is empty.")
    sources: list[Source] = []
    skipped: list[str] = []
    for path in map(Path, listed):
        if path.is_dir():
            inside, others = _folder(path, format)
            sources += inside
            skipped += others
        elif path.is_file():
            sources.append(Source(path, format or _format_of(path)))
        else:
            raise DataError(f"{printable(str(path))}: there is no such file or folder.")
    return sources, skipped


def read_statements(
    source: Source, number: int, base_iri: str | None = None
) -> tuple[list[Statements], FileReport]:
    """Return the statements of a file in batches, and what it held.

    Args:
        source: The file.
        number: Its number among the files that are read together, for its blank nodes.
        base_iri: What relative IRIs are relative to.

    Raises:
        DataError: The file cannot be read, is no valid gzip, or breaks the syntax of its format;
            the message names file, line, column and reason.
    """
    with _explained(source, base_iri), _opened(source.path) as content:
        found = _read_canonical(content, number) if source.format == "nt" else None
        batches, nodes = found or _read_any(content, source.format, number, base_iri)
    report = FileReport(str(source.path), source.format, sum(map(len, batches)), len(nodes))
    return batches, report


def _read_any(
    content: Any, format: str, number: int, base_iri: str | None
) -> tuple[list[Statements], BlankNodes]:
    """Read any syntax by way of canonical N-Triples."""
    nodes = BlankNodes(number)
    batches: list[Statements] = []
    parser = pyoxigraph.parse(content, format=FORMATS[format], base_iri=base_iri)
    while text := pyoxigraph.serialize(
        itertools.islice(parser, _BATCH), format=pyoxigraph.RdfFormat.N_TRIPLES
    ):
        batches.append(columns(lay_out(text), nodes))
    return batches, nodes


def _read_canonical(content: Any, number: int) -> tuple[list[Statements], BlankNodes] | None:
    """Read N-Triples that are laid out as canonical ones already; None if they are not.

    Most are, since programs write them. Then parsing only has to find out whether they are valid.
    """
    if not isinstance(content, bytes):
        return None
    layouts: list[Layout] = []
    for text in _pieces(content):
        layout = lay_out_if_canonical(text)
        if layout is None:
            return None
        layouts.append(layout)
    num_valid = sum(1 for _ in pyoxigraph.parse(content, format=FORMATS["nt"]))
    if num_valid != sum(map(len, layouts)):
        return None
    nodes = BlankNodes(number)
    try:
        return [columns(layout, nodes) for layout in layouts], nodes
    except UnusualTermError:
        return None


def _pieces(content: bytes) -> Iterator[bytes]:
    """Cut text behind newlines into pieces that fit into the processor's cache."""
    begin = 0
    while begin < len(content):
        newline = content.find(b"\n", begin + _PIECE)
        end = newline + 1 if newline >= 0 else len(content)
        yield content[begin:end]
        begin = end


def _folder(folder: Path, format: str | None) -> tuple[list[Source], list[str]]:
    sources: list[Source] = []
    skipped: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.name.startswith("."):
            continue
        known = _known_extension(path)
        if known is None:
            skipped.append(str(path))
        else:
            sources.append(Source(path, format or known))
    if not sources:
        raise DataError(
            f"{printable(str(folder))}: the folder has no RDF file; known extensions are "
            f"{_extensions()}."
        )
    return sources, skipped


def _known_extension(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == _COMPRESSED:
        suffixes.pop()
    extension = suffixes[-1][1:] if suffixes else ""
    return extension if extension in FORMATS else None


def _format_of(path: Path) -> str:
    known = _known_extension(path)
    if known is None:
        raise DataError(
            f"{printable(str(path))}: no RDF format is known by this extension. Known are "
            f"{_extensions()}; for another extension give format=, one of "
            f"{', '.join(FORMATS)}."
        )
    return known


def _extensions() -> str:
    return ", ".join(f".{name}, .{name}{_COMPRESSED}" for name in FORMATS)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file, decompressing it if it starts as gzip does; a small one is read at once."""
    with contextlib.ExitStack() as stack:
        stream: Any = stack.enter_context(path.open("rb"))
        if path.suffix.lower() == _COMPRESSED or stream.peek(2)[:2] == _GZIP_MAGIC:
            stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        text = stream.read(_AT_ONCE)
        # The parser is faster on bytes than on a stream, which keeps the memory of large files low.
        yield text if len(text) < _AT_ONCE else _Rest(text, stream)


class _Rest(io.RawIOBase):
    """A stream of which the beginning has been read already."""

    def __init__(self, begun: bytes, stream: Any) -> None:
        self._begun: memoryview | None = memoryview(begun)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if self._begun is None:
            return bytes(self._stream.read(size))
        cut = len(self._begun) if size is None or size < 0 else size
        found, rest = bytes(self._begun[:cut]), self._begun[cut:]
        self._begun = rest if len(rest) else None
        if size is None or size < 0:
            found += self._stream.read()
        return found


@contextmanager
def _explained(source: Source, base_iri: str | None) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a message for its owner."""
    path = printable(str(source.path))
    try:
        yield
    except SyntaxError as error:
        raise DataError(_syntax_message(path, source.format, base_iri, error)) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip file is damaged or cut off: {printable(str(error))}."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the file is not UTF-8 text: {printable(str(error))}.") from error
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read: {printable(error.strerror or str(error))}."
        ) from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except ValueError as error:
        # pyoxigraph's word for a base IRI that is none.
        raise DataError(f"{path}: {printable(str(error))}.") from error


def _syntax_message(path: str, format: str, base_iri: str | None, error: SyntaxError) -> str:
    text = str(error.msg)
    match = _POSITION.match(text)
    reason = printable(match["reason"] if match else text)
    place = f", line {error.lineno}" if error.lineno else ""
    place += f", column {error.offset}" if error.lineno and error.offset else ""
    hint = ""
    if base_iri is None and "No scheme" in reason and format != "nt":
        hint = " If the file has relative IRIs, give base_iri=."
    expected = {"nt": "N-Triples", "ttl": "Turtle"}[format]
    return f"{path}{place}: not valid {expected}: {reason}.{hint}"
