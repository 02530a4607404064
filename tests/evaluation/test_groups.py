"""Gains by group: planted gains are found where they were planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.groups import (
    gains_by_items,
    gains_by_users,
    quantile_groups,
    recall_by_items,
)
from kgrec.evaluation.metrics import count_relevant, find_hits, recall
from kgrec.evaluation.significance import SignificanceConfig

QUICK = SignificanceConfig(samples=199)


@given(arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 9)), st.integers(1, 6))
def test_groups_ascend_with_the_counts_and_have_no_gaps(counts, num):
    group = quantile_groups(counts, num)
    order = np.argsort(counts, kind="stable")
    assert (np.diff(group[order]) >= 0).all()
    for count in set(counts):
        assert len(set(group[counts == count])) == 1
    assert set(group) == set(range(len(set(group))))
    assert len(set(group)) <= num


def test_groups_of_different_counts_are_equally_large():
    counts = np.random.default_rng(0).permutation(100)
    assert np.bincount(quantile_groups(counts, 5)).tolist() == [20] * 5
    few = counts <= np.quantile(counts, 0.2)
    assert ((quantile_groups(counts, 5) == 0) == few).all()
    with pytest.raises(ConfigError, match="at least 1 group"):
        quantile_groups(counts, 0)


def test_a_gain_among_new_users_is_found_there_alone():
    rng = np.random.default_rng(1)
    counts = rng.permutation(np.repeat([3, 10, 30], [55, 45, 50]))
    theirs = rng.random(150)
    ours = theirs + np.where(counts == 3, 0.2, 0.0) + rng.normal(0, 0.05, 150)
    found = gains_by_users(ours, theirs, counts, 3, QUICK)
    assert [one.label for one in found] == ["3", "10", "30"]
    assert [one.tests.num_users for one in found] == [55, 45, 50]
    assert found[0].tests.gain == pytest.approx(0.2, abs=0.03)
    assert found[0].tests.low > 0.15
    assert [one.tests.t_test_holm < 0.001 for one in found] == [True, False, False]
    assert found[1].tests.t_test_holm >= found[1].tests.t_test_p
    assert found[0].to_dict()["fewest"] == 3
    wide = gains_by_users(ours, theirs, counts * 1000 + np.arange(150), 1, QUICK)
    assert wide[0].label == f"{wide[0].fewest:,}–{wide[0].most:,}"
    with pytest.raises(DataError, match="one number for each user"):
        gains_by_users(ours, theirs, counts[1:])


def test_recall_of_item_groups_against_loops():
    rng = np.random.default_rng(2)
    num_users, num_items, k = 23, 31, 7
    relevant = csr_matrix((rng.random((num_users, num_items)) < 0.15).astype(np.float32))
    ranking = np.stack([rng.permutation(num_items)[:12] for _ in range(num_users)])
    ranking[4, 5:] = -1
    group = rng.integers(0, 3, num_items)
    found = recall_by_items(ranking, relevant, group, k)
    for one in range(3):
        for user in range(num_users):
            wanted = {i for i in relevant[user].indices if group[i] == one}
            if not wanted:
                assert np.isnan(found[one, user])
            else:
                hits = wanted & set(ranking[user, :k].tolist())
                assert found[one, user] == pytest.approx(len(hits) / len(wanted))
    together = recall_by_items(ranking, relevant, np.zeros(num_items, dtype=int), k)[0]
    expected = recall(find_hits(ranking, relevant), count_relevant(relevant), k)
    known = ~np.isnan(together)
    np.testing.assert_allclose(together[known], expected[known])
    with pytest.raises(DataError, match="each of 31 items"):
        recall_by_items(ranking, relevant, group[1:], k)
    with pytest.raises(ConfigError, match="at least 1"):
        recall_by_items(ranking, relevant, group, 0)


def test_gains_by_items_are_over_the_users_who_have_such_items():
    nan = np.nan
    ours = np.array([[0.5, nan, 1.0, 0.5], [nan, 0.2, 0.4, nan]])
    theirs = np.array([[0.0, nan, 0.5, 0.5], [nan, 0.2, 0.2, nan]])
    found = gains_by_items(ours, theirs, [[1, 2], [5, 9, 7]], QUICK)
    assert [one.label for one in found] == ["1–2", "5–9"]
    assert [one.tests.num_users for one in found] == [3, 2]
    assert [one.tests.gain for one in found] == pytest.approx([1 / 3, 0.1])
    with pytest.raises(DataError, match="missing for the same users"):
        gains_by_items(ours, theirs[:, ::-1], [[1], [2]])
    with pytest.raises(DataError, match="each of 1 groups"):
        gains_by_items(ours, theirs, [[1]])
