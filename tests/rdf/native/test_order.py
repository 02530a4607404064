"""Sorting by compiled loops gives what sorting gives."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.rdf.native.order import argsort, sort, sort_groups
from kgrec.rdf.native.take import take_strings


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**62), max_size=50) | st.lists(st.integers(0, 5), max_size=50))
def test_argsort_is_stable_and_right(keys):
    keys = np.array(keys, dtype=np.int64)
    assert argsort(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**62), max_size=50) | st.lists(st.integers(0, 5), max_size=50))
def test_keys_are_sorted(keys):
    assert sort(np.array(keys, dtype=np.int64)).tolist() == sorted(keys)


@settings(deadline=None)
@given(st.lists(st.text(max_size=9), max_size=20), st.data())
def test_strings_are_taken_in_another_order(strings, data):
    skipped = data.draw(st.integers(0, len(strings)))
    array = pa.array(strings, type=pa.large_string())[skipped:]  # it begins within its buffers
    places = st.integers(0, len(array) - 1) if len(array) else st.nothing()
    rows = data.draw(st.lists(places, max_size=30 if len(array) else 0))
    found = take_strings(array, np.array(rows, dtype=np.int64))
    found.validate(full=True)
    assert found.to_pylist() == [strings[skipped:][row] for row in rows]


def groups_of(keys, strings, kinds):
    text = np.frombuffer(b"".join(strings) + b"\0", dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, strings)])
    keys, kinds = np.array(keys, dtype=np.int64), np.array(kinds, dtype=np.int64)
    order = argsort(keys)
    return order, sort_groups(keys, order, text, offsets, kinds)


ROWS = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=3), st.integers(0, 1)), max_size=40)


@settings(deadline=None)
@given(ROWS)
def test_groups_are_sorted_by_string_and_kind(rows):
    keys, strings, kinds = zip(*rows, strict=True) if rows else ([], [], [])
    order, found = groups_of(keys, strings, kinds)
    small = [rows[k] for k, (_, large) in zip(order, found, strict=True) if not large]
    assert small == sorted(row for row in rows if keys.count(row[0]) <= 32)
    again = [False, *(a == b for a, b in zip(small[1:], small[:-1], strict=True))][: len(small)]
    assert [bool(same) for same, large in found if not large] == again
    assert sorted(order.tolist()) == list(range(len(rows)))


def test_a_large_group_is_left_to_others():
    order, found = groups_of([1] * 40 + [0, 0], [b"b"] * 40 + [b"c", b"a"], [0] * 42)
    assert order[:2].tolist() == [41, 40]
    assert found[:2].tolist() == [[False, False]] * 2
    assert found[2:, 1].all()
