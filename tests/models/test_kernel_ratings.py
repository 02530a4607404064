"""Expected ratings: the dense solution, planted ratings, limits, and what bad input gets."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import kgrec
from kgrec.errors import ConfigError, DataError, UnknownIdError
from kgrec.models.base import RatingPredictor
from kgrec.models.kernel_ratings import MIX
from kgrec.models.rating_features import item_features, user_features_of
from kgrec.models.training_data import TrainingData
from kgrec.testing.contract import ModelContract
from kgrec.testing.planted import planted

NUM_USERS, NUM_ITEMS = 40, 30


def made(seed=0, share=0.5, noise=0.3, threshold=3.0):
    """Return training data and all ratings: biases, two groups of users with opposite taste."""
    rng = np.random.default_rng(seed)
    taste = np.where(np.arange(NUM_USERS) % 2, 1.0, -1.0)
    kind = np.where(np.arange(NUM_ITEMS) % 3, 1.0, -1.0)
    whole = 3 + rng.normal(0, 0.4, NUM_USERS)[:, None] + rng.normal(0, 0.4, NUM_ITEMS)
    whole = whole + 0.9 * taste[:, None] * kind
    seen = rng.random(whole.shape) < share
    user, item = np.nonzero(seen)
    rating = (whole[seen] + rng.normal(0, noise, len(user))).astype("f4")
    users = kgrec.Vocabulary([f"u{row:02}" for row in range(NUM_USERS)], "user")
    items = kgrec.Vocabulary([f"i{row:02}" for row in range(NUM_ITEMS)], "item")

    def log(chosen, **more):
        return kgrec.Interactions(users, items, user[chosen], item[chosen], rating[chosen], **more)

    train = log(rating >= threshold, dislikes=log(rating < threshold))
    attributes = csr_matrix(np.stack([kind > 0, kind < 0], axis=1).astype("f4"))
    return TrainingData(train, attributes=attributes), whole, seen


def rmse(model, whole, where):
    user, item = np.nonzero(where)
    return float(np.sqrt(np.mean((model.predict_ratings(user, item) - whole[where]) ** 2)))


def test_it_is_the_dense_solution():
    data, _, _ = made(share=0.3)
    config = kgrec.KernelRatingsConfig(noise=0.5, dim=9, taste_dim=3)
    model = kgrec.KernelRatings(config).fit(data)
    log = data.train.rated()
    rating = log.rating.astype(np.float64)
    mean, deviation = rating.mean(), rating.std()
    given = (rating - mean) / deviation
    kernels = []
    for features, size in (
        (user_features_of(data, log, given.astype("f4"), 9, 3), NUM_USERS),
        (item_features(data, log, given.astype("f4"), 9, 3), NUM_ITEMS),
    ):
        blocks = [features.matrix[:, features.block == number] for number in range(4)]
        kernels.append([*(one @ one.T for one in blocks), np.eye(size)])
    joint = sum(
        MIX[a, b]
        * kernels[0][a][np.ix_(log.user, log.user)]
        * kernels[1][b][np.ix_(log.item, log.item)]
        for a in range(5)
        for b in range(5)
    )
    dual = np.linalg.solve(joint + 0.5 * np.eye(len(log)), given)
    weight = np.zeros((NUM_USERS, NUM_ITEMS))
    weight[log.user, log.item] = dual
    expected = sum(
        MIX[a, b] * kernels[0][a] @ weight @ kernels[1][b] for a in range(5) for b in range(5)
    )
    found = model.score(np.arange(NUM_USERS))
    np.testing.assert_allclose(found, expected, atol=0.02)
    predicted = model.predict_ratings(log.user, log.item)
    clipped = np.clip(mean + deviation * expected[log.user, log.item], rating.min(), rating.max())
    np.testing.assert_allclose(predicted, clipped, atol=0.02)
    np.testing.assert_allclose(model.user_vectors @ model.item_vectors.T, found, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_planted_ratings_are_found(seed):
    data, whole, seen = made(seed)
    model = kgrec.KernelRatings(kgrec.KernelRatingsConfig(noise=0.1)).fit(data)
    assert isinstance(model, RatingPredictor)
    biases = whole.mean(1)[:, None] + whole.mean(0) - whole.mean()
    assert rmse(model, whole, ~seen) < 0.4 * np.sqrt(np.mean((whole - biases)[~seen] ** 2))


def test_dislikes_are_read():
    data, whole, seen = made()
    model = kgrec.KernelRatings().fit(data)
    likes_only = replace(data, train=replace(data.train, dislikes=None))
    blind = kgrec.KernelRatings().fit(likes_only)
    assert rmse(model, whole, ~seen) < 0.7 * rmse(blind, whole, ~seen)


def test_content_places_an_item_that_few_have_rated():
    data, whole, seen = made(share=0.6)
    log = data.train.rated()
    first = {item: log.user[log.item == item][:2] for item in range(3, 6)}
    keep = np.array(
        [
            item not in first or user in first[item]
            for user, item in zip(log.user, log.item, strict=True)
        ]
    )
    few = TrainingData(log.select(keep), attributes=data.attributes)
    where = np.zeros_like(seen)
    where[:, 3:6] = True
    with_content = kgrec.KernelRatings(kgrec.KernelRatingsConfig(content=3.0)).fit(few)
    without = kgrec.KernelRatings(kgrec.KernelRatingsConfig(content=0.0)).fit(few)
    assert rmse(with_content, whole, where) < rmse(without, whole, where)


def test_predictions_stay_in_the_range_of_the_data_and_in_its_scale():
    data, whole, _ = made()
    log = data.train.rated()
    model = kgrec.KernelRatings(kgrec.KernelRatingsConfig(noise=0.05)).fit(data)
    users, items = np.nonzero(np.ones_like(whole))
    found = model.predict_ratings(users, items)
    assert found.dtype == np.float32
    assert log.rating.min() <= found.min() <= found.max() <= log.rating.max()
    tenfold = TrainingData(replace(log, rating=log.rating * 20 - 7), attributes=data.attributes)
    other = kgrec.KernelRatings(kgrec.KernelRatingsConfig(noise=0.05)).fit(tenfold)
    np.testing.assert_allclose(other.predict_ratings(users, items), found * 20 - 7, atol=0.05)


def test_who_is_unknown_rates_as_the_mean_of_what_is_known():
    data, whole, _ = made()
    model = kgrec.KernelRatings().fit(data)
    items = np.arange(NUM_ITEMS)
    nobody = model.predict_ratings(np.full(NUM_ITEMS, -1), items)
    assert np.corrcoef(nobody, whole.mean(0))[0, 1] > 0.6
    mean = data.train.rated().rating.mean()
    assert model.predict_ratings(np.array([-1]), np.array([-1]))[0] == pytest.approx(mean, abs=0.2)
    with pytest.raises(UnknownIdError, match="user row"):
        model.predict_ratings(np.array([NUM_USERS]), np.array([0]))
    with pytest.raises(UnknownIdError, match="item row"):
        model.predict_ratings(np.array([0]), np.array([-2]))


def test_what_cannot_be_learned_from_is_said():
    data, _, _ = made()
    log = data.train.rated()
    for train, message in (
        (replace(log, rating=None), r"training part has none: name their column \(data.rating\)"),
        (replace(log, rating=np.full(len(log), 4.0, "f4")), r"ratings of the training part are 4:"),
        (replace(log, rating=np.full(len(log), np.nan, "f4")), "NaN or infinite"),
        (log.select(np.zeros(len(log), dtype=bool)), "no interactions"),
    ):
        with pytest.raises(DataError, match=message):
            kgrec.KernelRatings().fit(TrainingData(train))


class TestContract(ModelContract):
    def make(self):
        return kgrec.KernelRatings(kgrec.KernelRatingsConfig(dim=5, taste_dim=2))

    def data(self) -> TrainingData:
        data = planted().data
        rng = np.random.default_rng(4)
        rating = rng.integers(1, 6, len(data.train)).astype("f4")
        return replace(data, train=replace(data.train, rating=rating))


@pytest.fixture(scope="module")
def fitted():
    data, _, _ = made()
    model = kgrec.KernelRatings(kgrec.KernelRatingsConfig(noise=0.1, taste=8.0))
    return kgrec.Recommender(model=model, text=None).fit(data.train)


def test_predict_takes_ids(fitted):
    pairs = [("u03", "i07"), ("u10", "i00"), ("u03", "i08")]
    found = fitted.predict(pairs)
    rows = np.array([3, 10, 3]), np.array([7, 0, 8])
    np.testing.assert_array_equal(found, fitted.model.predict_ratings(*rows))
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    np.testing.assert_array_equal(fitted.predict(frame), found)
    assert fitted.predict([]).shape == (0,)
    with pytest.raises(UnknownIdError, match="nobody"):
        fitted.predict([("nobody", "i00")])
    with pytest.raises(DataError, match="pairs must be pairs of a user and an item, found 'u03'"):
        fitted.predict(["u03"])
    with pytest.raises(DataError, match="item_id"):
        fitted.predict(frame[["user_id"]])


def test_a_model_of_ranks_does_not_predict(fitted):
    data, _, _ = made()
    other = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(data.train)
    with pytest.raises(ConfigError, match="ease ranks and does not predict ratings"):
        other.predict([("u03", "i07")])


def test_predict_survives_a_folder_and_an_update(fitted, tmp_path):
    pairs = [("u03", "i07"), ("u10", "i00")]
    kgrec.save(fitted, tmp_path)
    from kgrec.runs.serving import load_for_serving

    for load in (kgrec.load, load_for_serving):
        np.testing.assert_array_equal(load(tmp_path).predict(pairs), fitted.predict(pairs))
    again = kgrec.load(tmp_path)
    frame = pd.DataFrame(
        [("new", "i07", 5), ("u03", "other", 4)], columns=["user_id", "item_id", "rating"]
    )
    again.update(interactions=kgrec.Interactions.read(frame), at_once=True)
    np.testing.assert_array_equal(again.predict(pairs), fitted.predict(pairs))
    found = again.predict([("new", "i07"), ("u03", "other"), ("new", "other")])
    expected = fitted.model.predict_ratings(np.array([-1, 3, -1]), np.array([7, -1, -1]))
    np.testing.assert_array_equal(found, expected)


def test_the_protocol_of_ratings_measures_what_is_predicted(fitted):
    data, whole, seen = made()
    user, item = np.nonzero(~seen)
    train = data.train
    test = kgrec.Interactions(train.users, train.items, user, item, whole[~seen].astype("f4"))
    found = fitted.evaluate(test, protocol="ratings", damping=5)
    assert found.metrics["rmse"] == pytest.approx(rmse(fitted.model, whole, ~seen), rel=1e-5)
    assert found.metrics["rmse"] < 0.9 * found.metrics["bias_rmse"]
    assert "slope" not in found.details
