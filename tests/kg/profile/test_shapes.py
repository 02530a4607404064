"""SHACL: known answers for shapes that fit and shapes that do not, and shapes from strangers."""

import importlib.util
import subprocess
import time
from pathlib import Path

import pytest

from kgrec.errors import ConfigError, DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.profile import shapes as module
from kgrec.kg.profile import shapes_worker
from kgrec.kg.profile.shapes import validate
from kgrec.rdf.namespaces import RDF_TYPE, RDFS, XSD

E = "http://e/"
KG = KnowledgeGraph.from_triples(
    [
        (E + "heat", RDF_TYPE, E + "Film"), (E + "heat", E + "director", E + "mann"),
        (E + "ali", RDF_TYPE, E + "Film"), (E + "ali", E + "director", E + "mann"),
        (E + "up", RDF_TYPE, E + "Cartoon"), (E + "Cartoon", RDFS + "subClassOf", E + "Film"),
        ("_:n", RDF_TYPE, E + "Film"), ("_:n", E + "director", E + "mann"),
        (E + "mann", RDF_TYPE, E + "Person"),
    ],
    [
        (E + "heat", E + "year", "1995", XSD + "gYear", ""),
        (E + "ali", E + "year", "soon", XSD + "gYear", ""),
        (E + "up", E + "year", "2009", XSD + "integer", ""),
        ("_:n", E + "year", "2001", XSD + "gYear", ""),
        (E + "up", E + "director", "Pete\x1b[31m", "", ""),
    ],
)  # fmt: skip
HEAD = (
    "@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix e: <http://e/> . "
    "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . "
    "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . "
    "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
)


@pytest.fixture
def check_apart(tmp_path):
    """Validate in a process of its own, as users do."""

    def run(text, kg=KG, **options):
        path = tmp_path / "shapes.ttl"
        path.write_text(HEAD + text)
        return validate(kg, path, **options)

    return run


@pytest.fixture
def check(check_apart, monkeypatch):
    """Validate in this process: starting one for every test would take a minute."""

    def run(command, **_options):
        try:
            shapes_worker.main(Path(command[-1]))
        except Exception as error:  # noqa: BLE001  # a process would say so and end
            return subprocess.CompletedProcess(command, 1, b"", repr(error).encode())
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(module.subprocess, "run", run)
    return check_apart


def test_a_graph_that_conforms(check):
    report = check(
        "e:S a sh:NodeShape ; sh:targetClass e:Film ; "
        "sh:property [ sh:path e:year ; sh:minCount 1 ; sh:maxCount 1 ] ."
        "e:T a sh:NodeShape ; sh:targetSubjectsOf e:director ; sh:nodeKind sh:BlankNodeOrIRI ."
    )
    assert report.conforms
    assert (report.shapes, report.focus_nodes, report.results) == (2, 4, ())


def test_violations_per_shape_and_severity(check_apart):
    report = check_apart(
        "e:S a sh:NodeShape ; sh:targetClass e:Film ; sh:property e:Year, "
        "[ sh:path e:director ; sh:nodeKind sh:IRI ; sh:severity sh:Warning ; "
        '  sh:message "an entity, not a name" ] .'
        "e:Year sh:path e:year ; sh:datatype xsd:gYear ."
        "e:P a sh:NodeShape ; sh:targetNode e:mann ; "
        "sh:property [ sh:path [ sh:inversePath e:director ] ; sh:maxCount 2 ] ."
    )
    assert not report.conforms
    assert (report.shapes, report.focus_nodes) == (2, 5)
    year, people, director = report.results
    assert (year.shape, year.path, year.severity) == (E + "Year", E + "year", "Violation")
    assert (year.constraint, year.count) == (f"datatype {XSD}gYear", 2)
    assert year.nodes == (E + "ali", E + "up")
    assert year.values == ('"2009"', '"soon"')
    assert (people.shape, people.path) == (E + "P", f"^{E}director")
    assert (people.constraint, people.count, people.nodes) == ("maxCount 2", 1, (E + "mann",))
    assert (director.shape, director.severity, director.count) == (E + "S", "Warning", 1)
    assert (director.message, director.nodes) == ("an entity, not a name", (E + "up",))
    assert director.constraint == "nodeKind IRI"


def test_blank_nodes_keep_the_name_that_the_graph_gives_them(check):
    report = check("e:S sh:targetClass e:Film ; sh:nodeKind sh:IRI .")
    assert report.results[0].nodes == ("_:n",)


def test_imports_are_told_and_not_followed(check):
    report = check(
        "<http://localhost:1/o> owl:imports <http://localhost:1/shapes>, <file:///etc/passwd> ."
        "e:Film a sh:NodeShape, rdfs:Class ; sh:property [ sh:path e:year ; sh:minCount 1 ] ."
    )
    assert report.conforms
    assert (report.shapes, report.focus_nodes) == (1, 4)
    assert report.imports == ("file:///etc/passwd", "http://localhost:1/shapes")


TARGET = "e:S a sh:NodeShape ; sh:targetClass e:Film"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TARGET + ' ; sh:sparql [ sh:select "SELECT $this FROM <http://localhost:1/> { }" ] .',
         "use sh:select, sh:sparql. kgrec runs SHACL Core alone"),
        (TARGET + ' ; sh:js [ sh:jsFunctionName "f" ] .', "sh:js"),
        (TARGET + " ; sh:rule [ sh:subject sh:this ] .", "sh:rule"),
        ("e:C a sh:ConstraintComponent ; sh:parameter [ sh:path e:x ] .", "sh:parameter"),
        (TARGET + " ; sh:property [ sh:path e:year ; sh:minCont 1 ] .",
         "SHACL has no sh:minCont. Did you mean 'minCount'"),
        ("e:S a sh:NodeShape ; sh:property [ sh:path e:year ; sh:minCount 1 ] .",
         "no shape has a target"),
        (TARGET + " ; sh:property [ sh:path e:year ; sh:minCount e:one ] .",
         "not valid: .*minCount"),
        (TARGET + " ; sh:property [ sh:minCount 1 ] .", "not valid"),
        (TARGET + ' ; sh:property [ sh:path e:year ; sh:pattern "(" ] .', "not valid|failed"),
        ("this is no Turtle", r"shapes.ttl, line 2"),
    ],
)  # fmt: skip
def test_shapes_that_are_refused(check, text, message):
    with pytest.raises(DataError, match=message) as raised:
        check(text)
    assert "shapes.ttl" in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_a_regular_expression_that_never_ends_is_stopped(check_apart):
    kg = KnowledgeGraph.from_triples([], [(E + "a", E + "p", "a" * 60 + "!", "", "")])
    text = 'e:S sh:targetSubjectsOf e:p ; sh:property [ sh:path e:p ; sh:pattern "^(a+)+$" ] .'
    started = time.monotonic()
    with pytest.raises(DataError, match="given up after 4 seconds"):
        check_apart(text, kg, limit_s=4)
    assert time.monotonic() - started < 60


def test_without_pyshacl(check, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "pyshacl" else find(name))
    with pytest.raises(ConfigError, match=r"pip install 'kgrec\[shacl\]'"):
        check(TARGET + " .")


def test_a_limit_that_is_none(check):
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="positive number of seconds"):
            check(TARGET + " .", limit_s=wrong)
