"""The sources of a graph: files, folders, patterns, file objects and graphs of other libraries."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeGuard

import pyoxigraph

from kgrec.errors import DataError, option, printable
from kgrec.files import looked_in, nearest_file, under
from kgrec.rdf.syntaxes import Format, find_format, format_of, known_extensions

PathLike = str | os.PathLike[str]
FileLike = IO[bytes] | IO[str]


@dataclass(frozen=True, eq=False)
class RdfSource:
    """One thing to read.

    Attributes:
        name: Where it is, for reports and messages.
        content: A path, a file object, or a graph of another library.
        format: Its syntax; None for a graph.
        guessed: Whether the format was taken from the name.
    """

    name: str
    content: Any
    format: Format | None
    guessed: bool = False


def find_sources(given: Any, format: str | None = None) -> tuple[list[RdfSource], list[str]]:
    """Return the sources to read, and the files in folders that are skipped.

    Args:
        given: A file, a folder, a pattern such as `dump/*.nt.gz` (`**` enters folders), a file
            object, an `rdflib.Graph`, a `pyoxigraph.Store` or `Dataset`, or a list of them. In a
            folder, the files with a known extension are read in the order of their names;
            folders in it are not entered. A path that exists is never a pattern.
        format: A format's short name or media type, whatever the extension says.

    Raises:
        DataError: A path does not exist, its format is not known, or there is nothing to read.
    """
    forced = None if format is None else find_format(format)
    one = isinstance(given, str | os.PathLike) or is_graph(given) or hasattr(given, "read")
    listed: Sequence[Any] = [given] if one else _listed(given)
    if not listed:
        raise DataError("No file to read a graph from: the list of paths is empty.")
    sources: list[RdfSource] = []
    skipped: list[str] = []
    for item in listed:
        if is_graph(item):
            sources.append(RdfSource(_kind(item), item, None))
        elif hasattr(item, "read"):
            sources.append(_stream(item, forced))
        elif isinstance(item, str | os.PathLike):
            inside, others = _path(os.fspath(item), forced)
            sources += inside
            skipped += others
        else:
            raise DataError(
                f"A {printable(type(item).__name__)} cannot be read as a graph; expected a path, a "
                "file object, an rdflib.Graph or a pyoxigraph.Store."
            )
    return sources, skipped


def is_graph(item: Any) -> bool:
    """Return whether `item` is a graph of rdflib or pyoxigraph."""
    return is_store(item) or _is_rdflib(item)


def is_store(item: Any) -> TypeGuard[Iterable[pyoxigraph.Quad]]:
    """Return whether `item` gives quads of pyoxigraph."""
    return isinstance(item, pyoxigraph.Store | pyoxigraph.Dataset)


def _is_rdflib(item: Any) -> bool:
    # rdflib takes long to import; whoever has one of its graphs has imported it.
    return any(
        base.__module__ == "rdflib.graph" and base.__name__ == "Graph" for base in type(item).mro()
    )


def _kind(item: Any) -> str:
    module = "pyoxigraph" if is_store(item) else "rdflib"
    return f"<{module}.{type(item).__name__}>"


def _listed(given: Any) -> list[Any]:
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise DataError(
            f"A {printable(type(given).__name__)} cannot be read as a graph; expected a path, a "
            "file object such as io.BytesIO, an rdflib.Graph, a pyoxigraph.Store, or a list."
        )
    return list(given)


def _stream(stream: Any, forced: Format | None) -> RdfSource:
    name = getattr(stream, "name", None)
    shown = name if isinstance(name, str) else f"<{type(stream).__name__}>"
    format = forced or (format_of(shown) if isinstance(name, str) else None)
    if format is None:
        raise DataError(
            f"{printable(shown)}: a file object without a name that tells its format; give "
            f"{option('format')}, such as {option('format', 'ttl')}."
        )
    if isinstance(stream, io.TextIOBase | io.BufferedIOBase | io.RawIOBase) and stream.closed:
        raise DataError(f"{printable(shown)}: the file object is closed.")
    return RdfSource(shown, stream, format, guessed=forced is None)


def _path(text: str, forced: Format | None) -> tuple[list[RdfSource], list[str]]:
    if "\0" in text:
        raise DataError(f"{printable(repr(text))} is not a path.")
    path = under("", text)
    text = str(path)
    if path.is_dir():
        return _folder(path, forced)
    if path.exists():
        return [_file(path, forced)], []
    if not glob.has_magic(text):
        raise DataError(
            f"{printable(text)}: there is no such file or folder.{looked_in(path)}"
            f"{nearest_file(path)}"
        )
    matches = sorted(glob.glob(text, recursive=True))
    files = [Path(match) for match in matches if os.path.isfile(match)]
    if not files:
        raise DataError(f"{printable(text)}: no file matches this pattern.{looked_in(path)}")
    return [_file(file, forced) for file in files], []


def _file(path: Path, forced: Format | None) -> RdfSource:
    format = forced or format_of(path.name)
    if format is None:
        raise DataError(
            f"{printable(str(path))}: no RDF format is known by this extension. Known are "
            f"{known_extensions()}; for another extension give "
            f"{option('format')}, such as {option('format', 'ttl')}."
        )
    return RdfSource(str(path), path, format, guessed=forced is None)


def _folder(folder: Path, forced: Format | None) -> tuple[list[RdfSource], list[str]]:
    sources: list[RdfSource] = []
    skipped: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.name.startswith("."):
            continue
        known = format_of(path.name)
        if known is None:
            skipped.append(str(path))
        else:
            sources.append(RdfSource(str(path), path, forced or known, guessed=forced is None))
    if not sources:
        raise DataError(
            f"{printable(str(folder))}: the folder has no RDF file; known extensions are "
            f"{known_extensions()}."
        )
    return sources, skipped
