"""Ids: numbers keep their identity, lists are lists, and ids of two tables meet or it is said."""

import warnings

import numpy as np
import pandas as pd
import pytest

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import as_ids, check_ids_meet
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.errors import ConfigError, DataError, KgrecWarning, UnknownIdError


def ids_of(values, **options):
    return as_ids(pd.DataFrame({"id": values}), "id", "the table", **options).tolist()


@pytest.mark.parametrize("values", [[1.0, 2.0], np.array([1, 2], dtype="float32"),
                                    pd.Series([1.0, 2.0], dtype="category"),
                                    pd.Series([1.0, 2], dtype=object)])  # fmt: skip
def test_whole_floats_are_whole_numbers_and_it_is_said(values):
    with pytest.warns(KgrecWarning, match=r"column 'id' .*floating-point numbers, such as 1.0"):
        assert ids_of(values) == ["1", "2"]


@pytest.mark.parametrize(
    "values",
    [[2.0**63, 2.0**63 + 4096], [1.0, 2.0**53], np.array([2**24], dtype="float32"),
     pd.Series([2.0**60, "a"], dtype=object), pd.Series([2**63 + 1, None], dtype="float64")],
)  # fmt: skip
def test_floats_that_may_have_merged_ids_are_refused(values):
    with pytest.raises(DataError, match=r"different ids may have become one.*dtype=str"):
        ids_of(pd.Series(values).dropna())


def test_large_whole_numbers_stay_apart():
    large = [2**63, 2**63 + 1, 2**64 - 1]
    assert ids_of(pd.Series(large, dtype="uint64")) == [str(number) for number in large]
    assert ids_of(pd.Series([2**70, 2**70 + 1, -1], dtype=object)) == [
        str(2**70), str(2**70 + 1), "-1",
    ]  # fmt: skip
    frame = pd.DataFrame({"user_id": large, "item_id": ["a", "b", "c"]})
    assert Interactions.read(frame).num_users == 3


def test_fractions_and_bytes_are_no_ids():
    with pytest.warns(KgrecWarning, match=r"with a fraction, such as 1.5. Is it the right column"):
        assert ids_of([1.5, 2.0]) == ["1.5", "2.0"]
    with pytest.raises(DataError, match="holds bytes"):
        ids_of([b"a", b"b"])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("strip", ["b1", "B1", "001", "1.0", "-7"]),
        ("number", ["b1", "B1", "1", "1", "-7"]),
        ("casefold", ["b1", "b1", "001", "1.0", "-7"]),
    ],
)
def test_ids_are_made_alike(how, expected):
    assert ids_of(["\u200bb1 ", "B1", "001", " 1.0", "-7"], normalise=how) == expected
    with pytest.raises(DataError, match="1 of 2 rows have no id; the first is data row 2"):
        ids_of(["a", "  "], normalise=how)


def test_an_unknown_way_to_make_ids_alike():
    with pytest.raises(ConfigError, match=r"normalise_ids has no value 'upper'"):
        ids_of(["a"], normalise="upper")


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        (["1.0", "2.0"], ["1", "2", "3"], "number"),
        (["001", "002"], ["1", "2"], "number"),
        (["b1 ", "b2 "], ["b1", "b2"], "strip"),
        (["B1", "B2"], ["b1", "b2"], "casefold"),
    ],
)
def test_ids_that_nearly_meet_are_refused_with_the_remedy(ours, theirs, how):
    message = rf"None of 2 item ids .*items.csv, but 2 are .*{ours[0]!r} and {theirs[0]!r}.*{how}"
    with pytest.raises(DataError, match=message):
        check_ids_meet(Vocabulary(ours, "item"), theirs, "items.csv")


def test_some_near_ids_are_a_warning():
    ours = Vocabulary(["a", "b", "c", "D"], "item")
    with pytest.warns(KgrecWarning, match=r"Only 3 of 4 item ids .* 1 are .*'D' and 'd'"):
        check_ids_meet(ours, ["a", "b", "c", "d"], "the item table")


def test_tables_that_do_not_meet_at_all():
    many = Vocabulary([f"u{n}" for n in range(40)], "user")
    with pytest.raises(DataError, match=r"None of 40 user ids .* is in users.csv: .* Which one\?"):
        check_ids_meet(many, ["x", "y"], "users.csv", remedy=" Which one?")
    with pytest.warns(KgrecWarning, match=r"Only 1 of 40 user ids"):
        check_ids_meet(many, ["u1", *(f"v{n}" for n in range(60))], "users.csv")


def test_ids_that_meet_are_read_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        check_ids_meet(Vocabulary(["a", "b"]), ["a", "b", "c", "B"], "t")  # all are there
        check_ids_meet(Vocabulary(["a", "b", "c"]), ["a", "b", "x"], "t")
        check_ids_meet(Vocabulary(["a"]), [], "t")


def test_two_forms_of_an_id_in_one_table():
    frame = pd.DataFrame({"user_id": ["u", "v", "w"], "item_id": ["1", "1.0", "2"]})
    with pytest.warns(KgrecWarning, match=r"1 item ids .*'1.0' and '1'.*normalise_ids: number"):
        assert Interactions.read(frame).num_items == 3
    assert Interactions.read(frame, normalise_ids="number").items.ids == ["1", "2"]
    table = AttributeTable.read(pd.DataFrame({"item_id": ["001"]}), normalise_ids="number")
    assert table.ids.ids == ["1"]


def test_whole_numbers_find_ids_of_digits():
    ids = Vocabulary(["1", "10", "007"], "item")
    assert ids.row(10) == ids.row(np.int64(10)) == ids.row("10")
    assert ids.rows([1, "10", np.uint8(10)]).tolist() == ids.rows(["1", "10", "10"]).tolist()
    assert 1 in ids
    assert 7 not in ids
    with pytest.raises(UnknownIdError, match=r"No item has the id '7'. Known: 007, 1, 10"):
        ids.row(7)
    for wrong in (1.0, True, None, b"1"):
        with pytest.raises(DataError, match=r"item ids must be strings or whole numbers, found"):
            ids.row(wrong)


@pytest.mark.parametrize("one", ["12", 12, np.int64(12), b"12"])
def test_a_single_id_is_no_list(one):
    with pytest.raises(DataError, match=r"liked must be a list of ids, found .*liked=\[.*12.*\]"):
        id_list(one, "liked")
    with pytest.raises(DataError):
        Vocabulary(["12"]).rows(one)


def test_lists_of_any_kind_are_lists():
    for ids in (
        ["1", 2],
        ("1", 2),
        iter(["1", 2]),
        np.array([1, 2]),
        pd.Series(["1", "2"]),
        {1, 2},
    ):
        assert sorted(id_list(ids, "liked")) == ["1", "2"]


@pytest.mark.parametrize("cell", ["a", ["a"], {"x": 1}, ("a", "b")], ids=repr)
def test_a_list_or_an_object_is_no_id(cell):
    frame = pd.DataFrame({"item_id": pd.Series(["b", cell], dtype=object)})
    if isinstance(cell, str):
        assert as_ids(frame, "item_id", "t").tolist() == ["b", "a"]
        return
    with pytest.raises(DataError, match=r"an id is one text or number\. Make a row of each value"):
        as_ids(frame, "item_id", "t")
