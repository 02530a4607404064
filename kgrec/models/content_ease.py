"""EASE that predicts the weights of new items from their content."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from kgrec.errors import DataError
from kgrec.models.base import Callback, Model, TrainingData
from kgrec.models.content import ItemContent
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.item_item import training_matrix
from kgrec.types import FloatArray, IntArray


class ContentEASE(EASE):
    """EASE (Steck, WWW 2019), with kernel ridge regression for the weights of new items.

    K is the similarity of two items by text, words, attributes and numbers. The weights of a new
    item j are c + (B - c) (K_tt + content_l2 · I)⁻¹ K_tj, where t are the items of training, B
    their columns of weights and c the mean of these. So a new item gets the scores that a
    regression from content predicts. Known items keep their own weights.
    """

    config: ContentEASEConfig

    def __init__(self, config: ContentEASEConfig | None = None) -> None:
        super().__init__(config or ContentEASEConfig())

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Solve for the weights; see `Model.fit`.

        Raises:
            DataError: There is no graph, which holds the content, or there are no interactions.
        """
        if data.graph is None:
            raise DataError("content_ease needs TrainingData.graph, found None.")
        count = np.asarray(training_matrix(data.train).sum(axis=0)).reshape(-1)
        super().fit(data, callback=callback)
        known, new = np.flatnonzero(count > 0), np.flatnonzero(count == 0)
        if len(new):
            assert isinstance(self._weights, np.ndarray)
            self._weights[:, new] = self._predicted(
                ItemContent.from_graph(data.graph, data.words), known, new
            )
        return self

    def _predicted(self, content: ItemContent, known: IntArray, new: IntArray) -> FloatArray:
        """Return the columns of weights of the new items, float32 of shape (num_items, n)."""
        assert isinstance(self._weights, np.ndarray)
        gram = self._similarity(content, known, known).astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.config.content_l2
        map_to = np.linalg.solve(gram, self._similarity(content, known, new))
        columns = self._weights[:, known]
        centre = columns.mean(axis=1, keepdims=True)
        return np.asarray(centre + (columns - centre) @ map_to, dtype=np.float32)

    def _similarity(self, content: ItemContent, rows: Any, columns: Any) -> FloatArray:
        config = self.config
        kernel = np.zeros((len(rows), len(columns)), dtype=np.float32)
        for vectors in content.vectors.values():
            kernel += config.text * (vectors[rows] @ vectors[columns].T)
        kernel += config.numbers * (content.numbers[rows] @ content.numbers[columns].T)
        for weight, block in (
            (config.attributes, content.attributes),
            (config.words, content.words),
        ):
            kernel += weight * (block[rows] @ block[columns].T).toarray()
        return np.asarray(kernel, dtype=np.float32)


class ContentEASEConfig(EASEConfig):
    """The settings of `ContentEASE`.

    Attributes:
        l2: As for `EASE`.
        content_l2: Weight of the ridge penalty of the regression from content.
        text: Weight of the text, and of other vectors, in the similarity of two items.
        words: Weight of the words of the text.
        attributes: Weight of the graph's attributes.
        numbers: Weight of the numeric columns and of how many attributes there are.
    """

    name: Literal["content_ease"] = "content_ease"  # type: ignore[assignment]
    model: ClassVar[type[Model]] = ContentEASE
    l2: float = Field(default=100.0, gt=0.0, allow_inf_nan=False)
    content_l2: float = Field(default=10.0, gt=0.0, allow_inf_nan=False)
    text: float = Field(default=0.25, ge=0.0, allow_inf_nan=False)
    words: float = Field(default=4.0, ge=0.0, allow_inf_nan=False)
    attributes: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    numbers: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
