"""Items whose ids end the IRIs of entities: a template links them, and the error offers it."""

import pytest

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link


def graph(*things):
    return KnowledgeGraph.from_triples([(thing, "ex:by", "ex:someone") for thing in things])


def items(*ids):
    return Vocabulary(list(ids), "item")


@pytest.mark.parametrize(
    ("template", "ids", "entities"),
    [
        ("http://e.org/sku/{id}", ["s1", "s2"], ["http://e.org/sku/s1", "http://e.org/sku/s2"]),
        ("urn:x:{id}", ["a b", "é"], ["urn:x:a%20b", "urn:x:%C3%A9"]),
        ("urn:x:{+id}/it", ["a/b", "é"], ["urn:x:a/b/it", "urn:x:é/it"]),
    ],
)
def test_a_template_links_each_item_to_its_entity(template, ids, entities):
    kg = graph("http://e.org/other/s1", *reversed(entities))
    links = link(items("nowhere", *ids), kg, template=template)
    found = zip(links.items.take(links.item), kg.entities.take(links.entity), strict=True)
    assert list(found) == list(zip(ids, entities, strict=True))
    assert links.report.methods == {"iri": len(ids)}
    assert links.report.linked == len(ids)


def test_an_id_that_is_an_iri_itself_comes_first():
    kg = graph("http://e.org/a", "http://f.org/a", "http://f.org/http%3A%2F%2Fe.org%2Fa")
    links = link(items("http://e.org/a", "a"), kg, template="http://f.org/{id}")
    found = zip(links.items.take(links.item), kg.entities.take(links.entity), strict=True)
    assert dict(found) == {"http://e.org/a": "http://e.org/a", "a": "http://f.org/a"}


def test_a_template_without_the_id_or_with_another_name_is_refused():
    for template in ("http://e.org/", "http://e.org/{sku}", "http://e.org/{id}/{x}"):
        with pytest.raises(ConfigError, match=r"template.*(needs \{name\}|takes \{id\})"):
            link(items("s1"), graph("http://e.org/s1"), template=template)


def test_the_error_offers_the_template_that_would_link():
    kg = graph("http://e.org/sku/s1", "http://e.org/sku/s2", "http://e.org/sku/s4", "_:s3")
    with pytest.raises(DataError, match="No item id is the IRI of an entity") as raised:
        link(items("s1", "s2", "s3"), kg)
    assert (
        "2 of 3 item ids are the last part of an entity's IRI, such as s1 of http://e.org/sku/s1. "
        "To link them so, give template='http://e.org/sku/{id}'." in str(raised.value)
    )
    assert " Or is it" not in str(raised.value)
    with pytest.raises(DataError, match=r"makes of no item id.*sku/\{id\}"):
        link(items("s1", "s2"), kg, template="http://e.org/shop/{id}")


def test_a_rival_is_named_and_a_few_chance_hits_are_not():
    product, category = "http://e.org/product#", "http://e.org/category#"
    kg = graph(*(product + n for n in "12345"), *(category + n for n in "123"))
    with pytest.raises(DataError) as raised:
        link(items(*"12345"), kg)
    assert (
        "give template='http://e.org/product#{id}'. Or is it http://e.org/category#{id} (3)?"
        in (str(raised.value))
    )
    with pytest.raises(DataError) as raised:
        link(items(*"123456789ab"), kg)
    assert "last part" not in str(raised.value)


def test_letters_of_any_script_are_offered_as_they_are_written():
    with pytest.raises(DataError) as raised:
        link(items("天空之城"), graph("http://e.org/天空之城"))
    assert "give template='http://e.org/{+id}'" in str(raised.value)
