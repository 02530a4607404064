"""An explanation as data: paths and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import networkx

Kind = Literal["shared", "direct", "two_hop", "audience"]
Basis = Literal["graph", "audience", "words", "popular", "about", "none"]
YOU = "you"
MOST_CONTRIBUTIONS: Final = 10


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
        share: Share of what liked items add to the score that is the liked item's, 0 to 1; None: it
            is not known. What speaks against the item is not counted.
        through: The same for all liked items that have the nodes in between; at least `share`.
    """

    kind: Kind
    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...]
    score: float
    num_users: int = 0
    num_audience: int = 0
    share: float | None = None
    through: float | None = None

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
class Contribution:
    """What a liked item adds to the score of the recommended one.

    Attributes:
        item: The liked item.
        value: What it adds, in units of the score; with `base`, all values add up to it.
        share: Its share of what counts, 0 to 1: of what the item's standing among all items loses
            without each liked item, as far as it loses. 0 for one that speaks against the item.
    """

    item: Node
    value: float
    share: float


@dataclass(frozen=True)
class WrittenPart:
    """A sentence, or a few, that a language model may have written.

    Attributes:
        text: The text.
        template: What the template states.
        generated: Whether the model wrote the text; else it is the template.
        refused: Why the last draft was refused, "" if one was accepted.
    """

    text: str
    template: str
    generated: bool
    refused: str = ""


@dataclass(frozen=True)
class Written:
    """A text that a language model has rewritten, where what it wrote adds nothing to the facts.

    Attributes:
        text: The text.
        generated: Whether the model wrote any part of it; else it is what the template states.
        model: Name of the model.
        parts: Its parts.
    """

    text: str
    generated: bool
    model: str
    parts: tuple[WrittenPart, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the text in types of JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Explanation:
    """Why an item is recommended to a user.

    Attributes:
        user: The user.
        item: The recommended item.
        paths: The best paths, best first.
        sentence: The paths in a sentence or two, in the language that was asked for.
        basis: What the sentence tells: "graph": what the item shares with liked ones; "audience":
            others who liked the same; "words": words of its text; "popular": how many chose it, of
            all users; "about": what it is; "none": nothing is known.
        score: The model's score; None: it was not asked.
        contributions: What the liked items add to the score, what counts most first; at most
            `MOST_CONTRIBUTIONS`, and then the one that most speaks against the item, if there is
            one.
        base: What no liked item adds to the score; None: it was not asked.
        towers: The part of each model of an ensemble in the score, by name.
        words: Words that its text shares with those of liked items, the rarest first, where the
            sentence tells them.
        named: Ids of the liked items that the sentence speaks of.
        written: The sentence in the words of a language model; None: it was not asked.
    """

    user: Node
    item: Node
    paths: tuple[Path, ...]
    sentence: str
    basis: Basis = "graph"
    score: float | None = None
    contributions: tuple[Contribution, ...] = ()
    base: float | None = None
    towers: Mapping[str, float] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    written: Written | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation in types of JSON; `written` only if a model was asked."""
        tree = asdict(self)
        if self.written is None:
            del tree["written"]
        return tree

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
