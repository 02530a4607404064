"""The README's figures are made from result files, or are said to be missing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from kgrec.evaluation.groups import gains_by_users
from kgrec.evaluation.significance import SignificanceConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("figures", ROOT / "experiments" / "figures.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "experiments")
        spec.loader.exec_module(module)
    return module


def result(metric="ndcg@10"):
    columns = {"epoch": [1, 2, 3], "seconds": [1.0, 2.0, 3.0], metric: [0.1, 0.3, 0.2]}
    groups = gains_by_users(
        [0.2, 0.4, 0.5, 0.7], [0.1, 0.2, 0.6, 0.5], [1, 2, 3, 4], 2, SignificanceConfig(samples=99)
    )
    other = {"mean": 0.2, "gain": 0.1, "t_test_holm": 0.04, "interval": [0.1, 0.3], "seconds": 0.4}
    return {
        "metric": metric,
        "test": {metric: 0.3},
        "interval": [0.25, 0.35],
        "runs": [{"seconds": 9.0, "curves": {"link_prediction": columns}}] * 2,
        "baselines": {"ease": other, "most_popular": other},
        "gains": {
            "reference": "ease",
            f"{metric} by interactions of the user": [one.to_dict() for one in groups],
        },
        "no_graph": other,
        "shuffled_graph": other,
    }


def written(folder, results):
    (folder / "own_model.json").write_text(json.dumps({"results": results}))


def test_all_figures_as_png_and_svg(figures, tmp_path):
    written(tmp_path, {"own_random": result(), "own_lastfm": result("recall@10")})
    assert figures.draw(tmp_path, tmp_path) == []
    for name in figures.FIGURES:
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        svg = (tmp_path / f"{name}.svg").read_text()
        assert "Last.FM" in svg
        assert "recall@10" in svg
        assert "ndcg@10" in svg


def test_figures_without_results_are_named(figures, tmp_path):
    bare = {key: value for key, value in result().items() if key in ("metric", "test", "baselines")}
    written(tmp_path, {"own_temporal": bare})
    assert figures.draw(tmp_path, tmp_path) == list(figures.FIGURES)
    assert figures.draw(tmp_path / "none", tmp_path) == list(figures.FIGURES)
    assert not list(tmp_path.glob("*.png"))
