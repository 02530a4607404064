"""What is known of a user and an item besides the scores of models: activity, popularity, age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.graph.modalities import NUMERIC
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray

PRIOR_RATINGS = 5.0
"""Ratings at the overall mean that each item gets besides its own, so that few ratings say little.
"""


@dataclass(frozen=True)
class Context:
    """Features of the items, and of a user by their history alone.

    Attributes:
        names: What each feature of the items is.
        items: Standardised features of the items, float32 of shape (num_items, q).
        activity: Mean and deviation of the logarithm of a user's number of items, float32 (2,).
        limits: Least and largest standardised activity among the validation users: other users
            count as the nearest of them, since the weights know nothing beyond. float32 (2,).
    """

    names: tuple[str, ...]
    items: FloatArray
    activity: FloatArray
    limits: FloatArray

    @classmethod
    def of(cls, data: TrainingData) -> Self:
        """Compute the features from the training interactions and the items' table and graph."""
        named = _item_features(data)
        size = np.log1p(np.diff(data.train.matrix().indptr))
        activity = np.array([size.mean(), size.std() or 1.0], dtype=np.float32)
        standard = (size - activity[0]) / activity[1]
        if data.valid is not None and len(data.valid):
            standard = standard[np.unique(data.valid.user)]
        limits = np.array([standard.min(), standard.max()], dtype=np.float32)
        return cls(tuple(named), np.column_stack(list(named.values())), activity, limits)

    def like(self, other: Context) -> Context:
        """Return the same with the features of another one, in its order, and its activity.

        A feature that this one does not have is 0, the mean.
        """
        zero = np.zeros(len(self.items), dtype=np.float32)
        own = dict(zip(self.names, self.items.T, strict=True))
        items = np.column_stack([own.get(name, zero) for name in other.names])
        return Context(other.names, items.astype(np.float32), other.activity, other.limits)

    def of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the features of users: activity, then the means of their items' features.

        Args:
            histories: Of shape (b, num_items), with an entry for each item that a user has.

        Returns:
            float32 of shape (b, 1 + q). The means of a user without items are 0.
        """
        had = csr_matrix(histories, dtype=np.float32, copy=True)
        had.data[:] = had.data != 0
        number = np.asarray(had.sum(axis=1)).reshape(-1)
        standard = (np.log1p(number) - self.activity[0]) / self.activity[1]
        means = np.asarray(had @ self.items) / np.maximum(number, 1)[:, None]
        active = np.clip(standard, *self.limits)
        return np.column_stack([active, means]).astype(np.float32)


def _item_features(data: TrainingData) -> dict[str, FloatArray]:
    train = data.train
    num = train.num_items
    count = np.bincount(train.item, minlength=num)
    known = count > 0
    popularity = _standard(np.log1p(count))
    made = {"popularity": popularity, "popularity squared": _standard(popularity**2)}
    if not known.all():
        made["new"] = (~known).astype(np.float32)
    if train.timestamp is not None and train.timestamp.min() < train.timestamp.max():
        times = train.timestamp.astype(np.float64)
        times = (times - times.min()) / (times.max() - times.min())
        mean = np.where(known, np.bincount(train.item, times, num) / np.maximum(count, 1), 1.0)
        made["mean time"] = _standard(mean)
        made["first time"] = _standard(_extreme(np.minimum, train.item, times, num))
        made["last time"] = _standard(_extreme(np.maximum, train.item, times, num))
    if train.rating is not None and len(np.unique(train.rating)) > 1:
        rating = train.rating.astype(np.float64)
        total = np.bincount(train.item, rating, num) + PRIOR_RATINGS * rating.mean()
        made["mean rating"] = _standard(total / (count + PRIOR_RATINGS))
    if data.attributes is not None and data.attributes.nnz:
        made["attributes"] = _standard(np.log1p(np.diff(data.attributes.indptr)))
    if data.graph is not None and NUMERIC in data.graph["item"]:
        columns = data.graph["item"][NUMERIC].numpy().T
        made |= {f"number {place}": _standard(column) for place, column in enumerate(columns)}
    return made


def _extreme(which: np.ufunc, item: IntArray, times: Float64Array, num: int) -> Float64Array:
    """Return the first or last time of each item; an item without interactions is the newest."""
    found = np.full(num, 1.0 if which is np.minimum else 0.0)
    which.at(found, item, times)
    found[np.bincount(item, minlength=num) == 0] = 1.0
    return found


def _standard(values: Any) -> FloatArray:
    """Return values with mean 0 and deviation 1, cut at 4; constant ones are 0."""
    wide = np.asarray(values, dtype=np.float64)
    deviation = wide.std()
    if not deviation > 1e-9:
        return np.zeros(len(wide), dtype=np.float32)
    return np.asarray(np.clip((wide - wide.mean()) / deviation, -4.0, 4.0), dtype=np.float32)
