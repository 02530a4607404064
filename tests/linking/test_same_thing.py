"""A thing and its pages are one candidate; namespaces and types restrict candidates."""

import pandas as pd
import pytest

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.rdf.namespaces import FOAF, OWL_SAME_AS, RDF_TYPE, RDFS

LABEL = RDFS + "label"
WIKI = "http://en.wikipedia.org/wiki/"
DBR = "http://dbpedia.org/resource/"
ITEMS = pd.DataFrame({"item_id": ["1", "2"], "title": ["James Tenney", "Ary Barroso"]})


def linked(kg, items=ITEMS, **settings):
    found = link(items, kg, title="title", **settings)
    return dict(zip(items["item_id"].iloc[found.item], kg.entities.take(found.entity), strict=True))


def things(relation, *, from_page=False, more=()):
    triples = []
    for name in ("James_Tenney", "Ary_Barroso"):
        pair = (DBR + name, relation, WIKI + name)
        triples += [pair[::-1] if from_page else pair, (DBR + name, "ex:bornIn", "ex:Place")]
    return KnowledgeGraph.from_triples([*triples, *more])


EXPECTED = {"1": DBR + "James_Tenney", "2": DBR + "Ary_Barroso"}


@pytest.mark.parametrize(
    ("relation", "from_page"),
    [
        (FOAF + "isPrimaryTopicOf", False),
        (FOAF + "primaryTopic", True),
        ("http://schema.org/mainEntityOfPage", False),
        ("https://schema.org/mainEntityOfPage", False),
        ("https://schema.org/mainEntity", True),
        ("http://schema.org/about", True),
        (OWL_SAME_AS, False),
    ],
)
def test_a_thing_and_its_page_are_one_candidate(relation, from_page):
    assert linked(things(relation, from_page=from_page)) == EXPECTED


def test_the_entity_with_statements_stands_for_its_names_elsewhere():
    triples = []
    for number, name in (("1", "James_Tenney"), ("2", "Ary_Barroso")):
        artist = f"http://data.example/artist/{number}"
        triples += [
            (artist, OWL_SAME_AS, DBR + name),
            (artist, FOAF + "isPrimaryTopicOf", WIKI + name),
            (artist, "ex:birthPlace", "ex:Place"),
        ]
    kg = KnowledgeGraph.from_triples(triples)
    assert linked(kg) == {k: f"http://data.example/artist/{k}" for k in ("1", "2")}
    assert linked(kg, namespaces=[DBR]) == EXPECTED
    with pytest.raises(DataError, match=r"no entity .* has an IRI that begins with 'http:/x"):
        linked(kg, namespaces=["http:/x"])


def test_a_book_about_a_person_is_another_thing():
    kg = KnowledgeGraph.from_triples(
        [("ex:book", "http://schema.org/about", "ex:person"), ("ex:book", RDF_TYPE, "ex:Book"),
         ("ex:person", RDF_TYPE, "ex:Person")],
        literals=[("ex:book", LABEL, "Napoleon", "", ""), ("ex:person", LABEL, "Napoleon", "", "")],
    )  # fmt: skip
    items = pd.DataFrame({"item_id": ["1"], "title": ["Napoleon"]})
    found = link(items, kg, title="title")
    assert len(found) == 0
    assert {candidate.iri for candidate in found.review} == {"ex:book", "ex:person"}
    assert linked(kg, items, types=["ex:Book"]) == {"1": "ex:book"}


def test_namespaces_choose_among_things_of_one_name():
    kg = KnowledgeGraph.from_triples(
        literals=[(space + "x", LABEL, "Heat", "", "") for space in ("http://a/", "http://b/")]
    )
    items = pd.DataFrame({"item_id": ["1"], "title": ["Heat"]})
    assert len(link(items, kg, title="title")) == 0
    assert linked(kg, items, namespaces=["http://b/"]) == {"1": "http://b/x"}


def test_items_that_are_one_thing_are_counted():
    kg = things(FOAF + "isPrimaryTopicOf")
    items = pd.DataFrame(
        {"item_id": ["1", "2", "3"], "title": ["James Tenney", "James Tenney", "Ary Barroso"]}
    )
    text = str(link(items, kg, title="title").report)
    assert "2 items share an entity with another one: they may be one thing twice" in text
