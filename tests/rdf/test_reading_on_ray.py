"""A folder of RDF that workers read is the graph that one process reads."""

import warnings

import numpy as np
import pytest

import kgrec
from kgrec.engine import LocalEngine
from kgrec.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Five files in several syntaxes, with blank nodes and terms that they share."""
    (tmp_path / "a.ttl").write_text(
        "@prefix ex: <http://ex.org/> .\nex:a ex:p ex:b ; ex:label 'Über'@de .\n"
        "[] ex:p ex:a .\n_:x ex:p _:y .\n"
    )
    (tmp_path / "b.nt").write_text(
        "<http://ex.org/b> <http://ex.org/p> <http://ex.org/c> .\n"
        "_:x <http://ex.org/p> <http://ex.org/a> .\n"
    )
    (tmp_path / "c.nq").write_text(
        "<http://ex.org/c> <http://ex.org/q> <http://ex.org/a> <http://ex.org/g> .\n"
        "<http://ex.org/c> <http://ex.org/q> '1' .\n".replace("'1'", '"1"')
    )
    (tmp_path / "d.jsonld").write_text('{"@id": "http://ex.org/d", "http://ex.org/p": [1, true]}')
    (tmp_path / "e.nt").write_text("<http://ex.org/b> <http://ex.org/p> <http://ex.org/c> .\n")
    (tmp_path / "notes.txt").write_text("no RDF")
    return tmp_path


def same(left, right):
    assert left.entities == right.entities
    assert left.relations == right.relations
    np.testing.assert_array_equal(left.triples, right.triples)
    for name in ("subject", "relation"):
        np.testing.assert_array_equal(getattr(left.literals, name), getattr(right.literals, name))
    for name in ("value", "datatype", "language"):
        assert getattr(left.literals, name).to_pylist() == getattr(right.literals, name).to_pylist()
    assert left.report == right.report


def test_the_graph_and_its_report_are_the_same(folder, on_ray):
    with LocalEngine():
        expected = kgrec.KnowledgeGraph.read(folder)
    same(kgrec.KnowledgeGraph.read(folder), expected)
    assert on_ray.maps == 1


def test_a_graph_that_lost_a_worker_is_the_same(folder, on_failing_ray):
    with LocalEngine():
        expected = kgrec.KnowledgeGraph.read(folder)
    with pytest.warns(match="was lost"):
        same(kgrec.KnowledgeGraph.read(folder), expected)


def test_a_single_file_is_read_here(folder, on_ray):
    kgrec.KnowledgeGraph.read(folder / "a.ttl")
    assert not on_ray.maps


def test_what_is_not_valid_is_left_out_and_written_down_the_same(folder, on_ray, tmp_path):
    for name in ("b.nt", "e.nt"):
        with (folder / name).open("a") as file:
            file.write("not a statement\n<http://ex.org/x> <http://ex.org/p> <no iri> .\n")
    written, graphs = [], []
    for engine in (LocalEngine(), on_ray):
        rejects = tmp_path / f"rejects{len(written)}.jsonl"
        with engine, warnings.catch_warnings(action="ignore"):
            graphs.append(kgrec.KnowledgeGraph.read(folder, on_error="skip", rejects=rejects))
        written.append(rejects.read_text())
    assert written[0] == written[1]
    assert written[0].count("\n") == 4
    assert graphs[0].report.first_rejected == graphs[1].report.first_rejected
    np.testing.assert_array_equal(graphs[0].triples, graphs[1].triples)


def test_the_first_file_that_is_not_valid_is_named_as_here(folder, on_ray):
    (folder / "b.nt").write_text("<http://ex.org/b> broken .\n")
    (folder / "e.nt").write_text("broken too\n")
    said = []
    for engine in (LocalEngine(), on_ray):
        with engine, pytest.raises(DataError, match=r"b\.nt, line 1") as raised:
            kgrec.KnowledgeGraph.read(folder)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_a_mistake_is_told_in_the_words_of_the_command(folder, on_ray, monkeypatch, kgrec):
    from kgrec.engine import RayEngineConfig

    (folder / "b.nt").write_text("<http://ex.org/b> broken .\n")
    monkeypatch.setattr(RayEngineConfig, "build", lambda _: on_ray)
    here = kgrec("inspect", folder)
    there = kgrec("inspect", folder, "--engine", "ray")
    assert here[0] == there[0] == 2
    assert here[2] == there[2]
    assert "--on-error skip" in here[2]
