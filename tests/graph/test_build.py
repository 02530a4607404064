"""The user–item–attribute graph: planted graphs with known edges, and nothing that leaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, UnknownIdError
from kgrec.graph.build import INTERACTS, GraphConfig, build_graph, forward_types
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link

EX = "http://ex.org/"
EVERYTHING = GraphConfig(min_degree=1)
# 3 users, 5 items: i1 and i2 are one entity, i3 another, i4 has one that the graph does not know,
# i5 has none. `by` runs from films to people, `sequel` between films, `award` from an entity.
TRIPLES = [
    ("film1", "by", "mann"),
    ("film3", "by", "mann"),
    ("film3", "sequel", "film1"),
    ("film0", "sequel", "film3"),
    ("oscar", "award", "film1"),
    ("mann", "born", "chicago"),
]
LINKS = [("i1", "film1"), ("i2", "film1"), ("i3", "film3"), ("i4", "film9")]


def iri(*names):
    return tuple(EX + name for name in names)


@pytest.fixture
def log():
    users = Vocabulary(["u1", "u2", "u3"], "user")
    items = Vocabulary(["i1", "i2", "i3", "i4", "i5"], "item")
    return Interactions(users, items, np.array([0, 0, 1, 2]), np.array([4, 0, 2, 3]))


@pytest.fixture
def kg():
    return KnowledgeGraph.from_triples([iri(*triple) for triple in TRIPLES])


@pytest.fixture
def links(log, kg):
    table = pd.DataFrame([(item, EX + name) for item, name in LINKS], columns=["item_id", "iri"])
    return link(log.items, kg, table)


def edges(graph, *kind):
    """The edges of a type, as sorted pairs of ids."""
    source, target = graph[kind].edge_index.tolist()
    names = graph[kind[0]].node_id, graph[kind[2]].node_id
    ids = ((names[0][s], names[1][t]) for s, t in zip(source, target, strict=True))
    return sorted(tuple(id.removeprefix(EX) for id in pair) for pair in ids)


def test_interactions_alone(log):
    graph = build_graph(log)
    assert set(graph.node_types) == {"user", "item"}
    assert [graph[kind].num_nodes for kind in ("user", "item")] == [3, 5]
    assert graph["user"].node_id == ["u1", "u2", "u3"]
    assert graph[INTERACTS].edge_index.tolist() == [[0, 0, 1, 2], [0, 4, 2, 3]]
    assert graph["item", "rev_interacts", "user"].edge_index.tolist() == [
        [0, 4, 2, 3],
        [0, 0, 1, 2],
    ]
    assert forward_types(graph) == [INTERACTS]


def test_items_take_over_their_entities(log, kg, links):
    graph = build_graph(log, kg, links, config=EVERYTHING)
    assert edges(graph, "item", "by", "entity") == [("i1", "mann"), ("i2", "mann"), ("i3", "mann")]
    assert edges(graph, "item", "sequel", "item") == [("i3", "i1"), ("i3", "i2")]
    assert edges(graph, "entity", "sequel", "item") == [("film0", "i3")]
    assert edges(graph, "entity", "award", "item") == [("oscar", "i1"), ("oscar", "i2")]
    assert edges(graph, "entity", "born", "entity") == [("mann", "chicago")]
    assert len(forward_types(graph)) == 6
    ids = [id.removeprefix(EX) for id in graph["entity"].node_id]
    assert ids == ["chicago", "film0", "mann", "oscar"]  # film1 and film3 are items now
    assert kg.entities.take(graph["entity"].kg_row.numpy()) == graph["entity"].node_id
    assert graph["item", "sequel", "item"].iri == EX + "sequel"


def test_unlinked_items_stay(log, kg, links):
    graph = build_graph(log, kg, links)
    assert graph["item"].node_id == ["i1", "i2", "i3", "i4", "i5"]
    of_knowledge = [kind for kind in forward_types(graph) if kind != INTERACTS]
    touched = {id for kind in of_knowledge for pair in edges(graph, *kind) for id in pair}
    assert not {"i4", "i5"} & touched
    assert ("u1", "i5") in edges(graph, *INTERACTS)
    assert ("u3", "i4") in edges(graph, *INTERACTS)


def test_every_edge_type_has_its_inverse(log, kg, links):
    graph = build_graph(log, kg, links, config=EVERYTHING)
    assert len(graph.edge_types) == 2 * len(forward_types(graph))
    for source, name, target in forward_types(graph):
        there, back = graph[source, name, target], graph[target, f"rev_{name}", source]
        assert there.iri == back.iri
        assert there.edge_index.flip(0).tolist() == back.edge_index.tolist()
        assert there.edge_index.dtype == back.edge_index.dtype
    graph.validate()


def test_min_degree_report_adds_up(log, kg, links):
    for least, kept in ((1, 4), (2, 2), (3, 1), (9, 0)):
        graph = build_graph(log, kg, links, config=GraphConfig(min_degree=least))
        report = graph.report["entity"]
        assert report["kept"] == graph["entity"].num_nodes == kept
        assert report["taken_over_by_items"] == 2
        assert sum(report.values()) == kg.num_entities
    assert graph["entity"].node_id == []
    assert all("entity" not in kind for kind in graph.edge_types)
    # oscar has an edge to each of the two items on film1, mann one to three items and one more.
    graph = build_graph(log, kg, links, config=GraphConfig(min_degree=2))
    assert [id.removeprefix(EX) for id in graph["entity"].node_id] == ["mann", "oscar"]
    assert edges(graph, "item", "by", "entity")[0] == ("i1", "mann")  # rows moved with the nodes


def test_tables_become_nodes(log, kg, links):
    items = AttributeTable.read(
        pd.DataFrame(
            {
                "item_id": ["i5", "i1", "i2"],
                "genre": ["War|Drama", "Drama", "Noir"],
                "price": [3.0, 1.0, None],
            }
        ),
        categories=["genre"],
        numbers=["price"],
    )
    users = AttributeTable.read(
        pd.DataFrame({"user_id": ["u3", "u2"], "job": ["clerk", "clerk"]}),
        id="user_id",
        categories=["job"],
        name="user",
    )
    graph = build_graph(log, kg, links, items=items, users=users, config=EVERYTHING)
    assert edges(graph, "item", "genre", "item_genre") == [
        ("i1", "Drama"), ("i2", "Noir"), ("i5", "Drama"), ("i5", "War"),
    ]  # fmt: skip
    assert edges(graph, "user_job", "rev_job", "user") == [("clerk", "u2"), ("clerk", "u3")]
    assert graph["item"].numeric_names == ["price"]
    assert graph["item"].numeric.tolist() == [[-1], [0], [0], [0], [1]]
    rare = build_graph(log, kg, links, items=items, config=GraphConfig(min_degree=2))
    assert rare["item_genre"].node_id == ["Drama"]
    assert rare.report["item_genre"] == {
        "kept": 1, "left_out_below_min_degree": 2, "taken_over_by_items": 0,
    }  # fmt: skip
    unknown = AttributeTable.read(pd.DataFrame({"item_id": ["i9"]}))
    with pytest.raises(UnknownIdError, match=r"'i9'"):
        build_graph(log, items=unknown)


@pytest.mark.parametrize("kind", ["random", "cold_items"])
def test_no_held_out_pair_is_an_edge(kg, kind):
    rng = np.random.default_rng(0)
    users = Vocabulary([f"u{n}" for n in range(6)], "user")
    items = Vocabulary([f"i{n}" for n in range(9)], "item")
    pairs = rng.permutation(54)[:40]
    split = Interactions(users, items, pairs // 9, pairs % 9).split(kind, valid=0.2, test=0.2)
    table = pd.DataFrame({"item_id": ["i1", "i2"], "iri": iri("film1", "film3")})
    graph = build_graph(split.train, kg, link(items, kg, table))
    seen = set()
    for edge_type in graph.edge_types:
        if {edge_type[0], edge_type[2]} == {"user", "item"}:
            user, item = graph[edge_type].edge_index.tolist()
            if edge_type[0] == "item":
                user, item = item, user
            seen |= set(zip(user, item, strict=True))
    trained = set(zip(split.train.user.tolist(), split.train.item.tolist(), strict=True))
    held_out = [split.valid, split.test]
    assert seen == trained
    assert all(
        pair not in seen for part in held_out for pair in zip(part.user, part.item, strict=True)
    )
    assert sum(map(len, held_out)) > 10


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_does_not_matter(random):
    triples, pairs = list(TRIPLES), [("u1", "i5"), ("u1", "i1"), ("u2", "i3"), ("u3", "i4")]
    expected = summary(triples, pairs, LINKS)
    table = list(LINKS)
    for rows in (triples, pairs, table):
        random.shuffle(rows)
    assert summary(triples + triples[:2], pairs, table) == expected


def summary(triples, pairs, table):
    log = Interactions.read(pd.DataFrame(pairs, columns=["user_id", "item_id"]))
    log = log.with_items(["i2"])
    kg = KnowledgeGraph.from_triples([iri(*triple) for triple in triples])
    frame = pd.DataFrame([(item, EX + name) for item, name in table], columns=["item_id", "iri"])
    graph = build_graph(log, kg, link(log.items, kg, frame), config=EVERYTHING)
    return {kind: edges(graph, *kind) for kind in graph.edge_types}


def test_settings_and_bad_input(log, kg, links):
    graph = build_graph(log, kg, links, config=GraphConfig(drop_relations=iri("by", "born")))
    assert not {"by", "born"} & {kind[1] for kind in graph.edge_types}
    with pytest.raises(ConfigError, match=r"'http://ex.org/bye'.*Did you mean 'http://ex.org/by'"):
        build_graph(log, kg, links, config=GraphConfig(drop_relations=iri("bye")))
    with pytest.raises(DataError, match="without links"):
        build_graph(log, kg)
    with pytest.raises(DataError, match="share the item vocabulary"):
        build_graph(log.with_items(["i6"]), kg, links)


def test_relations_of_one_name_stay_apart(log):
    triples = [
        ("http://a/film1", "http://a/by", "http://a/mann"),
        ("http://a/film1", "http://b/by", "http://a/mann"),
        ("http://a/film1", "http://b/rev_by", "http://a/mann"),
    ]
    kg = KnowledgeGraph.from_triples(triples)
    table = pd.DataFrame({"item_id": ["i1"], "iri": ["http://a/film1"]})
    graph = build_graph(log, kg, link(log.items, kg, table), config=EVERYTHING)
    names = {kind[1] for kind in forward_types(graph)}
    assert names == {"interacts", "http://a/by", "http://b/by", "http://b/rev_by"}
    assert len(graph.edge_types) == 8


def test_two_relations_to_one_film_join_nothing(log):
    """Whoever wrote and directed one film alone has two edges, but one neighbor."""
    triples = [(f"{EX}film1", f"{EX}{name}", f"{EX}mann") for name in ("by", "written")]
    kg = KnowledgeGraph.from_triples(triples)
    table = pd.DataFrame({"item_id": ["i1"], "iri": [f"{EX}film1"]})
    graph = build_graph(log, kg, link(log.items, kg, table))
    assert graph["entity"].num_nodes == 0
    assert graph.report["entity"]["left_out_below_min_degree"] == 1


def test_a_column_may_be_called_like_an_inverse(log):
    table = AttributeTable.read(
        pd.DataFrame({"item_id": log.items.ids, "rev_kind": "same"}), categories=["rev_kind"]
    )
    graph = build_graph(log, items=table)
    assert ("item", "column_rev_kind", "item_rev_kind") in list(forward_types(graph))


@pytest.mark.parametrize("name", ["interacts", "rev_by"])
def test_a_relation_may_be_called_like_what_the_graph_adds(log, name):
    """Ids that are no IRIs, as in RecBole's files, have no longer form to fall back to."""
    frame = pd.DataFrame({"head": ["a", "a"], "relation": [name, "by"], "tail": ["b", "c"]})
    kg = KnowledgeGraph.from_pandas(frame)
    table = pd.DataFrame({"item_id": ["i1"], "iri": ["a"]})
    graph = build_graph(log, kg, link(log.items, kg, table), config=EVERYTHING)
    assert {kind[1] for kind in forward_types(graph)} == {"interacts", "by", f"relation_{name}"}
    assert graph["entity", "rev_by", "item"].edge_index.shape[1] == 1
    assert graph["item", f"relation_{name}", "entity"].edge_index.shape[1] == 1
