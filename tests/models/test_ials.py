"""iALS: its contract, and its factors against the equations of the paper."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from test_baselines import random_log

import kgrec
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.models.ials import IALS, IALSConfig, folded_in
from kgrec.models.training_data import TrainingData
from kgrec.testing import FindsBlocks, ModelContract, planted


class TestIALS(FindsBlocks, ModelContract):
    def make(self):
        return IALS(IALSConfig(dim=8, l2=1.0, alpha=5.0))

    def test_a_history_scores_as_its_user_does(self):
        model, train = self.fitted(), self.data().train
        np.testing.assert_array_equal(
            model.score_histories(train.matrix()), model.score(np.arange(train.num_users))
        )

    def test_a_state_of_another_width_is_refused(self):
        with pytest.raises(RunError, match="shape"):
            IALS(IALSConfig(dim=7)).load_state(self.fitted().state(), self.data())

    def test_another_seed_gives_other_factors(self):
        other = IALS(IALSConfig(dim=8, l2=1.0, alpha=5.0, seed=1)).fit(self.data())
        assert not np.allclose(other.state()["factors"], self.fitted().state()["factors"])


HERE = Path(__file__).parent


def naive_ials(dense, config, sweeps):
    """The paper's equations 4 and 5, one user and one item at a time, in float64."""
    rng = np.random.default_rng(5)
    items = rng.random((dense.shape[1], config.dim)) * 0.01
    sure = 1 + config.alpha * dense

    def solved(fixed, rows, weight):
        made = []
        for liked, c in zip(rows, weight, strict=True):
            system = fixed.T @ np.diag(c) @ fixed + config.l2 * np.eye(config.dim)
            made.append(np.linalg.solve(system, fixed.T @ (c * (liked > 0))))
        return np.array(made)

    for _ in range(sweeps):
        users = solved(items, dense, sure)
        items = solved(users, dense.T, sure.T)
    return solved(items, dense, sure) @ items.T


def test_ials_finds_the_minimum_of_the_papers_loss():
    # Where all of the matrix can be told by two factors, all starts lead to the same products.
    log, dense = random_log(2, 23, 11, density=0.5)
    config = IALSConfig(dim=2, l2=0.3, alpha=4.0, iterations=200)
    scores = IALS(config).fit(TrainingData(log)).score(np.arange(23))
    known = np.flatnonzero(dense.any(axis=1))
    np.testing.assert_allclose(scores[known], naive_ials(dense, config, 200)[known], atol=2e-3)
    share = dense.mean(axis=0)
    np.testing.assert_allclose(scores[7], share, rtol=1e-6)  # a user without any


def test_folding_in_is_equation_4():
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(7, 3)).astype(np.float32)
    sure = np.array([[0, 3.0, 0, 0, 1.5, 0, 9.0], [0] * 7, [2.0] + [0] * 6])
    made = folded_in(factors, csr_matrix(sure), 0.7)
    for row, own in zip(made, sure, strict=True):
        c = np.diag(np.where(own > 0, own, 1.0))
        system = factors.T @ c @ factors + 0.7 * np.eye(3)
        np.testing.assert_allclose(
            row, np.linalg.solve(system, factors.T @ c @ (own > 0)), rtol=1e-5, atol=1e-7
        )


def test_stored_zeros_and_dislikes_are_no_liking():
    model = TestIALS().fitted()
    plain = csr_matrix(np.eye(25, dtype=np.float32)[[3]])
    more = plain.tolil()
    more[0, 12] = -2.0
    more = more.tocsr()
    more.data = np.append(more.data[:1], -2.0).astype(np.float32)
    np.testing.assert_array_equal(model.score_histories(more), model.score_histories(plain))


def test_ratings_weigh_confidence():
    data = planted().data
    train = data.train
    rating = np.where(train.item % 2 == 0, 5.0, 1.0).astype(np.float32)
    rated = type(train)(train.users, train.items, train.user, train.item, rating)
    config = IALSConfig(dim=4, l2=5.0, alpha=3.0, rating_power=1.0)
    scores = IALS(config).fit(TrainingData(rated)).score(train.user)
    own = scores[np.arange(len(train)), train.item]
    assert own[rating == 5].mean() > own[rating == 1].mean() + 0.02  # surer, so nearer to 1
    with pytest.raises(DataError, match="ratings"):
        IALS(config).fit(data)


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr("kgrec.models.ials.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'kgrec\[baselines\]'"):
        IALS().fit(planted().data)


def test_a_fitted_model_is_read_and_asked_without_the_library():
    code = (
        f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent / 'support')!r}]\n"
        "from test_ials import *\n"
        "data, model = planted().data, IALS(IALSConfig(dim=3))\n"
        "from kgrec.models.state import csr_state\n"
        "known = csr_state('histories', data.train.matrix())\n"
        "model.load_state({'factors': np.ones((25, 3), np.float32)} | known, data)\n"
        "model.score(np.arange(3)); model.similar(np.arange(3))\n"
        "assert not {'implicit', 'threadpoolctl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recommendation_solves_for_one_user_alone(monkeypatch):
    rec = kgrec.Recommender(model=IALS(IALSConfig(dim=3)), text=None).fit(planted().data.train)
    solved = []

    def noted(factors, confidences, *more):
        solved.append(confidences.shape[0])
        return folded_in(factors, confidences, *more)

    monkeypatch.setattr("kgrec.models.ials.folded_in", noted)
    assert rec.recommend(rec.user_vocabulary.ids[0], 3)
    assert solved == [1]


def test_factors_that_are_not_finite_are_said():
    data = planted().data
    with pytest.raises(DataError, match="larger l2"):
        IALS(IALSConfig(alpha=1e38)).fit(data)


@pytest.mark.parametrize("wrong", [{"dim": 0}, {"l2": 0.0}, {"alpha": -1.0}, {"factors": 3}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        IALSConfig(**wrong)
