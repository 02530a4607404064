"""What every model must hold to. Inherit from `ModelContract` in a `Test…` class.

class TestMine(FindsBlocks, ModelContract):
    def make(self): return Mine(MineConfig(...))
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load, save
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, RunError, UnknownIdError
from kgrec.models.base import Model, TrainingData

GROUPS = ((30, 9), (17, 7), (10, 8))
"""Users and items of each group: rectangular, and no two alike, so that swapped axes fail."""


def planted(seed: int = 0) -> tuple[TrainingData, Interactions]:
    """Groups of users who like the items of their group, all but the one that is held out.

    The items' attributes name their group. One item and one user have no interactions at all.
    """
    rng = np.random.default_rng(seed)
    train, held_out, group_of_item = [], [], []
    first_user = first_item = 0
    for group, (num_users, num_items) in enumerate(GROUPS):
        items = np.arange(first_item, first_item + num_items)
        group_of_item += [group] * num_items
        for user in range(first_user, first_user + num_users):
            missing = rng.choice(items)
            held_out.append((user, missing))
            train += [(user, item) for item in items if item != missing]
        first_user, first_item = first_user + num_users, first_item + num_items
    group_of_item.append(len(GROUPS) - 1)  # the item without interactions
    log = log_of(train, first_user + 1, first_item + 1)
    attributes = csr_matrix(np.eye(len(GROUPS), dtype=np.float32)[group_of_item])
    data = TrainingData(log, attributes=attributes)
    return data, log_of(held_out, first_user + 1, first_item + 1)


def log_of(pairs: list[tuple[int, int]], num_users: int, num_items: int) -> Interactions:
    """Return a log of (user row, item row) pairs."""
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Interactions(
        Vocabulary([f"u{row:03}" for row in range(num_users)], "user"),
        Vocabulary([f"i{row:03}" for row in range(num_items)], "item"),
        columns[:, 0].copy(),
        columns[:, 1].copy(),
    )


class ModelContract:
    """The contract of `kgrec.models.base.Model`. A subclass gives `make`."""

    def make(self) -> Model:
        """Return an unfitted model."""
        raise AssertionError("give the model to test")

    def data(self) -> TrainingData:
        """Return what to fit on; override where a model needs more, such as a graph."""
        return planted()[0]

    def fitted(self) -> Model:
        """Return the model fitted on `data()`, the same one for all tests of the class."""
        return _fit(type(self))

    def test_has_a_name_and_a_frozen_config(self):
        model = self.make()
        assert isinstance(model.name, str)
        assert model.name
        with pytest.raises(ValidationError):
            model.config.no_such_setting = 1
        with pytest.raises(ValidationError):
            type(model.config)(no_such_setting=1)

    def test_fit_returns_the_model_itself(self):
        model = self.make()
        assert model.fit(self.data()) is model

    def test_scores_are_float32_rows_of_all_items(self):
        model, train = self.fitted(), self.data().train
        for scores in (
            model.score(np.array([3, 0, 3])),
            model.score_histories(train.matrix()[[3, 0, 3]]),
            model.similar(np.array([3, 0, 3])),
        ):
            assert scores.shape == (3, train.num_items)
            assert scores.dtype == np.float32
            np.testing.assert_allclose(scores[0], scores[2], rtol=1e-5, atol=1e-6)
        assert model.score(np.zeros(0, dtype=np.int64)).shape == (0, train.num_items)

    def test_scores_everyone_and_everything(self):
        model, train = self.fitted(), self.data().train
        assert np.isfinite(model.score(np.arange(train.num_users))).all()
        assert np.isfinite(model.similar(np.arange(train.num_items))).all()
        nothing = csr_matrix((1, train.num_items), dtype=np.float32)
        assert np.isfinite(model.score_histories(nothing)).all()

    def test_a_batch_scores_as_its_members_do(self):
        model, train = self.fitted(), self.data().train
        everyone = model.score(np.arange(train.num_users))
        for user in (0, 31, train.num_users - 1):
            alone = model.score(np.array([user]))[0]
            np.testing.assert_allclose(alone, everyone[user], rtol=1e-5, atol=1e-6)

    def test_users_of_different_groups_are_not_mixed_up(self):
        model = self.fitted()
        forward, backward = model.score(np.array([0, 40])), model.score(np.array([40, 0]))
        np.testing.assert_allclose(forward, backward[::-1], rtol=1e-5, atol=1e-6)

    def test_fitting_twice_gives_the_same(self):
        data, users = self.data(), np.arange(self.data().train.num_users)
        once = self.make().fit(data)
        scores = once.score(users)
        np.testing.assert_array_equal(self.make().fit(data).score(users), scores)
        np.testing.assert_array_equal(once.fit(data).score(users), scores)

    def test_changes_nothing_that_it_was_given(self):
        data = self.data()
        pairs = data.train.user.copy(), data.train.item.copy()
        attributes = None if data.attributes is None else data.attributes.copy()
        model = self.make().fit(data)
        histories = data.train.matrix()[:4]
        histories.data *= 2.0
        before, rows = histories.copy(), np.array([2, 1])
        model.score(rows)
        model.score_histories(histories)
        model.similar(rows)
        assert rows.tolist() == [2, 1]
        np.testing.assert_array_equal(histories.toarray(), before.toarray())
        np.testing.assert_array_equal(data.train.user, pairs[0])
        np.testing.assert_array_equal(data.train.item, pairs[1])
        if attributes is not None:
            np.testing.assert_array_equal(data.attributes.toarray(), attributes.toarray())

    def test_scores_handed_out_are_not_the_models_own(self):
        model = self.fitted()
        first = model.score(np.array([1]))
        kept = first.copy()
        first[:] = 77.0
        np.testing.assert_array_equal(model.score(np.array([1])), kept)
        similarity = model.similar(np.array([1]))
        kept = similarity.copy()
        similarity[:] = 77.0
        np.testing.assert_array_equal(model.similar(np.array([1])), kept)

    def test_state_survives_safetensors(self):
        model, train = self.fitted(), self.data().train
        arrays = {name: np.ascontiguousarray(array) for name, array in model.state().items()}
        other = self.make()
        assert other.load_state(load(save(arrays)), self.data()) is other
        users, items = np.arange(train.num_users), np.arange(train.num_items)
        np.testing.assert_array_equal(other.score(users), model.score(users))
        np.testing.assert_array_equal(other.similar(items), model.similar(items))
        histories = train.matrix()[:5]
        np.testing.assert_array_equal(
            other.score_histories(histories), model.score_histories(histories)
        )

    def test_a_damaged_state_is_refused(self):
        state = self.fitted().state()
        name = sorted(state)[0]
        missing = {key: array for key, array in state.items() if key != name}
        with pytest.raises(RunError, match=name):
            self.make().load_state(missing, self.data())
        with pytest.raises(RunError):
            self.make().load_state({**state, name: state[name][..., None, None]}, self.data())
        with pytest.raises(RunError):
            self.make().load_state({**state, "no_such_array": np.zeros(1)}, self.data())

    def test_asking_before_fitting_is_an_error(self):
        model, train = self.make(), self.data().train
        rows = np.array([0])
        for ask in (
            lambda: model.score(rows),
            lambda: model.score_histories(train.matrix()[:1]),
            lambda: model.similar(rows),
            model.state,
        ):
            with pytest.raises(RunError, match="fit"):
                ask()

    @pytest.mark.parametrize("row", [-1, 10_000])
    def test_unknown_rows_are_an_error(self, row):
        with pytest.raises(UnknownIdError, match=str(row)):
            self.fitted().score(np.array([0, row]))
        with pytest.raises(UnknownIdError, match=str(row)):
            self.fitted().similar(np.array([0, row]))

    def test_rows_that_are_no_integers_are_an_error(self):
        for wrong in (np.array([0.5]), np.array([[0]]), np.array(["0"])):
            with pytest.raises(DataError, match="rows"):
                self.fitted().score(wrong)

    def test_histories_that_do_not_fit_are_an_error(self):
        num = self.data().train.num_items
        for wrong in (
            csr_matrix((1, num + 1), dtype=np.float32),
            np.zeros((1, num), dtype=np.float32),
            csr_matrix(np.full((1, num), np.nan, dtype=np.float32)),
        ):
            with pytest.raises(DataError, match="histories"):
                self.fitted().score_histories(wrong)

    def test_an_empty_log_is_an_error(self):
        data = self.data()
        empty = data.train.select(np.zeros(len(data.train), dtype=bool))
        with pytest.raises(DataError, match="no interactions"):
            self.make().fit(replace(data, train=empty))


class HistoryContract(ModelContract):
    """A model in closed form that knows a user by their history alone."""

    def test_a_history_scores_as_its_user_does(self):
        model, train = self.fitted(), self.data().train
        np.testing.assert_allclose(
            model.score_histories(train.matrix()),
            model.score(np.arange(train.num_users)),
            rtol=1e-5,
            atol=1e-6,
        )

    def test_the_order_of_users_items_and_rows_does_not_matter(self):
        data = self.data()
        train, rng = data.train, np.random.default_rng(5)
        users = rng.permutation(train.num_users)  # users[old row] = new row
        items = rng.permutation(train.num_items)
        order = rng.permutation(len(train))
        pairs = np.stack([users[train.user[order]], items[train.item[order]]], axis=1)
        moved = log_of(pairs.tolist(), train.num_users, train.num_items)
        attributes = data.attributes
        if attributes is not None:
            attributes = attributes[np.argsort(items)]
        model = self.make().fit(TrainingData(moved, attributes=attributes))
        np.testing.assert_allclose(
            model.score(users)[:, items],
            self.fitted().score(np.arange(train.num_users)),
            rtol=1e-4,
            atol=1e-6,
        )


class FindsBlocks:
    """A model that personalises finds what was held out of each user's block."""

    def test_recommends_the_item_held_out_of_the_block(self):
        data, (_, held_out) = self.data(), planted()
        scores = self.fitted().score(held_out.user)
        scores[data.train.matrix()[held_out.user].toarray() > 0] = -np.inf
        found = scores.argmax(axis=1)
        assert (found == held_out.item).mean() == 1.0

    def test_finds_it_for_an_unseen_user_too(self):
        scores = self.fitted().score_histories(
            csr_matrix(np.isin(np.arange(25), [9, 10, 11])[None, :].astype(np.float32))
        )[0]
        scores[[9, 10, 11]] = -np.inf
        assert 9 <= scores.argmax() < 16

    def test_similar_items_are_those_of_the_block(self):
        similarity = self.fitted().similar(np.array([0, 12, 20]))
        for row, item, block in zip(
            similarity, (0, 12, 20), (range(9), range(9, 16), range(16, 24)), strict=True
        ):
            others = [other for other in block if other != item]
            best = [other for other in np.argsort(-row, kind="stable") if other != item]
            assert set(best[:3]) <= {*others, 24}


@cache
def _fit(contract: type[ModelContract]) -> Model:
    return contract().make().fit(contract().data())
