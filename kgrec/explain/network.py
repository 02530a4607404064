"""The graph as arrays, to find all paths between items at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.explain.adjacency import Adjacency, join
from kgrec.explain.path_table import PathTable
from kgrec.explain.settings import ExplainConfig
from kgrec.graph.relation_names import INTERACTS
from kgrec.types import BoolArray, EdgeType, Float64Array, IntArray, index_to_mask

if TYPE_CHECKING:
    from kgrec.graph.arrays import GraphArrays

MIXED: Final = 0.75
"""Weight of a path whose two items have different relations to the shared node."""
TWO_HOP: Final = 0.5
"""Weight of a path over two nodes."""


@dataclass(frozen=True, eq=False)
class Network:
    """Items, users and all other nodes, which are numbered across their types.

    Attributes:
        kinds: Types of the nodes other than users and items, sorted.
        offset: Number of the first node of each of these types, int64 of shape (types + 1,).
        relations: (edge type, IRI) by number.
        weights: Weight of each relation, float64 of shape (number of relations,).
        item_nodes: From items to nodes.
        item_items: From items to items.
        node_nodes: From nodes to nodes.
        user_items: From users to the items that they liked.
        item_users: From items to the users who liked them.
        node_specificity: log(N / n) / log(N) of each node with n of the N items next to it, 0 for
            a node next to none, float64 of shape (number of nodes,).
        item_specificity: The same for items next to each item, float64 of shape (num_items,).
    """

    kinds: tuple[str, ...]
    offset: IntArray
    relations: tuple[tuple[EdgeType, str], ...]
    weights: Float64Array
    item_nodes: Adjacency
    item_items: Adjacency
    node_nodes: Adjacency
    user_items: Adjacency
    item_users: Adjacency
    node_specificity: Float64Array
    item_specificity: Float64Array

    @classmethod
    def from_graph(
        cls, graph: GraphArrays, weights: Mapping[str, float], config: ExplainConfig | None = None
    ) -> Network:
        """Sort the edges of a graph once; their order in the graph does not matter.

        Raises:
            ConfigError: A weight is below 0 or not finite, or a relation is unknown.
        """
        # Attributes of users join users, not items.
        kinds = tuple(
            sorted(
                kind
                for kind in graph.sizes
                if kind not in ("user", "item") and not kind.startswith("user_")
            )
        )
        sizes = [graph.sizes[kind] for kind in kinds]
        offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        types = [kind for kind in sorted(graph.edges) if kind != INTERACTS]
        relations = tuple((kind, graph.edges[kind].iri) for kind in types)
        edges = _EdgeCollector(dict(zip(kinds, offset.tolist(), strict=False)))
        for number, kind in enumerate(types):
            edges.add(number, kind, (graph.edges[kind].source, graph.edges[kind].target))
        num_users, num_items = graph.sizes["user"], graph.sizes["item"]
        user, item = _interactions(graph)
        item_nodes = edges.adjacency("item", "node", num_items)
        item_items = edges.adjacency("item", "item", num_items)
        of_relations = _weights(relations, weights)
        if config is not None:
            tell = informativeness(item_nodes, item_items, len(relations))
            of_relations *= 1.0 - config.entropy + config.entropy * tell
            of_relations *= _weights(relations, config.weights, "explain.weights")
            of_relations *= _sayable(relations, config)
        return cls(
            kinds,
            offset,
            relations,
            of_relations,
            item_nodes,
            item_items,
            edges.adjacency("node", "node", int(offset[-1])),
            _unlabelled(num_users, user, item),
            _unlabelled(num_items, item, user),
            _specificity(_num_sources(item_nodes, int(offset[-1])), num_items),
            _specificity(_num_sources(item_items, num_items), num_items),
        )

    @property
    def num_items(self) -> int:
        """Number of items."""
        return len(self.item_nodes.start) - 1

    @property
    def num_users(self) -> int:
        """Number of users."""
        return len(self.user_items.start) - 1

    def node(self, number: int) -> tuple[str, int]:
        """Return the (type, row) of a node."""
        kind = int(np.searchsorted(self.offset, number, side="right")) - 1
        return self.kinds[kind], number - int(self.offset[kind])

    def number(self, kind: str, row: int) -> int:
        """Return the number of a node of a type."""
        return int(self.offset[self.kinds.index(kind)]) + row

    def about(self, item: int) -> list[tuple[int, int]]:
        """Return (relation, node) of what an item is, the most particular first.

        What is next to no other item comes last: it may be a mere identifier.
        """
        edges = self.item_nodes
        _, place = edges.at(np.array([item]))
        place = place[edges.forward[place] & (self.weights[edges.relation[place]] > 0)]
        telling = self.node_specificity[edges.target[place]]
        telling = np.where(telling < 1.0, telling, -1.0)
        telling = telling * self.weights[edges.relation[place]]
        order = np.lexsort((edges.target[place], -telling))
        pairs = zip(edges.relation[place][order], edges.target[place][order], strict=True)
        return [(int(relation), int(node)) for relation, node in pairs]

    def typical(self, items: IntArray) -> list[tuple[int, int]]:
        """Return (relation, node) of what several of some items have, the most typical first.

        What counts is the number of these items times what a node and its relation tell.

        Args:
            items: Rows of the items, distinct, int64 (m,).
        """
        edges = self.item_nodes
        who, place = edges.at(items)
        keep = edges.forward[place] & (self.weights[edges.relation[place]] > 0)
        who, place = who[keep], place[keep]
        triples = np.stack([edges.relation[place], edges.target[place], who], axis=1)
        pairs, count = np.unique(np.unique(triples, axis=0)[:, :2], axis=0, return_counts=True)
        telling = self.node_specificity[pairs[:, 1]] * self.weights[pairs[:, 0]]
        order = np.lexsort((pairs[:, 1], -telling * count))
        order = order[(count[order] > 1) & (telling[order] > 0)]
        return [(int(relation), int(node)) for relation, node in pairs[order]]

    def items_of(self, user: int) -> IntArray:
        """Return the rows of the items that a user liked in the graph, sorted."""
        start = self.user_items.start
        return np.unique(self.user_items.target[start[user] : start[user + 1]])

    def shared(self, item: int, liked: IntArray) -> PathTable:
        """Return the paths over one node from liked items (rows, int64 (m,)) to an item."""
        edges = self.item_nodes
        _, end = edges.at(np.array([item]))
        who, start = edges.at(liked)
        # Edges of liked items that lead to a node of the item.
        useful = index_to_mask(edges.target[end], int(self.offset[-1]))[edges.target[start]]
        who, start = who[useful], start[useful]
        first, last = join(edges.target[start], edges.target[end])
        who, start, end = who[first], start[first], end[last]
        node = edges.target[start]
        one, two = edges.relation[start], edges.relation[end]
        same = (one == two) & (edges.forward[start] == edges.forward[end])
        weight = self._weight(one, two) * np.where(same, 1.0, MIXED)
        steps = [(one, edges.forward[start]), (two, ~edges.forward[end])]
        return PathTable.from_columns(who, [node], steps, self.node_specificity[node], weight)

    def near(self, nodes: Sequence[int], liked: IntArray) -> BoolArray:
        """Return which liked items (rows, int64 (m,)) are next to one of some nodes."""
        which, edge = self.item_nodes.at(liked)
        found = np.zeros(len(liked), dtype=bool)
        found[which[np.isin(self.item_nodes.target[edge], list(nodes))]] = True
        return found

    def direct(self, item: int, liked: IntArray) -> PathTable:
        """Return the relations between liked items and an item."""
        edges = self.item_items
        who, place = edges.at(liked)
        useful = edges.target[place] == item
        who, place = who[useful], place[useful]
        ends = self.item_specificity[liked[who]], self.item_specificity[edges.target[place]]
        relation = edges.relation[place]
        steps = [(relation, edges.forward[place])]
        return PathTable.from_columns(who, [], steps, np.minimum(*ends), self._weight(relation))

    def two_hop(self, item: int, liked: IntArray) -> PathTable:
        """Return the paths over two related nodes; only the second one is next to the item."""
        edges, between = self.item_nodes, self.node_nodes
        _, end = edges.at(np.array([item]))
        own = index_to_mask(edges.target[end], int(self.offset[-1]))
        which, middle = between.at(edges.target[end])
        other = ~own[between.target[middle]]
        end, middle = end[which[other]], middle[other]
        who, start = edges.at(liked)
        useful = index_to_mask(between.target[middle], len(own))[edges.target[start]]
        who, start = who[useful], start[useful]
        first, last = join(edges.target[start], between.target[middle])
        who, start, middle, end = who[first], start[first], middle[last], end[last]
        nodes = [edges.target[start], edges.target[end]]
        steps = [
            (edges.relation[start], edges.forward[start]),
            (between.relation[middle], ~between.forward[middle]),
            (edges.relation[end], ~edges.forward[end]),
        ]
        specificity = np.minimum(*(self.node_specificity[node] for node in nodes))
        weight = TWO_HOP * self._weight(*(relation for relation, _ in steps))
        return PathTable.from_columns(who, nodes, steps, specificity, weight)

    def audiences(
        self, item: int, liked: IntArray, user: int | None
    ) -> tuple[IntArray, IntArray, Float64Array]:
        """Compare the users who liked an item with those who liked each of `liked`.

        Returns:
            How many users other than `user` liked both, int64 (m,), how many of them liked each of
            `liked`, int64 (m,), and the cosine of the two sets, float64 (m,).
        """
        start, users = self.item_users.start, self.item_users.target
        audience = users[start[item] : start[item + 1]]
        audience = audience[audience != (-1 if user is None else user)]
        _, place = self.user_items.at(audience)
        count = np.bincount(self.user_items.target[place], minlength=self.num_items)[liked]
        size = np.diff(start)[liked]
        if user is not None:
            size = size - np.isin(liked, self.items_of(user))
        norm = np.sqrt(np.maximum(size, 1) * max(len(audience), 1))
        return count.astype(np.int64), size.astype(np.int64), count / norm

    def chosen(self, item: int, user: int | None) -> int:
        """Return how many users other than `user` liked an item."""
        start = self.item_users.start
        users = np.unique(self.item_users.target[start[item] : start[item + 1]])
        return int((users != (-1 if user is None else user)).sum())

    def _weight(self, *relations: IntArray) -> Float64Array:
        """Return the geometric mean of the weights of relations."""
        factors = [self.weights[relation] for relation in relations]
        return np.asarray(np.prod(factors, axis=0) ** (1 / len(factors)), dtype=np.float64)


class _EdgeCollector:
    """Collects the edges between items and nodes, in both directions."""

    def __init__(self, place: Mapping[str, int]) -> None:
        self._place = place
        self._parts: dict[tuple[str, str], list[tuple[IntArray, IntArray, int, bool]]] = {}

    def add(self, number: int, kind: EdgeType, edge_index: tuple[IntArray, IntArray]) -> None:
        ends = []
        for node, rows in zip((kind[0], kind[2]), edge_index, strict=True):
            if node != "item" and node not in self._place:
                return  # an edge of users
            shifted = rows.astype(np.int64) + self._place.get(node, 0)
            ends.append(("item" if node == "item" else "node", shifted))
        (start, source), (end, target) = ends
        self._parts.setdefault((start, end), []).append((source, target, number, True))
        self._parts.setdefault((end, start), []).append((target, source, number, False))

    def adjacency(self, start: str, end: str, num_sources: int) -> Adjacency:
        parts = self._parts.get((start, end), [])
        lengths = [len(source) for source, _, _, _ in parts]
        empty = np.zeros(0, dtype=np.int64)
        return Adjacency.from_edges(
            num_sources,
            np.concatenate([empty, *(source for source, _, _, _ in parts)]),
            np.concatenate([empty, *(target for _, target, _, _ in parts)]),
            np.repeat(np.array([number for *_, number, _ in parts], dtype=np.int64), lengths),
            np.repeat(np.array([forward for *_, forward in parts], dtype=bool), lengths),
        )


def _interactions(graph: GraphArrays) -> tuple[IntArray, IntArray]:
    if INTERACTS not in graph.edges:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return graph.edges[INTERACTS].source, graph.edges[INTERACTS].target


def _unlabelled(num_sources: int, source: IntArray, target: IntArray) -> Adjacency:
    relation, forward = np.zeros(len(source), dtype=np.int64), np.ones(len(source), dtype=np.bool_)
    return Adjacency.from_edges(num_sources, source, target, relation, forward)


def _num_sources(edges: Adjacency, num_targets: int) -> IntArray:
    """Return the number of distinct sources of each target, int64 of shape (num_targets,)."""
    source = np.repeat(np.arange(len(edges.start) - 1), np.diff(edges.start))
    pairs = np.unique(source * max(num_targets, 1) + edges.target)
    return np.bincount(pairs % max(num_targets, 1), minlength=num_targets)


def _specificity(count: IntArray, num_items: int) -> Float64Array:
    if num_items < 2:
        return np.zeros(len(count))
    found = np.log(num_items / np.maximum(count, 1)) / np.log(num_items)
    return np.where(count > 0, found, 0.0)


def informativeness(
    item_nodes: Adjacency, item_items: Adjacency, num_relations: int
) -> Float64Array:
    """Return how much relations tell of an item, as shares of the most telling one.

    That is the entropy of what a relation leads to from an item drawn at random: each of the
    item's nodes with the same probability, or nothing, if the item has none. A relation of few
    items has little entropy, and so has one with the same value for most.

    Returns:
        float64 of shape (num_relations,), from 0 to 1; 0 for a relation that no item has.
    """
    found = np.zeros(num_relations)
    for edges in (item_nodes, item_items):
        num_items = len(edges.start) - 1
        source = np.repeat(np.arange(num_items), np.diff(edges.start))
        for number in np.unique(edges.relation):
            for forward in (True, False):
                mine = (edges.relation == number) & (edges.forward == forward)
                share = np.bincount(source[mine], minlength=num_items)[source[mine]]
                chance = np.bincount(edges.target[mine], 1.0 / (share * num_items))
                nothing = max(0.0, 1.0 - chance.sum())
                chance = np.append(chance[chance > 0], nothing if nothing > 1e-12 else 1.0)
                found[number] = max(found[number], -float((chance * np.log(chance)).sum()))
    return np.asarray(found / max(found.max(initial=0.0), 1e-12))


def _sayable(relations: Sequence[tuple[EdgeType, str]], config: ExplainConfig) -> Float64Array:
    """Return 1 for relations that may be named, and 0 for others."""
    _check_known(relations, config.relations or (), "explain.relations")
    _check_known(relations, config.hidden, "explain.hidden")

    def listed(kind: EdgeType, iri: str, names: Sequence[str]) -> bool:
        return kind[1] in names or (iri != "" and iri in names)

    return np.array(
        [
            (config.relations is None or listed(kind, iri, config.relations))
            and not listed(kind, iri, config.hidden)
            for kind, iri in relations
        ],
        dtype=np.float64,
    )


def _check_known(
    relations: Sequence[tuple[EdgeType, str]], names: Iterable[str], where: str
) -> None:
    known = sorted({name for kind, iri in relations for name in (kind[1], iri) if name})
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{where} names {printable(name)!r}, which is no relation of the graph."
                + did_you_mean(name, known)
            )


def _weights(
    relations: Sequence[tuple[EdgeType, str]], weights: Mapping[str, float], where: str = "weights"
) -> Float64Array:
    _check_known(relations, weights, where)
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise ConfigError(
                f"The weight of {printable(name)!r} must be a number of at least 0, found "
                f"{weight!r}."
            )
    return np.array(
        [weights.get(iri, weights.get(kind[1], 1.0)) for kind, iri in relations], dtype=np.float64
    )
