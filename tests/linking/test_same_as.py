"""owl:sameAs: classes against a naive closure, and where statements and links go."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.vocabulary import Vocabulary
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.linking.same_as import merge_same_as
from kgrec.rdf.namespaces import OWL_SAME_AS, XSD

STRING = XSD + "string"
# b = a (said the other way round), c = b; e = f; d stands alone.
KG = KnowledgeGraph.from_triples(
    [
        ("b", OWL_SAME_AS, "a"),
        ("b", OWL_SAME_AS, "c"),
        ("e", OWL_SAME_AS, "f"),
        ("a", "by", "d"),
        ("c", "by", "d"),
        ("c", "in", "f"),
        ("d", "knows", "e"),
        ("a", "near", "b"),
    ],
    [
        ("a", "label", "A", "", "en"),
        ("b", "label", "A", "", "en"),
        ("c", "label", "Ah", "", "de"),
        ("e", "year", "1995", XSD + "gYear", ""),
    ],
)


def statements(kg):
    return sorted(map(tuple, kg.to_pandas(literals=True).fillna("").to_numpy().tolist()))


def test_statements_follow():
    merged = merge_same_as(KG)
    assert statements(merged.kg) == [
        ("a", "by", "d", "", ""),
        ("a", "in", "e", "", ""),
        ("a", "label", "A", _lang(merged.kg), "en"),
        ("a", "label", "Ah", _lang(merged.kg), "de"),
        ("a", "near", "a", "", ""),
        ("d", "knows", "e", "", ""),
        ("e", "year", "1995", XSD + "gYear", ""),
    ]
    assert merged.kg.entities is KG.entities  # rows stay
    assert merged.canonical.tolist() == KG.entities.rows(["a", "a", "a", "d", "e", "e"]).tolist()
    assert merged.report.to_dict() == {
        "classes": 2, "merged_entities": 3, "merged_triples": 4, "merged_literals": 1,
        "merged_links": 0,
    }  # fmt: skip
    triples = merged.kg.triples.tolist()
    assert triples == sorted(triples)
    again = merge_same_as(merged.kg)
    assert again.kg is merged.kg
    assert again.report.classes == 0


def _lang(kg):
    return next(text for text in kg.literals.datatype.to_pylist() if "langString" in text)


def test_links_follow_and_a_linked_entity_stays():
    items = Vocabulary(["i1", "i2", "i3"], "item")
    table = pd.DataFrame(
        {
            "item_id": ["i1", "i1", "i2", "i3"],
            "iri": ["c", "b", "f", "d"],
            "confidence": [0.4, 0.9, 1, 1],
        }
    )
    links = link(items, KG, table)
    merged = merge_same_as(KG, links)
    # b and c are linked: the smaller IRI of them stays, though a is smaller still.
    assert KG.entities.take(merged.canonical) == ["b", "b", "b", "d", "f", "f"]
    found = merged.links
    assert found.items is items
    assert items.take(found.item) == ["i1", "i2", "i3"]
    assert KG.entities.take(found.entity) == ["b", "f", "d"]
    assert found.confidence.tolist() == [np.float32(0.9), 1, 1]  # the surest of both
    assert merged.report.merged_links == 1
    assert len(links) == 4


def test_named_graphs_are_left_behind(tmp_path):
    (tmp_path / "a.nq").write_text(
        f"<x:b> <{OWL_SAME_AS}> <x:a> <x:g> .\n<x:b> <x:p> <x:c> <x:h> .\n<x:a> <x:p> <x:c> .\n"
    )
    kg = KnowledgeGraph.read(tmp_path / "a.nq")
    assert kg.graphs is not None
    merged = merge_same_as(kg)
    assert merged.kg.graphs is None
    assert merged.kg.to_pandas().to_numpy().tolist() == [["x:a", "x:p", "x:c"]]
    merged.kg.save(tmp_path / "kg")
    assert KnowledgeGraph.load(tmp_path / "kg").equals(merged.kg)


pairs = st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=9)


@settings(deadline=None, max_examples=60)
@given(pairs, st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg"))))
def test_like_a_naive_closure(same, edges):
    kg = KnowledgeGraph.from_triples(
        [(a, OWL_SAME_AS, b) for a, b in same] + [(a, "p", b) for a, b in edges] + [("a", "p", "a")]
    )
    of = {name: {name} for name in "abcdefg"}
    for _ in range(8):
        for a, b in same:
            union = of[a] | of[b]
            for name in union:
                of[name] = of[name] | union
    canonical = {name: min(of[name]) for name in of}
    expected = {(canonical[a], canonical[b]) for a, b in [*edges, ("a", "a")]}
    merged = merge_same_as(kg)
    found = merged.kg.triples
    assert {tuple(kg.entities.take(row[[0, 2]])) for row in found} == expected
    assert len(found) == len(expected)
    ids = kg.entities.ids
    assert [canonical[id] for id in ids] == kg.entities.take(merged.canonical)
    assert merged.report.merged_entities == sum(canonical[id] != id for id in ids)
    shuffled = kg.update(removed=[(a, OWL_SAME_AS, b) for a, b in same]).update(
        added=[(b, OWL_SAME_AS, a) for a, b in same]
    )
    assert merge_same_as(shuffled).kg.equals(merged.kg)  # neither direction nor rows matter
