"""The Gram matrix is the sum over blocks, whatever the blocks are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kgrec.models.gram import blocks, gram


def some(rows=13, columns=7, seed=0):
    rng = np.random.default_rng(seed)
    return csr_matrix(rng.random((rows, columns)) * (rng.random((rows, columns)) < 0.4))


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 12))
def test_blocks_cover_all_rows_once_and_keep_to_the_entries(lengths, entries):
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    columns = np.concatenate([np.arange(length) for length in lengths] or [[]])
    matrix = csr_matrix((np.ones(len(columns)), columns, indptr), shape=(len(lengths), 9))
    found = blocks(matrix, entries)
    covered = [row for part in found for row in range(part.start, part.stop)]
    assert covered == list(range(len(lengths)))
    for part in found:
        assert sum(lengths[part]) <= entries or part.stop - part.start == 1


@pytest.mark.parametrize("entries", [1, 5, 1000])
def test_it_is_the_product(entries):
    matrix = some()
    dense = matrix.toarray()
    expected = np.zeros((7, 7))
    for left in range(7):
        for right in range(7):
            expected[left, right] = sum(row[left] * row[right] for row in dense)
    found = gram(matrix, entries)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_sum_of_whole_numbers_has_the_same_bits_with_any_blocks():
    matrix = some()
    matrix.data = np.ceil(9 * matrix.data)
    np.testing.assert_array_equal(gram(matrix, 3), gram(matrix))


def test_no_rows_give_zeros():
    np.testing.assert_array_equal(gram(csr_matrix((0, 3))), np.zeros((3, 3)))


def test_blocks_on_a_cluster_give_the_same_bits_also_with_a_killed_worker(on_failing_ray):
    from kgrec.engine import LocalEngine

    matrix = some()
    with LocalEngine():
        expected = gram(matrix, 6)
    with pytest.warns(match="was lost"):
        np.testing.assert_array_equal(gram(matrix, 6), expected)
    assert on_failing_ray.maps == 1
