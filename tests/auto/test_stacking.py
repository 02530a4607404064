"""Weights by conditional logit with context: planted weights are found, needless models go."""

from dataclasses import replace

import numpy as np
import pytest

from kgrec.auto.choices import Choices
from kgrec.auto.context import Context
from kgrec.auto.ranking import Ranking
from kgrec.auto.stacking import Stacking, choose_weights, fit_weights
from kgrec.auto.weights import Weights

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
    kept, fit, without = choose_weights(made_choices(PLANTED, context, 2), context, 10, seed=0)
    assert fit.level == "all"
    assert kept == [0, 1]
    assert without[0] < without[1] < fit.value
    found = fit.weights.models  # the penalty shrinks all of them
    np.testing.assert_allclose(found / found[0, 0], PLANTED.models, atol=0.2)
    plain = Weights(np.array([[1.0, 0.0], [0.5, 0.0]], np.float32), np.zeros((2, 3), np.float32))
    kept, fit, without = choose_weights(
        made_choices(plain, context, 2, seed=1), context, 10, seed=0
    )
    assert fit.level == "none"
    assert fit.weights.models[1, 0] / fit.weights.models[0, 0] == pytest.approx(0.5, abs=0.25)
    assert without[0] < without[1] < fit.value + 0.01


def test_a_model_that_adds_nothing_is_left_out(context):
    plain = Weights(np.array([[0.0, 0.0], [1.0, 0.0]], np.float32), np.zeros((2, 3), np.float32))
    kept, fit, without = choose_weights(made_choices(plain, context, 2), context, 10, seed=0)
    assert kept == [1]
    assert fit.weights.models[0, 0] > 0
    assert without == {}


def test_a_step_without_a_model_is_nearly_a_new_fit(context):
    choices = made_choices(PLANTED, context, 2)
    stacking = Stacking(choices, context, "all", 10, 0)
    found = stacking.fit(0.01)
    near = stacking.without(found, 1)
    stacking.leave_out(1)
    np.testing.assert_allclose(
        near.mean(), stacking.value(stacking.fit(0.01, found)).mean(), atol=0.01
    )


def test_a_sum_that_ranks_worse_than_one_of_its_models_is_not_used(context, monkeypatch):
    plain = Weights(np.array([[1.0, 0.0], [1.0, 0.0]], np.float32), np.zeros((2, 3), np.float32))
    choices = made_choices(plain, context, 2)
    kept, _, _ = choose_weights(choices, context, 10, seed=0)
    assert kept == [0, 1]
    # Weights of the wrong sign: what they rank is worse than any model alone.
    fit = Stacking.fit

    def turned(self, l2, start=()):
        return [replace(one, weights=-one.weights) for one in fit(self, l2)]

    monkeypatch.setattr(Stacking, "fit", turned)
    kept, found, without = choose_weights(choices, context, 10, seed=0)
    ranking = Ranking(choices, 10)
    alone = [ranking.ndcg(choices.scores[:, one]).mean() for one in (0, 1)]
    assert kept == [int(np.argmax(alone))]
    assert found.value == max(alone)
    assert found.weights.models.tolist() == [[1.0, 0.0]]
    assert without == {}


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
    got = Ranking(choices, 5).ndcg(scores)
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
