"""Graphs go to pandas, rdflib and networkx and come back with nothing lost."""

import networkx as nx
import pytest
import rdflib.compare
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.exchange import in_graphs, tuple_statements
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.assembly import assemble
from kgrec.rdf.namespaces import RDF, RDF_LANG_STRING, XSD, XSD_STRING
from kgrec.rdf.statements import string_array

EX = "http://e/"
# The odd ones are no IRIs; a graph holds them nevertheless.
IDS = st.sampled_from(
    [EX + "a", EX + "%C3%BC", EX + "ü", EX + "a/", EX + "a#", "urn:x", "no iri", "0", "nan", "None",
     " ", "\U0001f600", 'q"<>', "a\nb", "\x07"]
)  # fmt: skip
IRIS = st.sampled_from([EX + "p", EX + "ü", "urn:x:y"])
NODES = IDS | st.sampled_from(["_:a", "_:file0_b1", "_:b"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(
    [
        "",
        " ",
        "nan",
        "None",
        "<NA>",
        "007",
        "1e400",
        "true",
        "<a><b/></a>",
        "&x;",
        "\r\n\t\x01\"'\\",
    ]
)
DATATYPES = st.sampled_from(
    ["", XSD_STRING, *(XSD + t for t in ("integer", "date", "boolean", "double", "hexBinary",
     "duration", "dateTime", "base64Binary", "gYear")),
     RDF + "HTML", RDF + "XMLLiteral", "urn:mine"]
)  # fmt: skip


def graphs(nodes, relations=IDS):
    typed = st.tuples(nodes, relations, TEXT, DATATYPES, st.just(""))
    language = st.sampled_from(["en", "de-AT", "x-y"])
    tagged = st.tuples(nodes, relations, TEXT, st.sampled_from(["", RDF_LANG_STRING]), language)
    return st.builds(
        KnowledgeGraph.from_triples,
        st.lists(st.tuples(nodes, relations, nodes), min_size=1, max_size=6),
        st.lists(typed | tagged, max_size=8),
    )


@settings(max_examples=80, deadline=None)
@given(graphs(NODES))
def test_pandas_round_trip(kg):
    assert KnowledgeGraph.from_pandas(kg.to_pandas(literals=True)).equals(kg)


@settings(max_examples=80, deadline=None)
@given(graphs(NODES))
def test_networkx_round_trip(kg):
    assert KnowledgeGraph.from_networkx(kg.to_networkx()).equals(kg)


@pytest.mark.filterwarnings("ignore:Parsing weird boolean")  # rdflib's, when it compares
@settings(max_examples=80, deadline=None)
@given(graphs(IDS))
def test_rdflib_round_trip(kg):
    assert KnowledgeGraph.from_rdflib(kg.to_rdflib()).equals(kg)


@pytest.mark.filterwarnings("ignore:Parsing weird boolean", "ignore:Serializing weird numerical")
@settings(max_examples=60, deadline=None)
@given(graphs(st.sampled_from([EX + "a", EX + "b/", "_:a", "_:file0_b1", "_:b"]), IRIS))
def test_rdflib_round_trip_of_blank_nodes(kg):
    graph = kg.to_rdflib()
    assert len(graph) == kg.num_triples + len(kg.literals)
    again = KnowledgeGraph.from_rdflib(graph)
    # Blank nodes get other names; the graph has the same shape.
    assert rdflib.compare.isomorphic(again.to_rdflib(), graph)


def test_nothing_of_an_odd_id_reaches_the_log(caplog, capfd):
    kg = KnowledgeGraph.from_triples(
        [("\x1b[31m a", "\x07 p", "b c")],
        [("a", "p", "x", "\x1b ", ""), ("a", "p", "x", RDF + "HTML", "")],
    )
    assert KnowledgeGraph.from_rdflib(kg.to_rdflib()).equals(kg)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_language_tags_that_rdflib_refuses():
    kg = KnowledgeGraph.from_triples([], [("a", "p", "x", "", "e\x1bn")])
    with pytest.raises(DataError, match=r"'e\\\\x1bn' is no language tag"):
        kg.to_rdflib()


NAMES = st.sampled_from(["", EX + "g", EX + "ü", "urn:x"])
QUADS = st.lists(st.tuples(st.sampled_from("ab"), IRIS, st.sampled_from("bc"), NAMES), max_size=6)
VALUES = st.lists(
    st.tuples(st.sampled_from("ab"), IRIS, TEXT, st.just(""), st.sampled_from(["", "en"]), NAMES),
    min_size=1,
    max_size=6,
)


def with_graphs(quads, values):
    batch = in_graphs(
        tuple_statements([quad[:3] for quad in quads], [value[:5] for value in values]),
        string_array([quad[3] for quad in quads]),
        string_array([value[5] for value in values]),
    )
    return KnowledgeGraph.from_columns(assemble([batch]))


@pytest.mark.filterwarnings("ignore:Dataset.default_context")  # rdflib's own
@settings(max_examples=80, deadline=None)
@given(QUADS, VALUES)
def test_round_trips_with_named_graphs(quads, values):
    kg = with_graphs(quads, values)
    assert len(kg.graphs) == len({*quads, *values})
    frame = kg.to_pandas(literals=True)
    assert len(frame) == len(kg.graphs)
    assert KnowledgeGraph.from_pandas(frame).equals(kg)
    assert KnowledgeGraph.from_networkx(kg.to_networkx()).equals(kg)
    dataset = kg.to_rdflib()
    default = dataset.default_graph.identifier
    found = [
        (str(s), str(p), str(o), "" if g in (None, default) else str(g))
        for s, p, o, g in dataset.quads()
    ]
    rows = frame[["head", "relation", "tail", "graph"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(rows)
    again = KnowledgeGraph.from_rdflib(dataset)
    assert again.without_graphs().equals(kg.without_graphs())


@pytest.mark.filterwarnings("ignore:Dataset.default_context")  # rdflib's own
def test_named_graphs_by_hand():
    kg = with_graphs(
        [("a", "p", "b", ""), ("a", "p", "b", "g"), ("b", "p", "c", "_:x")],
        [("a", "n", "1", "", "", "g")],
    )
    frame = kg.to_pandas()
    assert frame.columns.tolist() == ["head", "relation", "tail", "graph"]
    assert sorted(zip(frame["head"], frame["graph"], strict=True)) == [
        ("a", ""), ("a", "g"), ("b", "_:x"),
    ]  # fmt: skip
    dataset = kg.to_rdflib()
    assert isinstance(dataset, rdflib.Dataset)
    assert len(list(dataset.quads())) == 4
    graph = kg.to_networkx()
    assert graph.edges["a", "b", "p"]["graphs"] == ("", "g")
    assert graph.nodes["a"]["literal_graphs"] == [("g",)]
    for wrong in ((), "g", (1,)):
        graph.edges["a", "b", "p"]["graphs"] = wrong
        with pytest.raises(DataError, match="expected a list of names"):
            KnowledgeGraph.from_networkx(graph)
    graph.nodes["b"]["literal_graphs"] = [("g",)]
    graph.edges["a", "b", "p"]["graphs"] = ("g",)
    with pytest.raises(DataError, match="0 literals and 1 entries in literal_graphs"):
        KnowledgeGraph.from_networkx(graph)


def test_a_neighborhood_comes_back_as_a_graph():
    kg = KnowledgeGraph.from_triples(
        [("a", "p", "b"), ("b", "p", "c"), ("b", "q", "b"), ("c", "p", "d")],
        [("b", "name", "B", "", "en"), ("d", "name", "D", "", "")],
    )
    part = KnowledgeGraph.from_networkx(kg.to_networkx(["a"], hops=2))
    expected = KnowledgeGraph.from_triples(
        [("a", "p", "b"), ("b", "p", "c"), ("b", "q", "b")], [("b", "name", "B", "", "en")]
    )
    assert part.equals(expected)


def test_networkx_graphs_of_another_kind():
    made = nx.MultiDiGraph()
    with pytest.raises(DataError, match="graph is empty"):
        KnowledgeGraph.from_networkx(made)
    made.add_edge("a", "b")
    with pytest.raises(DataError, match=r"edge key 0 is of type int.*its relation as key"):
        KnowledgeGraph.from_networkx(made)
    with pytest.raises(DataError, match="keyed by relation id, found DiGraph"):
        KnowledgeGraph.from_networkx(nx.DiGraph([("a", "b")]))
    with pytest.raises(DataError, match="node 1 is of type int"):
        KnowledgeGraph.from_networkx(nx.MultiDiGraph([(1, "b", "p")]))
    for wrong in ("text", [("p", "x")], [("p", 1, "", "")]):
        made = nx.MultiDiGraph([("a", "b", "p")])
        made.nodes["a"]["literals"] = wrong
        with pytest.raises(DataError, match="The node 'a' has"):
            KnowledgeGraph.from_networkx(made)
