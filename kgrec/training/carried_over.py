"""Weights of a link predictor for another graph: what both graphs have is found by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import torch
from torch import Tensor

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError
from kgrec.models.encoders.base import Axes
from kgrec.models.link_predictor import LinkPredictor

OF_EDGES = "encoder.attention"
"""A buffer with a number for each edge, which is computed from the weights."""


@dataclass(frozen=True, eq=False)
class TrainedWeights:
    """What a link predictor learned, and of what.

    Attributes:
        state: Its weights, on the CPU.
        axes: Those whose size depends on the graph; see `LinkPredictor.axes`.
        nodes: The ids of the nodes of each type.
    """

    state: Mapping[str, Tensor]
    axes: Axes
    nodes: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, predictor: LinkPredictor, nodes: Mapping[str, Sequence[str]]) -> TrainedWeights:
        """Return copies of the weights of a predictor."""
        state = {name: value.cpu().clone() for name, value in predictor.state_dict().items()}
        return cls(state, predictor.axes, nodes)

    def put_into(self, predictor: LinkPredictor, nodes: Mapping[str, Sequence[str]]) -> int:
        """Replace the weights of a predictor of another graph by these.

        A node is found by its type and id, a relation by its name. Those that are only in the other
        graph keep the weights that they have there.

        Args:
            predictor: It is changed. Its parts must be those of the predictor of these weights.
            nodes: The ids of the nodes of its graph.

        Returns:
            The number of users and items whose weights were found.

        Raises:
            ConfigError: It has other parts, or parts of another width.
        """
        made, found = {}, 0
        for name, value in predictor.state_dict().items():
            if name == OF_EDGES:
                continue
            axis, names = predictor.axes.get(name, (0, ()))
            if isinstance(names, str) and names not in self.nodes:
                continue  # a type of nodes that is new
            old = self.state.get(name)
            widths = [] if old is None else list(old.shape)
            if old is not None and name in predictor.axes and len(widths) == value.dim():
                widths[axis] = value.shape[axis]
            if old is None or widths != list(value.shape):
                has = "none" if old is None else f"one of shape {tuple(old.shape)}"
                raise ConfigError(
                    f"The weights cannot be taken over: {name} has the shape {tuple(value.shape)}, "
                    f"and the other model {has}. The settings of the model, such as "
                    "predictor.dim, the encoder and the columns of features, must be the same."
                )
            if name not in predictor.axes:
                made[name] = old
                continue
            before = self.axes[name][1]
            own = nodes[names] if isinstance(names, str) else names
            theirs = self.nodes[before] if isinstance(before, str) else before
            rows, places = _both(own, theirs)
            moved = value.cpu().clone()
            moved.index_copy_(axis, rows, old.index_select(axis, places))
            made[name] = moved
            if names in ("user", "item") and name.startswith("fusion."):
                found += len(rows)
        predictor.load_state_dict(made, strict=False)
        return found

    def of_new(self, name: str, value: Tensor, axis: int, *, of_nodes: bool) -> Tensor:
        """Return what new rows of a weight have: nodes zeros, relations the mean of the others.

        Args:
            name: The weight.
            value: It, in a predictor of another graph.
            axis: The axis whose size depends on the graph.
            of_nodes: Whether its rows are nodes, and not relations.

        Returns:
            A tensor of the shape of `value`.
        """
        old = self.state.get(name)
        if of_nodes or old is None or not old.shape[axis]:
            return torch.zeros_like(value)
        return old.mean(axis, keepdim=True).expand_as(value)


def _both(own: Sequence[str], others: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the places of what both have: in `own`, and in `others`, int64 of the same shape."""
    array = pa.array(list(others), type=pa.large_string())
    known = Vocabulary.from_sorted(array, num_sorted=0)
    places = torch.from_numpy(known.rows(list(own), missing="-1"))
    rows = (places >= 0).nonzero().squeeze(1)
    return rows, places[rows]
