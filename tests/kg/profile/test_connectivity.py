"""How far items are from one another, worked out by hand and by a naive search."""

from typing import NamedTuple

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.profile.connectivity import item_statistics
from kgrec.linking import link
from kgrec.rdf.namespaces import RDF_TYPE


def statistics(kg, *items):
    return item_statistics(kg, link(Vocabulary(items, "item"), kg))


def test_hops_by_hand():
    kg = KnowledgeGraph.from_triples(
        [
            ("a", "sequel", "b"),  # 1 hop
            ("c", "by", "x"), ("b", "by", "x"),  # c–b: 2 hops
            ("d", "by", "y"), ("y", "knows", "x"),  # d–x–b: 3 hops
            ("e", "by", "z"), ("z", "knows", "w"), ("w", "knows", "y"),  # e–z–w–y–d: 4 hops
            ("f", "by", "v"),  # a component of its own
            ("a", RDF_TYPE, "T"), ("f", RDF_TYPE, "T"), ("g", RDF_TYPE, "T"),
        ]
    )  # fmt: skip
    found = statistics(kg, "a", "b", "c", "d", "e", "f", "g", "nowhere")
    assert (found.num_items, found.linked, found.entities) == (8, 7, 7)
    assert found.within == {1: 2 / 7, 2: 3 / 7, 3: 4 / 7}
    assert found.unreachable == 2  # f and g, whose type does not count
    assert (found.components, found.largest_component) == (3, 5)
    assert found.triples == (0, 1.0, 2)


NODES = st.integers(0, 14).map(str)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(NODES, st.just("p"), NODES), min_size=1, max_size=20),
    st.data(),
)
def test_hops_as_a_naive_search_finds_them(triples, data):
    kg = KnowledgeGraph.from_triples(triples)
    items = data.draw(st.sets(st.sampled_from(kg.entities.ids), min_size=1))
    graph = nx.Graph((head, tail) for head, _, tail in triples)
    nearest = {
        item: min(
            (length for other, length in nx.single_source_shortest_path_length(graph, item).items()
             if other in items and other != item),
            default=None,
        )
        for item in items
    }  # fmt: skip
    found = statistics(kg, *items)
    for hops, share in found.within.items():
        near = sum(length is not None and length <= hops for length in nearest.values())
        assert share == pytest.approx(near / len(items))
    assert found.unreachable == sum(length is None for length in nearest.values())
    holding = [c for c in nx.connected_components(graph) if c & items]
    assert found.components == len(holding)
    assert found.largest_component == max(len(c & items) for c in holding)


class Plain(NamedTuple):
    items: Vocabulary
    item: np.ndarray
    entity: np.ndarray


def test_any_arrays_of_rows_are_links():
    kg = KnowledgeGraph.from_triples([("a", "by", "x"), ("b", "by", "x"), ("c", "by", "y")])
    plain = Plain(Vocabulary(["i", "j", "k"], "item"), np.array([0, 2]), np.array([0, 1]))
    found = kg.statistics(plain)
    assert found.items == item_statistics(kg, plain)
    assert (found.items.num_items, found.items.linked, found.items.within[2]) == (3, 2, 1.0)
    assert found.relations[0].item_share == 1.0


def test_links_to_another_graph():
    big = KnowledgeGraph.from_triples([("a", "p", "b"), ("c", "p", "d")])
    small = KnowledgeGraph.from_triples([("a", "p", "b")])
    with pytest.raises(DataError, match="links to another graph"):
        small.statistics(link(Vocabulary(["d"], "item"), big))


def test_what_an_update_left_without_statements_does_not_count():
    kg = KnowledgeGraph.from_triples([("a", "p", "b"), ("c", "q", "d")])
    found = kg.update(removed=[("c", "q", "d")]).statistics()
    assert (found.entities, found.components, found.largest_component) == (2, 1, 2)
    assert [r.iri for r in found.relations] == ["p"]
    assert {p.name: p.examples for p in found.problems}["unlabelled_entities"] == ("a", "b")
    assert (found.degree["0"], found.degree["1"]) == (1.0, 1.0)
