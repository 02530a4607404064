"""Neighborhoods: the right nodes and edges, the telling ones first, and what is cut is counted."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, UnknownIdError
from kgrec.graph.build import GraphConfig, build_graph, forward_types
from kgrec.graph.node_names import NodeNames
from kgrec.graph.views import to_networkx
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link

EX = "http://ex.org/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
# Every film is from France; mann made two films, niro played in one of them.
TRIPLES = [
    *((f"film{n}", "countryOfOrigin", "France") for n in range(4)),
    ("film0", "director", "mann"),
    ("film1", "director", "mann"),
    ("film0", "actor", "niro"),
    ("mann", "friend", "niro"),
]
LITERALS = [
    ("mann", LABEL, "Michael Mann", "", "en"),
    ("mann", LABEL, "マイケル・マン", "", "ja"),
    ("niro", LABEL, "\x1b[31mNiro", "", ""),
    ("film1", LABEL, "Ali", "", "en"),
]


def iri(*names):
    return tuple(EX + name if not name.startswith("http") else name for name in names)


@pytest.fixture
def parts():
    users = Vocabulary(["u0", "u1"], "user")
    items = Vocabulary([f"i{n}" for n in range(5)], "item")
    log = Interactions(users, items, np.array([0, 0, 1]), np.array([0, 1, 0]))
    kg = KnowledgeGraph.from_triples(
        [iri(*triple) for triple in TRIPLES],
        [(*iri(*row[:2]), *row[2:]) for row in LITERALS],
    )
    pairs = [(f"i{n}", f"{EX}film{n}") for n in range(4)]
    links = link(items, kg, pd.DataFrame(pairs, columns=["item_id", "iri"]))
    table = AttributeTable.read(pd.DataFrame({"item_id": ["i0"], "title": ["Heat"]}))
    graph = build_graph(log, kg, links, items=table, config=GraphConfig(min_degree=1))
    return graph, NodeNames.from_graph(graph, kg=kg, links=links, items=table)


def labels(view):
    return [node["label"] for _, node in view.nodes(data=True)]


def test_names(parts):
    _, names = parts
    assert [names.node("item", row) for row in range(5)] == ["Heat", "Ali", "film2", "film3", "i4"]
    assert [names.node("entity", row) for row in range(3)] == [
        "France", "Michael Mann", "\x1b[31mNiro",
    ]  # fmt: skip
    kind = ("item", "countryOfOrigin", "entity")
    assert names.relation(kind, EX + "countryOfOrigin") == "country of origin"
    assert names.relation(("user", "interacts", "item")) == "liked"
    assert names.relation(("item", "price_level", "item_price_level")) == "price level"
    bare = NodeNames()
    assert bare.node("entity", 7) == bare.id("entity", 7) == "7"


def test_names_need_what_the_graph_was_made_of(parts):
    graph, _ = parts
    kg = KnowledgeGraph.from_triples([iri(*triple) for triple in TRIPLES])
    table = pd.DataFrame({"item_id": ["i0"], "iri": iri("film0")})
    with pytest.raises(DataError, match=r"over 1 items and the graph has 5"):
        NodeNames.from_graph(graph, kg=kg, links=link(Vocabulary(["i0"]), kg, table))
    other = KnowledgeGraph.from_triples([iri("film0", "director", "mann")])
    with pytest.raises(DataError, match=r"not the knowledge graph that the graph was made from"):
        NodeNames.from_graph(graph, kg=other)


def test_one_hop(parts):
    graph, names = parts
    view = to_networkx(graph, [("item", 0)], names=names)
    assert set(labels(view)) == {"Heat", "Michael Mann", "\x1b[31mNiro", "France", "u0", "u1"}
    assert view.graph["left_out"] == 0
    assert view.nodes["item", 0] == {
        "type": "item", "row": 0, "id": "i0", "label": "Heat", "hop": 0,
    }  # fmt: skip
    found = {(a, b, key) for a, b, key in view.edges(keys=True)}
    mann, niro, france = ("entity", 1), ("entity", 2), ("entity", 0)
    assert found == {
        (("item", 0), mann, "director"),
        (("item", 0), niro, "actor"),
        (("item", 0), france, "countryOfOrigin"),
        (mann, niro, "friend"),  # between two neighbors
        (("user", 0), ("item", 0), "interacts"),
        (("user", 1), ("item", 0), "interacts"),
    }
    edge = view.get_edge_data(("item", 0), france)["countryOfOrigin"]
    assert edge == {
        "relation": "countryOfOrigin",
        "iri": EX + "countryOfOrigin",
        "label": "country of origin",
    }


def test_hops(parts):
    graph, names = parts
    far = to_networkx(graph, [("user", 1)], hops=3, names=names, max_nodes=99)
    hops = {node["label"]: node["hop"] for _, node in far.nodes(data=True)}
    assert hops == {
        "u1": 0, "Heat": 1, "u0": 2, "Michael Mann": 2, "France": 2, "\x1b[31mNiro": 2,
        "Ali": 3, "film2": 3, "film3": 3,
    }  # fmt: skip
    assert labels(to_networkx(graph, [("user", 1)], hops=0, names=names)) == ["u1"]
    alone = to_networkx(graph, [("item", 4)], hops=5, names=names)
    assert labels(alone) == ["i4"]


def test_telling_neighbors_stay_and_the_rest_is_counted(parts):
    graph, names = parts
    view = to_networkx(graph, [("item", 0)], max_nodes=4, names=names)
    # Degrees: u1 1, niro 2, u0 2, mann 3, France 4.
    assert labels(view) == ["Heat", "u1", "\x1b[31mNiro", "u0"]
    assert view.graph["left_out"] == 2


def test_relations(parts):
    graph, names = parts
    for wanted in (["director", "friend"], [EX + "director", EX + "friend"]):
        view = to_networkx(graph, [("item", 0)], hops=2, names=names, relations=wanted)
        assert set(labels(view)) == {"Heat", "Michael Mann", "Ali", "\x1b[31mNiro"}
        assert {key for *_, key in view.edges(keys=True)} == {"director", "friend"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 3))
def test_edge_order_does_not_matter(seed, max_nodes, hops):
    graph = random_graph()
    plain = to_networkx(graph, [("item", 2)], hops=hops, max_nodes=max_nodes)
    shuffled = graph.clone()
    generator = torch.Generator().manual_seed(seed)
    for kind in graph.edge_types:
        order = torch.randperm(graph[kind].edge_index.shape[1], generator=generator)
        shuffled[kind].edge_index = graph[kind].edge_index[:, order]
    again = to_networkx(shuffled, [("item", 2)], hops=hops, max_nodes=max_nodes)
    assert list(again.nodes(data=True)) == list(plain.nodes(data=True))
    assert list(again.edges(data=True, keys=True)) == list(plain.edges(data=True, keys=True))
    assert again.graph == plain.graph
    assert len(plain) <= max_nodes


def random_graph():
    rng = np.random.default_rng(3)
    users = Vocabulary([f"u{n}" for n in range(4)], "user")
    items = Vocabulary([f"i{n}" for n in range(7)], "item")
    pairs = rng.permutation(28)[:12]
    table = pd.DataFrame({"item_id": items.ids, "c": [str(n % 3) for n in range(7)]})
    attributes = AttributeTable.read(table, categories=["c"])
    return build_graph(Interactions(users, items, pairs // 7, pairs % 7), items=attributes)


def test_all_hops_is_the_naive_neighborhood():
    graph = random_graph()
    near = {("item", 2)}
    for _ in range(2):
        ends = [
            {(source, a), (target, b)}
            for source, name, target in forward_types(graph)
            for a, b in graph[source, name, target].edge_index.t().tolist()
        ]
        near = near.union(*(pair for pair in ends if pair & near))
    view = to_networkx(graph, [("item", 2)], hops=2, max_nodes=99)
    assert set(view.nodes) == near


def test_bad_input(parts):
    graph, _ = parts
    with pytest.raises(UnknownIdError, match=r"no node type 'itme'. Did you mean 'item'"):
        to_networkx(graph, [("itme", 0)])
    for row in (-1, 5):
        with pytest.raises(UnknownIdError, match=rf"item row {row} is outside of 0 … 4"):
            to_networkx(graph, [("item", row)])
    with pytest.raises(ConfigError, match=r"no relation 'direktor'. Did you mean 'director'"):
        to_networkx(graph, [("item", 0)], relations=["direktor"])
    with pytest.raises(ConfigError, match=r"must be a list of names"):
        to_networkx(graph, [("item", 0)], relations="director")
    with pytest.raises(ConfigError, match=r"at least one"):
        to_networkx(graph, [])
    with pytest.raises(ConfigError, match=r"hops must be at least 0"):
        to_networkx(graph, [("item", 0)], hops=-1)
    with pytest.raises(ConfigError, match=r"max_nodes=1 must hold the 2 seeds"):
        to_networkx(graph, [("item", 0), ("item", 1)], max_nodes=1)
