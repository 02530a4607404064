"""The contract of every model and baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.models.checks import check_rows
from kgrec.models.contributions import (
    Contributions,
    check_targets,
    histories_of_parts,
    liked_rows,
    losses_of,
    sampled,
)
from kgrec.models.costs import BYTES_AN_INTERACTION
from kgrec.models.standardising import Moments, standardised
from kgrec.models.state import State
from kgrec.models.training_data import TrainingData
from kgrec.settings import Settings
from kgrec.types import EdgeType, Float64Array, FloatArray, IntArray

Callback = Callable[[Mapping[str, float]], object]
"""Called after each pass over the data with the figures so far (`epoch`, `loss`, a metric).

Models in closed form have no passes and never call it.
"""


class ModelConfig(Settings):
    """The settings of a model.

    Attributes:
        name: What configs and tables call the model.
        model: The class that it configures.
    """

    name: str
    model: ClassVar[type[Model]]

    def build(self) -> Model:
        """Return the model, not fitted."""
        return self.model(self)

    def seeded(self, seed: int) -> Self:
        """Return the settings with `seed` added to their own, where the model draws at random."""
        del seed
        return self


class Model(ABC):
    """One contract for every model and baseline: users are rows, items are columns, everywhere.

    A model is made from its config alone; None: from the defaults. `fit`, or `load_state`, makes it
    ready to score, and nothing else changes it. It scores whole rows of items. What a user already
    has is not masked here, but excluded when the best items are chosen (`kgrec.retrieval.topk`).

    Attributes:
        config: Its settings.
    """

    config: ModelConfig

    def __init__(self, config: ModelConfig) -> None:
        self.config = config

    @property
    def name(self) -> str:
        """The model's name in configs and tables."""
        return self.config.name

    @property
    def reads_text_vectors(self) -> bool:
        """Whether `fit` reads the text vectors of the graph; if not, none are made for it.

        Word counts (`TrainingData.words`) are there in any case. A search by text makes the
        vectors of the items when they are first needed.
        """
        return True

    @property
    def reads_content(self) -> bool:
        """Whether what is known of an item counts, so that it is scored without interactions."""
        return False

    def settings(self) -> dict[str, Any]:
        """Return the settings that build such a model, as in a config."""
        return self.config.model_dump()

    @abstractmethod
    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Learn from `data` and return the model itself.

        Raises:
            DataError: `data` lacks something that the model needs.
        """

    @abstractmethod
    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; higher is better.

        Args:
            users: Rows of users, int64 of shape (b,).

        Returns:
            float32 of shape (b, num_items).

        Raises:
            RunError: The model was not fitted.
            UnknownIdError: A row is outside of 0 … num_users - 1.
        """

    @abstractmethod
    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users, given by the items that they liked.

        Args:
            histories: float32 of shape (b, num_items), 1 where the user liked the item.

        Returns:
            float32 of shape (b, num_items).

        Raises:
            RunError: The model was not fitted.
            DataError: `histories` has another shape, or holds values that are not finite.
        """

    def score_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items alone; models that can compute no others.

        Args:
            users: Rows of known users, as for `score`, or histories, as for `score_histories`.
            items: Rows of items, int64 of shape (c,).

        Returns:
            float32 of shape (b, c): those columns of `score` or `score_histories`.

        Raises:
            RunError: The model was not fitted.
            UnknownIdError: A row of a user is outside of 0 … num_users - 1.
        """
        return np.ascontiguousarray(self._score_all(users)[:, items])

    def standardised_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items, standardised over all items; see `score_some`.

        They are those columns of `kgrec.models.standardising.standardised` of all scores.
        """
        return np.ascontiguousarray(standardised(self._score_all(users))[:, items])

    def _score_all(self, users: IntArray | csr_matrix) -> FloatArray:
        if isinstance(users, csr_matrix):
            return self.score_histories(users)
        return self.score(users)

    @abstractmethod
    def similar(self, items: IntArray) -> FloatArray:
        """Return how similar all items are to each of `items`; higher is more similar.

        The similarity of an item to itself means nothing; exclude it when choosing.

        Args:
            items: Rows of items, int64 of shape (b,).

        Returns:
            float32 of shape (b, num_items).

        Raises:
            RunError: The model was not fitted.
            UnknownIdError: A row is outside of 0 … num_items - 1.
        """

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return what each liked item adds to some scores of one user.

        The scores are those of `score_histories`. This default asks it for many parts of the
        history; models whose score is a sum over the liked items say so in one product.

        Args:
            history: As for `score_histories`, of one user.
            targets: Weighted sums of the scores of all items, shape (q, num_items): a row with a
                single 1 is the score of an item; see `kgrec.models.contributions.of_items`.

        Raises:
            RunError: The model was not fitted.
            DataError: `history` or `targets` has another shape.
        """
        liked_rows(history)
        wanted = check_targets(targets, history.shape[1])
        return sampled(self.score_histories, history, wanted)

    def edge_attributions(
        self,
        asked: int | csr_matrix,
        item: int,
        groups: Mapping[EdgeType, IntArray],
        number: int,
        steps: int,
    ) -> Float64Array | None:
        """Return what groups of the graph's edges add to a score; None: it has no gradients.

        Integrated gradients (Sundararajan, Taly and Yan, Axiomatic attribution for deep networks,
        ICML 2017) from the graph without these edges to the graph with them. The sum is the
        difference of the two scores, apart from the error of the numeric integral.

        Args:
            asked: Row of a known user, or the history of an unseen one, CSR of shape
                (1, num_items).
            item: Row of the item whose score is asked for.
            groups: The group of each edge of the graph that the model was fitted on, int64 of shape
                (E,), -1 for edges of none; by edge type.
            number: Number of groups.
            steps: Points of the quadrature, for each smooth part of the path.

        Returns:
            float64 of shape (number,), in units of the score.

        Raises:
            RunError: The model was not fitted.
            DataError: The model has gradients in general, but its settings, the item or the history
                have none; the message says what to use instead.
        """
        del asked, item, groups, number, steps
        return None

    @abstractmethod
    def state(self) -> State:
        """Return what was learned, as named arrays that safetensors can hold.

        Raises:
            RunError: The model was not fitted.
        """

    @abstractmethod
    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned after fitting on `data`, and return the model itself.

        Args:
            state: The arrays.
            data: What the model was fitted on. Its interactions are not read: the state holds all
                that a model needs of them.

        Raises:
            RunError: An array is missing, unexpected, or of another shape or type.
        """

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return the bytes that `fit` needs at its peak, as far as its formula says it.

        This default has the matrix of the interactions alone, which all models make.
        """
        return BYTES_AN_INTERACTION * len(data.train)

    def seconds_to_fit(self, data: TrainingData) -> float | None:
        """Return the seconds that `fit` takes on one core; None: it depends on convergence."""
        del data
        return None

    def content_space(self) -> VectorModel | None:
        """Return the model whose vectors a text search compares with content, if there is one."""
        return None

    @property
    def refits(self) -> bool:
        """Whether `refit` is wanted after `fit`, with the validation part as training too."""
        return False

    def refit(self, data: TrainingData) -> Self:
        """Fit again on more interactions, with what `fit` has chosen."""
        return self.fit(data)

    def updated(self, data: TrainingData) -> Model:
        """Return a fitted model of more data, without training; this one does not change.

        What has a closed form is exactly what `fit` finds on `data`. What was trained keeps its
        weights: new users are folded in from their interactions, new items from their content.
        This default fits a copy again, which is right for models that count or solve. Models that
        are trained, or that choose by validation, have a way of their own.

        Args:
            data: All data from now on. The users and items of before are its first rows, in their
                order; a user may have lost interactions. Its validation part is not used.

        Raises:
            RunError: The model was not fitted.
            DataError: `data` lacks something that the model needs.
        """
        return deepcopy(self).fit(replace(data, valid=None))

    def precompute(self, room: int) -> int:
        """Compute now what makes the answers to single requests faster.

        Args:
            room: Most bytes that it may take.

        Returns:
            The bytes that it takes. Models that have nothing of the kind take none.
        """
        del room
        return 0

    @property
    def forgets(self) -> bool:
        """Whether `forgotten` is exactly what `fit` finds on what is left.

        So it is for models that count or solve. A model that was trained, or that was chosen by
        validation, keeps traces of everybody until it is trained again.
        """
        return True

    def forgotten(self, data: TrainingData) -> Model:
        """Return a fitted model of data from which users are gone; this one does not change.

        Args:
            data: As for `updated`; the rows of the users who are gone are empty.
        """
        return self.updated(data)

    def start_from(self, before: Model) -> bool:
        """Let the next `fit` begin with the weights of another fitted model.

        Users, items and entities are found by their ids, so the data may be other data.

        Args:
            before: A fitted model. It does not change.

        Returns:
            Whether something can be taken over. Models without training take nothing.

        Raises:
            ConfigError: It has weights of another shape.
        """
        del before
        return False

    def notes(self) -> Sequence[str]:
        """Return what fitting found out, as lines for people."""
        return ()

    def figures(self) -> Mapping[str, float]:
        """Return what the parts of the model reach on validation, by name, for pictures."""
        return {}


class VectorModel(Model):
    """A model whose score is the inner product of a user's vector and an item's.

    This is all that an index, a search, new items and new users need. Nothing is known of
    `unknown_items`: they come last.
    """

    @property
    @abstractmethod
    def user_vectors(self) -> FloatArray:
        """The known users, float32 of shape (num_users, dim)."""

    @property
    @abstractmethod
    def item_vectors(self) -> FloatArray:
        """The items, float32 of shape (num_items, dim)."""

    @abstractmethod
    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users, float32 of shape (b, dim).

        Args:
            histories: As for `score_histories`.
        """

    def parts_of_history(self, history: csr_matrix) -> FloatArray | None:
        """Return the part of each liked item in the vector of one history; None: it is no sum.

        Args:
            history: As for `score_histories`, of one user with m liked items.

        Returns:
            float32 of shape (m, dim), in the order of the items' rows. They add up to
            `vectors_of_histories`, or what is missing is in any history.
        """
        del history
        return None

    def contributions(self, history: csr_matrix, targets: Float64Array) -> Contributions:
        """Return what each liked item adds to some scores; see `Model.contributions`."""
        rows = liked_rows(history)
        parts = self.parts_of_history(history) if self.scores_are_products else None
        if parts is None:
            return super().contributions(history, targets)
        items = self.item_vectors.astype(np.float64)
        vector = self.vectors_of_histories(history)[0].astype(np.float64)
        wanted = check_targets(targets, len(items))
        if len(unknown := self.unknown_items):  # they have the least score of the others
            scores = items @ vector
            scores[unknown] = np.inf
            items[unknown] = items[scores.argmin()]
        directions = items.T @ wanted.T
        base = (vector - parts.sum(axis=0, dtype=np.float64)) @ directions
        kept = ~np.eye(len(rows), dtype=bool)
        given = np.asarray(history[0, rows].todense()).reshape(-1)
        others = histories_of_parts(rows, kept, len(items), given)
        without = self.vectors_of_histories(others).astype(np.float64)
        losses = losses_of(vector, without, items, wanted)
        return Contributions(rows, parts.astype(np.float64) @ directions, base, "sum", losses)

    def score_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return the scores of some items: products with their vectors; see `Model`."""
        if self._moments() is None:
            return super().score_some(users, items)
        return np.asarray(self._vectors_asked(users) @ self.item_vectors[items].T)

    def standardised_some(self, users: IntArray | csr_matrix, items: IntArray) -> FloatArray:
        """Return standardised products, by the moments of the items' vectors; see `Model`."""
        moments = self._moments()
        if moments is None:
            return super().standardised_some(users, items)
        queries = self._vectors_asked(users)
        return moments.standardised(queries, queries @ self.item_vectors[items].T)

    def _vectors_asked(self, users: IntArray | csr_matrix) -> FloatArray:
        if isinstance(users, csr_matrix):
            return self.vectors_of_histories(users)
        return self.vectors_of_users(users)

    def _moments(self) -> Moments | None:
        """Return those of the items' vectors; None: some scores are no products with them."""
        vectors = self.item_vectors
        kept = self.__dict__.get("_kept_moments")
        if kept is None or kept[0] is not vectors:
            products = self.scores_are_products and not len(self.unknown_items)
            kept = vectors, Moments.of(vectors) if products else None
            self.__dict__["_kept_moments"] = kept
        found: Moments | None = kept[1]
        return found

    def vectors_of_users(self, users: IntArray) -> FloatArray:
        """Return the vectors of some known users, float32 of shape (b, dim).

        Args:
            users: Rows of users, int64 of shape (b,).

        Raises:
            UnknownIdError: A row is outside of 0 … num_users - 1.
        """
        vectors = self.user_vectors
        return vectors[check_rows(users, len(vectors), "user")]

    @property
    def unknown_items(self) -> IntArray:
        """Rows of items that are scored below all others, whatever their product is."""
        return np.zeros(0, dtype=np.int64)

    @property
    def reads_content(self) -> bool:
        """Whether what is known of an item counts; see `Model.reads_content`."""
        return self.places_content

    @property
    def scores_are_products(self) -> bool:
        """Whether `score` is the product, with the settings that this model has."""
        return True

    @property
    def places_content(self) -> bool:
        """Whether `vectors_of_content` works for this model."""
        return False

    def vectors_of_content(self, content: Mapping[str, FloatArray]) -> FloatArray:
        """Return the vectors of items or queries that the model has not seen, from their features.

        Args:
            content: Vectors by modality (`text`, …), float32 of shape (m, width) each, from the
                same encoders as those of the items.

        Returns:
            Their places, float32 of shape (m, place dim), comparable with `similarity_vectors`.

        Raises:
            DataError: The model was fitted without content, or without these modalities.
        """
        raise DataError(
            f"The model {self.name} was made without content ({', '.join(content)}): it cannot "
            "compute vectors of new items or texts."
        )

    def item_vectors_at(self, places: FloatArray) -> FloatArray:
        """Return the item vectors of items at some places, float32 of shape (m, dim).

        Args:
            places: As `vectors_of_content` returns them; in most models they are item vectors.
        """
        return places

    @property
    def similarity_vectors(self) -> FloatArray:
        """Vectors of length one whose inner products are `similar`, float32 (num_items, dim)."""
        return unit_rows(self.item_vectors)

    def similar(self, items: IntArray) -> FloatArray:
        """Return the cosine of the items' vectors; see `Model.similar`."""
        unit = self.similarity_vectors
        return np.asarray(unit[check_rows(items, len(unit), "item")] @ unit.T)

    def content_space(self) -> VectorModel | None:
        """Return the model itself where it places content; see `Model.content_space`."""
        return self if self.places_content else None


@runtime_checkable
class RatingPredictor(Protocol):
    """A model that predicts ratings itself."""

    def predict_ratings(self, users: IntArray, items: IntArray, /) -> npt.ArrayLike:
        """Return the rating of each pair, of shape (n,), in the data's own scale.

        Args:
            users: Rows of users, int64 of shape (n,); -1 for somebody whom the model does not know.
            items: Rows of items, likewise.
        """
        ...


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return vectors scaled to length one; a vector of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))
