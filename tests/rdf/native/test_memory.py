"""Bytes at addresses: each compiled function beside the plain one that it stands for."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.rdf.native import term_table
from kgrec.rdf.native.memory import (
    KEY,
    LANES,
    are_same,
    compiled,
    finder,
    first,
    folded,
    hash_of,
)
from kgrec.rdf.native.term_table import Table, Text

SOME = bytes([0, 9, 10, *range(48, 58), 62, 127, *range(200, 256)])
_find_some = finder(SOME)


@compiled
def marks_of_some(at):
    return _find_some(at)


@compiled
def first_of(marks):
    return first(marks)


@compiled
def product(a, b):
    return folded(a, b)


def text(octets):
    """A text, with bytes after it that are not 0."""
    made = Text(len(octets))
    made.octets[:] = 0xAB
    made.octets[: len(octets)] = list(octets)
    return made


@given(st.binary(min_size=LANES, max_size=LANES))
def test_a_finder_marks_its_octets(octets):
    marks = marks_of_some(text(octets).address) % 2**64
    found = [k for k in range(LANES) if marks >> k & 1]
    assert found == [k for k, octet in enumerate(octets) if octet in SOME]
    if found:
        assert first_of(np.int64(marks - 2**64 if marks >= 2**63 else marks)) == found[0]


@given(*[st.integers(0, 2**64 - 1)] * 2)
def test_folded_is_both_halves_of_the_product(a, b):
    low, high = (a * b) % 2**64, (a * b) >> 64
    assert int(product(np.uint64(a), np.uint64(b))) == low ^ high


@given(st.binary(max_size=150), st.integers(0, 149), st.integers(1, 255))
def test_strings_are_the_same_by_their_bytes_alone(octets, place, change):
    one, other = text(octets + b"x"), text(b"pad" + octets + b"y")  # other bytes follow
    assert are_same(one.address, other.address + 3, len(octets))
    hashes = [hash_of(at, len(octets), KEY) for at in (one.address, other.address + 3)]
    assert hashes[0] == hashes[1]
    if place < len(octets):
        other.octets[3 + place] ^= change
        assert not are_same(one.address, other.address + 3, len(octets))
        assert hash_of(other.address + 3, len(octets), KEY) != hashes[0]


def test_hashes_depend_on_length_and_key():
    zeros = text(bytes(200))
    hashes = [hash_of(zeros.address, size, key) for size in range(200) for key in (KEY, ~KEY)]
    assert len(set(map(int, hashes))) == 400


def test_no_process_hashes_as_another():
    """Else a file could be made whose terms all have one hash."""
    command = [sys.executable, "-c", "from kgrec.rdf.native.memory import KEY; print(KEY)"]
    keys = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(keys) == 2


@pytest.mark.parametrize("key", [1, 2**63 + 12345])
def test_the_key_changes_no_number(monkeypatch, key):
    monkeypatch.setattr(term_table, "KEY", np.uint64(key))
    words = [b"%d" % (k * k % 997) for k in range(5000)]
    begins = np.cumsum([0, *map(len, words)])
    expected = {}
    numbers = [expected.setdefault(word, len(expected)) for word in words]
    assert Table().add(text(b"".join(words)), begins).tolist() == numbers


def test_hashes_of_similar_strings_fill_a_table_evenly():
    """Numbers in IRIs differ in a few bits; their slots must not."""
    count = 1 << 15
    words = text(b"".join(b"http://e.org/resource/%08d" % k for k in range(count)))
    size = len(b"http://e.org/resource/") + 8
    places = range(words.address, words.address + count * size, size)
    hashes = np.array([hash_of(place, size, KEY) for place in places], dtype=np.uint64)
    for slots in (hashes >> np.uint64(32), hashes >> np.uint64(49)):
        met = np.bincount((slots % np.uint64(count)).astype(np.int64), minlength=count)
        # Poisson with mean 1: a share of 1/e is empty, and 13 in one slot has odds of 1e-6.
        assert (met == 0).mean() == pytest.approx(np.exp(-1), abs=0.015)
        assert met.max() < 13
