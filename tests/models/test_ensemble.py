"""Ensembles: their contract, what they add up, and the weights that they find."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, RunError
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.ensemble import Ensemble, EnsembleConfig, logit_weights
from kgrec.models.item_knn import ItemKNN
from kgrec.models.popular import MostPopular
from kgrec.models.standardising import standardised
from kgrec.models.training_data import TrainingData
from kgrec.testing import FindsBlocks, ModelContract, log_from_pairs, planted


class TestEnsemble(FindsBlocks, ModelContract):
    def make(self):
        members = [MostPopular(), EASE(EASEConfig(l2=5.0)), ItemKNN()]
        return Ensemble(members, EnsembleConfig(weights=(0.01, 1.0, 0.5)))

    def test_scores_are_the_sum_of_standardised_scores(self):
        model, users = self.fitted(), np.array([3, 40, 56])
        wanted = 0.0
        for weight, member in zip((0.01, 1.0, 0.5), model.members, strict=True):
            scores = member.score(users).astype(np.float64)
            deviation = scores.std(axis=1, keepdims=True)
            wanted = wanted + weight * (scores - scores.mean(axis=1, keepdims=True)) / deviation
        np.testing.assert_allclose(model.score(users), wanted, rtol=1e-4, atol=1e-5)

    def test_arrays_of_a_member_that_there_is_not_are_refused(self):
        state = self.fitted().state()
        with pytest.raises(RunError, match=r"3\.weights"):
            self.make().load_state({**state, "3.weights": np.zeros(1)}, self.data())


class TestFittedEnsemble(FindsBlocks, ModelContract):
    def make(self):
        return Ensemble([MostPopular(), EASE(EASEConfig(l2=5.0))])

    def data(self):
        case = planted()
        return replace(case.data, valid=case.held_out)

    def test_the_member_that_knows_gets_the_weight(self):
        popular, ease = self.fitted().weights
        assert ease > 5 * popular
        assert popular >= 0
        np.testing.assert_allclose(ease + popular, 1.0, rtol=1e-6)


def test_no_members_and_too_few_weights_are_errors():
    with pytest.raises(ConfigError, match="members"):
        Ensemble([])
    with pytest.raises(ConfigError, match="2 members"):
        Ensemble([MostPopular(), MostPopular()], EnsembleConfig(weights=(1.0,)))


def test_without_validation_all_members_count_alike():
    model = Ensemble([MostPopular(), ItemKNN()]).fit(planted().data)
    assert model.weights.tolist() == [0.5, 0.5]


def test_standardised_rows_keep_their_order_and_constant_ones_say_nothing():
    rows = np.array([[4, 2, 9], [1e30, 1e30, 1e30], [0, 0, 0]], dtype=np.float32)
    made = standardised(rows)
    assert made[0].argsort().tolist() == [1, 0, 2]
    np.testing.assert_allclose([made[0].mean(), made[0].std()], [0, 1], atol=1e-6)
    assert not made[1:].any()


def test_weights_are_those_that_the_choices_were_drawn_with():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 4000, 7)).astype(np.float32)
    open_ = rng.random((4000, 7)) < 0.8
    open_[:, 0] = True
    true = np.array([1.5, 0.0, 0.5])
    logits = np.where(open_, np.einsum("k,kbm->bm", true, scores), -np.inf)
    drawn = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # a draw from the softmax
    chosen = np.zeros_like(open_)
    chosen[np.arange(4000), drawn] = True
    np.testing.assert_allclose(logit_weights(scores, chosen, open_, 0.0), true, atol=0.1)


def test_weights_do_not_fall_below_zero_and_a_penalty_makes_them_small():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 300, 6)).astype(np.float32)
    chosen = scores[0] == scores[0].max(axis=1, keepdims=True)
    scores[1] = -scores[0] + 0.1 * scores[1]
    open_ = np.ones_like(chosen)
    alone = logit_weights(scores, chosen, open_, 0.1)
    assert alone[1] == 0.0 or alone[1] < 1e-3
    pulled = logit_weights(scores, chosen, open_, 1e4)
    assert pulled.max() < 1e-3


def test_what_the_user_has_or_is_no_candidate_stands_in_no_choice():
    # The second member is right among the candidates only, the first among all other items.
    train = log_from_pairs([(0, 0), (1, 0), (2, 1)], 3, 5)
    valid = log_from_pairs([(0, 3), (1, 3), (2, 3)], 3, 5)
    data = TrainingData(train, valid, candidates=np.array([2, 3]))
    members = [_Fixed([9, 9, 1, 0, 9]), _Fixed([5, 5, 0, 1, 5])]
    model = Ensemble(members, EnsembleConfig(l2=0.01)).fit(data)
    assert model.weights.tolist() == [0.0, 1.0]


class _Fixed(MostPopular):
    def __init__(self, scores):
        super().__init__()
        self.scores = np.array(scores, dtype=np.float32)

    def score(self, users):
        return np.tile(self.scores, (len(users), 1))


def test_members_that_were_fitted_before_keep_what_they_learned():
    case = planted()
    ease = EASE(EASEConfig(l2=5.0)).fit(case.data)
    model = Ensemble([ease, MostPopular().fit(case.data)]).fit_weights(
        replace(case.data, valid=case.held_out)
    )
    assert model.weights[0] > model.weights[1]
    history = csr_matrix(np.eye(1, 25, dtype=np.float32))
    assert np.isfinite(model.score_histories(history)).all()
