"""Pictures of attributions and maps of items."""

import numpy as np
import pytest

from kgrec.drawing.attributions import (
    attribution_figure,
    draw_attributions,
    draw_words,
    words_figure,
)
from kgrec.drawing.item_maps import draw_map, flat, item_map, map_figure, regions
from kgrec.errors import DataError
from kgrec.explain.explanation import Contribution, Explanation, Node


def node(label, row=0):
    return Node("item", row, label, label)


def explanation(**changes):
    told = {
        "score": 1.0,
        "base": 0.25,
        "contributions": (
            Contribution(node("A"), 0.5, 0.6),
            Contribution(node("電影 \x1b[31m"), 0.3, 0.4),
            Contribution(node("C"), -0.1, 0.0),
        ),
        "towers": {"ease": 0.9, "most_popular": 0.1},
    }
    return Explanation(node("you"), node("T"), (), "", **(told | changes))


def test_bars_are_the_contributions_the_rest_and_the_base(tmp_path):
    _, (first, second) = attribution_figure(explanation())
    assert [bar.get_width() for bar in first.patches] == pytest.approx([0.5, 0.3, -0.1, 0.05, 0.25])
    names = [text.get_text() for text in first.get_yticklabels()]
    assert names[0] == "A"
    assert names[3:] == ["all other liked items", "what is no liked item's"]
    assert [bar.get_width() for bar in second.patches] == pytest.approx([0.9, 0.1])
    hatched = [bool(bar.get_hatch()) for bar in first.patches]
    assert hatched == [False, False, True, False, False]
    for ending in ("png", "svg"):
        assert draw_attributions(explanation(), tmp_path / f"why.{ending}").stat().st_size > 1000


def test_without_towers_and_rest_there_is_one_panel():
    made = explanation(score=0.7, base=0.0, towers={})
    _, axes = attribution_figure(made)
    assert len(axes) == 1
    assert len(axes[0].patches) == 3


def test_an_explanation_without_a_score_is_an_error():
    with pytest.raises(DataError, match="no score"):
        attribution_figure(explanation(score=None))


def test_words_are_marked_by_what_they_add(tmp_path):
    words = [("space", 0.9), ("the", 0.0), ("drama", -0.5)] * 9
    _, ax = words_figure(words, "Why")
    assert len(ax.patches) == 18
    plus, minus = ax.patches[0].get_facecolor(), ax.patches[1].get_facecolor()
    assert plus != minus
    underlined = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert len(underlined) == 9
    assert draw_words(words, tmp_path / "words.svg").stat().st_size > 1000
    with pytest.raises(DataError, match="no words"):
        words_figure([], "")


def test_principal_components_keep_the_distances_of_flat_points():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(2, 9))
    points = rng.normal(size=(30, 2)) @ plane
    made = flat(points.astype(np.float32))
    assert made.shape == (30, 2)
    between = np.linalg.norm(points[:, None] - points, axis=2)
    np.testing.assert_allclose(
        np.linalg.norm(made[:, None] - made, axis=2), between, rtol=1e-4, atol=1e-4
    )


def planted():
    rng = np.random.default_rng(1)
    centres = np.array([[0, 0, 9], [9, 0, 0], [0, 9, 0]], dtype=np.float32)
    group = np.repeat([0, 1, 2], [12, 9, 6])
    vectors = centres[group] + rng.normal(size=(27, 3)).astype(np.float32) * 0.3
    values = [[("western", "noir", "musical")[one], "film"] for one in group]
    return vectors, values, group


def test_regions_are_the_planted_groups_by_size():
    vectors, _, group = planted()
    assert regions(flat(vectors), 3).tolist() == group.tolist()


def test_regions_have_the_names_of_what_is_typical(tmp_path):
    vectors, values, group = planted()
    made = item_map(vectors, values, 3)
    assert made.names == ("western", "noir", "musical")
    assert made.region.tolist() == group.tolist()
    _, ax = map_figure(made, marked=[(0, "Rio Bravo"), (13, "Laura")], title="Films")
    texts = {text.get_text() for text in ax.texts}
    assert {"Rio Bravo", "Laura"} <= texts
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["western (12)", "noir (9)", "musical (6)"]
    assert draw_map(made, tmp_path / "map.png").stat().st_size > 1000


def test_too_few_items_make_no_map():
    with pytest.raises(DataError, match="at least three items"):
        item_map(np.zeros((2, 3), dtype=np.float32), [[], []])


def test_items_in_one_place_are_one_region():
    made = item_map(np.ones((5, 3), dtype=np.float32), [["a"]] * 5)
    assert set(made.region.tolist()) == {0}
