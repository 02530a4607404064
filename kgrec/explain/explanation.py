"""An explanation as data: paths and one sentence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import networkx

Kind = Literal["shared", "direct", "two_hop", "audience"]
YOU = "you"


@dataclass(frozen=True)
class Node:
    """A node of a path.

    Attributes:
        type: Its node type in the graph; "users" stands for all other users who liked
            two items.
        row: Its row among the nodes of its type; -1 for a user outside of the graph; for "users",
            the row of the liked item.
        id: Its id, as it is in the data.
        label: Its name, as it is in the data.
    """

    type: str
    row: int
    id: str
    label: str


@dataclass(frozen=True)
class Relation:
    """A step of a path.

    Attributes:
        name: Name of the edge type in the graph, without `rev_`.
        iri: IRI of the relation, "" for interactions and for columns of tables.
        label: Its name in words.
        direction: "forward" if the relation runs along the path, "backward" if against it.
    """

    name: str
    iri: str
    label: str
    direction: Literal["forward", "backward"]


@dataclass(frozen=True)
class Path:
    """A path from the user to the recommended item.

    Attributes:
        kind: "shared": over a node that a liked item and the recommended one share; "direct":
            over a relation between the two items; "two_hop": over two related nodes; "audience":
            over other users who liked both.
        nodes: The user, the liked item, the nodes in between, the recommended item.
        relations: The steps between them, one less than nodes.
        score: How well it explains; see `PathFinder`.
        num_users: Number of other users who liked both items, for an "audience" path.
        num_audience: Number of other users who liked the liked item, for an "audience" path.
    """

    kind: Kind
    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]
    score: float
    num_users: int = 0
    num_audience: int = 0

    @property
    def liked(self) -> Node:
        """The liked item on the path."""
        return self.nodes[1]

    @property
    def between(self) -> tuple[Node, ...]:
        """The nodes between the liked and the recommended item."""
        return self.nodes[2:-1]

    def __str__(self) -> str:
        parts = [self.nodes[0].label]
        for relation, node in zip(self.relations, self.nodes[1:], strict=True):
            arrow = (
                f"—{relation.label}→" if relation.direction == "forward" else f"←{relation.label}—"
            )
            parts += [arrow, node.label]
        return " ".join(parts)


@dataclass(frozen=True)
class Explanation:
    """Why an item is recommended to a user.

    Attributes:
        user: The user.
        item: The recommended item.
        paths: The best paths, best first.
        sentence: The paths in a sentence or two, in the language that was asked for.
    """

    user: Node
    item: Node
    paths: tuple[Path, ...]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation in types of JSON."""
        return asdict(self)

    def to_networkx(self) -> networkx.MultiDiGraph[tuple[str, int]]:
        """Return the paths as one graph for `kgrec.drawing.neighborhood.draw_neighborhood`.

        Nodes are (type, row) with `type`, `row`, `id`, `label`, `role` ("user", "liked", "between"
        or "recommended") and `layer`, their column; edges run in the direction
        of their relation and have `relation`, `iri` and `label`. The graph has `title` and
        `caption`, the sentence.
        """
        import networkx as nx

        whom = "you" if self.user.row < 0 else f"user {self.user.label}"
        graph: networkx.MultiDiGraph[tuple[str, int]] = nx.MultiDiGraph(
            title=f"Why {self.item.label} is recommended to {whom}", caption=self.sentence
        )
        last = max((len(path.nodes) for path in self.paths), default=2) - 1
        self._add(graph, self.user, 0, "user")
        for path in self.paths:
            self._add(graph, path.liked, 1, "liked")
        for path in self.paths:
            for layer, node in enumerate(path.between, start=2):
                self._add(graph, node, layer, "between")
        self._add(graph, self.item, last, "recommended")
        for path in self.paths:
            for relation, (start, end) in zip(path.relations, pairwise(path.nodes), strict=True):
                source, target = (start.type, start.row), (end.type, end.row)
                if relation.direction == "backward":
                    source, target = target, source
                words = {"iri": relation.iri, "label": relation.label}
                name = relation.name
                graph.add_edge(source, target, key=name, relation=name, **words)
        return graph

    @staticmethod
    def _add(graph: Any, node: Node, layer: int, role: str) -> None:
        key = (node.type, node.row)
        if key not in graph:
            graph.add_node(key, **asdict(node), layer=layer, role=role)
        elif role == "between":  # a node of several paths goes into the last of its columns
            graph.nodes[key]["layer"] = max(graph.nodes[key]["layer"], layer)
