"""A step from the vector of a new user towards the items that the user has."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.models.base import unit_rows
from kgrec.types import FloatArray


def towards_items(
    vectors: FloatArray,
    histories: csr_matrix,
    items: FloatArray,
    centre: FloatArray,
    size: float,
) -> FloatArray:
    """Return vectors of histories, moved along the mean vector of their items.

    A user who was in training has an embedding of their own, which training moved towards the
    vectors of the user's items and away from those of all items. A user who comes later has none;
    this is such a step. The length of a vector stays, so scores of new and known users are alike.

    Args:
        vectors: float32 of shape (b, dim).
        histories: CSR of ones, of shape (b, num_items).
        items: The items' side of the product, float32 of shape (num_items, dim); a row of zeros is
            an unknown item, which does not count.
        centre: The mean vector of the items, float32 of shape (dim,).
        size: The size of the step; 0: none.
    """
    if not size:
        return vectors
    # Only the rows of liked items are read: the catalogue may be large, and one history is short.
    user = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    known = items[histories.indices].any(axis=1)
    count = np.bincount(user[known], minlength=histories.shape[0])[:, None]
    means = np.asarray(histories @ items) / np.maximum(count, 1)
    moved = np.asarray(vectors + size * (means - centre), dtype=np.float32)
    moved = unit_rows(moved) * np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.where(count > 0, moved, vectors), dtype=np.float32)


def parts_towards_items(
    parts: FloatArray, vector: FloatArray, items: FloatArray, centre: FloatArray, size: float
) -> FloatArray:
    """Return the part of each item of a history in a vector after the step.

    What is missing to the whole vector is the step away from all items, which no liked item brings.

    Args:
        parts: The parts before the step, float32 of shape (m, dim).
        vector: The vector before the step, float32 of shape (dim,).
        items: The items' side of the product for these items, float32 of shape (m, dim).
        centre: As for `towards_items`.
        size: As for `towards_items`.
    """
    count = int(items.any(axis=1).sum())
    if not size or not count:
        return parts
    step = np.float32(size) * items / np.float32(count)
    moved = vector + step.sum(axis=0) - np.float32(size) * centre
    scale = np.linalg.norm(vector) / max(float(np.linalg.norm(moved)), 1e-12)
    return np.asarray(scale * (parts + step), dtype=np.float32)
