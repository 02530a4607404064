"""Losses over scores of the edges user → item, over two views of nodes, and over triples.

What is a softmax divides scores by a temperature. All return means.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def full_softmax(
    scores: Tensor,
    row: Tensor,
    column: Tensor,
    *,
    temperature: float,
    allowed: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of each positive among all items that training knows.

    Args:
        scores: Scores of all items for the users of the batch, float32 of shape (b, num_items).
        row: Row of `scores` of each positive pair, int64 of shape (p,).
        column: Item of each positive pair, int64 of shape (p,).
        temperature: What scores are divided by.
        allowed: Which items stand in the denominator, bool of shape (num_items,). Items without
            training interactions must not: they would be taught to be nobody's choice.
        weight: How much each positive counts in the mean, float32 of shape (p,); None: all alike.
    """
    even = scores.new_full((len(row),), 1 / len(row))
    share = even if weight is None else (weight / weight.sum()).to(scores.dtype)
    loss: Tensor = _FullSoftmax.apply(  # type: ignore[no-untyped-call]
        scores, row, column, temperature, allowed, share
    )
    return loss


class _FullSoftmax(torch.autograd.Function):
    """Σ_p share_p (log Σ_j exp(s_uj / τ) - s_ui / τ), with its gradient made on the way.

    The chances that the normaliser needs are the gradient but for one factor in each row and what
    the positives take off: (Σ_p share_p) softmax(s_u / τ) / τ - share_p / τ. One matrix is held,
    where a tape of single operations keeps five.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scores: Tensor,
        row: Tensor,
        column: Tensor,
        temperature: float,
        allowed: Tensor,
        share: Tensor,
    ) -> Tensor:
        chance = scores / temperature
        if not bool(allowed.all()):
            chance.masked_fill_(~allowed, -math.inf)
        chosen = chance[row, column]
        highest = chance.amax(1)
        total = chance.sub_(highest[:, None]).exp_().sum(1)
        normaliser = total.log() + highest
        loss = torch.dot(share, normaliser[row] - chosen)
        of_user = torch.zeros_like(total).index_add_(0, row, share)
        chance.mul_((of_user / total / temperature)[:, None])
        chance.index_put_((row, column), -share / temperature, accumulate=True)
        ctx.save_for_backward(chance)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (of_scores,) = ctx.saved_tensors
        if float(gradient) != 1.0:  # as it is where the loss is this alone
            of_scores = of_scores * gradient
        return of_scores, None, None, None, None, None


def sampled_softmax(
    chosen: Tensor,
    sampled: Tensor,
    row: Tensor,
    *,
    temperature: float,
    log_chance: Tensor,
    is_positive: Tensor,
) -> Tensor:
    """Cross-entropy of each positive among itself and a sample of items that all users share.

    Each sampled item stands for as many as its chance says, so that the sample's part of the
    denominator estimates that of the full softmax (Bengio and Senécal, 2003).

    Args:
        chosen: Scores of the positives, float32 of shape (p,).
        sampled: Scores of the sampled items for the users of the batch, float32 of shape (b, s).
        row: Row of `sampled` of each positive pair, int64 of shape (p,).
        temperature: What scores are divided by.
        log_chance: Log of the chance of each sampled item in one draw, float32 of shape (s,).
        is_positive: Whether a sampled item is a positive of the user of the batch, bool of shape
            (b, s); such entries are left out of the sample.
    """
    positive = chosen / temperature
    logits = sampled / temperature - log_chance - math.log(len(log_chance))
    others = torch.logsumexp(logits.masked_fill(is_positive, -math.inf), dim=1)
    return (torch.logaddexp(positive, others[row]) - positive).mean()


def bpr(chosen: Tensor, other: Tensor) -> Tensor:
    """Bayesian personalised ranking: -log σ(s(u, i) - s(u, j)) (Rendle et al., UAI 2009).

    Args:
        chosen: Scores of the positives, float32 of shape (p,).
        other: Scores of items that the users did not choose, float32 of shape (p, n).
    """
    return F.softplus(other - chosen[:, None]).mean()


def cross_entropy(chosen: Tensor, other: Tensor) -> Tensor:
    """Cross-entropy of each score alone: positives are 1, all others 0.

    The loss of KGCN (Wang et al., WWW 2019); the mean over positives and negatives.

    Args:
        chosen: Scores of the positives, float32 of shape (p,).
        other: Scores of items that the users did not choose, float32 of shape (p, n).
    """
    total = F.softplus(-chosen).sum() + F.softplus(other).sum()
    return total / (chosen.numel() + other.numel())


def bsl(
    chosen: Tensor, other: Tensor, row: Tensor, *, temperature: float, positive_temperature: float
) -> Tensor:
    """Bilateral softmax loss (Wu et al., BSL: Understanding and Improving Softmax Loss, ICDE 2024).

    -τ₁ log E_i[exp(s(u, i) / τ₁)] + τ₂ log E_j[exp(s(u, j) / τ₂)] for each user u with the
    positives i and the negatives j of the batch, the mean over users. With τ₁ → ∞ the first term
    is the mean score, and the loss is the softmax loss times τ₂.

    Args:
        chosen: Scores of the positives, float32 of shape (p,).
        other: Scores of their negatives, float32 of shape (p, n).
        row: Which user each pair belongs to, int64 of shape (p,), from 0 on without gaps.
        temperature: τ₂, of the negatives.
        positive_temperature: τ₁, of the positives.
    """
    num = int(row.max()) + 1
    good = positive_temperature * _log_mean_exp(chosen / positive_temperature, row, num)
    negatives = row[:, None].expand_as(other).reshape(-1)
    bad = temperature * _log_mean_exp(other.reshape(-1) / temperature, negatives, num)
    return (bad - good).mean()


def _log_mean_exp(values: Tensor, group: Tensor, num: int) -> Tensor:
    """Return log mean exp of the values of each group, shape (num,)."""
    highest = values.new_full((num,), -math.inf)
    highest = highest.scatter_reduce(0, group, values.detach(), "amax")
    total = values.new_zeros(num).index_add(0, group, torch.exp(values - highest[group]))
    count = torch.bincount(group, minlength=num).to(values.dtype)
    return torch.log(total / count) + highest


def info_nce(one: Tensor, other: Tensor, *, temperature: float) -> Tensor:
    """Contrast of two views: each row of one view must know its own row in the other.

    -log exp(cos(x_i, y_i) / τ) / Σ_j exp(cos(x_i, y_j) / τ), the mean over rows (van den Oord et
    al., Representation Learning with Contrastive Predictive Coding, 2018).

    Args:
        one: First view, float32 of shape (b, dim).
        other: Second view of the same nodes, float32 of shape (b, dim).
        temperature: τ.
    """
    logits = F.normalize(one, dim=1) @ F.normalize(other, dim=1).T / temperature
    return (torch.logsumexp(logits, dim=1) - logits.diagonal()).mean()


def knowledge_margin(chosen: Tensor, other: Tensor, *, margin: float) -> Tensor:
    """Hinge of triples over corrupted ones: max(0, γ - s(h, r, t) + s(h, r, t')).

    Bordes et al., Translating Embeddings for Modeling Multi-relational Data, NeurIPS 2013; the
    mean over triples and corruptions.

    Args:
        chosen: Scores of the triples, float32 of shape (b,).
        other: Scores of the corrupted ones, float32 of shape (b, n).
        margin: γ.
    """
    return F.relu(margin - chosen[:, None] + other).mean()


def knowledge_softmax(chosen: Tensor, other: Tensor) -> Tensor:
    """Cross-entropy of each triple among itself and its corruptions, the mean over triples.

    With one corruption it is -log σ(s(h, r, t) - s(h, r, t')), the pairwise ranking loss of CKE
    and KGAT.

    Args:
        chosen: Scores of the triples, float32 of shape (b,).
        other: Scores of the corrupted ones, float32 of shape (b, n).
    """
    everything = torch.cat([chosen[:, None], other], dim=1)
    return (torch.logsumexp(everything, dim=1) - chosen).mean()
