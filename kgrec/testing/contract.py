"""The contract of every model, as tests to inherit. The name of a test states its rule."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import load, save
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError, RunError, UnknownIdError
from kgrec.models.base import Model, VectorModel
from kgrec.models.standardising import standardised
from kgrec.models.training_data import TrainingData
from kgrec.testing.growth import grown
from kgrec.testing.planted import planted
from kgrec.types import FloatArray


class ModelContract:
    """The contract of `kgrec.models.base.Model`: a subclass named `Test…` gives `make`.

    It checks shapes, types and errors. Answers must be the same for one user or many at a time, in
    any order, after a second fit, and after saving and loading. The model must not change its
    input. `FindsBlocks` also checks whether the recommendations are right.
    """

    def make(self) -> Model:
        """Return an unfitted model, with the same settings at each call."""
        raise NotImplementedError("Define make(): it returns the unfitted model that is tested.")

    def data(self) -> TrainingData:
        """Return the training data; override it if the model needs more, such as words."""
        return planted().data

    def fitted(self) -> Model:
        """Return the model fitted on `data()`, the same one for all tests of the class."""
        kind: Any = type(self)
        return _fitted(kind)[0]

    def fitted_on(self) -> TrainingData:
        """Return the training data of `fitted()`."""
        kind: Any = type(self)
        return _fitted(kind)[1]

    def test_has_a_name_and_a_frozen_config(self) -> None:
        model = self.make()
        assert isinstance(model.name, str)
        assert model.name
        with _raises(ValidationError):
            model.config.no_such_setting = 1  # type: ignore[attr-defined]
        with _raises(ValidationError):
            type(model.config)(no_such_setting=1)  # type: ignore[call-arg]

    def test_fit_returns_the_model_itself(self) -> None:
        model = self.make()
        assert model.fit(self.data()) is model

    def test_scores_are_float32_rows_of_all_items(self) -> None:
        model, train = self.fitted(), self.fitted_on().train
        for scores in (
            model.score(np.array([3, 0, 3])),
            model.score_histories(train.matrix()[[3, 0, 3]]),
            model.similar(np.array([3, 0, 3])),
        ):
            assert scores.shape == (3, train.num_items)
            assert scores.dtype == np.float32
            _close(scores[0], scores[2])
        assert model.score(np.zeros(0, dtype=np.int64)).shape == (0, train.num_items)

    def test_scores_everyone_and_everything(self) -> None:
        model, train = self.fitted(), self.fitted_on().train
        assert np.isfinite(model.score(np.arange(train.num_users))).all()
        assert np.isfinite(model.similar(np.arange(train.num_items))).all()
        nothing = csr_matrix(np.zeros((1, train.num_items), dtype=np.float32))
        assert np.isfinite(model.score_histories(nothing)).all()

    def test_a_batch_scores_as_its_members_do_in_any_order(self) -> None:
        model, rows = self.fitted(), np.arange(self.fitted_on().train.num_users)
        everyone = model.score(rows)
        _close(model.score(rows[::-1]), everyone[::-1])
        for user in (0, len(rows) // 2, len(rows) - 1):
            _close(model.score(rows[[user]])[0], everyone[user])

    def test_some_items_are_scored_as_all_are(self) -> None:
        model, data = self.fitted(), self.fitted_on()
        users, items = np.array([3, 0, 7]), np.array([5, 2, 11])
        for asked in (users, users[:1], csr_matrix(data.train.matrix()[users])):
            every = (
                model.score_histories(asked)
                if isinstance(asked, csr_matrix)
                else model.score(asked)
            )
            some = model.score_some(asked, items)
            assert some.dtype == np.float32
            assert some.shape == (asked.shape[0], 3)
            np.testing.assert_allclose(some, every[:, items], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(
                model.standardised_some(asked, items),
                standardised(every)[:, items],
                rtol=1e-3,
                atol=1e-3,
            )

    def test_fitting_twice_gives_the_same(self) -> None:
        data = self.data()
        users = np.arange(data.train.num_users)
        once = self.make().fit(data)
        scores = once.score(users)
        np.testing.assert_array_equal(self.make().fit(data).score(users), scores)
        np.testing.assert_array_equal(once.fit(data).score(users), scores)

    def test_changes_nothing_that_it_was_given(self) -> None:
        data = self.data()
        before = _arrays(data)
        model = self.make().fit(data)
        histories = data.train.matrix()[:4]
        histories.data *= 2.0
        asked, rows = histories.copy(), np.array([2, 1])
        model.score(rows)
        model.score_histories(histories)
        model.similar(rows)
        assert rows.tolist() == [2, 1]
        np.testing.assert_array_equal(histories.toarray(), asked.toarray())
        after = _arrays(data)
        assert after.keys() == before.keys()
        for name, array in before.items():
            np.testing.assert_array_equal(after[name], array, err_msg=name)

    def test_scores_handed_out_are_not_the_models_own(self) -> None:
        model = self.fitted()
        for ask in (model.score, model.similar):
            first = ask(np.array([1]))
            kept = first.copy()
            first[:] = 77.0
            np.testing.assert_array_equal(ask(np.array([1])), kept)

    def test_state_survives_safetensors(self) -> None:
        model, train = self.fitted(), self.fitted_on().train
        arrays = {name: np.ascontiguousarray(array) for name, array in model.state().items()}
        other, data = self.make(), self.data()
        # The state has all that a model needs of the interactions: these are gone now.
        nothing = replace(data, train=data.train.select(np.zeros(len(data.train), dtype=bool)))
        assert other.load_state(load(save(arrays)), nothing) is other
        users, items = np.arange(train.num_users), np.arange(train.num_items)
        np.testing.assert_array_equal(other.score(users), model.score(users))
        np.testing.assert_array_equal(other.similar(items), model.similar(items))
        histories = train.matrix()[:5]
        np.testing.assert_array_equal(
            other.score_histories(histories), model.score_histories(histories)
        )

    def test_more_data_is_served_and_the_old_model_stays(self) -> None:
        model, data = self.fitted(), self.fitted_on()
        users, more = np.arange(data.train.num_users), grown(data)
        before = model.score(users)
        new = model.updated(more)
        num_users, num_items = data.train.num_users + 1, data.train.num_items + 1
        assert new is not model
        for scores, count in (
            (new.score(np.arange(num_users)), num_users),
            (new.similar(np.arange(num_items)), num_items),
            (new.score_histories(more.train.matrix()[:3]), 3),
        ):
            assert scores.shape == (count, num_items)
            assert np.isfinite(scores).all()
        np.testing.assert_array_equal(model.score(users), before)

    def test_an_update_survives_safetensors_and_another_update(self) -> None:
        data = grown(self.fitted_on())
        model = self.fitted().updated(data)
        arrays = {name: np.ascontiguousarray(array) for name, array in model.state().items()}
        nothing = replace(data, train=data.train.select(np.zeros(len(data.train), dtype=bool)))
        users, items = np.arange(data.train.num_users), np.arange(data.train.num_items)
        for other in (self.make().load_state(load(save(arrays)), nothing), model.updated(data)):
            for found, expected in (
                (other.score(users), model.score(users)),
                (other.similar(items), model.similar(items)),
            ):
                np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)

    def test_an_update_with_nothing_new_changes_no_answer(self) -> None:
        model, data = self.fitted(), self.fitted_on()
        users = np.arange(data.train.num_users)
        scores = model.updated(data).score(users)
        np.testing.assert_allclose(scores, model.score(users), rtol=1e-3, atol=1e-4)

    def test_it_starts_from_another_one_of_its_kind_or_says_no(self) -> None:
        model, data = self.make(), self.fitted_on()
        assert model.start_from(self.fitted()) in (True, False)
        users = np.arange(data.train.num_users)
        assert np.isfinite(model.fit(data).score(users)).all()

    def test_vectors_give_the_scores(self) -> None:
        model, train = self.fitted(), self.fitted_on().train
        if not isinstance(model, VectorModel):
            return
        items, histories = model.item_vectors, train.matrix()[:9]
        assert len(items) == train.num_items
        assert len(model.user_vectors) == train.num_users
        assert model.vectors_of_histories(histories).shape == (9, items.shape[1])
        if model.scores_are_products:
            known = np.ones(len(items), dtype=bool)
            known[model.unknown_items] = False
            for users, scores in (
                (model.user_vectors, model.score(np.arange(train.num_users))),
                (model.vectors_of_histories(histories), model.score_histories(histories)),
            ):
                _close(users @ items[known].T, scores[:, known])
        rows = np.arange(train.num_items)
        _close(model.similarity_vectors @ model.similarity_vectors.T, model.similar(rows))

    def test_contributions_of_liked_items_add_up_to_the_score(self) -> None:
        model, train = self.fitted(), self.fitted_on().train
        rng = np.random.default_rng(0)
        targets = np.concatenate([np.eye(train.num_items), rng.normal(size=(2, train.num_items))])
        nobody = csr_matrix(np.zeros((1, train.num_items), dtype=np.float32))
        for history in (train.matrix()[[0]], train.matrix()[[40]], nobody):
            found = model.contributions(history, targets)
            scores = model.score_histories(history)[0]
            assert found.items.tolist() == np.flatnonzero(history.toarray()[0]).tolist()
            assert found.values.shape == (len(found.items), len(targets))
            assert found.base.shape == (len(targets),)
            limit = 1e-3 * np.abs(scores).max()
            np.testing.assert_allclose(found.scores, targets @ scores, rtol=1e-3, atol=limit)
            if found.towers:
                parts = sum(found.towers.values())
                np.testing.assert_allclose(parts, found.scores, rtol=1e-6, atol=limit)

    def test_contributions_of_what_does_not_fit_are_an_error(self) -> None:
        num, one = self.fitted_on().train.num_items, self.fitted_on().train.matrix()[:1]
        with _raises(DataError, match="one history"):
            self.fitted().contributions(self.fitted_on().train.matrix()[:2], np.eye(num))
        for wrong in (np.eye(num + 1), np.full((1, num), np.nan)):
            with _raises(DataError, match="targets"):
                self.fitted().contributions(one, wrong)

    def test_a_damaged_state_is_refused(self) -> None:
        state, data = self.fitted().state(), self.fitted_on()
        name = sorted(state)[0]
        missing = {key: array for key, array in state.items() if key != name}
        with _raises(RunError, match=name):
            self.make().load_state(missing, data)
        with _raises(RunError):
            self.make().load_state({**state, name: state[name][..., None, None]}, data)
        with _raises(RunError):
            self.make().load_state({**state, "no_such_array": np.zeros(1)}, data)

    def test_asking_before_fitting_is_an_error(self) -> None:
        model, train = self.make(), self.fitted_on().train
        rows = np.array([0])
        for ask in (
            lambda: model.score(rows),
            lambda: model.score_histories(train.matrix()[:1]),
            lambda: model.similar(rows),
            lambda: model.state(),
        ):
            with _raises(RunError, match="fit"):
                ask()

    def test_unknown_rows_are_an_error(self) -> None:
        for row in (-1, 10_000):
            with _raises(UnknownIdError, match=str(row)):
                self.fitted().score(np.array([0, row]))
            with _raises(UnknownIdError, match=str(row)):
                self.fitted().similar(np.array([0, row]))

    def test_rows_that_are_no_integers_are_an_error(self) -> None:
        for wrong in (np.array([0.5]), np.array([[0]]), np.array(["0"])):
            with _raises(DataError, match="rows"):
                self.fitted().score(wrong)

    def test_histories_that_do_not_fit_are_an_error(self) -> None:
        num = self.fitted_on().train.num_items
        wide = np.zeros((1, num + 1), dtype=np.float32)
        wrong: Any
        for wrong in (csr_matrix(wide), wide[:, 1:], csr_matrix(wide[:, 1:] + np.nan)):
            with _raises(DataError, match="histories"):
                self.fitted().score_histories(wrong)

    def test_an_empty_log_is_an_error(self) -> None:
        data = self.data()
        empty = data.train.select(np.zeros(len(data.train), dtype=bool))
        with _raises(DataError, match="no interactions"):
            self.make().fit(replace(data, train=empty))


class FindsBlocks(ModelContract):
    """The contract of a model that personalises: it finds the held-out items of each block.

    `data()` may add to the planted data, but must keep its interactions.

    Attributes:
        share: The share of users for whom this must hold.
    """

    share: ClassVar[float] = 1.0

    def test_recommends_the_item_held_out_of_the_block(self) -> None:
        case = planted()
        scores = self.fitted().score(case.known_users)
        assert case.found(scores) >= self.share
        scores[case.data.train.matrix()[case.known_users].toarray() > 0] = -np.inf
        right = case.block_of_item[scores.argmax(axis=1)] == case.block_of_user[case.known_users]
        assert right.mean() >= self.share

    def test_finds_the_block_of_an_unseen_user(self) -> None:
        case = planted()
        blocks = np.arange(case.block_of_item.max() + 1)
        liked = np.zeros((len(blocks), len(case.block_of_item)), dtype=np.float32)
        for block in blocks:
            liked[block, np.flatnonzero(case.block_of_item == block)[:3]] = 1
        scores = self.fitted().score_histories(csr_matrix(liked))
        scores[liked > 0] = -np.inf
        assert case.block_of_item[scores.argmax(axis=1)].tolist() == blocks.tolist()

    def test_an_update_knows_the_block_of_a_new_user(self) -> None:
        case, data = planted(), grown(self.fitted_on())
        scores = self.fitted().updated(data).score(np.array([data.train.num_users - 1]))[0]
        scores[data.train.matrix()[data.train.num_users - 1].indices] = -np.inf
        scores[len(case.block_of_item) :] = -np.inf
        assert case.block_of_item[scores.argmax()] == case.block_of_user[0]

    def test_similar_items_are_those_of_the_block(self) -> None:
        case = planted()
        items = np.unique(case.block_of_item, return_index=True)[1]  # the first of each block
        similarity = self.fitted().similar(items)
        similarity[np.arange(len(items)), items] = -np.inf
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :3]
        others = (case.block_of_item[best] != case.block_of_item[items][:, None]).sum()
        assert others == 0


@cache
def _fitted(contract: type[ModelContract]) -> tuple[Model, TrainingData]:
    data = contract().data()
    return contract().make().fit(data), data


def _close(found: FloatArray, expected: FloatArray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def _raises(error: type[Exception], match: str | None = None) -> AbstractContextManager[Any]:
    try:
        import pytest
    except ImportError as missing:
        raise ConfigError(
            "The contract of models needs pytest, which is not installed: pip install pytest."
        ) from missing
    return pytest.raises(error, match=match)


def _arrays(data: TrainingData) -> dict[str, Any]:
    """Return copies of all arrays in `data`, by their path."""
    found: dict[str, Any] = {"user": data.train.user.copy(), "item": data.train.item.copy()}
    for name in ("attributes", "user_features", "words"):
        if getattr(data, name) is not None:
            found[name] = getattr(data, name).toarray()
    for store in () if data.graph is None else data.graph.stores:
        for key, value in store.items():
            if hasattr(value, "clone"):
                found[f"{store._key} {key}"] = value.clone().numpy()
    return found
