"""Planted mistakes are found, each by its kind; a sound graph has none."""

import pyarrow as pa
import pytest

from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.profile.near_duplicates import find_near_duplicates
from kgrec.rdf.namespaces import RDF_TYPE, RDFS

LABEL = RDFS + "label"


def problems(kg):
    return {problem.name: problem for problem in kg.statistics().problems}


def twins(*ids):
    array = pa.array(sorted(ids), type=pa.large_string())
    return {
        found.name: found.examples(array, 9) for found in find_near_duplicates(array) if len(found)
    }


@pytest.mark.parametrize(
    ("name", "alike", "apart"),
    [
        (
            "http_https_near_duplicates",
            ["http://e/a", "https://e/a"],
            ["https://e/b", "http://e/https:"],
        ),
        (
            "www_near_duplicates",
            ["http://e.org/a", "http://www.e.org/a"],
            ["https://www.b.org/a", "www.b"],
        ),
        (
            "trailing_near_duplicates",
            ["http://e/a", "http://e/a/"],
            ["http://e/b/", "http://e/a/b"],
        ),
        ("trailing_near_duplicates", ["http://e/a#", "http://e/a/"], ["http://e/#a"]),
        ("host_case_near_duplicates", ["http://E.org/a", "http://e.org/a"], ["http://e.org/A"]),
        (
            "host_case_near_duplicates",
            ["HTTP://e.org/a?B", "http://e.org/a?B"],
            ["http://e.org/a?b"],
        ),
        (
            "normalisation_near_duplicates",
            ["http://e/caf\u00e9", "http://e/cafe\u0301"],
            ["http://e/cafe"],
        ),
        ("encoding_near_duplicates", ["http://e/%c3%bc", "http://e/ü"], ["http://e/u"]),
        ("encoding_near_duplicates", ["http://e/%C3%BC", "http://e/%c3%bc"], ["http://e/%FC"]),
        (
            "encoding_near_duplicates",
            ["http://e/%ff", "http://e/%FF"],
            ["http://e/%fe", "http://e/100%"],
        ),
        ("mixed_near_duplicates", ["http://e/a", "https://www.e/a/"], ["https://www.e/b"]),
        ("mixed_near_duplicates", ["http://e.org/ü", "https://E.org/%C3%BC"], ["http://e.org/Ü"]),
    ],
)
def test_near_duplicates(name, alike, apart):
    assert twins(*alike, *apart) == {name: (" | ".join(sorted(alike)),)}


def test_groups_of_twins_are_counted_and_not_their_members():
    found = {t.name: t for t in find_near_duplicates(pa.array(
        ["http://e/a", "http://e/a#", "http://e/a/", "http://e/b", "http://e/b/", "x", "y"],
        type=pa.large_string(),
    ))}  # fmt: skip
    assert len(found["trailing_near_duplicates"]) == 2
    assert found["trailing_near_duplicates"].rows.tolist() == [0, 1, 2, 3, 4]
    assert found["trailing_near_duplicates"].group.tolist() == [0, 0, 0, 1, 1]
    assert len(found["mixed_near_duplicates"]) == 0


def test_twins_of_nothing():
    assert twins() == {}
    assert twins("", "/", "#", ":", "http:", "https:", "//", "%", "%zz", "http://") == {
        "trailing_near_duplicates": (" | ".join(["", "#", "/", "//"]), "http: | http://"),
        "http_https_near_duplicates": ("http: | https:",),
    }


def test_planted_mistakes():
    labels = [(id, LABEL, id.upper(), "", "") for id in "abcdg"]
    kg = KnowledgeGraph.from_triples(
        [
            ("a", "p", "b"), ("b", "p", "c"), ("a", "p", "a"),  # a loop
            ("a", "mixed", "b"), ("a", "once", "c"),
            ("d", RDF_TYPE, "T"), ("a", RDF_TYPE, "T"), ("e", RDF_TYPE, "T"),
            ("_:n", "p", "a"), ("_:m", "p", "g"),
        ],
        [*labels, ("a", "mixed", "text", "", ""), ("T", LABEL, "type", "", "")],
    )  # fmt: skip
    found = problems(kg)
    assert set(found) == {
        "self_loops", "mixed_objects", "relations_used_once", "only_types", "many_blank_nodes",
        "unlabelled_entities",
    }  # fmt: skip
    assert found["self_loops"].examples == ("a p",)
    assert found["mixed_objects"].examples == ("mixed",)
    assert found["relations_used_once"].examples == ("once",)
    assert found["only_types"].examples == ("e",)  # d has a label too
    assert found["unlabelled_entities"].examples == ("e",)
    assert (found["many_blank_nodes"].count, found["many_blank_nodes"].text) == (
        2, "Blank nodes, 22% of all entities",
    )  # fmt: skip
    for problem in found.values():
        assert problem.text[0].isupper()
        assert problem.advice.endswith(".")


def test_a_sound_graph_has_none():
    people = [f"http://e/{name}" for name in ("ann", "ben", "cy")]
    kg = KnowledgeGraph.from_triples(
        [(a, "http://e/knows", b) for a in people for b in people if a != b],
        [(person, LABEL, person[9:], "", "") for person in people],
    )
    assert problems(kg) == {}


def test_skipped_files_are_told(tmp_path):
    (tmp_path / "a.nt").write_text("<e:a> <e:p> <e:b> .\n")
    (tmp_path / "notes.txt").write_text("")
    found = problems(KnowledgeGraph.read(tmp_path))["skipped_files"]
    assert (found.count, found.examples) == (1, (str(tmp_path / "notes.txt"),))
