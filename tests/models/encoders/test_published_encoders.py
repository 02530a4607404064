"""Encoders of published models against dense matrices that are written out by hand."""

import numpy as np
import pytest
import torch
from three_blocks import three_blocks
from torch.nn import functional as F

from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import BuildContext, LayerContext, dropped, unit_rows
from kgrec.models.encoders.cke import CKEConfig
from kgrec.models.encoders.kgat import KGATConfig
from kgrec.models.encoders.kgin import KGINConfig
from kgrec.models.encoders.lightkg import LightKGConfig
from kgrec.models.encoders.xsimgcl import XSimGCLConfig
from kgrec.models.knowledge import TripleScorer

DIM = 6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def built(config, graph, scale=0.3):
    return config.build(BuildContext(graph, DIM, scale, generator()))


@pytest.fixture(scope="module")
def graph():
    return three_blocks().data.graph


def inputs(graph):
    draw = generator(3)
    return {
        kind: torch.randn(size, DIM, generator=draw)
        for kind, size in graph.homogeneous.sizes.items()
    }


def dense(graph, names=None):
    """Return one (num_nodes, num_nodes) matrix for each relation: entry (t, s) for s → t."""
    homogeneous = graph.homogeneous
    matrices = {
        name: np.zeros((homogeneous.num_nodes, homogeneous.num_nodes))
        for name in homogeneous.relations
    }
    for s, t, r in zip(
        homogeneous.source.tolist(),
        homogeneous.target.tolist(),
        homogeneous.relation.tolist(),
        strict=True,
    ):
        matrices[homogeneous.relations[r]][t, s] += 1
    return matrices


def everything(graph, x):
    return graph.homogeneous.join(x).double().numpy()


def check(graph, encoder, x, expected, atol=1e-5):
    found = encoder(x, LayerContext(graph))
    for layer, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            graph.homogeneous.join(layer).detach().numpy(), wanted, atol=atol, rtol=1e-4
        )


def test_lightkg(graph):
    graph = Propagation(graph)
    encoder, x = built(LightKGConfig(), graph), inputs(graph)
    matrices = dense(graph)
    degree = (sum(matrices.values()) > 0).sum(1)
    scale = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0)
    weights = encoder.relation_weights()
    assert set(weights) == set(matrices)
    assert min(weights.values()) < 0 < max(weights.values())
    whole = sum(weights[name] * matrix for name, matrix in matrices.items())
    whole = scale[:, None] * whole * scale[None, :]
    layers = [everything(graph, x)]
    for _ in range(2):
        layers.append(whole @ layers[-1])
    check(graph, encoder, x, layers)


def test_kgin(graph):
    graph = Propagation(graph, "mean")
    encoder = built(KGINConfig(num_intents=3), graph)
    x, homogeneous = inputs(graph), graph.homogeneous
    matrices = dense(graph)
    knowledge = {n: m for n, m in matrices.items() if "interacts" not in n}
    degree = np.maximum(sum(knowledge.values()).sum(1), 1)
    relation = dict(
        zip(homogeneous.relations, encoder.relation.detach().double().numpy(), strict=True)
    )
    mix = torch.softmax(encoder.mixture.detach().double(), 1).numpy()
    intents = mix @ np.stack([relation[name] for name in homogeneous.relations])
    layers = [everything(graph, x)]
    users = slice(homogeneous.start("user"), homogeneous.start("user") + 32)
    items = slice(homogeneous.start("item"), homogeneous.start("item") + 22)
    likes = matrices["rev_interacts"][users, items]
    likes = likes / np.maximum(likes.sum(1, keepdims=True), 1)
    for _ in range(2):
        last = layers[-1]
        new = sum(m @ (last * relation[n]) for n, m in knowledge.items()) / degree[:, None]
        share = np.exp(last[users] @ encoder.intent.detach().double().numpy().T)
        share /= share.sum(1, keepdims=True)
        new[users] = (likes @ last[items]) * (1 + share @ intents)
        length = np.linalg.norm(new, axis=1, keepdims=True)
        layers.append(new / np.maximum(length, 1e-12))
    check(graph, encoder, x, layers)
    unit = mix * 0 + encoder.mixture.detach().double().numpy()
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    alike = sum((unit[i] @ unit[j]) ** 2 for i in range(3) for j in range(i + 1, 3))
    assert float(encoder.penalty().detach()) == pytest.approx(1e-4 * alike, rel=1e-5)


def test_dropped_edges_leave_a_mean_of_the_others(graph):
    graph = Propagation(graph, "mean")
    encoder = built(KGINConfig(num_layers=1, num_intents=2, dropout=0, independence=0), graph)
    part = graph.homogeneous.select(~graph.homogeneous.of_interactions())
    weight = encoder._edge_weights(part, generator(1))
    assert 0.2 < (weight == 0).float().mean() < 0.8
    sums = torch.zeros(part.num_nodes).index_add(0, part.target, weight)
    assert torch.allclose(sums[sums > 0], torch.ones(int((sums > 0).sum())))


def test_gradients_stay_finite_where_no_edge_is_kept(graph):
    graph = Propagation(graph)
    for seed in range(5):
        x = {kind: value.requires_grad_() for kind, value in inputs(graph).items()}
        encoder = built(KGINConfig(num_layers=5, num_intents=3, edge_dropout=0.9), graph)
        layers = encoder(x, LayerContext(graph, generator=generator(seed)))
        sum(layer["user"].sum() + layer["item"].sum() for layer in layers).backward()
        for value in (*x.values(), *encoder.parameters()):
            assert value.grad is not None
            assert value.grad.abs().max() < 1e4


def test_rows_of_length_one():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    made = unit_rows(x)
    np.testing.assert_allclose(made.detach(), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    made[1].sum().backward()
    np.testing.assert_array_equal(x.grad, [[0.0, 0.0], [1.0, 1.0]])


def test_kgin_drops_interactions_and_lets_those_that_are_left_count_more(graph):
    graph = Propagation(graph, "mean")
    homogeneous = graph.homogeneous
    settings = {"num_layers": 1, "num_intents": 3, "edge_dropout": 0.25, "dropout": 0}
    encoder = built(KGINConfig(**settings), graph)
    x = inputs(graph)
    found = encoder(x, LayerContext(graph, None, generator(5)))[1]["user"].detach()
    weight, liked = encoder._liked_weight, homogeneous.liked
    degree = torch.bincount(liked.target, minlength=homogeneous.num_nodes)[liked.target]
    whole = 1 / (0.75 * degree)
    assert 0.1 < (weight == 0).float().mean() < 0.5
    assert torch.allclose(weight, torch.where(weight == 0, 0.0, whole))
    around = torch.zeros(homogeneous.sizes["user"], DIM)
    for s, t, w in zip(liked.source.tolist(), liked.target.tolist(), weight.tolist(), strict=True):
        around[t - homogeneous.start("user")] += w * x["item"][s - homogeneous.start("item")]
    intents = torch.softmax(encoder.mixture, 1) @ encoder.relation
    share = torch.softmax(x["user"] @ encoder.intent.T, 1)
    expected = F.normalize(around * (1 + share @ intents), dim=1).detach()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("attended", [False, True])
def test_kgat(graph, attended):
    graph = Propagation(graph, "mean")
    encoder, x = built(KGATConfig(), graph), inputs(graph)
    scorer = TripleScorer("transr", len(graph.homogeneous.relations), DIM, 0.5, generator(4))
    homogeneous = graph.homogeneous
    num = homogeneous.num_nodes
    attention = np.zeros((num, num))
    nodes = everything(graph, x)
    if attended:
        with torch.no_grad():
            encoder.refresh(x, graph, scorer)
        for t in range(num):
            edges = [e for e in range(len(homogeneous.source)) if int(homogeneous.target[e]) == t]
            scores = []
            for e in edges:
                s, name = (
                    int(homogeneous.source[e]),
                    homogeneous.relations[int(homogeneous.relation[e])],
                )
                # The triple (t, r, s) is learned by the relation that leads from t to s.
                r = homogeneous.relations.index(
                    name.removeprefix("rev_") if "rev_" in name else f"rev_{name}"
                )
                matrix = scorer.matrix[r].detach().double().numpy()
                vector = scorer.relation[r].detach().double().numpy()
                scores.append((nodes[s] @ matrix) @ np.tanh(nodes[t] @ matrix + vector))
            grown = np.exp(np.array(scores) - max(scores, default=0))
            for e, value in zip(edges, grown / grown.sum(), strict=True):
                attention[t, int(homogeneous.source[e])] += value
    else:
        for matrix in dense(graph).values():
            attention += matrix
        attention /= np.maximum(attention.sum(1, keepdims=True), 1)
    layers = [nodes]
    for layer in range(2):
        last = layers[-1]
        around = attention @ last
        weight = encoder.weight[layer].detach().double().numpy()
        bias = encoder.bias[layer].detach().double().numpy()

        def leaky(y):
            return np.where(y > 0, y, 0.01 * y)

        layers.append(
            leaky((last + around) @ weight[0] + bias[0])
            + leaky((last * around) @ weight[1] + bias[1])
        )
    check(graph, encoder, x, layers, atol=1e-4)
    combined = encoder.combine([torch.tensor(layer) for layer in layers])
    assert combined.shape == (num, KGATConfig().width(DIM)) == (num, 18)
    np.testing.assert_allclose(np.linalg.norm(combined[:, 6:12].numpy(), axis=1), 1, atol=1e-6)


def test_xsimgcl_is_shaken_while_training_alone(graph):
    graph = Propagation(graph, interactions_only=True)
    encoder, x = built(XSimGCLConfig(relation_weight=0, noise=0.25), graph), inputs(graph)
    quiet = encoder(x, LayerContext(graph))
    shaken = encoder(x, LayerContext(graph, None, generator(2)))
    for kind in ("user", "item"):
        moved = shaken[1][kind] - quiet[1][kind]
        known = quiet[1][kind].abs().sum(1) > 0
        assert torch.allclose(moved[known].norm(dim=1), torch.tensor(0.25), atol=1e-5)
        assert (moved * quiet[1][kind] >= 0).all()  # into the same orthant
        result = encoder.combine([layer[kind] for layer in quiet])
        assert torch.allclose(result, (quiet[1][kind] + quiet[2][kind]) / 2)


def test_cke_adds_a_structural_vector_to_items(graph):
    graph = Propagation(graph, "mean")
    encoder, x = built(CKEConfig(), graph), inputs(graph)
    (layer,) = encoder(x, LayerContext(graph))
    assert torch.equal(layer["item"], x["item"] + encoder.structure)
    assert torch.equal(layer["user"], x["user"])
    assert torch.equal(encoder.triple_vectors(x)["item"], encoder.structure)


@pytest.mark.parametrize(
    "config", [KGATConfig(), KGINConfig(num_intents=3), LightKGConfig(), XSimGCLConfig()]
)
def test_folding_in_a_user_of_training_gives_what_training_gave(graph, config):
    """With the item vectors as they are, a known user's row comes out again."""
    propagation = Propagation(graph, config.normalisation)
    encoder, x = built(config, propagation), inputs(propagation)
    users = torch.tensor([2, 18, 30])
    train = graph["user", "interacts", "item"].edge_index
    liked = [train[1, train[0] == user] for user in users]
    row = torch.repeat_interleave(torch.tensor([len(items) for items in liked]))
    message = propagation.of_histories(row, torch.cat(liked), 3)
    with torch.no_grad():
        layers = encoder(x, LayerContext(propagation))
        expected = encoder.combine([layer["user"] for layer in layers])[users]
        found = encoder.fold_in(x["user"][users], [layer["item"] for layer in layers], message)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_items_that_see_no_user_hear_the_graph_alone(graph):
    """Their vectors do not change when users do; others' do."""
    for config in (KGATConfig(num_layers=1), LightKGConfig(num_layers=1)):
        propagation = Propagation(graph, config.normalisation)
        encoder, x = built(config, propagation), inputs(propagation)
        other = {**x, "user": x["user"] + 1}
        keep = torch.ones(22, 1)
        keep[5] = 0
        context = LayerContext(propagation, keep)
        here, there = (encoder(each, context)[1]["item"] for each in (x, other))
        assert torch.allclose(here[5], there[5])
        assert not torch.allclose(here[4], there[4])


def test_dropout_keeps_the_mean():
    x = torch.ones(400, 50)
    assert dropped(x, 0.3, generator()).mean() == pytest.approx(1, abs=0.02)
    assert torch.equal(dropped(x, 0.3, None), x)
    assert F.mse_loss(dropped(x, 0.0, generator()), x) == 0
