"""Edges with weights: between the graph with them and the one without, and differentiable."""

from copy import copy

import pytest
import torch
from three_blocks import three_blocks

from kgrec.graph.edge_weights import EdgeWeights
from kgrec.graph.propagation import Propagation
from kgrec.graph.weighted_sum import weighted_sum

ITEM = 2


def problem(normalisation):
    """A graph, the one without the knowledge about an item, and its edges in two groups."""
    whole = three_blocks().data.graph
    groups, less = {}, copy(whole)
    for kind in whole.edge_types:
        edges = whole[kind].edge_index
        own = [end for end in (0, 1) if kind[2 * end] == "item"]
        if "user" in kind or not own:
            continue
        about = edges[own[0]] == ITEM
        first = torch.cumsum(about.long(), 0) == 1
        groups[kind] = torch.where(about, torch.where(first, 0, 1), -1)
        less[kind].edge_index = edges[:, ~about]
    assert groups
    return Propagation(whole, normalisation), Propagation(less, normalisation), groups


def applied(graph):
    generator = torch.Generator().manual_seed(0)
    x = {kind: torch.randn(size, 3, generator=generator) for kind, size in graph.sizes.items()}
    return {kind: operator(x[kind[0]]) for kind, operator in graph.items()}


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_one_is_the_whole_graph_and_zero_the_one_without(normalisation):
    whole, less, groups = problem(normalisation)
    edges = EdgeWeights(whole, groups)
    for weight, expected in ((1.0, applied(whole)), (0.0, applied(less))):
        made = applied(edges.graph(torch.full((2,), weight)))
        assert made.keys() == expected.keys()
        for kind, value in expected.items():
            torch.testing.assert_close(made[kind], value)
    before, after = applied(whole), applied(less)
    assert any(not torch.allclose(before[kind], after[kind]) for kind in before)


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_gradients_are_those_of_small_differences(normalisation):
    whole, _, groups = problem(normalisation)
    edges = EdgeWeights(whole, groups)

    def total(weights):
        parts = applied(edges.graph(weights)).values()
        return sum((part**2).sum() for part in parts)

    weights = torch.tensor([0.8, 0.7], requires_grad=True)
    (gradient,) = torch.autograd.grad(total(weights), weights)
    for place in (0, 1):
        step = torch.zeros(2)
        step[place] = 0.02
        with torch.no_grad():
            slope = (total(weights + step) - total(weights - step)) / 0.04
        assert float(gradient[place]) == pytest.approx(float(slope), rel=0.02, abs=1e-3)
    assert float(gradient.abs().max()) > 0.01


def test_a_weighted_sum_passes_the_gradient_of_edges_on():
    whole, _, groups = problem("symmetric")
    edges = EdgeWeights(whole, groups)
    kind = next(one for one in groups if one[2] == "item")
    x = torch.randn(whole.sizes[kind[0]], 3, generator=torch.Generator().manual_seed(1))
    relation = torch.tensor([0.5])
    weights = torch.tensor([0.6, 0.9], requires_grad=True)
    operator = edges.graph(weights).operators[kind]
    made = weighted_sum([operator], [x], relation)
    torch.testing.assert_close(made, 0.5 * operator(x))
    ours, theirs = (
        torch.autograd.grad(value.square().sum(), weights, retain_graph=True)[0]
        for value in (made, 0.5 * operator(x))
    )
    torch.testing.assert_close(ours, theirs)
    assert float(ours.abs().max()) > 0


def test_kinks_are_where_a_degree_becomes_one():
    whole = three_blocks().data.graph
    kind = next(one for one in whole.edge_types if one[0] == "item" and one[2] != "user")
    graph = copy(whole)
    graph[kind].edge_index = torch.tensor([[0, 0, 0, 1, 1], [0, 1, 2, 0, 1]])
    group = torch.tensor([0, 0, 0, -1, -1])
    # Item 0 has three edges, all in the group; node 2 has a single one; nodes 0 and 1 have others.
    edges = EdgeWeights(Propagation(graph), {kind: group})
    assert edges.kinks().tolist() == pytest.approx([1 / 3])
