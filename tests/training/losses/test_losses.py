"""Losses against naive loops in float64."""

import math
from types import SimpleNamespace

import pytest
import torch

from kgrec.models.knowledge import KnowledgeConfig
from kgrec.training.contrast import info_nce
from kgrec.training.losses import softmax
from kgrec.training.losses.base import BatchScores
from kgrec.training.losses.pairwise import BPRConfig, BSLConfig, CrossEntropyConfig
from kgrec.training.losses.softmax import (
    SoftmaxConfig,
    full_softmax,
    inner_product_softmax,
    sampled_softmax,
)


def problem(seed=0, num_users=5, num_items=9, dim=4):
    generator = torch.Generator().manual_seed(seed)
    user = torch.randn(num_users, dim, generator=generator, dtype=torch.float64)
    item = torch.randn(num_items, dim, generator=generator, dtype=torch.float64)
    row = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4])
    column = torch.tensor([1, 2, 8, 0, 4, 5, 8, 1])
    return user, item, row, column


def score(user, item, u, i):
    return sum(float(a) * float(b) for a, b in zip(user[u], item[i], strict=True))


def full(user, item, row, column, **settings):
    return full_softmax(user @ item.T, row, column, **settings)


def bpr(user, item, row, column, negative):
    chosen = (user[row] * item[column]).sum(1)
    other = torch.einsum("pd,pnd->pn", user[row], item[negative])
    return BPRConfig().of_scores(chosen, other, row)


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
    found = full(user, item, row, column, temperature=temperature, allowed=allowed)
    assert float(found) == pytest.approx(total / len(row), rel=1e-10)


def test_positives_of_the_full_softmax_count_by_their_weight():
    user, item, row, column = problem()
    settings = {"temperature": 0.5, "allowed": torch.ones(9, dtype=torch.bool)}
    weight = torch.tensor([3.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0], dtype=torch.float64)
    found = full(user, item, row, column, weight=weight, **settings)
    alone = [full(user, item, row[[i]], column[[i]], **settings) for i in (0, 2, 7)]
    wanted = (3 * alone[0] + alone[1] + 2 * alone[2]) / 6
    assert float(found) == pytest.approx(float(wanted), rel=1e-10)


def test_full_softmax_teaches_nothing_of_items_that_are_not_allowed():
    user, item, row, column = problem()
    item.requires_grad_()
    allowed = torch.ones(9, dtype=torch.bool)
    allowed[[3, 6]] = False
    full(user, item, row, column, temperature=0.5, allowed=allowed).backward()
    assert torch.isfinite(item.grad).all()
    assert item.grad[[3, 6]].abs().max() == 0
    assert item.grad[[0, 1, 2, 4, 5, 7, 8]].abs().amin(0).min() > 0


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_the_full_softmax_is_that_of_its_definition(weighted):
    user, item, row, column = problem()
    row, column = torch.cat([row, row[:1]]), torch.cat([column, column[:1]])  # a pair twice
    scores = (user @ item.T).requires_grad_()
    allowed = torch.ones(9, dtype=torch.bool)
    allowed[[j for j in range(9) if j not in column.tolist()][:1]] = False
    weight = torch.arange(1.0, len(row) + 1, dtype=torch.float64) if weighted else None

    def loss(scores):
        return full_softmax(scores, row, column, temperature=0.3, allowed=allowed, weight=weight)

    assert not allowed.all()
    assert torch.autograd.gradcheck(loss, (scores,))
    assert torch.autograd.gradcheck(lambda scores: 3 * loss(scores) + scores.sum(), (scores,))
    logits = (scores / 0.3).masked_fill(~allowed, -torch.inf)
    surprise = -torch.log_softmax(logits, dim=1)[row, column]
    naive = (surprise if weight is None else surprise * weight / weight.mean()).mean()
    for made in (naive, loss(scores)):
        scores.grad = None
        made.backward()
        if made is naive:
            expected = scores.grad.clone()
    torch.testing.assert_close(scores.grad, expected, rtol=1e-10, atol=1e-12)


def sampled(user, item, row, column, negatives, num_items=9, temperature=0.7):
    chosen = set(zip(row.tolist(), column.tolist(), strict=True))
    is_positive = torch.tensor(
        [[(u, j) in chosen for j in negatives.tolist()] for u in range(len(user))]
    )
    return sampled_softmax(
        (user[row] * item[column]).sum(1),
        user @ item[negatives].T,
        row,
        temperature=temperature,
        log_chance=torch.full((len(negatives),), -math.log(num_items), dtype=torch.float64),
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("b", "n", "p"), [(5, 7, 9), (150, 40, 300), (200, 9000, 130), (3, 1, 2)])
def test_blocks_of_users_give_the_full_softmax_and_its_gradients(b, n, p, weighted, monkeypatch):
    monkeypatch.setattr(softmax, "_LEAST_ROWS", 4)
    monkeypatch.setattr(softmax, "_IN_CACHE", 1 << 12)  # several blocks, the last one is shorter
    torch.manual_seed(b)
    row, column = torch.randint(b, (p,)), torch.randint(n, (p,))  # not in the order of users
    weight = torch.rand(p) + 0.1 if weighted else None
    ends = torch.randn(b, 6), torch.randn(n, 6)
    found = []
    for blocks in (False, True):
        user, item = (end.double().requires_grad_() for end in ends)
        if blocks:
            loss = inner_product_softmax(user, item, row, column, temperature=0.3, weight=weight)
        else:
            allowed = torch.ones(n, dtype=torch.bool)
            loss = full_softmax(
                user @ item.T, row, column, temperature=0.3, allowed=allowed, weight=weight
            )
        (3 * loss).backward()
        found.append((loss.detach(), user.grad, item.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_only_known_items_are_in_the_softmax_of_a_batch():
    torch.manual_seed(0)
    user, item = torch.randn(4, 5), torch.randn(6, 5, requires_grad=True)
    known = torch.tensor([True, False, True, True, False, True])
    row, column = torch.tensor([0, 0, 2, 3]), torch.tensor([2, 5, 0, 3])
    batch = SimpleNamespace(row=row, item=column, weight=None)
    head = SimpleNamespace(is_inner_product=True, item=lambda vectors: vectors)
    scores = BatchScores(head, SimpleNamespace(item=item), user, batch, None, known)
    loss = SoftmaxConfig(temperature=0.5).of_batch(scores)
    wanted = full_softmax(user @ item.detach().T, row, column, temperature=0.5, allowed=known)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    loss.backward()
    assert (item.grad.abs().sum(1) > 0).tolist() == known.tolist()


def test_a_sample_of_every_item_once_is_the_full_softmax():
    """Where each user has one positive; a user's other positives are left out of the sample."""
    user, item, *_ = problem()
    row, column = torch.arange(5), torch.tensor([1, 0, 4, 8, 3])
    everything = sampled(user, item, row, column, torch.randperm(9))
    exact = full(user, item, row, column, temperature=0.7, allowed=torch.ones(9, dtype=torch.bool))
    assert float(everything) == pytest.approx(float(exact), rel=1e-10)


def test_a_large_sample_is_the_full_softmax_nearly():
    user, item, *_ = problem(1)
    row, column = torch.arange(5), torch.tensor([1, 0, 4, 8, 3])
    negatives = torch.randint(9, (200_000,), generator=torch.Generator().manual_seed(0))
    exact = full(user, item, row, column, temperature=0.7, allowed=torch.ones(9, dtype=torch.bool))
    assert float(sampled(user, item, row, column, negatives)) == pytest.approx(
        float(exact), abs=0.01
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
    negative = torch.tensor([[3, 5], [3, 4], [4, 0], [7, 2], [0, 1], [0, 8], [1, 1], [2, 5]])
    total = 0.0
    for u, i, others in zip(row.tolist(), column.tolist(), negative.tolist(), strict=True):
        for j in others:
            margin = score(user, item, u, i) - score(user, item, u, j)
            total -= math.log(1 / (1 + math.exp(-margin)))
    found = bpr(user, item, row, column, negative)
    assert float(found) == pytest.approx(total / (2 * len(row)), rel=1e-10)


def test_cross_entropy():
    user, item, row, column = problem()
    negative = torch.tensor([[3, 5], [3, 4], [4, 0], [7, 2], [0, 1], [0, 8], [1, 1], [2, 5]])
    total = 0.0
    for u, i, others in zip(row.tolist(), column.tolist(), negative.tolist(), strict=True):
        total -= math.log(1 / (1 + math.exp(-score(user, item, u, i))))
        for j in others:
            total -= math.log(1 - 1 / (1 + math.exp(-score(user, item, u, j))))
    chosen = (user[row] * item[column]).sum(1)
    other = torch.einsum("pd,pnd->pn", user[row], item[negative])
    found = CrossEntropyConfig().of_scores(chosen, other, row)
    assert float(found) == pytest.approx(total / (3 * len(row)), rel=1e-10)
    far = CrossEntropyConfig().of_scores(chosen.float() * -1e5, other.float() * 1e5, row)
    assert torch.isfinite(far)


def test_a_popular_sample_estimates_the_full_softmax_too():
    user, item, *_ = problem(1)
    row, column = torch.arange(5), torch.tensor([1, 0, 4, 8, 3])
    chance = torch.arange(1.0, 10.0, dtype=torch.float64) / 45
    negatives = torch.multinomial(
        chance, 300_000, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    found = sampled_softmax(
        (user[row] * item[column]).sum(1),
        user @ item[negatives].T,
        row,
        temperature=0.7,
        log_chance=torch.log(chance)[negatives],
        is_positive=negatives[None] == column[:, None],
    )
    exact = full(user, item, row, column, temperature=0.7, allowed=torch.ones(9) > 0)
    assert float(found) == pytest.approx(float(exact), abs=0.01)


@pytest.mark.parametrize("positive_temperature", [0.3, 1.0, 1e6])
def test_bsl(positive_temperature):
    user, item, row, column = problem()
    negative = torch.tensor([[3, 5], [3, 4], [4, 0], [7, 2], [0, 1], [0, 8], [1, 1], [2, 5]])
    total = 0.0
    for u in range(5):
        mine = [p for p in range(8) if int(row[p]) == u]
        good = [math.exp(score(user, item, u, int(column[p])) / positive_temperature) for p in mine]
        bad = [math.exp(score(user, item, u, j) / 0.4) for p in mine for j in negative[p].tolist()]
        total -= positive_temperature * math.log(sum(good) / len(good))
        total += 0.4 * math.log(sum(bad) / len(bad))
    config = BSLConfig(temperature=0.4, positive_temperature=positive_temperature)
    other = torch.einsum("pd,pnd->pn", user[row], item[negative])
    found = config.of_scores((user[row] * item[column]).sum(1), other, row)
    assert float(found) == pytest.approx(total / 5, rel=1e-8)


def test_info_nce():
    one, other, *_ = problem(num_users=4, num_items=4)

    def cosine(x, y):
        return float(x @ y / (x.norm() * y.norm()))

    total = 0.0
    for i in range(4):
        grown = [math.exp(cosine(one[i], other[j]) / 0.3) for j in range(4)]
        total -= math.log(grown[i] / sum(grown))
    found = info_nce(one, other, temperature=0.3)
    assert float(found) == pytest.approx(total / 4, rel=1e-10)
    # Views that agree are better than views that are mixed up.
    mixed = one[[1, 2, 3, 0]]
    assert info_nce(one, one, temperature=0.3) < info_nce(one, mixed, temperature=0.3)


def test_losses_of_triples():
    chosen, other = torch.tensor([1.0, -2.0]).double(), torch.tensor([[0.5, 2.0], [-4.0, 0.0]])
    margin = sum(
        max(0.0, 1.5 - float(chosen[b]) + float(other[b, n])) for b in (0, 1) for n in (0, 1)
    )
    found = KnowledgeConfig(loss="margin", margin=1.5).of_scores(chosen, other.double())
    assert float(found) == pytest.approx(margin / 4)
    entropy = 0.0
    for b in (0, 1):
        grown = [math.exp(float(chosen[b])), *(math.exp(float(x)) for x in other[b])]
        entropy -= math.log(grown[0] / sum(grown)) / 2
    softmax = KnowledgeConfig(loss="softmax")
    assert float(softmax.of_scores(chosen, other.double())) == pytest.approx(entropy)
    one = softmax.of_scores(chosen, other.double()[:, :1])
    pairwise = -torch.nn.functional.logsigmoid(chosen - other.double()[:, 0]).mean()
    assert float(one) == pytest.approx(float(pairwise))


def test_every_loss_falls_along_its_gradient():
    user, item, row, column = problem()
    item.requires_grad_()
    everything = {
        "full": lambda: full(
            user, item, row, column, temperature=0.5, allowed=torch.ones(9, dtype=torch.bool)
        ),
        "sampled": lambda: sampled(user, item, row, column, torch.arange(9)),
        "bpr": lambda: bpr(user, item, row, column, (column + 1)[:, None] % 9),
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
        full(user, item, row, column, temperature=0.1, allowed=torch.ones(9, dtype=torch.bool)),
        sampled(user, item, row, column, torch.arange(9), temperature=0.1),
        bpr(user, item, row, column, (column + 1)[:, None] % 9),
    ):
        assert torch.isfinite(loss)
