"""Metrics against hand-computed values, naive loops, and an outside evaluator."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.metrics import (
    beyond_accuracy,
    count_relevant,
    find_hits,
    gini,
    per_user_metrics,
)


def naive(ranked, relevant, k):
    """All metrics of one user, by loops. `ranked` is a list of items, `relevant` a set."""
    top = ranked[:k]
    dcg = ideal = precisions = 0.0
    found = first = 0
    for place, item in enumerate(top):
        if item in relevant:
            dcg += 1 / math.log2(place + 2)
            found += 1
            precisions += found / (place + 1)
            first = first or place + 1
    for place in range(min(k, len(relevant))):
        ideal += 1 / math.log2(place + 2)
    return {
        f"ndcg@{k}": dcg / ideal if relevant else 0.0,
        f"recall@{k}": found / len(relevant) if relevant else 0.0,
        f"precision@{k}": found / k,
        f"mrr@{k}": 1 / first if first else 0.0,
        f"map@{k}": precisions / min(k, len(relevant)) if relevant else 0.0,
        f"hit@{k}": float(found > 0),
    }


@st.composite
def rankings(draw):
    """A ranking without repetitions, padded here and there, and judgements."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num, num_items = draw(st.integers(1, 6)), draw(st.integers(1, 25))
    depth = draw(st.integers(1, num_items))
    ranking = np.stack([rng.permutation(num_items)[:depth] for _ in range(num)])
    for row in ranking:
        row[rng.integers(0, depth + 1) :] = -1
    relevant = rng.random((num, num_items)) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    cutoffs = draw(st.lists(st.integers(1, depth), min_size=1, max_size=3, unique=True))
    return ranking, relevant, cutoffs


@settings(max_examples=200, deadline=None)
@given(rankings())
def test_per_user_metrics_against_loops(case):
    ranking, relevant, cutoffs = case
    metrics = per_user_metrics(ranking, csr_matrix(relevant), cutoffs)
    for user, row in enumerate(ranking):
        wanted = set(np.flatnonzero(relevant[user]).tolist())
        ranked = [item for item in row.tolist() if item >= 0]
        for k in cutoffs:
            for name, value in naive(ranked, wanted, k).items():
                assert metrics[name][user] == pytest.approx(value, abs=1e-12), name


def test_by_hand():
    # Relevant: 4, 5 and 6. Found on places 2 and 3; the ideal is cut at min(3, 3).
    metrics = per_user_metrics(np.array([[0, 4, 6]]), csr_matrix([[0, 0, 0, 0, 1, 1, 1]]), k=[1, 3])
    values = {name: float(value[0]) for name, value in metrics.items()}
    gain = 1 / math.log2(3) + 0.5
    assert values == pytest.approx(
        {
            **{"ndcg@1": 0, "recall@1": 0, "precision@1": 0, "mrr@1": 0, "map@1": 0, "hit@1": 0},
            "ndcg@3": gain / (1 + gain),
            "recall@3": 2 / 3,
            "precision@3": 2 / 3,
            "mrr@3": 1 / 2,
            "map@3": (1 / 2 + 2 / 3) / 3,
            "hit@3": 1.0,
        }
    )


def test_the_ideal_is_cut_at_k():
    metrics = per_user_metrics(np.array([[1, 2]]), csr_matrix(np.ones((1, 9))), k=[2])
    assert metrics["ndcg@2"][0] == metrics["map@2"][0] == 1.0
    assert metrics["recall@2"][0] == pytest.approx(2 / 9)


def test_padding_is_never_relevant():
    # Row -1 of user 1 must not be taken for the last item of user 0.
    relevant = csr_matrix([[0, 0, 1], [1, 0, 0]])
    assert not find_hits(np.array([[0, -1], [-1, -1]]), relevant).any()


def test_a_stored_zero_is_no_judgement():
    relevant = csr_matrix((np.array([0.0, 1.0]), ([0, 0], [0, 1])), shape=(1, 2))
    assert count_relevant(relevant).tolist() == [1]
    assert find_hits(np.array([[0, 1]]), relevant).tolist() == [[False, True]]


def test_beyond_accuracy_by_hand():
    ranking = np.array([[0, 1], [0, 2], [0, -1]])
    counts = np.array([10, 4, 1, 7])
    values = beyond_accuracy(ranking, counts, k=[1, 2])
    assert values["coverage@1"] == 1 / 4
    assert values["coverage@2"] == 3 / 4
    assert values["popularity@1"] == 10
    assert values["popularity@2"] == pytest.approx((10 * 3 + 4 + 1) / 5)
    assert values["gini@1"] == pytest.approx(3 / 4)
    narrow = beyond_accuracy(ranking, counts, k=[2], candidates=np.array([0, 1, 2]))
    assert narrow["coverage@2"] == 1.0


@settings(max_examples=150, deadline=None)
@given(rankings(), st.integers(0, 2**32))
def test_beyond_accuracy_against_loops(case, seed):
    ranking, relevant, cutoffs = case
    rng = np.random.default_rng(seed)
    num_items = relevant.shape[1]
    counts = rng.integers(0, 20, num_items)
    pool = np.unique([*rng.integers(0, num_items, 5), *ranking[ranking >= 0]])
    found = beyond_accuracy(ranking, counts, cutoffs, pool)
    for k in cutoffs:
        shown = [item for row in ranking.tolist() for item in row[:k] if item >= 0]
        times = [shown.count(item) for item in pool.tolist()]
        assert found[f"coverage@{k}"] == pytest.approx(len(set(shown)) / len(pool))
        popularity = sum(counts[item] for item in shown) / len(shown) if shown else 0.0
        assert found[f"popularity@{k}"] == pytest.approx(popularity)
        differences = sum(abs(a - b) for a in times for b in times)
        mean = sum(times) / len(times)
        even = 0.0 if not shown else differences / (2 * len(times) ** 2 * mean)
        assert found[f"gini@{k}"] == pytest.approx(even)


@settings(max_examples=100, deadline=None)
@given(rankings())
def test_what_holds_for_every_metric(case):
    ranking, relevant, cutoffs = case
    judged = csr_matrix(relevant)
    metrics = per_user_metrics(ranking, judged, cutoffs)
    order = np.random.default_rng(0).permutation(len(ranking))
    turned = per_user_metrics(ranking[order], judged[order], cutoffs)
    renamed = np.random.default_rng(1).permutation(relevant.shape[1])
    other = np.where(ranking >= 0, np.argsort(renamed)[np.maximum(ranking, 0)], -1)
    same = per_user_metrics(other, csr_matrix(relevant[:, renamed]), cutoffs)
    perfect = [
        [*np.flatnonzero(row), *np.flatnonzero(~row)][: ranking.shape[1]] for row in relevant
    ]
    best = per_user_metrics(np.array(perfect), judged, cutoffs)
    for name, values in metrics.items():
        assert ((values >= 0) & (values <= 1)).all()
        np.testing.assert_array_equal(turned[name], values[order])  # each user by itself
        np.testing.assert_array_equal(same[name], values)  # ids mean nothing
        assert (best[name] >= values - 1e-12).all()  # what is relevant first is best
    for k in cutoffs:
        np.testing.assert_array_equal(best[f"ndcg@{k}"], relevant.any(1))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_gini_is_half_the_mean_difference_over_the_mean(counts):
    values = np.array(counts, dtype=float)
    if values.sum() == 0:
        assert gini(values) == 0.0
    else:
        differences = np.abs(values[:, None] - values[None, :]).mean()
        assert gini(values) == pytest.approx(differences / (2 * values.mean()))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: per_user_metrics(np.zeros((1, 2), int), csr_matrix((1, 2)), [3]),
            ConfigError,
            "k must",
        ),
        (
            lambda: per_user_metrics(np.zeros((1, 2), int), csr_matrix((1, 2)), [0]),
            ConfigError,
            "k must",
        ),
        (
            lambda: per_user_metrics(np.zeros((1, 2), int), csr_matrix((1, 2)), []),
            ConfigError,
            "k must",
        ),
        (lambda: find_hits(np.zeros((2, 2), int), csr_matrix((1, 2))), DataError, "2 users"),
        (lambda: find_hits(np.full((1, 2), 2), csr_matrix((1, 2))), DataError, "-1 to 1"),
        (lambda: find_hits(np.full((1, 2), -2), csr_matrix((1, 2))), DataError, "-1 to 1"),
        (lambda: find_hits(np.zeros((1, 2)), csr_matrix((1, 2))), DataError, "integers"),
        (
            lambda: beyond_accuracy(np.zeros((1, 1), int), np.ones(3), [1], np.array([1])),
            DataError,
            "no candidates",
        ),
    ],
)
def test_bad_input(call, error, says):
    with pytest.raises(error, match=says):
        call()
