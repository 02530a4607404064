"""Choosing where most ranked items are new: folds of items, and equal weights."""

from dataclasses import replace

import numpy as np
import pytest

from kgrec.auto.auto import Auto, AutoConfig
from kgrec.auto.choices import Choices
from kgrec.auto.context import Context
from kgrec.auto.data_facts import Facts
from kgrec.auto.new_items import FOLDS, equal_sum, item_folds
from kgrec.auto.search import Search
from kgrec.auto.trials import Family
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.models.item_knn import ItemKNNConfig
from kgrec.models.popular import MostPopularConfig
from kgrec.models.training_data import TrainingData

NUM_USERS, NUM_ITEMS = 30, 50


@pytest.fixture
def data():
    """Items 0 to 39 have interactions, 40 to 49 are new and are ranked for validation."""
    rng = np.random.default_rng(0)
    users = Vocabulary(f"u{row}" for row in range(NUM_USERS))
    items = Vocabulary(f"i{row}" for row in range(NUM_ITEMS))
    user, item = (rng.random((NUM_USERS, 40)) < 0.3).nonzero()
    train = Interactions(users, items, user, item)
    user, item = (rng.random((NUM_USERS, 10)) < 0.3).nonzero()
    valid = Interactions(users, items, user, item + 40)
    return TrainingData(train, valid, candidates=np.arange(40, 50))


def test_folds_hold_out_different_items_and_nothing_is_lost(data):
    folds = item_folds(data, 0)
    assert len(folds) == FOLDS
    seen = np.concatenate([fold.candidates for fold in folds])
    assert len(np.unique(seen)) == len(seen) == FOLDS * 5  # an eighth of 40, fewer than 10 ranked
    whole = set(zip(data.train.user.tolist(), data.train.item.tolist(), strict=True))
    for fold in folds:
        assert set(fold.valid.item) <= set(fold.candidates)
        assert not set(fold.train.item) & set(fold.candidates)
        parts = [
            set(zip(part.user.tolist(), part.item.tolist(), strict=True))
            for part in (fold.train, fold.valid)
        ]
        assert parts[0] | parts[1] == whole
    again = item_folds(data, 0)
    assert [fold.candidates.tolist() for fold in folds] == [
        fold.candidates.tolist() for fold in again
    ]


def test_too_few_items_make_no_folds(data):
    few = data.train.select(np.flatnonzero(data.train.item < 3))
    assert item_folds(replace(data, train=few), 0) == []


def test_a_model_that_scores_all_ranked_items_alike_has_no_value_and_serves_if_there_is_no_other(
    data,
):
    search = Search(data, data.valid, lambda settings: settings.build())
    search.best_of(Family("popularity", MostPopularConfig()))
    (trial,) = search.trials
    assert (trial.value, trial.error) == (None, "it scores all ranked items alike")
    assert not search.found
    assert search.silent.family == "popularity"
    known = replace(data, candidates=None)
    search = Search(known, known.valid, lambda settings: settings.build())
    search.best_of(Family("popularity", MostPopularConfig()))
    assert search.trials[0].value is not None
    assert search.silent is None


def test_without_any_other_model_the_default_is_one_that_scores_all_alike(data):
    model = Auto(AutoConfig(effort="quick")).fit(data)
    assert [one.name for one in model.members] == ["most_popular"]
    assert np.isfinite(model.score(np.arange(3))).all()
    assert {trial.error for trial in model.report.trials} == {"it scores all ranked items alike"}


def test_models_of_content_are_measured_on_folds_and_others_are_not(data, monkeypatch):
    # These stand in for models of content, and know nothing of new items.
    monkeypatch.setattr(Search, "_tells_apart", lambda *_: True)
    folds = item_folds(data, 0)
    plain = Family("similar items", ItemKNNConfig())
    of_content = Family("content of new items", MostPopularConfig(), content_only=True)
    search = Search(data, data.valid, lambda settings: settings.build(), folds=folds)
    for family in (plain, of_content):
        search.best_of(family)
    first, second = search.trials
    alone = Search(data, data.valid, lambda settings: settings.build())
    for family in (plain, of_content):
        alone.best_of(family)
    assert first.value == alone.trials[0].value
    values = [alone.trials[1].value]
    for fold in folds:
        one = Search(fold, fold.valid, lambda settings: settings.build())
        one.best_of(of_content)
        values.append(one.trials[0].value)
    assert second.value == pytest.approx(np.mean(values))
    assert second.value != values[0]


def test_models_near_the_best_are_added_equally_and_others_left_out():
    """Two models see different halves of what users choose; a third one sees nothing."""
    rng = np.random.default_rng(1)
    num, items = 300, 20
    halves = rng.normal(size=(2, num * items))
    noise = rng.normal(size=num * items)
    scores = np.stack([*halves, noise], axis=1).astype(np.float32)
    total = halves.sum(axis=0).reshape(num, items)
    chosen = np.zeros((num, items), dtype=bool)
    np.put_along_axis(chosen, np.argsort(-total, axis=1)[:, :3], True, axis=1)
    user, item = np.repeat(np.arange(num), items), np.tile(np.arange(items), num)
    users = np.zeros((num, 1), dtype=np.float32)
    choices = Choices(user, item, scores, chosen.ravel(), users, np.full(num, 3))
    context = Context(
        (), np.zeros((items, 0), np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    )
    kept, fit, without = equal_sum(choices, context, 10)
    assert kept == [0, 1]
    assert fit.value == pytest.approx(1.0)  # their sum is what users choose by
    assert fit.level == "equal"
    assert fit.weights.models[:, 0].tolist() == [0.5, 0.5]
    assert max(without.values()) < 0.8
    alone = replace(choices, scores=scores[:, [0, 2]])
    kept, fit, without = equal_sum(alone, context, 10)
    assert (kept, without) == ([0], {})


def test_the_facts_of_a_fold_are_those_of_new_items(data):
    assert Facts.of(item_folds(data, 0)[0]).new_items == 1.0
