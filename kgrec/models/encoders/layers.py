"""Graph encoders: from input vectors to vectors that know their neighborhood."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.propagation import Normalisation, Propagation, SparseOperator, mean_of_layers
from kgrec.graph.weighted_sum import weighted_sum
from kgrec.models.knowledge import TripleScorer

NodeVectors = dict[str, Tensor]
INTERACTS = "interacts"


@dataclass(frozen=True)
class Propagated:
    """Vectors of all nodes.

    Attributes:
        user: float32 of shape (num_users, dim), before the head.
        item: float32 of shape (num_items, dim), before the head.
        user_layers: The users' vectors of each layer, the first of which is the input.
        item_layers: The items' vectors of each layer, which `fold_in` needs.
        nodes: The vectors of all nodes by type, where the head reads them.
        part: The drawn part of the graph whose nodes these are, the batch's first; None: they are
            all nodes.
    """

    user: Tensor
    item: Tensor
    user_layers: list[Tensor]
    item_layers: list[Tensor]
    nodes: NodeVectors
    part: Propagation | None = None


class GraphEncoder(nn.Module):
    """Layers of message passing over all edge types.

    `forward` returns the vectors of every layer; `combine` makes one vector of them. They are
    apart so that a user who was not in training can be folded in: `fold_in` repeats what the
    layers would have done to a user with the given liked items, with the items' vectors as they
    are.
    """

    normalisation: Normalisation

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.num_layers = num_layers

    def forward(
        self,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> list[NodeVectors]:
        """Return the vectors of layers 0 … num_layers, each by node type.

        Args:
            x: Input vectors, float32 of shape (num_nodes, dim) for each node type.
            graph: The edges, of all nodes or of a drawn part.
            keep_item: 0 for items that are to see no user, as a new item does, else 1; float32 of
                shape (num_items, 1).
            generator: Source of dropout and noise while training; None: there is none.

        Returns:
            The layers. On a drawn part, each has the nodes alone that the next one reads.
        """
        layers = [self.start(x, graph, generator)]
        for layer in range(self.num_layers):
            near = graph.after(layer)
            kept = None if keep_item is None else keep_item[: near.sizes["item"]]
            layers.append(self.step(layer, near.first(layers[-1]), near, kept, generator))
        return layers

    def propagate(
        self,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None = None,
        generator: torch.Generator | None = None,
        *,
        kinds: Sequence[str] = ("user", "item"),
        all_layers: bool = False,
    ) -> tuple[list[NodeVectors], NodeVectors]:
        """Return the layers of `forward`, and what `combine` makes of them for the `kinds`.

        On a drawn part they are of the nodes whose vectors are right after all layers, see
        `Propagation.after`. With `all_layers`, no encoder takes a way that leaves layers out.
        """
        del all_layers
        last = graph.after(self.num_layers)
        layers = [last.first(layer) for layer in self(x, graph, keep_item, generator)]
        return layers, {kind: self.combine([layer[kind] for layer in layers]) for kind in kinds}

    def start(
        self, x: NodeVectors, graph: Propagation, generator: torch.Generator | None
    ) -> NodeVectors:
        """Return the vectors of layer 0."""
        del graph, generator
        return x

    @abstractmethod
    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None,
    ) -> NodeVectors:
        """Return the vectors after one more layer."""

    @abstractmethod
    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return unseen users' vectors after one more layer.

        Args:
            layer: Which layer.
            user: Their vectors before it, float32 of shape (b, dim).
            message: The operator from items to these users.
            item: The items' vectors before it, float32 of shape (num_items, dim).
        """

    @abstractmethod
    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return one vector for each node, float32 of shape (n, dim), from those of all layers."""

    def fold_in(
        self, user: Tensor, items: Sequence[Tensor], message: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return the vectors of users who were not in training, float32 of shape (b, dim).

        Args:
            user: Their input vectors, float32 of shape (b, dim).
            items: The items' vectors of layers 0 … num_layers.
            message: The operator from items to these users.
        """
        layers = [user]
        for layer in range(self.num_layers):
            layers.append(self.step_user(layer, layers[-1], message, items[layer]))
        return self.combine(layers)

    def width(self, dim: int) -> int:
        """Return how wide the vectors are that `combine` makes of layers of width `dim`."""
        return dim

    def triple_vectors(
        self, x: NodeVectors, node: Mapping[str, Tensor] | None = None
    ) -> NodeVectors:
        """Return the vectors that the graph's own links are learned with: the inputs.

        Args:
            x: Input vectors by node type.
            node: Whose they are, rows by node type; None: of all nodes.
        """
        del node
        return x

    def penalty(self) -> Tensor | None:
        """Return a term that is added to the loss; None: there is none."""
        return None

    def refresh(self, x: NodeVectors, graph: Propagation, triples: TripleScorer | None) -> None:
        """Compute what stays fixed for an epoch; called before each, without gradients."""
        del x, graph, triples


class Unpropagated(GraphEncoder):
    """No propagation: a vector is what fusion makes of it, as in matrix factorisation.

    A user who was not in training is the mean of what they like, which the head makes a user of.
    """

    normalisation: Normalisation = "mean"

    def __init__(self) -> None:
        super().__init__(0)

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None,
    ) -> NodeVectors:
        """Return the vectors as they are; there are no layers."""
        del layer, graph, keep_item, generator
        return x

    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return the users as they are; there are no layers."""
        del layer, message, item
        return user

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the only layer."""
        return layers[0]


class LightGCN(GraphEncoder):
    """Propagation without transformations, over all relations with a learned weight for each.

    x_v^{l+1} = Σ_r w_r Σ_{u ∈ N_r(v)} x_u^l / sqrt(d_u d_v), and the result is the mean over the
    layers, after He et al., LightGCN, SIGIR 2020; the weight per relation extends it to the
    user–item–attribute graph. Interactions weigh 1; the others begin at `relation_weight`, stay
    positive (softplus), and a relation shares its weight with its inverse.

    Args:
        relations: Names of all relations, inverses included.
        num_layers: Layers.
        relation_weight: Where the weights begin; 0: only interactions are used.

    Attributes:
        is_linear: Whether nothing but sums is done while training.
    """

    normalisation: Normalisation = "symmetric"
    is_linear: ClassVar[bool] = True

    def __init__(self, relations: Sequence[str], num_layers: int, relation_weight: float) -> None:
        super().__init__(num_layers)
        names = sorted({_base(name) for name in relations} - {INTERACTS})
        self._place = {name: row for row, name in enumerate(names)}
        self._knowledge = relation_weight > 0 and bool(names)
        start = torch.tensor(max(relation_weight, 1e-6))
        self.raw_weight = nn.Parameter(torch.log(torch.expm1(start)).repeat(len(names)))

    def propagate(
        self,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None = None,
        generator: torch.Generator | None = None,
        *,
        kinds: Sequence[str] = ("user", "item"),
        all_layers: bool = False,
    ) -> tuple[list[NodeVectors], NodeVectors]:
        """Return all layers and their mean.

        Where only interactions are propagated and gradients are wanted, but not `all_layers`, the
        mean is computed without the layers, and the input is the only one returned.
        """
        alone = graph.interactions_only and not self._knowledge and keep_item is None
        alone = alone and graph.node is None  # on a drawn part, layers get ever smaller
        if all_layers or not (alone and self.is_linear and torch.is_grad_enabled()):
            return super().propagate(x, graph, keep_item, generator, kinds=kinds)
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

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None = None,
    ) -> NodeVectors:
        """Return the vectors after one more layer."""
        del layer, generator
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
            total = weighted_sum(operators, inputs, weights[places])
            new[target] = total + new[target] if target in new else total
        return {kind: new.get(kind, torch.zeros_like(value)) for kind, value in x.items()}

    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        del layer, user
        return message(item)

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the mean over the layers."""
        return layer_sum(layers) / len(layers)


class RGCN(GraphEncoder):
    """x_v^{l+1} = σ(W_0 x_v^l + Σ_r mean_{u ∈ N_r(v)} W_r x_u^l), the last layer without σ.

    Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks, ESWC 2018,
    with their basis decomposition W_r = Σ_b a_rb V_b. σ is tanh, which keeps both signs for the
    inner products of the head. The result is the sum of the input and the last layer, so that a
    node without neighbors stays what it is.

    Args:
        relations: Names of all relations, inverses included.
        num_layers: Layers.
        dim: Width of the vectors.
        num_bases: Bases shared by the relations.
        generator: Source of the initial values.
    """

    normalisation: Normalisation = "mean"

    def __init__(
        self,
        relations: Sequence[str],
        num_layers: int,
        dim: int,
        num_bases: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__(num_layers)
        self._place = {name: row for row, name in enumerate(sorted(relations))}
        scale = dim**-0.5
        shape = (num_layers, num_bases, dim, dim)
        self.bases = nn.Parameter(torch.randn(shape, generator=generator) * scale)
        mix = torch.randn(num_layers, len(self._place), num_bases, generator=generator)
        self.mix = nn.Parameter(mix * num_bases**-0.5)
        self.self_loop = nn.Parameter(torch.eye(dim).repeat(num_layers, 1, 1))

    def step(
        self,
        layer: int,
        x: NodeVectors,
        graph: Propagation,
        keep_item: Tensor | None,
        generator: torch.Generator | None = None,
    ) -> NodeVectors:
        """Return the vectors after one more layer."""
        del generator
        new = {kind: value @ self.self_loop[layer] for kind, value in x.items()}
        for (source, name, target), operator in graph.items():
            # The smaller side is multiplied by the matrix: it is linear, so both orders agree.
            weight = self._matrix(layer, name)
            if operator.num_sources <= operator.num_targets:
                message = operator(x[source] @ weight)
            else:
                message = operator(x[source]) @ weight
            if name == INTERACTS and keep_item is not None:
                message = message * keep_item
            new[target] = new[target] + message
        return {kind: self._activate(layer, value) for kind, value in new.items()}

    def step_user(
        self, layer: int, user: Tensor, message: Callable[[Tensor], Tensor], item: Tensor
    ) -> Tensor:
        """Return unseen users' vectors after one more layer."""
        weight = self._matrix(layer, f"rev_{INTERACTS}")
        return self._activate(layer, user @ self.self_loop[layer] + message(item) @ weight)

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the sum of the input and the last layer."""
        return layers[0] + layers[-1] if len(layers) > 1 else layers[0]

    def _matrix(self, layer: int, relation: str) -> Tensor:
        return torch.einsum("b,bij->ij", self.mix[layer, self._place[relation]], self.bases[layer])

    def _activate(self, layer: int, x: Tensor) -> Tensor:
        return torch.tanh(x) if layer + 1 < self.num_layers else x


def layer_sum(layers: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors of one shape, one by one: a stack of them would be copied twice."""
    total = layers[0]
    for layer in layers[1:]:
        total = total + layer
    return total


def _base(relation: str) -> str:
    return relation.removeprefix("rev_")
