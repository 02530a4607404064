"""The graph around a node, for people who look around in it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np

from kgrec.errors import UnknownIdError, did_you_mean, printable
from kgrec.graph.arrays import GraphArrays
from kgrec.graph.node_names import NodeNames
from kgrec.types import EdgeType, IntArray

_USER: Final = "user"


class GraphView:
    """The nodes and edges of a graph, to be walked through node by node.

    Users are counted and never listed: who likes an item is nobody's business. A user's own items
    are shown around that user.

    Args:
        arrays: The graph.
        names: The labels of its nodes and relations.
    """

    def __init__(self, arrays: GraphArrays, names: NodeNames) -> None:
        self._arrays, self._names = arrays, names

    def around(self, kind: str, id: str, limit: int) -> dict[str, Any]:
        """Return a node and its neighbors, those with the fewest neighbors of their own first.

        Args:
            kind: The type of the node, such as `item` or `entity`.
            id: Its id.
            limit: Neighbors at most.

        Raises:
            UnknownIdError: There is no such type or node.
        """
        row = self._row(kind, id)
        found: list[tuple[int, str, int, EdgeType, str]] = []
        total = users = 0
        for edge, edges in self._arrays.edges.items():
            for direction, own, other, ends in (
                ("forward", edges.source, edges.target, (edge[0], edge[2])),
                ("backward", edges.target, edges.source, (edge[2], edge[0])),
            ):
                if ends[0] != kind:
                    continue
                rows = np.unique(other[own == row])
                if ends[1] == _USER:
                    users += len(rows)
                    continue
                total += len(rows)
                degrees = self._degrees[ends[1]][rows]
                few = np.lexsort((rows, degrees))[:limit].tolist()
                found += [(int(degrees[at]), ends[1], int(rows[at]), edge, direction) for at in few]
        found.sort(key=lambda one: (one[0], one[1], one[2], one[3]))
        return {
            "node": self._node(kind, row),
            "neighbors": [
                {"node": self._node(other, place), "relation": self._relation(edge, direction)}
                for _, other, place, edge, direction in found[:limit]
            ],
            "total": total,
            "users": users,
        }

    @cached_property
    def _degrees(self) -> dict[str, IntArray]:
        """The number of edges of each node, by type."""
        made = {kind: np.zeros(size, dtype=np.int64) for kind, size in self._arrays.sizes.items()}
        for (source, _, target), edges in self._arrays.edges.items():
            made[source] += np.bincount(edges.source, minlength=len(made[source]))
            made[target] += np.bincount(edges.target, minlength=len(made[target]))
        return made

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {
            kind: {str(id): row for row, id in enumerate(ids)}
            for kind, ids in self._arrays.ids.items()
        }

    def _row(self, kind: str, id: str) -> int:
        if kind not in self._places:
            raise UnknownIdError(
                f"There is no type of nodes {printable(kind)!r}." + did_you_mean(kind, self._places)
            )
        row = self._places[kind].get(id)
        if row is None:
            raise UnknownIdError(f"The graph has no {printable(kind)} {printable(id)!r}.")
        return row

    def _node(self, kind: str, row: int) -> dict[str, str]:
        names = self._names
        return {
            "type": kind,
            "id": str(self._arrays.ids[kind][row]),
            "label": names.node(kind, row),
        }

    def _relation(self, edge: EdgeType, direction: str) -> dict[str, str]:
        iri = self._arrays.edges[edge].iri
        label = self._names.relation(edge, iri)
        return {"name": edge[1], "iri": iri, "label": label, "direction": direction}
