"""Graph encoders: from input vectors to vectors that know their neighborhood."""

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
    """What the parts of a link predictor are built for.

    Attributes:
        graph: The edges; they fix node types, sizes and relations.
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
        encoder: What it is the settings of.
        normalisation: How edges weigh for it.
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
        """Steps from which a node's vector comes to count."""
        return 0

    @property
    def reads_knowledge(self) -> bool:
        """Whether anything but the interactions is read of the graph's edges."""
        return True

    def width(self, dim: int) -> int:
        """Return how wide the result is that is made of layers of width `dim`."""
        return dim


class LayeredConfig(GraphEncoderConfig):
    """The settings of a graph encoder that passes messages in layers."""

    num_layers: int = Field(default=2, ge=0, description="Layers of message passing.")

    @property
    def reach(self) -> int:
        """Steps from which a node's vector comes to count: one for each layer."""
        return self.num_layers


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


@dataclass(frozen=True)
class LayerContext:
    """What a layer reads beside the vectors.

    Attributes:
        graph: The edges, of all nodes or of a drawn part.
        keep_item: 0 for items that are to see no user, as a new item does, else 1; float32 of
            shape (num_items, 1); None: 1 for all.
        generator: Source of dropout and noise while training; None: there is none.
    """

    graph: Propagation
    keep_item: Tensor | None
    generator: torch.Generator | None


class GraphEncoder(nn.Module):
    """Layers of message passing over all edge types.

    `forward` returns the vectors of every layer; `combine` makes one vector of them. They are
    apart so that a user who was not in training can be folded in: `fold_in` repeats what the
    layers would have done to a user with the given liked items, with the items' vectors as they
    are.

    Args:
        config: The settings.
        context: What it is built for.
    """

    def __init__(self, config: GraphEncoderConfig, context: BuildContext) -> None:  # noqa: ARG002
        super().__init__()
        self.num_layers = config.reach

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
            graph: As in `LayerContext`.
            keep_item: Likewise.
            generator: Likewise.

        Returns:
            The layers. On a drawn part, each has the nodes alone that the next one reads.
        """
        layers = [self.start(x, LayerContext(graph, keep_item, generator))]
        for layer in range(self.num_layers):
            near = graph.after(layer)
            kept = None if keep_item is None else keep_item[: near.sizes["item"]]
            context = LayerContext(near, kept, generator)
            layers.append(self.step(layer, near.first(layers[-1]), context))
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

    def start(self, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors of layer 0."""
        del context
        return x

    def step(self, layer: int, x: NodeVectors, context: LayerContext) -> NodeVectors:
        """Return the vectors after one more layer; what has no layers has none."""
        raise NotImplementedError

    def step_user(self, layer: int, user: Tensor, message: Message, item: Tensor) -> Tensor:
        """Return unseen users' vectors after one more layer.

        Args:
            layer: Which layer.
            user: Their vectors before it, float32 of shape (b, dim).
            message: The operator from items to these users.
            item: The items' vectors before it, float32 of shape (num_items, dim).
        """
        raise NotImplementedError

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


def layer_sum(layers: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors of one shape, one by one: a stack of them would be copied twice."""
    total = layers[0]
    for layer in layers[1:]:
        total = total + layer
    return total


def unit_rows(x: Tensor) -> Tensor:
    """Return rows of length one, and zeros for zeros, whose gradient is what comes back for them.

    `torch.nn.functional.normalize` gives a zero row 1e12 times the gradient. A node none of whose
    edges were kept has one, and four layers of such are more than float32 holds.
    """
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / torch.where(length > 1e-12, length, torch.ones_like(length))


def dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Return x with a share of its entries at 0 and the others as much larger.

    Args:
        x: Any shape.
        share: Share of the entries.
        generator: Source of the draw; None: nothing is dropped.
    """
    if generator is None or not share:
        return x
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= share
    return x * kept / (1 - share)
