"""Which items stand against a positive: uniform, popular, of the same batch, alike in the graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from kgrec.graph.propagation import Propagation
from kgrec.training.sampling import Batch, Sampler

NegativeMode = Literal["uniform", "popularity", "in_batch", "graph"]


class NegativeSampler:
    """Draws negatives for the pairs of a batch.

    * `uniform`: each item that training knows with the same chance.
    * `popularity`: with a chance that grows with its number of users to the power `power`
      (Mikolov et al., Distributed Representations of Words, NeurIPS 2013).
    * `in_batch`: the positives of other pairs of the batch.
    * `graph`: an item one node of the knowledge graph away from the positive: a walk from it to a
      random neighbor that is no user, and on to a random item there. Harder than a random one,
      because only the interactions tell the two apart. An item without such neighbors gets
      uniform ones.

    No negative is a positive of its user, unless the user chose all that could be drawn.

    Args:
        sampler: The training interactions and the source of all draws.
        mode: How to draw.
        graph: The edges, which `graph` needs.
        power: Exponent of the popularity.
        max_tries: Draws before a pair that found only positives takes a uniform item.
    """

    def __init__(
        self,
        sampler: Sampler,
        mode: NegativeMode = "uniform",
        graph: Propagation | None = None,
        *,
        power: float = 0.75,
        max_tries: int = 10,
    ) -> None:
        self.sampler, self.mode, self.max_tries = sampler, mode, max_tries
        chance = sampler.num_users.double()[sampler.known] ** power
        self._cumulative = torch.cumsum(chance / chance.sum(), 0)
        self.log_chance = torch.full((sampler.num_items,), -torch.inf)
        self.log_chance[sampler.known] = torch.log(chance / chance.sum()).float()
        self._walk = _Walk(graph, sampler) if mode == "graph" and graph is not None else None

    def of_pairs(self, batch: Batch, num: int) -> Tensor:
        """Return `num` negatives for each pair of the batch, int64 of shape (p, num)."""
        users = batch.users[batch.row].repeat_interleave(num)
        positives = batch.item.repeat_interleave(num)
        draw = self._draw(batch)
        items = draw(positives)
        wrong = self.sampler.are_pairs(users, items).nonzero().squeeze(1)
        for _ in range(self.max_tries):
            if not len(wrong):
                break
            items[wrong] = draw(positives[wrong])
            wrong = wrong[self.sampler.are_pairs(users[wrong], items[wrong])]
        if len(wrong):
            items[wrong] = self.sampler.unchosen(users[wrong])
        return items.reshape(len(batch.row), num)

    def shared(self, batch: Batch, num: int) -> tuple[Tensor, Tensor]:
        """Return items that stand against all pairs, int64 (s,), and the log chance of each.

        The chance is that of one draw, float32 of shape (s,); what a sampled softmax subtracts.
        `in_batch` returns the distinct positives of the batch, whose chance is their popularity.
        """
        if self.mode == "in_batch":
            items = torch.unique(batch.item)
            count = self.sampler.num_users[items].float()
            return items, torch.log(count / self.sampler.num_users.sum())
        if self.mode == "popularity":
            items = self._popular(num)
            return items, self.log_chance[items]
        items = self.sampler.shared(num)
        return items, torch.full((num,), -math.log(len(self.sampler.known)))

    def _draw(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        generator = self.sampler.generator
        if self.mode == "popularity":
            return lambda positives: self._popular(len(positives))
        if self.mode == "in_batch":
            return lambda positives: batch.item[
                torch.randint(len(batch.item), (len(positives),), generator=generator)
            ]
        if self._walk is not None:
            return self._walk
        return lambda positives: self.sampler.shared(len(positives))

    def _popular(self, num: int) -> Tensor:
        at = torch.rand(num, generator=self.sampler.generator, dtype=torch.float64)
        place = torch.searchsorted(self._cumulative, at).clamp(max=len(self.sampler.known) - 1)
        return self.sampler.known[place]


class _Walk:
    """Steps from an item to a node of the knowledge graph, and back to an item."""

    def __init__(self, graph: Propagation, sampler: Sampler) -> None:
        homogeneous = graph.homogeneous
        homogeneous = homogeneous.select(~homogeneous.of_interactions())
        first = homogeneous.start("item")
        self.sampler, self.first = sampler, first
        known = torch.zeros(homogeneous.num_nodes, dtype=torch.bool)
        known[sampler.known + first] = True
        is_item = torch.zeros(homogeneous.num_nodes, dtype=torch.bool)
        is_item[first : first + homogeneous.sizes["item"]] = True
        out, back = is_item[homogeneous.source], known[homogeneous.target]
        self._out = _rows(homogeneous.source[out], homogeneous.target[out], homogeneous.num_nodes)
        self._back = _rows(
            homogeneous.source[back], homogeneous.target[back], homogeneous.num_nodes
        )

    def __call__(self, positives: Tensor) -> Tensor:
        """Return an item for each positive, int64 of shape (p,); uniform where there is no way."""
        items = self.sampler.shared(len(positives))
        there, found = self._step(self._out, positives + self.first)
        back, returned = self._step(self._back, there)
        arrived = found & returned & (back != positives + self.first)
        return torch.where(arrived, back - self.first, items)

    def _step(self, rows: tuple[Tensor, Tensor], nodes: Tensor) -> tuple[Tensor, Tensor]:
        start, target = rows
        count = start[nodes + 1] - start[nodes]
        at = torch.rand(len(nodes), generator=self.sampler.generator, dtype=torch.float64)
        if not len(target):
            return nodes, torch.zeros(len(nodes), dtype=torch.bool)
        place = (start[nodes] + (at * count).long()).clamp(max=len(target) - 1)
        return torch.where(count > 0, target[place], nodes), count > 0


def _rows(source: Tensor, target: Tensor, num: int) -> tuple[Tensor, Tensor]:
    order = torch.argsort(source * num + target)
    start = torch.zeros(num + 1, dtype=torch.int64)
    start[1:] = torch.cumsum(torch.bincount(source, minlength=num), 0)
    return start, target[order]
