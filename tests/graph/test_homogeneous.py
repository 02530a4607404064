"""Weighted and relational operators against naive sums and numeric gradients."""

import numpy as np
import pytest
import torch

from kgrec.graph.homogeneous import (
    HomogeneousGraph,
    RelationalOperator,
    WeightedOperator,
    segment_softmax,
    sorted_entries,
)


def edges(seed=0, num=40):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randint(7, (num,), generator=generator)
    target = torch.randint(5, (num,), generator=generator)
    return source, target, generator


def test_a_weighted_operator_and_both_gradients():
    source, target, generator = edges()
    operator = WeightedOperator(source, target, 7, 5)
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(40, generator=generator, dtype=torch.float64, requires_grad=True)
    expected = torch.zeros(5, 3, dtype=torch.float64)
    for s, t, w in zip(source, target, weight.detach(), strict=True):
        expected[t] += w * x.detach()[s]
    torch.testing.assert_close(operator(x, weight).detach(), expected)
    assert torch.autograd.gradcheck(operator, (x, weight))


def test_no_edges_at_all():
    none = torch.zeros(0, dtype=torch.int64)
    operator = WeightedOperator(none, none, 4, 3)
    x = torch.ones(4, 2, requires_grad=True)
    weight = torch.zeros(0, requires_grad=True)
    operator(x, weight).sum().backward()
    assert x.grad.abs().max() == 0
    assert weight.grad.shape == (0,)


def homogeneous(seed=0, num=60):
    """Relation 0: many sources, few targets; relation 1: the other way round; 2: both."""
    rng = np.random.default_rng(seed)
    relation = rng.integers(0, 3, num)
    source = np.where(relation == 1, rng.integers(0, 2, num), rng.integers(0, 12, num))
    target = np.where(relation == 0, rng.integers(0, 2, num), rng.integers(0, 12, num))
    parts = {}
    for row in range(3):
        chosen = relation == row
        parts["a", f"r{row}", "a"] = (
            torch.from_numpy(source[chosen]), torch.from_numpy(target[chosen]),
        )  # fmt: skip
    return HomogeneousGraph.from_operators({"a": 12}, parts)


def test_relational_messages_and_their_gradients():
    graph = homogeneous()
    operator = RelationalOperator(graph)
    assert len(operator.early)  # both sides are used
    assert len(operator.late)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(12, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    vectors = torch.randn(3, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(60, generator=generator, dtype=torch.float64, requires_grad=True)
    expected = torch.zeros(12, 3, dtype=torch.float64)
    for s, t, r, w in zip(graph.source, graph.target, graph.relation, weight.detach(), strict=True):
        expected[t] += w * x.detach()[s] * vectors.detach()[r]
    torch.testing.assert_close(operator(x, vectors, weight).detach(), expected)
    assert torch.autograd.gradcheck(operator, (x, vectors, weight))


def test_relational_messages_take_the_smaller_side():
    graph = homogeneous(num=600)
    operator = RelationalOperator(graph)
    smaller = 0
    for row in range(3):
        of_relation = graph.relation == row
        smaller += min(
            len(torch.unique(graph.source[of_relation])),
            len(torch.unique(graph.target[of_relation])),
        )
    assert operator.num_rows == smaller == 2 + 2 + 12


def test_segment_softmax():
    values = torch.tensor([1.0, 2.0, 800.0, -3.0, 801.0], dtype=torch.float64, requires_grad=True)
    group = torch.tensor([0, 0, 2, 0, 2])
    found = segment_softmax(values, group, 4)
    torch.testing.assert_close(found[[0, 1, 3]], torch.softmax(values[[0, 1, 3]], 0))
    torch.testing.assert_close(found[[2, 4]], torch.softmax(values[[2, 4]], 0))
    assert torch.autograd.gradcheck(lambda v: segment_softmax(v, group, 4), (values,))


@pytest.mark.parametrize("given", ["by row", "by column", "in no order"])
@pytest.mark.parametrize("seed", range(4))
def test_entries_are_sorted_whatever_their_order(given, seed):
    rng = np.random.default_rng(seed)
    number = int(rng.integers(0, 60))
    row, column = rng.integers(0, 7, number), rng.integers(0, 9, number)  # some twice
    if given != "in no order":
        keys = (column, row) if given == "by row" else (row, column)
        order = np.lexsort(keys)
        row, column = row[order], column[order]
    entries = torch.from_numpy(row), torch.from_numpy(column)
    columns, starts, order = sorted_entries(*entries, 8)
    expected = sorted(zip(row.tolist(), column.tolist(), strict=True))
    assert columns.tolist() == [one for _, one in expected]
    assert starts.tolist() == [sum(one < place for one, _ in expected) for place in range(8)]
    assert sorted(order.tolist()) == list(range(number))
    assert [(row[k], column[k]) for k in order.tolist()] == expected
    assert columns.dtype == starts.dtype == order.dtype == torch.int64
