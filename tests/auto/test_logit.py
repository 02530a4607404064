"""The conditional logit model against a general optimiser, and its steps within bounds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from kgrec.auto.choices import Choices
from kgrec.auto.logit import ConditionalLogit, bounded_step


def problem(seed, num_users=30, num_items=12, width=5):
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(num_users), num_items)
    table = rng.normal(size=(len(user), width)).astype(np.float32)
    noisy = table @ rng.normal(size=width) + rng.gumbel(size=len(user))
    chosen = noisy > np.quantile(noisy, 0.8)
    chosen[user == 3] = False  # a user who chose nothing
    number = np.bincount(user, chosen, minlength=num_users).astype(np.int64)
    return Choices(
        user, np.tile(np.arange(num_items), num_users), table, chosen,
        np.zeros((num_users, 1), np.float32), number,
    )  # fmt: skip


def loss(weights, choices, l2, users):
    """Written out, user by user."""
    total = weight = 0.0
    for user in np.flatnonzero(users):
        mine = choices.user == user
        logits = choices.scores[mine].astype(np.float64) @ weights
        count = choices.chosen[mine].sum()
        if count:
            each = count**-0.5
            total += each * (
                count * np.logaddexp.reduce(logits) - logits[choices.chosen[mine]].sum()
            )
            weight += each * count
    return total / weight + l2 * weights @ weights


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("l2", [1e-3, 0.1])
def test_the_weights_are_the_best_within_the_bounds(seed, l2):
    choices = problem(seed)
    least = np.array([0.0, 0.0, -np.inf, 0.0, -np.inf])
    users, columns = np.arange(30) % 4 != 1, np.array([True, True, True, True, False])
    found = ConditionalLogit(choices, choices.scores, least).fit(l2, users, columns)
    assert found.weights[4] == 0
    assert (found.weights >= least).all()
    bounds = [(0, None), (0, None), (None, None), (0, None), (0, 0)]
    naive = minimize(loss, np.zeros(5), (choices, l2, users), bounds=bounds)
    assert loss(found.weights, choices, l2, users) <= naive.fun + 1e-5
    np.testing.assert_allclose(found.weights, naive.x, atol=5e-3)


def test_the_curvature_is_the_second_derivative():
    choices, users = problem(1), np.ones(30, dtype=bool)
    free = np.full(5, -np.inf)
    found = ConditionalLogit(choices, choices.scores, free).fit(0.01, users, free < 0)
    step = 1e-3
    for one in range(5):
        for other in range(5):
            a, b = step * np.eye(5)[one], step * np.eye(5)[other]
            w = found.weights
            second = sum(
                sign * loss(w + s * a + t * b, choices, 0.01, users)
                for s, t, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
            ) / (4 * step**2)
            assert found.curvature[one, other] == pytest.approx(second, abs=1e-3)


def test_a_bounded_step_is_the_best_one():
    rng = np.random.default_rng(2)
    for _ in range(20):
        root = rng.normal(size=(4, 4))
        curvature, gradient = root @ root.T + np.eye(4), rng.normal(size=4)
        least = -np.abs(rng.normal(size=4)) * (rng.random(4) < 0.7)
        columns = rng.random(4) < 0.8
        step = bounded_step(curvature, gradient, least, columns)
        bounds = [(low, None) if used else (0, 0) for low, used in zip(least, columns, strict=True)]
        naive = minimize(
            lambda d, g, h: g @ d + d @ h @ d / 2, np.zeros(4), (gradient, curvature), bounds=bounds
        )
        np.testing.assert_allclose(step, naive.x, atol=1e-4)
