"""Closed forms whose sums or columns a cluster computes have the same bits."""

from functools import partial

import numpy as np
import pytest

import kgrec
from kgrec.models import gram
from kgrec.testing import planted


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr("kgrec.models.ridge.gram", partial(gram.gram, entries=40))
    monkeypatch.setattr("kgrec.models.slim.gram", partial(gram.gram, entries=40))
    monkeypatch.setattr("kgrec.models.slim._CHUNK_ITEMS", 6)


def fitted(name):
    from kgrec.models.closed_forms import closed_form_settings

    return closed_form_settings({"name": name}).build().fit(planted().data)


@pytest.mark.parametrize(("name", "maps"), [("ease", 1), ("slim", 2), ("item_knn", 1)])
def test_the_model_is_the_same(name, maps, on_ray):
    with kgrec.engine.LocalEngine():
        expected = fitted(name)
        users = np.arange(50)
        scores = expected.score(users), expected.weights if name == "ease" else None
    found = fitted(name)
    if name == "ease":
        np.testing.assert_array_equal(found.weights, scores[1])
    assert on_ray.maps == maps
    np.testing.assert_array_equal(found.score(users), scores[0])


def test_a_model_that_lost_a_worker_is_the_same(on_failing_ray):
    with kgrec.engine.LocalEngine():
        expected = fitted("slim").score(np.arange(50))
    with pytest.warns(match="was lost"):
        found = fitted("slim")
    np.testing.assert_array_equal(found.score(np.arange(50)), expected)
