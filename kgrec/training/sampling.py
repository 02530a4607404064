"""Batches of users with their positives, and negatives for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgrec.data.interactions import Interactions
from kgrec.models.confidence import confidence


@dataclass(frozen=True)
class Batch:
    """Some users and all of their training interactions.

    Attributes:
        users: Rows of the users, int64 of shape (b,).
        row: For each interaction the row within `users`, int64 of shape (p,).
        item: For each interaction the row of the item, int64 of shape (p,).
        weight: How much each counts, float32 of shape (p,); None: all alike.
    """

    users: Tensor
    row: Tensor
    item: Tensor
    weight: Tensor | None = None


class Sampler:
    """Draws batches and negatives from a log.

    Args:
        log: The training interactions.
        generator: Source of all draws.
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.

    Attributes:
        known: Rows of the items that have interactions, int64, ascending.
        num_users: Number of users of each item, int64 of shape (num_items,).
    """

    def __init__(
        self, log: Interactions, generator: torch.Generator, rating_power: float = 0.0
    ) -> None:
        matrix = confidence(log, rating_power)
        self._weight = torch.from_numpy(matrix.data) if rating_power else None
        self.generator = generator
        self.num_items = log.num_items
        self._start = torch.from_numpy(matrix.indptr.astype(np.int64))
        self._item = torch.from_numpy(matrix.indices.astype(np.int64))
        self._users = torch.from_numpy(np.flatnonzero(np.diff(matrix.indptr)).astype(np.int64))
        owner = np.repeat(np.arange(log.num_users, dtype=np.int64), np.diff(matrix.indptr))
        # Pairs in ascending order: membership is a binary search.
        self._owner = torch.from_numpy(owner)
        self._pairs = torch.from_numpy(owner * log.num_items + matrix.indices)
        self.num_users = torch.bincount(self._item, minlength=log.num_items)
        self.known = torch.from_numpy(np.unique(matrix.indices).astype(np.int64))

    def batches(self, batch_users: int) -> Iterator[Batch]:
        """Yield all users that have interactions once, in random order."""
        order = self._users[torch.randperm(len(self._users), generator=self.generator)]
        for users in torch.split(order, batch_users):
            count = self._start[users + 1] - self._start[users]
            row = torch.repeat_interleave(count)
            first = torch.cumsum(count, 0) - count
            place = torch.arange(len(row)) - first[row] + self._start[users][row]
            weight = None if self._weight is None else self._weight[place]
            yield Batch(users, row, self._item[place], weight)

    def pair_batches(self, batch_pairs: int) -> Iterator[Batch]:
        """Yield all interactions once, in random order, each as a row of its own user."""
        order = torch.randperm(len(self._item), generator=self.generator)
        for pairs in torch.split(order, batch_pairs):
            weight = None if self._weight is None else self._weight[pairs]
            yield Batch(self._owner[pairs], torch.arange(len(pairs)), self._item[pairs], weight)

    def shared(self, num: int) -> Tensor:
        """Return `num` items, each known item with the same chance, int64 of shape (num,)."""
        draw = torch.randint(len(self.known), (num,), generator=self.generator)
        return self.known[draw]

    def are_positive(self, users: Tensor, items: Tensor) -> Tensor:
        """Return whether each of `users` (b,) chose each of `items` (s,), bool of shape (b, s)."""
        return self._contains(users[:, None] * self.num_items + items[None, :])

    def are_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Return whether each of `users` (p,) chose the item beside it, bool of shape (p,)."""
        return self._contains(users * self.num_items + items)

    def unchosen(self, users: Tensor, *, max_tries: int = 100) -> Tensor:
        """Return for each user an item that the user did not choose, int64 of shape (p,).

        Uniform over the known items that are left. A user who chose all of them keeps the last
        draw: there is no negative to be had.
        """
        items = self.shared(len(users))
        for _ in range(max_tries):
            wrong = self._contains(users * self.num_items + items).nonzero().squeeze(1)
            if not len(wrong):
                break
            items[wrong] = self.shared(len(wrong))
        return items

    def _contains(self, pairs: Tensor) -> Tensor:
        place = torch.searchsorted(self._pairs, pairs.contiguous()).clamp(max=len(self._pairs) - 1)
        return self._pairs[place] == pairs
