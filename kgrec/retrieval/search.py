"""Semantic matching: from free text to items."""

from __future__ import annotations

from typing import Any

import numpy as np

from kgrec.types import FloatArray


def semantic_scores(
    query: FloatArray, item_text: FloatArray, words: FloatArray, model: Any
) -> FloatArray:
    """Return how well each item fits a query.

    The score is the sum of three, each standardised over the items:

    * the cosine of the query's and the item's text vectors: what the item says of itself;
    * the words that they share (BM25): names and rare words, which text vectors blur;
    * half of the cosine of the query's place in the model's item space and the item's vector
      there: what people choose who like such things. A model that cannot place texts has none.

    Args:
        query: Text vector of the query, float32 of shape (1, text dim).
        item_text: Text vectors of the items, float32 of shape (num_items, text dim), a row of
            zeros where an item has no text.
        words: Word scores of the items, float32 of shape (num_items,).
        model: A model; its `vectors_of_texts` and `item_vectors` are used where it has them.

    Returns:
        float32 of shape (1, num_items).
    """
    unit = _unit(item_text)
    known = np.abs(unit).sum(1) > 0
    # The mean is what all items have in common, such as being films; it tells none apart.
    centre = unit[known].mean(0)
    scores = np.zeros((1, len(unit)), dtype=np.float32)
    scores[:, known] = _standardised(_unit(query - centre) @ _unit(unit[known] - centre).T)
    scores += _standardised(words[None, :])
    if getattr(model, "content_map", None) is None:
        return scores
    placed = model.vectors_of_texts(query)
    scores += _standardised(placed @ _unit(model.item_vectors).T) / 2
    return scores


def _unit(vectors: FloatArray) -> FloatArray:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 0, norm, 1.0), dtype=np.float32)


def _standardised(scores: FloatArray) -> FloatArray:
    mean, scale = scores.mean(1, keepdims=True), scores.std(1, keepdims=True)
    return np.asarray((scores - mean) / np.where(scale > 0, scale, 1.0), dtype=np.float32)
