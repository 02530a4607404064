"""Graph encoders against dense, naive versions of the papers' formulas."""

import pytest
import torch
from three_blocks import three_blocks
from torch.nn import functional as F

from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import BuildContext, LayerContext
from kgrec.models.encoders.lightgcn import LightGCNConfig
from kgrec.models.encoders.rgcn import RGCNConfig


def dense_operators(graph, normalisation):
    """{edge type: (num_targets, num_sources)} in float64, from the definition."""
    made = {}
    for kind in graph.edge_types:
        source, target = graph[kind].edge_index
        adjacency = torch.zeros(
            int(graph[kind[2]].num_nodes), int(graph[kind[0]].num_nodes), dtype=torch.float64
        )
        adjacency[target, source] = 1.0
        into = adjacency.sum(1, keepdim=True).clamp(min=1)
        out = adjacency.sum(0, keepdim=True).clamp(min=1)
        made[kind] = adjacency / (into if normalisation == "mean" else (into * out).sqrt())
    return made


def built(config, graph, dim=4):
    return config.build(BuildContext(graph, dim, 0.1, torch.Generator().manual_seed(0)))


def inputs(sizes, dim=4):
    generator = torch.Generator().manual_seed(2)
    return {kind: torch.randn(size, dim, generator=generator) for kind, size in sizes.items()}


@pytest.fixture(scope="module")
def graph():
    return three_blocks().data.graph


@pytest.mark.parametrize("num_layers", [0, 1, 2, 3])
@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_lightgcn_is_the_mean_over_powers_of_one_big_matrix(graph, num_layers, weight):
    propagation = Propagation(graph, "symmetric")
    encoder = built(LightGCNConfig(num_layers=num_layers, relation_weight=weight), propagation)
    x = inputs(propagation.sizes)
    offset, size = {}, 0
    for kind, count in propagation.sizes.items():
        offset[kind], size = size, size + count
    big = torch.zeros(size, size, dtype=torch.float64)
    for (source, name, target), block in dense_operators(graph, "symmetric").items():
        share = 1.0 if "interacts" in name else weight
        rows = slice(offset[target], offset[target] + block.shape[0])
        columns = slice(offset[source], offset[source] + block.shape[1])
        big[rows, columns] += share * block
    layer = torch.cat([x[kind] for kind in propagation.sizes]).double()
    layers = [layer]
    for _ in range(num_layers):
        layers.append(big @ layers[-1])
    expected = torch.stack(layers).mean(0)
    found = encoder(x, LayerContext(propagation))
    assert len(found) == num_layers + 1
    for kind, start in offset.items():
        mean = encoder.combine([vectors[kind] for vectors in found]).detach()
        want = expected[start : start + propagation.sizes[kind]]
        torch.testing.assert_close(mean.double(), want, atol=1e-6, rtol=1e-5)


def test_a_relation_and_its_inverse_share_a_learned_weight(graph):
    propagation = Propagation(graph)
    encoder = built(LightGCNConfig(), propagation)
    assert encoder.relation_weights() == {"shelf": pytest.approx(0.3)}
    layers = encoder(inputs(propagation.sizes), LayerContext(propagation))
    sum(v.sum() for v in layers[-1].values()).backward()
    assert encoder.raw_weight.grad.abs().min() > 0
    assert built(LightGCNConfig(relation_weight=0.0), propagation).relation_weights() == {}
    with torch.no_grad():
        encoder.raw_weight.fill_(-50.0)
    assert min(encoder.relation_weights().values()) >= 0  # it stays positive


@pytest.mark.parametrize("num_layers", [0, 1, 2])
def test_rgcn_is_the_sum_over_relations_with_bases(graph, num_layers):
    propagation = Propagation(graph, "mean")
    encoder = built(RGCNConfig(num_layers=num_layers, num_bases=3), propagation)
    x = inputs(propagation.sizes)
    matrices = dense_operators(graph, "mean")
    relations = sorted(propagation.relations)
    layer = {kind: value.double() for kind, value in x.items()}
    first = layer
    for number in range(num_layers):
        new = {kind: v @ encoder.self_loop[number].double() for kind, v in layer.items()}
        for (source, name, target), block in matrices.items():
            weight = sum(
                encoder.mix[number, relations.index(name), basis].double()
                * encoder.bases[number, basis].double()
                for basis in range(3)
            )
            new[target] = new[target] + block @ layer[source] @ weight
        last = number == num_layers - 1
        layer = {kind: v if last else torch.tanh(v) for kind, v in new.items()}
    found = encoder(x, LayerContext(propagation))
    for kind in propagation.sizes:
        expected = (first[kind] + layer[kind]) if num_layers else first[kind]
        combined = encoder.combine([vectors[kind] for vectors in found])
        torch.testing.assert_close(combined.double(), expected, atol=1e-5, rtol=1e-5)


def encoders(propagation, num_layers=2):
    configs = LightGCNConfig(num_layers=num_layers), RGCNConfig(num_layers=num_layers, num_bases=2)
    config = next(one for one in configs if one.normalisation == propagation.normalisation)
    return built(config, propagation)


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_an_item_that_sees_no_user_hears_its_attributes_only(graph, normalisation):
    propagation = Propagation(graph, normalisation)
    encoder, x = encoders(propagation, 1), inputs(propagation.sizes)
    keep = torch.ones(22, 1)
    keep[5] = 0
    other = {**x, "user": x["user"] + 10.0}
    with torch.no_grad():
        context = LayerContext(propagation, keep)
        here, there = encoder(x, context)[1], encoder(other, context)[1]
        everyone = encoder(x, LayerContext(propagation))[1]
    assert torch.equal(here["item"][5], there["item"][5])
    assert not torch.allclose(here["item"][4], there["item"][4])
    assert torch.equal(here["item"][4], everyone["item"][4])
    assert torch.equal(here["user"], everyone["user"])  # users go on seeing the item


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_folding_in_a_user_of_training_gives_what_training_gave(graph, normalisation):
    """With the item vectors as they are, a known user's row comes out again."""
    propagation = Propagation(graph, normalisation)
    encoder, x = encoders(propagation), inputs(propagation.sizes)
    users = torch.tensor([2, 18, 30])
    train = graph["user", "interacts", "item"].edge_index
    row, item = [], []
    for number, user in enumerate(users):
        liked = train[1, train[0] == user]
        row += [number] * len(liked)
        item += liked.tolist()
    message = propagation.of_histories(torch.tensor(row), torch.tensor(item), 3)
    with torch.no_grad():
        layers = encoder(x, LayerContext(propagation))
        expected = encoder.combine([layer["user"] for layer in layers])[users]
        items = [layer["item"] for layer in layers]
        found = encoder.fold_in(x["user"][users], items, message)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_softplus_begins_where_it_was_asked_to(graph):
    for start in (0.05, 0.3, 2.0):
        encoder = built(LightGCNConfig(relation_weight=start), Propagation(graph))
        assert F.softplus(encoder.raw_weight).item() == pytest.approx(start, rel=1e-5)
