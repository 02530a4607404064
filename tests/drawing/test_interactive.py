"""Pictures for notebooks: names on hover and for the keyboard, and no label that can do harm."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest

from kgrec.drawing.interactive import (
    MOST_STOPS,
    interactive_attributions,
    interactive_map,
    interactive_neighborhood,
)
from kgrec.drawing.item_maps import ItemMap
from kgrec.errors import DataError
from kgrec.explain.explanation import Contribution, Explanation, Node

HOSTILE = (
    '"><script>alert(1)</script><!-- --><img src=http://evil.example/x onerror=alert(1)> \x1b[31m'
)
EVERYTHING = {"svg", "g", "defs", "path", "use", "rect", "title", "clipPath", "pattern"}
"""All elements that a picture has; none of them loads or runs anything."""


class Page(HTMLParser):
    """The elements and attributes of a page, as a browser finds them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.comments = set(), [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_comment(self, data):
        self.comments.append(data)


def neighborhood(label="A film"):
    graph = nx.MultiDiGraph(title=f"Why {label}", caption=label)
    graph.add_node("u", label="Ann", type="user", role="user", layer=0)
    graph.add_node("i", label=label, type="item", role="liked", layer=1)
    graph.add_node("r", label="Another film", type="item", role="recommended", layer=2)
    graph.add_edge("u", "i", label="liked")
    graph.add_edge("i", "r", label=label)
    return graph


def targets(picture):
    return ElementTree.fromstring(picture.html).findall("rect")


def assert_harmless(picture):
    page = Page(picture._repr_html_())
    assert page.tags <= {tag.lower() for tag in EVERYTHING}
    assert not page.comments
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "src"):
            assert value.startswith("#")
    assert "\x1b" not in picture.html


def test_nodes_tell_their_names_where_they_are_and_to_the_keyboard():
    found = targets(interactive_neighborhood(neighborhood("A film with a name of " + "n" * 90)))
    names = [target.find("title").text for target in found]
    assert names == [
        "Ann (user)",
        "A film with a name of " + "n" * 90 + " (item that the user liked)",
        "Another film (recommended item)",
    ]
    assert [target.get("aria-label") for target in found] == names
    assert {target.get("tabindex") for target in found} == {"0"}
    left = [float(target.get("x")) for target in found]
    assert left == sorted(left)
    for target in found:
        assert float(target.get("width")) > 20
        assert float(target.get("height")) > 10


def test_a_target_lies_on_the_box_that_is_drawn():
    picture = interactive_neighborhood(neighborhood())
    root = ElementTree.fromstring(picture.html)
    drawn = [one.find("path").get("d") for one in root.iter("g") if "-box" in one.get("id", "")]
    assert len(drawn) == 3
    for path, target in zip(drawn, targets(picture), strict=True):
        numbers = [float(one) for one in path.split() if one not in "MLQCz"]
        for values, start, size in ((numbers[::2], "x", "width"), (numbers[1::2], "y", "height")):
            first, last = (
                float(target.get(start)),
                float(target.get(start)) + float(target.get(size)),
            )
            assert min(values) == pytest.approx(first, abs=0.1)
            assert max(values) == pytest.approx(last, abs=0.1)


def test_hostile_labels_stay_text():
    picture = interactive_neighborhood(neighborhood(HOSTILE))
    assert_harmless(picture)
    said = targets(picture)[1].find("title").text
    assert said.startswith('"><script>alert(1)</script>')


def test_two_pictures_in_one_page_share_no_id():
    one, two = (interactive_neighborhood(neighborhood(name)).html for name in ("A", "B"))
    ids = [
        [element.get("id") for element in ElementTree.fromstring(html).iter() if element.get("id")]
        for html in (one, two)
    ]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    for html, own in zip((one, two), ids, strict=True):
        for element in ElementTree.fromstring(html).iter():
            assert element.get("href", "#" + own[0]).removeprefix("#") in own


def test_bars_tell_their_values():
    def node(label):
        return Node("item", 0, label, label)

    parts = Contribution(node("A" * 60), 0.5, 0.6), Contribution(node(HOSTILE), -0.1, 0.0)
    whole = {"score": 0.65, "base": 0.25, "towers": {"ease": 0.6, "most_popular": 0.05}}
    picture = interactive_attributions(
        Explanation(node("you"), node("T"), (), "", contributions=parts, **whole)
    )
    names = [target.find("title").text for target in targets(picture)]
    assert names[0] == "A" * 60 + ": 0.5"
    assert names[1].endswith(": -0.1")
    assert names[2:] == ["what is no liked item's: 0.25", "ease: 0.6", "most_popular: 0.05"]
    assert_harmless(picture)


def test_points_of_a_map_tell_item_and_region():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    made = ItemMap(points, np.array([0, 0, 1]), ("western", HOSTILE))
    picture = interactive_map(made, ["Rio Bravo", "Stagecoach", "Laura"], marked=[(0, "Rio Bravo")])
    found = {target.find("title").text: target for target in targets(picture)}
    assert list(found)[:1] == ["Stagecoach (western)"]
    assert list(found)[2:] == ["Rio Bravo (western)"]  # the marked one lies above the others
    at = {name[:3]: (float(one.get("x")), float(one.get("y"))) for name, one in found.items()}
    assert at["Sta"][0] > at["Rio"][0] + 50
    assert at["Sta"][1] == pytest.approx(at["Rio"][1])
    assert at["Lau"][1] < at["Rio"][1] - 50  # y runs down
    assert_harmless(picture)


def test_of_many_points_the_keyboard_stops_at_marked_ones():
    number = MOST_STOPS + 1
    points = np.random.default_rng(0).normal(size=(number, 2))
    made = ItemMap(points, np.zeros(number, dtype=np.int64), ("all",))
    names = [f"film {row}" for row in range(number)]
    found = targets(interactive_map(made, names, marked=[(7, "film 7")]))
    assert len(found) == number
    stops = [one.find("title").text for one in found if one.get("tabindex")]
    assert stops == ["film 7 (all)"]
    with pytest.raises(DataError, match="found 3 names for 201 items"):
        interactive_map(made, names[:3])
