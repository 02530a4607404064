"""EASE that predicts the weights of new items from their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, hstack

from kgrec.errors import DataError
from kgrec.models.base import Callback, Model
from kgrec.models.checks import not_fitted
from kgrec.models.content import ItemContent
from kgrec.models.costs import active
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.item_item import dense, training_matrix
from kgrec.models.ridge import FEW, conjugate_gradients
from kgrec.models.state import State, csr_expected, csr_from_state, csr_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray


class ContentEASE(EASE):
    """EASE (Steck, WWW 2019), with kernel ridge regression for the weights of new items.

    K is the similarity of two items by text, words, attributes and numbers. The weights of a new
    item j are c + (B - c) (K_tt + content_l2 · I)⁻¹ K_tj, where t are the items of training, B
    their columns of weights and c the mean of these. So a new item gets the scores that a
    regression from content predicts. Known items keep their own weights.
    """

    config: ContentEASEConfig

    @property
    def reads_content(self) -> bool:
        """What is known of an item counts."""
        return True

    @property
    def reads_text_vectors(self) -> bool:
        """They are part of the content."""
        return True

    def __init__(self, config: ContentEASEConfig | None = None) -> None:
        super().__init__(config or ContentEASEConfig())
        self._content: _Kernel | None = None
        self._filled = False

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Solve for the weights; see `Model.fit`.

        Raises:
            DataError: There is no graph, which holds the content, or there are no interactions.
        """
        training_matrix(data.train)
        return super().fit(data, callback=callback)

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return the larger of what the weights and the regression of new items take.

        The regression has the similarities of items in float32 and float64, and solves in place of
        a copy, while the weights are there.
        """
        num, known = data.train.num_items, active(data.train.item, data.train.num_items)
        new = num - known
        regression = (20 * known * (known + new) + 4 * num**2) if new else 0
        return max(super().memory_to_fit(data), regression)

    def state(self) -> State:
        """Return what the weights are computed from, and the content of the items."""
        state, kernel = super().state(), self._kernel()
        return state | csr_state("content", kernel.sparse) | {"vectors": kernel.vectors}

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        super().load_state(state, data)
        columns = int(state["content.indices"].max(initial=-1)) + 1
        sparse = csr_from_state(state, "content", columns)
        self._content, self._filled = _Kernel(np.asarray(state["vectors"]), sparse), False
        return self

    def _read(self, data: TrainingData) -> None:
        if data.graph is None:
            raise DataError("content_ease needs TrainingData.graph, found None.")
        super()._read(data)
        content = ItemContent.from_graph(data.graph, data.words, knowledge=self.config.graph)
        self._content, self._filled = _Kernel.weighted(content, self.config), False

    def _expected_content(self, num_items: int) -> dict[str, Any]:
        return csr_expected("content", num_items) | {"vectors": (np.float32, (num_items, None))}

    def _full(self) -> FloatArray:
        weights = super()._full()
        if not self._filled:  # in place: the columns of new items are zero before
            known, new = self._known_and_new()
            if len(new):
                weights[:, new] = self._regressed(weights[:, known], known, new)
            self._filled = True
        return weights

    def _times_weights(self, histories: csr_matrix) -> FloatArray:
        if histories.shape[0] > FEW:
            return dense(histories @ self._full())
        scores = super()._times_weights(histories)
        known, new = self._known_and_new()
        scores[:, new] = self._solved_for(scores[:, known], known, new)
        return scores

    def _weights_to(self, rows: IntArray, targets: Float64Array) -> Float64Array:
        if not targets[:, self._known_and_new()[1]].any():
            return super()._weights_to(rows, targets)
        ones, place = np.ones(len(rows), dtype=np.float32), np.arange(len(rows))
        one_each = csr_matrix((ones, (place, rows)), shape=(len(rows), targets.shape[1]))
        return np.asarray(self._times_weights(one_each) @ targets.T, dtype=np.float64)

    def _regressed(self, columns: FloatArray, known: IntArray, new: IntArray) -> FloatArray:
        """Return the columns of new items, float32 (b, n), from those of known ones, (b, m)."""
        kernel = self._kernel()
        known_part, new_part = kernel.part(known), kernel.part(new)
        gram = known_part.similarity(known_part).astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.config.content_l2
        map_to = np.linalg.solve(gram, known_part.similarity(new_part))
        centre = columns.mean(axis=1, keepdims=True)
        return np.asarray(centre + (columns - centre) @ map_to, dtype=np.float32)

    def _solved_for(self, scores: FloatArray, known: IntArray, new: IntArray) -> FloatArray:
        """Return the same as `_regressed` for few rows, without the map to all new items."""
        if not len(new):
            return scores[:, :0]
        kernel, l2 = self._kernel(), self.config.content_l2
        known_part, new_part = kernel.part(known), kernel.part(new)
        given = scores.astype(np.float64)
        centre = given.mean(axis=1, keepdims=True)
        dual = conjugate_gradients(
            lambda x: known_part.times(known_part.transposed_times(x)) + l2 * x,
            given - centre,
            known_part.squares() + l2,
        )
        made = new_part.times(known_part.transposed_times(dual.T))
        return np.asarray(centre + made.T, dtype=np.float32)

    def _kernel(self) -> _Kernel:
        if self._content is None:
            raise not_fitted(self)
        return self._content

    def _known_and_new(self) -> tuple[IntArray, IntArray]:
        train, _ = self._fitted()
        count = np.bincount(train.indices, minlength=train.shape[1])
        return np.flatnonzero(count > 0), np.flatnonzero(count == 0)


class ContentEASEConfig(EASEConfig):
    """The settings of `ContentEASE`.

    Attributes:
        l2: As for `EASE`.
        content_l2: Weight of the ridge penalty of the regression from content.
        text: Weight of the text, and of other vectors, in the similarity of two items.
        words: Weight of the words of the text.
        attributes: Weight of the graph's attributes.
        numbers: Weight of the numeric columns and of how many attributes there are.
        graph: Whether the knowledge graph's entities are attributes, and not the columns of the
            item table alone.
    """

    name: Literal["content_ease"] = "content_ease"  # type: ignore[assignment]
    model: ClassVar[type[Model]] = ContentEASE
    l2: float = Field(default=100.0, gt=0.0, allow_inf_nan=False)
    content_l2: float = Field(default=10.0, gt=0.0, allow_inf_nan=False)
    text: float = Field(default=0.25, ge=0.0, allow_inf_nan=False)
    words: float = Field(default=4.0, ge=0.0, allow_inf_nan=False)
    attributes: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    numbers: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    graph: bool = True


@dataclass(frozen=True, eq=False)
class _Kernel:
    """Content features F of items, so that F Fᵀ is their similarity.

    Attributes:
        vectors: The dense columns, float32 of shape (n, dim).
        sparse: The others, CSR float32 with n rows.
    """

    vectors: FloatArray
    sparse: csr_matrix

    @classmethod
    def weighted(cls, content: ItemContent, config: ContentEASEConfig) -> _Kernel:
        """Return the blocks side by side, each times the square root of its weight."""
        dense = [vectors * np.float32(config.text**0.5) for vectors in content.vectors.values()]
        dense.append(content.numbers * np.float32(config.numbers**0.5))
        blocks = [
            content.attributes * np.float32(config.attributes**0.5),
            content.words * np.float32(config.words**0.5),
        ]
        sparse = hstack(blocks, format="csr", dtype=np.float32)
        return cls(np.concatenate(dense, axis=1).astype(np.float32), csr_matrix(sparse))

    def part(self, rows: IntArray) -> _Kernel:
        """Return the features of some items."""
        return _Kernel(self.vectors[rows], self.sparse[rows])

    def similarity(self, other: _Kernel) -> FloatArray:
        """Return the similarity to other items, float32 of shape (n, m)."""
        shared = (self.sparse @ other.sparse.T).toarray()
        return np.asarray(self.vectors @ other.vectors.T + shared, dtype=np.float32)

    def squares(self) -> Float64Array:
        """Return the similarity of each item to itself, float64 of shape (n,)."""
        wide, sparse = self._wide
        of_sparse = np.asarray(sparse.multiply(sparse).sum(axis=1)).reshape(-1)
        return np.asarray((wide**2).sum(axis=1) + of_sparse)

    def times(self, found: tuple[Float64Array, Float64Array]) -> Float64Array:
        """Return F X, float64 of shape (n, b), for X as `transposed_times` returns it."""
        wide, sparse = self._wide
        return np.asarray(wide @ found[0] + sparse @ found[1])

    def transposed_times(self, right: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return Fᵀ X for X of shape (n, b): the rows of the dense and of the sparse columns."""
        wide, sparse = self._wide
        return wide.T @ right, np.asarray(sparse.T @ right)

    @cached_property
    def _wide(self) -> tuple[Float64Array, csr_matrix]:
        return self.vectors.astype(np.float64), csr_matrix(self.sparse, dtype=np.float64)
