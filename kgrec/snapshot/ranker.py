"""What a fitted model answers in numbers: scores, the best items, similar items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, option
from kgrec.graph.modalities import TEXT
from kgrec.models.base import Model, RatingPredictor, VectorModel, unit_rows
from kgrec.models.standardising import standardised
from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.compressed import Compressed
from kgrec.retrieval.dialled import DialledIndex
from kgrec.retrieval.index import ExactIndex, Index
from kgrec.retrieval.reranking import (
    NO_DIALS,
    Dials,
    ItemSimilarity,
    diversified,
    item_attributes,
)
from kgrec.retrieval.search import SemanticSearch
from kgrec.retrieval.settings import ExactIndexConfig
from kgrec.retrieval.topk import TopK, top_k
from kgrec.snapshot.earlier import extended_index, most_alike
from kgrec.snapshot.fitted import Fitted
from kgrec.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Ranker(Fitted):
    """Scores and ranks the items of a fitted model, for its users and for others.

    Its indexes are made when they are first asked for.
    """

    # ------------------------------------------------------------------ asking

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

    def score_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items, float32 (b, c): those columns of `score`.

        Only items of which nothing is known differ: they get the lowest of these scores, where
        `score` gives them the lowest of all.

        Args:
            users: Rows of users, int64 of shape (b,), or histories, CSR of shape (b, num_items).
            items: Rows of items, int64 of shape (c,).
        """
        old = items < self.num_scored
        if old.all():
            return self._score_learnt(users, items)
        late = items[~old] - self.num_scored
        like = None if self.alike is None else self.alike[late]
        near = items[:0] if like is None else like.indices.astype(np.int64)
        needed = np.union1d(items[old], near)
        found = self._score_learnt(users, needed)
        lowest = found.min(axis=1, keepdims=True) if len(needed) else np.zeros((len(found), 1))
        made = np.repeat(lowest, len(items), axis=1).astype(np.float32)
        made[:, old] = found[:, np.searchsorted(needed, items[old])]
        if like is not None:
            placed = np.diff(like.indptr) > 0
            made[:, np.flatnonzero(~old)[placed]] = (like[placed][:, needed] @ found.T).T
        return made

    def _score_learnt(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of items that the model was fitted on; see `score_some`."""
        if isinstance(users, csr_matrix):
            return self.model.score_some(self._trained(users), items)
        learnt = self._learnt(users)
        if learnt.all():
            return self.model.score_some(users, items)
        scores = np.empty((len(users), len(items)), dtype=np.float32)
        if learnt.any():
            scores[learnt] = self.model.score_some(users[learnt], items)
        scores[~learnt] = self._score_learnt(csr_matrix(self.histories[users[~learnt]]), items)
        return scores

    def similar(self, item: int) -> FloatArray:
        """Return the model's similarity of all items to one, float32 of shape (1, num_items)."""
        if self.similarity_index is not None:
            vectors = self.similarity_index.vectors
            return self.similarity_index.scores(vectors[[item]])
        if item >= self.num_scored:
            return np.zeros((1, len(self.items)), dtype=np.float32)
        return self._widened(self.model.similar(np.array([item])))

    def index_of(
        self,
        model: VectorModel,
        before: ExactIndex | None = None,
        codes: Compressed | None = None,
    ) -> Index:
        """Return an index over all items by the vectors of the model, or of one of its members.

        Args:
            model: A model whose score is an inner product.
            before: One over the first items; None: there is none.
            codes: Codes of the first items, for an approximate index; None: they are made.
        """
        vectors = model.item_vectors
        placed = self.placed  # in the space of one of the models, which may be another one
        if placed is not None:
            same = self.model.content_space() is model
            placed = model.item_vectors_at(placed) if same else None
        late, unknown = self._late(vectors, placed), self._unknown(model)
        exact = extended_index(before, vectors, late, len(self.items), unknown)
        return self.configured(exact, unknown, codes)

    def configured(
        self, exact: ExactIndex, unknown: IntArray, codes: Compressed | None = None
    ) -> Index:
        """Return an exact index, or the approximate one of the same vectors, as configured."""
        config = self.index_config
        if isinstance(config, ExactIndexConfig):
            exact.device = config.device or "cpu"
            return exact
        return ApproximateIndex(exact.vectors, config, unknown=unknown, compressed=codes)

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

    def vectors_of_users(self, users: IntArray, model: Model | None = None) -> FloatArray:
        """Return the vectors of rows of users, float32 (b, dim); see `score`.

        Args:
            users: The rows, int64 of shape (b,).
            model: The model, or one of its members; None: the model.
        """
        model = model or self.model
        assert isinstance(model, VectorModel)
        learnt = self._learnt(users)
        if learnt.all():
            return model.vectors_of_users(users)
        folded_in = self.vectors_of_histories(self.histories[users[~learnt]], model)
        vectors = np.empty((len(users), folded_in.shape[1]), dtype=np.float32)
        vectors[~learnt] = folded_in
        if learnt.any():
            vectors[learnt] = model.vectors_of_users(users[learnt])
        return vectors

    def vectors_of_histories(self, histories: csr_matrix, model: Model | None = None) -> FloatArray:
        """Return the vectors of unseen users by their items, float32 (b, dim).

        Args:
            histories: The items, CSR of shape (b, num_items).
            model: As for `vectors_of_users`.
        """
        model = model or self.model
        assert isinstance(model, VectorModel)
        return model.vectors_of_histories(self._trained(histories))

    # ------------------------------------------------------------------ made when asked for

    @cached_property
    def index(self) -> Index | None:
        """The index over the item vectors; None: the model's score is not an inner product."""
        model = self.model
        if not isinstance(model, VectorModel) or not model.scores_are_products:
            return None
        return self.index_of(model, self.earlier.index, self.codes)

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
        assert isinstance(self.model, VectorModel)
        device = self.index.device if isinstance(self.index, ExactIndex) else "cpu"
        unknown = self._unknown(self.model)
        return DialledIndex(self.index.vectors, self.popularity, unknown, device)

    @cached_property
    def word_index(self) -> BM25Index | None:
        """The words of the items' texts; None: there is no text."""
        words, before = self.derived.words, self.earlier.word_index
        if words is None:
            return None
        return BM25Index(words) if before is None else before.extended(words)

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

    def placed_in(self, space: VectorModel) -> FloatArray:
        """Return where the items are in the space of a model, float32 (num_items, dim)."""
        vectors, missing = space.similarity_vectors, len(self.items) - self.num_scored
        if not missing:
            return vectors
        placed = self.placed
        if placed is None:
            placed = np.zeros((missing, vectors.shape[1]), dtype=np.float32)
        return np.concatenate([vectors, placed])

    # ------------------------------------------------------------------ what came after training

    @cached_property
    def alike(self) -> csr_matrix | None:
        """Which known items new ones are like; see `kgrec.snapshot.earlier.most_alike`."""
        words = self.derived.words
        if not self.model.reads_content or words is None:
            return None
        by_meaning = self.semantic_search
        search = self.word_index if by_meaning is None else by_meaning
        assert search is not None  # there are words
        return most_alike(search, words, self.num_scored, len(self.items), self.earlier.alike)

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

    def _unknown(self, model: VectorModel) -> IntArray:
        """Return the rows of the items that come after all others, as nothing is known of them."""
        return np.append(model.unknown_items, self._unplaced())

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
