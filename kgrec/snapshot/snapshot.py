"""All data for serving, in one object that never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.errors import ConfigError, UnknownIdError, option, printable
from kgrec.graph.modalities import TEXT, attach
from kgrec.graph.node_names import NodeNames
from kgrec.models.base import Model, RatingPredictor, VectorModel, unit_rows
from kgrec.models.ensemble import standardised
from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.compressed import Compressed
from kgrec.retrieval.dialled import DialledIndex
from kgrec.retrieval.filters import ItemColumns, passing
from kgrec.retrieval.index import Index
from kgrec.retrieval.reranking import Dials, ItemSimilarity, diversified, item_attributes
from kgrec.retrieval.search import SemanticSearch
from kgrec.retrieval.settings import EXACT, ApproximateIndexConfig, ExactIndexConfig
from kgrec.retrieval.topk import TopK, top_k
from kgrec.snapshot.answering import answering
from kgrec.snapshot.changes import Changes, ItemLinks
from kgrec.snapshot.drift import Drift
from kgrec.snapshot.earlier import Earlier, extended_index, most_alike
from kgrec.snapshot.growth import Content, grown
from kgrec.snapshot.histories import joined
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from kgrec.explain.paths import PathFinder
    from kgrec.explain.settings import ExplainConfig
    from kgrec.graph.arrays import GraphArrays
    from kgrec.kg.exchange import LiteralStatement, Triple
    from kgrec.rdf.columns import GraphColumns
    from kgrec.search.facts import ItemFacts
    from kgrec.search.taste import TasteSearch
    from kgrec.search.taught import Taught
    from kgrec.snapshot.reasons import Reasons


NOTHING = Earlier()

NO_DIALS = Dials()
"""Lists of the model alone."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A fitted model with its users, items, histories, graph, names and words.

    A snapshot never changes. Values computed on first use are the same for every caller, so any
    number of threads can share one. `update` returns a new snapshot that shares unchanged data.

    Rows are only appended. The model knows the first rows, those that it was fitted on.

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
    base: Snapshot | None = None
    drift: Drift | None = None
    taught: Taught | None = None
    earlier: Earlier = NOTHING

    # ------------------------------------------------------------------ made when asked for

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

    @cached_property
    def index(self) -> Index | None:
        """The index over the item vectors; None: the model's score is not an inner product."""
        model = self.model
        if not isinstance(model, VectorModel) or not model.scores_are_products:
            return None
        vectors, num = model.item_vectors, len(self.items)
        placed = None if self.placed is None else model.item_vectors_at(self.placed)
        late, unknown, config = self._late(vectors, placed), self._unknown(), self.index_config
        exact = extended_index(self.earlier.index, vectors, late, num, unknown)
        if isinstance(config, ExactIndexConfig):
            return exact
        return ApproximateIndex(exact.vectors, config, unknown=unknown, compressed=self.codes)

    @cached_property
    def similarity_index(self) -> Index | None:
        """The index over the item vectors of length one; None: the model has no vectors."""
        if not isinstance(self.model, VectorModel):
            return None
        vectors = self.model.similarity_vectors
        placed = None if self.placed is None else unit_rows(self.placed)
        late, before = self._late(vectors, placed), self.earlier.similarity_index
        return extended_index(before, vectors, late, len(self.items), self._unplaced())

    @cached_property
    def popularity(self) -> FloatArray:
        """How popular items are: log(1 + number of users that have it), standardised, (n,)."""
        counts = np.bincount(self.histories.indices, minlength=len(self.items))
        return np.asarray(standardised(np.log1p(counts)[None])[0], dtype=np.float32)

    @cached_property
    def item_similarity(self) -> ItemSimilarity:
        """How alike items are by text and attributes, or else by the model; for diverse lists.

        Raises:
            ConfigError: There are neither, nor are there vectors of the model.
        """
        dense = []
        if self.has_text:
            dense.append(self.derived.features["item", TEXT])
        attributes = self._attributes()
        sparse = [] if attributes is None else [attributes]
        if not dense and not sparse:
            if self.similarity_index is None:
                raise ConfigError(
                    f"{option('diversity')} needs a graph, an item table with categories, texts or "
                    "a model with vectors: nothing says which items are alike."
                )
            dense.append(self.similarity_index.vectors)
        return ItemSimilarity(dense, sparse)

    def _attributes(self) -> csr_matrix | None:
        inputs = self.inputs
        return item_attributes(self.items, inputs.items, inputs.kg, inputs.links)

    @cached_property
    def _dialled_index(self) -> DialledIndex | None:
        """The index for scores with popularity; None: the model's score is no inner product."""
        if self.index is None:
            return None
        return DialledIndex(self.index.vectors, self.popularity, self._unknown())

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of labels, best first."""
        return self.inputs.languages

    @property
    def explain(self) -> ExplainConfig:
        """What explanations may say, and how."""
        return self.inputs.explain

    @cached_property
    def reasons(self) -> Reasons:
        """Answers "why?"."""
        from kgrec.snapshot.reasons import Reasons

        return Reasons(self)

    @property
    def has_text(self) -> bool:
        """Whether there are text vectors of the items."""
        return ("item", TEXT) in self.derived.features

    def with_text(self, matrix: FloatArray, made_by: str, nonsense: FloatArray) -> Snapshot:
        """Return the snapshot with text vectors of the items, for searching.

        Args:
            matrix: float32 of shape (num_items, dim).
            made_by: The fingerprint of the encoder.
            nonsense: See `Derived`.
        """
        key = ("item", TEXT)
        derived = replace(
            self.derived,
            features={**self.derived.features, key: matrix},
            made_by={**self.derived.made_by, key: made_by},
            nonsense=nonsense,
        )
        return self._with_derived(derived)

    def _with_derived(self, derived: Derived) -> Snapshot:
        return replace(self, derived=derived, earlier=Earlier(index=self.earlier.index))

    @cached_property
    def semantic_search(self) -> SemanticSearch | None:
        """Finds items by text; None: there is no text."""
        text, words = self.derived.features.get(("item", TEXT)), self.word_index
        if text is None or words is None:
            return None
        before = self.earlier.semantic_search
        if before is not None:
            start, placed = before.num_items, self.placed
            late = None if placed is None else placed[start - self.num_scored :]
            return before.extended(text[start:], words, late)
        space = self.model.content_space()
        places = None if space is None else self.placed_in(space)
        return SemanticSearch(text, words, space, places, self.derived.nonsense)

    @cached_property
    def word_index(self) -> BM25Index | None:
        """The words of the items' texts; None: there is no text."""
        words, before = self.derived.words, self.earlier.word_index
        if words is None:
            return None
        return BM25Index(words) if before is None else before.extended(words)

    @cached_property
    def taste(self) -> TasteSearch | None:
        """Finds items by what a conversation says; None: there is no text."""
        from kgrec.snapshot.searching import taste_search

        return taste_search(self)

    @cached_property
    def item_facts(self) -> ItemFacts:
        """What search reads of each item."""
        from kgrec.snapshot.searching import facts_of

        return facts_of(self, self.inputs)

    def placed_in(self, space: VectorModel) -> FloatArray:
        """Return where the items are in the space of a model, float32 (num_items, dim)."""
        vectors, missing = space.similarity_vectors, len(self.items) - self.num_scored
        if not missing:
            return vectors
        placed = self.placed
        if placed is None:
            placed = np.zeros((missing, vectors.shape[1]), dtype=np.float32)
        return np.concatenate([vectors, placed])

    def with_taught(self, taught: Taught) -> Snapshot:
        """Return the snapshot with what example queries taught."""
        return replace(self, taught=taught)

    def with_warnings(self, warnings: tuple[str, ...]) -> Snapshot:
        """Return the snapshot with other warnings."""
        return replace(self, warnings=warnings)

    @cached_property
    def item_columns(self) -> ItemColumns:
        """What is known of the items, for filters."""
        inputs = self.inputs
        return ItemColumns(self.items, inputs.items, inputs.kg, inputs.links, inputs.languages)

    @cached_property
    def answers(self) -> Snapshot:
        """What scores and recommends as this, without graph, texts and tables: for workers."""
        return answering(self, diverse=False)

    @cached_property
    def diverse_answers(self) -> Snapshot:
        """The same, for lists that shall be diverse."""
        return answering(self, diverse=True)

    # ------------------------------------------------------------------ asking

    @property
    def known(self) -> tuple[Interactions, ...]:
        """Training and validation part, and after an update all that users have; training first."""
        if self.num_trained < 0:
            return self.interactions
        train, *valid = self.interactions
        # Protocols take the second for the validation part, so it is there even if it is empty.
        none = train.select(np.zeros(0, dtype=np.int64))
        return (train, valid[0] if valid else none, self._log())

    def best(
        self,
        users: IntArray | csr_matrix,
        k: int,
        *,
        exclude: csr_matrix,
        candidates: IntArray | None = None,
        dials: Dials = NO_DIALS,
    ) -> TopK:
        """Return the k best items of some users.

        Args:
            users: Rows of users, int64 of shape (b,), or the histories of others, float32 of shape
                (b, num_items).
            k: Number of items.
            exclude: What is left out, of shape (b, num_items).
            candidates: Rows of the items to choose from; None: all.
            dials: How the lists differ from those of the model alone.
        """
        options: dict[str, Any] = {"exclude": exclude, "candidates": candidates}
        number = dials.pool(k, len(self.items))
        if self.index is not None:
            if isinstance(users, csr_matrix):
                of = self.vectors_of_histories(users)
            else:
                of = self.vectors_of_users(users)
            if dials.popularity and self._dialled_index is not None:
                best = self._dialled_index.search(of, number, dials.popularity, **options)
            else:
                best = self.index.search(of, number, **options)
        else:
            if isinstance(users, csr_matrix):
                scores = self.score_histories(users)
            else:
                scores = self.score(users)
            if dials.popularity:
                share = 1.0 - abs(dials.popularity)
                scores = share * standardised(scores) + dials.popularity * self.popularity
            best = top_k(scores, number, **options)
        if dials.diversity:
            return diversified(best, k, dials.diversity, self.item_similarity)
        return best

    def vectors_of_users(self, users: IntArray) -> FloatArray:
        """Return the vectors of rows of users, float32 (b, dim); see `score`."""
        assert isinstance(self.model, VectorModel)
        learnt = self._learnt(users)
        if learnt.all():
            return self.model.vectors_of_users(users)
        folded_in = self.vectors_of_histories(self.histories[users[~learnt]])
        vectors = np.empty((len(users), folded_in.shape[1]), dtype=np.float32)
        vectors[~learnt] = folded_in
        if learnt.any():
            vectors[learnt] = self.model.vectors_of_users(users[learnt])
        return vectors

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users by their items, float32 (b, dim)."""
        assert isinstance(self.model, VectorModel)
        return self.model.vectors_of_histories(self._trained(histories))

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
            every = np.arange(len(self.items)) if rows is None else rows
            rows = np.setdiff1d(every, self.items.rows(left_out))
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

    @property
    def present_users(self) -> IntArray:
        """Rows of the users who were not deleted, int64, ascending."""
        every = np.arange(len(self.users))
        return every if self.deleted is None else every[~self.deleted]

    def score(self, users: IntArray) -> FloatArray:
        """Return the model's scores of all items for rows of users; see `Model.score`.

        A user who is new or has changed since training is scored by the current history. Items
        that are new since training get the lowest score if the model cannot place them.
        """
        learnt = self._learnt(users)
        if learnt.all():
            return self._widened(self.model.score(users))
        scores = np.empty((len(users), len(self.items)), dtype=np.float32)
        scores[learnt] = self._widened(self.model.score(users[learnt]))
        scores[~learnt] = self.score_histories(self.histories[users[~learnt]])
        return scores

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users by their items; see `Model`."""
        return self._widened(self.model.score_histories(self._trained(histories)))

    def similar(self, item: int) -> FloatArray:
        """Return the model's similarity of all items to one, float32 of shape (1, num_items)."""
        if self.similarity_index is not None:
            vectors = self.similarity_index.vectors
            return self.similarity_index.scores(vectors[[item]])
        if item >= self.num_scored:
            return np.zeros((1, len(self.items)), dtype=np.float32)
        return self._widened(self.model.similar(np.array([item])))

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

    def expected_ratings(self, users: IntArray, items: IntArray) -> FloatArray:
        """Return the expected rating of each pair, float32 of shape (n,), in the data's scale.

        A user or an item that is new since training is one of whom the model knows nothing.

        Args:
            users: Rows of users, int64 of shape (n,).
            items: Rows of items, likewise.

        Raises:
            ConfigError: The model does not predict ratings.
        """
        model = self.model
        if not isinstance(model, RatingPredictor):
            raise ConfigError(
                f"The model {model.name} ranks and does not predict ratings. kernel_ratings does."
            )
        trained = self.num_trained < 0 or not self.interactions
        known = len(self.users) if trained else self.interactions[0].num_users
        users = np.where(users < known, users, -1)
        items = np.where(items < self.num_scored, items, -1)
        return np.asarray(model.predict_ratings(users, items), dtype=np.float32)

    def title(self, row: int) -> str:
        """Return the title of an item: that of the item table, its entity's label, or its id."""
        return (self.titles or self.names).node("item", row)

    @property
    def num_scored(self) -> int:
        """The number of items that the model was fitted on: the first ones."""
        return len(self.items) if self.num_trained < 0 else self.num_trained

    # ------------------------------------------------------------------ another one

    def update(
        self,
        *,
        interactions: Interactions | None = None,
        items: AttributeTable | Iterable[str | int] = (),
        users: AttributeTable | Iterable[str | int] = (),
        triples: GraphColumns | Iterable[Triple | LiteralStatement] = (),
        links: ItemLinks = (),
        remove_items: Iterable[str | int] = (),
        remove_users: Iterable[str | int] = (),
        texts: Sequence[str] = (),
        features: Mapping[str, FloatArray] | None = None,
    ) -> Snapshot:
        """Return a snapshot with more data at once. All rows stay; the model does not change.

        Users are then scored by their new history. A later change of mind counts: a new interaction
        takes an item out of a user's dislikes, and a new dislike takes it out of the history. New
        items are recommended if the model places content and `features` are given; otherwise they
        come after all other items. `kgrec.snapshot.settling` also updates the model.

        Args:
            interactions: New interactions, over any vocabularies.
            items: New items, or rows of the item table; known items get the new attributes, and
                withdrawn ones come back.
            users: New users, or rows of the user table; known users get the new attributes.
            triples: Statements to add to the knowledge graph, as `KnowledgeGraph.update` takes
                them.
            links: The entities of items, as pairs of item id and IRI.
            remove_items: Ids of items that are withdrawn: they are in no answer from now on.
            remove_users: Ids of users that are deleted, with all that is known of them.
            texts: Texts of the new items, in the order of the new rows; none: search omits them.
            features: Vectors of the new items by modality, float32 (n, dim), in the same order.

        Raises:
            UnknownIdError: What shall be removed is not there.
            DataError: The update contradicts itself or the snapshot, triples or links are given
                without a knowledge graph, or features do not fit.
        """
        asked = Changes.of(interactions, items, users, triples, links, remove_items, remove_users)
        return self.changed_by(asked, lambda *_: (texts, features or {}))

    def changed_by(self, asked: Changes, content: Content) -> Snapshot:
        """Return a snapshot with what an update asks for; see `update`.

        Args:
            asked: The update.
            content: Makes the texts of the new items and their vectors.
        """
        return grown(self, asked, content)

    def _log(self) -> Interactions:
        pairs = self.histories.tocoo()
        rows, columns = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        return Interactions(self.users, self.items, rows, columns)

    def _learnt(self, users: IntArray) -> BoolArray:
        """Return which users still have the history that the model learnt."""
        if self.changed is None:
            return np.ones(len(users), dtype=bool)
        return ~self.changed[users]

    def _trained(self, histories: csr_matrix) -> csr_matrix:
        """Return histories over the items that the model was fitted on."""
        return histories if self.num_trained < 0 else histories[:, : self.num_scored]

    def _widened(self, scores: FloatArray) -> FloatArray:
        """Return scores of all items: a new one has the mean of the known ones that it is like.

        Items of which nothing is known come last.
        """
        missing = len(self.items) - scores.shape[1]
        if not missing:
            return scores
        late = np.repeat(scores.min(1, keepdims=True), missing, 1)
        if self.alike is not None:
            placed = np.diff(self.alike.indptr) > 0
            late[:, placed] = (self.alike[placed] @ scores.T).T
        return np.concatenate([scores, late], axis=1)

    @cached_property
    def alike(self) -> csr_matrix | None:
        """Which known items new ones are like; see `kgrec.snapshot.earlier.most_alike`."""
        return most_alike(self, self.earlier.alike) if self.model.reads_content else None

    def _unknown(self) -> IntArray:
        """Return the rows of the items that come after all others, as nothing is known of them."""
        assert isinstance(self.model, VectorModel)
        return np.append(self.model.unknown_items, self._unplaced())

    def _unplaced(self) -> IntArray:
        """Return the rows of the items that are new since training and could not be placed."""
        new = np.arange(self.num_scored, len(self.items))
        if self.placed is not None:
            return new[~self.placed.any(axis=1)]
        alike = self.alike if len(new) else None
        return new if alike is None else new[np.diff(alike.indptr) == 0]

    def _late(self, vectors: FloatArray, placed: FloatArray | None) -> FloatArray | None:
        """Return the vectors of the new items, from those of the items that they are like.

        Args:
            vectors: Those of the known items.
            placed: Where the model itself places the new ones; None: it cannot.
        """
        if placed is not None or len(self.items) == len(vectors) or self.alike is None:
            return placed
        return np.asarray(self.alike @ vectors, dtype=np.float32)
