"""A fitted model with its data, and what these say of users and items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.errors import UnknownIdError, printable
from kgrec.graph.modalities import TEXT, attach
from kgrec.graph.node_names import NodeNames
from kgrec.models.base import Model
from kgrec.retrieval.compressed import Compressed
from kgrec.retrieval.filters import ItemColumns, passing
from kgrec.retrieval.settings import EXACT, ApproximateIndexConfig, ExactIndexConfig
from kgrec.snapshot.changes import Changes
from kgrec.snapshot.drift import Drift
from kgrec.snapshot.earlier import NOTHING, Earlier
from kgrec.snapshot.histories import joined
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from kgrec.explain.paths import PathFinder
    from kgrec.explain.settings import ExplainConfig
    from kgrec.graph.arrays import GraphArrays
    from kgrec.search.taught import Taught


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model with its users, items, histories, graph, names and words.

    It is what `Snapshot` stores. What answers requests is made of it, in `Ranker` and `Snapshot`.

    Attributes:
        model: The fitted model.
        users: The known users.
        items: The catalogue.
        histories: The known items of each user, float32 CSR of shape (num_users, num_items).
        inputs: The data from which the graph is built.
        derived: Data made from the inputs before training; features cover the first rows.
        interactions: The training part and, if there is one, the validation part, for `evaluate`;
            empty if a run was loaded without them.
        built: The graph, if it was built already.
        titles: Names of the items only.
        changed: Users with a history that the model has not learnt, bool of shape (num_users,).
        placed: Vectors of the items after those of the model, in its content space: float32 of
            shape (n, dim), zero for an item that it could not place; None: it could place none.
        num_trained: The model was fitted on this number of items, the first ones; -1: all.
        warnings: What was doubtful about the data or the training; see `kgrec.errors.warn`.
        disliked: The items that each user is known to dislike, as `histories`; None: none.
        index_config: How items are found by their vectors.
        codes: Codes of the first items for an approximate index; None: they are made when asked
            for.
        withdrawn: Items that are in no answer, bool of shape (num_items,); None: there are none.
        deleted: Users who were deleted, bool of shape (num_users,); None: there are none. Their
            rows stay, with another id and without any data.
        pending: Updates that the model does not know yet, the oldest first.
        base: The snapshot before them; None: there are none.
        drift: What came since training; None: nothing.
        taught: What example queries taught; None: search has its default weights.
        earlier: What snapshots of the same model have computed over the first items.
    """

    model: Model
    users: Vocabulary
    items: Vocabulary
    histories: csr_matrix
    inputs: Inputs
    derived: Derived
    interactions: tuple[Interactions, ...] = ()
    built: HeteroData | None = None
    titles: NodeNames | None = None
    changed: BoolArray | None = None
    placed: FloatArray | None = None
    num_trained: int = -1
    warnings: tuple[str, ...] = ()
    disliked: csr_matrix | None = None
    index_config: ExactIndexConfig | ApproximateIndexConfig = EXACT
    codes: Compressed | None = None
    withdrawn: BoolArray | None = None
    deleted: BoolArray | None = None
    pending: tuple[Changes, ...] = ()
    base: Self | None = None
    drift: Drift | None = None
    taught: Taught | None = None
    earlier: Earlier = NOTHING

    # ------------------------------------------------------------------ graph and names

    @cached_property
    def graph(self) -> HeteroData:
        """The user–item–attribute graph with the known items of the users."""
        from kgrec.graph.build import build_graph  # needed for explanations only

        if self.built is not None:
            return self.built
        graph = build_graph(
            self._log(),
            self.inputs.kg,
            self.inputs.links,
            items=self.inputs.items,
            users=self.inputs.users,
            config=self.inputs.config,
            scales=self.derived.scales,
        )
        for (kind, modality), matrix in self.derived.features.items():
            if kind == "item":  # other nodes may have come or gone
                made_by = self.derived.made_by.get((kind, modality), "unknown")
                attach(graph, kind, modality, matrix, made_by)
        return graph

    @cached_property
    def names(self) -> NodeNames:
        """Labels of all nodes of the graph, as they are in the data."""
        return self.derived.names or self.inputs.names(self.graph)

    @cached_property
    def arrays(self) -> GraphArrays:
        """Nodes and edges of the graph as arrays, without edges of withdrawn items."""
        from kgrec.graph.arrays import GraphArrays, without_edges_of

        arrays = GraphArrays.of(self.graph)
        return arrays if self.withdrawn is None else without_edges_of(arrays, self.withdrawn)

    @cached_property
    def array_names(self) -> NodeNames:
        """Labels of the nodes of `arrays`, as they are in the data."""
        return self.names

    @cached_property
    def paths(self) -> PathFinder:
        """Finds paths in the graph."""
        from kgrec.explain.paths import PathFinder

        return PathFinder(self.arrays, self.array_names, config=self.explain)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of labels, best first."""
        return self.inputs.languages

    @property
    def explain(self) -> ExplainConfig:
        """What explanations may say, and how."""
        return self.inputs.explain

    def title(self, row: int) -> str:
        """Return the title of an item: that of the item table, its entity's label, or its id."""
        return (self.titles or self.names).node("item", row)

    # ------------------------------------------------------------------ items

    @property
    def num_scored(self) -> int:
        """The number of items that the model was fitted on: the first ones."""
        return len(self.items) if self.num_trained < 0 else self.num_trained

    @property
    def has_text(self) -> bool:
        """Whether there are text vectors of the items."""
        return ("item", TEXT) in self.derived.features

    @cached_property
    def item_columns(self) -> ItemColumns:
        """What is known of the items, for filters."""
        inputs = self.inputs
        return ItemColumns(self.items, inputs.items, inputs.kg, inputs.links, inputs.languages)

    def allowed(
        self,
        filter: str | None = None,
        candidates: Iterable[str | int] | None = None,
        exclude: Iterable[str | int] = (),
    ) -> IntArray | None:
        """Return the rows of the items that may be returned, int64 (c,), ascending; None: all.

        Args:
            filter: An expression over `item_columns`; None: every item passes.
            candidates: Ids of the items to choose from; None: the whole catalogue.
            exclude: Ids of items to leave out.

        Raises:
            UnknownIdError: An item is unknown.
            ConfigError: The filter is not understood.
            DataError: The filter names an unknown column, or compares text with a number, or
                one id stands where a list belongs.
        """
        rows, left_out = None, id_list(exclude, "exclude")
        if candidates is not None:
            rows = np.unique(self.items.rows(id_list(candidates, "candidates")))
            self.check_available(rows)
        if left_out or self.withdrawn is not None:
            stays = np.ones(len(self.items), dtype=bool)
            stays[self.items.rows(left_out)] = False
            rows = np.flatnonzero(stays) if rows is None else rows[stays[rows]]
        if self.withdrawn is not None and rows is not None:
            rows = rows[~self.withdrawn[rows]]
        return rows if filter is None else passing(self.item_columns, filter, rows)

    def available(self, item: str | int) -> int:
        """Return the row of an item that is not withdrawn.

        Raises:
            UnknownIdError: It is unknown or withdrawn.
        """
        row = self.items.row(item)
        self.check_available(np.array([row]))
        return row

    def check_available(self, rows: IntArray) -> None:
        """Check that none of some items is withdrawn.

        Raises:
            UnknownIdError: One is.
        """
        gone = rows[:0] if self.withdrawn is None else rows[self.withdrawn[rows]]
        if len(gone):
            raise UnknownIdError(
                f"{len(gone)} of {len(rows)} items were withdrawn, the first of them "
                f"{printable(self.items.id(int(gone[0])))!r}."
            )

    @property
    def num_available(self) -> int:
        """The number of items that are not withdrawn."""
        return len(self.items) - (0 if self.withdrawn is None else int(self.withdrawn.sum()))

    def not_withdrawn(self, rows: IntArray) -> IntArray:
        """Return those of some rows of items that are not withdrawn."""
        return rows if self.withdrawn is None else rows[~self.withdrawn[rows]]

    # ------------------------------------------------------------------ users

    @property
    def known(self) -> tuple[Interactions, ...]:
        """Training and validation part, and after an update all that users have; training first."""
        if self.num_trained < 0:
            return self.interactions
        train, *valid = self.interactions
        # Protocols take the second for the validation part, so it is there even if it is empty.
        none = train.select(np.zeros(0, dtype=np.int64))
        return (train, valid[0] if valid else none, self._log())

    @property
    def present_users(self) -> IntArray:
        """Rows of the users who were not deleted, int64, ascending."""
        every = np.arange(len(self.users))
        return every if self.deleted is None else every[~self.deleted]

    def history(self, user: int | None, liked: Iterable[str | int] = ()) -> csr_matrix:
        """Return a user's items and further liked items as 1, float32 (1, num_items).

        Raises:
            UnknownIdError: An item is unknown.
        """
        rows = self.items.rows(id_list(liked, "liked"))
        if user is not None:
            rows = np.concatenate([rows, self.histories[user].indices.astype(np.int64)])
        rows = np.unique(rows)
        place = (np.zeros_like(rows), rows)
        return csr_matrix((np.ones(len(rows), dtype=np.float32), place), shape=(1, len(self.items)))

    def left_out(self, users: IntArray, *, include_disliked: bool = False) -> csr_matrix:
        """Return what is not recommended to users, float32 CSR of shape (b, num_items).

        Args:
            users: Rows of users, int64 of shape (b,).
            include_disliked: Whether items that they dislike may be recommended.
        """
        has: csr_matrix = self.histories[users]
        if include_disliked or self.disliked is None:
            return has
        return joined(has, self.disliked[users])

    def _log(self) -> Interactions:
        pairs = self.histories.tocoo()
        rows, columns = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        return Interactions(self.users, self.items, rows, columns)
