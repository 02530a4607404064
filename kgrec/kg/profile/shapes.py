"""Whether a graph is what SHACL shapes say it should be (https://www.w3.org/TR/shacl/).

pySHACL does the work, in a process of its own and with a limit of time: a file of shapes may come
from a stranger, and a regular expression in it can take for ever. SHACL Core is what is run.
Queries (SHACL-SPARQL), rules and scripts are refused, since they could reach files and networks;
`owl:imports` is not followed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from kgrec.errors import ConfigError, DataError, did_you_mean, printable
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
_REFUSED: Final = frozenset(
    (
        *("sparql", "select", "ask", "construct", "update", "js", "jsFunctionName", "jsLibrary"),
        *("jsLibraryURL", "rule", "condition", "target", "expression", "entailment", "parameter"),
        *("validator", "nodeValidator", "propertyValidator", "returnType", "labelTemplate"),
        *("filterShape", "nodes", "intersection", "union", "resultAnnotation", "optional"),
        *("annotationProperty", "annotationValue", "annotationVarName"),
        *("subject", "predicate", "object"),
    )
)


@dataclass(frozen=True)
class ShapeResult:
    """What one constraint of one shape found.

    Attributes:
        shape: IRI of the shape, or of the nearest shape around it that has one.
        path: The property that it is about, as a SPARQL path; "" for the node itself.
        constraint: The constraint and its value, as "minCount 1".
        severity: "Violation", "Warning", "Info", or the IRI of another severity.
        message: The shape's own message, "" if it has none.
        count: Number of results.
        nodes: The first focus nodes, sorted.
        values: The first values that do not fit, sorted; empty where it is a value that lacks.
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
        conforms: Whether there is no result at all, whatever its severity, as the standard has it.
        shapes: Number of shapes that name what they are about.
        focus_nodes: Number of distinct nodes that they are about.
        results: What each constraint found, the most severe and most frequent first.
        imports: IRIs that the shapes import, and that were not followed.
    """

    conforms: bool
    shapes: int
    focus_nodes: int
    results: tuple[ShapeResult, ...]
    imports: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        results = [
            asdict(r) | {"nodes": list(r.nodes), "values": list(r.values)} for r in self.results
        ]
        return asdict(self) | {"results": results, "imports": list(self.imports)}


def validate(
    kg: GraphColumns, shapes: PathLike | Sequence[PathLike], *, limit_s: float = 600.0
) -> ShapesReport:
    """Validate a graph against SHACL shapes.

    Args:
        kg: The graph.
        shapes: Files of shapes, in any format that a graph is read from.
        limit_s: Seconds after which the validation is given up.

    Raises:
        ConfigError: pySHACL is not installed, or the limit is no positive number.
        DataError: The shapes cannot be read, are not valid, use more than SHACL Core, are about
            nothing, or the validation takes too long.
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
    """Refuse what would not be run, and what SHACL does not know: nothing is passed over."""
    used = [iri[len(SH) :] for iri in shapes.relations.ids if iri.startswith(SH)]
    refused = [term for term in used if term in _REFUSED]
    if refused:
        raise DataError(
            f"{name}: the shapes use sh:{', sh:'.join(refused)}. kgrec runs SHACL Core alone: "
            "queries, rules, functions and scripts could reach files and networks. Take these "
            "shapes out."
        )
    unknown = [term for term in used if term not in _CORE]
    if unknown:
        raise DataError(
            f"{name}: SHACL has no sh:{printable(unknown[0])}."
            + did_you_mean(unknown[0], sorted(_CORE))
        )
    targets = {SH + target for target in TARGETS}
    if not targets & set(shapes.relations.ids) and not _implicit_targets(shapes):
        raise DataError(
            f"{name}: no shape names what it is about. Expected at least one of "
            f"sh:{', sh:'.join(TARGETS)}."
        )


def _implicit_targets(shapes: GraphColumns) -> bool:
    """Return whether a shape is a class too, and so about the class's instances."""
    entity, type = (shapes.entities.take(rows) for rows in shapes.types())
    kinds: dict[str, set[str]] = {}
    for id, kind in zip(entity, type, strict=True):
        kinds.setdefault(id, set()).add(kind.rpartition("#")[2])
    return any(kind & {"NodeShape", "PropertyShape"} and "Class" in kind for kind in kinds.values())


def _run(kg: GraphColumns, shapes: GraphColumns, name: str, limit_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="kgrec-shapes-") as folder:
        storage.save(kg, Path(folder) / "data")
        storage.save(shapes, Path(folder) / "shapes")
        # -P: no module of the current folder takes the place of one of ours.
        command = [sys.executable, "-P", "-m", "kgrec.kg.profile.shapes_worker", folder]
        try:
            done = subprocess.run(  # noqa: S603  # our own module, our own arguments
                command, capture_output=True, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DataError(
                f"{name}: the validation was given up after {limit_s:g} seconds. Give it more "
                "time, or look for a regular expression (sh:pattern) or shape that takes too long."
            ) from error
        result = Path(folder) / "result.json"
        if done.returncode != 0 or not result.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            reason = printable(said[-1]) if said else f"exit code {done.returncode}"
            raise DataError(f"{name}: the validation failed: {reason}")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "error" in found:
        raise DataError(f"{name}: the shapes are not valid: {printable(found['error'], 500)}")
    return found
