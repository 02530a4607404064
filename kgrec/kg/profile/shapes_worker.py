"""The process that validates a graph: `python -m kgrec.kg.profile.shapes_worker FOLDER`.

`kgrec.kg.profile.shapes` starts it. It reads the saved graphs `data` and `shapes` in the folder,
and writes `result.json`.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import rdflib
from rdflib.namespace import RDF, RDFS, SH
from rdflib.term import Node

from kgrec.kg import storage
from kgrec.kg.exchange import quiet_rdflib, to_rdflib
from kgrec.rdf.datatypes import LEXICAL
from kgrec.rdf.namespaces import XSD

_SHOWN: Final = 10
_DEPTH: Final = 20
_SEVERITIES: Final[dict[Node | None, int]] = {SH.Violation: 0, SH.Warning: 1, SH.Info: 2}


def main(folder: Path) -> None:
    """Validate the graph in `folder`."""
    import pyshacl
    from pyshacl.errors import ReportableRuntimeError, ValidationFailure

    data = to_rdflib(storage.load(folder / "data").without_graphs())
    shapes = to_rdflib(storage.load(folder / "shapes").without_graphs())
    stated = list(shapes)  # pySHACL adds to it
    found: dict[str, Any]
    try:
        with quiet_rdflib():
            conforms, report, text = pyshacl.validate(
                data, shacl_graph=shapes, inference="none", advanced=False, js=False,
                meta_shacl=False, do_owl_imports=False, inplace=False,
            )  # fmt: skip
    except (ReportableRuntimeError, ValidationFailure, RecursionError) as error:
        found = {"error": str(error).partition("\n")[0] or type(error).__name__}
    else:
        if isinstance(report, rdflib.Graph):
            own = rdflib.Graph()
            for triple in stated:
                own.add(triple)
            shapes_found, nodes = _focus(data, own)
            found = {"conforms": bool(conforms), "shapes": shapes_found, "focus_nodes": nodes,
                     "results": _results(report, own)}  # fmt: skip
        else:
            found = {"error": str(text)}
    (folder / "result.json").write_text(json.dumps(found), encoding="utf-8")


def _focus(data: rdflib.Graph, shapes: rdflib.Graph) -> tuple[int, int]:
    """Return the number of shapes that have a target, and the number of nodes they target."""
    targeted: set[Node] = set()
    nodes: set[Node] = set()
    classes: set[Node] = set(shapes.objects(None, SH.targetClass))
    for kind in (SH.NodeShape, SH.PropertyShape):
        implicit = {
            s for s in shapes.subjects(RDF.type, kind) if (s, RDF.type, RDFS.Class) in shapes
        }
        targeted |= implicit
        classes |= implicit
    for target in (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf):
        targeted |= set(shapes.subjects(target))
    for named in classes:
        for sub in data.transitive_subjects(RDFS.subClassOf, named):
            nodes |= set(data.subjects(RDF.type, sub))
    nodes |= set(shapes.objects(None, SH.targetNode))
    for predicate in shapes.objects(None, SH.targetSubjectsOf):
        nodes |= set(data.subjects(predicate))
    for predicate in shapes.objects(None, SH.targetObjectsOf):
        nodes |= set(data.objects(None, predicate))
    return len(targeted), len(nodes)


def _results(report: rdflib.Graph, shapes: rdflib.Graph) -> list[dict[str, Any]]:
    """Return the results of each constraint, the most severe and most frequent first."""
    groups: dict[tuple[Node | None, ...], list[Node]] = defaultdict(list)
    parts = (SH.sourceShape, SH.sourceConstraintComponent, SH.resultSeverity)
    for result in report.objects(None, SH.result):
        groups[tuple(report.value(result, part) for part in parts)].append(result)
    found = []
    for (shape, component, severity), results in groups.items():
        nodes = {_text(node) for r in results for node in report.objects(r, SH.focusNode)}
        values = {_text(value) for r in results for value in report.objects(r, SH.value)}
        # For constraints on the node itself, the value is the node.
        values = set() if values == nodes else values
        entry = {
            "shape": _name(shape, shapes),
            "path": _path(shapes.value(shape, SH.path), shapes),
            "constraint": _constraint(shape, component, shapes),
            "severity": _local(severity),
            "message": " / ".join(sorted(str(m) for m in shapes.objects(shape, SH.message))),
            "count": len(results),
            "nodes": sorted(nodes)[:_SHOWN],
            "values": sorted(values)[:_SHOWN],
        }
        found.append((_SEVERITIES.get(severity, 3), -len(results), entry))
    found.sort(key=lambda one: (one[0], one[1], json.dumps(one[2])))
    return [entry for _, _, entry in found]


def _name(shape: Node | None, shapes: rdflib.Graph) -> str:
    """Return the IRI of a shape, or that of the nearest enclosing shape that has one."""
    around: list[Node | None] = [shape]
    for _ in range(_DEPTH):
        for node in around:
            if isinstance(node, rdflib.URIRef):
                return str(node)
        outer = {s for node in around for s in shapes.subjects(None, node)}
        if not outer:
            break
        around = sorted(outer, key=str)
    return _text(shape)


def _path(path: Node | None, shapes: rdflib.Graph, depth: int = 0) -> str:
    """Return a path as SPARQL writes it."""
    if path is None:
        return ""
    if isinstance(path, rdflib.URIRef) or depth > _DEPTH:
        return str(path)
    for part, form in (
        (SH.inversePath, "^{}"),
        (SH.zeroOrMorePath, "({})*"),
        (SH.oneOrMorePath, "({})+"),
        (SH.zeroOrOnePath, "({})?"),
    ):
        inner = shapes.value(path, part)
        if inner is not None:
            return form.format(_path(inner, shapes, depth + 1))
    choices = shapes.value(path, SH.alternativePath)
    steps = list(shapes.items(path if choices is None else choices))
    return ("/" if choices is None else "|").join(_path(s, shapes, depth + 1) for s in steps)


def _constraint(shape: Node | None, component: Node | None, shapes: rdflib.Graph) -> str:
    """Return a constraint and its value, as "minCount 1"."""
    name = _local(component).removesuffix("ConstraintComponent")
    parameter = name[:1].lower() + name[1:]
    values = sorted(
        _local(value) if isinstance(value, rdflib.URIRef) else str(value)
        for value in shapes.objects(shape, SH[parameter])
        if not isinstance(value, rdflib.BNode)
    )
    return " ".join([parameter, ", ".join(values)]) if values else parameter


def _local(node: Node | None) -> str:
    return str(node).removeprefix(str(SH))


def _text(node: Node | None) -> str:
    if isinstance(node, rdflib.BNode):
        return f"_:{node}"
    return f'"{node}"' if isinstance(node, rdflib.Literal) else str(node)


def teach_rdflib_years() -> None:
    """Make rdflib check years, months and days; it accepts any text for them.

    This changes rdflib for the whole process.
    """
    for name in ("gYear", "gYearMonth", "gMonth", "gDay", "gMonthDay"):
        pattern = re.compile(LEXICAL[XSD + name])

        def checked(text: str, pattern: re.Pattern[str] = pattern) -> str:
            if not pattern.fullmatch(text.strip(" \t\r\n")):
                raise ValueError(text)
            return text

        rdflib.term.bind(rdflib.URIRef(XSD + name), str, checked, datatype_specific=True)


if __name__ == "__main__":
    teach_rdflib_years()
    main(Path(sys.argv[1]))
