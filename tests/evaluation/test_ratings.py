"""Ratings from scores: planted biases and slopes come back, and the test is not looked at."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import Table, log_of, vocabularies

from kgrec.data.interactions import Interactions, Split
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.protocols import evaluate_protocol
from kgrec.evaluation.ratings import (
    DAMPINGS,
    RatingBiases,
    RatingCalibration,
    RatingsConfig,
)
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.training_data import TrainingData

NUM_USERS, NUM_ITEMS = 70, 53
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "movielens-dbpedia"


def planted(seed=0, slope=0.6, noise=0.0):
    """Return a split with ratings, the model whose scores are in them, and the whole table."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(NUM_USERS, NUM_ITEMS))
    z = (score - score.mean(1, keepdims=True)) / score.std(1, keepdims=True)
    user, item = rng.normal(0, 0.4, NUM_USERS), rng.normal(0, 0.5, NUM_ITEMS)
    rating = 3.4 + user[:, None] + item[None, :] + slope * z + noise * rng.normal(size=z.shape)
    part = rng.choice(4, rating.shape, p=(0.1, 0.6, 0.15, 0.15))
    users, items = vocabularies(NUM_USERS, NUM_ITEMS)
    logs = [
        log_of(np.argwhere(part == n), users, items, rating[part == n].astype(np.float32))
        for n in (1, 2, 3)
    ]
    # Scores of no meaning but their order within a user.
    scale = rng.uniform(0.5, 9, (NUM_USERS, 1))
    return Split(*logs), Table(score * scale + rng.normal(size=(NUM_USERS, 1)) * 20), rating


def test_a_planted_slope_comes_back():
    split, model, _ = planted()
    config = RatingsConfig(damping=0.01)
    result = evaluate_protocol(model, split.test, config, exclude=(split.train, split.valid))
    assert result.details["slope"] == pytest.approx(0.6, abs=0.05)
    assert result.metrics["rmse"] < 0.25
    assert result.metrics["bias_rmse"] == pytest.approx(0.6, abs=0.06)
    assert result.metrics["mae"] < result.metrics["rmse"]
    assert result.protocol == "ratings"


def test_a_blind_model_has_what_the_biases_have():
    split, _, _ = planted()
    blind = Table(np.random.default_rng(9).normal(size=(NUM_USERS, NUM_ITEMS)))
    for model in (blind, Table(np.ones((NUM_USERS, NUM_ITEMS)))):
        result = evaluate_protocol(
            model, split.test, RatingsConfig(), exclude=(split.train, split.valid)
        )
        assert result.metrics["rmse"] == pytest.approx(result.metrics["bias_rmse"], abs=0.02)
    assert result.details["slope"] == 0.0


def test_the_test_part_is_not_looked_at():
    split, model, _ = planted()
    exclude = (split.train, split.valid)
    before = evaluate_protocol(model, split.test, RatingsConfig(), exclude=exclude)
    shifted = replace(split.test, rating=split.test.rating + np.float32(1.0))
    after = evaluate_protocol(model, shifted, RatingsConfig(), exclude=exclude)
    assert before.details == after.details
    made = RatingCalibration.fit(model, split.train, split.valid, RatingsConfig())
    error = made.predict_ratings(split.test.user, split.test.item) - split.test.rating
    assert before.metrics["rmse"] == pytest.approx(math.sqrt(np.mean(error**2)))
    assert after.metrics["mae"] == pytest.approx(np.abs(error - 1).mean(), abs=1e-6)
    for row, user in enumerate(np.unique(split.test.user)):
        mine = error[split.test.user == user]
        assert before.per_user["rmse"][row] == pytest.approx(math.sqrt(np.mean(mine**2)))
        assert before.per_user["mae"][row] == pytest.approx(np.abs(mine).mean())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.5, 3.0, 25.0]))
def test_biases_against_loops(seed, damping):
    rng = np.random.default_rng(seed)
    users, items = vocabularies(6, 9)
    part = np.argwhere(rng.random((6, 9)) < 0.4)
    if not len(part):
        return
    rating = rng.integers(1, 6, len(part)).astype(np.float32)
    found = RatingBiases.fit(log_of(part, users, items, rating), damping)
    mean = rating.mean(dtype=float)
    of_user, of_item = [0.0] * 6, [0.0] * 9
    known = [(int(u), int(i), float(r)) for (u, i), r in zip(part, rating, strict=True)]
    for _ in range(10):
        for item in range(9):
            mine = [r - mean - of_user[u] for u, i, r in known if i == item]
            of_item[item] = sum(mine) / (len(mine) + damping)
        for user in range(6):
            mine = [r - mean - of_item[i] for u, i, r in known if u == user]
            of_user[user] = sum(mine) / (len(mine) + damping)
    for user in range(6):
        for item in range(9):
            pair = np.array([user]), np.array([item])
            sums = mean + of_user[user] + of_item[item]
            assert found.sums(*pair)[0] == pytest.approx(sums)
            clipped = min(max(sums, rating.min()), rating.max())
            assert found.predict_ratings(*pair)[0] == pytest.approx(clipped)


def test_the_damping_is_the_best_on_validation():
    split, _, _ = planted(noise=2.0)
    chosen = RatingBiases.chosen(split.train, split.valid, RatingsConfig())
    errors = {}
    for damping in DAMPINGS:
        made = RatingBiases.fit(split.train, damping)
        error = made.predict_ratings(split.valid.user, split.valid.item) - split.valid.rating
        errors[damping] = np.square(error).mean()
    best = RatingBiases.fit(split.train, min(errors, key=errors.get))
    np.testing.assert_array_equal(chosen.user, best.user)
    assert min(errors, key=errors.get) > 1  # noise asks for damping
    fixed = RatingBiases.chosen(split.train, None, RatingsConfig(damping=7))
    np.testing.assert_array_equal(fixed.item, RatingBiases.fit(split.train, 7).item)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 25))
def test_rmse_and_mae_against_loops(seed, num):
    rng = np.random.default_rng(seed)
    users, items = vocabularies(6, 9)
    pairs = np.argwhere(np.ones((6, 9)))[rng.permutation(54)[:num]]
    truth = rng.integers(1, 6, num).astype(np.float32)
    table = rng.uniform(0, 6, (6, 9)).astype(np.float32)
    test = log_of(pairs, users, items, truth)
    result = evaluate_protocol(Oracle(table), test, RatingsConfig(damping=1), exclude=test)
    errors = [float(table[u, i]) - float(r) for (u, i), r in zip(pairs, truth, strict=True)]
    rmse = math.sqrt(sum(error * error for error in errors) / num)
    assert result.metrics["rmse"] == pytest.approx(rmse)
    assert result.metrics["mae"] == pytest.approx(sum(map(abs, errors)) / num)
    for row, user in enumerate(sorted({int(u) for u, _ in pairs})):
        own = [error for error, (u, _) in zip(errors, pairs, strict=True) if u == user]
        assert result.per_user["mae"][row] == pytest.approx(np.mean(np.abs(own)))
        assert result.per_user["rmse"][row] == pytest.approx(math.sqrt(np.mean(np.square(own))))


def test_predictions_stay_in_the_range_and_slopes_can_be_set():
    split, model, _ = planted()
    config = RatingsConfig(slope=50.0, damping=5)
    made = RatingCalibration.fit(model, split.train, None, config)
    predicted = made.predict_ratings(split.test.user, split.test.item)
    assert predicted.min() == pytest.approx(split.train.rating.min())
    assert predicted.max() == pytest.approx(split.train.rating.max())


class Oracle(Table):
    """Knows the ratings."""

    def predict_ratings(self, users, items):
        return self.scores[users, items]


def test_a_model_that_predicts_ratings_is_taken_at_its_word():
    split, _, rating = planted()
    given_damping = RatingsConfig(damping=5)
    result = evaluate_protocol(Oracle(rating), split.test, given_damping, exclude=split.train)
    assert result.metrics["rmse"] == pytest.approx(0, abs=1e-6)
    assert result.metrics["bias_rmse"] > 0.5
    with pytest.raises(DataError, match="finite"):
        evaluate_protocol(Oracle(rating * np.nan), split.test, given_damping, exclude=split.train)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not here")
def test_movielens_is_predicted_as_well_as_elsewhere():
    """Biases alone reach an RMSE of 0.94 to 0.95 in what is published of MovieLens-100K."""
    split = Interactions.read(SHARED / "interactions.csv").split("uniform", valid=0.1, test=0.1)
    train = split.train.select(split.train.rating >= 4)
    model = EASE(EASEConfig(l2=300.0)).fit(TrainingData(train))
    result = evaluate_protocol(
        model, split.test, RatingsConfig(), exclude=(split.train, split.valid)
    )
    assert 0.92 < result.metrics["bias_rmse"] < 0.95
    assert result.metrics["rmse"] < result.metrics["bias_rmse"]
    assert result.metrics["mae"] < result.metrics["bias_mae"] < 0.76


def test_bad_input():
    split, model, _ = planted()
    exclude = (split.train, split.valid)
    for part, bare in enumerate((split.train, split.valid, split.test)):
        logs = [split.train, split.valid, split.test]
        logs[part] = replace(bare, rating=None)
        name = ("training", "validation", "test")[part]
        with pytest.raises(DataError, match=f"The {name} part has no ratings"):
            evaluate_protocol(model, logs[2], RatingsConfig(), exclude=logs[:2])
    for config in (RatingsConfig(), RatingsConfig(damping=5), RatingsConfig(slope=1)):
        with pytest.raises(ConfigError, match="validation part"):
            evaluate_protocol(model, split.test, config, exclude=split.train)
    with pytest.raises(ConfigError, match="training part"):
        evaluate_protocol(model, split.test, RatingsConfig(), exclude=())
    with pytest.raises(DataError, match="NaN"):
        evaluate_protocol(
            Table(model.scores * np.nan), split.test, RatingsConfig(), exclude=exclude
        )
