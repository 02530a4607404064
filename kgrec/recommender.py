"""One object for all stages: encode, train, recommend, search, explain, evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.errors import ConfigError, DataError, check_kind, collecting, option
from kgrec.explain.settings import ExplainConfig, Length, Tone
from kgrec.graph.modalities import TEXT
from kgrec.graph.settings import GraphConfig
from kgrec.models.base import Callback, Model
from kgrec.retrieval.reranking import Dials
from kgrec.retrieval.settings import (
    ApproximateIndexConfig,
    ExactIndexConfig,
    RetrieveConfig,
    retrieve_settings,
)
from kgrec.retrieval.topk import TopK, top_k
from kgrec.search.settings import SearchConfig
from kgrec.snapshot import BulkRecommendations, Derived, Inputs, Prepared, Snapshot
from kgrec.snapshot.changes import Changes, ItemLinks
from kgrec.snapshot.deriving import derive, searchable, texts_of_new
from kgrec.snapshot.given import check_fits, check_kinds, pair_ids
from kgrec.snapshot.listed import Recommendation, checked_k, listed_of, user_row
from kgrec.snapshot.prepared import prepare
from kgrec.text.backend import TextBackend
from kgrec.text.cache import EmbeddingCache
from kgrec.text.progress import ShowProgress
from kgrec.text.settings import TextConfig
from kgrec.text.vectors import TextVectors
from kgrec.types import FloatArray, IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from torch_geometric.data import HeteroData

    from kgrec.evaluation.base import Evaluation, ProtocolConfig
    from kgrec.explain.explanation import Explanation
    from kgrec.explain.writing.writer import Writer
    from kgrec.graph.node_names import NodeNames
    from kgrec.kg.exchange import LiteralStatement, Triple
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links
    from kgrec.rdf.columns import GraphColumns
    from kgrec.search.examples import Example
    from kgrec.search.profiles import Profile
    from kgrec.search.taste import Encode, Found, TasteSearch
    from kgrec.search.taught import Taught
    from kgrec.snapshot.searching import Asked
    from kgrec.snapshot.text_reranking import TextReranker


class Recommender:
    """Any model with ids, text, retrieval and explanation.

    Args:
        kg: The knowledge graph; None: only interactions and tables.
        links: The entity of each item, from `kgrec.link`; required with `kg`.
        model: The model; None: `kgrec.auto.auto.Auto`, models that the data chooses.
        items: The item table: titles, categories, numbers. Its items belong to the catalogue.
        users: The user table.
        text: Settings for text vectors; None: no text is used, and there is no search.
        encoder: The text encoder; None: the one that `text` names.
        cache: The store of text vectors; None: they are not stored.
        graph: The part of the knowledge graph to use.
        index: How items are found by their vectors: exactly, or approximately for catalogues of
            some 200,000 items and more; None: exactly.
        explain: What explanations may say, and how.
        progress: Whether encoding shows a progress bar.
    """

    def __init__(
        self,
        kg: KnowledgeGraph | None = None,
        links: Links | None = None,
        *,
        model: Model | None = None,
        items: AttributeTable | None = None,
        users: AttributeTable | None = None,
        text: TextConfig | None = TextConfig(),  # noqa: B008  # frozen
        encoder: TextBackend | None = None,
        cache: EmbeddingCache | None = None,
        graph: GraphConfig | None = None,
        index: ExactIndexConfig | ApproximateIndexConfig | None = None,
        explain: ExplainConfig | None = None,
        progress: bool = False,
    ) -> None:
        check_kinds(kg=kg, links=links, model=model, items=items, users=users, text=text)
        check_kinds(graph=graph, index=index)
        if (kg is None) != (links is None):
            raise DataError("A knowledge graph and its links belong together: give both or none.")
        self._given = model
        if cache is None and text is not None and text.cache is not None:
            cache = EmbeddingCache(text.cache)
        self.text_config, self.cache, self.progress = text, cache, progress
        if encoder is None and text is not None:
            encoder = text.build()
        self.encoder = encoder
        languages = ("en", "") if text is None else text.languages
        of_graph, told = graph or GraphConfig(), explain or ExplainConfig()
        self.inputs = Inputs(kg, links, items, users, of_graph, languages, told)
        self.index_config = index or ExactIndexConfig()
        self._snapshot: Snapshot | None = None
        self._updating = Lock()

    @property
    def snapshot(self) -> Snapshot:
        """The result of the last `fit` or `update`. It never changes: each makes a new object.

        Raises:
            DataError: Nothing was fitted.
        """
        if self._snapshot is None:
            raise DataError("The recommender was not fitted. Call fit() first.")
        return self._snapshot

    @property
    def model(self) -> Model:
        """The fitted model; before `fit`, the given one."""
        return self._unfitted if self._snapshot is None else self._snapshot.model

    @cached_property
    def _unfitted(self) -> Model:
        from kgrec.auto.auto import Auto

        return self._given or Auto()

    def fit(
        self,
        train: Interactions,
        valid: Interactions | None = None,
        *,
        candidates: Iterable[str | int] | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Build the graph from `train`, encode its text, and train a copy of the model.

        Args:
            train: The interactions to learn from.
            valid: Interactions that decide when to stop; over the vocabularies of `train`.
            candidates: Ids of the items to rank on `valid`; None: all.
            callback: Gets the figures after each validation.

        Raises:
            DataError: The parts do not fit together, or there is nothing to learn from.
        """
        with collecting() as warnings:
            prepared = self.prepare(train, valid, candidates=candidates)
            model = deepcopy(self._unfitted).fit(prepared.data, callback=callback)
            if model.refits and valid is not None:
                prepared = self.together(prepared)
                model.refit(prepared.data)
        return self.take(replace(prepared.fitted(model), warnings=tuple(warnings)))

    def take(self, snapshot: Snapshot) -> Self:
        """Use another snapshot from now on; requests that run now finish with the old one.

        Args:
            snapshot: Made by `prepare(…).fitted(model)` or `update`, or from another recommender.
        """
        self._snapshot = snapshot
        return self

    def fork(self) -> Recommender:
        """Return another recommender over the same snapshot: updates of one do not reach the other.

        They share the encoder and the store of text vectors.
        """
        other = copy(self)
        other._updating = Lock()
        return other

    def prepare(
        self,
        train: Interactions,
        valid: Interactions | None = None,
        *,
        candidates: Iterable[str | int] | None = None,
        derived: Derived | None = None,
    ) -> Prepared:
        """Return the data to fit a model and to make a snapshot. The recommender does not change.

        Args:
            train: As for `fit`.
            valid: As for `fit`.
            candidates: As for `fit`.
            derived: Derived data of the same inputs, to use again.
        """
        check_kinds(train=train, valid=valid)
        if derived is None:
            check_fits(self.inputs, train)
        made = prepare(self.inputs, train, valid, candidates, derived or self._derived)
        return replace(made, index_config=self.index_config)

    def together(self, prepared: Prepared) -> Prepared:
        """Return prepared data with the validation part as further training, for `Model.refit`."""
        train, valid = prepared.data.train, prepared.data.valid
        log = train if valid is None else train.joined(valid)
        return self.prepare(log, derived=prepared.derived)

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for rows of users; see `Snapshot.score`."""
        return self.snapshot.score(users)

    def recommend(
        self,
        user: str | int | None = None,
        k: int | None = None,
        *,
        liked: Iterable[str | int] = (),
        description: str | None = None,
        filter: str | None = None,
        candidates: Iterable[str | int] | None = None,
        exclude: Iterable[str | int] = (),
        include_disliked: bool = False,
        diversity: float = 0.0,
        popularity: float = 0.0,
        retrieve: RetrieveConfig | int | None = None,
        rerank: TextReranker | None = None,
    ) -> list[Recommendation]:
        """Return the k best items that the user does not have yet, best first.

        The user has the items of the interactions given to `fit` and `update`, and those that they
        dislike (`Interactions.dislikes`). A test part is not known here: use `exclude` for it.

        The best are chosen among the items that `filter`, `candidates` and `exclude` leave, so k
        items come back where there are as many.

        Args:
            user: Id of a known user; None: a new user, described by `liked`. Here and below, a
                whole number stands for its digits: 7 is the id "7".
            k: Number of items; None: ten, or the whole catalogue if it is smaller.
            liked: Items that a new user likes, or further items that a known user likes.
            description: What the user likes in plain words, such as the edited text of `profile`;
                see `search`. It is taken together with `user` and `liked`. None: no words.
            filter: What items must fulfil, such as `price < 30 and "Film noir" in genre`. It reads
                the columns of the item table and the relations of the graph; see
                `kgrec.retrieval.filters.ItemColumns` for their names and
                `kgrec.data.expression.evaluate_expression` for the language. None: nothing.
            candidates: The items to choose from; None: the whole catalogue.
            exclude: Further items to leave out.
            include_disliked: Whether items that the user dislikes may come back.
            diversity: From 0, the best items, to 1, items that are as little alike as possible.
                See `kgrec.retrieval.reranking.Dials` for the formulas of both.
            popularity: From -1, the least popular items, over 0, the model's own choice, to 1, the
                most popular ones.
            retrieve: Scores only items that towers retrieve first: how many each of them finds,
                or also which; see `kgrec.RetrieveConfig`. For large catalogues and models of
                several members: it saves time, and may miss an item that no tower finds.
                None: the model scores all items.
            rerank: Orders the first `rerank.top` items anew, by a language model that reads the
                texts of the user and of each item; scores are then its answers. None: nothing does.

        Raises:
            UnknownIdError: The user or an item is unknown.
            DataError: Neither `user` nor `liked` nor `description` is given, one id stands where a
                list belongs, or the filter names an unknown column; with `rerank`, items or the
                user have no text.
            ConfigError: k is larger than the catalogue, the filter is not understood, or
                `diversity` or `popularity` is outside of its range; `rerank` is given with
                `diversity`, or without text; `retrieve` is given with `popularity` or
                `description`, or there are no such towers.
        """
        dials, retrieving = Dials(popularity, diversity), retrieve_settings(retrieve)
        if rerank is not None and diversity:
            raise ConfigError(
                f"{option('rerank')} and {option('diversity', diversity)} exclude each other: both "
                "order the list."
            )
        now = self.snapshot
        if description is not None:
            if dials != Dials():
                raise ConfigError("diversity and popularity are not for a description.")
            if retrieving is not None:
                raise ConfigError(
                    f"{option('retrieve')} is not for a description: a search compares all texts."
                )
            words = {"filter": filter, "candidates": candidates, "exclude": exclude}
            return self._asked(description, k, user, liked, (), words, talks=True, rerank=rerank)
        liked = id_list(liked, "liked")
        k = checked_k(k, now)
        row = user_row(now, user, liked)
        history = left_out = now.history(row, liked)
        if row is not None:
            has = now.left_out(np.array([row]), include_disliked=include_disliked)
            left_out = (history + has).tocsr()
        users = history if row is None or liked else np.array([row])
        number = k if rerank is None else rerank.pool(k, now.num_available)
        allowed = now.allowed(filter, candidates, exclude)
        if retrieving is None:
            best = now.best(users, number, exclude=left_out, candidates=allowed, dials=dials)
        else:
            best = self._retrieved(retrieving, users, number, left_out, allowed, dials)
        listed = listed_of(now, best)
        if rerank is None:
            return listed
        return self._reranked(rerank, now, listed, k, user=row, history=history)

    def _retrieved(
        self,
        config: RetrieveConfig,
        users: IntArray | csr_matrix,
        k: int,
        exclude: csr_matrix,
        allowed: IntArray | None,
        dials: Dials,
    ) -> TopK:
        """Return the k best of the items that towers retrieve."""
        from kgrec.snapshot.towers import TEXT_TOWER, best_retrieved  # few requests need it

        asks_text = config.towers is not None and TEXT_TOWER in config.towers
        now = self._searchable() if asks_text else self.snapshot
        choice: dict[str, Any] = {"exclude": exclude, "candidates": allowed, "dials": dials}
        return best_retrieved(now, now.towers, config, users, k, **choice)

    def _reranked(
        self,
        rerank: TextReranker,
        now: Snapshot,
        listed: list[Recommendation],
        k: int,
        **about: Any,
    ) -> list[Recommendation]:
        """Return the k best of a list by the answers of a reranker; see `TextReranker.scores`."""
        rows = now.items.rows([one.item for one in listed])
        scores = rerank.scores(now, self.text_config, rows, **about)
        order = np.argsort(-scores, kind="stable")[:k]
        return [replace(listed[place], score=float(scores[place])) for place in order.tolist()]

    def recommend_all(
        self,
        k: int | None = None,
        *,
        users: Iterable[str | int] | None = None,
        filter: str | None = None,
        candidates: Iterable[str | int] | None = None,
        exclude: Iterable[str | int] = (),
        further: Interactions | None = None,
        include_disliked: bool = False,
        diversity: float = 0.0,
        popularity: float = 0.0,
    ) -> BulkRecommendations:
        """Return the k best items of many users, computed in blocks when the result is iterated.

        For each user they are those of `recommend`. `recommend_all().to_pandas()` is one frame,
        `recommend_all().write("all.parquet")` a file, and iterating gives blocks of rows.

        Args:
            k: As for `recommend`.
            users: Ids of known users, in the order of the result; None: all known users.
            filter: As for `recommend`, for all users; likewise `candidates` and `exclude`.
            candidates: See `filter`.
            exclude: See `filter`.
            further: Interactions whose items their users have, besides those that are known, such
                as a test part; likewise their dislikes.
            include_disliked: As for `recommend`; likewise `diversity` and `popularity`.
            diversity: See `include_disliked`.
            popularity: See `include_disliked`.

        Raises:
            UnknownIdError: A user or an item is unknown.
            DataError: One id stands where a list belongs, or the filter names an unknown column.
            ConfigError: k is larger than the catalogue, the filter is not understood, or
                `diversity` or `popularity` is outside of its range.
        """
        dials = Dials(popularity, diversity)
        now = self.snapshot
        rows = now.present_users
        if users is not None:
            rows = now.users.rows(id_list(users, "users"))
        has = None
        if further is not None:
            more = further.reindex(now.users, now.items)
            has = (more if include_disliked else more.rated()).matrix()
        allowed = now.allowed(filter, candidates, exclude)
        k = checked_k(k, now)
        return BulkRecommendations(now, rows, k, allowed, has, include_disliked, dials)

    def predict(self, pairs: Iterable[tuple[str | int, str | int]] | pd.DataFrame) -> FloatArray:
        """Return the rating that each user is expected to give an item.

        It needs a model of ratings, such as `kgrec.KernelRatings`. Who or what is new since
        training is expected to rate, or to be rated, as the mean.

        Args:
            pairs: Ids of users and items, or a frame with the columns `user_id` and `item_id`.

        Returns:
            float32 of shape (n,), in the scale of the training ratings and within their range.

        Raises:
            UnknownIdError: A user or an item is unknown.
            DataError: These are no pairs.
            ConfigError: The model does not predict ratings.
        """
        now = self.snapshot
        users, items = pair_ids(pairs)
        return now.expected_ratings(now.users.rows(users), now.items.rows(items))

    def similar_items(
        self,
        item: str | int,
        k: int | None = None,
        *,
        filter: str | None = None,
        candidates: Iterable[str | int] | None = None,
        exclude: Iterable[str | int] = (),
    ) -> list[Recommendation]:
        """Return the k items most similar to an item, best first; arguments as for `recommend`.

        Raises:
            UnknownIdError: An item is unknown.
            DataError: The filter names an unknown column.
            ConfigError: k is larger than the catalogue, or the filter is not understood.
        """
        now = self.snapshot
        k = checked_k(k, now)
        row = now.available(item)
        itself = now.history(None, [now.items.id(row)])
        rows = now.allowed(filter, candidates, exclude)
        index = now.similarity_index
        if index is not None:
            best = index.search(index.vectors[[row]], k, exclude=itself, candidates=rows)
        else:
            best = top_k(now.similar(row), k, exclude=itself, candidates=rows)
        return listed_of(now, best)

    def search(
        self,
        query: str,
        k: int | None = None,
        *,
        user: str | int | None = None,
        liked: Iterable[str | int] = (),
        disliked: Iterable[str | int] = (),
        filter: str | None = None,
        candidates: Iterable[str | int] | None = None,
        exclude: Iterable[str | int] = (),
        rerank: TextReranker | None = None,
    ) -> list[Recommendation]:
        """Return the k best items for a text, such as "a dry heist comedy, no musical".

        It compares meaning, words, and the place of the text in the model's item space; see
        `kgrec.retrieval.search.SemanticSearch`. Titles, people, genres and other values of the
        graph and the item table that are named in the text count besides, and what is not wanted
        ("anything but horror") is left out; see `kgrec.search.recognise.Recogniser`. With `user`,
        `liked` or `disliked`, or after `learn_search`, it weighs more; see
        `kgrec.search.signals.Signals`. `kgrec.Conversation` takes several turns.

        The other arguments are as for `recommend`. If the model reads no text vectors, the first
        search makes those of the items.

        Args:
            query: The text.
            k: As for `recommend`.
            user: Id of a known user, whose taste counts and whose items are left out; None: nobody.
            liked: Items that are liked: others like them come first, and they are left out.
            disliked: Items that are not liked: others like them come last, and they are left out.
            filter: As for `recommend`.
            candidates: As for `recommend`.
            exclude: As for `recommend`.
            rerank: As for `recommend`; the query is part of the user's text.

        Raises:
            UnknownIdError: The user or an item is unknown.
            DataError: There is no text in the model, the query is empty, or the filter names an
                unknown column.
            ConfigError: k is larger than the catalogue, or the filter is not understood.
        """
        words = {"filter": filter, "candidates": candidates, "exclude": exclude}
        return self._asked(query, k, user, liked, disliked, words, rerank=rerank)

    def _asked(
        self,
        query: str,
        k: int | None,
        user: str | int | None,
        liked: Iterable[str | int],
        disliked: Iterable[str | int],
        choice: dict[str, Any],
        *,
        talks: bool = False,
        rerank: TextReranker | None = None,
    ) -> list[Recommendation]:
        from kgrec.snapshot.searching import Asked  # what recommends does not search

        now = self.snapshot
        k = checked_k(k, now)
        check_kind("query", query, isinstance(query, str), "a text")
        if not query.strip():
            raise DataError("The query is empty: give some words to search for.")
        good = tuple(now.items.rows(id_list(liked, "liked")).tolist())
        bad = tuple(now.items.rows(id_list(disliked, "disliked")).tolist())
        left_out = [*id_list(choice["exclude"], "exclude"), *now.items.take([*good, *bad])]
        row, history = None, tuple[int, ...]()
        if user is not None:
            row = now.users.row(user)
            history = tuple(now.history(row).indices.tolist())
            left_out += now.items.take(now.left_out(np.array([row])).indices)
        rows = now.allowed(choice["filter"], choice["candidates"], left_out)
        talks = talks or bool(good or bad or history)
        number = k if rerank is None else rerank.pool(k, now.num_available)
        listed = self.found(Asked((query,), good, bad, history), number, rows, talks=talks)[0]
        if rerank is None:
            return listed
        likes = now.history(row, now.items.take(good))
        about = {"user": row, "history": likes, "disliked": bad, "own": query}
        return self._reranked(rerank, now, listed, k, **about)

    def found(
        self,
        asked: Asked,
        k: int,
        candidates: IntArray | None = None,
        *,
        talks: bool,
        encode: Encode | None = None,
    ) -> tuple[list[Recommendation], Found]:
        """Return the k best items for what is asked, and what was understood of it.

        Args:
            asked: The turns, and rows of items.
            k: Number of items.
            candidates: Rows of the items to choose from; None: all.
            talks: Whether it is weighed as a conversation, and not as a single query.
            encode: From `query_encoder`, to encode no text twice; None: a new one.

        Raises:
            DataError: There is no text in the model.
        """
        # What recommends does not search.
        from kgrec.snapshot.finding import found_items, warn_of_hard_queries

        taste, encoder = self.taste(), self.encoder
        assert encoder is not None
        warn_of_hard_queries(asked, encoder)
        encode = self.query_encoder() if encode is None else encode
        return found_items(self.snapshot, taste, asked, k, candidates, encode, talks=talks)

    def check_k(self, k: int | None) -> int:
        """Return a number of items, checked; ten, or all of a smaller catalogue, for None.

        Raises:
            DataError: It is no whole number.
            ConfigError: It is below 1, or larger than the catalogue.
        """
        return checked_k(k, self.snapshot)

    def taste(self) -> TasteSearch:
        """Return search that knows taste, over the current snapshot.

        Raises:
            DataError: There is no text in the model.
        """
        now = self._searchable()
        if self.encoder is None or now.taste is None:
            raise DataError("This recommender was made without text, so it cannot be searched.")
        return now.taste

    def profile(self, user: str | int | None = None, *, liked: Iterable[str | int] = ()) -> Profile:
        """Return what a user likes, in words that a person can read and edit.

        The edited text works as a user: `recommend(description=text)`, or a query of `search`.

        Args:
            user: Id of a known user; None: a new user, described by `liked`.
            liked: Items that a new user likes, or further items that a known user likes.

        Raises:
            UnknownIdError: The user or an item is unknown.
            DataError: Neither is given, the user has no items, or there is no text in the model.
        """
        from kgrec.search.profiles import profile_of

        taste, now = self.taste(), self.snapshot
        liked = id_list(liked, "liked")
        row = user_row(now, user, liked)
        rows = now.history(row, liked).indices.astype(np.int64)
        if not len(rows):
            raise DataError("The user has no items, so there is nothing to tell of them.")
        disliked = np.zeros(0, dtype=np.int64)
        if row is not None and now.disliked is not None:
            disliked = now.disliked[row].indices.astype(np.int64)
        words = taste.signals.words
        index = now.similarity_index
        places = taste.signals.centred if index is None else index.vectors
        return profile_of(rows, disliked, taste.facts, places, (words.words, words.counts))

    def learn_search(
        self,
        examples: Sequence[Example],
        config: SearchConfig | None = None,
        *,
        progress: ShowProgress = False,
    ) -> Taught:
        """Learn to search from example queries with their answers, and search so from now on.

        Args:
            examples: From `kgrec.search.examples.read_examples`.
            config: How to learn; None: the defaults.
            progress: As for `TextEncoder.encode`.

        Raises:
            DataError: There is no text in the model, or there are too few examples.
        """
        from kgrec.search.learning import learn
        from kgrec.search.taught import Taught

        taste, vectors = self.taste(), self._vectors
        assert vectors is not None
        with self._updating:
            now = self.snapshot
            found = learn(
                examples, taste, now.histories, self.encode_texts, config or SearchConfig(),
                progress=progress,
            )  # fmt: skip
            taught = Taught(
                found.weights,
                found.statistics,
                *found.examples,
                vectors.encoder.fingerprint,
                frozenset(one.digest for one in examples),
            )
            self._snapshot = now.with_taught(taught)
        return taught

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Return the text vectors of texts, float32 (n, dim); that of an empty text is zero.

        Raises:
            DataError: There is no text in the model.
        """
        vectors = self._vectors
        if vectors is None:
            raise DataError("This recommender was made without text, so it encodes none.")
        return vectors.of(texts)

    def query_encoder(self) -> Encode:
        """Return a function that encodes queries, and no text twice.

        Raises:
            DataError: The recommender has no text.
        """
        encoder = self.encoder
        if encoder is None:
            raise DataError("This recommender was made without text, so it encodes none.")
        from kgrec.snapshot.finding import remembering

        return remembering(encoder)

    def explain(
        self,
        user: str | int | None,
        item: str | int,
        *,
        liked: Iterable[str | int] = (),
        k: int = 5,
        language: str | None = None,
        length: Length | None = None,
        tone: Tone | None = None,
        words: Writer | None = None,
    ) -> Explanation:
        """Return why an item fits a user: paths, what counts in the score, and a sentence.

        `reasons` answers more: what would change it, why not another item, why items are similar.

        Args:
            user: Id of a known user; None: a new user, described by `liked`.
            item: Id of the item.
            liked: Items that a new user likes, or further items that a known user likes.
            k: Number of paths at most.
            language: Language of the sentence: en, de, es, fr or zh; None: that of the settings, or
                else the first of `text.languages`. If there is none in it, it is English, with a
                warning.
            length: How much it says: `short`, `normal` or `long`; None: as the settings say.
            tone: How it addresses people: `polite` or `familiar`; None: as the settings say.
            words: A language model that rewrites the sentence, as `Explanation.written`; None: the
                template alone.

        Raises:
            UnknownIdError: The user or the item is unknown.
            ConfigError: The language model cannot be loaded.
        """
        now = self.snapshot
        liked = id_list(liked, "liked")
        row, of_user = now.available(item), user_row(now, user, liked)
        how: dict[str, Any] = {"language": language, "length": length, "tone": tone}
        found = now.reasons.explain(of_user, [row], liked=liked, k=k, **how)
        return (found if words is None else words.explained(found))[0]

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
        at_once: bool = False,
    ) -> Snapshot:
        """Add and remove data without training, and return the new snapshot. Old rows stay.

        The model is updated too, see `Model.updated`: closed forms are what a training on all data
        finds; what was trained folds in the new users and items. The texts of new items are made of
        their table rows and triples, and encoded here. The result can be saved and updated again.
        `snapshot.drift` counts what came, and says when a training is due.

        Args:
            interactions: New interactions, over any vocabularies; of a pair that is known, the new
                one counts.
            items: New items, or rows of the item table; known items get the new attributes, and
                withdrawn ones come back.
            users: New users, or rows of the user table; known users get the new attributes.
            triples: Statements to add to the knowledge graph, as `KnowledgeGraph.update` takes
                them.
            links: The entities of items: pairs of item id and IRI, or a frame of `item_id` and
                `iri`.
            remove_items: Ids of items that are withdrawn: they are in no answer from now on, but
                what people chose of them still tells what else they like.
            remove_users: Ids of users that are deleted, with all that is known of them.
            at_once: Whether the model stays as it is, which takes milliseconds: users are folded in
                by their history, new items placed by the text of their table rows and triples,
                or between the known items that their texts are like, where the model reads
                content at all. The next update without it, or `save`, makes up for it.

        Raises:
            UnknownIdError: What shall be removed is not there.
            DataError: The update contradicts itself or what is known, triples or links are given
                without a knowledge graph, or the model lacks something. Nothing was changed.
        """
        check_kinds(interactions=interactions)
        frames = {"items": items, "users": users}  # ids may be any iterable, but no frame
        check_kinds(**{n: given for n, given in frames.items() if isinstance(given, pd.DataFrame)})
        with self._updating:
            asked = Changes.of(
                interactions, items, users, triples, links, remove_items, remove_users
            )
            content = self._content_of_new if at_once else _no_content
            made = self.snapshot.changed_by(asked, content)
            self._snapshot = made if at_once else self._settled(made)
            return self._snapshot

    def settle(self) -> Snapshot:
        """Let the model know what `update(at_once=True)` has brought, and return the snapshot."""
        with self._updating:
            self._snapshot = self._settled(self.snapshot)
            return self._snapshot

    def _settled(self, now: Snapshot) -> Snapshot:
        if now.base is None:
            return now
        # Serving needs none of this.
        from kgrec.snapshot.settling import settled

        return settled(now, self.text_config, self._vectors)

    def _content_of_new(
        self, inputs: Inputs, items: Vocabulary, start: int
    ) -> tuple[Sequence[str], Mapping[str, FloatArray]]:
        """Return the texts of new items and their vectors, for an update that is made at once."""
        now = self.snapshot
        if now.derived.words is None or self.text_config is None:
            return _no_content()
        texts = texts_of_new(inputs, items, start, self.text_config)
        if self._vectors is None or not any(texts) or not now.has_text:
            return texts, {}
        return texts, {TEXT: self._vectors.of(texts)}

    def evaluate(
        self,
        test: Interactions,
        *,
        protocol: str | ProtocolConfig = "full",
        candidates: Iterable[str | int] | None = None,
        exclude: Sequence[Interactions] | None = None,
        given: Interactions | None = None,
        **settings: Any,
    ) -> Evaluation:
        """Evaluate the recommender on interactions that `fit` did not get.

        The `details` of the result have metrics by group of users; see
        `kgrec.evaluation.fairness`.

        Args:
            test: The interactions to be found, over any vocabularies that are known here.
            protocol: `full` (all candidates are ranked), `candidates`, `ctr`, `kgat-ndcg`,
                `ratings` or `test-ratings`, or its settings; see `kgrec.evaluation.protocols`.
            candidates: Ids of the items to rank; None: the whole catalogue.
            exclude: Interactions not to rank, training first; None: all that `fit` got, but only
                training if `test` is the validation part that `fit` got.
            given: For the protocol `candidates`: each user's candidates; None: sampled ones.
            settings: Settings of the protocol, such as the cut-offs `k`.

        Raises:
            DataError: The data does not fit together or lacks something that the protocol needs,
                the graph reveals test interactions, or all of them are excluded.
            ConfigError: There is no such protocol or setting.
        """
        # Serving needs none of this.
        from kgrec.evaluation.protocols import protocol_config
        from kgrec.snapshot.measuring import measure

        check_kinds(test=test, given=given)
        return measure(
            self.snapshot,
            test,
            protocol_config(protocol, settings),
            candidates=candidates,
            exclude=exclude,
            given=given,
        )

    @property
    def item_vocabulary(self) -> Vocabulary:
        """The catalogue."""
        return self.snapshot.items

    @property
    def user_vocabulary(self) -> Vocabulary:
        """The known users."""
        return self.snapshot.users

    @property
    def graph(self) -> HeteroData:
        """The user–item–attribute graph."""
        return self.snapshot.graph

    @property
    def names(self) -> NodeNames:
        """Labels of all nodes of the graph, as they are in the data."""
        return self.snapshot.names

    def title(self, item: str | int) -> str:
        """Return the title of an item: that of the item table, its entity's label, or its id."""
        return self.snapshot.title(self.snapshot.items.row(item))

    def history(self, user: str | int) -> list[str]:
        """Return the ids of all items that a user is known to have."""
        now = self.snapshot
        return now.items.take(now.history(now.users.row(user)).indices)

    @property
    def _vectors(self) -> TextVectors | None:
        if self.encoder is None:
            return None
        return TextVectors(self.encoder, self.cache, self.progress)

    def _derived(self, inputs: Inputs, graph: HeteroData) -> Derived:
        reads = self._unfitted.reads_text_vectors
        return derive(inputs, graph, self.text_config, self._vectors, with_vectors=reads)

    def _searchable(self) -> Snapshot:
        """Return the snapshot with text vectors of the items, made now if the model needs none."""
        vectors = self._vectors
        if self.snapshot.has_text or vectors is None or self.text_config is None:
            return self.snapshot
        with self._updating:  # perhaps somebody was faster
            self._snapshot = searchable(self.snapshot, self.text_config, vectors)
            return self._snapshot


def _no_content(*_: Any) -> tuple[Sequence[str], Mapping[str, FloatArray]]:
    return [], {}


def evaluate(recommender: Recommender, test: Interactions, **options: Any) -> Evaluation:
    """Evaluate a recommender by a protocol; see `Recommender.evaluate`."""
    return recommender.evaluate(test, **options)
