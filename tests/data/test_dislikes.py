"""Dislikes: which rows they are, and that they go through parts without a leak."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgrec
from kgrec.data.interactions import PARTS, Interactions, Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, KgrecWarning

ROWS = [  # user, item, rating, time
    ("u1", "a", 5, 10),
    ("u1", "b", 2, 20),
    ("u1", "c", None, 30),
    ("u2", "a", 1, 40),
    ("u2", "b", 4, 50),
    ("u2", "b", 3, 60),  # a change of mind
    ("u3", "c", 4, 70),
]
FRAME = pd.DataFrame(ROWS, columns=["user_id", "item_id", "rating", "timestamp"])
KINDS = ["random", "uniform", "temporal", "temporal_user", "leave_last_out", "cold_items"]


def named(log):
    return set(zip(log.users.take(log.user), log.items.take(log.item), strict=True))


def drawn_log(seed=0, num_users=9, num_items=31):
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(num_users * num_items)[:180]
    likes, bad = pairs[:110], pairs[110:]
    users = Vocabulary([f"u{row}" for row in range(num_users)], "user")
    items = Vocabulary([f"i{row:02}" for row in range(num_items)], "item")
    time = rng.integers(0, 50, 180)

    def log(chosen, times, **more):
        rows = chosen // num_items, chosen % num_items
        rating = rng.integers(1, 6, len(chosen)).astype(np.float32)
        return Interactions(users, items, *rows, rating, times, **more)

    return log(likes, time[:110], dislikes=log(bad, time[110:]))


def test_rated_rows_that_are_not_positive_are_dislikes():
    with pytest.warns(KgrecWarning, match="have no rating"):
        log = Interactions.read(FRAME, positive="rating >= 4")
    assert named(log) == {("u1", "a"), ("u3", "c")}
    assert named(log.dislikes) == {("u1", "b"), ("u2", "a"), ("u2", "b")}
    assert dict(
        zip(log.dislikes.timestamp.tolist(), log.dislikes.rating.tolist(), strict=True)
    ) == {
        20: 2.0,
        40: 1.0,
        60: 3.0,
    }
    assert log.report.disliked == 3
    assert "4 not positive (3 of them dislikes, 1 of them without a rating)" in str(log.report)
    np.testing.assert_array_equal(
        log.matrix_of_dislikes().toarray(), [[0, 1, 0], [1, 1, 0], [0, 0, 0]]
    )


def test_negative_says_which_rows_are_dislikes():
    with pytest.warns(KgrecWarning, match="have no rating"):
        log = Interactions.read(FRAME, positive="rating >= 4", negative="rating <= 2")
    assert named(log.dislikes) == {("u1", "b"), ("u2", "a")}
    clicks = FRAME.drop(columns="rating").assign(
        event=["buy", "no", "see", "no", "see", "buy", "buy"]
    )
    seen = Interactions.read(clicks, positive="event == 'buy'")
    assert seen.dislikes is None  # what was only seen is no dislike
    said = Interactions.read(clicks, positive="event == 'buy'", negative="event == 'no'")
    assert named(said.dislikes) == {("u1", "b"), ("u2", "a")}
    assert said.dislikes.rating is None
    assert Interactions.read(clicks).dislikes is None
    with pytest.raises(
        ConfigError, match=r"1 rows fulfil both positive='rating >= 4' and negative"
    ):
        Interactions.read(FRAME.dropna(), positive="rating >= 4", negative="rating > 4")


def test_a_log_without_dislikes_has_an_empty_matrix():
    log = replace(drawn_log(), dislikes=None)
    assert log.matrix_of_dislikes().shape == (9, 31)
    assert log.matrix_of_dislikes().nnz == 0
    assert log.rated() is log


def test_what_does_not_fit_is_refused():
    log = drawn_log()
    with pytest.raises(DataError, match=r"same vocabularies, without dislikes"):
        replace(log, dislikes=log)
    with pytest.raises(DataError, match=r"110 pairs are both likes and dislikes, such as user 'u"):
        replace(log, dislikes=replace(log, dislikes=None))
    with pytest.raises(DataError, match=r"same vocabularies"):
        replace(log, dislikes=log.dislikes.with_items(["more"]))


def test_rated_is_both_together():
    log = drawn_log()
    both = log.rated()
    assert len(both) == 180
    assert both.dislikes is None
    assert named(both) == named(log) | named(log.dislikes)
    expected = {**dict(zip(named_rows(log), log.rating, strict=True))}
    expected |= dict(zip(named_rows(log.dislikes), log.dislikes.rating, strict=True))
    assert dict(zip(named_rows(both), both.rating, strict=True)) == expected
    assert replace(log, rating=None).rated().rating is None


def named_rows(log):
    return (log.user * log.num_items + log.item).tolist()


def test_reindex_select_and_k_core_take_dislikes_along():
    log = drawn_log()
    other = log.with_items(["a", "zz"])
    assert named(other.dislikes) == named(log.dislikes)
    assert other.dislikes.items == other.items
    chosen = log.select(log.user == 2)
    assert chosen.dislikes is None  # what is selected knows nothing of the others
    chosen = log.select(log.user == 2, log.dislikes.user == 2)
    assert named(chosen.dislikes) == {pair for pair in named(log.dislikes) if pair[0] == "u2"}
    core = log.k_core(4)
    assert core.num_items < log.num_items
    assert named(core.dislikes) == {
        (user, item)
        for user, item in named(log.dislikes)
        if user in core.users and item in core.items
    }


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 20))
def test_parts_share_all_dislikes_and_likes_stay_as_they_are(kind, seed):
    log = drawn_log(seed)
    split = log.split(kind, valid=0.2, test=0.2, seed=seed)
    without = replace(log, dislikes=None).split(kind, valid=0.2, test=0.2, seed=seed)
    found = []
    for name in PARTS:
        np.testing.assert_array_equal(split.part(name).item, without.part(name).item)
        found += named_rows(split.part(name).dislikes)
    assert sorted(found) == sorted(named_rows(log.dislikes))


@given(seed=st.integers(0, 20))
def test_drawn_dislikes_have_the_shares_of_likes(seed):
    log = drawn_log(seed)
    split = log.split("random", valid=0.2, test=0.2, seed=seed)
    for user in range(9):
        count = int((log.dislikes.user == user).sum())
        held_out = int((split.test.dislikes.user == user).sum())
        assert abs(held_out - 0.2 * count) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_no_dislike_of_training_is_later_than_what_is_held_out(seed):
    log = drawn_log(seed)
    split = log.split("temporal", valid=0.2, test=0.2)
    assert split.train.dislikes.timestamp.max() < split.valid.timestamp.min()
    assert split.valid.dislikes.timestamp.max() < split.test.timestamp.min()
    assert split.test.dislikes.timestamp.min() >= split.test.timestamp.min()
    for kind in ("temporal_user", "leave_last_out"):
        split = log.split(kind, valid=0.2, test=0.2)
        for user in range(9):
            ends = [
                part.timestamp[part.user == user].min(initial=10**9)
                for part in (split.valid, split.test)
            ]
            for number, name in enumerate(PARTS):
                bad = split.part(name).dislikes
                times = bad.timestamp[bad.user == user]
                assert (times < min(ends[number:], default=10**9)).all()
                assert (times >= max([0, *ends[:number]][-1:])).all() or number == 0


def test_dislikes_of_cold_items_are_held_out_with_them():
    split = drawn_log().split("cold_items", valid=0.2, test=0.2)
    for name in PARTS:
        others = [other for other in PARTS if other != name]
        items = set(split.part(name).dislikes.item.tolist())
        for other in others:
            assert not items & set(split.part(other).item.tolist())


def test_a_drawn_validation_part_takes_dislikes_out_of_training():
    log = drawn_log()
    nothing = log.select(np.zeros(0, dtype=np.int64))
    split = Split(log, nothing, nothing).with_validation(0.25)
    assert len(split.valid.dislikes)
    assert len(split.train.dislikes) + len(split.valid.dislikes) == len(log.dislikes)
    assert not named(split.train.dislikes) & named(split.valid.dislikes)


def test_own_parts_keep_their_own_dislikes(tmp_path):
    for name, rows in {"train": ROWS[:2], "valid": ROWS[6:], "test": ROWS[3:5]}.items():
        pd.DataFrame(rows, columns=FRAME.columns).to_csv(tmp_path / f"{name}.csv", index=False)
    split = Split.read(tmp_path, positive="rating >= 4")
    assert named(split.train.dislikes) == {("u1", "b")}
    assert split.valid.dislikes is None
    assert named(split.test.dislikes) == {("u2", "a")}


def test_drawn_zeros_of_published_files_are_no_dislikes(tmp_path):
    (tmp_path / "ratings_final.txt").write_text("0\t0\t1\n0\t1\t0\n1\t1\t1\n1\t0\t1\n")
    (tmp_path / "kg_final.txt").write_text("0\t0\t1\n")
    dataset = kgrec.read_dataset(tmp_path, valid=0, test=0)
    assert dataset.split.train.dislikes is None
    assert "are drawn items, not dislikes" in "\n".join(dataset.notes)
    asked = kgrec.read_dataset(tmp_path, valid=0, test=0, negative="rating == 0")
    assert len(asked.split.train.dislikes) == 1
