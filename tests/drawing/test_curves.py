"""The picture of one training."""

import pytest

from kgrec.drawing.curves import draw_training
from kgrec.errors import ConfigError

CURVE = [
    {"epoch": 4, "loss": 2.0, "ndcg@10": 0.25},
    {"epoch": 8, "loss": 1.0, "ndcg@10": 0.5},
    {"epoch": 12, "loss": 0.5, "ndcg@10": 0.375},
]


def test_the_best_epoch_is_named(tmp_path):
    drawn = draw_training(CURVE, "ndcg@10", tmp_path / "curve.svg").read_text()
    assert "<!-- 0.5000 at epoch 8 -->" in drawn
    assert "<!-- validation ndcg@10 -->" in drawn
    loss = [{"epoch": point["epoch"], "loss": point["loss"]} for point in CURVE]
    drawn = draw_training(loss, "ndcg@10", tmp_path / "loss.svg").read_text()
    assert "<!-- training loss -->" in drawn
    assert "validation" not in drawn


def test_another_kind_of_file(tmp_path):
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw_training(CURVE, "ndcg@10", tmp_path / "curve.jpg")
