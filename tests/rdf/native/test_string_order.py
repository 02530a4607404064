"""Sorting strings by compiled loops gives the order that Arrow gives."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgrec.rdf.native.string_order import string_order

ENDS = st.text(st.sampled_from("ab\0é\U0001f600/"), max_size=20)
COMMON = st.sampled_from(["", "\0", "http://ex.org/", "http://ex.org/resource/", "\0" * 9])


@settings(max_examples=400, deadline=None)
@given(COMMON, st.lists(ENDS, unique=True, max_size=80), st.integers(0, 80))
@example("", ["", "\0", "\0\0", "\0" * 8, "\0" * 9, "\0" * 8 + "a", "a", "a\0"], 0)
@example("12345678", ["", "12345678", "1234567812345678", "1", "12345678\0"], 1)
def test_strings_are_ordered_by_their_bytes(common, ends, skipped):
    strings = [common + end for end in ends]
    array = pa.array(strings, type=pa.large_string())[skipped:]  # it begins within its buffers
    rest = strings[skipped:]
    expected = sorted(range(len(rest)), key=lambda row: rest[row].encode())
    assert string_order(array).tolist() == expected


@pytest.mark.parametrize("prefix", ["", "http://dbpedia.org/resource/"])
def test_many_strings_are_ordered_as_arrow_orders_them(prefix):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abc"), size=rng.integers(1, 9))) for _ in range(30)]
    places = rng.integers(30, size=(20_000, 3)).tolist()
    strings = dict.fromkeys(
        prefix + "_".join(words[k] for k in row) + f"_{n % 50}" for n, row in enumerate(places)
    )
    array = pa.array(list(strings), type=pa.large_string())
    assert string_order(array).tolist() == pc.sort_indices(array).to_pylist()


def test_few_strings_need_no_order():
    for strings in ([], [""], ["a"]):
        array = pa.array(strings, type=pa.large_string())
        assert string_order(array).tolist() == list(range(len(strings)))
