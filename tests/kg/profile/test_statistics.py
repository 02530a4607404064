"""What inspect shows of a planted graph, and which literals are ill-typed."""

import json

import pyarrow as pa
import pytest

from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.datatypes import LEXICAL, ill_typed
from kgrec.rdf.namespaces import RDF_LANG_STRING, RDF_TYPE, RDFS, XSD, XSD_STRING

KG = KnowledgeGraph.from_triples(
    [
        ("http://e/a", "http://e/likes", "http://e/b"),
        ("http://e/a", "http://e/likes", "https://e/b"),
        ("http://e/a", RDF_TYPE, "http://e/T"),
        ("_:n", "http://e/sawAgain", "http://e/z"),
        ("_:n", "http://e/sawAgain", "http://e/z"),
    ],
    [
        ("http://e/a", RDFS + "label", "Ann", "", "en"),
        ("http://e/a", RDFS + "label", "Anne", "", "fr"),
        ("http://e/a", "http://e/age", "7", XSD + "integer", ""),
        ("http://e/b", "http://e/age", "seven", XSD + "integer", ""),
    ],
)


def test_planted_statistics():
    found = KG.statistics()
    assert (found.statements, found.entities, found.blank_nodes) == (9, 6, 1)
    assert (found.triples, found.literals) == (4, 4)
    likes, saw, typed = found.relations
    assert (likes.iri, likes.triples, likes.subjects, likes.objects) == ("http://e/likes", 2, 1, 2)
    assert likes.example == ("Ann", "b")
    assert (saw.label, saw.triples, typed.iri) == ("saw again", 1, RDF_TYPE)
    age, label = found.properties
    assert (age.iri, age.literals, age.subjects) == ("http://e/age", 2, 2)
    assert (age.datatypes, age.languages) == ({XSD + "integer": 2}, {})
    assert (label.subjects, label.languages) == (1, {"en": 1, "fr": 1})
    assert label.datatypes == {RDF_LANG_STRING: 2}
    assert found.types == (("T", "http://e/T", 1),)
    assert found.hubs[0] == ("Ann", "http://e/a", 3)
    assert (found.degree["0"], found.degree["1"]) == (1.0, 3.0)
    assert (found.components, found.largest_component) == (2, 4)
    assert ("Ann", "likes", "b") in found.sample
    assert ("b", "age", '"seven"') in found.sample
    json.dumps(found.to_dict())


def test_planted_problems():
    problems = {problem.name: problem for problem in KG.statistics().problems}
    assert problems["duplicate_statements"].count == 1
    assert problems["unlabelled_entities"].examples == (
        "http://e/T", "http://e/b", "http://e/z", "https://e/b",
    )  # fmt: skip
    assert problems["only_objects"].examples == ("http://e/T", "http://e/z", "https://e/b")
    assert problems["ill_typed_literals"].examples == (
        f'http://e/b http://e/age "seven"^^<{XSD}integer>',
    )
    assert problems["http_https_near_duplicates"].examples == ("http://e/b | https://e/b",)
    assert "large_hubs" not in problems


def test_large_hubs_are_found_but_not_types():
    edges = [
        (f"i{n}", relation, hub)
        for n in range(1001)
        for relation, hub in (("in", "world"), (RDF_TYPE, "T"))
    ]
    problems = {p.name: p for p in KnowledgeGraph.from_triples(edges).statistics().problems}
    assert problems["large_hubs"].examples == ("world",)


def test_statistics_without_triples_or_without_literals():
    only_literals = KnowledgeGraph.from_triples([], [("a", "p", "1", "", "")]).statistics()
    assert (only_literals.relations, only_literals.components) == ((), 1)
    only_edges = KnowledgeGraph.from_triples([("a", "p", "b")]).statistics()
    assert (only_edges.properties, only_edges.components) == ((), 1)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("integer", ["0", "-01", "+7", " 12\n"], ["", "1.0", "1e3", "abc", "1 2", "١"]),
        ("nonNegativeInteger", ["0", "+5", "-0"], ["-5"]),
        ("positiveInteger", ["01", "10"], ["0", "-1"]),
        ("negativeInteger", ["-1", "-010"], ["0", "1", "-0"]),
        ("nonPositiveInteger", ["-1", "0", "+0"], ["1", "+1"]),
        ("decimal", ["1", "1.", ".5", "-0.5"], [".", "1e5", "INF"]),
        ("double", ["1e5", "-1.5E-3", "INF", "-INF", "NaN"], ["inf", "1e", "-NaN", "e5"]),
        ("boolean", ["true", "false", "1", "0"], ["TRUE", "yes", "2"]),
        ("date", ["1995-12-15", "-0044-03-15", "2020-01-01Z", "2020-01-01+05:30", "12020-01-01"],
         ["1995", "1995-13-01", "1995-12-32", "15.12.1995", "95-12-15", "012020-01-01"]),
        ("dateTime", ["1995-12-15T10:00:00", "1995-12-15T24:00:00Z", "1995-12-15T10:00:00.5-14:00"],
         ["1995-12-15", "1995-12-15 10:00:00", "1995-12-15T25:00:00", "1995-12-15T10:00"]),
        ("gYear", ["1995", "1995Z"], ["95", "1995-01"]),
        ("gMonthDay", ["--12-15"], ["12-15"]),
    ],
)  # fmt: skip
def test_lexical_forms(name, good, bad):
    texts = pa.array(good + bad)
    types = pa.array([XSD + name] * len(texts)).dictionary_encode()
    assert XSD + name in LEXICAL
    assert ill_typed(texts, types).tolist() == list(range(len(good), len(texts)))


def test_unknown_datatypes_are_never_ill_typed():
    types = pa.array([XSD_STRING, "http://e/mine"]).dictionary_encode()
    assert ill_typed(pa.array(["x", "y"]), types).tolist() == []
