"""Fusion: each mode by hand, and what dropping an id leaves."""

import pytest
import torch
from torch import Tensor

from kgrec.models.fusion import Fusion

MODES = ("none", "add", "concat", "gate")


def made(mode, num_nodes=5, dim=3, feature_dim=4, **options):
    generator = torch.Generator().manual_seed(3)
    options = {"scale": 0.5, "feature_dropout": 0.0, "generator": generator, **options}
    return Fusion(num_nodes, dim, feature_dim, mode, **options)


def features() -> Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(8))


@torch.no_grad()
def by_hand(fusion, x, keep):
    """The docstring's formulas, node by node and entry by entry."""
    rows = []
    for node in range(len(x)):
        e = (fusion.embedding[node] * keep[node]).tolist()
        if fusion.mode == "none":
            rows.append(e)
            continue
        p = [
            sum(float(x[node, f]) * float(fusion.projection[f, d]) for f in range(x.shape[1]))
            for d in range(len(e))
        ]
        if fusion.mode == "add":
            rows.append([a + b for a, b in zip(e, p, strict=True)])
            continue
        joined = [
            sum(value * float(fusion.join[place, d]) for place, value in enumerate(e + p))
            for d in range(len(e))
        ]
        if fusion.mode == "concat":
            rows.append(joined)
            continue
        row = []
        for d in range(len(e)):
            g = torch.sigmoid(torch.tensor(joined[d] + float(fusion.bias[d]))).item()
            g *= float(keep[node])
            row.append(g * e[d] + (1 - g) * p[d])
        rows.append(row)
    return torch.tensor(rows)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_its_formula(mode):
    fusion, x = made(mode), features()
    with torch.no_grad():
        for parameter in fusion.parameters():  # away from zeros and ones
            parameter.add_(0.3 * torch.randn(parameter.shape))
    keep = torch.tensor([[1.0], [0.0], [1.0], [1.0], [0.0]])
    torch.testing.assert_close(fusion(x, keep), by_hand(fusion, x, keep))
    torch.testing.assert_close(fusion(x), by_hand(fusion, x, torch.ones(5, 1)))


def test_a_dropped_id_leaves_the_features_alone():
    x, keep = features(), torch.zeros(5, 1)
    for mode in ("add", "concat", "gate"):
        fusion = made(mode)
        torch.testing.assert_close(fusion(x, keep), x @ fusion.projection)
    assert made("none")(x, keep).abs().max() == 0


@pytest.mark.parametrize("mode", MODES)
def test_without_features_the_embedding_stands_alone(mode):
    fusion = made(mode, feature_dim=0)
    assert dict(fusion.named_parameters()).keys() == {"embedding"}
    torch.testing.assert_close(fusion(None), fusion.embedding)


@pytest.mark.parametrize("mode", MODES)
def test_every_parameter_gets_a_gradient(mode):
    fusion = made(mode)
    fusion(features()).square().sum().backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_dropped_id_gets_no_gradient():
    fusion = made("gate")
    fusion(features(), torch.tensor([[1.0], [0.0], [1.0], [1.0], [0.0]])).square().sum().backward()
    assert fusion.embedding.grad[[1, 4]].abs().max() == 0
    assert fusion.embedding.grad[[0, 2, 3]].abs().min() > 0


def test_feature_dropout_keeps_the_mean_and_needs_a_generator():
    fusion, x = made("add", feature_dropout=0.5), features()
    torch.testing.assert_close(fusion.project(x), x @ fusion.projection)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([fusion.project(x, generator) for _ in range(4000)])
    assert draws.std(0).min() > 0.05
    torch.testing.assert_close(draws.mean(0), x @ fusion.projection, atol=0.06, rtol=0)
    first, second = (fusion.project(x, torch.Generator().manual_seed(seed)) for seed in (5, 5))
    assert torch.equal(first, second)


def test_the_initial_values_are_the_generators():
    for mode in MODES:
        one, other = made(mode).state_dict(), made(mode).state_dict()
        assert all(torch.equal(one[name], other[name]) for name in one)
    another = made("add", generator=torch.Generator().manual_seed(4))
    assert not torch.equal(another.embedding, made("add").embedding)
    wide = made("add", num_nodes=4000, scale=0.2)
    assert wide.embedding.std().item() == pytest.approx(0.2, rel=0.05)
