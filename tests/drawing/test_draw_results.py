"""Pictures of results: what they say is what was measured, and nothing is drawn of nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html import unescape

import numpy as np
import pytest

from kgrec.drawing.curves import draw_curves
from kgrec.drawing.results import (
    Estimate,
    draw_ablations,
    draw_accuracy_by_time,
    draw_comparison,
    draw_gains,
)
from kgrec.errors import ConfigError, DataError, KgrecWarning, RunError
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.comparison import compare_models
from kgrec.evaluation.groups import GroupGain, gains_by_users
from kgrec.evaluation.significance import SignificanceConfig

QUICK = SignificanceConfig(samples=199)
ODD = ["$x^2$ $", "\x1b[31mred", "<b>&amp;", "日本語", "long " * 40, "\\frac{"]


def texts(path):
    """Return what an SVG writes: matplotlib keeps each text in a comment beside its outlines."""
    tree = ET.parse(path, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
    return [unescape(node.text.strip()) for node in tree.iter(ET.Comment)]


def evaluation(shift, seed=0, kinds=("ndcg", "mrr")):
    base = np.random.default_rng(0).random(80)
    values = base + np.random.default_rng(seed + 1).normal(shift, 0.05, 80)
    return Evaluation({}, {f"{kind}@5": values for kind in kinds}, [f"u{n}" for n in range(80)],
                      (5,), 300, 99)  # fmt: skip


def gain(fewest, most, shift, seed=0):
    rng = np.random.default_rng(seed)
    theirs = rng.random(60)
    ours = theirs + rng.normal(shift, 0.05, 60)
    return gains_by_users(ours, theirs, rng.permutation(np.linspace(fewest, most, 60)), 1, QUICK)[0]


CURVE = [{"epoch": n, "seconds": n / 2, "loss": 1 / n, "ndcg@5": 0.3 - (n - 6) ** 2 / 200}
         for n in range(1, 12)]  # fmt: skip


def test_a_comparison_has_its_figures_best_model_first(tmp_path):
    models = {"EASE": evaluation(0), "ours": evaluation(0.1), "worse": evaluation(-0.1, 2),
              "alike": evaluation(0.001, 3)}  # fmt: skip
    found = compare_models(models, ["ndcg@5", "mrr@5"], QUICK)
    written = texts(draw_comparison(found, tmp_path / "c.svg"))
    names = [text for text in written if text in models]
    assert names[0] == "ours"
    assert names[-1] == "worse"
    means = {name: one.per_user["ndcg@5"].mean() for name, one in models.items()}
    assert written.count(f"{means['EASE']:.4f}  reference") == 2
    assert any(text.startswith(f"{means['ours']:.4f}  +0.1") for text in written)
    assert any(text.startswith(f"{means['worse']:.4f}  −0.1") for text in written)
    p = found.tests["ndcg@5"]["alike"].t_test_holm
    assert any(text.endswith(f"p = {p:.3f}") for text in written)
    assert {"ndcg@5, mean and 95% interval", "mrr@5, mean and 95% interval"} <= set(written)


def test_curves_name_the_best_run_at_its_best_epoch(tmp_path):
    worse = [{**point, "ndcg@5": point["ndcg@5"] - 0.05} for point in CURVE]
    panels = {"films": {"ours": [CURVE, worse], "theirs": [worse]}}
    written = texts(draw_curves(panels, "ndcg@5", tmp_path / "c.svg"))
    assert {"films", "ours: 0.3000", "theirs: 0.2500", "epoch", "validation ndcg@5"} <= set(written)
    by_time = draw_curves(panels, {"films": "ndcg@5"}, tmp_path / "t.svg", along="seconds")
    assert "seconds of training" in texts(by_time)
    with pytest.raises(DataError, match=r"curve of ours has no 'ndgc@5'.* Did you mean 'ndcg@5'"):
        draw_curves(panels, "ndgc@5", tmp_path / "c.svg")
    with pytest.raises(DataError, match="curve of none has no 'epoch'"):
        draw_curves({"films": {"none": [[]]}}, "ndcg@5", tmp_path / "c.svg")


def test_accuracy_by_time_names_each_model(tmp_path):
    models = [
        Estimate("ours", 0.3, 0.28, 0.32, seconds=20, ours=True),
        Estimate("EASE", 0.25, 0.23, 0.27, seconds=0.5),
        Estimate("popular", 0.1, 0.09, 0.11, seconds=0.01),
    ]
    written = texts(draw_accuracy_by_time({"films": models}, "ndcg@5", tmp_path / "t.svg"))
    assert {"ours", "EASE", "popular", "films", "ndcg@5", "0.01", "10"} <= set(written)
    free = [Estimate("free", 0.1, 0.1, 0.1)]
    with pytest.raises(DataError, match="more than 0 seconds"):
        draw_accuracy_by_time({"films": free}, "ndcg@5", tmp_path / "t.svg")


def test_gains_by_group_and_their_share(tmp_path):
    groups = [gain(1, 9, 0.1), gain(10, 1200, -0.05, 1)]
    written = texts(draw_gains({"users": groups}, "ndcg@5", tmp_path / "g.svg", reference="EASE"))
    assert {"1–9  (60 users)", "10–1,200  (60 users)", "gain over EASE, ndcg@5"} <= set(written)
    tests = groups[0].tests
    assert f"{tests.gain / tests.reference:+.0%}" in written
    assert any(text.startswith("−") and text.endswith("%") for text in written)


def test_ablation_bars(tmp_path):
    bars = [
        Estimate("whole", 0.4, 0.38, 0.42, ours=True),
        Estimate("no graph", 0.3, 0.28, 0.32, note="−0.1000, p < 0.001"),
    ]
    written = texts(draw_ablations({"cold items": bars}, "ndcg@5", tmp_path / "a.svg"))
    assert {"whole", "no graph", "0.4000", "0.3000", "−0.1000, p < 0.001"} <= set(written)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_any_name_is_drawn_as_it_is(tmp_path, ending):
    path = tmp_path / f"odd.{ending}"
    bars = [Estimate(name[:60], 0.1 * n, 0.05, 0.7, seconds=n + 1, note=name)
            for n, name in enumerate(ODD)]  # fmt: skip
    panels = dict.fromkeys(ODD, bars)
    draw_accuracy_by_time(panels, ODD[0], path)
    draw_ablations(panels, ODD[0], path)
    draw_curves({ODD[0]: {name: [CURVE] for name in ODD}}, "ndcg@5", path)
    draw_gains({ODD[0]: [gain(1, 2, 0)]}, ODD[0], path, reference=ODD[0])
    draw_comparison(compare_models({name: evaluation(0) for name in ODD}, ["ndcg@5"], QUICK), path)
    start = path.read_bytes()[:8]
    assert start.startswith(b"\x89PNG" if ending == "png" else b"<?xml")
    if ending == "svg":
        assert "$x^2$ $" in texts(path)
        assert b"\x1b" not in path.read_bytes()


def test_nothing_is_drawn_of_nothing_and_only_as_png_or_svg(tmp_path):
    for draw in (draw_ablations, draw_accuracy_by_time, draw_curves):
        with pytest.raises(DataError, match="nothing to draw"):
            draw({}, "ndcg@5", tmp_path / "n.png")
    with pytest.raises(DataError, match="one bar or more"):
        draw_ablations({"a": []}, "ndcg@5", tmp_path / "n.png")
    with pytest.raises(DataError, match="one group or more"):
        draw_gains({"a": []}, "ndcg@5", tmp_path / "n.png", reference="EASE")
    bars = {"a": [Estimate("x", 0.1, 0.1, 0.1)]}
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw_ablations(bars, "ndcg@5", tmp_path / "n.jpg")
    with pytest.raises(RunError, match="cannot be written"):
        draw_ablations(bars, "ndcg@5", tmp_path / "none" / "n.png")


def test_gains_are_read_again_from_json():
    found = gain(1, 9, 0.1)
    assert GroupGain.from_dict(found.to_dict()) == found
    steady = gains_by_users([0.5, 0.6], [0.4, 0.5], [1, 2], 1, QUICK)[0]
    again = GroupGain.from_dict(steady.to_dict())
    assert again.tests.cohens_d == steady.tests.cohens_d
    for damaged in ({}, {**found.to_dict(), "new": 1}, {**found.to_dict(), "fewest": "x"}):
        with pytest.raises(DataError, match="no gains of a group"):
            GroupGain.from_dict(damaged)


def test_names_of_models_that_no_font_has_are_said(tmp_path):
    points = [
        Estimate("\u0f40\u0f41", 0.3, 0.2, 0.4, seconds=1),
        Estimate("b", 0.2, 0.1, 0.3, seconds=2),
    ]
    with pytest.warns(KgrecWarning, match="No installed font has 2 of the characters"):
        draw_accuracy_by_time({"p": points}, "ndcg@10", tmp_path / "a.svg")
