"""Names that stand at a node, and which name comes first."""

import io

import pandas as pd
import pytest

from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.rdf.namespaces import LABEL_RELATIONS

PREFIXES = """
@prefix : <http://e.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xl: <http://www.w3.org/2008/05/skos-xl#> .
@prefix bf: <http://id.loc.gov/ontologies/bibframe/> .
@prefix s: <https://schema.org/> .
@prefix dc: <http://purl.org/dc/elements/1.1/> .
@prefix dct: <http://purl.org/dc/terms/> .
"""


def read(text):
    return KnowledgeGraph.read(io.BytesIO((PREFIXES + text).encode()), format="ttl")


def label(kg, **settings):
    return kg.labels(kg.entities.rows(["http://e.org/x"]), **settings)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":x xl:prefLabel :l . :l xl:literalForm 'Café'@en .", "Café"),
        (":x bf:title [ a bf:Title ; bf:mainTitle 'Persuasion' ] .", "Persuasion"),
        (":x bf:mainTitle 'Emma' .", "Emma"),
        (":x s:name 'Mug' .", "Mug"),
        (":x dc:title 'Old' .", "Old"),
        (":x dct:title 'New' ; dc:title 'Old' .", "New"),
        (":x xl:prefLabel [ xl:literalForm 'Name'@de ], [ xl:literalForm 'name'@en ] .", "name"),
        (":x xl:prefLabel [ xl:literalForm 'node' ] ; skos:prefLabel 'own' .", "own"),
        (":x bf:title [ bf:mainTitle 'title' ] ; xl:prefLabel [ xl:literalForm 'xl' ] .", "xl"),
        (":x xl:prefLabel [ xl:literalForm ' ' ] ; bf:title [ bf:mainTitle 'b' ] .", "b"),
        (":x xl:prefLabel :none ; bf:title 'text' .", "x"),
    ],
)
def test_the_first_name_counts_also_behind_a_node(text, expected):
    assert label(read(text)) == expected


def test_names_of_many_entities_and_shared_nodes():
    text = "".join(f":e{k} xl:prefLabel :l{k % 7} . " for k in range(50))
    text += "".join(f":l{k} xl:literalForm 'name {k}'@en, 'b {k}'@de . " for k in range(7))
    kg = read(text)
    names = dict(zip(kg.entities.ids, kg.labels(), strict=True))
    assert all(names[f"http://e.org/e{k}"] == f"name {k % 7}" for k in range(50))
    assert names["http://e.org/l3"] == "l3"


def test_the_way_to_a_name_can_be_set():
    kg = read(":x :called [ :text 'Heat' ] ; rdfs:label 'label' .")
    way = "http://e.org/called http://e.org/text"
    assert label(kg, relations=(way,)) == "Heat"
    assert label(kg, relations=(*LABEL_RELATIONS, way)) == "label"
    assert label(kg) == "label"


def test_items_are_found_by_names_behind_a_node():
    kg = read(
        ":x bf:title [ bf:mainTitle 'Persuasion' ] . :y xl:altLabel [ xl:literalForm 'Emma' ] ."
    )
    items = pd.DataFrame({"item_id": ["1", "2"], "title": ["Persuasion", "Emma"]})
    found = link(items, kg, title="title")
    assert {c.iri for c in found.review} | set(kg.entities.take(found.entity)) >= {
        "http://e.org/x",
        "http://e.org/y",
    }
