"""The stages behind one object: read, link, encode, train, recommend, search, explain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.beyond import ItemFacts
from kgrec.evaluation.evaluate import Evaluation
from kgrec.evaluation.fairness import with_groups
from kgrec.evaluation.leaks import check_no_leak
from kgrec.evaluation.protocols import evaluate_protocol
from kgrec.evaluation.settings import ProtocolConfig, protocol_config
from kgrec.explain.explanation import Explanation
from kgrec.explain.paths import PathFinder
from kgrec.graph.build import build_graph
from kgrec.graph.node_names import NodeNames
from kgrec.graph.numeric import NumberScales
from kgrec.graph.selection import GraphConfig, choose
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links
from kgrec.models.base import Callback, Model, TrainingData
from kgrec.models.content import item_attributes
from kgrec.models.user_content import user_features
from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.search import semantic_scores
from kgrec.retrieval.topk import top_k
from kgrec.text.cache import EmbeddingCache, encode_cached
from kgrec.text.encoder import TextEncoder
from kgrec.text.node_texts import node_texts
from kgrec.text.settings import TextConfig
from kgrec.text.words import tf_idf
from kgrec.training.link_prediction import LinkPrediction
from kgrec.types import FloatArray, IntArray


@dataclass(frozen=True)
class Recommendation:
    """One item of a list.

    Attributes:
        item: The item's id.
        title: Its title, or its entity's label, or its id.
        score: What the model gave it; only the order within one list has a meaning.
    """

    item: str
    title: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)


class Recommender:
    """Any model with everything around it: ids, text, retrieval and explanation.

    Args:
        kg: The knowledge graph; None: interactions and tables alone.
        links: Which item is which entity, from `kgrec.link`; needed with `kg`.
        model: The model; None: kgrec's link predictor with its default settings.
        items: The item table: titles, categories, numbers. Its items belong to the catalogue.
        users: The user table.
        text: How text becomes vectors; None: no text is used, and there is no search.
        encoder: The text encoder; None: the one that `text` names.
        cache: Where text vectors are kept; None: they are not kept.
        graph: What of the knowledge graph is used.
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
        encoder: TextEncoder | None = None,
        cache: EmbeddingCache | None = None,
        graph: GraphConfig | None = None,
        progress: bool = False,
    ) -> None:
        if (kg is None) != (links is None):
            raise DataError("A knowledge graph and its links belong together: give both or none.")
        self.kg, self.links, self.items, self.users = kg, links, items, users
        self.model: Model = model or LinkPrediction()
        if cache is None and text is not None and text.cache is not None:
            cache = EmbeddingCache(text.cache)
        self.text_config, self.cache, self.progress = text, cache, progress
        if encoder is None and text is not None:
            encoder = TextEncoder(text.model)
        self.encoder = encoder
        self.graph_config = graph or GraphConfig()
        self.known: tuple[Interactions, ...] = ()

    def fit(
        self,
        train: Interactions,
        valid: Interactions | None = None,
        *,
        candidates: IntArray | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Build the graph from `train`, encode its text, and train the model.

        Args:
            train: The interactions to learn from.
            valid: Interactions that choose when to stop; over the vocabularies of `train`.
            candidates: Rows of the items that are ranked when `valid` is measured; None: all.
                They are rows of `catalogue(train)`, which `train` may be brought over before.
            callback: Gets the figures after each validation.

        Raises:
            DataError: The parts do not fit together, or there is nothing to learn from.
        """
        self.prepare(train, valid, candidates=candidates)
        self.model.fit(self.data, callback=callback)
        return self

    def prepare(
        self,
        train: Interactions,
        valid: Interactions | None = None,
        *,
        candidates: IntArray | None = None,
        features: dict[str, FloatArray] | None = None,
        scales: NumberScales | None = None,
    ) -> None:
        """Do all that `fit` does before training.

        Args:
            train: As for `fit`.
            valid: As for `fit`.
            candidates: As for `fit`.
            features: Text vectors by node type, when they are known already.
            scales: How numbers are normalised, when that is known already.
        """
        catalogue = self._catalogue(train, valid)
        users = train.users if self.users is None else train.users.union(self.users.ids)
        if candidates is not None and catalogue != train.items:
            candidates = catalogue.rows(train.items.take(candidates))
        train = train.reindex(users, catalogue)
        valid = None if valid is None else valid.reindex(users, catalogue)
        self.links = None if self.links is None else self.links.reindex(catalogue)
        self.graph = build_graph(
            train,
            self.kg,
            self.links,
            items=self.items,
            users=self.users,
            config=self.graph_config,
            scales=scales,
        )
        texts = {} if self.text_config is None else self._texts()
        self._attach_text(texts, features)
        self.known = (train,) if valid is None else (train, valid)
        self.data = TrainingData(
            train,
            valid,
            self.graph,
            item_attributes(self.graph),
            candidates,
            None if self.users is None else user_features(self.users.reindex(users)),
            tf_idf(texts["item"]) if "item" in texts else None,
        )
        self._liked = sum((log.matrix() for log in self.known[1:]), train.matrix()).tocsr()
        self._names: NodeNames | None = None
        self._paths: PathFinder | None = None
        self._words: BM25Index | None = None

    def score(self, users: IntArray) -> FloatArray:
        """Return the model's scores of all items for rows of users; see `Model.score`."""
        return self.model.score(users)

    def recommend(
        self,
        user: str | None = None,
        k: int | None = None,
        *,
        liked: Sequence[str] = (),
        candidates: Iterable[str] | None = None,
        exclude: Sequence[str] = (),
    ) -> list[Recommendation]:
        """Return the k best items that the user does not have yet, best first.

        What the user has is what `fit` was given; a test part, or a rating too low to be positive,
        is not known here. `exclude` leaves out more.

        Args:
            user: A known user's id; None: someone new, who is given by `liked`.
            k: How many; None: ten, or the whole catalogue where that is smaller.
            liked: Items that a new user likes, or that a known user likes besides.
            candidates: The items to choose from; None: the whole catalogue.
            exclude: Items to leave out besides those that the user has.

        Raises:
            UnknownIdError: The user or an item is unknown.
            DataError: Neither `user` nor `liked` is given.
            ConfigError: k is larger than the catalogue.
        """
        k = self._checked(k)
        history = self._history(user, liked)
        if liked or user is None:
            scores = self.model.score_histories(history)
        else:
            scores = self.model.score(np.array([self.user_vocabulary.row(user)]))
        rows = None if candidates is None else self.item_vocabulary.rows(candidates)
        excluded = history if not exclude else self._history(user, [*liked, *exclude])
        return self._listed(scores, k, excluded, rows)

    def similar_items(self, item: str, k: int | None = None) -> list[Recommendation]:
        """Return the k items most like an item, best first; k as for `recommend`.

        Raises:
            UnknownIdError: The item is unknown.
            ConfigError: k is larger than the catalogue.
        """
        k = self._checked(k)
        row = np.array([self.item_vocabulary.row(item)])
        itself = csr_matrix(([1.0], ([0], row)), shape=(1, len(self.item_vocabulary)))
        return self._listed(self.model.similar(row), k, itself)

    def search(self, query: str, k: int | None = None) -> list[Recommendation]:
        """Return the k items that fit a text best, such as "a dry heist comedy".

        By meaning, by words, and by where the text lies in the model's item space; see
        `kgrec.retrieval.search.semantic_scores`. k is as for `recommend`.

        Raises:
            DataError: There is no text in the model, or the query is empty.
            ConfigError: k is larger than the catalogue.
        """
        k = self._checked(k)
        if not query.strip():
            raise DataError("The query is empty: give some words to search for.")
        if self.encoder is None or "text" not in self.graph["item"]:
            raise DataError("This recommender was made without text, so it cannot be searched.")
        if self._words is None:
            self._words = BM25Index(self._texts()["item"])
        vector, words = self.encoder.encode([query]), self._words.score(query)
        dim = self.graph["item"].text.shape[1]
        if vector.shape[1] != dim:
            raise DataError(
                f"The items' text vectors have {dim} numbers, the encoder's {vector.shape[1]}: "
                "the recommender was made with another encoder."
            )
        scores = semantic_scores(vector, self.graph["item"].text.numpy(), words, self.model)
        return self._listed(scores, k, None)

    def explain(
        self, user: str | None, item: str, *, liked: Sequence[str] = (), k: int = 5
    ) -> Explanation:
        """Return the best paths from the user's liked items to an item, and one sentence.

        Raises:
            UnknownIdError: The user or the item is unknown.
        """
        row = self.item_vocabulary.row(item)
        history = self._history(user, liked)
        user_row = None if user is None else self.user_vocabulary.row(user)
        return self.paths.explain(
            row, user=user_row, liked=history.indices, similarity=self._similarity(row), k=k
        )

    def evaluate(
        self,
        test: Interactions,
        *,
        protocol: str | ProtocolConfig = "full",
        candidates: IntArray | None = None,
        exclude: Sequence[Interactions] | None = None,
        given: Interactions | None = None,
        **settings: Any,
    ) -> Evaluation:
        """Measure the recommender on interactions that `fit` was not given.

        The `details` of the result say how groups of users are served; see
        `kgrec.evaluation.fairness`.

        Args:
            test: The interactions to be found, over any vocabularies that are known here.
            protocol: `full` (all candidates are ranked), `candidates`, `ctr`, `kgat-ndcg` or
                `ratings`, or its settings; see `kgrec.evaluation.settings`.
            candidates: Rows of `test.items` that are ranked; None: the whole catalogue.
            exclude: What is not ranked again, training first; None: all that `fit` was given.
            given: For the protocol `candidates`: each user's candidates; None: they are drawn.
            settings: Settings of the protocol, such as the cut-offs `k`.

        Raises:
            DataError: The data does not fit together or lacks what the protocol needs, or the graph
                gives away what is to be found.
            ConfigError: There is no such protocol or setting.
        """
        config = protocol_config(protocol, settings)
        if candidates is not None:
            candidates = self.item_vocabulary.rows(test.items.take(candidates))
        test = self._over(test)
        check_no_leak(self.graph, self.known[0], test)
        logs = self.known if exclude is None else tuple(exclude)
        result = evaluate_protocol(
            self,
            test,
            config,
            exclude=[self._over(log) for log in logs],
            candidates=candidates,
            given=None if given is None else self._over(given),
            facts=ItemFacts.from_graph(self.graph),
        )
        return with_groups(result, self.known[0], self.users)

    @property
    def item_vocabulary(self) -> Vocabulary:
        """The catalogue."""
        return self.known[0].items if self.known else self._not_fitted()

    @property
    def user_vocabulary(self) -> Vocabulary:
        """The known users."""
        return self.known[0].users if self.known else self._not_fitted()

    @property
    def names(self) -> NodeNames:
        """Labels of all nodes of the graph, safe to print."""
        if self._names is None:
            languages = ("en", "") if self.text_config is None else self.text_config.languages
            kg, links = self._chosen()
            self._names = NodeNames.from_graph(
                self.graph,
                kg=kg,
                links=links,
                items=self.items,
                languages=languages,
                label_relations=self.graph_config.label_relations,
            )
        return self._names

    @property
    def paths(self) -> PathFinder:
        """What finds paths in the training graph."""
        if self._paths is None:
            self._paths = PathFinder(self.graph, self.names)
        return self._paths

    def title(self, item: str) -> str:
        """Return the title of an item: that of the item table, its entity's label, or its id."""
        return self._title(self.item_vocabulary.row(item))

    def history(self, user: str) -> list[str]:
        """Return the ids of the items that a user has, of all interactions that `fit` was given."""
        return self.item_vocabulary.take(self._history(user, ()).indices)

    def _over(self, log: Interactions) -> Interactions:
        return log.reindex(self.user_vocabulary, self.item_vocabulary)

    def _catalogue(self, train: Interactions, valid: Interactions | None) -> Vocabulary:
        items = train.items if valid is None else train.items.union(valid.items)
        if self.links is not None:
            items = items.union(self.links.items)
        return items if self.items is None else items.union(self.items.ids)

    def _attach_text(
        self, texts: dict[str, list[str]], features: dict[str, FloatArray] | None
    ) -> None:
        import torch

        if features is None:
            features = self._encoded(texts) if texts and self.encoder is not None else {}
        for kind, vectors in features.items():
            self.graph[kind].text = torch.from_numpy(vectors)

    def _texts(self) -> dict[str, list[str]]:
        assert self.text_config is not None
        kg, links = self._chosen()
        return node_texts(
            self.graph,
            kg,
            links,
            self.items,
            languages=self.text_config.languages,
            entities=self.text_config.entities,
            label_relations=self.graph_config.label_relations,
            description_relations=self.graph_config.description_relations,
        )

    def _chosen(self) -> tuple[KnowledgeGraph | None, Links | None]:
        """Return what of the knowledge graph is used, and the links to it."""
        if self.kg is None or self.links is None:
            return None, None
        chosen = choose(self.kg, self.links, self.graph_config)
        return chosen.kg, chosen.links

    def _encoded(self, texts: dict[str, list[str]]) -> dict[str, FloatArray]:
        assert self.encoder is not None
        flat = [text for values in texts.values() for text in values if text]
        vectors = encode_cached(self.encoder, flat, self.cache, progress=self.progress)
        result, start = {}, 0
        for kind, values in texts.items():
            filled = np.array([bool(text) for text in values])
            result[kind] = np.zeros((len(values), vectors.shape[1]), dtype=np.float32)
            result[kind][filled] = vectors[start : start + int(filled.sum())]
            start += int(filled.sum())
        return result

    def _history(self, user: str | None, liked: Sequence[str]) -> csr_matrix:
        if user is None and not liked:
            raise DataError("Give a user, or the items that a new user likes (`liked`).")
        rows = self.item_vocabulary.rows([str(item) for item in liked])
        if user is not None:
            known = self._liked[self.user_vocabulary.row(user)].indices.astype(np.int64)
            rows = np.concatenate([rows, known])
        rows = np.unique(rows)
        ones = np.ones(len(rows), dtype=np.float32)
        shape = (1, len(self.item_vocabulary))
        return csr_matrix((ones, (np.zeros_like(rows), rows)), shape=shape)

    def _listed(
        self, scores: FloatArray, k: int, exclude: csr_matrix | None, rows: IntArray | None = None
    ) -> list[Recommendation]:
        best = top_k(scores, k, exclude=exclude, candidates=rows)
        return [
            Recommendation(self.item_vocabulary.id(int(row)), self._title(int(row)), float(score))
            for row, score in zip(best.items[0], best.scores[0], strict=True)
            if row >= 0
        ]

    def _similarity(self, item: int) -> Callable[[IntArray], FloatArray]:
        def similarity(others: IntArray) -> FloatArray:
            return np.asarray(self.model.similar(np.array([item]))[0, others])

        return similarity

    def _title(self, row: int) -> str:
        return self.names.node("item", row)

    def _checked(self, k: int | None) -> int:
        if k is None:
            return min(10, len(self.item_vocabulary))
        if not 1 <= k <= len(self.item_vocabulary):
            raise ConfigError(
                f"k must lie between 1 and the {len(self.item_vocabulary)} items of the catalogue, "
                f"found {k}."
            )
        return k

    def _not_fitted(self) -> Vocabulary:
        raise DataError("The recommender was not fitted. Call fit() first.")


def evaluate(recommender: Recommender, test: Interactions, **options: Any) -> Evaluation:
    """Measure a recommender by a protocol; see `Recommender.evaluate`."""
    return recommender.evaluate(test, **options)
