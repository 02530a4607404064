"""Softmax losses: over all items with training interactions, and over a sample of them."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final, Literal

import torch
from pydantic import Field
from torch import Tensor

from kgrec.training.losses.base import BatchScores, RankingLossConfig
from kgrec.training.negatives import Negatives, NegativeSampler
from kgrec.training.sampling import Batch

_IN_CACHE: Final = 1 << 19
"""Scores that a processor works on at a time, 2 MiB: its caches hold them."""
_AT_ONCE: Final = 1 << 26
"""The same on a GPU, whose memory is fast and whose small steps are slow."""
_LEAST_ROWS: Final = 64
"""Of a matrix product that is worth a call."""


class SoftmaxConfig(RankingLossConfig):
    """Softmax over all items, see `full_softmax`."""

    name: Literal["softmax"] = "softmax"
    temperature: float = Field(default=0.25, gt=0, description="What scores are divided by.")
    rating_power: float = Field(
        default=0.0,
        ge=0,
        description="Power of a rating or count in the weight of a positive: rating ** power, "
        "divided by the user's mean; 0: all weigh the same.",
    )
    needs_all_items: ClassVar[bool] = True

    @property
    def rating_exponent(self) -> float:
        """The power of a rating that weighs a positive; 0: all weigh the same."""
        return self.rating_power

    def of_batch(self, scores: BatchScores) -> Tensor:
        """Return the loss of a batch, a scalar."""
        batch, temperature = scores.batch, self.temperature
        if scores.head.is_inner_product:
            items, column = scores.vectors_of_known(batch.item)
            return inner_product_softmax(
                scores.user, items, batch.row, column, temperature=temperature, weight=batch.weight
            )
        return full_softmax(
            scores.of_all(),
            batch.row,
            batch.item,
            temperature=temperature,
            allowed=scores.known,
            weight=batch.weight,
        )


class SampledSoftmaxConfig(RankingLossConfig):
    """Softmax over a sample of items that all users of a batch share, see `sampled_softmax`."""

    name: Literal["sampled_softmax"] = "sampled_softmax"
    temperature: float = Field(default=0.25, gt=0, description="What scores are divided by.")
    num_negatives: int = Field(default=512, ge=1, le=1_000_000, description="Items in the sample.")
    shares_negatives: ClassVar[bool] = True

    def negatives(self, sampler: NegativeSampler, batch: Batch) -> Negatives:
        """Return the sample, with the probability of each of its items."""
        return sampler.shared(batch, self.num_negatives)

    def of_batch(self, scores: BatchScores) -> Tensor:
        """Return the loss of a batch, a scalar."""
        batch, negatives = scores.batch, scores.negatives
        assert negatives.shared is not None
        assert negatives.log_chance is not None
        assert negatives.is_positive is not None
        return sampled_softmax(
            scores.of_pairs(batch.item[:, None])[:, 0],
            scores.of_items(negatives.shared),
            batch.row,
            temperature=self.temperature,
            log_chance=negatives.log_chance,
            is_positive=negatives.is_positive,
        )


def full_softmax(
    scores: Tensor,
    row: Tensor,
    column: Tensor,
    *,
    temperature: float,
    allowed: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of each positive among all items with training interactions.

    Args:
        scores: Scores of all items for the users of the batch, float32 of shape (b, num_items).
        row: Row of `scores` of each positive pair, int64 of shape (p,).
        column: Item of each positive pair, int64 of shape (p,).
        temperature: What scores are divided by.
        allowed: Which items are in the denominator, bool of shape (num_items,). Items without
            training interactions must not be: they would learn that nobody chooses them.
        weight: Weight of each positive in the mean, float32 of shape (p,); None: equal.
    """
    share = _shares(scores, row, weight)
    loss: Tensor = _FullSoftmax.apply(  # type: ignore[no-untyped-call]
        scores, row, column, temperature, allowed, share
    )
    return loss


def inner_product_softmax(
    user: Tensor,
    item: Tensor,
    row: Tensor,
    column: Tensor,
    *,
    temperature: float,
    weight: Tensor | None = None,
) -> Tensor:
    """The same where scores are inner products: they are computed and forgotten by blocks of users.

    So no matrix of all scores is in memory, and a block stays in the processor's cache.

    Args:
        user: Vectors of the users of the batch, float32 of shape (b, dim).
        item: Vectors of the items in the denominator, float32 of shape (n, dim).
        row: Row of `user` of each positive pair, int64 of shape (p,).
        column: Row of `item` of each, int64 of shape (p,).
        temperature: What scores are divided by.
        weight: Weight of each positive in the mean, float32 of shape (p,); None: equal.
    """
    share = _shares(user, row, weight)
    if len(row) and not bool((row[1:] >= row[:-1]).all()):
        order = torch.argsort(row, stable=True)
        row, column, share = row[order], column[order], share[order]
    loss: Tensor = _InnerProductSoftmax.apply(  # type: ignore[no-untyped-call]
        user, item, row, column, temperature, share
    )
    return loss


def _shares(like: Tensor, row: Tensor, weight: Tensor | None) -> Tensor:
    """Return the share of each positive in the loss, of the type of another tensor."""
    if weight is None:
        return like.new_full((len(row),), 1 / len(row))
    return (weight / weight.sum()).to(like.dtype)


class _FullSoftmax(torch.autograd.Function):
    """Σ_p share_p (log Σ_j exp(s_uj / τ) - s_ui / τ), with the gradient from the same pass.

    The gradient is (Σ_p share_p) softmax(s_u / τ) / τ - share_p / τ: the probabilities that the
    normaliser needs anyway, scaled by row, less the share of the positives. Only one matrix stays
    in memory, where autograd of the single operations keeps five.
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
        if float(gradient) != 1.0:  # it is 1 if the total is this loss alone
            of_scores = of_scores * gradient
        return of_scores, None, None, None, None, None


class _InnerProductSoftmax(torch.autograd.Function):
    """`_FullSoftmax` of user · itemᵀ, whose gradients to both are made block by block."""

    @staticmethod
    def forward(
        ctx: Any,
        user: Tensor,
        item: Tensor,
        row: Tensor,
        column: Tensor,
        temperature: float,
        share: Tensor,
    ) -> Tensor:
        most = _IN_CACHE if user.device.type == "cpu" else _AT_ONCE
        size = max(most // max(len(item), 1), _LEAST_ROWS)
        starts = torch.arange(0, len(user) + size, size, device=row.device)
        bounds = torch.searchsorted(row, starts).tolist()
        of_user = user.new_zeros(len(user)).index_add_(0, row, share)
        scaled = user / temperature
        to_user, to_item = torch.empty_like(user), torch.zeros_like(item)
        loss = user.new_zeros(())
        for place, first in enumerate(range(0, len(user), size)):
            block, pairs = slice(first, first + size), slice(bounds[place], bounds[place + 1])
            at, of, part = row[pairs] - first, column[pairs], share[pairs]
            chance = scaled[block] @ item.T
            chosen = chance[at, of]
            highest = chance.amax(1)
            total = chance.sub_(highest[:, None]).exp_().sum(1)
            loss += torch.dot(part, (total.log() + highest)[at] - chosen)
            chance.mul_((of_user[block] / total)[:, None])
            chance.index_put_((at, of), -part, accumulate=True)
            to_user[block] = chance @ item
            to_item.addmm_(chance.T, scaled[block])
        ctx.save_for_backward(to_user.div_(temperature), to_item)
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        to_user, to_item = ctx.saved_tensors
        return gradient * to_user, gradient * to_item, None, None, None, None


def sampled_softmax(
    chosen: Tensor,
    sampled: Tensor,
    row: Tensor,
    *,
    temperature: float,
    log_chance: Tensor,
    is_positive: Tensor,
) -> Tensor:
    """Cross-entropy of each positive against a sample of items that all users share.

    Each sampled item is weighted by its inverse probability, so that the sample's part of the
    denominator estimates that of the full softmax (Bengio and Senécal, 2003).

    Args:
        chosen: Scores of the positives, float32 of shape (p,).
        sampled: Scores of the sampled items for the users of the batch, float32 of shape (b, s).
        row: Row of `sampled` of each positive pair, int64 of shape (p,).
        temperature: What scores are divided by.
        log_chance: Log probability of each sampled item in one draw, float32 of shape (s,).
        is_positive: Whether a sampled item is a positive of the user of the batch, bool of shape
            (b, s); such entries are left out of the sample.
    """
    positive = chosen / temperature
    logits = sampled / temperature - log_chance - math.log(len(log_chance))
    others = torch.logsumexp(logits.masked_fill(is_positive, -math.inf), dim=1)
    return (torch.logaddexp(positive, others[row]) - positive).mean()
