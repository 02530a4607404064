"""Features of users and items whose inner products are similarities, for models of ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags_array, hstack
from scipy.sparse.linalg import svds

from kgrec.data.interactions import Interactions
from kgrec.models.ease import attribute_rows
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray

_DAMPING = 5.0
"""Mean ratings that are added to each user and item for the biases."""
_TASTE_DAMPING = 10.0
"""Ratings that a user or item needs to have half of its taste."""


@dataclass(frozen=True)
class Features:
    """Features in blocks: mean (a column of ones), watched, content or table, taste.

    Attributes:
        matrix: float32 of shape (n, dim).
        block: Which of the four each column belongs to, int64 of shape (dim,).
        basis: From the other side to the block watched, before its rows are scaled to length 1:
            float32 of shape (m, d).
        scale: The square roots of what the other side's entries add to that squared length:
            float32 of shape (m,).
    """

    matrix: FloatArray
    block: IntArray
    basis: FloatArray
    scale: FloatArray


def user_features_of(
    data: TrainingData, log: Interactions, given: FloatArray, dim: int, taste_dim: int
) -> Features:
    """Return the features of users; the arguments are those of `item_features`."""
    rated = _ones(log)
    table = data.user_features
    further = np.zeros((log.num_users, 0), dtype=np.float32)
    if table is not None and table.shape[1]:
        further = _factors(csr_matrix(table, dtype=np.float64), dim)[0]
    taste = _taste(log, given, taste_dim)[0]
    return _features(rated, further, taste, dim)


def item_features(
    data: TrainingData, log: Interactions, given: FloatArray, dim: int, taste_dim: int
) -> Features:
    """Return the features of items.

    Args:
        data: Attributes, words and the user table.
        log: The ratings.
        given: Their standardised stars, float32 of shape (n,).
        dim: Dimensions of the blocks watched and content, at most.
        taste_dim: Dimensions of the block taste, at most.
    """
    content = _content(data)
    further = np.zeros((log.num_items, 0), dtype=np.float32)
    if content.nnz:
        further = _factors(content, dim)[0]
    return _features(_ones(log).T.tocsr(), further, _taste(log, given, taste_dim)[1], dim)


def _features(rated: csr_matrix, further: FloatArray, taste: FloatArray, dim: int) -> Features:
    """Return all blocks of one side.

    Args:
        rated: Who, or what, has a rating of what, or whom; ones of shape (n, m).
        further: The block content or table, float32 of shape (n, d).
        taste: The block taste, likewise.
        dim: Dimensions of the block watched, at most.
    """
    # What has been rated by many tells little of those who did.
    count = np.bincount(rated.indices, minlength=rated.shape[1])
    scale = 1.0 / np.sqrt(np.maximum(count, 1))
    scaled = (rated @ diags_array(scale)).tocsr()
    unit = _unit_rows(scaled)
    watched, directions = _factors(unit, dim)
    one = np.ones((rated.shape[0], 1), dtype=np.float32)
    blocks = [one, watched, further, taste]
    block = np.repeat(np.arange(4), [one.shape[1] for one in blocks])
    basis = (scale[:, None] * directions).astype(np.float32)
    return Features(np.concatenate(blocks, axis=1), block, basis, scale.astype(np.float32))


def _content(data: TrainingData) -> csr_matrix:
    """Return the content of items, float64 of shape (num_items, n); rows of length 1 at most."""
    blocks: list[Any] = []
    if data.attributes is not None:
        blocks.append(attribute_rows(data.attributes).T)
    if data.words is not None:
        blocks.append(data.words)
    if not blocks:
        return csr_matrix((data.train.num_items, 0), dtype=np.float64)
    joined: csr_matrix = csr_matrix(hstack(blocks), dtype=np.float64)
    joined.data *= len(blocks) ** -0.5
    return joined


def _taste(log: Interactions, given: FloatArray, dim: int) -> tuple[FloatArray, FloatArray]:
    """Return the factors of the stars without biases, of users and of items.

    Their mean square length is 1; who has rated little has short ones.
    """
    left = _without_biases(log, given)
    matrix = csr_matrix((left, (log.user, log.item)), shape=(log.num_users, log.num_items))
    of_user = np.bincount(log.user, minlength=log.num_users)
    of_item = np.bincount(log.item, minlength=log.num_items)
    by_user = diags_array(1.0 / np.sqrt(of_user + _TASTE_DAMPING))
    by_item = diags_array(1.0 / np.sqrt(of_item + _TASTE_DAMPING))
    users, values, items = _svd(csr_matrix(by_user @ matrix @ by_item), dim)
    return _mean_length_one(users * values), _mean_length_one(items * values)


def _without_biases(log: Interactions, given: FloatArray) -> Float64Array:
    """Return the stars without damped biases of users and items (Koren, TKDD 2010)."""
    user, item = np.zeros(log.num_users), np.zeros(log.num_items)
    of_user = np.bincount(log.user, minlength=log.num_users) + _DAMPING
    of_item = np.bincount(log.item, minlength=log.num_items) + _DAMPING
    for _ in range(10):
        item = np.bincount(log.item, given - user[log.user], log.num_items) / of_item
        user = np.bincount(log.user, given - item[log.item], log.num_users) / of_user
    return np.asarray(given - user[log.user] - item[log.item], dtype=np.float64)


def _ones(log: Interactions) -> csr_matrix:
    return csr_matrix(log.matrix(), dtype=np.float64)


def _factors(matrix: csr_matrix, dim: int) -> tuple[FloatArray, Float64Array]:
    """Return features of the rows whose inner products are near those of the rows, and a basis.

    Returns:
        float32 of shape (n, d) and float64 of shape (m, d), where the first is `matrix` times the
        second.
    """
    left, values, right = _svd(matrix, dim)
    return (left * values).astype(np.float32), right


def _svd(matrix: csr_matrix, dim: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the largest singular vectors and values: (n, d), (d,), (m, d), the same each time."""
    most = min(matrix.shape)
    if dim >= most or most <= 200:  # small enough for all
        left, values, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
        left, values, right = left[:, :dim], values[:dim], right[:dim]
    else:
        start = np.random.default_rng(0).normal(size=most)
        left, values, right = svds(matrix, k=dim, v0=start)
    kept = values > 1e-9 * values.max(initial=0.0)
    return left[:, kept], values[kept], right[kept].T


def _unit_rows(matrix: csr_matrix) -> csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).reshape(-1))
    return csr_matrix(diags_array(1.0 / np.maximum(length, 1e-12)) @ matrix)


def _mean_length_one(factors: Float64Array) -> FloatArray:
    mean = np.sqrt(np.square(factors).sum(axis=1).mean()) if factors.size else 0.0
    return np.asarray(factors / max(mean, 1e-12), dtype=np.float32)
