"""What edges of the graph add to a link predictor's score: integrated gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from kgrec.graph.edge_weights import EdgeWeights
from kgrec.graph.propagation import Propagation
from kgrec.models.contributions import liked_rows
from kgrec.models.encoders.base import Propagated, unit_rows
from kgrec.models.link_predictor import LinkPredictor
from kgrec.types import EdgeType, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class EdgeGradients:
    """The way from the values of edges to a score, as `TrainedVectors` takes it, differentiable.

    It has none of what is made of an item's content: items and histories have interactions.

    Attributes:
        predictor: The weights; its encoder takes edge weights, and its head is an inner product.
        graph: The graph.
        features: As for `LinkPredictor.forward`.
        trained: As for `LinkPredictor.forward`.
        step: The size of the step of new users; see `kgrec.models.history_step.towards_items`.
    """

    predictor: LinkPredictor
    graph: Propagation
    features: Mapping[str, Tensor]
    trained: Mapping[str, Tensor]
    step: float

    def attributions(
        self,
        asked: int | csr_matrix,
        item: int,
        groups: Mapping[EdgeType, IntArray],
        number: int,
        steps: int,
    ) -> Float64Array:
        """Return what groups of edges add to a score; see `Model.edge_attributions`.

        All weights go from 0 to 1 together. Each smooth part of this path has a Gauss–Legendre
        quadrature of its own: it would converge slowly over a kink.
        """
        device = self.graph.device
        of_edges = {kind: torch.from_numpy(group).to(device) for kind, group in groups.items()}
        edges = EdgeWeights(self.graph, of_edges)
        places, shares = np.polynomial.legendre.leggauss(steps)
        ends = [0.0, *edges.kinks().tolist(), 1.0]
        total = np.zeros(number)
        for low, high in pairwise(ends):
            for place, share in zip(places.tolist(), shares.tolist(), strict=True):
                at = low + (high - low) * (place + 1) / 2
                weights = torch.full((number,), at, device=device, requires_grad=True)
                score = self._score(edges.graph(weights), asked, item)
                (gradient,) = torch.autograd.grad(score, weights)
                total += gradient.double().cpu().numpy() * share * (high - low) / 2
        return total

    def _score(self, graph: Propagation, asked: int | csr_matrix, item: int) -> Tensor:
        head = self.predictor.head
        propagated: Propagated = self.predictor(graph, self.features, self.trained)
        if isinstance(asked, csr_matrix):
            user = self._of_history(graph, propagated, liked_rows(asked))
        elif self.trained["user"][asked, 0] > 0:
            user = head.user(propagated.user[asked : asked + 1])[0]
        else:
            user = self._average(propagated)
        return torch.dot(user, head.item(propagated.item[item : item + 1])[0])

    def _of_history(self, graph: Propagation, propagated: Propagated, liked: IntArray) -> Tensor:
        if not len(liked):
            return self._average(propagated)
        head, items = self.predictor.head, torch.from_numpy(liked).to(graph.device)
        found = self.predictor.fold_in(graph, propagated, torch.zeros_like(items), items, 1)
        vector = head.user(found)
        if not bool(vector.any()):
            return self._average(propagated)
        side = head.item(propagated.item)
        own = side[items]
        own = own[own.any(dim=1)]
        if not self.step or not len(own):
            return vector[0]
        centre = side[self.trained["item"].squeeze(1) > 0].mean(dim=0)
        moved = unit_rows(vector + self.step * (own.mean(dim=0) - centre))
        made: Tensor = (moved * vector.norm(dim=1, keepdim=True))[0]
        return made

    def _average(self, propagated: Propagated) -> Tensor:
        known = propagated.user[self.trained["user"].squeeze(1) > 0]
        return self.predictor.head.user(known).mean(dim=0)
