"""Weighted sums of operators against dense matrices, values and gradients."""

import pytest
import torch

from kgrec.graph.propagation import SparseOperator
from kgrec.graph.weighted_sum import weighted_sum


def problem(dtype=torch.float64):
    """Three operators into 5 nodes: two from the same 4 nodes, one from 7 others, without rows."""
    generator = torch.Generator().manual_seed(0)
    sizes = (4, 7, 4)
    operators, dense = [], []
    for size in sizes:
        matrix = torch.rand(5, size, generator=generator, dtype=dtype)
        matrix[matrix < 0.6] = 0
        target, source = matrix.nonzero().T
        operators.append(SparseOperator(source, target, matrix[target, source], size, 5))
        dense.append(matrix)
    x = torch.randn(4, 3, generator=generator, dtype=dtype, requires_grad=True)
    y = torch.randn(7, 3, generator=generator, dtype=dtype, requires_grad=True)
    weights = torch.tensor([0.5, -2.0, 1.5], dtype=dtype, requires_grad=True)
    return operators, dense, x, y, weights


def test_values_and_gradients_are_those_of_dense_matrices():
    operators, dense, x, y, weights = problem()
    made = weighted_sum(operators, [x, y, x], weights)
    naive = sum(w * (a @ v) for w, a, v in zip(weights, dense, (x, y, x), strict=True))
    torch.testing.assert_close(made, naive)
    gradient = torch.arange(15, dtype=torch.float64).reshape(5, 3)
    ours = torch.autograd.grad(made, (x, y, weights), gradient)
    theirs = torch.autograd.grad(naive, (x, y, weights), gradient)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_numerical_gradients():
    operators, _, x, y, weights = problem()
    assert torch.autograd.gradcheck(
        lambda *v: weighted_sum(operators, [v[0], v[1], v[0]], v[2]), (x, y, weights)
    )


def test_what_it_is_given_stays_as_it_is():
    operators, _, x, y, weights = problem(torch.float32)
    before = [value.detach().clone() for value in (x, y, weights)]
    gradient = torch.ones(5, 3)
    weighted_sum(operators, [x, y, x], weights).backward(gradient)
    assert torch.equal(gradient, torch.ones(5, 3))
    for value, old in zip((x, y, weights), before, strict=True):
        assert torch.equal(value.detach(), old)


@pytest.mark.parametrize("alone", [0, 1])
def test_one_operator_of_weight_one_is_the_operator(alone):
    operators, _, x, y, _ = problem()
    value = (x, y)[alone]
    found = weighted_sum(operators[alone : alone + 1], [value], torch.ones(1, dtype=value.dtype))
    assert torch.equal(found, operators[alone](value))
