"""LightGCN over the user–item–attribute graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.propagation import Normalisation, SparseOperator, mean_of_layers
from kgrec.graph.weighted_sum import weighted_sum
from kgrec.models.encoders.base import (
    INTERACTS,
    BuildContext,
    GraphEncoder,
    LayerContext,
    LayeredConfig,
    Message,
    NodeVectors,
)


class LightGCN(GraphEncoder):
    """Propagation without transformations, with a learned weight for each relation.

    x_v^{l+1} = Σ_r w_r Σ_{u ∈ N_r(v)} x_u^l / sqrt(d_u d_v), and the result is the mean over the
    layers, after He et al., LightGCN, SIGIR 2020; the weight per relation extends it to the
    user–item–attribute graph. Interactions weigh 1. The other weights start at `relation_weight`,
    stay positive (softplus), and are shared by a relation and its inverse.

    Attributes:
        is_linear: Whether training computes sums only.
    """

    is_linear: ClassVar[bool] = True
    takes_edge_weights: ClassVar[bool] = True

    def __init__(self, config: LightGCNConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        names = sorted({_base(name) for name in context.graph.relations} - {INTERACTS})
        self._place = {name: row for row, name in enumerate(names)}
        self._knowledge = config.relation_weight > 0 and bool(names)
        start = torch.tensor(max(config.relation_weight, 1e-6))
        self.raw_weight = nn.Parameter(torch.log(torch.expm1(start)).repeat(len(names)))
        self.axes = {"raw_weight": (0, names)}

    def propagate(
        self,
        x: NodeVectors,
        context: LayerContext,
        *,
        kinds: Sequence[str] = ("user", "item"),
        all_layers: bool = False,
    ) -> tuple[list[NodeVectors], NodeVectors]:
        """Return all layers and their mean.

        With interactions alone, gradients and no `all_layers`, it computes the mean directly and
        returns the input as the only layer.
        """
        graph = context.graph
        alone = graph.interactions_only and not self._knowledge and context.keep_item is None
        alone = alone and graph.node is None  # on a drawn part, each layer has fewer nodes
        if all_layers or not (alone and self.is_linear and torch.is_grad_enabled()):
            return super().propagate(x, context, kinds=kinds)
        user, item = mean_of_layers(
            x["user"],
            x["item"],
            graph.operators["item", "rev_interacts", "user"],
            graph.operators["user", INTERACTS, "item"],
            self.num_layers,
        )
        return [x], {"user": user, "item": item}

    def relation_weights(self) -> dict[str, float]:
        """Return the learned weight of each relation."""
        weights = F.softplus(self.raw_weight).tolist() if self._knowledge else []
        return dict(zip(self._place, weights, strict=False))

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer."""
        del layer
        graph, keep_item = context.graph, context.keep_item
        # One more weight, for interactions; it is not learned.
        weights = torch.cat([F.softplus(self.raw_weight), self.raw_weight.new_ones(1)])
        terms: dict[str, tuple[list[SparseOperator], list[Tensor], list[int]]] = {}
        new: NodeVectors = {}
        for (source, name, target), operator in graph.items():
            base = _base(name)
            if base == INTERACTS and target == "item" and keep_item is not None:
                new[target] = operator(x[source]) * keep_item
            elif base == INTERACTS or self._knowledge:
                operators, inputs, places = terms.setdefault(target, ([], [], []))
                operators.append(operator)
                inputs.append(x[source])
                places.append(self._place.get(base, -1))
        for target, (operators, inputs, places) in terms.items():
            rows = torch.tensor(places, device=weights.device)
            total = weighted_sum(operators, inputs, weights[rows])
            new[target] = total + new[target] if target in new else total
        return {kind: new.get(kind, torch.zeros_like(value)) for kind, value in x.items()}

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        del layer, user
        return message(item)


class LightGCNConfig(LayeredConfig):
    """The settings of `LightGCN`."""

    name: Literal["lightgcn"] = "lightgcn"
    encoder: ClassVar[type[GraphEncoder]] = LightGCN
    relation_weight: float = Field(
        default=0.3,
        ge=0,
        description="Initial weight of the graph's relations; 0 leaves the knowledge graph out of "
        "the propagation.",
    )
    normalisation: ClassVar[Normalisation] = "symmetric"

    @property
    def reads_knowledge(self) -> bool:
        """Whether it reads edges other than the interactions."""
        return self.relation_weight > 0


def _base(relation: str) -> str:
    return relation.removeprefix("rev_")
