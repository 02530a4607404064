"""Heads: each an inner product that is the formula."""

import pytest
import torch

from kgrec.models.heads import CosineHead, DistMultHead, DotHead


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, generator=generator), torch.randn(6, 3, generator=generator)


def scores(head, user, item):
    return (head.user(user) @ head.item(item).T).detach()


def test_dot(vectors):
    user, item = vectors
    naive = [[sum(a * b for a, b in zip(u, i, strict=True)) for i in item] for u in user]
    torch.testing.assert_close(scores(DotHead(), user, item), torch.tensor(naive))


def test_cosine(vectors):
    user, item = vectors
    found = scores(CosineHead(), user, item)
    for u in range(4):
        for i in range(6):
            expected = torch.dot(user[u], item[i]) / (user[u].norm() * item[i].norm())
            assert found[u, i].item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(scores(CosineHead(), 7 * user, 0.1 * item), found)
    assert torch.isfinite(scores(CosineHead(), torch.zeros(1, 3), item)).all()


def test_distmult(vectors):
    user, item = vectors
    head = DistMultHead(3)
    torch.testing.assert_close(scores(head, user, item), user @ item.T)  # it begins as dot
    with torch.no_grad():
        head.relation.copy_(torch.tensor([2.0, -1.0, 0.5]))
    r = head.relation.tolist()
    naive = [[sum(u[d] * r[d] * i[d] for d in range(3)) for i in item] for u in user]
    torch.testing.assert_close(scores(head, user, item), torch.tensor(naive))
    (head.user(user) @ head.item(item).T).sum().backward()
    assert head.relation.grad.abs().min() > 0
