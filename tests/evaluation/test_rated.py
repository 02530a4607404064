"""Ranking each user's rated test items, by hand and by a naive oracle."""

from dataclasses import replace

import numpy as np
import pytest
from logs import Table, log_of, vocabularies

from kgrec.errors import DataError
from kgrec.evaluation.protocols import evaluate_protocol, protocol_config

USERS, ITEMS = vocabularies(4, 6)
NOTHING = log_of([], USERS, ITEMS)


def rated_log(rows, threshold=4.0):
    """Return a log of (user, item, rating) with those below the threshold as dislikes."""
    liked = [row for row in rows if row[2] >= threshold]
    bad = [row for row in rows if row[2] < threshold]
    logs = [
        log_of([row[:2] for row in some], USERS, ITEMS, np.array([row[2] for row in some], "f4"))
        for some in (liked, bad)
    ]
    return replace(logs[0], dislikes=logs[1])


TEST = [(0, 0, 5), (0, 1, 2), (0, 2, 4), (1, 3, 1), (1, 4, 2), (2, 5, 5), (3, 0, 4), (3, 1, 1)]
SCORES = np.array([[1, 3, 2, 9, 9, 9], [0] * 6, [0] * 6, [5, 4, 9, 9, 9, 9]])


def measured(test, **settings):
    protocol = protocol_config("test-ratings", {"k": [1, 2], **settings})
    return evaluate_protocol(Table(SCORES), test, protocol, exclude=[NOTHING])


def test_by_hand():
    found = measured(rated_log(TEST))
    # User 0: i1 (bad), i2, i0; user 2 has one item; user 3: i0, i1. User 1 likes nothing.
    assert list(found.user_ids) == ["u000", "u002", "u003"]
    gain = 1 / np.log2(3)
    expected = [gain / (1 + gain), 1.0, 1.0]
    np.testing.assert_allclose(found.per_user["rated_ndcg@2"], expected)
    np.testing.assert_allclose(found.per_user["rated_recall@2"], [0.5, 1, 1])
    np.testing.assert_allclose(found.per_user["rated_precision@1"], [0, 1, 1])
    assert found.details["num_all_relevant"] == 1
    assert found.details["num_candidates_per_user"] == 2.0
    assert (found.protocol, found.sampled, found.num_candidates) == ("test-ratings", False, 3)


def test_the_threshold_is_of_ratings_and_not_of_how_they_were_read():
    whole = rated_log(TEST, threshold=0)
    assert measured(whole, relevant_from=4).metrics == measured(rated_log(TEST)).metrics
    assert (
        measured(rated_log(TEST), relevant_from=2).metrics
        == measured(rated_log(TEST, threshold=2)).metrics
    )


def test_excluded_items_are_no_candidates():
    known = rated_log([(0, 1, 5)])
    protocol = protocol_config("test-ratings", {"k": [1]})
    test = rated_log([row for row in TEST if row[:2] != (0, 1)] + [(0, 3, 1)])
    found = evaluate_protocol(Table(SCORES), test, protocol, exclude=[known])
    assert found.per_user["rated_precision@1"].tolist() == [0, 1, 1]  # i3 is on top


@pytest.mark.parametrize("seed", range(4))
def test_a_naive_oracle_agrees(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (u, i, int(rng.integers(1, 6))) for u in range(4) for i in range(6) if rng.random() < 0.7
    ]
    scores = rng.normal(size=(4, 6)).astype("f4")
    protocol = protocol_config("test-ratings", {"k": [3]})
    found = evaluate_protocol(Table(scores), rated_log(rows), protocol, exclude=[NOTHING])
    expected = []
    for user in range(4):
        own = sorted((row for row in rows if row[0] == user), key=lambda row: -scores[user, row[1]])
        gains = [float(row[2] >= 4) for row in own]
        if any(gains):
            best = sum(1 / np.log2(2 + place) for place in range(min(3, int(sum(gains)))))
            got = sum(g / np.log2(2 + place) for place, g in enumerate(gains[:3]))
            expected.append(got / best)
    np.testing.assert_allclose(found.per_user["rated_ndcg@3"], expected)


def test_what_cannot_be_ranked_is_said():
    with pytest.raises(DataError, match=r"All rated test items are relevant.*data.positive"):
        measured(rated_log([(0, 0, 5), (1, 2, 4)]))
    with pytest.raises(DataError, match=r"No rated test item is relevant \(relevant_from is 6\)"):
        measured(rated_log(TEST), relevant_from=6)
    with pytest.raises(DataError, match=r"has no ratings"):
        measured(log_of([(0, 1)], USERS, ITEMS), relevant_from=4)
