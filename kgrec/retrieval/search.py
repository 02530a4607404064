"""Semantic matching: from free text to items."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def semantic_scores(query: FloatArray, item_text: FloatArray, model: Any) -> FloatArray:
    """Return how well each item fits each query.

    The score is the mean of two cosines, each standardised over the items: that of the query's
    and the item's text vectors (what the item says of itself), and that of the query's place in
    the model's item space and the item's vector there (what people who like such things choose).
    A model that cannot place texts gives the first alone. Items without text have the second
    alone.

    Args:
        query: Text vectors of the queries, float32 of shape (b, text dim).
        item_text: Text vectors of the items, float32 of shape (num_items, text dim), a row of
            zeros where an item has no text.
        model: A model; its `vectors_of_texts` and `item_vectors` are used where it has them.

    Returns:
        float32 of shape (b, num_items).
    """
    unit = _unit(item_text)
    known = np.abs(unit).sum(1) > 0
    scores = np.zeros((len(query), len(unit)), dtype=np.float32)
    scores[:, known] = _standardised(_unit(query) @ unit[known].T)
    if getattr(model, "content_map", None) is None:
        return scores
    placed = model.vectors_of_texts(query)
    return (scores + _standardised(placed @ _unit(model.item_vectors).T)) / 2


def _unit(vectors: FloatArray) -> FloatArray:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1.0), dtype=np.float32)


def _standardised(scores: FloatArray) -> FloatArray:
    mean, scale = scores.mean(1, keepdims=True), scores.std(1, keepdims=True)
    return np.asarray((scores - mean) / np.where(scale > 0, scale, 1.0), dtype=np.float32)
