"""Logs joined to one."""

from dataclasses import replace

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary

USERS, ITEMS = Vocabulary(["u", "v"]), Vocabulary(["a", "b", "c"])


def log(pairs, times=None, dislikes=None):
    user, item = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    made = Interactions(USERS, ITEMS, user, item, timestamp=times)
    return replace(made, dislikes=None if dislikes is None else log(dislikes))


def test_columns_that_all_have_are_kept():
    one, two = log([(0, 0), (1, 1)], np.array([3, 5])), log([(0, 2)], np.array([7]))
    both = one.joined(two)
    assert list(zip(both.user, both.item, both.timestamp, strict=True)) == [
        (0, 0, 3), (1, 1, 5), (0, 2, 7)
    ]  # fmt: skip
    assert one.joined(log([(0, 2)])).timestamp is None
    assert both.rating is None
    assert both.dislikes is None


def test_a_like_of_one_log_is_no_dislike_of_another():
    one, two = log([(0, 0)], dislikes=[(0, 1), (1, 1)]), log([(0, 1)], dislikes=[(1, 1), (1, 2)])
    bad = one.joined(two).dislikes
    assert set(zip(bad.user, bad.item, strict=True)) == {(1, 1), (1, 2)}
    assert len(bad) == 2
