"""Validation of a graph against SHACL shapes (https://www.w3.org/TR/shacl/).

pySHACL does the work, in a separate process with a time limit: shapes may come from a stranger, and
a regular expression can take for ever. Only SHACL Core is run. Queries (SHACL-SPARQL), rules and
scripts are refused, because they could reach files and networks. `owl:imports` is not followed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from kgrec.bounds.json_text import read_json
from kgrec.errors import ConfigError, DataError, did_you_mean, printable
from kgrec.files import as_json
from kgrec.kg import storage
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.reading import read_all
from kgrec.rdf.settings import ReadConfig
from kgrec.rdf.sources import PathLike

SH: Final = "http://www.w3.org/ns/shacl#"
_IMPORTS: Final = "http://www.w3.org/2002/07/owl#imports"

TARGETS: Final = ("targetClass", "targetNode", "targetSubjectsOf", "targetObjectsOf")
_CORE: Final = frozenset(
    (
        *TARGETS,
        *("path", "inversePath", "alternativePath", "zeroOrMorePath", "oneOrMorePath"),
        *("zeroOrOnePath", "property", "node", "class", "datatype", "nodeKind", "minCount"),
        *("maxCount", "minExclusive", "minInclusive", "maxExclusive", "maxInclusive"),
        *("minLength", "maxLength", "pattern", "flags", "languageIn", "uniqueLang", "equals"),
        *("disjoint", "lessThan", "lessThanOrEquals", "not", "and", "or", "xone"),
        *("qualifiedValueShape", "qualifiedMinCount", "qualifiedMaxCount"),
        *("qualifiedValueShapesDisjoint", "closed", "ignoredProperties", "hasValue", "in"),
        *("deactivated", "severity", "message", "name", "description", "order", "group"),
        *("defaultValue", "declare", "prefix", "prefixes", "namespace", "shapesGraph"),
    )
)


@dataclass(frozen=True)
class ShapeResult:
    """The results of one constraint of one shape.

    Attributes:
        shape: IRI of the shape, or of the nearest enclosing shape that has one.
        path: The property that it constrains, as a SPARQL path; "" for the node itself.
        constraint: The constraint and its value, as "minCount 1".
        severity: "Violation", "Warning", "Info", or the IRI of another severity.
        message: The shape's own message, "" if it has none.
        count: Number of results.
        nodes: The first focus nodes, sorted.
        values: The first values that do not fit, sorted; empty if a value is missing.
    """

    shape: str
    path: str
    constraint: str
    severity: str
    message: str
    count: int
    nodes: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class ShapesReport:
    """What the validation of a graph found.

    Attributes:
        conforms: Whether there is no result, of any severity, as the standard defines it.
        shapes: Number of shapes with a target.
        focus_nodes: Number of distinct nodes that they target.
        results: The results of each constraint, the most severe and most frequent first.
        imports: IRIs that the shapes import, which were not followed.
    """

    conforms: bool
    shapes: int
    focus_nodes: int
    results: tuple[ShapeResult, ...]
    imports: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        found: dict[str, Any] = as_json(asdict(self))
        return found


def validate(
    kg: GraphColumns, shapes: PathLike | Sequence[PathLike], *, limit_s: float = 600.0
) -> ShapesReport:
    """Validate a graph against SHACL shapes.

    Args:
        kg: The graph.
        shapes: Files of shapes, in any format that a graph is read from.
        limit_s: Time limit of the validation in seconds.

    Raises:
        ConfigError: pySHACL is not installed, or the limit is no positive number.
        DataError: The shapes cannot be read, are not valid, use more than SHACL Core or have no
            target, or the validation takes too long.
    """
    if not limit_s > 0:
        raise ConfigError(f"The limit must be a positive number of seconds, found {limit_s}.")
    if find_spec("pyshacl") is None:
        raise ConfigError(
            "SHACL validation needs pySHACL, which is not installed: `pip install 'kgrec[shacl]'`."
        )
    read = read_all(shapes, ReadConfig())
    name = ", ".join(printable(file.path) for file in read.report.files)
    _check_vocabulary(read, name)
    found = _run(kg, read, name, limit_s)
    results = tuple(
        ShapeResult(**(entry | {"nodes": tuple(entry["nodes"]), "values": tuple(entry["values"])}))
        for entry in found["results"]
    )
    imports = read.relation_triples(_IMPORTS)[:, 2]
    return ShapesReport(
        conforms=bool(found["conforms"]),
        shapes=int(found["shapes"]),
        focus_nodes=int(found["focus_nodes"]),
        results=results,
        imports=tuple(read.entities.take(imports)),
    )


def _check_vocabulary(shapes: GraphColumns, name: str) -> None:
    """Raise a DataError for terms that are not run, or not in SHACL: none is silently ignored."""
    from rdflib import URIRef
    from rdflib.namespace import SH as SHACL

    used = [iri.removeprefix(SH) for iri in shapes.relations.ids if iri.startswith(SH)]
    not_core = [term for term in used if term not in _CORE]
    refused = [term for term in not_core if URIRef(SH + term) in SHACL]
    if refused:
        raise DataError(
            f"{name}: the shapes use sh:{', sh:'.join(refused)}. kgrec runs SHACL Core alone: "
            "queries, rules, functions and scripts could reach files and networks. Remove these "
            "shapes."
        )
    if not_core:
        hint = did_you_mean(not_core[0], sorted(_CORE))
        raise DataError(f"{name}: SHACL has no sh:{printable(not_core[0])}.{hint}")
    targets = {SH + target for target in TARGETS}
    if not targets & set(shapes.relations.ids) and not _implicit_targets(shapes):
        raise DataError(
            f"{name}: no shape has a target. Expected at least one of sh:{', sh:'.join(TARGETS)}."
        )


def _implicit_targets(shapes: GraphColumns) -> bool:
    """Return whether a shape is also a class, so that it targets the instances of the class."""
    entity, type = (shapes.entities.take(rows) for rows in shapes.types())
    kinds: dict[str, set[str]] = {}
    for id, kind in zip(entity, type, strict=True):
        kinds.setdefault(id, set()).add(kind.rpartition("#")[2])
    return any(kind & {"NodeShape", "PropertyShape"} and "Class" in kind for kind in kinds.values())


def _run(kg: GraphColumns, shapes: GraphColumns, name: str, limit_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="kgrec-shapes-") as folder:
        storage.save(kg, Path(folder) / "data")
        storage.save(shapes, Path(folder) / "shapes")
        # -P: no module of the current folder can replace one of ours.
        command = [sys.executable, "-P", "-m", "kgrec.kg.profile.shapes_worker", folder]
        try:
            done = subprocess.run(  # noqa: S603  # our own module, our own arguments
                command, capture_output=True, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DataError(
                f"{name}: the validation was given up after {limit_s:g} seconds. Give it more "
                "time, or find the regular expression (sh:pattern) or shape that takes too long."
            ) from error
        result = Path(folder) / "result.json"
        if done.returncode != 0 or not result.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            reason = printable(said[-1]) if said else f"exit code {done.returncode}"
            raise DataError(f"{name}: the validation failed: {reason}")
        found: dict[str, Any] = read_json(result)
    if "error" in found:
        raise DataError(f"{name}: the shapes are not valid: {printable(found['error'], 500)}")
    return found
