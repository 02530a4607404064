"""Losses against naive loops in float64."""

import math

import pytest
import torch

from kgrec.training import losses


def problem(seed=0, num_users=5, num_items=9, dim=4):
    generator = torch.Generator().manual_seed(seed)
    user = torch.randn(num_users, dim, generator=generator, dtype=torch.float64)
    item = torch.randn(num_items, dim, generator=generator, dtype=torch.float64)
    row = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4])
    column = torch.tensor([1, 2, 8, 0, 4, 5, 8, 1])
    return user, item, row, column


def score(user, item, u, i):
    return sum(float(a) * float(b) for a, b in zip(user[u], item[i], strict=True))


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_full_softmax(temperature):
    user, item, row, column = problem()
    allowed = torch.tensor([True, True, True, False, True, True, False, False, True])
    total = 0.0
    for u, i in zip(row.tolist(), column.tolist(), strict=True):
        denominator = sum(
            math.exp(score(user, item, u, j) / temperature) for j in range(9) if allowed[j]
        )
        total -= math.log(math.exp(score(user, item, u, i) / temperature) / denominator)
    found = losses.full_softmax(user, item, row, column, temperature=temperature, allowed=allowed)
    assert float(found) == pytest.approx(total / len(row), rel=1e-10)


def test_full_softmax_teaches_nothing_of_items_that_are_not_allowed():
    user, item, row, column = problem()
    item.requires_grad_()
    allowed = torch.ones(9, dtype=torch.bool)
    allowed[[3, 6]] = False
    losses.full_softmax(user, item, row, column, temperature=0.5, allowed=allowed).backward()
    assert torch.isfinite(item.grad).all()
    assert item.grad[[3, 6]].abs().max() == 0
    assert item.grad[[0, 1, 2, 4, 5, 7, 8]].abs().amin(0).min() > 0


def sampled(user, item, row, column, negatives, num_items=9, temperature=0.7):
    chosen = set(zip(row.tolist(), column.tolist(), strict=True))
    is_positive = torch.tensor(
        [[(u, j) in chosen for j in negatives.tolist()] for u in range(len(user))]
    )
    return losses.sampled_softmax(
        user,
        item,
        row,
        column,
        temperature=temperature,
        negatives=negatives,
        num_items=num_items,
        is_positive=is_positive,
    )


def test_sampled_softmax():
    user, item, row, column = problem()
    negatives = torch.tensor([8, 3, 3, 1])
    chosen = set(zip(row.tolist(), column.tolist(), strict=True))
    total = 0.0
    for u, i in zip(row.tolist(), column.tolist(), strict=True):
        positive = math.exp(score(user, item, u, i) / 0.7)
        others = sum(
            math.exp(score(user, item, u, j) / 0.7)
            for j in negatives.tolist()
            if (u, j) not in chosen
        )
        total -= math.log(positive / (positive + others * 9 / 4))
    found = float(sampled(user, item, row, column, negatives))
    assert found == pytest.approx(total / len(row), rel=1e-10)


def test_a_sample_of_every_item_once_is_the_full_softmax():
    """Where each user has one positive; a user's other positives are left out of the sample."""
    user, item, *_ = problem()
    row, column = torch.arange(5), torch.tensor([1, 0, 4, 8, 3])
    everything = sampled(user, item, row, column, torch.randperm(9))
    full = losses.full_softmax(
        user, item, row, column, temperature=0.7, allowed=torch.ones(9, dtype=torch.bool)
    )
    assert float(everything) == pytest.approx(float(full), rel=1e-10)


def test_a_large_sample_is_the_full_softmax_nearly():
    user, item, *_ = problem(1)
    row, column = torch.arange(5), torch.tensor([1, 0, 4, 8, 3])
    negatives = torch.randint(9, (200_000,), generator=torch.Generator().manual_seed(0))
    full = losses.full_softmax(
        user, item, row, column, temperature=0.7, allowed=torch.ones(9, dtype=torch.bool)
    )
    assert float(sampled(user, item, row, column, negatives)) == pytest.approx(
        float(full), abs=0.01
    )


def test_a_user_whose_positives_fill_the_sample_has_no_loss_and_no_nan():
    user, item, *_ = problem()
    user.requires_grad_()
    row, column = torch.tensor([0, 0]), torch.tensor([1, 2])
    loss = sampled(user, item, row, column, torch.tensor([1, 2, 1]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(user.grad).all()


def test_bpr():
    user, item, row, column = problem()
    negative = torch.tensor([3, 3, 4, 7, 0, 0, 1, 2])
    total = 0.0
    for u, i, j in zip(row.tolist(), column.tolist(), negative.tolist(), strict=True):
        margin = score(user, item, u, i) - score(user, item, u, j)
        total -= math.log(1 / (1 + math.exp(-margin)))
    found = losses.bpr(user, item, row, column, negative=negative)
    assert float(found) == pytest.approx(total / len(row), rel=1e-10)


def test_every_loss_falls_along_its_gradient():
    user, item, row, column = problem()
    item.requires_grad_()
    everything = {
        "full": lambda: losses.full_softmax(
            user, item, row, column, temperature=0.5, allowed=torch.ones(9, dtype=torch.bool)
        ),
        "sampled": lambda: sampled(user, item, row, column, torch.arange(9)),
        "bpr": lambda: losses.bpr(user, item, row, column, negative=(column + 1) % 9),
    }
    for name, loss in everything.items():
        before = loss()
        (gradient,) = torch.autograd.grad(before, item)
        with torch.no_grad():
            item.sub_(0.01 * gradient)
        assert loss().item() < before.item(), name


def test_large_scores_stay_finite():
    user, item, row, column = problem()
    user, item = user.float() * 1e4, item.float()
    for loss in (
        losses.full_softmax(
            user, item, row, column, temperature=0.1, allowed=torch.ones(9, dtype=torch.bool)
        ),
        sampled(user, item, row, column, torch.arange(9), temperature=0.1),
        losses.bpr(user, item, row, column, negative=(column + 1) % 9),
    ):
        assert torch.isfinite(loss)
