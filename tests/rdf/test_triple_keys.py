"""Triples as integers, and columns of codes: the same as with tuples and dictionaries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.rdf.codes import recode, row_slices, used_codes
from kgrec.rdf.triple_keys import TripleKeys

LARGE = 2**31 - 1


@st.composite
def some_triples(draw):
    """Sizes of both vocabularies and triples of their rows; products go far beyond 2**31."""
    entities = draw(st.sampled_from([1, 2, 3, 5, 2**16 + 1, 2**20, 2**28]))
    relations = draw(st.sampled_from([1, 2, 7, 100]))
    row = st.one_of(st.integers(0, entities - 1), st.just(entities - 1))
    relation = st.one_of(st.integers(0, relations - 1), st.just(relations - 1))
    return entities, relations, draw(st.lists(st.tuples(row, relation, row), max_size=20))


@settings(deadline=None)
@given(some_triples())
def test_keys_have_the_order_of_the_triples_and_give_them_back(given_triples):
    entities, relations, triples = given_triples
    form = TripleKeys.of(entities, relations)
    assert form.fit
    # Codes: each row itself, through a mapping of the rows that occur.
    numbers = sorted({n for s, _, o in triples for n in (s, o)})
    codes = [(numbers.index(s), p, numbers.index(o)) for s, p, o in triples]
    edges = np.array(codes, dtype=np.int32).reshape(-1, 3)
    entity, relation = np.array(numbers, dtype=np.int32), np.arange(relations, dtype=np.int32)
    halves = [(edges[:7], entity, relation), (edges[7:], entity, relation)]
    keys = form.made(iter(halves), len(edges))
    assert keys.dtype == np.int64
    assert (keys >= 0).all()
    expected = [
        (s * 2**form.entity * 2**form.relation) + p * 2**form.entity + o for s, p, o in triples
    ]
    assert keys.tolist() == expected
    order = sorted(range(len(triples)), key=lambda row: triples[row])
    assert np.argsort(keys, kind="stable").tolist() == order
    found = form.rows(keys, np.ones(len(keys), dtype=bool))
    assert found.dtype == np.int32
    assert list(map(tuple, found.tolist())) == triples
    some = np.arange(len(keys)) % 3 == 1
    assert list(map(tuple, form.rows(keys, some).tolist())) == triples[1::3]


@pytest.mark.parametrize(
    ("entities", "relations", "bits", "fit"),
    [
        (0, 0, (0, 0), True),
        (1, 1, (0, 0), True),
        (2, 2, (1, 1), True),
        (2**28, 2**7, (28, 7), True),
        (2**28, 2**7 + 1, (28, 8), False),
        (2**28 + 1, 2**5, (29, 5), True),
        (2**28 + 1, 2**5 + 1, (29, 6), False),
        (LARGE, LARGE, (31, 31), False),
    ],
)
def test_how_many_bits_are_needed(entities, relations, bits, fit):
    form = TripleKeys.of(entities, relations)
    assert (form.entity, form.relation) == bits
    assert form.fit is fit


@pytest.mark.parametrize("size", [0, 1, 32_767, 32_768, 32_769, 100_000])
def test_columns_are_recoded_in_parts(size):
    covered = [row for rows in row_slices(size) for row in range(rows.start, rows.stop)]
    assert covered == list(range(size))
    rng = np.random.default_rng(size)
    columns = rng.integers(0, 900, size=(2, size)).astype(np.int32) * 2 + 1
    used, place = used_codes(columns, 2000)
    expected = sorted({*columns[0].tolist(), *columns[1].tolist()})
    assert used.tolist() == expected
    assert place.dtype == np.int32
    assert place[used].tolist() == list(range(len(expected)))
    before = columns[0].tolist()
    recode(columns[0], place)
    assert columns.dtype == np.int32
    assert used[columns[0]].tolist() == before


def test_a_column_between_others_is_recoded_alone():
    rows = np.arange(12, dtype=np.int32).reshape(4, 3)
    recode(rows[:, 1], np.arange(12, dtype=np.int32)[::-1].copy())
    assert rows.tolist() == [[0, 10, 2], [3, 7, 5], [6, 4, 8], [9, 1, 11]]
