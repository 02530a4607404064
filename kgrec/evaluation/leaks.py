"""Whether what is held out can be read off the graph that a model is given."""

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
from kgrec.types import BoolArray, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

EdgeType = tuple[str, str, str]

MIN_EDGES, MIN_DEVIATIONS = 3, 6.0
"""Where ids may be alike by accident: edges that have to be interactions, and deviations."""


@dataclass(frozen=True)
class Leak:
    """Held-out interactions that are edges of one type.

    Attributes:
        edge_type: Source type, relation and destination type.
        pairs: (user id, item id) of each, sorted.
        iri: The relation of the knowledge graph; empty where it is of none.
    """

    edge_type: EdgeType
    pairs: tuple[tuple[str, str], ...]
    iri: str = ""


def check_no_leak(
    graph: HeteroData, train: Interactions, held_out: Interactions | Sequence[Interactions]
) -> None:
    """Raise if an edge of the graph gives away an interaction that is held out; see `find_leaks`.

    Args:
        graph: The graph that models are given, as `kgrec.graph.build.build_graph` returns it.
        train: The interactions that may be seen.
        held_out: What must not be seen; a pair that `train` has too is none of it.

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
    mend = "Leave these edges out of what the graph is built of."
    if iris:
        listed = ", ".join(printable(iri) for iri in iris)
        mend = f"Leave them out with graph.drop_relations: [{listed}]."
    raise DataError(
        f"The graph gives away {sum(len(leak.pairs) for leak in leaks):,} interactions that are "
        f"held out, in edges of {names}: such as user {user!r} with item {item!r}, an edge "
        f"({source}, {relation}, {target}). Figures measured on them would say nothing. {mend}"
    )


def find_leaks(
    graph: HeteroData, train: Interactions, held_out: Interactions | Sequence[Interactions]
) -> list[Leak]:
    """Return the edges, in either direction, that join a user and an item of a held-out pair.

    An end of an edge stands for a user or an item if it is that node, or if it is another node
    that bears the same id: a user may be an entity of the knowledge graph, or a value in a column
    of the item table, and an unlinked item an entity. An IRI also bears the name behind its last
    `/`, `#` or `:`.

    An entity whose id is that of a user or item, letter by letter and not merely a number, is one.
    Numbers, names at the end of IRIs and values of columns may be alike by accident. Of those, an
    edge type is taken for a log where more of its edges are interactions, held out or not, than
    chance would have: `MIN_EDGES` or more, and `MIN_DEVIATIONS` standard deviations above the
    number that would be expected if who chose what depended on the two degrees alone.

    Args:
        graph: The graph.
        train: The interactions that may be seen.
        held_out: Those that may not, over the vocabularies of `train`.

    Returns:
        One entry for each edge type that has such edges, in the order of the graph's types; an
        inverse beside its edge type is not listed again.

    Raises:
        DataError: The logs do not share their vocabularies.
    """
    logs = [held_out] if isinstance(held_out, Interactions) else list(held_out)
    known = _Known.from_logs(train, logs)
    found: dict[EdgeType, Leak] = {}
    ends: dict[tuple[str, str], tuple[IntArray, BoolArray]] = {}
    for node in graph.node_types:
        for kind, vocabulary in (("user", train.users), ("item", train.items)):
            ends[node, kind] = _stand_for(graph, node, kind, vocabulary)
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
class _Known:
    """All pairs, each as user row · num_items + item row."""

    train: IntArray
    held_out: IntArray
    num_items: int
    of_user: IntArray
    of_item: IntArray

    @classmethod
    def from_logs(cls, train: Interactions, held_out: Sequence[Interactions]) -> _Known:
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
        """Return the held-out pairs among edges, whose first row is read as users."""
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


def _stand_for(
    graph: HeteroData, node: str, kind: str, vocabulary: Vocabulary
) -> tuple[IntArray, BoolArray]:
    """Return which user or item (`kind`) each node of a type stands for, -1: none, and surely."""
    ids = list(graph[node].node_id)
    num = len(ids)
    if node == kind:
        return vocabulary.rows(ids, missing="-1"), np.ones(num, dtype=np.bool_)
    if node in (INTERACTS[0], INTERACTS[2]):
        return np.full(num, -1, dtype=np.int64), np.zeros(num, dtype=np.bool_)
    rows = vocabulary.rows(ids, missing="-1")
    of_knowledge = "kg_row" in graph[node]
    sure = np.array([of_knowledge and not id.isdecimal() for id in ids], dtype=np.bool_)
    sure &= rows >= 0
    other = np.flatnonzero(rows < 0)
    names = [re.split(r"[/#:]", ids[row])[-1] for row in other.tolist()]
    rows[other] = vocabulary.rows(names, missing="-1")
    return rows, sure
