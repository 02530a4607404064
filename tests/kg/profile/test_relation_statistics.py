"""Relations and properties of a planted graph, with figures worked out by hand."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.vocabulary import Vocabulary
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.rdf.namespaces import RDF_LANG_STRING, XSD, XSD_STRING

INTEGER, DOUBLE, DATE, YEAR = (XSD + name for name in ("integer", "double", "date", "gYear"))
# Subjects: f1, f2, f3, f4, m. Entities: these, p1, p2.
KG = KnowledgeGraph.from_triples(
    [
        ("f1", "starring", "p1"),
        ("f1", "starring", "p2"),
        ("f2", "starring", "p1"),
        ("f3", "starring", "p1"),
        ("m", "made", "f1"),
        ("m", "made", "f2"),
    ],
    [
        ("f1", "length", "90", INTEGER, ""),
        ("f2", "length", "+100", INTEGER, ""),
        ("f3", "length", " 1.5e2 ", DOUBLE, ""),
        ("f4", "length", "INF", DOUBLE, ""),
        ("f4", "length", "long", INTEGER, ""),
        ("f1", "out", "1999-12-31", DATE, ""),
        ("f2", "out", "-0044", YEAR, ""),
        ("f3", "out", "12000-01-01", DATE, ""),
        ("f4", "out", "2001", YEAR, ""),
        ("f4", "out", "soon", DATE, ""),
        ("f1", "title", "Heat", "", "en"),
        ("f1", "title", "Hitze", "", "de"),
        ("f2", "title", "Ünö", "", "de"),
        ("f3", "title", "", "", ""),
    ],
)


def test_relations_by_hand():
    starring, made = KG.statistics().relations
    assert (starring.iri, starring.triples, starring.subjects, starring.objects) == (
        "starring", 4, 3, 2,
    )  # fmt: skip
    assert (starring.mean_out, starring.max_out) == (pytest.approx(4 / 3), 2)
    assert (starring.mean_in, starring.max_in) == (2.0, 3)
    assert starring.share == 3 / 5
    assert starring.example == ("f1", "p1")
    assert (made.mean_out, made.max_out, made.mean_in, made.max_in) == (2.0, 2, 1.0, 1)
    assert made.item_share is None


def test_properties_by_hand():
    found = {p.iri: p for p in KG.statistics().properties}
    length, out, title = found["length"], found["out"], found["title"]
    assert (length.literals, length.subjects, length.max_values) == (5, 4, 2)
    assert length.share == 4 / 5
    assert length.datatypes == {INTEGER: 3, DOUBLE: 2}
    assert length.numbers == (90.0, 100.0, 150.0)  # infinity and the ill-typed one are left out
    assert (length.dates, length.lengths) == (None, None)
    assert out.dates == ("-0044", "1999-12-31", "12000-01-01")
    assert (out.numbers, out.lengths) == (None, None)
    assert title.lengths == (0, 3.5, 5)
    assert title.languages == {"de": 2, "en": 1}
    assert title.datatypes == {RDF_LANG_STRING: 3, XSD_STRING: 1}
    assert (title.numbers, title.dates) == (None, None)
    overall = KG.statistics()
    assert overall.languages == {"de": 2, "en": 1}
    assert sum(overall.datatypes.values()) == 14
    assert overall.subjects == 5


def test_shares_of_items_count_both_ends():
    items = Vocabulary(["f1", "f2", "f4", "p2", "unlinked"], "item")
    found = KG.statistics(link(items, KG))
    shares = {r.iri: r.item_share for r in (*found.relations, *found.properties)}
    # starring: f1, f2, p2; made: f1, f2; length and out: f1, f2, f4; title: f1, f2 of 4.
    assert shares == {"starring": 3 / 4, "made": 2 / 4, "length": 3 / 4, "out": 3 / 4, "title": 0.5}


NODES, RELATIONS = st.sampled_from("abcdef"), st.sampled_from("pqr")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NODES, RELATIONS, NODES), min_size=1, max_size=25))
def test_degrees_as_a_naive_count_has_them(triples):
    kg = KnowledgeGraph.from_triples(triples)
    out, into = defaultdict(list), defaultdict(list)
    for subject, relation, object in set(triples):
        out[relation].append(subject)
        into[relation].append(object)
    for found in kg.statistics().relations:
        for ends, mean, most, number in (
            (out[found.iri], found.mean_out, found.max_out, found.subjects),
            (into[found.iri], found.mean_in, found.max_in, found.objects),
        ):
            counts = [ends.count(node) for node in set(ends)]
            assert (most, number) == (max(counts), len(counts))
            assert mean == pytest.approx(np.mean(counts))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(RELATIONS, st.integers(-99, 99)), min_size=1, max_size=20))
def test_medians_as_numpy_has_them(values):
    literals = [(f"s{n}", r, str(v), INTEGER, "") for n, (r, v) in enumerate(values)]
    for found in KnowledgeGraph.from_triples([], literals).statistics().properties:
        mine = [v for r, v in values if r == found.iri]
        assert found.numbers == (min(mine), np.median(mine), max(mine))
