"""What would make a careful reader of a log say "wait" is said, with the figure."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions, Split
from kgrec.data.log_checks import warn_of_training
from kgrec.errors import ConfigError, DataError, KgrecWarning

ROWS = [("u", "a", 5), ("u", "b", None), ("v", "a", 2), ("v", "c", None)]


def read(rows, **options):
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    return Interactions.read(frame, **options)


def pairs(log):
    return set(zip(log.users.take(log.user), log.items.take(log.item), strict=True))


@pytest.mark.parametrize(
    ("positive", "expected"),
    [
        (None, {("u", "a"), ("v", "a")}),
        ("rating >= 4", {("u", "a")}),
        ("not rating < 4", {("u", "a")}),
    ],
)
def test_no_rating_is_no_like(positive, expected):
    with pytest.warns(KgrecWarning, match=r"2 of 4 rows have no rating. They do not count"):
        log = read(ROWS, positive=positive)
    assert pairs(log) == expected
    assert log.report.unrated == 2
    disliked = 2 - len(expected)
    of_them = f"{disliked} of them dislikes, " if disliked else ""
    assert f"{4 - len(expected)} not positive ({of_them}2 of them without" in str(log.report)
    assert log.items.ids == ["a", "b", "c"]


def test_the_rating_matters_only_where_it_is_asked_for():
    frame = pd.DataFrame(ROWS, columns=["user_id", "item_id", "rating"])
    frame["event"] = ["view", "buy", "view", "buy"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        bought = Interactions.read(frame, positive="event == 'buy'")
        every = Interactions.read(frame, rating=None)
    assert pairs(bought) == {("u", "b"), ("v", "c")}
    assert len(every) == 4
    with pytest.warns(KgrecWarning, match=r"the column 'rating' is empty"):
        assert Interactions.read(frame.assign(rating=None)).rating is None


def test_a_rating_that_selects_everything_or_nothing():
    rows = [("u", "a", 5), ("v", "b", 5)]
    with pytest.warns(KgrecWarning, match=r"each rating is 5, .* holds for all 2 rows"):
        read(rows, positive="rating >= 4")
    with pytest.raises(DataError, match=r"no row fulfils .*Ratings are 5 to 5"):
        read(rows, positive="rating > 5")


def test_several_ratings_of_one_pair_without_an_order():
    rows = [("u", "a", 5), ("u", "a", 1), ("v", "a", 3), ("v", "a", 3)]
    with pytest.warns(KgrecWarning, match=r"1 pairs .* different ratings and no time. The last"):
        assert read(rows).rating.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("user", "item", "message"),
    [
        ([0, 0, 0], [0, 1, 2], "All 3 training interactions are of the same user"),
        ([0, 1, 2], [4, 4, 4], "All 3 training interactions are of the same item"),
        (range(12), [0, 1] * 6, "Each of the 12 users has one training interaction only"),
    ],
)
def test_training_that_teaches_nothing(user, item, message):
    with pytest.warns(KgrecWarning, match=message):
        warn_of_training(np.array(user), np.array(item))


def timed(num_users=8, per_user=6):
    """Each user's interactions follow those of the user before: user 0 is the first to leave."""
    rows = [(f"u{u}", f"i{(u + n) % 9}", u * 100 + n)
            for u in range(num_users) for n in range(per_user)]  # fmt: skip
    return Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))


def test_a_temporal_split_says_how_many_users_are_new():
    with pytest.warns(KgrecWarning, match=r"1 of 1 users of the test part \(100%\) have no"):
        timed().split("temporal", valid=0, test=0.125)


def test_users_keep_their_latest_interactions_for_the_test():
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        split = timed().split("temporal_user", valid=0.2, test=0.3)
    for user in range(8):
        times = [sorted(part.timestamp[part.user == user] - user * 100)
                 for part in (split.train, split.valid, split.test)]  # fmt: skip
        assert times == [[0, 1, 2], [3], [4, 5]]


def test_the_last_interaction_is_the_test_and_the_one_before_validation():
    split = timed().split("leave_last_out")
    for user in range(8):
        assert split.test.timestamp[split.test.user == user].tolist() == [user * 100 + 5]
        assert split.valid.timestamp[split.valid.user == user].tolist() == [user * 100 + 4]
    assert len(split.train) == 8 * 4
    only_test = timed().split("leave_last_out", valid=0)
    assert (len(only_test.valid), len(only_test.test)) == (0, 8)
    rows = pd.DataFrame({"user_id": list("abbccc"), "item_id": list("xxyxyz"),
                         "timestamp": [1, 1, 2, 1, 2, 3]})  # fmt: skip
    short = Interactions.read(rows).split("leave_last_out")
    assert pairs(short.train) == {("a", "x"), ("b", "x"), ("c", "x")}
    assert pairs(short.valid) == {("c", "y")}
    assert pairs(short.test) == {("b", "y"), ("c", "z")}


@pytest.mark.parametrize("kind", ["temporal_user", "leave_last_out"])
def test_equal_times_are_split_alike_whatever_the_order_of_rows(kind):
    frame = pd.DataFrame({"user_id": np.repeat(["u", "v"], 20),
                          "item_id": [f"i{n}" for n in range(20)] * 2,
                          "timestamp": np.repeat([1, 2], 20)})  # fmt: skip
    shuffled = frame.sample(frac=1, random_state=3)
    one, other = (Interactions.read(rows).split(kind, seed=1) for rows in (frame, shuffled))
    assert pairs(one.test) == pairs(other.test)
    assert pairs(one.valid) == pairs(other.valid)
    drawn = [pairs(Interactions.read(frame).split(kind, seed=seed).test) for seed in range(5)]
    assert any(drawn[0] != found for found in drawn[1:])
    with pytest.raises(ConfigError, match=f"The split {kind} needs timestamps"):
        Interactions.read(frame, timestamp=None).split(kind)


def test_k_core_leaves_out_until_all_have_k():
    # c-z hangs on z alone, which hangs on c: both leave, and then y has one user only.
    rows = [("a", "x"), ("a", "w"), ("b", "x"), ("b", "w"), ("c", "z"), ("c", "y"), ("b", "y")]
    log = Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id"]))
    core = log.k_core(2)
    assert pairs(core) == {("a", "x"), ("a", "w"), ("b", "x"), ("b", "w")}
    assert (core.users.ids, core.items.ids) == (["a", "b"], ["w", "x"])
    assert pairs(log.k_core(1)) == pairs(log)
    with pytest.raises(ConfigError, match=r"k_core=3 leaves no interactions"):
        log.k_core(3)
    with pytest.raises(ConfigError, match=r"k_core must be at least 1, found 0"):
        log.k_core(0)


def test_parts_without_a_common_user_or_item():
    train = read([("u", "a", 1), ("v", "b", 1)])
    with pytest.warns(
        KgrecWarning, match=r"test part has no user and no item .* 'x' there and 'u'"
    ):
        Split.from_tables(train, read([("u", "b", 1)]), read([("x", "q", 1)]))


def test_an_empty_part_that_was_asked_for():
    with pytest.warns(KgrecWarning, match=r"The test part is empty, although its share is 0.1"):
        timed(num_users=8, per_user=3).split("random", valid=0, test=0.1)


def test_titles_that_tell_nothing():
    items = pd.DataFrame({"item_id": range(20), "title": ["Book"] * 19 + ["Film"]})
    with pytest.warns(KgrecWarning, match=r"only 2 different titles, and 19 are called .Book"):
        AttributeTable.read(items)
    items["title"] = ["A", "B", *[None] * 18]
    with pytest.warns(KgrecWarning, match=r"18 of 20 items have no title"):
        AttributeTable.read(items)
    named = items.drop(columns="title").assign(Name="x")
    with pytest.warns(KgrecWarning, match=r"no column 'title'.*'Name' looks like one"):
        AttributeTable.read(named)


@pytest.mark.parametrize("argument", ["categories", "numbers"])
def test_one_column_is_no_list_of_columns(argument):
    items = pd.DataFrame({"item_id": [1], "genre": [2]})
    with pytest.raises(DataError, match=rf"{argument} must be a list.*{argument}=\['genre'\]"):
        AttributeTable.read(items, **{argument: "genre"})
