"""The base of graph encoders, which compute node vectors from the nodes' neighborhoods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from kgrec.graph.propagation import Normalisation, Propagation
from kgrec.models.knowledge import TripleScorer
from kgrec.settings import Settings

NodeVectors = dict[str, Tensor]
Message = Callable[[Tensor], Tensor]
INTERACTS = "interacts"


@dataclass(frozen=True)
class BuildContext:
    """What the parts of a link predictor are built from.

    Attributes:
        graph: The edges; they define node types, sizes and relations.
        dim: Width of the vectors that a part gets.
        scale: Standard deviation of initial vectors.
        generator: Source of the initial values.
    """

    graph: Propagation
    dim: int
    scale: float
    generator: torch.Generator


class GraphEncoderConfig(Settings):
    """The settings of a graph encoder.

    Attributes:
        name: What configs call it.
        encoder: The class that it configures.
        normalisation: How edges are weighted.
        adds_relations: Whether it adds the vectors of relations to those of nodes.
    """

    name: str
    encoder: ClassVar[type[GraphEncoder]]
    normalisation: ClassVar[Normalisation] = "mean"
    adds_relations: ClassVar[bool] = False

    def build(self, context: BuildContext) -> GraphEncoder:
        """Return the encoder with its initial values."""
        return self.encoder(self, context)

    @property
    def reach(self) -> int:
        """Number of steps along edges that the encoder takes."""
        return 0

    @property
    def reads_knowledge(self) -> bool:
        """Whether it reads edges other than the interactions."""
        return True

    def width(self, dim: int) -> int:
        """Return the width of the result for layers of width `dim`."""
        return dim


class LayeredConfig(GraphEncoderConfig):
    """The settings of a graph encoder that passes messages in layers."""

    num_layers: int = Field(default=2, ge=0, le=64, description="Layers of message passing.")

    @property
    def reach(self) -> int:
        """Number of steps along edges: one for each layer."""
        return self.num_layers


@dataclass(frozen=True)
class Propagated:
    """Vectors of all nodes.

    Attributes:
        user: float32 of shape (num_users, dim), before the head.
        item: float32 of shape (num_items, dim), before the head.
        user_layers: The users' vectors of each layer, the input first.
        item_layers: The items' vectors of each layer, which `fold_in` needs.
        nodes: The vectors of all nodes by type, where the head reads them.
        part: The drawn part of the graph that has these nodes, those of the batch first; None: the
            whole graph.
    """

    user: Tensor
    item: Tensor
    user_layers: list[Tensor]
    item_layers: list[Tensor]
    nodes: NodeVectors
    part: Propagation | None = None


@dataclass(frozen=True)
class LayerContext:
    """The inputs of a layer in addition to the vectors.

    Attributes:
        graph: The edges, of all nodes or of a drawn part.
        keep_item: 0 for items that must not see their users, like new items, else 1; float32 of
            shape (num_items, 1); None: 1 for all.
        generator: Source of dropout and noise during training; None: neither.
    """

    graph: Propagation
    keep_item: Tensor | None = None
    generator: torch.Generator | None = None


Axes = Mapping[str, tuple[int, str | Sequence[str]]]
"""Which axis of which parameter has a row for each of what: a node type, or names of relations."""


class GraphEncoder(nn.Module):
    """Layers of message passing over all edge types.

    `forward` returns the vectors of every layer; `combine` makes one vector of them. They are
    separate for the sake of `fold_in`, which applies the layers to a user who was not in training,
    while the items' vectors stay as they are.

    Args:
        config: The settings.
        context: What it is built from.

    Attributes:
        axes: Its parameters whose size depends on the graph, so that weights can be taken over to
            another graph; see `kgrec.training.carried_over`.
        takes_edge_weights: Whether all it reads of the edges are the operators of the graph, so
            that its result can be differentiated in their values; see `kgrec.graph.edge_weights`.
        sparse_gradients: Whether reading some rows of its own tables gives a sparse gradient.
    """

    axes: Axes = {}  # noqa: RUF012  # replaced, and never changed
    takes_edge_weights: ClassVar[bool] = False
    sparse_gradients: bool = False

    def __init__(self, config: GraphEncoderConfig, context: BuildContext) -> None:  # noqa: ARG002
        super().__init__()
        self.num_layers = config.reach

    def forward(self, x: NodeVectors, context: LayerContext) -> list[NodeVectors]:
        """Return the vectors of layers 0 … num_layers, each by node type.

        On a drawn part of the graph, each layer has only the nodes that the next one reads.

        Args:
            x: Input vectors, float32 of shape (num_nodes, dim) for each node type.
            context: The other inputs of the layers.
        """
        layers, keep_item = [self.start(x, context)], context.keep_item
        for layer in range(self.num_layers):
            near = context.graph.after(layer)
            kept = None if keep_item is None else keep_item[: near.sizes["item"]]
            inside = LayerContext(near, kept, context.generator)
            layers.append(self.step(layer, near.first(layers[-1]), inside))
        return layers

    def propagate(
        self,
        x: NodeVectors,
        context: LayerContext,
        *,
        kinds: Sequence[str] = ("user", "item"),
        all_layers: bool = False,
    ) -> tuple[list[NodeVectors], NodeVectors]:
        """Return the layers of `forward`, and the result of `combine` for each of the `kinds`.

        On a drawn part, they are those of the nodes whose vectors are correct after all layers, see
        `Propagation.after`. With `all_layers`, no encoder may leave layers out.
        """
        del all_layers
        last = context.graph.after(self.num_layers)
        layers = [last.first(layer) for layer in self(x, context)]
        return layers, {kind: self.combine([layer[kind] for layer in layers]) for kind in kinds}

    def start(self, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors of layer 0."""
        del context
        return x

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer. An encoder with `LayeredConfig` defines this."""
        raise NotImplementedError(f"{type(self).__name__} defines no step().")

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer.

        Args:
            layer: Which layer.
            user: Their vectors before it, float32 of shape (b, dim).
            message: The operator from items to these users.
            item: The items' vectors before it, float32 of shape (num_items, dim).
        """
        raise NotImplementedError(f"{type(self).__name__} defines no step_user().")

    def combine(self, layers: Sequence[Tensor]) -> Tensor:
        """Return one vector for each node, float32 of shape (n, dim): the mean over its layers."""
        return layer_sum(layers) / len(layers)

    def fold_in(self, user: Tensor, items: Sequence[Tensor], message: Message) -> Tensor:
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

    def triple_vectors(
        self, x: NodeVectors, node: Mapping[str, Tensor] | None = None
    ) -> NodeVectors:
        """Return the vectors that the triples of the graph are scored with: the inputs.

        Args:
            x: Input vectors by node type.
            node: Rows of their nodes by node type; None: all nodes.
        """
        del node
        return x

    def penalty(self) -> Tensor | None:
        """Return a term that is added to the loss; None: there is none."""
        return None

    def refresh(self, x: NodeVectors, graph: Propagation, triples: TripleScorer | None) -> None:
        """Compute what is constant during an epoch; called before each, without gradients."""
        del x, graph, triples


def layer_sum(layers: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors of one shape, without the copies that stacking them would need."""
    total = layers[0]
    for layer in layers[1:]:
        total = total + layer
    return total


def unit_rows(x: Tensor) -> Tensor:
    """Return rows of length one. Zero rows stay zero and pass their gradient on unchanged.

    `torch.nn.functional.normalize` multiplies the gradient of a zero row by 1e12. A node that lost
    all edges to dropout has a zero row, and after four such layers float32 overflows.
    """
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / torch.where(length > 1e-12, length, torch.ones_like(length))


def dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Return x after dropout of a share of its entries; without a generator, x itself."""
    if generator is None or not share:
        return x
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= share
    return x * kept / (1 - share)
