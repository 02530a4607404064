"""The link predictor: fusion, graph encoder and head as orthogonal parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from kgrec.graph.propagation import Propagation
from kgrec.models.encoders import EncoderConfig
from kgrec.models.encoders.base import (
    Axes,
    BuildContext,
    GraphEncoder,
    LayerContext,
    NodeVectors,
    Propagated,
)
from kgrec.models.encoders.lightgcn import LightGCNConfig
from kgrec.models.encoders.unpropagated import Unpropagated
from kgrec.models.fusion import Fusion, FusionMode
from kgrec.models.heads import HeadConfig
from kgrec.models.heads.inner_product import CosineHeadConfig
from kgrec.models.knowledge import KnowledgeConfig, TripleScorer
from kgrec.settings import Settings


class LinkPredictorConfig(Settings):
    """The parts of a link predictor: any fusion × any encoder × any head."""

    dim: int = Field(default=64, ge=1, le=8192, description="Width of all node vectors.")
    fusion: FusionMode = Field(default="add", description="How features join the id embedding.")
    encoder: EncoderConfig = Field(
        default=LightGCNConfig(), description="How messages pass over the graph."
    )
    head: HeadConfig = Field(
        default=CosineHeadConfig(),
        description="How the vectors of a user and an item are compared.",
    )
    knowledge: KnowledgeConfig | None = Field(
        default=None, description="Joint training on the graph's triples; None: there is none."
    )
    id_dropout: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of items that are treated as new in each step of training: without "
        "their id embedding and without their users.",
    )
    user_dropout: float = Field(
        default=0.1, ge=0, le=1, description="Share of users whose id embedding is dropped."
    )
    feature_dropout: float = Field(
        default=0.5, ge=0, lt=1, description="Share of feature entries dropped while training."
    )
    init_scale: float = Field(default=0.1, gt=0, description="Scale of the initial embeddings.")

    @property
    def reach(self) -> int:
        """Number of steps along edges that encoder and head take."""
        return self.encoder.reach + self.head.reach

    @property
    def reads_knowledge(self) -> bool:
        """Whether it reads edges other than the interactions."""
        reads = self.encoder.reads_knowledge or self.head.reach > 0
        return reads or self.knowledge is not None

    @model_validator(mode="after")
    def _parts_fit(self) -> LinkPredictorConfig:
        rotates = self.knowledge is not None and self.knowledge.scoring == "rotate"
        if rotates and self.dim % 2:
            raise ValueError(f"knowledge.scoring 'rotate' needs an even dim, found {self.dim}")
        if rotates and self.encoder.adds_relations:
            raise ValueError(
                f"encoder {self.encoder.name!r} adds the vectors of relations to those of nodes, "
                "which are twice as wide with knowledge.scoring 'rotate': use 'transr', 'transe' "
                "or 'distmult'"
            )
        return self


class LinkPredictor(nn.Module):
    """Scores the edge user → item by fusion × encoder × head.

    Args:
        config: The parts.
        graph: The edges; they define node types, sizes and relations.
        feature_dims: Width of the features of each node type that has some.
        generator: Source of the initial values.
    """

    def __init__(
        self,
        config: LinkPredictorConfig,
        graph: Propagation,
        feature_dims: Mapping[str, int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.config = config
        self.fusion = nn.ModuleDict(
            {
                kind: Fusion(
                    size,
                    config.dim,
                    feature_dims.get(kind, 0),
                    config.fusion,
                    scale=config.init_scale,
                    feature_dropout=config.feature_dropout,
                    generator=generator,
                )
                for kind, size in graph.sizes.items()
            }
        )
        context = BuildContext(graph, config.dim, config.init_scale, generator)
        self.encoder = config.encoder.build(context)
        self.width = config.encoder.width(config.dim)
        self.head = config.head.build(replace(context, dim=self.width))
        self.triples: TripleScorer | None = None
        if config.knowledge is not None:
            self._relations = graph.homogeneous.relations
            self.triples = TripleScorer(
                config.knowledge.scoring,
                len(self._relations),
                config.dim,
                config.init_scale,
                generator,
            )

    @property
    def axes(self) -> Axes:
        """The parameters whose size depends on the graph, by their names in `state_dict`."""
        found: dict[str, tuple[int, str | Sequence[str]]] = {
            f"fusion.{kind}.embedding": (0, kind) for kind in self.fusion
        }
        for name, part in (("encoder", self.encoder), ("head", self.head)):
            found |= {f"{name}.{key}": axis for key, axis in part.axes.items()}
        if self.triples is not None:
            names = [key for key, _ in self.triples.named_parameters()]
            found |= {f"triples.{key}": (0, self._relations) for key in names}
        return found

    def use_sparse_gradients(self) -> list[nn.Parameter]:
        """Let the tables with a row for each node have sparse gradients on drawn parts of a graph.

        Returns:
            The tables, float32 of shape (num_nodes, dim).
        """
        for fusion in self.fusion.values():
            assert isinstance(fusion, Fusion)
            fusion.sparse_gradients = True
        self.encoder.sparse_gradients = True
        of_nodes = [name for name, (_, names) in self.axes.items() if isinstance(names, str)]
        return [self.get_parameter(name) for name in of_nodes]

    def forward(
        self,
        graph: Propagation,
        features: Mapping[str, Tensor],
        trained: Mapping[str, Tensor],
        generator: torch.Generator | None = None,
        *,
        all_layers: bool = False,
    ) -> Propagated:
        """Return the vectors of all users and items of a graph.

        Args:
            graph: The edges, of all nodes or of a drawn part.
            features: float32 of shape (num_nodes, feature_dim) for each node type that has some.
            trained: 1 for nodes that training reaches, see `trained_nodes`; float32 of shape
                (num_nodes, 1) by node type.
            generator: Source of the random dropping of ids and features; None: nothing is dropped.
            all_layers: Whether the vectors of all layers are needed, not only the first.
        """
        keep = dict(graph.take(trained))
        if generator is not None:
            for kind, share in (
                ("item", self.config.id_dropout),
                ("user", self.config.user_dropout),
            ):
                if share:
                    some = torch.rand(keep[kind].shape, generator=generator, device=graph.device)
                    keep[kind] = keep[kind] * (some >= share)
        # With interactions alone, nodes that training does not reach have no edge: without dropped
        # ids, training needs no mask.
        drops = self.config.id_dropout or self.config.user_dropout
        whole = generator is not None and graph.interactions_only and not drops
        sees = None if whole else keep["item"]
        x = self.inputs(graph.take(features), {} if whole else keep, generator, graph.node)
        read = ("user", "item") if self.head.is_inner_product else tuple(x)
        context = LayerContext(graph, sees, generator)
        layers, results = self.encoder.propagate(x, context, kinds=read, all_layers=all_layers)
        of_type = {kind: [layer[kind] for layer in layers] for kind in ("user", "item")}
        return Propagated(
            results["user"],
            results["item"],
            of_type["user"],
            of_type["item"],
            results,
            None if graph.node is None else graph.after(self.encoder.num_layers),
        )

    def inputs(
        self,
        features: Mapping[str, Tensor],
        keep: Mapping[str, Tensor],
        generator: torch.Generator | None = None,
        node: Mapping[str, Tensor] | None = None,
    ) -> NodeVectors:
        """Return the input of the encoder, float32 of shape (num_nodes, dim) by node type.

        Args:
            features: Those of the nodes, by node type.
            keep: 0 where their ids are dropped, else 1.
            generator: Source of the dropout while training; None: no dropout.
            node: The rows of the nodes, int64 by node type; None: all nodes.
        """
        rows = {} if node is None else node
        return {
            kind: fusion(features.get(kind), keep.get(kind), generator, rows.get(kind))
            for kind, fusion in self.fusion.items()
        }

    def refresh(
        self, graph: Propagation, features: Mapping[str, Tensor], trained: Mapping[str, Tensor]
    ) -> None:
        """Let the encoder compute what is constant during an epoch."""
        if type(self.encoder).refresh is not GraphEncoder.refresh:
            with torch.no_grad():
                self.encoder.refresh(self.inputs(features, trained), graph, self.triples)

    def fold_in(
        self, graph: Propagation, propagated: Propagated, row: Tensor, item: Tensor, num: int
    ) -> Tensor:
        """Return the vectors of users who were not in training, before the head.

        Args:
            graph: The edges of training.
            propagated: The vectors of all nodes.
            row: Row of the new user of each liked item, int64 of shape (E,).
            item: Row of the liked item, int64 of shape (E,).
            num: Number of new users.

        Returns:
            float32 of shape (num, dim).
        """
        message = graph.of_histories(row, item, num)
        if isinstance(self.encoder, Unpropagated):
            return self.head.user_near(message(self.head.place(propagated)))
        unknown = propagated.item.new_zeros((num, self.config.dim))
        return self.encoder.fold_in(unknown, propagated.item_layers, message)


def trained_nodes(
    graph: Propagation, num_layers: int, *, of_triples: bool = False
) -> dict[str, Tensor]:
    """Return which nodes a training interaction can reach within `num_layers` steps.

    The id embedding of any other node gets no gradient and stays random noise, which must not be
    used.

    Args:
        graph: The edges.
        num_layers: Steps.
        of_triples: Whether the graph's triples are learned too, which reach all of their nodes.

    Returns:
        1.0 where reached, float32 of shape (num_nodes, 1), by node type.
    """
    device = graph.device
    seen = {kind: torch.zeros(size, 1, device=device) for kind, size in graph.sizes.items()}
    for kind, operator in graph.items():
        if kind[1] in ("interacts", "rev_interacts"):
            everyone = torch.ones(operator.num_sources, 1, device=device)
            seen[kind[2]] = (operator(everyone) > 0).float()
    chosen = dict(seen)
    for _ in range(num_layers):
        new = dict(seen)
        for (source, _name, target), operator in graph.items():
            new[target] = ((new[target] + operator(seen[source])) > 0).float()
        seen = new
    if of_triples:
        linked = torch.zeros(graph.homogeneous.num_nodes, 1, device=device)
        linked[graph.homogeneous.target] = 1.0
        return graph.homogeneous.split(linked)
    # An item or user without an interaction is new, even if its neighbors are known.
    return {**seen, "item": chosen["item"], "user": chosen["user"]}
