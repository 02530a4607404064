"""The objective of a training step: the ranking loss and the terms that are added to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.data.interactions import Interactions
from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import Propagated
from kgrec.models.knowledge import KnowledgeConfig, Triples, TripleScorer
from kgrec.models.link_predictor import LinkPredictor
from kgrec.training.contrast import Contrast
from kgrec.training.losses.base import BatchScores
from kgrec.training.minibatch import MiniBatches, check_num_neighbors, rows_by_type
from kgrec.training.sampling import Batch, Sampler
from kgrec.training.settings import TrainingConfig


@dataclass(frozen=True)
class Task:
    """What a link predictor is trained on.

    Attributes:
        train: The training interactions.
        graph: Their graph's operators, all on the device that computes.
        features: Features by node type.
        trained: Which nodes training reaches.
        validate: Returns the validation metrics of the model as it is; None: there is no
            validation, and all epochs are trained.
    """

    train: Interactions
    graph: Propagation
    features: Mapping[str, Tensor]
    trained: Mapping[str, Tensor]
    validate: Callable[[], Mapping[str, float]] | None


class Objective:
    """The loss of a batch: ranking + L2 of its inputs + contrast + triples + penalty.

    Args:
        model: The model.
        task: What it is trained on.
        sampler: The training interactions and the source of all draws.
        config: Settings.
    """

    def __init__(
        self, model: LinkPredictor, task: Task, sampler: Sampler, config: TrainingConfig
    ) -> None:
        graph = task.graph
        self.model, self.graph, self.config = model, graph, config
        self.features, self.trained, self.sampler = task.features, task.trained, sampler
        self.negative_sampler = config.negatives.build(sampler, graph)
        self.known = torch.zeros(sampler.num_items, dtype=torch.bool, device=sampler.device)
        self.known[sampler.known] = True
        self.parts: MiniBatches | None = None
        if config.num_neighbors is not None:
            check_num_neighbors(model.config, config)
            self.parts = MiniBatches(graph, config.num_neighbors)
        self.contrast: Contrast | None = None
        if config.contrast is not None:
            self.contrast = config.contrast.build(graph)
        self.triples: Triples | None = None
        if model.config.knowledge is not None:
            of_graph = model.config.knowledge
            self.triples = Triples(
                graph.homogeneous, interactions=of_graph.interactions, inverses=of_graph.inverses
            )

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        generator, loss = self.sampler.generator, self.config.loss
        every = self.contrast is not None
        if self.parts is None:
            propagated = self.model(
                self.graph, self.features, self.trained, generator, all_layers=every
            )
            negatives = loss.negatives(self.negative_sampler, batch)
        else:
            negatives = loss.negatives(self.negative_sampler, batch)
            part, batch, negatives = self.parts(batch, negatives, generator)
            propagated = self.model(part, self.features, self.trained, generator, all_layers=every)
        head = self.model.head
        user = head.user(F.embedding(batch.users, propagated.user))
        total = loss.of_batch(BatchScores(head, propagated, user, batch, negatives, self.known))
        if self.config.ego_l2:
            total = total + self.config.ego_l2 * _length(propagated, batch, negatives.negative)
        if self.contrast is not None:
            total = total + self.contrast(propagated, batch, negatives.negative)
        if self.triples is not None and len(self.triples) and self.model.triples is not None:
            total = total + self._links(self.triples, self.model.triples)
        penalty = self.model.encoder.penalty()
        return total if penalty is None else total + penalty

    def _links(self, triples: Triples, scorer: TripleScorer) -> Tensor:
        settings = self.model.config.knowledge
        assert isinstance(settings, KnowledgeConfig)
        generator = self.sampler.generator
        rows = triples.draw(settings.batch_triples, generator)
        false = triples.corrupted(rows, settings.num_negatives, generator)
        ends = torch.cat([triples.head[rows, None], triples.tail[rows, None], false], dim=1)
        vectors, ends = self._vectors_of(ends)
        head = F.embedding(ends[:, 0], vectors)
        tail = F.embedding(ends[:, 1:].reshape(-1), vectors).reshape(len(rows), -1, head.shape[1])
        scores = scorer(head, triples.relation[rows], tail)
        loss = settings.of_scores(scores[:, 0], scores[:, 1:])
        if settings.l2:
            relation = scorer.relation[triples.relation[rows]]
            squares = (head**2).sum() + (tail**2).sum() + (relation**2).sum()
            loss = loss + settings.l2 * squares / (2 * len(rows))
        return settings.weight * loss

    def _vectors_of(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors for scoring triples, and the row of each of the given nodes in them.

        On the whole graph they are those of all nodes, on drawn parts those of the given nodes.
        """
        homogeneous, model = self.graph.homogeneous, self.model
        if self.parts is None:
            x = model.inputs(self.features, self.trained)
            return homogeneous.join(model.encoder.triple_vectors(x)), nodes
        used, place = torch.unique(nodes, return_inverse=True)
        node = rows_by_type(homogeneous.sizes, used)
        features = {kind: values[node[kind]] for kind, values in self.features.items()}
        trained = {kind: values[node[kind]] for kind, values in self.trained.items()}
        x = model.inputs(features, trained, None, node)
        return homogeneous.join(model.encoder.triple_vectors(x, node)), place


def _length(propagated: Propagated, batch: Batch, negative: Tensor | None) -> Tensor:
    """Return half the squared length of the inputs of a pair and its negatives, on average."""
    user, item = propagated.user_layers[0], propagated.item_layers[0]
    items = batch.item if negative is None else torch.cat([batch.item, negative.reshape(-1)])
    # Squared length times the number of occurrences: no row is copied.
    total = _counted(batch.users[batch.row], user) + _counted(items, item)
    return total / (2 * len(batch.row))


def _counted(rows: Tensor, vectors: Tensor) -> Tensor:
    times = torch.bincount(rows, minlength=len(vectors)).to(vectors.dtype)
    total: Tensor = _WeightedSquares.apply(vectors, times)  # type: ignore[no-untyped-call]
    return total


class _WeightedSquares(torch.autograd.Function):
    """Σ_v n_v ‖x_v‖², which reuses n_v x_v for the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, times: Tensor) -> Tensor:
        weighted = x * times[:, None]
        ctx.save_for_backward(weighted)
        return torch.dot(weighted.reshape(-1), x.detach().reshape(-1))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weighted,) = ctx.saved_tensors
        return weighted * (2 * gradient), None
