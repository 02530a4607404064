"""The picture of the models that were tried together."""

import pytest

from kgrec.drawing.tried_models import draw_parts
from kgrec.errors import DataError


def test_each_model_is_named_with_its_value_the_best_at_the_top(tmp_path):
    path = draw_parts(
        {"users": 0.21, "the graph": 0.25, "together": 0.3},
        "together",
        "ndcg@10",
        tmp_path / "x.svg",
    )
    drawn = path.read_text()
    places = {}
    for name in ("users", "the graph", "together", "0.2100", "0.2500", "0.3000"):
        assert f"<!-- {name} -->" in drawn or f">{name}<" in drawn
        places[name] = drawn.find(name)
    assert "validation NDCG@10" in drawn or "validation ndcg@10" in drawn
    with pytest.raises(DataError, match="nothing to draw"):
        draw_parts({}, "together", "ndcg@10", tmp_path / "y.svg")
