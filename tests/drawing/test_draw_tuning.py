"""Pictures of a search of settings."""

import re

import pytest

from kgrec.drawing.tuning import draw_history, draw_importance
from kgrec.errors import ConfigError, DataError

TRIALS = [(0.2, "complete"), (0.25, "complete"), (0.21, "pruned"), (None, "failed"),
          (0.3125, "complete"), (0.3, "complete")]  # fmt: skip


def words(path):
    return re.findall(r"<!-- (.*?) -->", path.read_text())


def test_the_best_trial_is_named_and_marks_are_explained(tmp_path):
    said = words(draw_history(TRIALS, "ndcg@10", tmp_path / "history.svg"))
    assert {"0.3125", "validation ndcg@10", "trial", "stopped early", "failed", "best so far",
            "config as it is"} <= set(said)  # fmt: skip
    said = words(draw_history(TRIALS[:2], "ndcg@10", tmp_path / "few.svg"))
    assert "0.2500" in said
    assert not {"stopped early", "failed"} & set(said)


def test_a_trial_that_is_far_below_does_not_hide_the_differences_of_the_others(tmp_path):
    several = [(0.25 + 0.01 * number, "complete") for number in range(8)]
    usual = words(draw_history(several, "ndcg@10", tmp_path / "a.svg"))
    far = words(draw_history([*several, (0.0001, "complete")], "ndcg@10", tmp_path / "b.svg"))
    assert {"0.26", "0.28", "0.30", "0.32"} <= set(usual) & set(far)
    assert "0.00" not in far


def test_one_trial_and_a_first_one_that_failed(tmp_path):
    assert "0.5000" in words(draw_history([(0.5, "complete")], "mrr@5", tmp_path / "one.svg"))
    said = words(draw_history([(None, "failed"), (0.5, "complete")], "mrr@5", tmp_path / "two.svg"))
    assert "config as it is" not in said


def test_the_most_important_setting_is_on_top(tmp_path):
    shares = {"model.l2": 0.2, "model.alpha $x$": 0.7, "model.dropout": 0.1}
    path = draw_importance(shares, "ndcg@10", tmp_path / "importance.svg")
    said = words(path)
    keys = [one for one in said if one.startswith("model.")]
    assert keys == ["model.alpha $x$", "model.l2", "model.dropout"]
    assert {"70%", "20%", "10%"} <= set(said)


def test_nothing_to_draw_and_another_kind_of_file(tmp_path):
    with pytest.raises(DataError, match="no trial has a value"):
        draw_history([(None, "failed"), (0.1, "pruned")], "ndcg@10", tmp_path / "a.png")
    with pytest.raises(DataError, match="no setting was varied"):
        draw_importance({}, "ndcg@10", tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw_history(TRIALS, "ndcg@10", tmp_path / "a.jpg")
