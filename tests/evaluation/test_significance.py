"""Paired tests against permutations, known values and planted differences; Holm's properties."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.significance import (
    SignificanceConfig,
    bootstrap_interval,
    bootstrap_means,
    cohens_d,
    compare,
    holm,
    matched,
    mean_of_runs,
    paired_tests,
    rank_biserial,
    with_holm,
)

P = st.lists(st.floats(0, 1), max_size=12)
# Darwin's maize, differences in height of crossed and self-fertilised plants, eighths of an inch.
MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)


def evaluation(values, users=None, *, metric="ndcg@10", candidates=50, judgements=99):
    values = np.asarray(values, dtype=float)
    return Evaluation(
        metrics={metric: float(values.mean()), "coverage@10": 0.25},
        per_user={metric: values},
        user_ids=users or [f"u{row}" for row in range(len(values))],
        k=(10,),
        num_candidates=candidates,
        num_judgements=judgements,
    )


def test_known_values_of_darwins_maize():
    found = paired_tests(MAIZE, np.zeros(15))
    assert found.gain == pytest.approx(20.933, abs=1e-3)
    assert found.t_test_p == pytest.approx(0.0497, abs=1e-4)  # Fisher 1935: t = 2.148
    assert found.cohens_d == pytest.approx(2.148 / math.sqrt(15), abs=1e-3)
    # The negative ranks are 14 and 11 (Fisher's table by size: 8 6 14 16 23 24 28 29 41 48 …).
    assert found.rank_biserial == pytest.approx((96 - 24) / 120)
    assert found.wilcoxon_p == pytest.approx(0.0413, abs=1e-4)


def test_all_signs_give_the_same_p_values():
    # 15 differences have 32,768 ways to choose their signs: Fisher's own permutation test.
    signs = np.array(list(itertools.product((-1, 1), repeat=len(MAIZE))))
    means = np.abs((signs * MAIZE).mean(1))
    exact_mean = (means >= abs(MAIZE.mean()) - 1e-9).mean()
    found = paired_tests(MAIZE, np.zeros(15))
    assert exact_mean == pytest.approx(0.0526, abs=1e-3)
    assert found.t_test_p == pytest.approx(exact_mean, abs=0.01)
    ranks = stats.rankdata(np.abs(MAIZE))
    sums = np.abs((signs * ranks).sum(1))
    exact_rank = (sums >= abs((np.sign(MAIZE) * ranks).sum())).mean()
    assert found.wilcoxon_p == pytest.approx(exact_rank)


def test_the_bootstrap_against_permuted_signs():
    gain = np.random.default_rng(8).normal(0.1, 1.0, 300)
    flips = np.random.default_rng(9).choice([-1, 1], size=(20_000, 300))
    naive = (np.abs((flips @ gain) / 300) >= abs(gain.mean())).mean()
    assert 0.01 < naive < 0.2
    found = paired_tests(gain, np.zeros(300))
    assert found.bootstrap_p == pytest.approx(naive, abs=0.012)
    assert found.t_test_p == pytest.approx(naive, abs=0.012)


@pytest.mark.parametrize("zeros", ["wilcox", "pratt"])
def test_wilcoxon_with_zeros_against_permuted_signs(zeros):
    rng = np.random.default_rng(3)
    gain = np.round(rng.normal(0.4, 1.5, 60))  # ties and zeros, as metrics have them
    assert 5 < (gain == 0).sum() < 40
    ranks = stats.rankdata(np.abs(gain)) * (gain != 0)
    if zeros == "wilcox":
        ranks = np.zeros(60)
        ranks[gain != 0] = stats.rankdata(np.abs(gain[gain != 0]))
    flips = rng.choice([-1, 1], size=(40_000, 60))
    sums = np.abs(flips @ ranks)
    naive = (sums >= abs((np.sign(gain) * ranks).sum()) - 1e-9).mean()
    found = paired_tests(gain, np.zeros(60), SignificanceConfig(zeros=zeros))
    assert found.wilcoxon_p == pytest.approx(naive, abs=0.012)
    assert found.num_equal == (gain == 0).sum()
    assert found.rank_biserial == pytest.approx((np.sign(gain) * ranks).sum() / ranks.sum())


def test_what_users_contribute_is_tested_and_not_the_means():
    # The same means; in one case every user gains a little, in the other it is noise.
    rng = np.random.default_rng(0)
    theirs = rng.random(80)
    steady = theirs + 0.02 + rng.normal(0, 0.01, 80)
    noisy = rng.permutation(steady)
    sure, unsure = paired_tests(steady, theirs), paired_tests(noisy, theirs)
    assert sure.gain == pytest.approx(unsure.gain)
    for test in ("t_test_p", "wilcoxon_p", "bootstrap_p"):
        assert getattr(sure, test) < 0.001 < 0.1 < getattr(unsure, test)
    assert 0 < sure.low < sure.gain < sure.high
    assert unsure.low < 0 < unsure.high


def test_tests_keep_their_level_where_nothing_differs():
    rng = np.random.default_rng(1)
    config = SignificanceConfig(samples=499)
    below = {"t_test_p": 0, "wilcoxon_p": 0, "bootstrap_p": 0}
    covered = 0
    for _ in range(300):
        found = paired_tests(rng.exponential(size=50), rng.exponential(size=50), config)
        covered += found.low <= 0 <= found.high
        for test in below:
            below[test] += getattr(found, test) < 0.1
    assert all(15 < count < 48 for count in below.values()), below  # 30 expected
    assert 270 < covered <= 298  # 285 expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=8))
def test_swapping_the_models_turns_the_signs(differences):
    gain = np.array(differences, dtype=float)
    config = SignificanceConfig(samples=99)
    there, back = (paired_tests(sign * gain, 0 * gain, config) for sign in (1, -1))
    assert there.gain == -back.gain
    assert there.cohens_d == -back.cohens_d
    assert there.rank_biserial == -back.rank_biserial
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    for test in ("t_test_p", "wilcoxon_p", "bootstrap_p"):
        assert getattr(there, test) == pytest.approx(getattr(back, test))
        assert 0 <= getattr(there, test) <= 1
    assert -1 <= there.rank_biserial <= 1


def test_no_difference_and_one_that_is_always_the_same():
    same = paired_tests([0.1, 0.5, 0.7], [0.1, 0.5, 0.7])
    assert (same.t_test_p, same.wilcoxon_p, same.bootstrap_p) == (1.0, 1.0, 1.0)
    assert (same.cohens_d, same.rank_biserial, same.low, same.high) == (0.0, 0.0, 0.0, 0.0)
    steady = paired_tests([0.2, 0.6, 0.8], [0.1, 0.5, 0.7])
    assert steady.cohens_d == math.inf
    assert steady.t_test_p == 0.0
    assert steady.rank_biserial == 1.0
    assert json.loads(json.dumps(steady.to_dict(), allow_nan=False))["cohens_d"] is None
    assert cohens_d(np.array([1.0, 3.0])) == pytest.approx(math.sqrt(2))
    assert rank_biserial(np.array([3.0, -1.0, 2.0])) == pytest.approx(4 / 6)


def test_bootstrap_is_seeded_and_agrees_with_scipy_and_with_theory():
    values = np.random.default_rng(5).exponential(size=400)
    config = SignificanceConfig(samples=4000, confidence=0.9)
    low, high = bootstrap_interval(values, config)
    assert (low, high) == bootstrap_interval(values, config)
    assert (low, high) != bootstrap_interval(values, config.model_copy(update={"seed": 1}))
    half = 1.645 * values.std() / math.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)
    judged = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, method="percentile", rng=0
    ).confidence_interval
    assert (low, high) == pytest.approx(tuple(judged), abs=0.01)
    assert bootstrap_interval([0.3, 0.3, 0.3]) == pytest.approx((0.3, 0.3))


def test_bootstrap_in_batches_is_a_bootstrap(monkeypatch):
    values = np.arange(7.0)
    monkeypatch.setattr("kgrec.evaluation.significance._BATCH_ELEMENTS", 30)
    means = bootstrap_means(values, SignificanceConfig(samples=5003))
    assert len(means) == 5003
    assert means.mean() == pytest.approx(3.0, abs=0.05)
    assert means.std() == pytest.approx(2.0 / math.sqrt(7), abs=0.03)  # std of 0 … 6 is 2


@given(P)
def test_holm_is_monotone_never_below_the_raw_values_and_at_most_one(p):
    corrected = holm(p)
    assert (corrected >= np.array(p)).all()
    assert (corrected <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()
    if p:
        assert corrected.min() == min(1.0, min(p) * len(p))


@given(P, st.floats(0.001, 0.999))
def test_holm_rejects_what_the_step_down_procedure_rejects(p, level):
    rejected = set()
    for step, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[place] * (len(p) - step) > level:
            break
        rejected.add(place)
    assert set(np.flatnonzero(holm(p) <= level)) == rejected


@given(P, st.randoms())
def test_holm_does_not_depend_on_the_order(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    assert holm([p[place] for place in order]).tolist() == holm(p)[order].tolist()


def test_holm_of_bad_values():
    for bad in ([0.1, 1.2], [-0.1], [float("nan")], [[0.1]]):
        with pytest.raises(DataError, match="p values from 0 to 1"):
            holm(bad)


def test_users_are_matched_by_id():
    ids = ["a", "b", "c", "d", "e"]
    theirs = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    gain = np.array([0.1, 0.2, -0.05, 0.3, 0.01])
    straight = compare(
        {"ours": evaluation(theirs + gain, ids)}, evaluation(theirs, ids), "ndcg@10"
    )["ours"]
    order = [3, 1, 4, 0, 2]
    shuffled = evaluation((theirs + gain)[order], [ids[row] for row in order])
    turned = compare({"ours": shuffled}, evaluation(theirs, ids), "ndcg@10")["ours"]
    assert straight == turned
    assert straight.gain == pytest.approx(gain.mean())
    assert straight.mean - straight.reference == pytest.approx(gain.mean())


def test_comparisons_that_are_made_together_are_corrected_together():
    rng = np.random.default_rng(2)
    base = rng.random(60)
    models = {
        name: evaluation(base + rng.normal(shift, 0.1, 60))
        for name, shift in (("better", 0.04), ("same", 0.0), ("worse", -0.05))
    }
    found = compare(models, evaluation(base), "ndcg@10")
    assert list(found) == ["better", "same", "worse"]
    for test in ("t_test", "wilcoxon", "bootstrap"):
        raw = [getattr(one, f"{test}_p") for one in found.values()]
        assert [getattr(one, f"{test}_holm") for one in found.values()] == holm(raw).tolist()
    alone = compare({"better": models["better"]}, evaluation(base), "ndcg@10")["better"]
    assert alone.t_test_holm == alone.t_test_p
    assert found["better"].t_test_holm > found["better"].t_test_p
    assert with_holm([]) == []


def test_seeds_of_one_model_are_averaged_for_each_user():
    runs = [evaluation([0.0, 0.4], ["a", "b"]), evaluation([0.8, 0.2], ["b", "a"])]
    mean = mean_of_runs(runs)
    assert mean.user_ids == ["a", "b"]
    assert mean.per_user["ndcg@10"] == pytest.approx([0.1, 0.6])
    assert mean.metrics == pytest.approx({"ndcg@10": 0.35, "coverage@10": 0.25})
    with pytest.raises(ConfigError, match="no run"):
        mean_of_runs([])
    with pytest.raises(DataError, match="Run 2 has other metrics"):
        mean_of_runs([runs[0], evaluation([0.1, 0.2], metric="mrr@10")])


def test_what_cannot_be_compared():
    one = evaluation([0.1, 0.2, 0.3])
    with pytest.raises(ConfigError, match=r"no metric 'ndgc@10'.* Did you mean 'ndcg@10'"):
        compare({"b": one}, one, "ndgc@10")
    with pytest.raises(DataError, match=r"different users: 1 are only in the first and 1 .* 'u2'"):
        compare({"b": evaluation([0.1, 0.2, 0.3], ["u0", "u1", "x"])}, one, "ndcg@10")
    with pytest.raises(
        DataError, match=r"0 are only in the first and 1 only in the second.*'u3' of b"
    ):
        compare({"b": evaluation([0.1, 0.2, 0.3, 0.4])}, one, "ndcg@10")
    with pytest.raises(DataError, match="50 and 60 ranked items"):
        compare({"b": evaluation([0.1, 0.2, 0.3], candidates=60)}, one, "ndcg@10")
    with pytest.raises(DataError, match="99 and 98 test interactions"):
        matched([one, evaluation([0.1, 0.2, 0.3], judgements=98)], "ndcg@10")
    drawn = {"settings": {"k": [10], "num": 100, "seed": 0}}
    sampled = replace(one, protocol="candidates", details=drawn)
    with pytest.raises(DataError, match=r"protocols: full and candidates num=100 seed=0\."):
        matched([one, sampled], "ndcg@10")
    again = replace(sampled, details={"settings": {**drawn["settings"], "seed": 1, "k": [5]}})
    with pytest.raises(DataError, match=r"num=100 seed=0 and candidates num=100 seed=1"):
        matched([sampled, again], "ndcg@10")
    same = replace(sampled, details={"settings": {**drawn["settings"], "k": [5, 10]}, "more": 1})
    assert matched([sampled, same], "ndcg@10").shape == (2, 3)
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare({}, one, "ndcg@10")
    with pytest.raises(DataError, match="two users or more, found 1"):
        paired_tests([0.1], [0.2])
    with pytest.raises(DataError, match=r"shapes \(2,\) and \(3,\)"):
        paired_tests([0.1, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(DataError, match="NaN"):
        paired_tests([0.1, float("nan")], [0.2, 0.3])
    with pytest.raises(DataError, match="list of numbers"):
        bootstrap_interval([])


def test_names_from_strangers_do_not_reach_the_terminal_as_they_are():
    with pytest.raises(DataError) as raised:
        compare({"\x1b[31m": evaluation([0.1, 0.2], ["\x1b]0;", "y"])},
                evaluation([0.1, 0.2]), "ndcg@10")  # fmt: skip
    assert "\x1b" not in str(raised.value)
