"""Heads: each an inner product that is the formula."""

import math

import pytest
import torch
from three_blocks import three_blocks

from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import BuildContext, Propagated
from kgrec.models.heads.inner_product import CosineHeadConfig, DistMultHeadConfig, DotHeadConfig
from kgrec.models.heads.relation_attention import RelationAttentionHeadConfig


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, generator=generator), torch.randn(6, 3, generator=generator)


def built(config, dim=3):
    graph = Propagation(three_blocks().data.graph)
    return config.build(BuildContext(graph, dim, 1.0, torch.Generator()))


def scores(head, user, item):
    return (head.user(user) @ head.item(item).T).detach()


def test_dot(vectors):
    user, item = vectors
    naive = [[sum(a * b for a, b in zip(u, i, strict=True)) for i in item] for u in user]
    torch.testing.assert_close(scores(built(DotHeadConfig()), user, item), torch.tensor(naive))


def test_cosine(vectors):
    user, item = vectors
    found = scores(built(CosineHeadConfig()), user, item)
    for u in range(4):
        for i in range(6):
            expected = torch.dot(user[u], item[i]) / (user[u].norm() * item[i].norm())
            assert found[u, i].item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(scores(built(CosineHeadConfig()), 7 * user, 0.1 * item), found)
    assert torch.isfinite(scores(built(CosineHeadConfig()), torch.zeros(1, 3), item)).all()


def test_distmult(vectors):
    user, item = vectors
    head = built(DistMultHeadConfig())
    torch.testing.assert_close(scores(head, user, item), user @ item.T)  # it begins as dot
    with torch.no_grad():
        head.relation.copy_(torch.tensor([2.0, -1.0, 0.5]))
    r = head.relation.tolist()
    naive = [[sum(u[d] * r[d] * i[d] for d in range(3)) for i in item] for u in user]
    torch.testing.assert_close(scores(head, user, item), torch.tensor(naive))
    (head.user(user) @ head.item(item).T).sum().backward()
    assert head.relation.grad.abs().min() > 0


def test_relation_attention_is_the_formula_and_the_same_for_pairs_and_for_all_items():
    data = three_blocks().data.graph.clone()
    for kind in data.edge_types:
        if kind[2] == "item" and "interacts" not in kind[1]:
            edges = data[kind].edge_index
            data[kind].edge_index = edges[:, (edges[1] != 4) & (edges[1] != 21)]
    graph = Propagation(data, "mean")
    whole, dim = graph.homogeneous, 5
    generator = torch.Generator().manual_seed(2)
    head = RelationAttentionHeadConfig().build(BuildContext(graph, dim, 1.0, generator))
    with torch.no_grad():
        head.bias.copy_(torch.linspace(-0.5, 0.5, dim))
    nodes = {
        kind: torch.randn(size, dim, generator=generator) for kind, size in whole.sizes.items()
    }
    user = torch.randn(3, dim, generator=generator)
    propagated = Propagated(nodes["user"], nodes["item"], [], [], nodes)
    x = whole.join(nodes).double()
    relation, weight, bias = (p.detach().double() for p in (head.relation, head.weight, head.bias))
    first = whole.start("item")
    expected = torch.zeros(3, whole.sizes["item"], dtype=torch.float64)
    for u, one in enumerate(user.double()):
        for i in range(whole.sizes["item"]):
            edges = [
                (s, r)
                for s, t, r in zip(
                    whole.source.tolist(), whole.target.tolist(), whole.relation.tolist(),
                    strict=True,
                )
                if t == first + i and "interacts" not in whole.relations[r]
            ]  # fmt: skip
            vector = x[first + i].clone()
            grown = [math.exp(float(one @ relation[r])) for _, r in edges]
            for (s, _), share in zip(edges, grown, strict=True):
                vector += share / sum(grown) * x[s]
            assert bool(edges) == (i not in (4, 21))
            expected[u, i] = one @ torch.tanh(vector @ weight + bias)
    with torch.no_grad():
        torch.testing.assert_close(
            head.scores(user, propagated).double(), expected, atol=1e-5, rtol=0
        )
        items = torch.tensor([[3, 0], [21, 3], [7, 7]])
        pairs = head.pair_scores(user, propagated, items)
    torch.testing.assert_close(pairs.double(), expected.gather(1, items), atol=1e-5, rtol=0)
    assert head.scores(user[:0], propagated).shape == (0, whole.sizes["item"])
