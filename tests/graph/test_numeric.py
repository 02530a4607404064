"""Numbers, dates, truth values and durations as item features: learnt once, then the same."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.graph.build import GraphConfig, build_graph
from kgrec.graph.numeric import GRAPH, TABLE, NumberScales, literal_columns, table_columns
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.rdf.namespaces import XSD

EX = "http://ex.org/"
EURO = "http://dbpedia.org/datatype/euro"
DOLLAR = "http://dbpedia.org/datatype/usDollar"


def literal(subject, relation, value, datatype):
    return (EX + subject, EX + relation, value, datatype if ":" in datatype else XSD + datatype, "")


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
            literal("b", "colour", "false", "boolean"),
            literal("c", "colour", "1", "boolean"),
            literal("a", "length", "PT90M", "duration"),
            literal("b", "length", "95", "integer"),
            literal("a", "cost", "3", EURO),
            literal("c", "cost", "7", DOLLAR),
            literal("a", "shape", "1", "http://ex.org/wkt"),
            literal("c", "shape", "POINT", "http://ex.org/wkt"),
            literal("z", "minutes", "5", "integer"),
        ],
    )
    items = Vocabulary(["i1", "i2", "i3", "i4", "i5"], "item")
    table = pd.DataFrame(
        {"item_id": ["i1", "i2", "i3", "i4"], "iri": [EX + name for name in "abca"]}
    )
    return kg, link(items, kg, table)


def test_what_literals_measure_becomes_columns(planted):
    columns, unread = literal_columns(*planted)
    nan = np.nan
    expected = {
        ("minutes", "number"): [100, nan, 120.5, 100, nan],
        ("released", "time"): [1995.5, -43.5, 12000, 1995.5, nan],
        ("colour", "boolean"): [nan, 0, 1, nan, nan],
        ("length", "duration"): [5400, nan, nan, 5400, nan],
        ("length", "number"): [nan, 95, nan, nan, nan],
        ("cost", EURO): [3, nan, nan, 3, nan],
        ("cost", DOLLAR): [nan, nan, 7, nan, nan],
    }
    assert set(columns) == {(GRAPH, EX + name, kind) for name, kind in expected}
    for (name, kind), values in expected.items():
        np.testing.assert_allclose(columns[GRAPH, EX + name, kind], values, atol=1e-9)
    assert unread == 2  # "ninety" and the 99th of the 99th


def test_a_property_of_few_items_is_no_feature(planted):
    kg, links = planted
    log = Interactions.read(pd.DataFrame({"user_id": ["u"], "item_id": ["i1"]}))
    log = log.with_items(links.items.ids)
    names = {
        share: build_graph(
            log, kg, links, config=GraphConfig(min_number_share=share)
        )["item"].numeric_names
        for share in (0.5, 1.0)
    }  # fmt: skip
    assert names[1.0] == [EX + "released"]
    assert names[0.5] == [
        f"{EX}colour", f"{EX}cost", f"{EX}length", f"{EX}minutes", f"{EX}released",
    ]  # fmt: skip
    none = build_graph(log, kg, links, config=GraphConfig(numbers=False))
    assert "numeric" not in none["item"]


def test_properties_of_several_kinds_have_several_names(planted):
    kg, links = planted
    log = Interactions.read(pd.DataFrame({"user_id": ["u"], "item_id": ["i1"]}))
    graph = build_graph(log.with_items(links.items.ids), kg, links)
    assert set(graph["item"].numeric_names) == {
        EX + "colour", f"{EX}cost ({EURO})", f"{EX}cost ({DOLLAR})",
        f"{EX}length (duration)", f"{EX}length (number)", EX + "minutes", EX + "released",
    }  # fmt: skip
    assert graph.choices["numbers"] == {"unreadable_literals": 2}


def test_the_graph_carries_them_standardised(planted):
    kg, links = planted
    log = Interactions.read(pd.DataFrame({"user_id": ["u"], "item_id": ["i1"]}))
    config = GraphConfig(keep_relations=("minutes", "released"))
    graph = build_graph(log.with_items(links.items.ids), kg, links, config=config)
    assert graph["item"].numeric_names == [EX + "minutes", EX + "released"]
    known = graph["item"].numeric[[0, 2, 3], 0].numpy()
    np.testing.assert_allclose(known.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(known.std(), 1, atol=1e-6)
    assert graph["item"].numeric[4].tolist() == [0, 0]
    assert graph["item"].numeric.dtype.is_floating_point


def learn(values, trained=None, source=TABLE, share=0.1):
    values = np.asarray(values, dtype=np.float64)
    mask = np.ones(len(values), dtype=bool)
    seen = mask if trained is None else np.isin(np.arange(len(values)), trained)
    described = {TABLE: mask, GRAPH: mask}
    return NumberScales.learn({(source, "x", "number"): values}, seen, described, share)


def test_learnt_from_training_items_alone():
    values = [*range(10), 1000, 2000, np.nan]
    (scale,) = learn(values, trained=range(10)).scales
    assert scale.centre == pytest.approx(4.5)
    assert scale.scale == pytest.approx(np.std(np.arange(10)))
    assert not scale.log
    # What a held-out item has changes nothing, and is itself kept within bounds.
    assert learn([*range(10), 7, -3e9, 1], trained=range(10)).scales == (scale,)
    assert scale(np.array([1000.0, -1e9, np.nan, 4.5])).tolist() == [5, -5, 0, 0]


def test_too_few_training_items_leave_it_to_all():
    (scale,) = learn([1, 3, np.nan, 5], trained=[0, 2]).scales
    assert scale.centre == 3
    assert scale.scale == pytest.approx(np.sqrt(8 / 3))


def test_heavy_tails_are_taken_as_logarithms():
    values = np.exp(np.linspace(0, 9, 40))
    (scale,) = learn(values).scales
    assert scale.log
    assert scale.centre == pytest.approx(4.5)
    assert scale(np.array([np.exp(4.5), 0.0, -3.0])).tolist() == [pytest.approx(0, abs=1e-9), 0, 0]
    for plain in (values - 1, np.linspace(1, 9, 40), 1900 + np.linspace(0, 99, 40)):
        (scale,) = learn(plain).scales  # with a zero; evenly spread; years
        assert not scale.log


def test_outliers_have_no_say():
    plain = [*np.linspace(90, 120, 31)]
    (scale,) = learn(plain).scales
    (with_typo,) = learn([*plain, -99999.0]).scales
    assert with_typo == scale
    assert with_typo(np.array([-99999.0])).tolist() == [-5]


@pytest.mark.parametrize(
    ("known", "missing", "expected"),
    [(30, 30, True), (12, 10, True), (12, 9, False), (9, 30, False), (300, 20, False)],
)
def test_an_indicator_where_it_says_something(known, missing, expected):
    values = np.array([*range(known), *[np.nan] * missing], dtype=np.float64)
    scales = learn(values)
    assert scales.scales[0].indicator == expected
    features = scales.features({(TABLE, "x", "number"): values}, len(values))
    if expected:
        assert scales.names() == ["x", "x missing"]
        assert features[:, 1].tolist() == [0] * known + [1] * missing
    else:
        assert scales.names() == ["x"]
    assert features[known:, 0].tolist() == [0] * missing


def test_constants_and_nothing():
    (scale,) = learn([3.0] * 12 + [np.nan]).scales
    assert scale(np.array([3.0, np.nan])).tolist() == [0, 0]
    assert learn([np.nan, np.nan]).scales == ()
    assert NumberScales().features({}, 3).shape == (3, 0)


@given(st.lists(st.one_of(st.none(), st.floats(-1e100, 1e100)), min_size=1, max_size=40))
def test_features_are_finite_and_bounded(values):
    column = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    scales = learn(column)
    features = scales.features({(TABLE, "x", "number"): column}, len(column))
    assert np.isfinite(features).all()
    assert (np.abs(features) <= 5).all()
    again = NumberScales.from_list(json.loads(json.dumps(scales.to_list())))
    assert again == scales
    np.testing.assert_array_equal(
        again.features({(TABLE, "x", "number"): column}, len(column)), features
    )


def test_a_new_item_is_measured_by_what_was_learnt(planted):
    """The same item has the same features in a larger catalogue, whose values differ widely."""
    kg, links = planted
    log = Interactions.read(pd.DataFrame({"user_id": ["u"], "item_id": ["i1"]}))
    log = log.with_items(links.items.ids)
    table = AttributeTable.read(
        pd.DataFrame({"item_id": ["i1", "i2"], "price": [1.0, 3.0]}), numbers=["price"]
    )
    old = build_graph(log, kg, links, items=table)
    larger = kg.update(
        added=[literal("new", "minutes", "110", "int"), literal("new", "minutes2", "1", "int")]
    )
    more = log.with_items(["i0"])
    frame = pd.DataFrame(
        {"item_id": ["i0", "i1", "i2", "i3", "i4"], "iri": [EX + n for n in ("new", *"abca")]}
    )
    new = build_graph(more, larger, link(more.items, larger, frame), items=table, scales=old.scales)
    assert new["item"].numeric_names == old["item"].numeric_names
    assert new.scales is old.scales
    np.testing.assert_array_equal(new["item"].numeric[1:], old["item"].numeric)
    place = old["item"].numeric_names.index(EX + "minutes")
    (scale,) = [scale for scale in old.scales.scales if scale.property == EX + "minutes"]
    assert new["item"].numeric[0, place].item() == pytest.approx((110 - scale.centre) / scale.scale)


def test_columns_of_a_table():
    columns = table_columns({"price": np.array([1.0, np.nan])})
    assert list(columns) == [(TABLE, "price", "number")]


GOOD = {
    "source": "graph", "property": "p", "kind": "number", "name": "p", "log": False, "centre": 1.0,
    "scale": 2.0, "indicator": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 0.0}, "above 0"),
        ({"scale": float("nan")}, "scale: expected a float, found nan"),
        ({"centre": "1"}, "centre: expected a float"),
        ({"log": 1}, "log: expected a bool"),
        ({"source": "x"}, "known source"),
        ({"name": None}, "name: expected a str"),
        ({"more": 1}, "expected the keys"),
    ],
)
def test_damaged_scales(change, message):
    assert NumberScales.from_list([GOOD]).to_list() == [GOOD]
    with pytest.raises(DataError, match=message):
        NumberScales.from_list([GOOD | change])
    for wrong in ({}, None, "[]"):
        with pytest.raises(DataError, match="expected a list"):
            NumberScales.from_list(wrong)
    with pytest.raises(DataError, match="expected the keys"):
        NumberScales.from_list([1])
