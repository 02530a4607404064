"""The base classes of ranking losses."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from kgrec.models.encoders.base import Propagated
from kgrec.models.heads.inner_product import DotHead
from kgrec.settings import Settings
from kgrec.training.negatives import Negatives, NegativeSampler
from kgrec.training.sampling import Batch


@dataclass(frozen=True)
class BatchScores:
    """The scores of a batch, computed on demand.

    Attributes:
        head: Computes scores from vectors.
        propagated: The vectors of all nodes.
        user: The batch's users after the head, float32 of shape (b, dim).
        batch: The batch.
        negatives: Its negatives.
        known: Which items have training interactions, bool of shape (num_items,).
    """

    head: DotHead
    propagated: Propagated
    user: Tensor
    batch: Batch
    negatives: Negatives
    known: Tensor

    def of_all(self) -> Tensor:
        """Return the scores of all items, float32 of shape (b, num_items)."""
        return self.head.scores(self.user, self.propagated)

    def vectors_of_known(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of the items with training interactions, and the rows of some there.

        Args:
            items: Rows of such items, int64 of shape (p,).

        Returns:
            float32 of shape (n, dim), and int64 of shape (p,).
        """
        if bool(self.known.all()):
            return self.head.item(self.propagated.item), items
        place = self.known.cumsum(0) - 1
        return self.head.item(self.propagated.item[self.known.nonzero()[:, 0]]), place[items]

    def of_items(self, items: Tensor) -> Tensor:
        """Return the scores of some items (s,) for all users, float32 of shape (b, s)."""
        if not self.head.is_inner_product:
            every = items.expand(len(self.user), -1)
            return self.head.pair_scores(self.user, self.propagated, every)
        return self.user @ self.head.item(self.propagated.item[items]).T

    def of_pairs(self, items: Tensor) -> Tensor:
        """Return the scores of items (p, n) for the user of each pair, float32 of that shape."""
        row = self.batch.row
        own = torch.arange(len(row), device=row.device)
        each = len(self.user) == len(row) and bool((row == own).all())
        return self.head.pair_scores(self.user if each else self.user[row], self.propagated, items)


class RankingLossConfig(Settings):
    """A loss over scores of the edges user → item, with its settings.

    Attributes:
        name: What configs call it.
        needs_all_items: Whether a positive is compared with all items, which needs all vectors.
        shares_negatives: Whether all positives of a batch have the same negatives.
    """

    name: str
    needs_all_items: ClassVar[bool] = False
    shares_negatives: ClassVar[bool] = False

    @property
    def rating_exponent(self) -> float:
        """The power of a rating that weighs a positive; 0: all weigh the same."""
        return 0.0

    def negatives(self, sampler: NegativeSampler, batch: Batch) -> Negatives:  # noqa: ARG002
        """Return the negatives of a batch; nothing is drawn where they are all items."""
        return Negatives()

    @abstractmethod
    def of_batch(self, scores: BatchScores) -> Tensor:
        """Return the loss of a batch, a scalar."""


class PairwiseLossConfig(RankingLossConfig):
    """A loss that compares each positive with negatives of its own, with its settings."""

    negatives_per_positive: int = Field(
        default=1, ge=1, le=10_000, description="Negatives of each positive."
    )

    def negatives(self, sampler: NegativeSampler, batch: Batch) -> Negatives:
        """Return negatives for each positive."""
        return Negatives(sampler.of_pairs(batch, self.negatives_per_positive))

    def of_batch(self, scores: BatchScores) -> Tensor:
        """Return the loss of a batch, a scalar."""
        assert scores.negatives.negative is not None
        both = torch.cat([scores.batch.item[:, None], scores.negatives.negative], dim=1)
        found = scores.of_pairs(both)
        return self.of_scores(found[:, 0], found[:, 1:], scores.batch.row)

    @abstractmethod
    def of_scores(self, chosen: Tensor, other: Tensor, row: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            chosen: Scores of the positives, float32 of shape (p,).
            other: Scores of items that their users did not choose, float32 of shape (p, n).
            row: Which user of the batch each pair belongs to, int64 of shape (p,), from 0 on
                without gaps.
        """
