"""The columns alone do for every function of a graph, and a graph of a class stays one of it."""

import numpy as np
import pytest

from kgrec.errors import DataError
from kgrec.kg import storage
from kgrec.kg.exchange import tuple_statements
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.labels import entity_labels
from kgrec.kg.merging import merge_graphs
from kgrec.kg.profile.statistics import graph_statistics
from kgrec.kg.updates import same_statements, updated
from kgrec.linking import link
from kgrec.linking.same_as import merge_same_as
from kgrec.rdf import writing
from kgrec.rdf.assembly import assemble
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.namespaces import OWL_SAME_AS, RDF_TYPE, RDFS
from kgrec.rdf.read_report import FileReport, ReadReport
from kgrec.rdf.reading import read_all
from kgrec.rdf.settings import ReadConfig

EX = "http://e/"
TRIPLES = [
    (EX + "heat", EX + "by", EX + "mann"),
    (EX + "ali", EX + "by", EX + "mann"),
    (EX + "heat", EX + "by", EX + "mann"),
    (EX + "heat", RDF_TYPE, EX + "Film"),
]
LITERALS = [
    (EX + "heat", RDFS + "label", "Heat", "", "en"),
    (EX + "ali", EX + "year", "2001", "", ""),
]


@pytest.fixture
def columns():
    return assemble(
        [tuple_statements(TRIPLES, LITERALS)],
        ReadReport(files=(FileReport("planted", "memory", 6),)),
    )


def test_assembling_sorts_numbers_and_counts(columns):
    assert columns.entities.ids == [EX + name for name in ("Film", "ali", "heat", "mann")]
    assert columns.triples.tolist() == [[1, 0, 3], [2, 0, 3], [2, 2, 0]]
    assert columns.triples.dtype == np.int32
    assert columns.literals.subject.tolist() == [1, 2]
    report = columns.report
    assert (report.statements, report.triples, report.literals, report.duplicates) == (6, 3, 2, 1)
    with pytest.raises(DataError, match="no statement was found in nothing"):
        assemble(
            [tuple_statements([], [])], ReadReport(files=(FileReport("nothing", "memory", 0),))
        )


def test_look_ups(columns):
    assert columns.relation_row(EX + "by") == 0
    assert columns.relation_row(EX + "none") == -1
    assert not len(columns.relation_triples(EX + "none"))
    only_films = columns.restricted(columns.triples[:, 1] == 2, columns.literals.subject == 2)
    assert only_films.entities.ids == [EX + "Film", EX + "heat"]
    assert only_films.triples.tolist() == [[1, 0, 0]]
    assert only_films.literals.subject.tolist() == [1]
    changed = updated(columns, removed=[TRIPLES[3]])
    assert changed.mentioned().tolist() == [False, True, True, True]
    assert changed.mentioned(as_subject=True).tolist() == [False, True, True, False]


def test_functions_of_a_graph_take_columns(columns, tmp_path):
    assert entity_labels(columns, [2, 3]) == ["Heat", "mann"]
    assert graph_statistics(columns).degree["1"] == 2
    assert link(columns.entities, columns).entity.tolist() == [0, 1, 2, 3]
    writing.write(columns, tmp_path / "kg.nt")
    storage.save(columns, tmp_path / "kg")
    for again in (read_all(tmp_path / "kg.nt", ReadConfig()), storage.load(tmp_path / "kg")):
        assert type(again) is GraphColumns
        assert same_statements(again, columns)


def test_a_graph_keeps_its_class_and_shares_its_columns(columns):
    kg = KnowledgeGraph.from_columns(columns)
    assert kg.triples is columns.triples
    assert kg.report is columns.report
    assert kg.equals(columns)
    same = (EX + "heat", OWL_SAME_AS, EX + "ali")
    for graph in (columns, kg):
        changed = updated(graph, added=columns, removed=[TRIPLES[0]])
        merged = merge_graphs([graph, updated(columns, added=[same])])
        for made in (changed, merged, merge_same_as(merged).kg, graph.without_graphs()):
            assert type(made) is type(graph)
    assert repr(columns) == "GraphColumns(4 entities, 4 relations, 3 triples, 2 literals)"
    assert repr(kg) == "KnowledgeGraph(4 entities, 4 relations, 3 triples, 2 literals)"
