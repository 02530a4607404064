"""Reading RDF: from any source to the columns of a graph, with errors that say where."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyoxigraph

from kgrec.engine import engine_in_use
from kgrec.errors import DataError, did_you_mean, option, printable, warn
from kgrec.files import system_reason
from kgrec.rdf.assembly import assemble, given_up
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.distributed_reading import ReadFile, read_in_workers
from kgrec.rdf.jsonld import Loader, from_files
from kgrec.rdf.line_errors import reason_of
from kgrec.rdf.numbered import BlankNodes, GraphChoice
from kgrec.rdf.opening import UNREADABLE, opened
from kgrec.rdf.parsing import Parsing, parse, parse_quads
from kgrec.rdf.rdflib_input import rdflib_columns
from kgrec.rdf.read_report import FileReport, ReadReport
from kgrec.rdf.rejects import Rejects
from kgrec.rdf.settings import ReadConfig
from kgrec.rdf.sources import RdfSource, find_sources, is_store
from kgrec.rdf.statements import Statements, statements, string_array
from kgrec.rdf.syntaxes import Format
from kgrec.rdf.term_mistakes import plain_reason
from kgrec.rdf.turtle_recovery import reason_at

_REMOTE = "LoadDocumentCallback"  # in what the parser says of a remote context


def read_all(given: Any, config: ReadConfig, loader: Loader | None = None) -> GraphColumns:
    """Read everything that is given into one graph; see `KnowledgeGraph.read`.

    Args:
        given: What `sources.find_sources` takes.
        config: Settings.
        loader: Gives the remote contexts of JSON-LD; without it those of `config.contexts`.

    Raises:
        DataError: Something is missing, damaged, too large or not valid, or a graph that `config`
            asks for is in none of the files; the message names the file and, where one is known,
            the line, the column and the reason.
    """
    sources, skipped = find_sources(given, config.format)
    if loader is None and config.contexts:
        loader = from_files(config.contexts)
    rejects = Rejects(config.rejects)
    batches: list[Statements] = []
    files: list[FileReport] = []
    graphs: set[str] = set()
    notes: list[str] = []
    engine = engine_in_use()
    paths = [Path(one.content) for one in sources if isinstance(one.content, str | os.PathLike)]
    with rejects.writing(paths):
        if engine.distributed and 1 < len(sources) == len(paths):
            parts = read_in_workers(engine, _read, sources, config, rejects, loader)
        else:
            parts = _read_in_turn(sources, config, rejects, loader)
        for part in parts:
            batches += given_up(part.batches)
            files.append(part.report)
            graphs |= part.graphs
            if part.without_direction:
                left_out = f"text whose base direction was left out: {part.without_direction}"
                notes.append(f"{printable(part.report.path)}: {left_out}.")
    if config.graphs is not None:
        _check_graphs(config.graphs, graphs)
    path = None if config.rejects is None else str(config.rejects)
    if not any(map(len, batches)):
        batches = [statements((string_array([]),) * 3, (string_array([]),) * 5)]
        shown = ", ".join(printable(file.path) for file in files[:3])
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        notes.append(f"The graph is empty: no statement was read from {shown}{more}.")
    report = ReadReport(
        files=tuple(files),
        skipped=tuple(skipped),
        rejected=rejects.count,
        first_rejected=rejects.first,
        rejects=path,
        notes=tuple(notes),
    )
    return assemble(given_up(batches), report, may_be_empty=True)


def _read_in_turn(
    sources: Sequence[RdfSource], config: ReadConfig, rejects: Rejects, loader: Loader | None
) -> Iterator[ReadFile]:
    """Yield what was read of each file; many small files are as good as a large one."""
    read_before = 0
    for number, source in enumerate(sources):
        part = _read(source, number, config, rejects, loader, read_before)
        read_before = part.read_so_far
        yield part


def _read(
    source: RdfSource,
    number: int,
    config: ReadConfig,
    rejects: Rejects,
    loader: Loader | None,
    read_before: int = 0,
) -> ReadFile:
    before = rejects.count
    format = source.format
    kind = "store" if is_store(source.content) else "rdflib"
    quads = Format(kind, "quads", pyoxigraph.RdfFormat.N_QUADS, (), (), has_graphs=True)
    parsing = Parsing(
        name=source.name,
        format=format or quads,
        config=config,
        rejects=rejects,
        loader=loader,
        nodes=BlankNodes(number),
        graphs=GraphChoice(config.graphs),
        read_before=read_before,
    )
    if format is None and not is_store(source.content):
        batches = [_rdflib_statements(source, parsing)]
    elif is_store(source.content):
        # A store has no order; numbering blank nodes needs one.
        with _explained(source, parsing):
            batches = parse_quads(sorted(source.content, key=str), parsing)
    else:
        with (
            _explained(source, parsing),
            opened(source.content, source.name, config) as pieces,
        ):
            batches = parse(pieces, parsing)
    report = FileReport(
        path=source.name,
        format=parsing.format.name,
        statements=sum(map(len, batches)),
        blank_nodes=len(parsing.nodes),
        rejected=rejects.count - before,
        other_graphs=parsing.graphs.left_out,
        about_statements=parsing.terms.count,
    )
    if parsing.terms.count:
        warn(
            f"{printable(source.name)}: statements about statements were left out, "
            f"{parsing.terms.count:,} in all (triple terms, reifiers and annotations of RDF 1.2): "
            "a graph holds plain triples. A triple that has an annotation is read. If you need the "
            "rest, state it as plain triples."
        )
    so_far = read_before + parsing.num_bytes
    return ReadFile(batches, report, parsing.graphs.met, parsing.without_direction, so_far)


def _rdflib_statements(source: RdfSource, parsing: Parsing) -> Statements:
    found = rdflib_columns(source.content, parsing.nodes, parsing.graphs)
    batch = statements(found.edges, found.values)
    if not any(found.edge_graphs) and not any(found.value_graphs):
        return batch
    names = string_array(found.edge_graphs + found.value_graphs).dictionary_encode()
    codes = np.asarray(names.indices, dtype=np.int32)
    edge_graph, value_graph = np.split(codes, [len(found.edge_graphs)])
    return replace(batch, graphs=names.dictionary, edge_graph=edge_graph, value_graph=value_graph)


def _check_graphs(wanted: Collection[str], met: Collection[str]) -> None:
    for name in wanted:
        if name and name not in met:
            hint = did_you_mean(name, sorted(filter(None, met)))
            raise DataError(
                f"graphs: no statement is in the named graph {printable(name)!r}.{hint}"
            )


@contextmanager
def _explained(source: RdfSource, parsing: Parsing) -> Iterator[None]:
    """Turn errors while reading a source into messages that name it."""
    name = printable(source.name)
    try:
        yield
    except SyntaxError as error:
        raise DataError(_syntax_message(name, source, parsing, error)) from error
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except UNREADABLE as error:
        raise DataError(
            f"{name}: the compressed file is damaged or cut off: {printable(str(error))}."
        ) from error
    except UnicodeError as error:
        raise DataError(f"{name}: the file is not UTF-8 text: {printable(str(error))}.") from error
    except MemoryError as error:
        # pyoxigraph raises it for a term or line larger than its buffer, whatever is free.
        raise DataError(
            f"{name}: a term is too long for the parser: {printable(str(error))}."
        ) from error
    except OSError as error:
        raise DataError(f"{name}: the file cannot be read: {system_reason(error)}.") from error
    except ValueError as error:
        # pyoxigraph raises it for a base IRI that is not valid.
        raise DataError(f"{name}: {printable(str(error))}.") from error


def _syntax_message(name: str, source: RdfSource, parsing: Parsing, error: SyntaxError) -> str:
    format, config = parsing.format, parsing.config
    line = error.lineno or parsing.line()
    column = error.offset if error.lineno else None
    reason = reason_of(error)
    hint = _hint(reason, config, format)
    text = parsing.text(line) if line and column else b""
    reason = (
        line and text and reason_at(text, column or 1, parsing.text(line - 1))
    ) or plain_reason(reason)
    place = f", line {line}" if line else ""
    place += f", column {column}" if line and column else ""
    if _REMOTE in reason:
        reason = "it refers to a context on the web, and nothing is loaded while reading"
    if config.on_error == "skip":
        parsing.rejects.add(source.name, line, column, reason, b"")
        hint = (
            " Reading cannot continue after this, as it is not certain where the next statement "
            "begins: correct the file."
        )
    return f"{name}{place}: not valid {format.title}: {printable(reason, 400)}.{hint}"


def _hint(reason: str, config: ReadConfig, format: Format) -> str:
    if "No scheme" in reason and config.base_iri is None and format.name not in ("nt", "nq"):
        return f" If the file has relative IRIs, give {option('base_iri')}."
    if _REMOTE in reason:
        return f" Save the context to a file, and give {option('contexts')}, its IRI and that file."
    return f" To leave out what is not valid, give {option('on_error', 'skip')}."
