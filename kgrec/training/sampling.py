"""Batches of users with their positives, and negatives for them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kgrec.data.interactions import Interactions
from kgrec.models.confidence import confidence


@dataclass(frozen=True)
class Batch:
    """Some users and all of their training interactions.

    Attributes:
        users: Rows of the users, int64 of shape (b,).
        row: For each interaction the row within `users`, int64 of shape (p,), ascending.
        item: For each interaction the row of the item, int64 of shape (p,).
        weight: Weight of each, float32 of shape (p,); None: all the same.
    """

    users: Tensor
    row: Tensor
    item: Tensor
    weight: Tensor | None = None

    def part(self, number: int, of: int) -> Batch:
        """Return the part of one of several workers: some of the users, who follow each other.

        Args:
            number: Which part, from 0 on.
            of: How many parts there are. There may be more than users: some are empty then.
        """
        if of == 1:
            return self
        first, end = (len(self.users) * place // of for place in (number, number + 1))
        ends = torch.tensor([first, end], device=self.row.device)
        pairs = slice(*torch.searchsorted(self.row, ends).tolist())  # rows are in order
        weight = None if self.weight is None else self.weight[pairs]
        return Batch(self.users[first:end], self.row[pairs] - first, self.item[pairs], weight)


class Sampler:
    """Draws batches and items from a log.

    Args:
        log: The training interactions.
        generator: Source of all draws; batches are on its device.
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
        block: How many users, or pairs, stay together when all are shuffled: those of neighboring
            rows, whose embeddings lie together.

    Attributes:
        device: Where the generator is.
        known: Rows of the items that have interactions, int64, ascending.
        num_users: Number of users of each item, int64 of shape (num_items,).
    """

    def __init__(
        self,
        log: Interactions,
        generator: torch.Generator,
        rating_power: float = 0.0,
        block: int = 1,
    ) -> None:
        matrix = confidence(log, rating_power)
        self._block = block
        self.generator, self.device = generator, generator.device
        self._weight = torch.from_numpy(matrix.data).to(self.device) if rating_power else None
        self.num_items = log.num_items
        self._start = self._tensor(matrix.indptr)
        self._item = self._tensor(matrix.indices)
        self._users = self._tensor(np.flatnonzero(np.diff(matrix.indptr)))
        owner = np.repeat(np.arange(log.num_users, dtype=np.int64), np.diff(matrix.indptr))
        # Pairs in ascending order: membership is a binary search.
        self._owner = self._tensor(owner)
        self._pairs = self._tensor(owner * log.num_items + matrix.indices)
        self.num_users = torch.bincount(self._item, minlength=log.num_items)
        self.known = self._tensor(np.unique(matrix.indices))

    def _tensor(self, rows: npt.NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(rows.astype(np.int64, copy=False)).to(self.device)

    def drawing_from(self, generator: torch.Generator) -> Sampler:
        """Return the same with another source of draws, on the same device."""
        made = copy.copy(self)
        made.generator = generator
        return made

    def batches(self, batch_users: int) -> Iterator[Batch]:
        """Yield all users that have interactions once, in random order."""
        order = self._users[self._shuffled(len(self._users))]
        for users in torch.split(order, batch_users):
            row, place = self._interactions(users)
            weight = None if self._weight is None else self._weight[place]
            yield Batch(users, row, self._item[place], weight)

    def _interactions(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return all interactions of users (b,): the row in `users`, and the place among all."""
        start = self._start[users]
        count = self._start[users + 1] - start
        row = torch.repeat_interleave(count)
        first = torch.cumsum(count, 0) - count
        return row, torch.arange(len(row), device=self.device) + (start - first)[row]

    def pair_batches(self, batch_pairs: int) -> Iterator[Batch]:
        """Yield all interactions once, in random order, each as a row of its own user."""
        order = self._shuffled(len(self._item))
        for pairs in torch.split(order, batch_pairs):
            weight = None if self._weight is None else self._weight[pairs]
            row = torch.arange(len(pairs), device=self.device)
            yield Batch(self._owner[pairs], row, self._item[pairs], weight)

    def _shuffled(self, num: int) -> Tensor:
        """Return the numbers below `num` in random order, those of a block together."""
        blocks = -(-num // self._block)
        order = torch.randperm(blocks, generator=self.generator, device=self.device)
        if self._block == 1:
            return order
        inside = torch.arange(self._block, device=self.device)
        every = (order[:, None] * self._block + inside).reshape(-1)
        return every[every < num]

    def rows(self, num_rows: int, num: int) -> Tensor:
        """Return `num` random rows of `num_rows`, with repetitions, int64 of shape (num,)."""
        return torch.randint(num_rows, (num,), generator=self.generator, device=self.device)

    def uniform(self, num: int) -> Tensor:
        """Return random numbers from 0 to below 1, float64 of shape (num,)."""
        return torch.rand(num, generator=self.generator, device=self.device, dtype=torch.float64)

    def shared(self, num: int) -> Tensor:
        """Return `num` items, uniformly from the known ones, int64 of shape (num,)."""
        return self.known[self.rows(len(self.known), num)]

    def are_positive(self, users: Tensor, items: Tensor) -> Tensor:
        """Return whether each of `users` (b,) chose each of `items` (s,), bool of shape (b, s).

        The cost depends on the interactions of the users: looking each pair up would take most of
        a step with millions of interactions.
        """
        asked, column = torch.unique(items, return_inverse=True)
        place = torch.full((self.num_items,), -1, device=self.device)
        place[asked] = torch.arange(len(asked), device=self.device)
        row, chosen = self._interactions(users)
        at = place[self._item[chosen]]
        found = torch.zeros(len(users), len(asked), dtype=torch.bool, device=self.device)
        found[row[at >= 0], at[at >= 0]] = True
        return found[:, column]

    def are_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Return whether each of `users` (p,) chose the item beside it, bool of shape (p,)."""
        return self._contains(users * self.num_items + items)

    def unchosen(self, users: Tensor, *, max_tries: int = 100) -> Tensor:
        """Return for each user an item that the user did not choose, int64 of shape (p,).

        Uniform over the other known items. A user who chose all of them keeps the last draw: there
        is no negative.
        """
        items = self.shared(len(users))
        for _ in range(max_tries):
            wrong = self.are_pairs(users, items).nonzero().squeeze(1)
            if not len(wrong):
                break
            items[wrong] = self.shared(len(wrong))
        return items

    def _contains(self, pairs: Tensor) -> Tensor:
        place = torch.searchsorted(self._pairs, pairs.contiguous()).clamp(max=len(self._pairs) - 1)
        return self._pairs[place] == pairs
