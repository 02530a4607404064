"""A graph as a folder of Arrow files and a JSON manifest.

Arrow's file format stores columns as they are in memory, so that a graph is loaded as soon as its
files are mapped; the system can drop pages that are not in use. Checksums find damage. All row
numbers and offsets are checked before they are used.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from isal import isal_zlib

from kgrec.bounds.arrow_file import map_batch
from kgrec.bounds.json_text import read_json
from kgrec.data.stored_ids import check_ids
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import RunError, printable
from kgrec.files import open_plain, system_reason, writing
from kgrec.outputs.checked import check_json, with_checksum
from kgrec.outputs.folders import entries, recover, replacing_folder
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.literals import Literals
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.read_report import ReadReport
from kgrec.rdf.sources import PathLike
from kgrec.types import RowArray

FORMAT_VERSION: Final = 3  # 2 had no checksum of the manifest
MANIFEST: Final = "manifest.json"
_TABLES: Final = ("entities", "relations", "triples", "literals", "graphs", "memberships")
_TERMS = pa.schema([("id", pa.large_string())])
_TRIPLES = pa.schema([("triple", pa.list_(pa.field("row", pa.int32(), nullable=False), 3))])
_TEXT_CODES = pa.dictionary(pa.int32(), pa.large_string())
_LITERALS = pa.schema(
    [
        ("subject", pa.int32()),
        ("relation", pa.int32()),
        ("value", pa.large_string()),
        ("datatype", _TEXT_CODES),
        ("language", _TEXT_CODES),
    ]
)
_MEMBERSHIPS = pa.schema([("statement", pa.int32()), ("graph", pa.int32())])
_SCHEMAS: Final = dict(
    zip(_TABLES, (_TERMS, _TERMS, _TRIPLES, _LITERALS, _TERMS, _MEMBERSHIPS), strict=True)
)
_PIECE: Final = 1 << 24  # bytes
_MOST_JSON: Final = 1 << 26  # bytes


def save(kg: GraphColumns, folder: PathLike) -> None:
    """Write `kg` to `folder`: a saved graph there is replaced as a whole, or stays as it was.

    Raises:
        RunError: The folder holds something else than a graph, or it cannot be written.
    """
    target = Path(folder)
    if os.path.lexists(target) and not is_replaceable(target):
        raise RunError(
            f"{printable(str(target))} exists and is no saved graph, or has other files in it; it "
            "is not overwritten."
        )
    with writing(f"{target}: the graph"), replacing_folder(target, _written) as new:
        _write(kg, new)


def is_replaceable(folder: Path) -> bool:
    """Return whether a folder is empty, or a saved graph with nothing else in it."""
    return folder.is_dir() and set(entries(folder)) <= _written(folder)


def _written(folder: Path) -> set[str]:
    """Return the files of a saved graph in a folder; none if its manifest is damaged."""
    try:
        files = _read_manifest(folder / MANIFEST)["files"]
    except RunError:
        return set()
    return {MANIFEST, *(f"{name}.arrow" for name in files)}


def load(folder: PathLike) -> GraphColumns:
    """Return the graph that `save` wrote, mapped into memory.

    Raises:
        RunError: A file is missing, damaged, of another version, or does not fit the others.
    """
    target = Path(folder)
    recover(target)
    manifest = _read_manifest(target / MANIFEST)
    names = [name for name in _TABLES if name in manifest["files"]]
    # Checking a file takes longer than mapping it, and can run in parallel.
    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda name: _read_table(target / f"{name}.arrow", name, manifest), names)
        tables = dict(zip(names, read, strict=True))
    for name in _TABLES[:4]:
        if name not in tables:
            raise _error(target / MANIFEST, f"the file {name}.arrow is not listed.")
    entities, relations = (
        _vocabulary(tables[name], kind, target / f"{name}.arrow", manifest)
        for name, kind in (("entities", "entity"), ("relations", "relation"))
    )
    triples = np.asarray(tables["triples"].column(0).flatten()).reshape(-1, 3)
    sizes = {"subject": len(entities), "relation": len(relations), "object": len(entities)}
    for name, column in zip(sizes, triples.T, strict=True):
        _check_rows(column, sizes[name], name, target / "triples.arrow")
    literals = tables["literals"]
    rows = [np.asarray(literals.column(name)) for name in ("subject", "relation")]
    for name, column in zip(("subject", "relation"), rows, strict=True):
        _check_rows(column, sizes[name], name, target / "literals.arrow")
    texts = [literals.column(name) for name in ("value", "datatype", "language")]
    try:
        report = ReadReport.from_dict(manifest["report"])
    except (KeyError, TypeError) as error:
        raise _error(target / MANIFEST, f"the report is damaged: {error}.") from error
    graphs = _graphs(tables, target, manifest, len(triples), len(literals))
    return GraphColumns(entities, relations, triples, Literals(*rows, *texts), graphs, report)


def _graphs(
    tables: dict[str, Any], target: Path, manifest: dict[str, Any], triples: int, literals: int
) -> NamedGraphs | None:
    if "graphs" not in tables or "memberships" not in tables:
        return None
    names = _vocabulary(tables["graphs"], "graph", target / "graphs.arrow", manifest)
    path = target / "memberships.arrow"
    table = tables["memberships"]
    pairs = np.column_stack([np.asarray(table.column(k)) for k in ("statement", "graph")])
    split = manifest.get("triple_memberships")
    if type(split) is not int or not 0 <= split <= len(pairs):
        raise _error(target / MANIFEST, "triple_memberships is damaged.")
    for rows, size in ((pairs[:split], triples), (pairs[split:], literals)):
        _check_rows(rows[:, 0], size, "statement", path)
        _check_rows(rows[:, 1], len(names), "graph", path)
    return NamedGraphs(names, pairs[:split], pairs[split:])


def _write(kg: GraphColumns, folder: Path) -> None:
    triples = pa.array(np.ascontiguousarray(kg.triples).ravel())
    columns: dict[str, list[Any]] = {
        "entities": [kg.entities.array],
        "relations": [kg.relations.array],
        "triples": [pa.FixedSizeListArray.from_arrays(triples, type=_TRIPLES.field(0).type)],
        "literals": [
            pa.array(kg.literals.subject),
            pa.array(kg.literals.relation),
            kg.literals.value,
            kg.literals.datatype.cast(_TEXT_CODES),
            kg.literals.language.cast(_TEXT_CODES),
        ],
    }
    manifest: dict[str, Any] = {
        "format": "kgrec.KnowledgeGraph",
        "format_version": FORMAT_VERSION,
        "files": {},
        "sorted": {"entities": kg.entities.num_sorted, "relations": kg.relations.num_sorted},
        "report": kg.report.to_dict(),
    }
    if kg.graphs is not None:
        pairs = np.concatenate([kg.graphs.triple, kg.graphs.literal])
        columns["graphs"] = [kg.graphs.names.array]
        columns["memberships"] = [pa.array(pairs[:, 0]), pa.array(pairs[:, 1])]
        manifest["triple_memberships"] = len(kg.graphs.triple)
    for name, arrays in columns.items():
        path = folder / f"{name}.arrow"
        batch = pa.RecordBatch.from_arrays(arrays, schema=_SCHEMAS[name])
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        manifest["files"][name] = {"rows": batch.num_rows, "crc32": _checksum(path)}
    path = folder / MANIFEST
    text = json.dumps(with_checksum(manifest), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _checksum(path: Path) -> int:
    found = 0
    with open_plain(path) as file:
        while piece := file.read(_PIECE):
            found = isal_zlib.crc32(piece, found)
    return found


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = read_json(path, _MOST_JSON)
    except FileNotFoundError as error:
        raise _error(path, "no such file; the folder holds no saved graph.") from error
    except (OSError, ValueError) as error:
        raise _error(path, f"not readable: {system_reason(error)}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != "kgrec.KnowledgeGraph":
        raise _error(path, "this is not the manifest of a saved graph.")
    if manifest.get("format_version") != FORMAT_VERSION:
        found = printable(repr(manifest.get("format_version")))
        raise _error(
            path,
            f"format version {found}; this kgrec reads version {FORMAT_VERSION}. Read the RDF "
            "files again, and save the graph with this version.",
        )
    try:
        manifest = check_json(manifest)
    except ValueError as error:
        raise _error(path, f"{error}. Save the graph again.") from error
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(about, dict) for about in files.values()):
        raise _error(path, "the list of files is missing.")
    return manifest


def _read_table(path: Path, name: str, manifest: dict[str, Any]) -> Any:
    """Return the one record batch of a file after checking it."""
    about = manifest["files"][name]
    try:
        if _checksum(path) != about.get("crc32"):
            raise _error(path, f"the checksum is not that of {MANIFEST}: damaged.")
        batch = map_batch(path, _SCHEMAS[name])
    except FileNotFoundError as error:
        raise _error(path, "the file is missing.") from error
    except RunError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _error(path, f"the file is damaged: {system_reason(error)}.") from error
    if len(batch) != about.get("rows"):
        expected = f"{MANIFEST} says {about.get('rows')}"
        raise _error(path, f"{len(batch)} rows, but {expected}; the folder is damaged.")
    return batch


def _vocabulary(table: Any, kind: str, path: Path, manifest: dict[str, Any]) -> Vocabulary:
    ids = table.column("id")
    num_sorted = _num_sorted(manifest, path.stem, len(ids), path)
    try:
        check_ids(ids, num_sorted)
    except ValueError as error:
        raise _error(path, f"{error}; the file is damaged.") from error
    return Vocabulary.from_sorted(ids, kind, num_sorted=num_sorted)


def _num_sorted(manifest: dict[str, Any], name: str, count: int, path: Path) -> int:
    """Return how many ids at the start are sorted; updates append unsorted ones."""
    stated = manifest.get("sorted", {})
    found = stated.get(name, count) if isinstance(stated, dict) else None
    if type(found) is not int or not 0 <= found <= count:
        raise _error(
            path.with_name(MANIFEST),
            f"the number of sorted {name} is damaged: expected 0 … {count}, found "
            f"{printable(repr(found), 60)}.",
        )
    return found


def _check_rows(column: RowArray, size: int, name: str, path: Path) -> None:
    if len(column) and not (0 <= column.min() and column.max() < size):
        raise _error(path, f"column {name} has rows outside 0 … {size - 1}; the file is damaged.")


def _error(path: Path, reason: str) -> RunError:
    return RunError(f"{printable(str(path))}: {reason}")
