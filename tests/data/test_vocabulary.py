"""Ids and rows: a bijection, sorted, in which the unknown is never row 0."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, UnknownIdError

LONE_SURROGATE = "\udcff"  # what an argument that is no UTF-8 becomes
ids = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True)


@given(ids)
def test_bijection_in_utf8_order(names):
    vocabulary = Vocabulary(names)
    in_order = sorted(names, key=str.encode)
    assert vocabulary.ids == in_order
    assert list(vocabulary) == in_order
    assert vocabulary.rows(names).tolist() == [in_order.index(name) for name in names]
    assert [vocabulary.row(name) for name in names] == vocabulary.rows(names).tolist()
    assert vocabulary.take(vocabulary.rows(names)) == names
    assert [vocabulary.id(row) for row in range(len(names))] == in_order


@given(ids, ids)
def test_union(one, two):
    assert set(Vocabulary(one).union(Vocabulary(two))) == set(one) | set(two)


@given(ids, st.lists(st.sampled_from("abcdefgé☃"), max_size=6), ids)
def test_extended_keeps_old_rows(names, second, third):
    old = Vocabulary(names)
    vocabulary = old.extended(second).extended(third)
    new = [sorted(set(second) - set(names), key=str.encode)]
    new.append(sorted(set(third) - set(names) - set(second), key=str.encode))
    assert vocabulary.ids == old.ids + new[0] + new[1]
    assert vocabulary.rows(vocabulary.ids).tolist() == list(range(len(vocabulary)))
    assert [vocabulary.row(id) for id in old.ids] == list(range(len(old)))
    ordered = vocabulary.ids[: vocabulary.num_sorted]
    assert ordered == sorted(ordered, key=str.encode)
    assert vocabulary.num_sorted >= len(old)
    assert set(vocabulary.union(old).ids) == set(vocabulary.ids)
    assert vocabulary.union(old) == Vocabulary(vocabulary.ids)


def test_extended_by_nothing_new_is_the_same():
    vocabulary = Vocabulary(["b", "a"], "item")
    assert vocabulary.extended(["a", "b", "a"]) is vocabulary
    assert vocabulary.extended([]) is vocabulary
    assert vocabulary.extended(["0"]) != vocabulary  # the same ids, other rows
    assert Vocabulary([], "item").extended(["b", "a"]) == vocabulary
    with pytest.raises(DataError, match="item ids must be strings"):
        vocabulary.extended([7])


def test_few_ids_are_searched_for_and_many_hashed():
    """Both ways find the same, also what is appended, before all and behind all."""
    ids = [f"é{n:04}" for n in range(0, 4000, 2)] + ["\U0001f600", "z", "\uffff"]
    vocabulary = Vocabulary(ids).extended(["a", "é0001", "\U0001f601"])
    wanted = [
        "é0000",
        "é3998",
        "é0001",
        "é0003",
        "a",
        "",
        "\U0001f600",
        "\U0001f601",
        "\uffff",
        "z",
    ]
    expected = [vocabulary.ids.index(id) if id in vocabulary.ids else -1 for id in wanted]
    for few in (wanted[:5], wanted[5:], wanted[:1]):
        assert vocabulary.rows(few, missing="-1").tolist() == [
            expected[wanted.index(id)] for id in few
        ]
    assert vocabulary.rows(wanted * 200, missing="-1").tolist() == expected * 200
    with pytest.raises(UnknownIdError, match="1 of 2 id ids are unknown"):
        vocabulary.rows(["é0000", "é0003"])


def test_unknown_ids_are_errors_or_minus_one():
    vocabulary = Vocabulary(["heat", "ran"], name="item")
    assert vocabulary.rows(["ran", "raan", "heat"], missing="-1").tolist() == [1, -1, 0]
    with pytest.raises(UnknownIdError, match=r"1 of 2 item ids .*'raan'.*Did you mean 'ran'"):
        vocabulary.rows(["ran", "raan"])
    with pytest.raises(UnknownIdError, match=r"No item has the id 'raan'.*Did you mean 'ran'"):
        vocabulary.row("raan")


@pytest.mark.parametrize("row", [-1, 2])
def test_rows_outside(row):
    vocabulary = Vocabulary(["a", "b"], name="user")
    for ask in (lambda: vocabulary.id(row), lambda: vocabulary.take([0, row])):
        with pytest.raises(UnknownIdError, match=rf"user row {row} is outside of 0 … 1"):
            ask()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b", "a"], "item id 'a' occurs twice"),
        (["a", None], "1 of 2 item ids are missing"),
        (["a", 7], "item ids must be strings"),
        (pa.array([1, 2]), "item ids must be strings, found int64"),
        ([LONE_SURROGATE], r"item id '\\\\udcff' is not valid Unicode"),
    ],
)
def test_bad_ids(names, message):
    with pytest.raises(DataError, match=message):
        Vocabulary(names, name="item")


def test_hostile_ids_are_unknown_and_printed_harmlessly():
    vocabulary = Vocabulary(["a"])
    assert LONE_SURROGATE not in vocabulary
    assert 7 not in vocabulary
    with pytest.raises(UnknownIdError) as error:
        vocabulary.row("\x1b[2J")
    assert "\x1b" not in str(error.value)
    with pytest.raises(DataError, match=r"not valid Unicode"):
        vocabulary.rows([LONE_SURROGATE], missing="-1")


def test_arrow_inputs():
    plain = Vocabulary(["b", "a"])
    assert Vocabulary(pa.array(["b", "a"])) == plain
    assert Vocabulary(pa.chunked_array([["b"], ["a"]])) == plain
    assert Vocabulary.from_ids(pa.array(["b", "a", "b"]).dictionary_encode()) == plain
    assert Vocabulary.from_sorted(pa.array(["a", "b"])) == plain
    assert Vocabulary([]).take([]) == []
    assert Vocabulary(["a"]) != plain


def test_few_ids_asked_for_often_come_from_a_dictionary_with_the_same_answers():
    ids = [f"i{n:03}" for n in range(200)]
    known = Vocabulary(ids, "item")
    for turn in range(60):
        wanted = ids[turn : turn + 5]
        assert known.rows(wanted).tolist() == list(range(turn, turn + 5))
        assert known.rows([*wanted, "no", 7], missing="-1").tolist()[-2:] == [-1, -1]
        assert ("i100" in known, "no" in known, 7 in known, "\udcff" in known, None in known) == (
            True, False, False, False, False,
        )  # fmt: skip
    assert known.rows(ids).tolist() == list(range(200))
    with pytest.raises(UnknownIdError, match="1 of 2 item ids are unknown, the first of them 'no'"):
        known.rows(["i001", "no"])
    with pytest.raises(DataError, match=r"must be strings or whole numbers, found 1\.0"):
        known.rows(["i001", 1.0])
    assert Vocabulary(["7", "8"]).rows([np.int64(8), 7]).tolist() == [1, 0]


def test_vocabularies_that_grew_from_one_share_no_answers():
    base = Vocabulary(["a", "b"])
    assert base.row("b") == 1  # there is a dictionary now
    one, other = base.extended(["d", "c"]), base.extended(["e"])
    again = one.extended(["f"])
    for made, ids in ((base, "ab"), (one, "abcd"), (other, "abe"), (again, "abcdf")):
        assert [made.row(id) for id in ids] == list(range(len(ids)))
        assert made.rows(list(ids)).tolist() == list(range(len(ids)))
        for id in set("abcdef") - set(ids):
            assert id not in made
            assert made.rows([id], missing="-1").tolist() == [-1]
            with pytest.raises(UnknownIdError):
                made.row(id)
