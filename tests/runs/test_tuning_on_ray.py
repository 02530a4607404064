"""A search whose trials a cluster measures is the search of one process."""

import pytest
from series import series_tree

from kgrec.engine import LocalEngine, RayEngineConfig
from kgrec.errors import ConfigError
from kgrec.runs.tuning import tune_run

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a search of one setting, three trials at once."""
    return series_tree(tmp_path_factory.mktemp("series"), users=30) | {
        "tune": {"space": {"model.l2": [1, 1e9, "log"]}, "at_once": 3},
    }


@pytest.fixture(scope="module")
def expected(tree, tmp_path_factory):
    return found(tune_run(tree, tmp_path_factory.mktemp("out") / "here", 7))


def found(tuned):
    return [(one.settings, one.value, one.state, dict(one.metrics)) for one in tuned.trials]


def test_the_trials_are_the_same_also_with_a_killed_worker(
    tree, expected, on_failing_ray, tmp_path, monkeypatch
):
    monkeypatch.setattr(RayEngineConfig, "build", lambda _: on_failing_ray)
    with pytest.warns(match="was lost"):
        tuned = tune_run({**tree, "engine": "ray"}, tmp_path / "there", 7)
    assert found(tuned) == expected
    assert on_failing_ray.maps >= 3  # a round each


def test_another_engine_goes_on_with_a_search(tree, expected, on_ray, tmp_path, monkeypatch):
    monkeypatch.setattr(RayEngineConfig, "build", lambda _: on_ray)
    with LocalEngine():
        tune_run(tree, tmp_path / "both", 2)
    tuned = tune_run({**tree, "engine": "ray"}, tmp_path / "both", 7)
    assert found(tuned) == expected


@pytest.mark.parametrize("more", [{"engine": "ray"}, {}])
def test_trackers_follow_no_trials_at_once(tree, tmp_path, more):
    pytest.importorskip("tensorboard")
    with pytest.raises(ConfigError, match=r"tracking: .* tune\.at_once=1"):
        tune_run({**tree, **more, "tracking": ["tensorboard"]}, tmp_path / "out", 3)
