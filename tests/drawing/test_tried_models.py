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
    order = ("together", "the graph", "users")  # the first tick is the one at the top
    for names in (order, ("0.3000", "0.2500", "0.2100")):
        places = [drawn.index(f"<!-- {name} -->") for name in names]
        assert places == sorted(places)
    assert "<!-- validation ndcg@10 -->" in drawn
    with pytest.raises(DataError, match="nothing to draw"):
        draw_parts({}, "together", "ndcg@10", tmp_path / "y.svg")
