"""Negatives of a positive: uniform, popular, from the same batch, or near in the graph.

No negative is a positive of its user, unless the user chose all items that can be drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from kgrec.graph.propagation import Propagation
from kgrec.settings import Settings, by_name
from kgrec.training.sampling import Batch, Sampler

MAX_TRIES = 10
"""Draws before a pair that found only positives takes a uniform item."""


@dataclass(frozen=True)
class Negatives:
    """The negatives of a batch. Without any, the positives are compared with all items.

    Attributes:
        negative: Items for each positive, int64 of shape (p, n).
        shared: Items for all positives, int64 of shape (s,).
        log_chance: Log probability of each shared item in one draw, float32 of shape (s,).
        is_positive: Which shared items each user of the batch chose, bool of shape (b, s).
    """

    negative: Tensor | None = None
    shared: Tensor | None = None
    log_chance: Tensor | None = None
    is_positive: Tensor | None = None

    def items(self) -> list[Tensor]:
        """Return the items, flat."""
        return [part.reshape(-1) for part in (self.negative, self.shared) if part is not None]


class NegativeSampler:
    """Draws negatives for the pairs of a batch, uniformly from the items of training.

    Args:
        config: The settings.
        sampler: The training interactions and the source of all draws.
        graph: The edges.
    """

    def __init__(
        self,
        config: NegativeSamplerConfig,  # noqa: ARG002
        sampler: Sampler,
        graph: Propagation,  # noqa: ARG002
    ) -> None:
        self.sampler = sampler

    def of_pairs(self, batch: Batch, num: int) -> Tensor:
        """Return `num` negatives for each pair of the batch, int64 of shape (p, num)."""
        users = batch.users[batch.row].repeat_interleave(num)
        positives = batch.item.repeat_interleave(num)
        items = self.draw(batch, positives)
        wrong = self.sampler.are_pairs(users, items).nonzero().squeeze(1)
        for _ in range(MAX_TRIES):
            if not len(wrong):
                break
            items[wrong] = self.draw(batch, positives[wrong])
            wrong = wrong[self.sampler.are_pairs(users[wrong], items[wrong])]
        if len(wrong):
            items[wrong] = self.sampler.unchosen(users[wrong])
        return items.reshape(len(batch.row), num)

    def shared(self, batch: Batch, num: int) -> Negatives:
        """Return negatives that all pairs of the batch share."""
        items, log_chance = self.draw_shared(batch, num)
        is_positive = self.sampler.are_positive(batch.users, items)
        return Negatives(None, items, log_chance, is_positive)

    def draw(self, batch: Batch, positives: Tensor) -> Tensor:
        """Return an item for each positive, whether its user chose it or not, int64 of its shape.

        Args:
            batch: Their batch.
            positives: Rows of items, int64 of shape (p,).
        """
        del batch
        return self.sampler.shared(len(positives))

    def draw_shared(self, batch: Batch, num: int) -> tuple[Tensor, Tensor]:
        """Return items, int64 of shape (s,), and the log probability of each, float32."""
        del batch
        log_chance = -math.log(len(self.sampler.known))
        return self.sampler.shared(num), torch.full((num,), log_chance, device=self.sampler.device)


class NegativeSamplerConfig(Settings):
    """How negatives are drawn.

    Attributes:
        name: What configs call it.
        sampler: The class that it configures.
        is_of_positives: Whether a negative belongs to one positive.
        reads_knowledge: Whether it reads edges other than the interactions.
    """

    name: str
    sampler: ClassVar[type[NegativeSampler]]
    is_of_positives: ClassVar[bool] = False
    reads_knowledge: ClassVar[bool] = False

    def build(self, sampler: Sampler, graph: Propagation) -> NegativeSampler:
        """Return what draws them; see `NegativeSampler`."""
        return self.sampler(self, sampler, graph)


class UniformNegativesConfig(NegativeSamplerConfig):
    """Each item of training has the same probability."""

    name: Literal["uniform"] = "uniform"
    sampler: ClassVar[type[NegativeSampler]] = NegativeSampler


class PopularityNegatives(NegativeSampler):
    """Draws items with a probability in proportion to their number of users ** `power`."""

    def __init__(
        self, config: PopularityNegativesConfig, sampler: Sampler, graph: Propagation
    ) -> None:
        super().__init__(config, sampler, graph)
        chance = sampler.num_users.double()[sampler.known] ** config.power
        self._cumulative = torch.cumsum(chance / chance.sum(), 0)
        self.log_chance = torch.full((sampler.num_items,), -torch.inf, device=sampler.device)
        self.log_chance[sampler.known] = torch.log(chance / chance.sum()).float()

    def draw(self, batch: Batch, positives: Tensor) -> Tensor:
        """Return popular items; see `NegativeSampler.draw`."""
        del batch
        return self._popular(len(positives))

    def draw_shared(self, batch: Batch, num: int) -> tuple[Tensor, Tensor]:
        """Return popular items and their log probability."""
        del batch
        items = self._popular(num)
        return items, self.log_chance[items]

    def _popular(self, num: int) -> Tensor:
        at = self.sampler.uniform(num)
        place = torch.searchsorted(self._cumulative, at).clamp(max=len(self.sampler.known) - 1)
        return self.sampler.known[place]


class PopularityNegativesConfig(NegativeSamplerConfig):
    """An item's probability grows with its number of users.

    Mikolov et al., Distributed Representations of Words, NeurIPS 2013.
    """

    name: Literal["popularity"] = "popularity"
    sampler: ClassVar[type[NegativeSampler]] = PopularityNegatives
    power: float = Field(default=0.75, ge=0, description="Exponent of the number of users.")


class InBatchNegatives(NegativeSampler):
    """Draws positives of other pairs of the batch."""

    def draw(self, batch: Batch, positives: Tensor) -> Tensor:
        """Return items of the batch; see `NegativeSampler.draw`."""
        return batch.item[self.sampler.rows(len(batch.item), len(positives))]

    def draw_shared(self, batch: Batch, num: int) -> tuple[Tensor, Tensor]:
        """Return the distinct positives of the batch; their probability is their popularity."""
        del num
        items = torch.unique(batch.item)
        count = self.sampler.num_users[items].float()
        return items, torch.log(count / self.sampler.num_users.sum())


class InBatchNegativesConfig(NegativeSamplerConfig):
    """The positives of other pairs of the batch."""

    name: Literal["in_batch"] = "in_batch"
    sampler: ClassVar[type[NegativeSampler]] = InBatchNegatives


class GraphNegatives(NegativeSampler):
    """Walks from the positive to a random neighbor (no user), and from there to a random item.

    Such an item is harder than a uniform one, because it shares a neighbor with the positive. A
    positive without such neighbors gets uniform negatives.
    """

    def __init__(self, config: GraphNegativesConfig, sampler: Sampler, graph: Propagation) -> None:
        super().__init__(config, sampler, graph)
        homogeneous = graph.homogeneous
        homogeneous = homogeneous.select(~homogeneous.of_interactions())
        first = homogeneous.start("item")
        self._first = first
        known = torch.zeros(homogeneous.num_nodes, dtype=torch.bool, device=graph.device)
        known[sampler.known + first] = True
        is_item = torch.zeros_like(known)
        is_item[first : first + homogeneous.sizes["item"]] = True
        out, back = is_item[homogeneous.source], known[homogeneous.target]
        self._out = _rows(homogeneous.source[out], homogeneous.target[out], homogeneous.num_nodes)
        self._back = _rows(
            homogeneous.source[back], homogeneous.target[back], homogeneous.num_nodes
        )

    def draw(self, batch: Batch, positives: Tensor) -> Tensor:
        """Return an item for each positive; a uniform one if the walk finds none."""
        del batch
        items = self.sampler.shared(len(positives))
        there, found = self._step(self._out, positives + self._first)
        back, returned = self._step(self._back, there)
        arrived = found & returned & (back != positives + self._first)
        return torch.where(arrived, back - self._first, items)

    def _step(self, rows: tuple[Tensor, Tensor], nodes: Tensor) -> tuple[Tensor, Tensor]:
        start, target = rows
        count = start[nodes + 1] - start[nodes]
        at = self.sampler.uniform(len(nodes))
        if not len(target):
            return nodes, torch.zeros_like(nodes, dtype=torch.bool)
        place = (start[nodes] + (at * count).long()).clamp(max=len(target) - 1)
        return torch.where(count > 0, target[place], nodes), count > 0


class GraphNegativesConfig(NegativeSamplerConfig):
    """An item one node of the knowledge graph away from the positive, see `GraphNegatives`."""

    name: Literal["graph"] = "graph"
    sampler: ClassVar[type[NegativeSampler]] = GraphNegatives
    is_of_positives: ClassVar[bool] = True
    reads_knowledge: ClassVar[bool] = True


def _rows(source: Tensor, target: Tensor, num: int) -> tuple[Tensor, Tensor]:
    order = torch.argsort(source * num + target)
    start = torch.zeros(num + 1, dtype=torch.int64, device=source.device)
    start[1:] = torch.cumsum(torch.bincount(source, minlength=num), 0)
    return start, target[order]


NegativesConfig = Annotated[
    UniformNegativesConfig
    | PopularityNegativesConfig
    | InBatchNegativesConfig
    | GraphNegativesConfig,
    Field(discriminator="name"),
    by_name("uniform"),
]
"""The settings of any way to draw negatives; a name alone is one with its defaults."""
