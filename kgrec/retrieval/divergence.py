"""Ranking by how much an item would change what is known of a user.

U is what the user's next choice is about, one of several topics. P(U) is the distribution of the
topics in the user's history, and P(U|O) the one after the history also has the item O. The
Kullback–Leibler divergence of the two (Annals of Mathematical Statistics 22, 1951) is what O tells
anew; for a change from prior to posterior, it is Itti and Baldi's surprise (NIPS 2005). The item
that surprises least fits the user best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgrec.errors import DataError
from kgrec.types import Float64Array, FloatArray


@dataclass(frozen=True)
class Surprise:
    """What items would tell anew of a user.

    Attributes:
        before: P(U), float64 of shape (num_topics,).
        after: P(U|O) of each item, float64 of shape (n, num_topics).
        divergence: KL(P(U|O) ‖ P(U)) of each item in nats, float64 of shape (n,); at least 0.
    """

    before: Float64Array
    after: Float64Array
    divergence: Float64Array

    @property
    def order(self) -> list[int]:
        """The rows of the items, the least surprising first; equal ones as they were given."""
        found: list[int] = np.argsort(self.divergence, kind="stable").tolist()
        return found


def surprise(
    history: Float64Array | FloatArray,
    items: Float64Array | FloatArray,
    *,
    smoothing: float = 0.1,
) -> Surprise:
    """Return what each of n items would tell anew of a user.

    With m items in the history, P(U) is the mean of their distributions, and
    P(U|O) = (m P(U) + p) / (m + 1) with the distribution p of O.

    Args:
        history: For each item of the user, the distribution of its topics: of shape
            (m, num_topics), at least 0, with m ≥ 1. Rows are scaled to a sum of 1.
        items: The same for the items to rank, of shape (n, num_topics).
        smoothing: The share of every distribution that all topics have equally; above 0, so that no
            topic is impossible, and below 1.

    Raises:
        DataError: A shape or a value is not as expected.

    >>> topics = np.eye(3)
    >>> found = surprise(topics[[0, 0, 1]], topics, smoothing=0.1)
    >>> found.order, found.divergence.round(3).tolist()
    ([0, 1, 2], [0.013, 0.049, 0.332])
    """
    if not 0 < smoothing < 1:
        raise DataError(f"smoothing must be above 0 and below 1, found {smoothing}.")
    known, asked = _smoothed(history, smoothing), _smoothed(items, smoothing)
    if known.shape[1] != asked.shape[1] or not len(known):
        raise DataError(
            "history and items must have the same topics, and the history an item at least: found "
            f"the shapes {known.shape} and {asked.shape}."
        )
    before = known.mean(axis=0)
    after = (len(known) * before + asked) / (len(known) + 1)
    return Surprise(before, after, np.maximum((after * np.log(after / before)).sum(axis=1), 0.0))


def topics_of(vectors: FloatArray, topics: FloatArray, temperature: float = 0.05) -> Float64Array:
    """Return the distribution of topics of texts: a softmax over their cosines.

    Args:
        vectors: Vectors of n texts, of length 1, float32 of shape (n, dim).
        topics: Vectors of the topics' names, likewise, of shape (num_topics, dim).
        temperature: Divides the cosines; lower makes the nearest topic more certain.

    Returns:
        float64 of shape (n, num_topics).

    Raises:
        DataError: The temperature is not above 0, or the shapes do not fit.
    """
    if not temperature > 0:
        raise DataError(f"temperature must be above 0, found {temperature}.")
    if vectors.ndim != 2 or topics.ndim != 2 or vectors.shape[1] != topics.shape[1]:
        raise DataError(
            "vectors and topics must have the same length of a vector: found the shapes "
            f"{vectors.shape} and {topics.shape}."
        )
    cosines = vectors.astype(np.float64) @ topics.T.astype(np.float64) / temperature
    raised = np.exp(cosines - cosines.max(axis=1, keepdims=True))
    found: Float64Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def _smoothed(rows: Float64Array | FloatArray, share: float) -> Float64Array:
    found = np.asarray(rows, dtype=np.float64)
    if found.ndim != 2 or not found.shape[1] or not np.isfinite(found).all() or (found < 0).any():
        raise DataError(
            "A distribution of topics must be a row of finite numbers of at least 0: found an "
            f"array of the shape {found.shape}."
        )
    sums = found.sum(axis=1, keepdims=True)
    if (sums == 0).any():
        raise DataError(f"Row {int(np.argmin(sums))} of the topics has nothing above 0.")
    mixed: Float64Array = (1 - share) * found / sums + share / found.shape[1]
    return mixed
