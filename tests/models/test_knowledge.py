"""Scores of triples against naive code in float64, and corrupted triples."""

import cmath

import numpy as np
import pytest
import torch
from three_blocks import three_blocks

from kgrec.graph.propagation import Propagation
from kgrec.models.knowledge import Triples, TripleScorer


def naive(scorer, head, relation, tail):
    r = scorer.relation[relation].detach().numpy()
    if scorer.scoring == "distmult":
        return sum(a * b * c for a, b, c in zip(head, r, tail, strict=True))
    if scorer.scoring == "transr":
        matrix = scorer.matrix[relation].detach().numpy()
        head, tail = head @ matrix, tail @ matrix
    if scorer.scoring == "rotate":
        half = len(head) // 2
        turned = [
            complex(head[d], head[d + half]) * cmath.exp(1j * r[d])
            - complex(tail[d], tail[d + half])
            for d in range(half)
        ]
        return -sum(abs(x) ** 2 for x in turned)
    return -sum((a + b - c) ** 2 for a, b, c in zip(head, r, tail, strict=True))


@pytest.mark.parametrize("scoring", ["transe", "transr", "distmult", "rotate"])
def test_scores(scoring):
    generator = torch.Generator().manual_seed(0)
    scorer = TripleScorer(scoring, 3, 6, 0.5, generator).double()
    head = torch.randn(5, 6, generator=generator).double()
    tail = torch.randn(5, 2, 6, generator=generator).double()
    relation = torch.tensor([2, 0, 2, 1, 0])
    found = scorer(head, relation, tail).detach().numpy()
    for b in range(5):
        for n in range(2):
            expected = naive(scorer, head[b].numpy(), int(relation[b]), tail[b, n].numpy())
            assert found[b, n] == pytest.approx(expected, rel=1e-9)


def test_rotate_needs_pairs():
    with pytest.raises(ValueError, match="even"):
        TripleScorer("rotate", 1, 5, 0.1, torch.Generator())


@pytest.mark.parametrize("interactions", [False, True])
@pytest.mark.parametrize("inverses", [False, True])
def test_triples_are_the_edges(interactions, inverses):
    graph = three_blocks().data.graph
    whole = Propagation(graph).homogeneous
    triples = Triples(whole, interactions=interactions, inverses=inverses)
    found = {
        (h, whole.relations[r], t)
        for h, r, t in zip(
            triples.head.tolist(), triples.relation.tolist(), triples.tail.tolist(), strict=True
        )
    }
    expected = set()
    for source, name, target in graph.edge_types:
        if name.startswith("rev_") and not inverses:
            continue
        if "interacts" in name and not interactions:
            continue
        for s, t in graph[source, name, target].edge_index.T.tolist():
            expected.add((s + whole.start(source), name, t + whole.start(target)))
    assert found == expected
    assert len(triples) == len(expected)


def test_a_corrupted_triple_is_false_and_of_the_tails_type():
    whole = Propagation(three_blocks().data.graph).homogeneous
    triples = Triples(whole, interactions=True)
    generator = torch.Generator().manual_seed(0)
    rows = triples.draw(10**9, generator)
    assert torch.equal(rows, torch.arange(len(triples)))
    assert len(triples.draw(20, generator)) == 20
    false = triples.corrupted(rows, 4, generator)
    true = set(
        zip(triples.head.tolist(), triples.relation.tolist(), triples.tail.tolist(), strict=True)
    )
    wrong = 0
    for row in rows.tolist():
        for tail in false[row].tolist():
            of_item = int(triples.tail[row]) < whole.start("item_shelf")
            first = whole.start("item" if of_item else "item_shelf")
            last = first + whole.sizes["item" if of_item else "item_shelf"]
            assert first <= tail < last
            wrong += (int(triples.head[row]), int(triples.relation[row]), tail) in true
    assert wrong / false.numel() < 0.01  # six draws in a row that are true


def test_the_joint_graph_joins_and_splits():
    graph = three_blocks().data.graph
    whole = Propagation(graph).homogeneous
    x = {kind: torch.randn(size, 3) for kind, size in whole.sizes.items()}
    joined = whole.join(x)
    assert joined.shape == (whole.num_nodes, 3)
    assert torch.equal(joined[whole.start("item") + 5], x["item"][5])
    for kind, value in whole.split(joined).items():
        assert torch.equal(value, x[kind])
    assert int(whole.of_interactions().sum()) == 2 * len(three_blocks().data.train)
    assert int(whole.forward().sum()) * 2 == len(whole.source)
    kept = torch.ones(22, 1)
    kept[3] = 0
    mask = whole.of_kept_items(kept)
    seen = [
        (whole.relations[r], t) for r, t, m in zip(
            whole.relation.tolist(), whole.target.tolist(), mask.tolist(), strict=True) if not m
    ]  # fmt: skip
    users = int((three_blocks().data.train.item == 3).sum())
    assert seen == [("interacts", whole.start("item") + 3)] * users
    assert whole.of_kept_items(None).tolist() == [1.0]


def test_edges_in_any_order_are_the_same_joint_graph():
    graph = three_blocks().data.graph
    shuffled = graph.clone()
    for kind in shuffled.edge_types:
        index = shuffled[kind].edge_index
        order = np.random.default_rng(0).permutation(index.shape[1])
        shuffled[kind].edge_index = index[:, torch.from_numpy(order)]
    one, other = Propagation(graph).homogeneous, Propagation(shuffled).homogeneous
    for name in ("source", "target", "relation"):
        assert torch.equal(getattr(one, name), getattr(other, name))
