"""Numbers and dates of the graph as item features."""

import numpy as np
import pandas as pd
import pytest

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.graph.build import build_graph
from kgrec.graph.numeric import literal_numbers, standardised
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.linking import link
from kgrec.kg.namespaces import XSD

EX = "http://ex.org/"


def literal(subject, relation, value, datatype):
    return (EX + subject, EX + relation, value, XSD + datatype, "")


@pytest.fixture
def planted():
    kg = KnowledgeGraph.from_triples(
        triples=[(EX + "a", EX + "next", EX + "b")],
        literals=[
            literal("a", "minutes", "90", "integer"),
            literal("a", "minutes", "110", "integer"),
            literal("b", "minutes", "ninety", "integer"),
            literal("c", "minutes", "120.5", "decimal"),
            literal("a", "released", "1995-07-01", "date"),
            literal("b", "released", "-0044", "gYear"),
            literal("b", "released", "1995-99-99", "date"),
            literal("c", "released", "12000-01", "gYearMonth"),
            literal("a", "label", "1995", "string"),
        ],
    )
    items = Vocabulary(["i1", "i2", "i3", "i4", "i5"], "item")
    table = pd.DataFrame(
        {"item_id": ["i1", "i2", "i3", "i4"], "iri": [EX + name for name in "abca"]}
    )
    return kg, link(items, kg, table)


def test_numbers_and_dates_become_columns(planted):
    columns = literal_numbers(*planted)
    assert set(columns) == {EX + "minutes", EX + "released"}
    minutes = columns[EX + "minutes"]
    np.testing.assert_allclose(minutes, [100, np.nan, 120.5, 100, np.nan])
    released = columns[EX + "released"]
    np.testing.assert_allclose(released, [1995.5, -43.5, 12000, 1995.5, np.nan], atol=1e-9)


def test_a_property_of_few_items_is_no_feature(planted):
    assert set(literal_numbers(*planted, min_share=0.8)) == {EX + "released"}


def test_the_graph_carries_them_standardised(planted):
    kg, links = planted
    log = Interactions.read(pd.DataFrame({"user_id": ["u"], "item_id": ["i1"]}))
    graph = build_graph(log.with_items(links.items.ids), kg, links)
    assert graph["item"].numeric_names == [EX + "minutes", EX + "released"]
    known = graph["item"].numeric[[0, 2, 3], 0].numpy()
    np.testing.assert_allclose(known.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(known.std(), 1, atol=1e-6)
    assert graph["item"].numeric[4].tolist() == [0, 0]


def test_standardised_constants_and_nothing():
    assert standardised(np.array([3.0, 3.0, np.nan])).tolist() == [0, 0, 0]
    assert standardised(np.array([np.nan, np.nan])).tolist() == [0, 0]
