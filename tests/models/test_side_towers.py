"""User-side EASE, EASE with content, trending: contracts, and arithmetic against naive versions."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from kgrec.data.attribute_table import AttributeTable
from kgrec.errors import DataError
from kgrec.models.confidence import confidence
from kgrec.models.content import ItemContent
from kgrec.models.content_ease import ContentEASE, ContentEASEConfig
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.training_data import TrainingData
from kgrec.models.trending import Trending, TrendingConfig
from kgrec.models.user_content import user_features
from kgrec.models.user_ease import UserEASE, UserEASEConfig
from kgrec.testing import FindsBlocks, ModelContract, log_from_pairs, planted
from kgrec.text.words import count_words, tf_idf


@cache
def with_sides() -> TrainingData:
    """The planted blocks, with times, words, and a table of users that names them."""
    case = planted()
    data, group = case.data, case.block_of_item
    town = np.repeat(["a", "b", "c"], [30, 17, 11])  # the last user has no interactions
    users = AttributeTable.read(
        pd.DataFrame({"user_id": data.train.users.ids, "town": town}),
        id="user_id",
        categories=["town"],
        name="user",
    )
    time = np.arange(len(data.train), dtype=np.int64) * 1000
    return replace(
        data,
        train=replace(data.train, timestamp=time),
        user_features=user_features(users),
        words=tf_idf(
            count_words([f"shelf {'abc'[g]} of {['sea', 'ship', 'storm'][g]}" for g in group])
        ),
    )


def rated(pairs, ratings, num_users, num_items):
    log = log_from_pairs(pairs, num_users, num_items)
    return replace(log, rating=np.array(ratings, dtype=np.float32))


class TestUserEASE(FindsBlocks, ModelContract):
    def make(self):
        return UserEASE(UserEASEConfig(l2=5.0, dropout=0.2))

    def test_weights_are_those_of_a_ridge_regression_on_the_other_users(self):
        x = self.data().train.matrix().toarray().astype(np.float64)
        count = x.sum(1)
        for user in (0, 35, 50):
            others = np.delete(np.arange(len(x)), user)
            design = x[others].T
            penalty = np.diag(5.0 + 0.25 * count[others])
            beta = np.linalg.solve(design.T @ design + penalty, design.T @ x[user])
            np.testing.assert_allclose(
                self.fitted().score(np.array([user]))[0], beta @ x[others], rtol=1e-4, atol=1e-5
            )

    def test_an_unseen_user_is_one_more_column(self):
        x = self.data().train.matrix().toarray().astype(np.float64)
        history = np.isin(np.arange(25), [9, 10, 20]).astype(np.float64)
        penalty = np.diag(5.0 + 0.25 * x.sum(1))
        beta = np.linalg.solve(x @ x.T + penalty, x @ history)
        found = self.fitted().score_histories(csr_matrix(history[None, :].astype(np.float32)))
        np.testing.assert_allclose(found[0], beta @ x, rtol=1e-4, atol=1e-5)


class TestUserEASEWithFeatures(TestUserEASE):
    def make(self):
        return UserEASE(UserEASEConfig(l2=5.0, dropout=0.2, alpha=0.0))

    def data(self):
        return with_sides()

    def test_a_user_without_interactions_is_known_by_the_table(self):
        data = self.data()
        scores = UserEASE(UserEASEConfig(l2=5.0, alpha=2.0)).fit(data).score(np.array([57]))[0]
        assert scores[16:24].min() > scores[:16].max() + 0.1  # those of the town c
        plain = self.fitted().score(np.array([57]))[0]
        np.testing.assert_allclose(plain, data.train.matrix().mean(0).A1, rtol=1e-5)


class TestContentEASE(FindsBlocks, ModelContract):
    def make(self):
        return ContentEASE(ContentEASEConfig(l2=5.0, content_l2=0.5))

    def data(self):
        return with_sides()

    def test_a_history_scores_as_its_user_does(self):
        model, train = self.fitted(), self.data().train
        everyone = model.score(np.arange(train.num_users))
        np.testing.assert_allclose(model.score_histories(train.matrix()), everyone, rtol=1e-5)

    def test_known_items_keep_their_weights(self):
        plain = EASE(EASEConfig(l2=5.0)).fit(self.data()).score(np.arange(57))
        np.testing.assert_allclose(self.fitted().score(np.arange(57))[:, :24], plain[:, :24])

    def test_a_new_item_is_where_a_regression_from_its_content_puts_it(self):
        data = self.data()
        content = ItemContent.from_graph(data.graph)
        text, numbers = content.vectors["text"], content.numbers
        attributes = content.attributes.toarray()
        words = data.words.toarray()
        kernel = 0.25 * text @ text.T + attributes @ attributes.T + numbers @ numbers.T
        kernel += 4.0 * words @ words.T
        kernel = kernel.astype(np.float64)
        scores = EASE(EASEConfig(l2=5.0)).fit(data).score(np.arange(57))[:, :24]
        mean = scores.mean(1)
        dual = np.linalg.solve(kernel[:24, :24] + 0.5 * np.eye(24), (scores - mean[:, None]).T)
        wanted = kernel[24, :24] @ dual + mean
        found = self.fitted().score(np.arange(57))[:, 24]
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
        assert found[47:].min() > found[:47].max()

    def test_without_a_graph_it_says_so(self):
        with pytest.raises(DataError, match="graph"):
            self.make().fit(TrainingData(self.data().train))


class TestTrending(ModelContract):
    def make(self):
        return Trending(TrendingConfig(half_life=2.0))

    def data(self):
        return with_sides()

    def test_scores_are_those_of_a_naive_sum(self):
        day = 86_400
        pairs = [(0, 0), (0, 1), (1, 1), (2, 2)]
        time = np.array([0, 4, 2, 4], dtype=np.int64) * day
        log = replace(log_from_pairs(pairs, 4, 3), timestamp=time)
        features = csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32))
        config = TrendingConfig(half_life=2.0, activity_power=1.0, prior=0.5)
        model = Trending(config).fit(TrainingData(log, user_features=features))
        # By user: (1/4, 1, 0) / 2, (0, 1/2, 0), (0, 0, 1), nothing.
        mean = np.array([0.125, 1.0, 1.0]) / 4
        alike = np.array([[0.125, 1.0, 0.0], [0.0, 0.0, 1.0]]) / 2
        found = model.score(np.array([1, 3]))
        np.testing.assert_allclose(found, alike + 0.5 * mean, rtol=1e-6)
        nothing = csr_matrix((1, 3), dtype=np.float32)
        np.testing.assert_allclose(model.score_histories(nothing)[0], mean, rtol=1e-6)

    def test_without_times_it_says_so_unless_time_does_not_count(self):
        data = planted().data
        with pytest.raises(DataError, match="timestamps"):
            Trending().fit(data)
        model = Trending(TrendingConfig(half_life=None, activity_power=0.0)).fit(data)
        counts = data.train.matrix().mean(0).A1
        np.testing.assert_allclose(model.score(np.array([3]))[0], counts, rtol=1e-6)


class TestConfidence:
    def test_weights_of_a_user_have_the_mean_one(self):
        log = rated([(0, 1), (0, 2), (1, 0), (2, 0)], [4, 1, 100, 3], 4, 3)
        found = confidence(log, 0.5).toarray()
        np.testing.assert_allclose(found, [[0, 4 / 3, 2 / 3], [1, 0, 0], [1, 0, 0], [0, 0, 0]])
        assert (confidence(log, 0.0).toarray() == log.matrix().toarray()).all()

    def test_a_log_without_ratings_or_with_some_below_zero_is_an_error(self):
        with pytest.raises(DataError, match="no ratings"):
            confidence(log_from_pairs([(0, 0)], 1, 1), 1.0)
        with pytest.raises(DataError, match=r"-2"):
            confidence(rated([(0, 0), (0, 1)], [1, -2], 1, 2), 1.0)

    def test_ease_weighs_what_it_rebuilds_and_what_it_is_asked_with(self):
        log = rated([(0, 0), (0, 1), (1, 1), (1, 2), (2, 0)], [5, 1, 2, 8, 3], 3, 3)
        y = confidence(log, 1.0).toarray().astype(np.float64)
        inverse = np.linalg.inv(y.T @ y + 2.0 * np.eye(3) + np.diag((y**2).sum(0)))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        model = EASE(EASEConfig(l2=2.0, dropout=0.5, rating_power=1.0)).fit(TrainingData(log))
        np.testing.assert_allclose(model.score(np.arange(3)), y @ weights, rtol=1e-5, atol=1e-6)
        again = EASE(model.config).load_state(model.state(), TrainingData(log))
        np.testing.assert_array_equal(again.score(np.arange(3)), model.score(np.arange(3)))


def test_features_of_users_say_how_alike_they_are():
    frame = pd.DataFrame(
        {"user_id": ["a", "b", "c"], "job": ["x", "x", ""], "age": ["20", "40", ""]}
    )
    table = AttributeTable.read(
        frame, id="user_id", categories=["job"], numbers=["age"], name="user"
    )
    features = user_features(table)
    alike = (features @ features.T).toarray()
    gaussian = np.exp(-((20 / np.array([20, 40, 30]).std()) ** 2) / (2 * 0.6**2))
    np.testing.assert_allclose(alike[0, 0], 1.0, atol=0.02)
    np.testing.assert_allclose(alike[0, 1], 0.5 + 0.5 * gaussian, atol=0.02)
    assert not alike[2].any()
    assert features.data.min() >= 0
