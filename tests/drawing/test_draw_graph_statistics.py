"""The picture of a graph's figures shows them, keeps apart what it writes, and draws any text."""

import xml.etree.ElementTree as ET

import pytest

from kgrec.data.vocabulary import Vocabulary
from kgrec.drawing.graph_statistics import draw_statistics
from kgrec.errors import KgrecWarning
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.rdf.namespaces import RDF_TYPE

KG = KnowledgeGraph.from_triples(
    [(f"f{n}", f"relation{n % 15}", "hub") for n in range(40)]
    + [(f"f{n}", RDF_TYPE, "Film") for n in range(7)],
    [("f0", "title", "x", "", ""), ("f1", "title", "x", "", ""), ("f0", "year", "1", "", "")],
)


def texts(path):
    """Return what an SVG writes: matplotlib keeps each text in a comment beside its outlines."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    tree = ET.parse(path, parser)
    return [node.text.strip() for node in tree.iter(ET.Comment)]


def test_all_panels_show_their_figures(tmp_path):
    path = draw_statistics(KG.statistics(), tmp_path / "graph.svg")
    found = texts(path)
    for text in (
        "Triples by relation (12 of 16)", "type", "7", "How many entities have how many triples",
        "hub", "Share of subjects with a literal property", "title", "5%", "year", "2%",
        "Entities by type", "Film",
    ):  # fmt: skip
        assert text in found, text


def test_with_links_it_shows_hops(tmp_path):
    links = link(Vocabulary(["f0", "f1", "f2", "f3"], "item"), KG)
    found = texts(draw_statistics(KG.statistics(links), tmp_path / "graph.svg"))
    assert "within 2 hops" in found
    assert "Share of linked entities with a literal property" in found
    assert found.count("100%") >= 3  # the axis, 2 hops and 3 hops
    assert "50%" in found  # title: f0 and f1 of four
    assert "Film" not in found


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_any_text_is_drawn_as_it_is(tmp_path, ending):
    odd = [
        "$x^2$ $",
        "\x1b[31m",
        "<script>&amp;",
        "日本語",
        "\u0627\u0644",
        "long " * 50,
        "\\frac{",
    ]
    kg = KnowledgeGraph.from_triples(
        [(text, text, text) for text in odd] + [(text, RDF_TYPE, text) for text in odd],
        [(text, text, text, "", "") for text in odd],
    )
    path = draw_statistics(kg.statistics(), tmp_path / f"graph.{ending}")
    assert path.stat().st_size > 10_000
    if ending == "svg":
        assert b"<script" not in path.read_bytes()
        assert r"\x1b[31m" in texts(path)
        assert any(text.startswith("$x^2$") for text in texts(path))


@pytest.mark.parametrize(
    "kg",
    [
        KnowledgeGraph.from_triples([], [("a", "p", "1", "", "")]),
        KnowledgeGraph.from_triples([("a", "p", "b")]),
    ],
)
def test_panels_without_anything_say_so(tmp_path, kg):
    assert "there are none" in texts(draw_statistics(kg.statistics(), tmp_path / "graph.svg"))


def test_labels_do_not_overlap(tmp_path, monkeypatch):
    from kgrec.drawing import canvas

    drawn = []
    monkeypatch.setattr(canvas, "save", lambda figure, path: drawn.append(figure))
    wide = KnowledgeGraph.from_triples(
        [(f"f{n}", f"relation with a long name {n % 15}", "hub") for n in range(40)],
        [("f0", f"property with a long name {n}", "x", "", "") for n in range(20)],
    )
    draw_statistics(wide.statistics(), tmp_path / "graph.png")
    figure = drawn[0]
    figure.draw_without_rendering()
    shown = [text for ax in figure.axes for text in (*ax.get_yticklabels(), *ax.texts, ax.title)]
    for ax in figure.axes:
        low, high = ax.get_xlim()  # there are ticks beyond, which are not drawn
        shown += [text for text in ax.get_xticklabels() if low <= text.get_position()[0] <= high]
    boxes = [text.get_window_extent() for text in shown if text.get_text()]
    assert len(boxes) > 50
    page = figure.bbox
    for place, box in enumerate(boxes):
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        for other in boxes[place + 1 :]:
            assert not box.shrunk(0.95, 0.95).overlaps(other.shrunk(0.95, 0.95))


def test_letters_that_no_font_has_are_said(tmp_path):
    relation = "http://e.org/\U0001e030\u0f40"
    kg = KnowledgeGraph.from_triples([("x", relation, "y"), ("x", "b", "z")])
    with pytest.warns(KgrecWarning, match=r"No installed font has \d of the characters") as found:
        draw_statistics(kg.statistics(), tmp_path / "a.svg")
    assert len(found) == 1
    assert "\u0f40" in str(found[0].message)
    assert any("□" in text for text in texts(tmp_path / "a.svg"))
