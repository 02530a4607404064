"""The graph itself: planted graphs with known answers, names, neighborhoods, round trips."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import rdflib
import rdflib.compare
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError, UnknownIdError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.namespaces import DCTERMS, RDF_LANG_STRING, RDF_TYPE, RDFS, SKOS, XSD, XSD_STRING

EX = "http://ex.org/"
LABEL = RDFS + "label"
# Nodes and relations differ in number, and no relation is symmetric: swapped axes show.
TRIPLES = [
    (EX + "heat", EX + "by", EX + "mann"),
    (EX + "heat", EX + "with", EX + "pacino"),
    (EX + "heat", EX + "with", EX + "niro"),
    (EX + "ronin", EX + "with", EX + "niro"),
    (EX + "heat", RDF_TYPE, EX + "Film"),
    (EX + "ronin", RDF_TYPE, EX + "Film"),
    (EX + "loop", EX + "with", EX + "loop"),
    (EX + "heat", EX + "by", EX + "mann"),
]
LITERALS = [
    (EX + "heat", LABEL, "Heat", None, "en"),
    (EX + "heat", LABEL, "Hitze", "", "de"),
    (EX + "heat", EX + "year", "1995", XSD + "integer", ""),
    (EX + "heat", RDFS + "comment", "A heist.", None, "en"),
    (EX + "by", LABEL, "directed by", None, "en"),
]


@pytest.fixture
def kg():
    return KnowledgeGraph.from_triples(TRIPLES, LITERALS)


def names(kg, rows):
    return [id.removeprefix(EX) for id in kg.entities.take(rows)]


def test_planted_graph(kg):
    assert names(kg, range(kg.num_entities)) == [
        "Film", "by", "heat", "loop", "mann", "niro", "pacino", "ronin",
    ]  # fmt: skip
    assert kg.relations.ids == [
        EX + "by",
        EX + "with",
        EX + "year",
        RDF_TYPE,
        RDFS + "comment",
        LABEL,
    ]
    assert kg.triples.dtype == np.int32
    assert kg.triples.tolist() == [
        [2, 0, 4], [2, 1, 5], [2, 1, 6], [2, 3, 0], [3, 1, 3], [7, 1, 5], [7, 3, 0],
    ]  # fmt: skip
    assert kg.num_triples == 7
    assert kg.report.duplicates == 1
    assert kg.report.statements == 13
    frame = kg.literals.to_pandas()
    assert frame["subject"].tolist() == [1, 2, 2, 2, 2]
    assert frame["value"].tolist() == ["directed by", "1995", "A heist.", "Heat", "Hitze"]
    tagged = [RDF_LANG_STRING] * 3
    assert frame["datatype"].tolist() == [RDF_LANG_STRING, XSD + "integer", *tagged]
    assert frame["language"].tolist() == ["en", "", "en", "en", "de"]


def test_views(kg):
    heat, niro, loop = kg.entities.rows([EX + "heat", EX + "niro", EX + "loop"])
    assert kg.degree().tolist() == [2, 0, 4, 2, 1, 2, 1, 2]
    assert kg.relation_counts().tolist() == [[1, 0], [4, 0], [0, 1], [2, 0], [0, 1], [0, 3]]
    entity, kind = kg.types()
    assert (names(kg, entity), names(kg, kind)) == (["heat", "ronin"], ["Film", "Film"])
    assert names(kg, kg.neighbors(niro)[:, 0]) == ["heat", "ronin"]
    assert kg.neighbors(heat).tolist() == kg.triples[:4].tolist()
    assert kg.neighbors(loop).tolist() == [[loop, 1, loop]]
    assert kg.literal_values(EX + "year").value.to_pylist() == ["1995"]
    assert len(kg.literal_values(EX + "none")) == 0
    assert len(kg.relation_triples(EX + "with")) == 4
    with pytest.raises(UnknownIdError, match="row 8 is outside"):
        kg.neighbors(8)


def test_labels_by_property_then_language():
    texts = [
        ("a", DCTERMS + "title", "title", None, "en"),
        ("a", SKOS + "prefLabel", "bevorzugt", None, "de"),
        ("b", LABEL, "plain", None, ""),
        ("b", LABEL, "français", None, "fr"),
        ("b", LABEL, "British", None, "en-GB"),
        ("c", LABEL, "français", None, "fr"),
        ("c", LABEL, "deutsch", None, "de"),
        ("d", LABEL, "  ", None, "en"),
        ("d", DCTERMS + "title", "named", None, ""),
        ("e", LABEL, "z", None, "en"),
        ("e", LABEL, "y", None, "en"),
        (EX + "Am%C3%A9lie_(film)", "p", "x", None, None),
    ]
    kg = KnowledgeGraph.from_triples([], texts)
    assert kg.labels() == ["bevorzugt", "British", "deutsch", "named", "y", "Amélie (film)"]
    rows = kg.entities.rows(["c", "b"])
    assert kg.labels(rows, languages=("fr",)) == ["français", "français"]
    assert kg.labels(rows, languages=("", "en-GB")) == ["deutsch", "plain"]
    assert kg.labels(rows, languages=("EN-gb",)) == ["deutsch", "British"]
    assert kg.labels([]) == []


def test_descriptions_and_relation_labels(kg):
    heat, ronin = kg.entities.rows([EX + "heat", EX + "ronin"])
    assert kg.descriptions([ronin, heat]) == ["", "A heist."]
    labels = dict(zip(kg.relations.ids, kg.relation_labels(), strict=True))
    assert labels[EX + "by"] == "directed by"
    assert labels[EX + "with"] == "with"


def test_networkx_neighborhood(kg):
    graph = kg.to_networkx([EX + "ronin"], hops=2)
    assert isinstance(graph, nx.MultiDiGraph)
    hops = {node.removeprefix(EX): hop for node, hop in graph.nodes(data="hop")}
    assert hops == {"ronin": 0, "niro": 1, "Film": 1, "heat": 2}
    assert set(graph.edges(keys=True)) == {
        (EX + "ronin", EX + "niro", EX + "with"),
        (EX + "ronin", EX + "Film", RDF_TYPE),
        (EX + "heat", EX + "niro", EX + "with"),
        (EX + "heat", EX + "Film", RDF_TYPE),
    }
    assert graph.nodes[EX + "heat"]["label"] == "Heat"
    assert (EX + "year", "1995", XSD + "integer", "") in graph.nodes[EX + "heat"]["literals"]
    small = kg.to_networkx([EX + "ronin"], hops=2, max_nodes=3)
    assert set(small) == {EX + "ronin", EX + "niro", EX + "Film"}
    assert small.graph["left_out"] == 1
    whole = kg.to_networkx()
    assert (len(whole), whole.number_of_edges()) == (kg.num_entities, kg.num_triples)
    with pytest.raises(UnknownIdError, match="heet"):
        kg.to_networkx([EX + "heet"])


def test_pandas_round_trip(kg):
    frame = kg.to_pandas(literals=True)
    assert KnowledgeGraph.from_pandas(frame.sample(frac=1, random_state=0)).equals(kg)
    edges = kg.to_pandas()
    assert list(edges.columns) == ["head", "relation", "tail"]
    assert len(edges) == kg.num_triples
    renamed = KnowledgeGraph.from_pandas(
        pd.DataFrame({"s": [2, 10], "p": ["x", "y"], "o": ["b", "c"]}), "s", "p", "o"
    )
    assert renamed.entities.ids == ["10", "2", "b", "c"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            {"head": ["a"], "relation": ["p"], "tale": ["b"]},
            "no column 'tail'.*Did you mean 'tale'",
        ),
        ({"head": ["a", None], "relation": ["p", "p"], "tail": ["b", "b"]}, "'head' has 1 missing"),
        ({"head": [1.5], "relation": ["p"], "tail": ["b"]}, "'head' holds fractions"),
        ({"head": ["a"], "relation": [("p",)], "tail": ["b"]}, "must be strings"),
        ({"head": [], "relation": [], "tail": []}, "graph is empty"),
        ({"head": [""], "relation": ["p"], "tail": ["b"]}, "subject of statement 0"),
    ],
)
def test_bad_tables_get_a_message(frame, message):
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.from_pandas(pd.DataFrame(frame))


@pytest.mark.parametrize(
    ("triples", "literals", "message"),
    [
        ([], [], "graph is empty"),
        ([("a", "b")], [], r"triples\[0\] has 2 parts .*; expected 3 strings"),
        (["abc"], [], r"triples\[0\]"),
        ([("a", "b", 3)], [], "Statement 0 holds 3 of type int"),
        ([("a", "b", "c"), ("a", "", "c")], [], "predicate of statement 1"),
        ([("a", "b", None)], [], "object of statement 0"),
        ([("a", "b", "\ud800")], [], "is not valid Unicode text"),
        ([], [("a", "b", None, None, None)], "value of literal 0"),
        ([], [("a", "b", "c", XSD_STRING, "en")], "language exactly if"),
        ([], [("a", "b", "c", RDF_LANG_STRING, "")], "language exactly if"),
    ],
)
def test_bad_statements_get_a_message(triples, literals, message):
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.from_triples(triples, literals)


RDF_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["01", "1.0", "TRUE", "1995-13-45", "NaN", "<b>"]
)
RDF_NODES = st.sampled_from([EX + "a", EX + "b", "_:x", "_:y"])
RDF_LITERALS = st.tuples(
    st.sampled_from([EX + "a", EX + "b"]),
    st.sampled_from([EX + "p", EX + "q"]),
    RDF_TEXT,
    st.sampled_from(["", XSD + "integer", XSD + "boolean", XSD + "date", XSD_STRING, EX + "type"]),
    st.just(""),
) | st.tuples(
    st.just(EX + "a"), st.just(EX + "p"), RDF_TEXT, st.just(""), st.sampled_from(["en", "de-AT"])
)


@pytest.mark.filterwarnings("ignore:Parsing weird boolean")  # rdflib's, when it compares
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(RDF_NODES, st.just(EX + "p"), RDF_NODES), min_size=1, max_size=6),
    st.lists(RDF_LITERALS, max_size=8),
)
def test_rdflib_round_trip_loses_nothing(triples, literals):
    kg = KnowledgeGraph.from_triples(triples, literals)
    graph = kg.to_rdflib()
    assert len(graph) == kg.num_triples + len(kg.literals)
    again = KnowledgeGraph.from_rdflib(graph)
    assert again.literals.value.equals(kg.literals.value)
    assert again.literals.datatype.to_pylist() == kg.literals.datatype.to_pylist()
    assert again.literals.language.to_pylist() == kg.literals.language.to_pylist()
    if not any(id.startswith("_:") for id in kg.entities.ids):
        assert again.equals(kg)
    # Blank nodes get other names; the graph has the same shape.
    assert rdflib.compare.isomorphic(again.to_rdflib(), graph)


def test_from_rdflib_keeps_lexical_forms():
    graph = rdflib.Graph()
    subject, predicate = rdflib.URIRef(EX + "a"), rdflib.URIRef(EX + "p")
    integer = rdflib.URIRef(XSD + "integer")
    graph.add((subject, predicate, rdflib.Literal("007", datatype=integer, normalize=False)))
    graph.add((subject, predicate, rdflib.Literal("Zürich", lang="de-CH")))
    graph.add((subject, predicate, rdflib.BNode("n1")))
    kg = KnowledgeGraph.from_rdflib(graph)
    assert kg.entities.ids == ["_:file0_b0", EX + "a"]
    assert kg.literals.value.to_pylist() == ["007", "Zürich"]
    assert kg.literals.language.to_pylist() == ["", "de-ch"]
    empty = KnowledgeGraph.from_rdflib(rdflib.Graph())
    assert empty.num_entities == 0
    assert "graph is empty" in empty.report.notes[0]


def test_ill_typed_literals_go_to_rdflib_quietly(caplog):
    KnowledgeGraph.from_triples([], [("a", "p", "x", XSD + "date", "")]).to_rdflib()
    assert not caplog.records
    rdflib.Literal("x", datatype=rdflib.URIRef(XSD + "date"))
    assert caplog.records  # the logger speaks again


def test_rdflib_terms_that_rdf_does_not_allow():
    graph = rdflib.Graph()
    graph.add((rdflib.Literal("a"), rdflib.URIRef(EX + "p"), rdflib.URIRef(EX + "b")))
    with pytest.raises(DataError, match="Literal 'a'"):
        KnowledgeGraph.from_rdflib(graph)


def test_base_direction_is_kept_but_not_for_rdflib():
    kg = KnowledgeGraph.from_triples([], [("a", "p", "x", "", "ar--rtl")])
    assert kg.literals.datatype.to_pylist() == [RDF_LANG_STRING.replace("lang", "dirLang")]
    with pytest.raises(DataError, match="base direction"):
        kg.to_rdflib()


def test_equals_sees_every_part(kg):
    assert kg.equals(KnowledgeGraph.from_triples(TRIPLES[::-1], LITERALS[::-1]))
    changed = [(*LITERALS[2][:2], "1996", *LITERALS[2][3:])]
    assert not kg.equals(
        KnowledgeGraph.from_triples(TRIPLES, LITERALS[:2] + changed + LITERALS[3:])
    )
    assert not kg.equals(KnowledgeGraph.from_triples(TRIPLES[1:-1], LITERALS))
