"""The linear system of EASE: its inverse by either way, and without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kgrec.models.ridge import FEW, RidgeSystem


def naive(rows, l2):
    """B and the diagonal of P as in the paper, from dense matrices."""
    inverse = np.linalg.inv(rows.T @ rows + np.diag(l2))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    weights[:, ~rows.any(axis=0)] = 0.0
    return weights, np.diag(inverse)


@given(
    st.integers(1, 12), st.integers(1, 12), st.floats(0.02, 0.9), st.integers(0, 999),
    st.sampled_from([1e-3, 1.0, 100.0]),
)  # fmt: skip
def test_weights_of_any_shape_are_those_of_the_paper(num_rows, num, share, seed, least):
    """Fewer rows than columns or more; rows of one entry or none; columns without entries."""
    draw = np.random.default_rng(seed)
    rows = draw.random((num_rows, num)) * (draw.random((num_rows, num)) < share)
    l2 = least * (1 + draw.random(num))
    system = RidgeSystem(csr_matrix(rows), l2)
    weights, diagonal = naive(rows, l2)
    np.testing.assert_allclose(system.weights, weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(system.diagonal, diagonal, rtol=1e-8)
    histories = csr_matrix(rows[:1])
    loaded = RidgeSystem(csr_matrix(rows), l2, system.diagonal)
    np.testing.assert_allclose(
        loaded.times_weights(histories), rows[:1] @ weights, rtol=1e-4, atol=1e-5
    )
    many = draw.random((FEW + 5, num)) * (draw.random((FEW + 5, num)) < share)
    # Entries of columns that no row has count for nothing.
    expected = (many * rows.any(axis=0)) @ weights
    for made in (system, loaded):
        np.testing.assert_allclose(
            made.times_weights(csr_matrix(many)), expected, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("num_rows", [3, 40])
def test_a_penalty_far_below_the_squares_keeps_the_digits(num_rows):
    draw = np.random.default_rng(0)
    rows = draw.random((num_rows, 8)) * 1e3
    l2 = np.full(8, 1e-3)
    np.testing.assert_allclose(
        RidgeSystem(csr_matrix(rows), l2).diagonal, naive(rows, l2)[1], rtol=1e-5
    )


@pytest.mark.parametrize("num_rows", [6, 60])
def test_no_inverse_is_kept_beside_the_weights(num_rows):
    """The float64 inverse takes twice what the weights do."""
    rows = np.random.default_rng(0).random((num_rows, 30))
    system = RidgeSystem(csr_matrix(rows), np.full(30, 10.0))
    assert system.weights.dtype == np.float32
    assert system.diagonal.shape == (30,)
    kept = [*vars(system).values(), *vars(system)["_solved"]]
    assert not [one for one in kept if getattr(one, "shape", ()) == (30, 30) and one.itemsize == 8]


@pytest.mark.parametrize("shape", [(30, 12), (8, 25)])
def test_what_is_computed_ahead_gives_the_same_answers(shape):
    rng = np.random.default_rng(0)
    rows = csr_matrix((rng.random(shape) < 0.3).astype(np.float64))
    rows[:, 3] = 0.0  # nobody has it
    l2 = rng.uniform(1.0, 2.0, shape[1])
    plain, ahead = RidgeSystem(csr_matrix(rows), l2), RidgeSystem(csr_matrix(rows), l2)
    assert ahead.precompute(8 * shape[1] ** 2 - 1) == 0
    assert ahead.precompute(10**6) == 8 * shape[1] ** 2
    few = csr_matrix((rng.random((3, shape[1])) < 0.2).astype(np.float32))
    np.testing.assert_allclose(ahead.times_weights(few), plain.times_weights(few), atol=1e-6)
    for right in (few.toarray().astype(np.float64), rng.random((2, shape[1]))):
        np.testing.assert_allclose(
            ahead.times_inverse(right), plain.times_inverse(right), atol=1e-10
        )
