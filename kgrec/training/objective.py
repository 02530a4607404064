"""What a step of training minimises: the ranking loss and what is added to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kgrec.graph.propagation import Propagation
from kgrec.models.encoders import Encoded
from kgrec.models.knowledge import KnowledgeConfig, Triples, TripleScorer
from kgrec.models.link_predictor import LinkPredictor
from kgrec.training import losses
from kgrec.training.contrast import Contrast
from kgrec.training.negatives import Negatives
from kgrec.training.sampling import Batch, Sampler
from kgrec.training.settings import TrainingConfig


class Objective:
    """The loss of a batch: ranking + L2 of its inputs + contrast + graph links + penalty.

    Args:
        model: The model.
        graph: The edges.
        features: Features by node type.
        trained: Which nodes training reaches.
        sampler: The training interactions and the source of all draws.
        config: Settings.
    """

    def __init__(
        self,
        model: LinkPredictor,
        graph: Propagation,
        features: Mapping[str, Tensor],
        trained: Mapping[str, Tensor],
        sampler: Sampler,
        config: TrainingConfig,
    ) -> None:
        self.model, self.graph, self.config = model, graph, config
        self.features, self.trained, self.sampler = features, trained, sampler
        self.negatives = Negatives(sampler, config.negatives, graph, power=config.popularity_power)
        self.allowed = torch.zeros(sampler.num_items, dtype=torch.bool)
        self.allowed[sampler.known] = True
        self.contrast: Contrast | None = None
        if config.contrast is not None:
            self.contrast = Contrast(config.contrast, graph)
        self.triples: Triples | None = None
        if model.config.knowledge is not None:
            of_graph = model.config.knowledge
            self.triples = Triples(
                graph.joint, interactions=of_graph.interactions, inverses=of_graph.inverses
            )

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        generator = self.sampler.generator
        encoded = self.model(self.graph, self.features, self.trained, generator)
        negative = None
        if self.config.loss in ("bpr", "bsl", "cross_entropy"):
            negative = self.negatives.of_pairs(batch, self.config.negatives_per_positive)
        total = self._ranking(encoded, batch, negative)
        if self.config.ego_l2:
            total = total + self.config.ego_l2 * _length(encoded, batch, negative)
        if self.contrast is not None:
            total = total + self.contrast(encoded, batch, negative)
        if self.triples is not None and len(self.triples) and self.model.triples is not None:
            total = total + self._links(self.triples, self.model.triples)
        penalty = self.model.encoder.penalty()
        return total if penalty is None else total + penalty

    def _ranking(self, encoded: Encoded, batch: Batch, negative: Tensor | None) -> Tensor:
        head, config, row = self.model.head, self.config, batch.row
        user = head.user(F.embedding(batch.users, encoded.user))
        if config.loss == "softmax":
            scores = head.scores(user, encoded)
            return losses.full_softmax(
                scores,
                row,
                batch.item,
                temperature=config.temperature,
                allowed=self.allowed,
                weight=batch.weight,
            )
        of_pair = user if len(user) == len(row) and _is_range(row) else user[row]
        if negative is None:
            items, log_chance = self.negatives.shared(batch, config.num_negatives)
            return losses.sampled_softmax(
                head.pair_scores(of_pair, encoded, batch.item[:, None])[:, 0],
                head.pair_scores(user, encoded, items.expand(len(user), -1))
                if not head.is_inner_product
                else user @ head.item(encoded.item[items]).T,
                row,
                temperature=config.temperature,
                log_chance=log_chance,
                is_positive=self.sampler.are_positive(batch.users, items),
            )
        both = torch.cat([batch.item[:, None], negative], dim=1)
        scores = head.pair_scores(of_pair, encoded, both)
        if config.loss == "bpr":
            return losses.bpr(scores[:, 0], scores[:, 1:])
        if config.loss == "cross_entropy":
            return losses.cross_entropy(scores[:, 0], scores[:, 1:])
        return losses.bsl(
            scores[:, 0],
            scores[:, 1:],
            row,
            temperature=config.temperature,
            positive_temperature=config.positive_temperature,
        )

    def _links(self, triples: Triples, scorer: TripleScorer) -> Tensor:
        settings = self.model.config.knowledge
        assert isinstance(settings, KnowledgeConfig)
        generator = self.sampler.generator
        x = self.model.inputs(self.features, self.trained)
        nodes = self.graph.joint.join(self.model.encoder.triple_vectors(x))
        rows = triples.draw(settings.batch_triples, generator)
        false = triples.corrupted(rows, settings.num_negatives, generator)
        head = F.embedding(triples.head[rows], nodes)
        tails = torch.cat([triples.tail[rows, None], false], dim=1)
        tail = F.embedding(tails.reshape(-1), nodes).reshape(*tails.shape, -1)
        scores = scorer(head, triples.relation[rows], tail)
        if settings.loss == "margin":
            loss = losses.knowledge_margin(scores[:, 0], scores[:, 1:], margin=settings.margin)
        else:
            loss = losses.knowledge_softmax(scores[:, 0], scores[:, 1:])
        if settings.l2:
            relation = scorer.relation[triples.relation[rows]]
            squares = (head**2).sum() + (tail**2).sum() + (relation**2).sum()
            loss = loss + settings.l2 * squares / (2 * len(rows))
        return settings.weight * loss


def _length(encoded: Encoded, batch: Batch, negative: Tensor | None) -> Tensor:
    """Return half the squared length of the inputs of a pair and its negatives, the mean."""
    user, item = encoded.user_layers[0], encoded.item_layers[0]
    items = batch.item if negative is None else torch.cat([batch.item, negative.reshape(-1)])
    # How often each node stands there, times its length: no row is copied for it.
    total = _counted(batch.users[batch.row], user) + _counted(items, item)
    return total / (2 * len(batch.row))


def _counted(rows: Tensor, vectors: Tensor) -> Tensor:
    times = torch.bincount(rows, minlength=len(vectors)).to(vectors.dtype)
    total: Tensor = _WeightedSquares.apply(vectors, times)  # type: ignore[no-untyped-call]
    return total


class _WeightedSquares(torch.autograd.Function):
    """Σ_v n_v ‖x_v‖², whose gradient 2 n_v x_v falls off on the way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, times: Tensor) -> Tensor:
        weighted = x * times[:, None]
        ctx.save_for_backward(weighted)
        return torch.dot(weighted.reshape(-1), x.detach().reshape(-1))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weighted,) = ctx.saved_tensors
        return weighted * (2 * gradient), None


def _is_range(row: Tensor) -> bool:
    return bool((row == torch.arange(len(row))).all())
