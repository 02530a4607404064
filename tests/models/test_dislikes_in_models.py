"""Dislikes as negative weights in closed forms: by hand, and on planted taste."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import DataError
from kgrec.models.training_data import TrainingData
from kgrec.testing.contract import ModelContract
from kgrec.testing.planted import planted


def with_dislikes(seed=1):
    """Return planted data in which each user dislikes some items that they do not like."""
    data = planted().data
    rng = np.random.default_rng(seed)
    free = np.argwhere(data.train.matrix().toarray() == 0)
    chosen = free[rng.permutation(len(free))[: len(data.train) // 2]]
    bad = kgrec.Interactions(data.train.users, data.train.items, chosen[:, 0], chosen[:, 1])
    return replace(data, train=replace(data.train, dislikes=bad))


def signed(train, weight):
    return train.matrix().toarray() - weight * train.matrix_of_dislikes().toarray()


@pytest.mark.parametrize("weight", [0.5, 1.0, 2.0])
def test_ease_solves_the_signed_regression(weight):
    data = with_dislikes()
    model = kgrec.EASE(kgrec.EASEConfig(l2=7.0, dislikes=weight)).fit(data)
    x = signed(data.train, weight).astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + 7.0 * np.eye(x.shape[1]))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    users = np.arange(data.train.num_users)
    np.testing.assert_allclose(model.score(users), x @ expected, rtol=1e-4, atol=1e-5)


def test_user_ease_solves_the_signed_regression():
    data = replace(with_dislikes(), user_features=None)
    config = kgrec.UserEASEConfig(l2=7.0, dislikes=0.5, dropout=0.0)
    model = kgrec.UserEASE(config).fit(data)
    x = signed(data.train, 0.5).astype(np.float64)
    inverse = np.linalg.inv(x @ x.T + 7.0 * np.eye(len(x)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    found = model.score(np.arange(len(x)))
    np.testing.assert_allclose(found, weights.T @ x, rtol=1e-4, atol=1e-5)


def test_a_dislike_tells_who_likes_what():
    # One half likes a and dislikes b, the other half the other way round; then c goes with a, d
    # with b. The last two users say only what they dislike.
    rows = []
    for user in range(20):
        good, bad, follows = ("a", "b", "c") if user % 2 else ("b", "a", "d")
        rows += [(f"u{user:02}", good, 5), (f"u{user:02}", bad, 1), (f"u{user:02}", follows, 5)]
    rows += [("x", "a", 1), ("x", "z", 5), ("y", "b", 1), ("y", "z", 5)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    log = kgrec.Interactions.read(frame, positive="rating >= 4")
    rec = kgrec.Recommender(model=kgrec.EASE(kgrec.EASEConfig(l2=1.0, dislikes=1.0)), text=None)
    rec.fit(log)
    assert rec.recommend("x", 1, candidates=["c", "d"])[0].item == "d"
    assert rec.recommend("y", 1, candidates=["c", "d"])[0].item == "c"


def test_without_dislikes_the_setting_is_a_mistake():
    data = planted().data
    for model in (
        kgrec.EASE(kgrec.EASEConfig(dislikes=1.0)),
        kgrec.UserEASE(kgrec.UserEASEConfig(dislikes=1.0)),
    ):
        with pytest.raises(DataError, match=r"no dislikes are known.*data\.positive"):
            model.fit(data)


def test_popularity_for_nobody_counts_likes_alone():
    data = with_dislikes()
    model = kgrec.EASE(kgrec.EASEConfig(dislikes=1.0)).fit(data)
    nobody = data.train.matrix()[:1] * 0
    nobody.eliminate_zeros()
    expected = data.train.matrix().toarray().mean(0)
    np.testing.assert_allclose(model.score_histories(nobody)[0], expected, rtol=1e-6)


class WithDislikes(ModelContract):
    def data(self) -> TrainingData:
        return with_dislikes()


class TestEASE(WithDislikes):
    def make(self):
        return kgrec.EASE(kgrec.EASEConfig(l2=10.0, dislikes=0.7))


class TestAttributeEASE(WithDislikes):
    def make(self):
        return kgrec.AttributeEASE(kgrec.AttributeEASEConfig(l2=10.0, dislikes=0.7))


class TestUserEASE(WithDislikes):
    def make(self):
        return kgrec.UserEASE(kgrec.UserEASEConfig(l2=10.0, dislikes=0.7))
