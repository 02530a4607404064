"""Weights by conditional logit with context: planted weights are found, needless models go."""

import numpy as np
import pytest

from kgrec.auto.choices import Choices
from kgrec.auto.context import Context
from kgrec.auto.stacking import (
    Weights,
    choose_weights,
    drop_needless,
    fit_weights,
    ndcg_of,
)

NUM_USERS, NUM_ITEMS = 600, 40


def made_choices(weights, context, num_models, seed=0, chosen_each=3):
    """Users choose among all items as a conditional logit model with these weights says."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(NUM_USERS), NUM_ITEMS)
    item = np.tile(np.arange(NUM_ITEMS), NUM_USERS)
    scores = rng.normal(size=(len(user), num_models)).astype(np.float32)
    users = rng.normal(size=(NUM_USERS, 1 + context.items.shape[1])).astype(np.float32)
    number = np.full(NUM_USERS, chosen_each)
    choices = Choices(user, item, scores, np.zeros(len(user), dtype=bool), users, number)
    # The best by score plus Gumbel noise are draws of the logit model without replacement.
    noisy = weights.score(choices, context.items) + rng.gumbel(size=len(user))
    best = np.argsort(-noisy.reshape(NUM_USERS, NUM_ITEMS), axis=1)[:, :chosen_each]
    chosen = np.zeros((NUM_USERS, NUM_ITEMS), dtype=bool)
    np.put_along_axis(chosen, best, True, axis=1)
    return Choices(user, item, scores, chosen.ravel(), users, number)


@pytest.fixture
def context():
    items = np.random.default_rng(1).normal(size=(NUM_ITEMS, 2)).astype(np.float32)
    limits = np.array([-3.0, 3.0], dtype=np.float32)
    return Context(("popularity", "age"), items, np.array([0.0, 1.0], dtype=np.float32), limits)


PLANTED = Weights(
    np.array([[1.0, 0.5], [0.4, -0.6]], dtype=np.float32),
    np.array([[-0.7, 0.4, 0.0], [0.3, 0.0, 0.8]], dtype=np.float32),
)


def test_planted_weights_are_found(context):
    choices = made_choices(PLANTED, context, 2, chosen_each=1)
    found = fit_weights(choices, context, "all", 1e-4)
    np.testing.assert_allclose(found.models, PLANTED.models, atol=0.2)
    np.testing.assert_allclose(found.items, PLANTED.items, atol=0.2)


def test_a_level_leaves_out_what_it_does_not_know(context):
    choices = made_choices(PLANTED, context, 2)
    none = fit_weights(choices, context, "none", 1e-4)
    assert (none.models[:, 1] == 0).all()
    assert (none.items == 0).all()
    popularity = fit_weights(choices, context, "popularity", 1e-4)
    assert (popularity.items[1] == 0).all()
    assert (popularity.items[:, 2] == 0).all()
    assert popularity.items[0, 0] < -0.3


def test_cross_validation_chooses_context_where_there_is_some(context):
    fit = choose_weights(made_choices(PLANTED, context, 2), context, 10, seed=0)
    assert fit.level == "all"
    plain = Weights(np.array([[1.0, 0.0], [0.5, 0.0]], np.float32), np.zeros((2, 3), np.float32))
    assert (
        choose_weights(made_choices(plain, context, 2, seed=1), context, 10, seed=0).level == "none"
    )


def test_a_model_that_adds_nothing_is_left_out(context):
    plain = Weights(np.array([[1.0, 0.0], [0.0, 0.0]], np.float32), np.zeros((2, 3), np.float32))
    choices = made_choices(plain, context, 2)
    fit = choose_weights(choices, context, 10, seed=0)
    kept, fit, without = drop_needless(choices, context, fit, 10, seed=0)
    assert kept == [0]
    assert fit.weights.models.shape == (1, 2)
    both = made_choices(PLANTED, context, 2)
    chosen = choose_weights(both, context, 10, seed=0)
    kept, fit, without = drop_needless(both, context, chosen, 10, seed=0)
    assert kept == [0, 1]
    assert without[0] < without[1] < fit.value


def test_scores_are_the_formula(context):
    choices = made_choices(PLANTED, context, 2)
    got = PLANTED.score(choices, context.items)
    for pair in (0, 57, 4001):
        active, *means = choices.users[choices.user[pair]]
        x, z = context.items[choices.item[pair]], choices.scores[pair]
        expected = sum(
            (a + b * active) * z_k for (a, b), z_k in zip(PLANTED.models, z, strict=True)
        )
        expected += sum(
            (c + d * active + e * m) * x_q
            for (c, d, e), m, x_q in zip(PLANTED.items, means, x, strict=True)
        )
        assert got[pair] == pytest.approx(expected, rel=1e-4)


def test_ndcg_is_the_one_of_the_definition(context):
    choices = made_choices(PLANTED, context, 2)
    scores = np.random.default_rng(3).normal(size=len(choices.user)).astype(np.float32)
    got = ndcg_of(choices, scores, 5)
    for user in (0, 17):
        mine = choices.user == user
        order = np.argsort(-scores[mine])[:5]
        hits = choices.chosen[mine][order]
        gain = sum(1 / np.log2(rank + 2) for rank in range(5) if hits[rank])
        assert got[user] == pytest.approx(gain / sum(1 / np.log2(r + 2) for r in range(3)))


def test_choices_of_some_users_are_numbered_anew(context):
    choices = made_choices(PLANTED, context, 2)
    kept = np.arange(NUM_USERS) % 3 == 1
    part = choices.of_users(kept)
    assert set(part.user) == set(range(200))
    np.testing.assert_array_equal(part.users, choices.users[kept])
    np.testing.assert_array_equal(part.scores[part.user == 1], choices.scores[choices.user == 4])
