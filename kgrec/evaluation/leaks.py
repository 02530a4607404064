"""Whether the graph that a model is given reveals held-out interactions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, printable
from kgrec.graph.build import INTERACTS
from kgrec.types import BoolArray, EdgeType, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

MIN_EDGES, MIN_DEVIATIONS = 3, 6.0
"""Where ids may match by chance: the fewest interactions, and standard deviations above chance."""


@dataclass(frozen=True)
class Leak:
    """Held-out interactions that are edges of one type.

    Attributes:
        edge_type: Source type, relation and destination type.
        pairs: (user id, item id) of each, sorted.
        iri: IRI of the relation in the knowledge graph; empty if there is none.
    """

    edge_type: EdgeType
    pairs: tuple[tuple[str, str], ...]
    iri: str = ""


def check_no_leak(
    graph: HeteroData, train: Interactions, held_out: Interactions | Sequence[Interactions]
) -> None:
    """Raise if an edge of the graph reveals a held-out interaction; see `find_leaks`.

    Args:
        graph: The graph that models are given, as `kgrec.graph.build.build_graph` returns it.
        train: The interactions that may be seen.
        held_out: Those that may not, without the pairs that are also in `train`.

    Raises:
        DataError: Such an edge was found.
    """
    leaks = find_leaks(graph, train, held_out)
    if not leaks:
        return
    first = leaks[0]
    user, item = (printable(id) for id in first.pairs[0])
    source, relation, target = (printable(part) for part in first.edge_type)
    names = ", ".join(repr(printable(leak.edge_type[1])) for leak in leaks)
    iris = sorted({leak.iri for leak in leaks} - {""})
    remedy = "Remove these edges from the data that the graph is built from."
    if iris:
        listed = ", ".join(printable(iri) for iri in iris)
        remedy = f"Leave them out with graph.drop_relations: [{listed}]."
    raise DataError(
        f"The graph reveals {sum(len(leak.pairs) for leak in leaks):,} held-out interactions, in "
        f"edges of {names}: such as user {user!r} with item {item!r}, an edge "
        f"({source}, {relation}, {target}). Metrics on them would be meaningless. {remedy}"
    )


def find_leaks(
    graph: HeteroData, train: Interactions, held_out: Interactions | Sequence[Interactions]
) -> list[Leak]:
    """Return the edges, in either direction, that join a user and an item of a held-out pair.

    An end of an edge stands for a user or an item if it is that node, or another node with the
    same id: a user may also be an entity of the knowledge graph or a value in the item table, and
    an unlinked item may be an entity. For an IRI, the part after its last `/`, `#` or `:` counts
    as an id too.

    An entity whose whole id is that of a user or item, and not just a number, certainly stands for
    it. Numbers, last parts of IRIs and values of columns may match by chance. For these, an edge
    type is a leak only if more of its edges are interactions, held out or not, than chance would
    give: at least `MIN_EDGES`, and `MIN_DEVIATIONS` standard deviations above the number expected
    if a pair depended only on the degrees of its user and its item.

    Args:
        graph: The graph.
        train: The interactions that may be seen.
        held_out: Those that may not, over the vocabularies of `train`.

    Returns:
        One entry for each edge type with such edges, in the order of the graph's types. The
        inverse of a listed edge type is not listed.

    Raises:
        DataError: The logs do not share their vocabularies.
    """
    logs = [held_out] if isinstance(held_out, Interactions) else list(held_out)
    known = _KnownPairs.from_logs(train, logs)
    found: dict[EdgeType, Leak] = {}
    ends: dict[tuple[str, str], tuple[IntArray, BoolArray]] = {}
    for node in graph.node_types:
        for kind, vocabulary in (("user", train.users), ("item", train.items)):
            ends[node, kind] = _matching_rows(graph, node, kind, vocabulary)
    for edge_type in graph.edge_types:
        source, relation, target = edge_type
        if (target, relation.removeprefix("rev_"), source) in found:
            continue
        codes = set()
        for of_user, of_item, flip in ((source, target, False), (target, source, True)):
            index = graph[edge_type].edge_index.numpy()[:: -1 if flip else 1]
            codes |= known.leaked(index, ends[of_user, "user"], ends[of_item, "item"])
        if codes:
            rows = np.array(sorted(codes), dtype=np.int64)
            pairs = zip(
                train.users.take(rows // train.num_items),
                train.items.take(rows % train.num_items),
                strict=True,
            )
            iri = str(graph[edge_type].get("iri") or "")
            found[edge_type] = Leak(edge_type, tuple(sorted(pairs)), iri)
    return list(found.values())


@dataclass(frozen=True)
class _KnownPairs:
    """All pairs of users and items, each as user row · num_items + item row."""

    train: IntArray
    held_out: IntArray
    num_items: int
    of_user: IntArray
    of_item: IntArray

    @classmethod
    def from_logs(cls, train: Interactions, held_out: Sequence[Interactions]) -> _KnownPairs:
        if any(log.users != train.users or log.items != train.items for log in held_out):
            raise DataError("What is held out must share the vocabularies of train.")
        num = train.num_items
        seen = np.unique(train.user * num + train.item)
        hidden = [np.zeros(0, np.int64), *(log.user * num + log.item for log in held_out)]
        hidden_pairs = np.setdiff1d(np.concatenate(hidden), seen)
        both = np.concatenate([seen, hidden_pairs])
        of_user = np.bincount(both // num, minlength=train.num_users)
        of_item = np.bincount(both % num, minlength=num)
        return cls(seen, hidden_pairs, num, of_user, of_item)

    def leaked(
        self,
        index: npt.NDArray[Any],
        users: tuple[IntArray, BoolArray],
        items: tuple[IntArray, BoolArray],
    ) -> set[int]:
        """Return the held-out pairs among edges, with users in the first row of `index`."""
        user, item = users[0][index[0]], items[0][index[1]]
        joins = (user >= 0) & (item >= 0)
        user, item = user[joins], item[joins]
        certain = (users[1][index[0]] & items[1][index[1]])[joins]
        pair = user * self.num_items + item
        hidden = np.isin(pair, self.held_out)
        counts = hidden & certain
        guessed = ~certain
        if (hidden & guessed).any():
            degrees = self.of_user[user[guessed]] * self.of_item[item[guessed]]
            chance = np.minimum(degrees / self.of_user.sum(), 1.0)
            chosen = int((hidden | np.isin(pair, self.train))[guessed].sum())
            beyond = chosen - chance.sum()
            far = beyond >= MIN_DEVIATIONS * np.sqrt((chance * (1 - chance)).sum())
            if chosen >= MIN_EDGES and far:
                counts = hidden
        return set(pair[counts].tolist())


def _matching_rows(
    graph: HeteroData, node: str, kind: str, vocabulary: Vocabulary
) -> tuple[IntArray, BoolArray]:
    """Return the user or item that each node stands for, -1 for none, and whether it is certain."""
    ids = list(graph[node].node_id)
    num = len(ids)
    if node == kind:
        return vocabulary.rows(ids, missing="-1"), np.ones(num, dtype=np.bool_)
    if node in (INTERACTS[0], INTERACTS[2]):
        return np.full(num, -1, dtype=np.int64), np.zeros(num, dtype=np.bool_)
    rows = vocabulary.rows(ids, missing="-1")
    of_knowledge = "kg_row" in graph[node]
    certain = np.array([of_knowledge and not id.isdecimal() for id in ids], dtype=np.bool_)
    certain &= rows >= 0
    other = np.flatnonzero(rows < 0)
    names = [re.split(r"[/#:]", ids[row])[-1] for row in other.tolist()]
    rows[other] = vocabulary.rows(names, missing="-1")
    return rows, certain
