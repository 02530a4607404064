"""A model of a user's own passes the contract that ships, and one that is wrong fails it."""

import subprocess
import sys

import numpy as np
import pytest

from kgrec.errors import ConfigError
from kgrec.models.base import Model, ModelConfig
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.ials import IALS
from kgrec.models.item_item import training_matrix
from kgrec.models.popular import MostPopular
from kgrec.models.state import check_state, csr_expected, csr_from_state, csr_state
from kgrec.testing import FindsBlocks, ModelContract, planted


class Together(Model):
    """Scores an item by how many users have it together with what the user liked."""

    counts = None

    def __init__(self):
        self.config = ModelConfig(name="together")

    def fit(self, data, *, callback=None):
        x = training_matrix(data.train)
        state = {"counts": (x.T @ x).toarray(), **csr_state("liked", x)}
        return self.load_state(state, data)

    def score(self, users):
        liked = csr_from_state(self.state(), "liked", len(self.counts))
        return self.score_histories(liked[check_rows(users, liked.shape[0], "user")])

    def score_histories(self, histories):
        counts = self.state()["counts"]
        return check_histories(histories, len(counts)) @ counts

    def similar(self, items):
        counts = self.state()["counts"]
        return counts[check_rows(items, len(counts), "item")]

    def state(self):
        if self.counts is None:
            raise not_fitted(self)
        return {"counts": self.counts, **self.liked}

    def load_state(self, state, data):
        size, liked = data.train.num_items, csr_expected("liked", data.train.num_users)
        found = check_state(state, {"counts": (np.float32, (size, size)), **liked})
        self.counts, self.liked = found["counts"], {name: found[name] for name in liked}
        return self


class TestTogether(FindsBlocks):
    def make(self):
        return Together()


class SwappedAxes(Together):
    def score(self, users):
        return super().score(users).T


class WrongUser(Together):
    def score(self, users):
        return super().score(users)[::-1]


class IgnoresHistories(Together):
    def score_histories(self, histories):
        liked = check_histories(histories, len(self.state()["counts"]))
        return np.tile(np.diag(self.counts), (liked.shape[0], 1))


class ForgetsOnSaving(Together):
    """Keeps what it multiplies scores by out of its state."""

    factor = np.float32(1)

    def fit(self, data, *, callback=None):
        self.factor = np.float32(3)
        return super().fit(data)

    def score_histories(self, histories):
        return self.factor * super().score_histories(histories)


class LendsItsCounts(Together):
    def similar(self, items):
        made = super().similar(items)
        return self.counts[items[0] :][:1] if len(items) == 1 else made


class ChangesTheGraph(Together):
    def fit(self, data, *, callback=None):
        data.graph["item"].text.mul_(2)
        return super().fit(data)


class TakesAnyState(Together):
    def load_state(self, state, data):
        self.counts = state["counts"]
        self.liked = {name: array for name, array in state.items() if name != "counts"}
        return self


class ReadsTheLogAgain(Together):
    def state(self):
        return {"counts": super().state()["counts"]}

    def load_state(self, state, data):
        state = {**state, **csr_state("liked", data.train.matrix())}
        return super().load_state(state, data)

    def score(self, users):
        self.state()
        liked = csr_from_state(self.liked, "liked", len(self.counts))
        return self.score_histories(liked[check_rows(users, liked.shape[0], "user")])


class DrawsAnew(Together):
    def score_histories(self, histories):
        scores = super().score_histories(histories)
        return scores + np.random.default_rng().random(scores.shape, dtype=np.float32)


class WrongVectors(IALS):
    @property
    def user_vectors(self):
        return super().user_vectors[::-1]


def failures(kind):
    """Return the names of the tests of the contract that a model fails."""
    contract = type("Contract", (FindsBlocks,), {"make": lambda self: kind()})()
    failed = set()
    for name in dir(contract):
        if name.startswith("test_"):
            try:
                getattr(contract, name)()
            except (Exception, pytest.fail.Exception):  # noqa: BLE001
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (SwappedAxes, "scores_are_float32_rows_of_all_items"),
        (WrongUser, "recommends_the_item_held_out_of_the_block"),
        (WrongUser, "a_batch_scores_as_its_members_do_in_any_order"),
        (IgnoresHistories, "finds_the_block_of_an_unseen_user"),
        (ForgetsOnSaving, "state_survives_safetensors"),
        (ReadsTheLogAgain, "state_survives_safetensors"),
        (WrongVectors, "vectors_give_the_scores"),
        (LendsItsCounts, "scores_handed_out_are_not_the_models_own"),
        (ChangesTheGraph, "changes_nothing_that_it_was_given"),
        (TakesAnyState, "a_damaged_state_is_refused"),
        (DrawsAnew, "fitting_twice_gives_the_same"),
    ],
)
def test_a_wrong_model_fails(kind, test):
    assert test in failures(kind)


def test_a_model_that_does_not_personalise_fails_at_the_right_answers_alone():
    assert failures(MostPopular) == {
        "recommends_the_item_held_out_of_the_block",
        "finds_the_block_of_an_unseen_user",
        "similar_items_are_those_of_the_block",
    }


def test_the_contract_does_not_run_by_itself():
    with pytest.raises(NotImplementedError, match="make"):
        ModelContract().make()


def test_found_counts_the_users_whose_item_comes_first():
    case = planted()
    rows, shape = case.held_out.user, (57, 25)
    scores = np.zeros(shape, dtype=np.float32)
    scores[rows[:19], case.held_out.item[:19]] = 1
    scores[rows[19:], (case.held_out.item[19:] + 9) % 24] = 1
    scores[:, case.new_items] = 5  # as good an answer: not counted
    scores += 9 * (case.data.train.matrix()[:57].toarray() > 0)  # what they have: not counted
    assert case.found(scores) == pytest.approx(19 / 57)


def test_without_pytest_planted_data_is_there_and_the_contract_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ConfigError, match="pip install pytest"):
        TestTogether().test_has_a_name_and_a_frozen_config()
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from kgrec.testing import FindsBlocks, planted\n"
        "assert planted().data.train.num_items == 25"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
