"""Sparse operators against dense matrices: values, gradients, weights."""

import numpy as np
import pytest
import torch
from three_blocks import three_blocks

from kgrec.graph.propagation import Propagation, SparseOperator, edge_values, mean_of_layers


def random_edges(seed, num_sources=7, num_targets=4, num_edges=15):
    generator = torch.Generator().manual_seed(seed)
    place = torch.randperm(num_sources * num_targets, generator=generator)[:num_edges]
    return place // num_targets, place % num_targets


def dense(source, target, weight, num_sources, num_targets):
    matrix = torch.zeros(num_targets, num_sources, dtype=weight.dtype)
    for s, t, w in zip(source, target, weight, strict=True):
        matrix[t, s] += w
    return matrix


@pytest.mark.parametrize("num_edges", [0, 1, 15])
def test_forward_and_backward_are_those_of_the_dense_matrix(num_edges):
    source, target = random_edges(0, num_edges=num_edges)
    weight = torch.randn(num_edges, generator=torch.Generator().manual_seed(1))
    operator = SparseOperator(source, target, weight, 7, 4)
    matrix = dense(source, target, weight, 7, 4)
    x = torch.randn(7, 3, requires_grad=True)
    y = operator(x)
    assert y.shape == (4, 3)
    torch.testing.assert_close(y, matrix @ x)
    cotangent = torch.randn(4, 3)
    (gradient,) = torch.autograd.grad(y, x, cotangent)
    torch.testing.assert_close(gradient, matrix.T @ cotangent)


def test_gradcheck_in_float64():
    source, target = random_edges(2)
    weight = torch.randn(15, dtype=torch.float64)
    operator = SparseOperator(source, target, weight, 7, 4)
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: operator(operator(x)[:4].repeat(2, 1)[:7]), (x,))


def test_the_gradient_of_a_view_that_is_not_contiguous():
    source, target = random_edges(3)
    weight = torch.randn(15)
    operator, matrix = (
        SparseOperator(source, target, weight, 7, 4),
        dense(source, target, weight, 7, 4),
    )
    x = torch.randn(7, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(operator(x).T.sum(1).sum(), x)
    torch.testing.assert_close(gradient, (matrix.T @ torch.ones(4, 3)))


def test_the_order_of_edges_does_not_matter():
    source, target = random_edges(4)
    weight = torch.randn(15)
    order = torch.randperm(15)
    x = torch.randn(7, 3)
    one = SparseOperator(source, target, weight, 7, 4)(x)
    other = SparseOperator(source[order], target[order], weight[order], 7, 4)(x)
    assert torch.equal(one, other)


def test_a_wrong_number_of_rows_is_an_error():
    source, target = random_edges(5)
    operator = SparseOperator(source, target, torch.ones(15), 7, 4)
    with pytest.raises(ValueError, match="expected 7 rows, found 4"):
        operator(torch.zeros(4, 3))


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_weights_by_degree(normalisation):
    graph = three_blocks().data.graph
    propagation = Propagation(graph, normalisation)
    assert propagation.sizes == {"user": 32, "item": 22, "item_shelf": 3}
    assert propagation.relations == ["interacts", "rev_interacts", "rev_shelf", "shelf"]
    assert len(list(propagation.items())) == 4
    for kind, operator in propagation.items():
        source, target = graph[kind].edge_index.numpy()
        matrix = np.zeros((propagation.sizes[kind[2]], propagation.sizes[kind[0]]))
        for s, t in zip(source, target, strict=True):
            into, out = (target == t).sum(), (source == s).sum()
            matrix[t, s] = 1 / into if normalisation == "mean" else 1 / np.sqrt(into * out)
        found = operator(torch.eye(propagation.sizes[kind[0]])).numpy()
        np.testing.assert_allclose(found, matrix, rtol=1e-6)
        if normalisation == "mean":
            sums = found.sum(1)
            assert np.allclose(sums[sums > 0], 1)


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
@pytest.mark.parametrize("change", ["none", "left out", "another order", "another edge"])
def test_inverses_share_what_is_sorted_only_where_they_are_inverses(normalisation, change):
    """Each operator, forward and backward, is that of its own edges alone, to the bit."""
    graph = three_blocks().data.graph
    back = graph["item_shelf", "rev_shelf", "item"]
    if change == "left out":
        back.edge_index = back.edge_index[:, 1:].contiguous()
    elif change == "another order":
        back.edge_index = back.edge_index.flip(1).contiguous()
    elif change == "another edge":
        back.edge_index = back.edge_index.clone()
        back.edge_index[1, 0] = (back.edge_index[1, 0] + 1) % 22
    propagation = Propagation(graph, normalisation)
    assert list(propagation.operators) == sorted(graph.edge_types)
    for kind, operator in propagation.items():
        sizes = propagation.sizes[kind[0]], propagation.sizes[kind[2]]
        edges = graph[kind].edge_index
        weight = edge_values(*edges, *sizes, normalisation)
        alone = SparseOperator(*edges, weight, *sizes)
        x, y = torch.randn(sizes[0], 3), torch.randn(sizes[1], 3)
        assert torch.equal(operator.forward(x), alone.forward(x))
        assert torch.equal(operator.backward(y), alone.backward(y))
        found = operator.num_entries, operator.num_sources, operator.num_targets
        assert found == (edges.shape[1], *sizes)
    shelf = propagation.operators["item", "shelf", "item_shelf"]
    rev = propagation.operators["item_shelf", "rev_shelf", "item"]
    shares = shelf.by_target[0].data_ptr() == rev.by_source[0].data_ptr()
    assert shares == (change == "none")


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_histories_weigh_as_in_training(normalisation):
    data = three_blocks().data
    propagation = Propagation(data.graph, normalisation)
    users = [3, 20, 31]
    histories = data.train.matrix()[users].tocoo()
    row, item = (torch.from_numpy(a.astype(np.int64)) for a in (histories.row, histories.col))
    x = torch.randn(22, 5)
    found = propagation.of_histories(row, item, 3)(x)
    trained = propagation.operators["item", "rev_interacts", "user"](x)[users]
    torch.testing.assert_close(found, trained)


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_an_empty_history_and_a_liked_new_item_are_finite(normalisation):
    propagation = Propagation(three_blocks().data.graph, normalisation)
    operator = propagation.of_histories(torch.tensor([1]), torch.tensor([20]), 2)
    found = operator(torch.ones(22, 2))
    assert found[0].tolist() == [0, 0]
    assert found[1].tolist() == [1, 1]  # one item, and one user of it at least


def test_edges_in_any_order_give_the_same_operators():
    graph = three_blocks().data.graph
    shuffled = graph.clone()
    for kind in shuffled.edge_types:
        index = shuffled[kind].edge_index
        shuffled[kind].edge_index = index[:, torch.randperm(index.shape[1])]
    one, other = Propagation(graph), Propagation(shuffled)
    for (kind, a), (also, b) in zip(one.items(), other.items(), strict=True):
        assert kind == also
        x = torch.randn(a.num_sources, 3)
        assert torch.equal(a(x), b(x))


@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_the_mean_of_layers_and_its_gradients(num_layers):
    """Against layers that are kept and added one by one."""
    propagation = Propagation(three_blocks().data.graph, interactions_only=True)
    assert propagation.sizes == {"user": 32, "item": 22}
    to_user = propagation.operators["item", "rev_interacts", "user"]
    to_item = propagation.operators["user", "interacts", "item"]
    generator = torch.Generator().manual_seed(0)
    user = torch.randn(32, 5, generator=generator, requires_grad=True)
    item = torch.randn(22, 5, generator=generator, requires_grad=True)
    layers = [(user, item)]
    for _ in range(num_layers):
        layers.append((to_user(layers[-1][1]), to_item(layers[-1][0])))
    expected = tuple(sum(side) / len(layers) for side in zip(*layers, strict=True))
    found = mean_of_layers(user, item, to_user, to_item, num_layers)
    weights = tuple(torch.randn(side.shape, generator=generator) for side in found)
    gradients = [
        torch.autograd.grad(
            sum((side * weight).sum() for side, weight in zip(made, weights, strict=True)),
            (user, item),
        )
        for made in (expected, found)
    ]
    for one, other in zip((*expected, *gradients[0]), (*found, *gradients[1]), strict=True):
        torch.testing.assert_close(one, other)
