"""Losses over the edges user → item.

All take inner products of the head's vectors, divided by a temperature where they are softmaxes,
and return the mean over the positive pairs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def full_softmax(
    user: Tensor, item: Tensor, row: Tensor, column: Tensor, *, temperature: float, allowed: Tensor
) -> Tensor:
    """Cross-entropy of each positive among all items that training knows.

    Args:
        user: Vectors of the users of the batch, float32 of shape (b, dim).
        item: Vectors of all items, float32 of shape (num_items, dim).
        row: Row of `user` of each positive pair, int64 of shape (p,).
        column: Row of `item` of each positive pair, int64 of shape (p,).
        temperature: What scores are divided by.
        allowed: Which items stand in the denominator, bool of shape (num_items,). Items without
            training interactions must not: they would be taught to be nobody's choice.
    """
    logits = (user @ item.T) / temperature
    logits = logits.masked_fill(~allowed, -math.inf)
    normaliser = torch.logsumexp(logits, dim=1)
    return (normaliser[row] - logits[row, column]).mean()


def sampled_softmax(
    user: Tensor,
    item: Tensor,
    row: Tensor,
    column: Tensor,
    *,
    temperature: float,
    negatives: Tensor,
    num_items: int,
    is_positive: Tensor,
) -> Tensor:
    """Cross-entropy of each positive among itself and a shared uniform sample of items.

    The sample's part of the denominator is scaled up by num_items / |sample|, so that it estimates
    that of the full softmax (Bengio and Senécal, 2003; with a uniform proposal all corrections are
    alike).

    Args:
        user: As in `full_softmax`.
        item: As in `full_softmax`.
        row: As in `full_softmax`.
        column: As in `full_softmax`.
        temperature: What scores are divided by.
        negatives: Rows of the sampled items, int64 of shape (s,).
        num_items: Items that could have been sampled.
        is_positive: Whether a sampled item is a positive of the user of the batch, bool of shape
            (b, s); such entries are left out of the sample.
    """
    positive = (user[row] * item[column]).sum(1) / temperature
    sampled = (user @ item[negatives].T) / temperature
    sampled = sampled.masked_fill(is_positive, -math.inf)
    others = torch.logsumexp(sampled, dim=1) + math.log(num_items / len(negatives))
    return (torch.logaddexp(positive, others[row]) - positive).mean()


def bpr(user: Tensor, item: Tensor, row: Tensor, column: Tensor, *, negative: Tensor) -> Tensor:
    """Bayesian personalised ranking: -log σ(s(u, i) - s(u, j)) (Rendle et al., UAI 2009).

    Args:
        user: As in `full_softmax`.
        item: As in `full_softmax`.
        row: As in `full_softmax`.
        column: As in `full_softmax`.
        negative: For each pair the row of an item that the user did not choose, int64 (p,).
    """
    chosen = (user[row] * item[column]).sum(1)
    other = (user[row] * item[negative]).sum(1)
    return F.softplus(other - chosen).mean()
