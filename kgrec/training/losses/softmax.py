"""Softmax losses: over all items with training interactions, and over a sample of them."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from kgrec.training.losses.base import BatchScores, RankingLossConfig
from kgrec.training.negatives import Negatives, NegativeSampler
from kgrec.training.sampling import Batch


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
    even = scores.new_full((len(row),), 1 / len(row))
    share = even if weight is None else (weight / weight.sum()).to(scores.dtype)
    loss: Tensor = _FullSoftmax.apply(  # type: ignore[no-untyped-call]
        scores, row, column, temperature, allowed, share
    )
    return loss


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
