"""Click-through rate: AUC, accuracy and F1 against loops, and what is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import Table, drawn_split, log_of, vocabularies

from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.ctr import (
    CTRConfig,
    accuracy,
    auc,
    best_threshold,
    ctr_split,
    f1,
)
from kgrec.evaluation.protocols import evaluate_protocol


@st.composite
def judged(draw):
    """Scores with ties, and which of them are clicks."""
    num = draw(st.integers(1, 25))
    scores = draw(
        st.lists(st.sampled_from([-1.5, 0.0, 0.25, 1.0, 2.0]), min_size=num, max_size=num)
    )
    clicked = draw(st.lists(st.booleans(), min_size=num, max_size=num))
    return np.array(scores, dtype=np.float32), np.array(clicked)


@settings(max_examples=150, deadline=None)
@given(judged())
def test_auc_against_all_pairs(case):
    scores, clicked = case
    wins = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in scores[clicked]
        for low in scores[~clicked]
    ]
    assert auc(scores, clicked) == pytest.approx(np.mean(wins) if wins else 0.5)
    # It is that of the order alone, and turns with it.
    assert auc(np.exp(scores), clicked) == pytest.approx(auc(scores, clicked))
    assert auc(-scores, clicked) == pytest.approx(1 - auc(scores, clicked))


@settings(max_examples=150, deadline=None)
@given(judged())
def test_accuracy_and_f1_against_loops(case):
    scores, clicked = case
    said = scores >= 0.25
    outcomes = list(zip(said.tolist(), clicked.tolist(), strict=True))
    assert accuracy(said, clicked) == pytest.approx(np.mean([a == b for a, b in outcomes]))
    hits = outcomes.count((True, True))
    precision = hits / max(said.sum(), 1)
    recall = hits / max(clicked.sum(), 1)
    harmonic = 2 * precision * recall / (precision + recall) if hits else 0.0
    assert f1(said, clicked) == pytest.approx(harmonic)


@settings(max_examples=150, deadline=None)
@given(judged())
def test_no_threshold_is_right_more_often(case):
    scores, clicked = case
    scores = scores.astype(np.float64)  # a threshold may lie between two of float32
    best = accuracy(scores >= best_threshold(scores, clicked), clicked)
    for threshold in (-9.0, -1.0, 0.1, 0.5, 1.5, 9.0):
        assert accuracy(scores >= threshold, clicked) <= best


def test_split_is_six_two_two_over_all_interactions():
    split, _ = drawn_split(num_users=30, num_items=101, shares=(0.5, 0.5, 0, 0))
    log = split.train
    made = ctr_split(log, seed=3)
    assert len(made.valid) == len(made.test) == int(0.2 * len(log))
    assert made.kind == "uniform"
    again = ctr_split(log, seed=3)
    np.testing.assert_array_equal(made.test.item, again.test.item)
    assert not np.array_equal(made.test.item, ctr_split(log, seed=4).test.item)
    # Not by user: the share of a user varies.
    share = np.bincount(made.test.user, minlength=30) / np.bincount(log.user, minlength=30)
    assert share.std() > 0.02


def test_a_perfect_and_a_blind_model():
    split, part = drawn_split(num_users=40, num_items=157, shares=(0.7, 0.1, 0.1, 0.1))
    exclude = (split.train, split.valid)
    perfect = evaluate_protocol(Table(part > 0), split.test, CTRConfig(), exclude=exclude)
    assert perfect.metrics == {"auc": 1.0, "acc": 1.0, "f1": 1.0}
    assert (perfect.per_user["acc"] == 1.0).all()
    noise = Table(np.random.default_rng(77).random(part.shape))
    blind = evaluate_protocol(noise, split.test, CTRConfig(), exclude=exclude)
    assert blind.metrics["auc"] == pytest.approx(0.5, abs=0.05)
    assert blind.metrics["acc"] == pytest.approx(0.5, abs=0.05)


class Spy(Table):
    """Remembers nothing but hands out scores that name their pair."""

    def score(self, users):
        num_items = self.scores.shape[1]
        return (users[:, None] * num_items + np.arange(num_items)).astype(np.float32)


def test_each_user_has_as_many_unseen_pairs(monkeypatch):
    split, part = drawn_split()
    seen = {}

    def spy(scores, clicked):
        pairs = np.divmod(np.asarray(scores).astype(int), part.shape[1])
        seen[len(seen)] = (*pairs, np.asarray(clicked))
        return 0.5

    monkeypatch.setattr("kgrec.evaluation.ctr.auc", spy)
    config = CTRConfig(seeds=(0, 1, 2), threshold=0.0)
    pool = np.arange(0, 37, 3)
    for candidates in (None, pool):
        seen.clear()
        result = evaluate_protocol(
            Spy(part), split.test, config, exclude=(split.train, split.valid), candidates=candidates
        )
        assert len(seen) == 3
        negatives = []
        for users, items, clicked in seen.values():
            assert (part[users, items][clicked] == 3).all()
            assert clicked.sum() == len(split.test) == result.num_judgements
            assert (part[users, items][~clicked] == 0).all()  # in no part at all
            counts = [np.bincount(users[which], minlength=23) for which in (clicked, ~clicked)]
            if candidates is None:
                np.testing.assert_array_equal(*counts)
                assert result.details["num_not_drawn"] == 0
            else:
                assert set(items[~clicked]) <= set(pool.tolist())
            negatives.append(set(zip(users[~clicked], items[~clicked], strict=True)))
            assert len(negatives[-1]) == (~clicked).sum()
        assert negatives[0] != negatives[1] != negatives[2]


def test_the_threshold_is_of_validation_and_never_of_test():
    split, part = drawn_split(num_users=40, num_items=157, shares=(0.7, 0.1, 0.1, 0.1))
    rng = np.random.default_rng(77)
    scores = rng.normal(size=part.shape) + (part > 0)
    exclude = (split.train, split.valid)
    before = evaluate_protocol(Table(scores), split.test, CTRConfig(), exclude=exclude)
    moved = scores + 5.0 * (part == 3)
    after = evaluate_protocol(Table(moved), split.test, CTRConfig(), exclude=exclude)
    assert before.details["thresholds"] == after.details["thresholds"]
    assert before.metrics["auc"] < after.metrics["auc"]
    assert before.metrics["acc"] == pytest.approx(0.69, abs=0.05)  # Φ(1/2)
    fixed = evaluate_protocol(Table(scores), split.test, CTRConfig(threshold=99.0), exclude=exclude)
    assert fixed.metrics["acc"] == 0.5
    assert fixed.metrics["f1"] == 0.0
    assert fixed.metrics["auc"] == before.metrics["auc"]


def test_held_out_items_have_a_threshold_of_their_own_part():
    split, part = drawn_split(num_users=40, num_items=90, shares=(0.5, 0.5, 0, 0))
    log = split.train
    which = np.digitize(log.item, [50, 70])  # items 50 to 69 are validation, from 70 on test
    train, valid, test = (log.select(which == number) for number in range(3))
    # Scores are right within each part, and of another level in each.
    scores = part + 10.0 * np.digitize(np.arange(90), [50, 70])[None, :]
    result = evaluate_protocol(
        Table(scores),
        test,
        CTRConfig(seeds=(0, 1)),
        exclude=(train, valid),
        candidates=np.arange(70, 90),
    )
    assert result.details["thresholds"] == [10.5, 10.5]
    assert result.metrics["auc"] == 1.0


def test_means_over_seeds():
    split, part = drawn_split()
    model = Table(np.random.default_rng(77).random(part.shape))
    exclude = (split.train, split.valid)
    both = evaluate_protocol(model, split.test, CTRConfig(seeds=(3, 8)), exclude=exclude)
    alone = [
        evaluate_protocol(model, split.test, CTRConfig(seeds=seed), exclude=exclude)
        for seed in (3, 8)
    ]
    for name, value in both.metrics.items():
        assert value == pytest.approx(np.mean([one.metrics[name] for one in alone]))
        assert both.details["by_seed"][name] == [one.metrics[name] for one in alone]
    np.testing.assert_allclose(
        both.per_user["acc"], np.mean([one.per_user["acc"] for one in alone], axis=0)
    )


def test_bad_input():
    split, part = drawn_split()
    with pytest.raises(ConfigError, match="threshold"):
        evaluate_protocol(Table(part), split.test, CTRConfig(), exclude=split.train)
    with pytest.raises(DataError, match="NaN"):
        evaluate_protocol(
            Table(part * np.nan), split.test, CTRConfig(), exclude=(split.train, split.valid)
        )
    users, items = vocabularies(2, 3)
    with pytest.raises(ConfigError, match="leave nothing"):
        ctr_split(log_of([], users, items))
