"""The log: what is kept, merged and reported, and what bad input gets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.interactions import Interactions, LogReport
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, UnknownIdError

# Three users, four items: swapped axes show.
ROWS = """user_id,item_id,rating,timestamp
u2,b,5,100
u1,d,3,90
u1,a,4,80
u2,b,2,300
u2,b,4,200
u3,c,1,50
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(ROWS)
    return path


def pairs(log):
    return list(zip(log.users.take(log.user), log.items.take(log.item), strict=True))


def test_planted_log(path):
    log = Interactions.read(path)
    assert log.users.ids == ["u1", "u2", "u3"]
    assert log.items.ids == ["a", "b", "c", "d"]
    assert pairs(log) == [("u1", "d"), ("u1", "a"), ("u2", "b"), ("u3", "c")]
    assert log.rating.tolist() == [3, 4, 2, 1]  # u2's latest word on b
    assert log.timestamp.tolist() == [90, 80, 300, 50]
    assert (log.user.dtype, log.rating.dtype, log.timestamp.dtype) == ("i8", "f4", "i8")
    assert log.report == LogReport(rows=6, not_positive=0, duplicates=2, kept=4)
    assert str(log.report) == "6 rows: 4 kept, 0 not positive, 2 repeated"
    expected = np.zeros((3, 4))
    expected[[0, 0, 1, 2], [3, 0, 1, 2]] = 1
    np.testing.assert_array_equal(log.matrix().toarray(), expected)
    assert log.matrix().dtype == np.float32


def test_positive_is_asked_after_merging(path):
    log = Interactions.read(path, positive="rating >= 4")
    assert pairs(log) == [("u1", "a")]  # u2 thought again
    assert log.num_users == 3  # those without a positive stay in the catalogue
    assert log.num_items == 4
    assert log.report == LogReport(rows=6, not_positive=3, duplicates=2, kept=1, disliked=3)


def test_duplicates(path):
    first = Interactions.read(path, duplicates="first", positive="rating >= 4")
    assert pairs(first) == [("u2", "b"), ("u1", "a")]
    untimed = Interactions.read(pd.read_csv(path).drop(columns="timestamp"))
    assert dict(zip(pairs(untimed), untimed.rating.tolist(), strict=True))["u2", "b"] == 4
    with pytest.raises(DataError, match=r"data row 4 repeats user 'u2' and item 'b'"):
        Interactions.read(path, duplicates="error")
    with pytest.raises(ConfigError, match=r"'last', 'first' or 'error', found 'mean'"):
        Interactions.read(path, duplicates="mean")


def test_column_names_and_other_columns(tmp_path):
    path = tmp_path / "log.tsv"
    path.write_text("who\twhat\tplays\tstars\nu1\ta\t12\t1\nu2\tb\t3\t5\n")
    names = {"user": "who", "item": "what"}
    assert pairs(Interactions.read(path, **names, positive="plays > 9")) == [("u1", "a")]
    starred = Interactions.read(path, **names, rating="stars", positive="stars >= 5")
    assert pairs(starred) == [("u2", "b")]
    assert starred.rating.tolist() == [5]
    assert Interactions.read(path, **names).rating is None
    with pytest.raises(DataError, match=r"no column 'satrs'.*Did you mean 'stars'"):
        Interactions.read(path, **names, rating="satrs")


@pytest.mark.parametrize(
    "times",
    [
        [1577836800, 1577926800],
        ["1577836800", "1577926800"],
        ["2020-01-01", "2020-01-02T03:00:00+02:00"],
        pd.to_datetime(["2020-01-01T00:00:00", "2020-01-02T01:00:00"]),
        pd.to_datetime(["2020-01-01T00:00:00", "2020-01-02T01:00:00"], utc=True),
        pd.to_datetime(["2020-01-01T00:00:00", "2020-01-02T01:00:00"]).astype("datetime64[s]"),
    ],
)
def test_times_become_seconds(times):
    frame = pd.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": times})
    assert Interactions.read(frame).timestamp.tolist() == [1577836800, 1577926800]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("user_id", ["u", None], "1 of 2 rows have no user_id; the first is data row 2"),
        ("item_id", ["", "a"], "1 of 2 rows have no item_id"),
        ("rating", ["5", "five"], "'rating' must hold numbers; data row 2 holds 'five'"),
        ("rating", ["5", "inf"], "data row 2 holds 'inf'"),
        ("timestamp", ["2020-01-01", "soon"], "ISO 8601 dates; data row 2 holds 'soon'"),
        ("timestamp", ["1", "inf"], "data row 2 holds 'inf'"),
        ("timestamp", [None, "5"], "1 of 2 rows have no timestamp"),
        ("timestamp", [1, 1e30], "not seconds since 1970"),
    ],
)
def test_bad_values(column, values, message):
    frame = pd.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]}).assign(**{column: values})
    with pytest.raises(DataError, match=message):
        Interactions.read(frame)


def test_bad_tables(path):
    with pytest.raises(DataError, match=r"no rows"):
        Interactions.read(pd.DataFrame({"user_id": [], "item_id": []}))
    with pytest.raises(DataError, match=r"no column 'item'.*Did you mean 'item_id'"):
        Interactions.read(path, item="item")
    with pytest.raises(DataError, match=r"no row fulfils positive='rating > 5'"):
        Interactions.read(path, positive="rating > 5")


def test_construction_is_checked():
    users, items = Vocabulary(["u"], "user"), Vocabulary(["a", "b"], "item")
    row, good = np.array([0, 0]), np.array([0, 1])
    assert len(Interactions(users, items, row, good)) == 2
    with pytest.raises(DataError, match=r"item has the shape \(3,\), expected \(2,\)"):
        Interactions(users, items, row, np.array([0, 1, 0]))
    with pytest.raises(DataError, match=r"user rows must lie in 0 … 0"):
        Interactions(users, items, good, row)
    with pytest.raises(DataError, match=r"item rows must lie in 0 … 1"):
        Interactions(users, items, row, np.array([0, -1]))
    with pytest.raises(DataError, match=r"item must be int64, found float64"):
        Interactions(users, items, row, np.array([0, 0.5]))
    small = Interactions(users, items, row.astype(np.int32), good.astype(np.int8))
    assert small.user.dtype == small.item.dtype == np.int64


def test_columns_are_frozen_and_the_callers_are_not():
    users, items = Vocabulary(["u"]), Vocabulary(["a"])
    mine = np.array([0])
    log = Interactions(users, items, mine, np.array([0]))
    with pytest.raises(ValueError, match=r"read-only"):
        log.user[0] = 1
    mine[0] = 0  # still writable
    assert log == log
    assert log != Interactions(users, items, mine, mine)  # identity, never an ambiguous array


def test_over_other_vocabularies(path):
    log = Interactions.read(path)
    wider = log.reindex(Vocabulary(["u0", "u1", "u2", "u3"]), Vocabulary(list("0abcd9")))
    assert pairs(wider) == pairs(log)
    assert wider.num_items == 6
    catalogue = log.with_items(["zz", "a"])
    assert catalogue.items.ids == ["a", "b", "c", "d", "zz"]
    assert pairs(catalogue) == pairs(log)
    with pytest.raises(UnknownIdError, match=r"'d'"):
        log.reindex(log.users, Vocabulary(["a", "b", "c"]))
    # A smaller vocabulary will do if it holds what the log uses.
    one = log.select(log.user == 2)
    assert pairs(one.reindex(Vocabulary(["u3"]), Vocabulary(["c"]))) == [("u3", "c")]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 5)), min_size=1))
def test_nothing_is_lost_and_round_trips(rows):
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    log = Interactions.read(frame)
    last = {(str(user), str(item)): rating for user, item, rating in rows}
    assert dict(zip(pairs(log), log.rating.tolist(), strict=True)) == last
    report = log.report
    assert report.kept + report.duplicates + report.not_positive == report.rows == len(rows)
    again = Interactions.read(log.to_pandas())
    pd.testing.assert_frame_equal(again.to_pandas(), log.to_pandas())


ROW = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 5), st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=30), st.sampled_from(["first", "last"]), st.booleans())
def test_of_repeated_pairs_the_first_or_last_in_time_counts(rows, keep, timed):
    """Of the same time, or of none, the place in the table decides; the others keep their order."""
    columns = ["user_id", "item_id", "rating", "timestamp"][: 4 if timed else 3]
    frame = pd.DataFrame([row[: len(columns)] for row in rows], columns=columns)
    log = Interactions.read(frame, duplicates=keep)
    chosen = {}
    for place in sorted(range(len(rows)), key=lambda k: (rows[k][3] if timed else 0, k)):
        if keep == "last" or rows[place][:2] not in chosen:
            chosen[rows[place][:2]] = place
    expected = [rows[place] for place in sorted(chosen.values())]
    assert pairs(log) == [(str(user), str(item)) for user, item, *_ in expected]
    assert log.rating.tolist() == [rating for _, _, rating, _ in expected]
    assert log.report.duplicates == len(rows) - len(expected)


def test_the_first_row_that_repeats_a_pair_is_named():
    frame = pd.DataFrame({"user_id": list("abcab"), "item_id": list("xyzyy")})
    with pytest.raises(DataError, match="data row 5 repeats user 'b' and item 'y'"):
        Interactions.read(frame, duplicates="error")
