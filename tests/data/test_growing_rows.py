"""Rows are appended without copying the others, and no array changes under its readers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.growing_rows import GrowingRows


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 90)), max_size=12))
def test_growth_from_any_array_is_concatenation(steps):
    made = [(GrowingRows(np.arange(6.0).reshape(3, 2)), np.arange(6.0).reshape(3, 2))]
    for number, (start, count) in enumerate(steps):
        rows, expected = made[start % len(made)]
        more = np.full((count, 2), number + 100.0)
        made.append((rows.appended(more), np.concatenate([expected, more])))
    for rows, expected in made:
        np.testing.assert_array_equal(rows.array, expected)


def test_rows_that_come_one_by_one_are_seldom_copied():
    rows = GrowingRows(np.zeros((1000, 3), dtype=np.float32))
    places = set()
    for number in range(500):
        rows = rows.appended(np.full((1, 3), number))
        places.add(rows.array.__array_interface__["data"][0])
    assert len(places) <= 3
    assert rows.array.dtype == np.float32
    assert rows.array[1000:, 1].tolist() == list(range(500))
