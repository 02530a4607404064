"""Pictures: nothing overlaps, everything is in them, and no label can do harm."""

import warnings
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import image
from matplotlib.patches import FancyBboxPatch

from kgrec.drawing import canvas
from kgrec.drawing.layered import _apart
from kgrec.drawing.neighborhood import (
    MOST_NODES,
    draw_graph,
    draw_neighborhood,
    graph_figure,
    neighborhood_figure,
)
from kgrec.drawing.placement import spread
from kgrec.errors import ConfigError, DataError, KgrecWarning, RunError


def neighborhood(num_liked=4, num_shared=5, long=False):
    """A user, liked items, what they share with the recommended item, and one direct relation."""
    graph = nx.MultiDiGraph(title="Why this film", caption="Because of all that. " * 9)
    graph.add_node("u", label="user 7", type="user", role="user", layer=0)
    graph.add_node("r", label="The recommended film", type="item", role="recommended", layer=3)
    for n in range(num_liked):
        label = f"A liked film with a long title, number {n}" if long else f"film {n}"
        graph.add_node(f"i{n}", label=label, type="item", role="liked", layer=1)
        graph.add_edge("u", f"i{n}", label="liked")
    for n in range(num_shared):
        kind = "entity" if n % 3 else "item_genre"
        label = f"A shared person or theme, number {n}" if long else f"person {n}"
        graph.add_node(f"e{n}", label=label, type=kind, layer=2)
        graph.add_edge(f"i{n % num_liked}", f"e{n}", label="country of origin")
        graph.add_edge(f"i{(n + 1) % num_liked}", f"e{n}", label="about")
        graph.add_edge("r", f"e{n}", label="country of origin")
    graph.add_edge("r", "i0", label="is based on")
    return graph


def tree(num_nodes, seed=0):
    rng = np.random.default_rng(seed)
    graph = nx.MultiDiGraph(left_out=3)
    for n in range(num_nodes):
        graph.add_node(n, label=f"node number {n}" * (1 + n % 2), type="entity", hop=min(n, 2))
        if n:
            graph.add_edge(int(rng.integers(n)), n, label="a relation")
    for _ in range(num_nodes // 4):
        graph.add_edge(*map(int, rng.integers(num_nodes, size=2)), label="another")
    return graph


def extents(figure):
    """Boxes of nodes and labels as drawn, in pixels: (what, extent)."""
    renderer = figure.canvas.get_renderer()
    figure.canvas.draw()
    axes = figure.axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    found = [(patch.get_gid(), patch.get_window_extent(renderer)) for patch in boxes]
    found += [(text.get_gid(), text.get_window_extent(renderer)) for text in axes.texts]
    return found


def overlaps(one, two, slack=1.0):
    width = min(one.x1, two.x1) - max(one.x0, two.x0)
    height = min(one.y1, two.y1) - max(one.y0, two.y0)
    return width > slack and height > slack


def assert_legible(figure):
    found = extents(figure)
    of = {
        gid: [extent for name, extent in found if name == gid] for gid in {gid for gid, _ in found}
    }
    apart = [*of["box"], *of.get("relation", []), *of.get("title", []), *of.get("caption", [])]
    for one, two in combinations(apart, 2):
        assert not overlaps(one, two)
    # Each label lies within its own box, and nothing beyond the edge of the picture.
    assert len(of["label"]) == len(of["box"])
    for box, label in zip(of["box"], of["label"], strict=True):
        assert box.x0 <= label.x0 <= label.x1 <= box.x1
        assert box.y0 <= label.y0 <= label.y1 <= box.y1
    width, height = figure.get_size_inches() * figure.dpi
    for _, extent in found:
        assert extent.x0 >= 0
        assert extent.y0 >= 0
        assert extent.x1 <= width
        assert extent.y1 <= height
    return of


def test_overlaps_can_be_seen():
    figure, axes = canvas.figure(4, 4)
    for x in (1.0, 1.2):
        canvas.write(axes, canvas.text("a label", 10), x, 1, gid="box")
    one, two = (extent for _, extent in extents(figure))
    assert overlaps(one, two)


@pytest.mark.parametrize("size", [(1, 1), (4, 5), (6, 9)])
@pytest.mark.parametrize("long", [False, True])
def test_neighborhood_is_legible(size, long):
    graph = neighborhood(*size, long)
    of = assert_legible(neighborhood_figure(graph))
    assert len(of["box"]) == len(graph)
    # One label for each joined pair: with one liked item, its two relations stand together.
    assert len(of["relation"]) == len({frozenset(pair) for pair in graph.edges()})
    assert {"title", "caption", "legend"} <= set(of)


def test_columns_run_from_user_to_recommendation():
    graph = neighborhood()
    figure = neighborhood_figure(graph)
    boxes = [extent for gid, extent in extents(figure) if gid == "box"]
    columns = {}
    for key, box in zip(graph, boxes, strict=True):
        columns.setdefault(graph.nodes[key]["layer"], []).append(box)
    for layer in range(3):
        assert max(box.x1 for box in columns[layer]) < min(box.x0 for box in columns[layer + 1])


@pytest.mark.parametrize("num_nodes", [1, 2, 12, 30])
def test_graph_is_legible(num_nodes):
    graph = tree(num_nodes)
    of = assert_legible(graph_figure(graph, title="A tree"))
    assert len(of["box"]) == num_nodes


@pytest.mark.parametrize("seed", range(4))
def test_lines_keep_clear_of_other_boxes(seed):
    graph = nx.Graph(tree(16, seed))
    graph.remove_edges_from(nx.selfloop_edges(graph))
    sizes = {key: (1.0 + key % 3 / 2, 0.4) for key in graph}
    layout = spread(graph, sizes, dict.fromkeys(graph.edges, (0.5, 0.15)))
    assert layout.faults < 100
    for pair, line in layout.lines.items():
        for key in set(graph) - set(pair):
            half = np.array(sizes[key]) / 2
            assert not (np.abs(line - layout.centre[key]) < half).all(axis=1).any()
        for key, end in zip(pair, (line[0], line[-1]), strict=True):  # it touches its own
            gap = np.abs(end - layout.centre[key]) - np.array(sizes[key]) / 2
            assert gap.max() == pytest.approx(0.03, abs=1e-6)


def test_separate_parts_and_loops():
    graph = nx.MultiDiGraph()
    graph.add_nodes_from("abcd")
    graph.add_edge("a", "b", label="x")
    graph.add_edge("b", "a", label="y")
    graph.add_edge("c", "c", label="loop")
    of = assert_legible(graph_figure(graph))
    assert len(of["box"]) == 4
    assert len(of["relation"]) == 1  # "x, y" on the one line between a and b


def test_files(tmp_path):
    graph = neighborhood()
    path = draw_neighborhood(graph, tmp_path / "why.png")
    height, width, _ = image.imread(path).shape
    assert 900 < width < 3000
    assert 500 < height < 2500
    assert 10_000 < path.stat().st_size < 1_000_000
    picture = draw_graph(tree(8), str(tmp_path / "tree.svg"))
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    again = draw_neighborhood(graph, tmp_path / "again.png")
    assert again.read_bytes() == path.read_bytes()


HOSTILE = [
    "$\\frac{1}{0$ and $x_1$ cost $5",
    "\x1b[2J\x00\u202eevil",
    '<script>alert(1)</script> & "quotes" ]]> -->',
    "七人の侍",
    "🎬🎬 film 🎬",
    "",
    " ",
    "x" * 5000,
    "word " * 1000,
    "%s {0} \\n %(x)s",
]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_hostile_labels(tmp_path, suffix):
    graph = nx.MultiDiGraph(title=HOSTILE[0], caption=HOSTILE[2])
    for n, label in enumerate(HOSTILE):
        graph.add_node(n, label=label, id=f"http://e.org/id_{n}", type=label, layer=n % 3)
    for n, label in enumerate(HOSTILE[1:]):
        graph.add_edge(n, n + 1, label=label)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", KgrecWarning)  # letters that no font has
        for draw in (draw_neighborhood, draw_graph):
            path = draw(graph, tmp_path / f"hostile.{suffix}")
    if suffix == "svg":
        ElementTree.parse(path)
        assert "<script" not in path.read_text()
    figure = neighborhood_figure(graph)
    assert_legible(figure)
    written = [text.get_text() for text in figure.axes[0].texts if text.get_gid() == "label"]
    assert written[0].replace("\n", " ") == "$\\frac{1}{0$ and $x_1$ cost $5"
    assert not any(char in "".join(written) for char in "\x1b\x00\u202e🎬七")
    assert written[3] == "id 3"  # no letter of the label can be drawn
    assert written[4] == "□□ film □"
    assert written[5:7] == ["id 5", "id 6"]


def test_what_cannot_be_drawn(tmp_path):
    graph = neighborhood()
    with pytest.raises(ConfigError, match=r"\.png or \.svg file, found 'why.jpg'"):
        draw_neighborhood(graph, tmp_path / "why.jpg")
    with pytest.raises(RunError, match=r"cannot be written"):
        draw_neighborhood(graph, tmp_path / "no" / "why.png")
    with pytest.raises(DataError, match=r"no nodes"):
        graph_figure(nx.MultiDiGraph())
    with pytest.raises(DataError, match=r"picture of 61 nodes is illegible"):
        graph_figure(nx.MultiDiGraph(nx.path_graph(MOST_NODES + 1)))
    with pytest.raises(DataError, match=r"needs a `layer`"):
        neighborhood_figure(tree(3))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 2)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_apart_is_the_nearest_feasible_place(boxes, gap):
    wanted, heights = (np.array(column) for column in zip(*boxes, strict=True))
    found = _apart(wanted, heights, gap)
    room = (heights[:-1] + heights[1:]) / 2 + gap
    assert (found[:-1] - found[1:] >= room - 1e-9).all()
    # Optimal: no feasible place between here and a random other one is nearer.
    rng = np.random.default_rng(0)
    cost = ((found - wanted) ** 2).sum()
    for _ in range(20):
        other = np.sort(rng.normal(0, 3, len(found)))[::-1]
        other = other - np.concatenate([[0], np.cumsum(room)])
        for step in (1e-3, 0.1, 1):
            moved = found + step * (other - found)
            assert ((moved - wanted) ** 2).sum() >= cost - 1e-9


def test_letters_that_no_font_has_are_told_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("kgrec.drawing.canvas._other_fonts", lambda: ())
    canvas._font_with.cache_clear()
    graph = nx.MultiDiGraph()
    graph.add_node("a", label="\U00013000 Heat \U00013001", layer=0)
    with pytest.warns(KgrecWarning, match=r"No installed font has 2 of the"):
        draw_neighborhood(graph, tmp_path / "why.png")
    graph.nodes["a"]["label"] = "Amélie"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_neighborhood(graph, tmp_path / "why.png")


def test_any_installed_font_that_has_the_letters_is_used(monkeypatch):
    other = ("Hieroglyphs", frozenset({0x13000}))
    monkeypatch.setattr("kgrec.drawing.canvas._other_fonts", lambda: (other,))
    canvas._font_with.cache_clear()
    made = canvas._fonts_for("\U00013000\U00013001")
    canvas._font_with.cache_clear()
    assert made[0][-1] == "Hieroglyphs"
    assert 0x13000 in made[1]
    assert 0x13001 not in made[1]
