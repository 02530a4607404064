"""A graph as a folder of Parquet files and a JSON manifest."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import RunError, printable
from kgrec.kg.reading import PathLike, ReadReport

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
_TABLES: Final = ("entities", "relations", "triples", "literals")
_TERMS = pa.schema([("id", pa.large_string())])
_TRIPLES = pa.schema([("subject", pa.int32()), ("relation", pa.int32()), ("object", pa.int32())])
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
_SCHEMAS: Final = dict(zip(_TABLES, (_TERMS, _TERMS, _TRIPLES, _LITERALS), strict=True))


@dataclass(frozen=True)
class Stored:
    """The parts of a graph as they were loaded; `literals` in the order of `Literals`' fields."""

    entities: Vocabulary
    relations: Vocabulary
    triples: npt.NDArray[np.int32]
    literals: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Any, Any, Any]
    report: ReadReport


def save(kg: KnowledgeGraph, folder: PathLike) -> None:
    """Write `kg` to `folder`, replacing the whole folder or leaving it as it was.

    Raises:
        RunError: The folder holds something else than a graph, or it cannot be written.
    """
    target = Path(folder)
    if target.exists() and not _replaceable(target):
        raise RunError(
            f"{printable(str(target))} exists and is no saved graph; it is not overwritten."
        )
    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        written = scratch / "new"
        written.mkdir()
        _write(kg, written)
        if target.exists():
            target.rename(scratch / "old")
        written.rename(target)
    except OSError as error:
        if scratch is not None and (scratch / "old").exists() and not target.exists():
            (scratch / "old").rename(target)
        raise RunError(
            f"{printable(str(target))}: the graph cannot be written: "
            f"{printable(error.strerror or str(error))}."
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def load(folder: PathLike) -> Stored:
    """Return the parts of the graph that `save` wrote.

    Raises:
        RunError: A file is missing, damaged, of another version, or does not fit the others.
    """
    target = Path(folder)
    manifest = _read_manifest(target / MANIFEST)
    tables = {name: _read_table(target / f"{name}.parquet", name, manifest) for name in _TABLES}
    entities, relations = (
        _vocabulary(tables[name], kind, target / f"{name}.parquet", manifest)
        for name, kind in (("entities", "entity"), ("relations", "relation"))
    )
    sizes = {"subject": len(entities), "relation": len(relations), "object": len(entities)}
    triples = _rows(tables["triples"], sizes, target / "triples.parquet")
    subject_relation = _rows(tables["literals"], sizes, target / "literals.parquet")
    texts = [_column(tables["literals"], name) for name in ("value", "datatype", "language")]
    try:
        report = ReadReport.from_dict(manifest["report"])
    except (KeyError, TypeError) as error:
        raise RunError(f"{_shown(target / MANIFEST)}: the report is damaged: {error}.") from error
    return Stored(
        entities=entities,
        relations=relations,
        triples=triples,
        literals=(
            np.ascontiguousarray(subject_relation[:, 0]),
            np.ascontiguousarray(subject_relation[:, 1]),
            texts[0],
            texts[1],
            texts[2],
        ),
        report=report,
    )


def _replaceable(target: Path) -> bool:
    return target.is_dir() and ((target / MANIFEST).is_file() or not any(target.iterdir()))


def _write(kg: KnowledgeGraph, folder: Path) -> None:
    columns = {
        "entities": [kg.entities.array],
        "relations": [kg.relations.array],
        "triples": [pa.array(np.ascontiguousarray(column)) for column in kg.triples.T],
        "literals": [
            pa.array(kg.literals.subject),
            pa.array(kg.literals.relation),
            kg.literals.value,
            kg.literals.datatype.cast(_TEXT_CODES),
            kg.literals.language.cast(_TEXT_CODES),
        ],
    }
    for name, arrays in columns.items():
        table = pa.Table.from_arrays(arrays, schema=_SCHEMAS[name])
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, write_page_checksum=True)
        _flush(path)
    manifest = {
        "format": "kgrec.KnowledgeGraph",
        "format_version": FORMAT_VERSION,
        "rows": {name: len(arrays[0]) for name, arrays in columns.items()},
        "sorted": {"entities": kg.entities.num_sorted, "relations": kg.relations.num_sorted},
        "report": kg.report.to_dict(),
    }
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _flush(path)


def _flush(path: Path) -> None:
    """Have the file on the disk before the folder takes its name: a crash leaves old or new."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{_shown(path)}: no such file; the folder holds no saved graph.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{_shown(path)}: not readable: {printable(str(error))}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != "kgrec.KnowledgeGraph":
        raise RunError(f"{_shown(path)}: this is not the manifest of a saved graph.")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise RunError(
            f"{_shown(path)}: format version {printable(repr(manifest.get('format_version')))}; "
            f"this kgrec reads version {FORMAT_VERSION}."
        )
    if not isinstance(manifest.get("rows"), dict):
        raise RunError(f"{_shown(path)}: the row counts are missing.")
    return manifest


def _read_table(path: Path, name: str, manifest: dict[str, Any]) -> Any:
    try:
        table = pq.read_table(
            path, memory_map=True, page_checksum_verification=True, schema=_SCHEMAS[name]
        )
        table.validate(full=True)
    except FileNotFoundError as error:
        raise RunError(f"{_shown(path)}: the file is missing.") from error
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{_shown(path)}: the file is damaged: {printable(str(error))}") from error
    expected = manifest["rows"].get(name)
    if len(table) != expected:
        raise RunError(
            f"{_shown(path)}: {len(table)} rows, where {MANIFEST} says {expected}; the folder is "
            "damaged."
        )
    if any(column.null_count for column in table.columns):
        raise RunError(f"{_shown(path)}: values are missing; the file is damaged.")
    return table


def _column(table: Any, name: str) -> Any:
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.combine_chunks()


def _vocabulary(table: Any, kind: str, path: Path, manifest: dict[str, Any]) -> Vocabulary:
    ids = _column(table, "id")
    num_sorted = _num_sorted(manifest, path.stem, len(ids), path)
    first = ids[:num_sorted]
    if len(first) > 1 and not pc.all(pc.less(first[:-1], first[1:])).as_py():
        raise RunError(f"{_shown(path)}: the ids are not sorted; the file is damaged.")
    if num_sorted < len(ids) and pc.count_distinct(ids).as_py() < len(ids):
        raise RunError(f"{_shown(path)}: an id stands twice; the file is damaged.")
    return Vocabulary.from_sorted(ids, kind, num_sorted=num_sorted)


def _num_sorted(manifest: dict[str, Any], name: str, count: int, path: Path) -> int:
    """Return how many ids are sorted, from the first: an update appends the others."""
    stated = manifest.get("sorted", {})
    found = stated.get(name, count) if isinstance(stated, dict) else None
    if type(found) is not int or not 0 <= found <= count:
        raise RunError(
            f"{_shown(path.with_name(MANIFEST))}: how many of the {name} are sorted is damaged: "
            f"expected 0 … {count}, found {printable(repr(found), 60)}."
        )
    return found


def _rows(table: Any, sizes: dict[str, int], path: Path) -> npt.NDArray[np.int32]:
    names = [name for name in table.column_names if name in sizes]
    columns = [np.asarray(_column(table, name)) for name in names]
    for name, column in zip(names, columns, strict=True):
        if len(column) and not (0 <= column.min() and column.max() < sizes[name]):
            raise RunError(
                f"{_shown(path)}: column {name} points outside of 0 … {sizes[name] - 1}; the file "
                "is damaged."
            )
    return np.column_stack(columns)


def _shown(path: Path) -> str:
    return printable(str(path))
