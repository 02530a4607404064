"""Several graphs as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.merging import merge_graphs

names = st.sampled_from(["ex:a", "ex:b", "ex:c", "ex:d"])
edges = st.lists(st.tuples(names, st.sampled_from(["ex:p", "ex:q"]), names), min_size=1, max_size=6)
values = st.lists(
    st.tuples(names, st.just("ex:v"), st.sampled_from(["1", "é", ""]), st.just(""),
              st.sampled_from(["", "en"])),
    max_size=4,
)  # fmt: skip


@given(st.lists(st.tuples(edges, values), min_size=1, max_size=4))
def test_the_same_as_all_statements_at_once(parts):
    merged = merge_graphs([KnowledgeGraph.from_triples(*part) for part in parts])
    whole = KnowledgeGraph.from_triples(
        [edge for part in parts for edge in part[0]],
        [value for part in parts for value in part[1]],
    )
    assert merged.equals(whole)
    assert merged.report.statements == whole.report.statements
    assert merged.report.duplicates == whole.report.duplicates
    assert len(merged.report.files) == len(parts)


def test_blank_nodes_stay_apart():
    part = KnowledgeGraph.from_triples([("_:x", "ex:p", "_:y")])
    merged = merge_graphs([part, part])
    assert merged.num_triples == 2
    assert merged.num_entities == 4
    again = merge_graphs([merged, part])  # a name that an earlier merge gave is taken
    assert again.num_entities == 6
    assert merge_graphs([part, merged]).num_entities == 6


def test_blank_nodes_of_one_graph_keep_their_names():
    named = KnowledgeGraph.from_triples([("ex:a", "ex:p", "ex:b")])
    blank = KnowledgeGraph.from_triples([("_:x", "ex:p", "ex:b")])
    assert "_:x" in merge_graphs([named, blank]).entities


def test_nothing_to_merge():
    with pytest.raises(DataError, match="no graph"):
        merge_graphs([])
