"""A graph in which some edges have a weight, with results that can be differentiated in it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np
import torch
from torch import Tensor

from kgrec.graph.homogeneous import WeightedOperator
from kgrec.graph.propagation import Propagation, SparseOperator, edge_values
from kgrec.types import EdgeType, Float64Array


class DifferentiableOperator(SparseOperator):
    """y = A x of a matrix A whose values may need a gradient, which `SparseOperator` has not.

    Args:
        operator: The places of the entries.
        values: Value of each entry, float32 of shape (E,).
    """

    def __init__(self, operator: WeightedOperator, values: Tensor) -> None:
        self.num_sources, self.num_targets = operator.num_sources, operator.num_targets
        self.num_entries = len(values)
        self._operator, self._values = operator, values

    def __call__(self, x: Tensor) -> Tensor:
        """Return A x, float32 of shape (num_targets, dim), for x of shape (num_sources, dim)."""
        return self._operator(x, self._values)


class EdgeWeights:
    """Graphs with the same edges, of which some groups have a weight.

    A weight of 1 is the edge as it is, and 0 is none: an edge counts with its weight in the degrees
    too, so that the other edges of a node then have the values that they have without it.

    Args:
        whole: The graph with all edges.
        groups: The group of each edge, int64 of shape (E,), -1 for edges that stay as they are; by
            edge type. Types that are not there stay as they are.
    """

    def __init__(self, whole: Propagation, groups: Mapping[EdgeType, Tensor]) -> None:
        self._whole = whole
        self._groups = {kind: group for kind, group in groups.items() if bool((group >= 0).any())}
        self._operators = {
            kind: WeightedOperator(*whole.edges[kind], whole.sizes[kind[0]], whole.sizes[kind[2]])
            for kind in self._groups
        }

    def graph(self, weights: Tensor) -> Propagation:
        """Return the graph for a weight of each group, float32 of shape (number of groups,)."""
        made = copy(self._whole)
        vars(made).pop("homogeneous", None)  # it would have the edges without weights
        made.operators = dict(self._whole.operators)
        for kind, group in self._groups.items():
            given = torch.where(group >= 0, weights[group.clamp(min=0)], weights.new_ones(1))
            operator = self._operators[kind]
            shape = operator.num_sources, operator.num_targets
            values = edge_values(*made.edges[kind], *shape, made.normalisation, given)
            made.operators[kind] = DifferentiableOperator(operator, values)
        return made

    def kinks(self) -> Float64Array:
        """Return where results have a kink as all weights go from 0 to 1, float64, ascending.

        A degree below one counts as one. So the n edges of a node that has no others change how
        they count where their weights are 1 / n.
        """
        found = set[float]()
        for kind, group in self._groups.items():
            for rows in self._whole.edges[kind]:
                every = torch.bincount(rows)
                own = torch.bincount(rows[group >= 0], minlength=len(every))
                found.update((1.0 / own[(own == every) & (own > 1)].double()).tolist())
        return np.array(sorted(found), dtype=np.float64)
