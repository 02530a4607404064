"""Mini-batches on drawn parts of the graph: which nodes they need, and their rows in the part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from kgrec.errors import ConfigError
from kgrec.graph.propagation import Propagation
from kgrec.graph.sampled import Parts
from kgrec.models.link_predictor import LinkPredictorConfig
from kgrec.training.negatives import Negatives
from kgrec.training.sampling import Batch
from kgrec.training.settings import TrainingConfig


class MiniBatches:
    """Draws the part of the graph that is needed for the vectors of a batch's nodes.

    Args:
        graph: The edges of all nodes.
        num_neighbors: Edges of each type that are drawn per node in each hop, see `Parts`.
    """

    def __init__(self, graph: Propagation, num_neighbors: Sequence[int]) -> None:
        self._parts = Parts(graph, num_neighbors)

    def __call__(
        self, batch: Batch, negatives: Negatives, generator: torch.Generator
    ) -> tuple[Propagation, Batch, Negatives]:
        """Return the part, and the batch and its negatives in rows of the part."""
        user, users = torch.unique(batch.users, return_inverse=True)
        pieces = [batch.item, *negatives.items()]
        item, items = torch.unique(torch.cat(pieces), return_inverse=True)
        chosen, *others = torch.split(items, [len(piece) for piece in pieces])
        if negatives.negative is not None:
            negatives = replace(negatives, negative=others[0].reshape(negatives.negative.shape))
        elif negatives.shared is not None:
            negatives = replace(negatives, shared=others[0])
        part = self._parts.around({"user": user, "item": item}, generator)
        return part, replace(batch, users=users, item=chosen), negatives


def rows_by_type(sizes: Mapping[str, int], nodes: Tensor) -> dict[str, Tensor]:
    """Return the rows of ascending nodes of the homogeneous numbering, by type, int64."""
    size = torch.tensor(list(sizes.values()), device=nodes.device)
    ends = torch.cumsum(size, 0)
    counts = torch.diff(torch.searchsorted(nodes, ends), prepend=ends.new_zeros(1))
    starts = (ends - size).tolist()
    pieces = torch.split(nodes, counts.tolist())
    return {kind: piece - start for kind, piece, start in zip(sizes, pieces, starts, strict=True)}


def check_num_neighbors(model: LinkPredictorConfig, training: TrainingConfig) -> None:
    """Check that a model can be trained on drawn parts of the graph, if `num_neighbors` is set.

    Raises:
        ConfigError: It cannot, or there is not one number for each step of message passing.
    """
    numbers = training.num_neighbors
    if numbers is None:
        return
    parts = f"encoder {model.encoder.name!r} with head {model.head.name!r}"
    if not model.reach and numbers:
        raise ConfigError(
            "training.num_neighbors draws the edges for message passing, and "
            f"{parts} passes no messages: leave num_neighbors out, or give an empty list, [], to "
            "compute the vectors of a batch's nodes alone."
        )
    if training.loss.needs_all_items:
        raise ConfigError(
            "training.num_neighbors computes the vectors of a batch's nodes, and loss "
            f"{training.loss.name!r} needs those of all items: use loss 'sampled_softmax', 'bpr', "
            "'bsl' or 'cross_entropy', or leave num_neighbors out."
        )
    if len(numbers) != model.reach:
        raise ConfigError(
            f"training.num_neighbors must have a number for each step of message passing: "
            f"{model.reach} for {parts}, found {len(numbers)}."
        )
