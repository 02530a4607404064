"""The baselines: their contract, and their arithmetic against naive versions of it."""

import numpy as np
import pytest
from history_contract import HistoryContract
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from kgrec.errors import DataError, RunError, UnknownIdError
from kgrec.models.checks import check_rows
from kgrec.models.ease import (
    EASE,
    AttributeEASE,
    AttributeEASEConfig,
    EASEConfig,
    attribute_rows,
)
from kgrec.models.item_knn import ItemKNN, ItemKNNConfig
from kgrec.models.popular import MostPopular
from kgrec.models.ridge import RidgeSystem
from kgrec.models.training_data import TrainingData
from kgrec.models.user_ease import UserEASE, UserEASEConfig
from kgrec.testing import FindsBlocks, log_from_pairs, planted


class TestMostPopular(HistoryContract):
    def make(self):
        return MostPopular()

    def test_scores_are_counts_of_users(self):
        model = MostPopular().fit(
            TrainingData(log_from_pairs([(0, 1), (1, 1), (1, 1), (2, 0)], 4, 3))
        )
        assert model.score(np.array([3, 0])).tolist() == [[1, 2, 0], [1, 2, 0]]

    def test_recommends_the_largest_group_to_everyone(self):
        scores = self.fitted().score(np.array([56]))[0]
        assert scores.argmax() < 9


class TestItemKNN(FindsBlocks, HistoryContract):
    def make(self):
        return ItemKNN()

    def test_indices_that_lead_outside_are_refused(self):
        state = self.fitted().state()
        outside = state["weights.indices"].copy()
        outside[0] = 10_000
        with pytest.raises(RunError, match="sparse"):
            self.make().load_state({**state, "weights.indices": outside}, self.data())


class TestEASE(FindsBlocks, HistoryContract):
    def make(self):
        return EASE(EASEConfig(l2=5.0))


class TestAttributeEASE(FindsBlocks, HistoryContract):
    def make(self):
        return AttributeEASE(AttributeEASEConfig(l2=5.0, alpha=1.0))

    def test_an_item_without_interactions_finds_its_group(self):
        cold = self.fitted().score(np.arange(57))[:, 24]  # its attribute names the last group
        assert cold[47:].min() > cold[:47].max() + 1e-4

    def test_needs_attributes(self):
        with pytest.raises(DataError, match="attributes"):
            self.make().fit(TrainingData(self.data().train))


def random_log(seed, num_users=23, num_items=11, density=0.25):
    rng = np.random.default_rng(seed)
    dense = rng.random((num_users, num_items)) < density
    dense[:, 4] = False  # an item without interactions
    dense[7] = False  # a user without any
    return log_from_pairs(np.argwhere(dense).tolist(), num_users, num_items), dense.astype(float)


def naive_ease(rows, l2):
    """Column by column: ridge regression of each item on all the others."""
    num = rows.shape[1]
    weights = np.zeros((num, num))
    for item in range(num):
        others = [other for other in range(num) if other != item]
        design = rows[:, others]
        penalty = l2 * np.eye(num - 1)
        weights[others, item] = np.linalg.solve(
            design.T @ design + penalty, design.T @ rows[:, item]
        )
    return weights


@pytest.mark.parametrize("l2", [0.5, 30.0])
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(l2):
    log, dense = random_log(1)
    model = EASE(EASEConfig(l2=l2)).fit(TrainingData(log))
    weights = naive_ease(dense, l2)
    np.testing.assert_allclose(model.weights, weights, atol=1e-6)
    known = np.flatnonzero(dense.any(axis=1))
    np.testing.assert_allclose(model.score(known), dense[known] @ weights, atol=1e-5)
    np.testing.assert_allclose(model.similar(np.array([2, 9])), weights[[2, 9]], atol=1e-6)


@pytest.mark.parametrize("model", [EASE(), ItemKNN()])
def test_without_history_what_is_popular_is_recommended(model):
    log, dense = random_log(1)
    model.fit(TrainingData(log))
    share = dense.mean(axis=0)
    np.testing.assert_allclose(model.score(np.array([7, 0]))[0], share, rtol=1e-6)
    nothing = csr_matrix((2, 11), dtype=np.float32)
    np.testing.assert_allclose(model.score_histories(nothing), [share, share], rtol=1e-6)


def test_a_singular_system_is_said():
    twice = csr_matrix(np.ones((1, 2)))  # two equal items, and too small an l2 to part them
    with pytest.raises(DataError, match="larger l2"):
        _ = RidgeSystem(twice, np.full(2, 1e-300)).weights


def test_attribute_ease_is_ease_with_weighted_rows_below():
    log, dense = random_log(3)
    rng = np.random.default_rng(3)
    attributes = rng.random((11, 6)) < 0.4
    attributes[:, 0] = np.arange(11) == 2  # an attribute of a single item is left out
    attributes[5] = False  # an item without attributes
    rows = np.zeros((6, 11))
    for attribute in range(6):
        count = attributes[:, attribute].sum()
        for item in range(11):
            if count >= 2 and attributes[item, attribute]:
                rows[attribute, item] = np.log(11 / count)
    for item in range(11):
        length = np.sqrt((rows[:, item] ** 2).sum())
        if length:
            rows[:, item] /= length
    config = AttributeEASEConfig(l2=2.0, alpha=1.7)
    model = AttributeEASE(config).fit(
        TrainingData(log, attributes=csr_matrix(attributes.astype(np.float32)))
    )
    weights = naive_ease(np.vstack([dense, 1.7 * rows]), 2.0)
    np.testing.assert_allclose(model.weights, weights, atol=1e-6)
    known = np.flatnonzero(dense.any(axis=1))
    np.testing.assert_allclose(model.score(known), dense[known] @ weights, atol=1e-5)


def test_words_are_further_rows_of_attribute_ease():
    log, dense = random_log(4)
    rng = np.random.default_rng(4)
    words = (rng.random((11, 5)) * (rng.random((11, 5)) < 0.5)).astype(np.float32)
    none = csr_matrix((11, 1), dtype=np.float32)
    data = TrainingData(log, attributes=none, words=csr_matrix(words))
    model = AttributeEASE(AttributeEASEConfig(l2=2.0, words=1.3)).fit(data)
    expected = naive_ease(np.vstack([dense, 1.3 * words.T]), 2.0)
    np.testing.assert_allclose(model.weights, expected, atol=1e-6)
    plain = AttributeEASE(AttributeEASEConfig(l2=2.0)).fit(data)
    np.testing.assert_allclose(plain.weights, naive_ease(dense, 2.0), atol=1e-6)
    with pytest.raises(DataError, match="set words to 0"):
        AttributeEASE(AttributeEASEConfig(words=1.0)).fit(TrainingData(log, attributes=none))


def test_attributes_of_no_weight_change_nothing():
    data = planted().data
    plain = EASE(EASEConfig(l2=7.0)).fit(data)
    model = AttributeEASE(AttributeEASEConfig(l2=7.0, alpha=0.0)).fit(data)
    np.testing.assert_allclose(model.weights, plain.weights, atol=1e-7)


def test_repeated_and_weighted_attributes_count_once():
    entries = (np.array([1.0, 5.0, 1.0, 1.0]), (np.array([0, 0, 1, 2]), np.array([0, 0, 0, 1])))
    once = csr_matrix(np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32))
    np.testing.assert_array_equal(
        attribute_rows(csr_matrix(entries, shape=(3, 2))).toarray(), attribute_rows(once).toarray()
    )


def naive_knn(dense, num_neighbors, shrinkage):
    num = dense.shape[1]
    counts = dense.sum(axis=0)
    similarity = np.zeros((num, num))
    for i in range(num):
        for j in range(num):
            shared = (dense[:, i] * dense[:, j]).sum()
            if i != j and shared:
                similarity[i, j] = shared / (np.sqrt(counts[i]) * np.sqrt(counts[j]) + shrinkage)
    similarity = similarity.astype(np.float32)
    weights = np.zeros((num, num))
    for j in range(num):
        nearest = sorted(range(num), key=lambda i: (-similarity[i, j], i))[:num_neighbors]
        weights[nearest, j] = similarity[nearest, j]
    return weights


@pytest.mark.parametrize(("num_neighbors", "shrinkage"), [(2, 0.0), (3, 4.0), (100, 1.0)])
def test_item_knn_against_loops(num_neighbors, shrinkage, monkeypatch):
    monkeypatch.setattr("kgrec.models.item_knn._CHUNK_ITEMS", 4)
    for seed in range(5):
        log, dense = random_log(seed)
        config = ItemKNNConfig(num_neighbors=num_neighbors, shrinkage=shrinkage)
        model = ItemKNN(config).fit(TrainingData(log))
        weights = naive_knn(dense, num_neighbors, shrinkage)
        known = np.flatnonzero(dense.any(axis=1))
        np.testing.assert_allclose(model.score(known), dense[known] @ weights, atol=1e-5)
        np.testing.assert_allclose(model.similar(np.array([3, 0])), weights.T[[3, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (EASEConfig, {"l2": 0.0}),
        (EASEConfig, {"l2": float("inf")}),
        (EASEConfig, {"lambda": 3.0}),
        (AttributeEASEConfig, {"alpha": -1.0}),
        (ItemKNNConfig, {"num_neighbors": 0}),
        (ItemKNNConfig, {"shrinkage": float("nan")}),
    ],
)
def test_settings_out_of_range_are_refused(config, wrong):
    with pytest.raises(ValidationError):
        config(**wrong)


def test_training_data_must_fit_together():
    data, held_out = planted().data, planted().held_out
    with pytest.raises(DataError, match="25 items"):
        TrainingData(data.train, attributes=csr_matrix((24, 3), dtype=np.float32))
    other = log_from_pairs([(0, 0)], 3, 3)
    with pytest.raises(DataError, match="vocabularies"):
        TrainingData(data.train, valid=other)
    with pytest.raises(UnknownIdError, match="candidate"):
        TrainingData(data.train, candidates=np.array([25]))
    assert TrainingData(data.train, valid=held_out).valid is held_out


def test_too_little_memory_is_said(monkeypatch):
    def exhausted(matrix):
        raise MemoryError

    monkeypatch.setattr("numpy.linalg.inv", exhausted)
    with pytest.raises(DataError, match="GiB"):
        EASE().fit(planted().data)


def test_rows_may_be_lists_and_other_integers():
    assert check_rows(np.array([1, 2], dtype=np.uint8), 3, "user").dtype == np.int64
    assert check_rows([], 3, "user").tolist() == []


def test_few_histories_are_solved_for_and_many_are_multiplied_with_the_same_result():
    rng = np.random.default_rng(8)
    pairs = np.argwhere(rng.random((150, 40)) < 0.15 * rng.random(40) + 0.02).tolist()
    log = log_from_pairs([pair for pair in pairs if pair[1] != 7], 150, 40)
    attributes = csr_matrix((rng.random((40, 9)) < 0.3).astype(np.float32))
    data = TrainingData(log, attributes=attributes)
    for model in (
        EASE(EASEConfig(l2=3.0, dropout=0.3)),
        AttributeEASE(AttributeEASEConfig(l2=3.0)),
        UserEASE(UserEASEConfig(l2=3.0)),
    ):
        model.fit(data)
        everyone = np.arange(150)
        together = model.score(everyone)
        alone = np.concatenate([model.score(everyone[[user]]) for user in everyone])
        np.testing.assert_allclose(alone, together, rtol=2e-5, atol=2e-7)
        histories = log.matrix()
        some = np.concatenate([model.score_histories(histories[[row]]) for row in range(150)])
        np.testing.assert_allclose(some, model.score_histories(histories), rtol=2e-5, atol=2e-7)
        # What is stored grows with the data, and not with the square of the items or users.
        stored = sum(array.nbytes for array in model.state().values())
        assert stored < 40 * (len(log) + 40 * 9) + 1_000 + 24 * 150


def test_conjugate_gradients_solve_badly_scaled_systems():
    rng = np.random.default_rng(9)
    rows = csr_matrix(
        rng.random((30, 20)) * (rng.random((30, 20)) < 0.4) * 10.0 ** rng.integers(-2, 3, 20)
    )
    l2 = 10.0 ** rng.integers(-3, 2, 20).astype(float)
    inverse = np.linalg.inv((rows.T @ rows).toarray() + np.diag(l2))
    given = rng.random((5, 20))
    given[3] = 0.0
    found = RidgeSystem(rows, l2).times_inverse(given)
    np.testing.assert_allclose(found, given @ inverse, rtol=1e-7, atol=1e-9)
