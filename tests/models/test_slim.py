"""SLIM: its contract, and its weights against scikit-learn's elastic net."""

import numpy as np
import pytest
import torch
from history_contract import HistoryContract
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from sklearn.linear_model import ElasticNet
from test_baselines import random_log

from kgrec.errors import ConfigError, DataError, RunError
from kgrec.models.slim import SLIM, SLIMConfig
from kgrec.models.slim_descent import descend
from kgrec.models.training_data import TrainingData
from kgrec.testing import FindsBlocks, planted


class TestSLIM(FindsBlocks, HistoryContract):
    def make(self):
        return SLIM(SLIMConfig(l1=0.1, l2=5.0, tolerance=1e-7))

    def test_indices_that_lead_outside_are_refused(self):
        state = self.fitted().state()
        outside = state["weights.indices"].copy()
        outside[0] = 10_000
        with pytest.raises(RunError, match="sparse"):
            self.make().load_state({**state, "weights.indices": outside}, self.data())


def elastic_net(dense, l1, l2):
    """Column by column: scikit-learn's loss is divided by the number of rows."""
    num_users, num = dense.shape
    weights = np.zeros((num, num))
    for item in range(num):
        others = [other for other in range(num) if other != item]
        model = ElasticNet(
            alpha=(l1 + l2) / num_users,
            l1_ratio=l1 / (l1 + l2),
            positive=True,
            fit_intercept=False,
            tol=1e-10,
            max_iter=100_000,
        )
        weights[others, item] = model.fit(dense[:, others], dense[:, item]).coef_
    return weights


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.5), (1.0, 4.0), (0.001, 20.0)])
@pytest.mark.parametrize("shape", [(23, 11), (9, 31)])
def test_slim_is_an_elastic_net_of_each_item_on_the_others(l1, l2, shape):
    log, dense = random_log(2, *shape, density=0.4)
    model = SLIM(SLIMConfig(l1=l1, l2=l2, tolerance=1e-9)).fit(TrainingData(log))
    weights = elastic_net(dense, l1, l2)
    assert 0 < (weights > 0).sum() < 0.8 * weights.size  # there is something to find and to leave
    of_model = csr_matrix(
        tuple(model.state()[f"weights.{name}"] for name in ("data", "indices", "indptr")),
        weights.shape,
    ).toarray()
    np.testing.assert_allclose(of_model, weights, atol=1e-6)
    np.testing.assert_array_equal(of_model > 0, weights > 1e-8)
    known = np.flatnonzero(dense.any(axis=1))
    np.testing.assert_allclose(model.score(known), dense[known] @ weights, atol=1e-5)


def test_ratings_weigh():
    log, dense = random_log(4, 40, 9, density=0.5)
    rating = np.random.default_rng(0).integers(1, 6, len(log)).astype(np.float32)
    rated = type(log)(log.users, log.items, log.user, log.item, rating)
    model = SLIM(SLIMConfig(l1=0.2, l2=1.0, rating_power=1.0, tolerance=1e-9))
    model.fit(TrainingData(rated))
    wide = np.zeros(dense.shape)
    wide[log.user, log.item] = rating
    number = np.maximum((wide > 0).sum(axis=1), 1)
    wide /= np.maximum(wide.sum(axis=1) / number, 1e-9)[:, None]
    weights = elastic_net(wide, 0.2, 1.0)
    found = model.similar(np.arange(9))
    np.testing.assert_allclose(found, weights, atol=1e-6)


@pytest.mark.parametrize("l1", [1.0, 1e9])
def test_weights_are_few_not_negative_and_none_from_an_item_to_itself(l1):
    log, _ = random_log(6, 60, 17, density=0.3)
    weights = SLIM(SLIMConfig(l1=l1, l2=2.0)).fit(TrainingData(log)).similar(np.arange(17))
    assert (weights >= 0).all()
    assert not np.diag(weights).any()
    assert not weights[4].any()  # an item without interactions, as a row and as a column
    assert not weights[:, 4].any()
    assert weights.any() == (l1 == 1.0)


def test_columns_in_parts_are_the_same(monkeypatch):
    log, _ = random_log(6, 60, 17, density=0.3)
    config = SLIMConfig(l1=0.5, l2=2.0)
    whole = SLIM(config).fit(TrainingData(log))
    monkeypatch.setattr("kgrec.models.slim._CHUNK_ITEMS", 5)
    parts = SLIM(config).fit(TrainingData(log))
    for name, array in whole.state().items():
        np.testing.assert_array_equal(parts.state()[name], array)


def test_the_threads_of_others_stay_as_they_are():
    """What one thread sums is not to the last bit what two do: other models would change."""
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    gram = np.ones((5, 5)) + np.eye(5)
    descend(gram, np.arange(5), l1=0.1, l2=1.0, tolerance=1e-4, max_passes=100)
    assert torch.get_num_threads() == 1


def test_what_is_not_solved_is_said():
    data = planted().data
    with pytest.raises(DataError, match=r"in 1 passes\. Give a larger max_passes"):
        SLIM(SLIMConfig(l1=0.0, l2=0.1, tolerance=1e-12, max_passes=1)).fit(data)
    gram = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    columns = np.array([0, 2])
    made, failed = descend(gram, columns, l1=0.5, l2=1.0, tolerance=1e-9, max_passes=9)
    assert failed == 0
    np.testing.assert_allclose(made, [[0, 0.5 / 3, 0], [0, 0, 0]])  # (1 - l1) / (2 + l2)


@pytest.mark.parametrize("wrong", [{"l1": -1.0}, {"l2": 0.0}, {"tolerance": 0.0}, {"alpha": 1.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        SLIMConfig(**wrong)


def test_too_little_memory_is_said(monkeypatch):
    def exhausted(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("kgrec.models.slim_descent.descend", exhausted)
    with pytest.raises(DataError, match="GiB"):
        SLIM().fit(planted().data)


def test_without_numba_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr("kgrec.models.slim.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="library numba, which is not installed"):
        SLIM().fit(planted().data)
