"""The low-rank model: its contract, and its weights against the equation of the paper."""

import numpy as np
import pytest
from test_baselines import random_log

import kgrec
from kgrec.errors import ConfigError, RunError
from kgrec.models.low_rank import LowRank, LowRankConfig
from kgrec.models.training_data import TrainingData
from kgrec.testing import FindsBlocks, ModelContract, log_from_pairs


class TestLowRank(FindsBlocks, ModelContract):
    def make(self):
        return LowRank(LowRankConfig(dim=3, l2=2.0))

    def test_a_history_scores_as_its_user_does(self):
        model, train = self.fitted(), self.data().train
        np.testing.assert_array_equal(
            model.score_histories(train.matrix()), model.score(np.arange(train.num_users))
        )

    def test_a_state_of_another_width_is_refused(self):
        with pytest.raises(RunError, match="shape"):
            LowRank(LowRankConfig(dim=7)).load_state(self.fitted().state(), self.data())


def scores(log, dim, l2):
    model = LowRank(LowRankConfig(dim=dim, l2=l2))
    return model.fit(TrainingData(log)).score(np.arange(log.num_users))


def test_with_all_dimensions_it_is_ridge_regression():
    log, dense = random_log(seed=3)
    found = scores(log, 200, 4.0)
    gram = dense.T @ dense
    expected = dense @ np.linalg.solve(gram + 4.0 * np.eye(len(gram)), gram)
    has = dense.any(axis=1)
    np.testing.assert_allclose(found[has], expected[has], atol=1e-5)


@pytest.mark.parametrize("dim", [1, 5])
def test_no_weights_of_that_rank_have_a_smaller_loss(dim):
    log, dense = random_log(seed=4)
    model = LowRank(LowRankConfig(dim=dim, l2=3.0)).fit(TrainingData(log))
    factors = model.state()["factors"].astype(np.float64)

    def loss(left, right):
        weights = left @ right.T
        return ((dense - dense @ weights) ** 2).sum() + 3.0 * (weights**2).sum()

    least = loss(factors, factors)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(10):
            left, right = (factors + size * rng.normal(size=factors.shape) for _ in range(2))
            assert loss(left, right) >= least - 1e-6
    assert np.linalg.matrix_rank(factors) == dim


def test_the_solver_for_large_matrices_finds_the_same(monkeypatch):
    log, _ = random_log(seed=5)
    expected = scores(log, 4, 3.0)
    monkeypatch.setattr("kgrec.models.low_rank._SMALL", 0)
    found = scores(log, 4, 3.0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(40, 9), (9, 40)])
def test_few_users_and_few_items_are_both_solved(shape):
    rng = np.random.default_rng(1)
    dense = (rng.random(shape) < 0.3).astype(float)
    found = scores(log_from_pairs(np.argwhere(dense).tolist(), *shape), 200, 2.0)
    gram = dense.T @ dense
    expected = dense @ np.linalg.solve(gram + 2.0 * np.eye(len(gram)), gram)
    has = dense.any(axis=1)
    np.testing.assert_allclose(found[has], expected[has], atol=1e-5)


def test_its_settings_are_checked_and_a_config_names_it():
    from kgrec.config import make_config

    made = make_config({"data": {"interactions": "x.csv"}, "model": {"name": "low_rank", "dim": 8}})
    assert isinstance(made.seeded_model().build(), kgrec.LowRank)
    for wrong in ({"dim": 0}, {"l2": -1.0}, {"dims": 3}):
        with pytest.raises(ConfigError, match="model"):
            make_config({"data": {"interactions": "x.csv"}, "model": {"name": "low_rank", **wrong}})
