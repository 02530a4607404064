"""Links whose IRIs miss the graph by a trifle: said with counts, and mended where it is set."""

import pandas as pd
import pytest

from kgrec.errors import DataError, KgrecWarning
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.linking.near_iris import near_iris

THINGS = [
    "http://e.org/heat",
    "http://www.e.org/Alien",
    "http://e.org/Am%C3%A9lie",
    "http://e.org/up/",
    "http://e.org/Brazil#it",
    "http://e.org/Café",
    "http://e.org/x#1",
    "http://e.org/x#2",
]
KG = KnowledgeGraph.from_triples([(thing, "ex:by", "ex:someone") for thing in THINGS])
NEAR = {
    "https://e.org/heat": ("http://e.org/heat", {"http or https"}),
    "http://e.org/heat/": ("http://e.org/heat", {"a slash at the end"}),
    "http://e.org/Heat": ("http://e.org/heat", {"upper and lower case"}),
    "HTTP://E.org/heat": ("http://e.org/heat", {"upper and lower case"}),
    "http://e.org/heat#this": ("http://e.org/heat", {"the fragment"}),
    "http://e.org/heat/#this": ("http://e.org/heat", {"the fragment", "a slash at the end"}),
    "https://e.org/Alien/": (
        "http://www.e.org/Alien",
        {"http or https", "www.", "a slash at the end"},
    ),
    "http://e.org/Amélie": ("http://e.org/Am%C3%A9lie", {"percent-encoding"}),
    "http://e.org/Am%c3%a9lie": ("http://e.org/Am%C3%A9lie", {"percent-encoding"}),
    "http://e.org/Caf%C3%A9": ("http://e.org/Café", {"percent-encoding"}),
    "http://e.org/Cafe\u0301": ("http://e.org/Café", {"percent-encoding"}),
    "http://e.org/up": ("http://e.org/up/", {"a slash at the end"}),
    "http://e.org/Brazil": ("http://e.org/Brazil#it", {"the fragment"}),
    "https://e.org/x#1": ("http://e.org/x#1", {"http or https"}),
}  # fmt: skip
FAR = ["http://e.org/x", "http://e.org/heat2", "http://f.org/heat", "ftp://e.org/heat", "", "heat"]


def test_the_entity_that_differs_least_and_what_differs():
    found = near_iris([*NEAR, *FAR], KG)
    assert {iri: KG.entities.id(row) for iri, row in found.nearest.items()} == {
        iri: entity for iri, (entity, _) in NEAR.items()
    }
    # Of characters that differ by case, those of an escape do so as well.
    found.differences["http://e.org/Am%c3%a9lie"] = ("percent-encoding",)
    assert {iri: set(kinds) for iri, kinds in found.differences.items()} == {
        iri: kinds for iri, (_, kinds) in NEAR.items()
    }
    assert near_iris([], KG).nearest == {}


def table(iris):
    return pd.DataFrame({"item_id": [f"i{k}" for k in range(len(iris))], "iri": iris})


def test_near_links_are_said_with_counts_and_linked_if_it_is_set():
    links = table(
        ["http://e.org/heat", "https://e.org/heat", "https://e.org/up/", "http://e.org/no"]
    )
    items = links[["item_id"]]
    with pytest.warns(KgrecWarning) as said:
        found = link(items, KG, links)
    (message,) = [str(one.message) for one in said]
    assert message.startswith("2 IRIs of links that are not in the graph differ from an")
    assert "http or https (2)" in message
    assert "https://e.org/heat is http://e.org/heat there" in message
    assert "normalise=True" in message
    assert found.report.linked == 1
    with pytest.warns(KgrecWarning, match="They are linked"):
        found = link(items, KG, links, normalise=True)
    assert KG.entities.take(found.entity) == [THINGS[0], THINGS[0], THINGS[3]]
    assert found.report.unknown_entities == (("i3", "http://e.org/no"),)


def test_if_no_link_is_valid_the_near_ones_are_in_the_error():
    links = table(["https://e.org/heat"])
    with pytest.raises(DataError, match=r"None of 1 links.*http or https \(1\).*normalise=True"):
        link(links[["item_id"]], KG, links)
    with pytest.warns(KgrecWarning):
        assert link(links[["item_id"]], KG, links, normalise=True).report.linked == 1


def test_an_item_with_two_links_to_one_entity_has_it_once():
    links = pd.DataFrame(
        {"item_id": ["a", "a"], "iri": ["http://e.org/heat", "https://e.org/heat"]}
    )
    with pytest.warns(KgrecWarning):
        found = link(links[["item_id"]].drop_duplicates(), KG, links, normalise=True)
    assert len(found) == 1


def test_item_ids_that_are_nearly_iris_of_the_graph():
    items = pd.DataFrame({"item_id": ["http://e.org/heat", "https://e.org/up"]})
    with pytest.warns(KgrecWarning, match="1 item ids that are not in the graph"):
        assert link(items, KG).report.linked == 1
    with pytest.warns(KgrecWarning, match="They are linked"):
        found = link(items, KG, normalise=True)
    assert KG.entities.take(found.entity) == ["http://e.org/heat", "http://e.org/up/"]
