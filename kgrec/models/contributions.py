"""How much of a score each liked item accounts for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.types import BoolArray, Float64Array, FloatArray, IntArray

Method = Literal["sum", "sampled"]

ROWS: Final = 512
"""About how many histories are scored for sampled contributions, at least two for each item."""
_AT_ONCE: Final = 256


@dataclass(frozen=True, eq=False)
class Contributions:
    """Some scores of one user as a sum over the items that the user liked.

    Attributes:
        items: Rows of the liked items, int64 of shape (m,).
        values: What each of them adds to each score, float64 of shape (m, q).
        base: What no liked item accounts for, float64 of shape (q,): the score without a history,
            the popularity of an item, or what was learnt of it.
        method: "sum": the model's score is such a sum, if its scales are those of the whole
            history (its length, the deviation of its scores); "sampled": Shapley values, estimated
            from orders in which the items come one after another.
        losses: By how much each score falls without each item, in deviations of the scores of all
            items from their mean, float64 of shape (m, q); None: in proportion to `values`, as in a
            model whose score is a sum with a fixed scale.
        towers: The part of each model in an ensemble, float64 of shape (q,), by its name; empty for
            a single model. They add up to the scores, too.
    """

    items: IntArray
    values: Float64Array
    base: Float64Array
    method: Method
    losses: Float64Array | None = None
    towers: Mapping[str, Float64Array] = field(default_factory=dict)

    @property
    def scores(self) -> Float64Array:
        """The scores, float64 of shape (q,)."""
        return np.asarray(self.values.sum(axis=0) + self.base)

    @property
    def weights(self) -> Float64Array:
        """How much each item counts: its losses, or its values where these are as good."""
        return self.values if self.losses is None else self.losses

    def times(self, weight: float) -> Contributions:
        """Return the contributions to the scores times a number."""
        towers = {name: weight * part for name, part in self.towers.items()}
        values, base = weight * self.values, weight * self.base
        losses = None if self.losses is None else weight * self.losses
        return Contributions(self.items, values, base, self.method, losses, towers)


def liked_rows(history: csr_matrix) -> IntArray:
    """Return the rows of the items of one history, int64 of shape (m,), ascending.

    Raises:
        DataError: There is not one history.
    """
    if history.shape[0] != 1:
        raise DataError(f"Contributions are those of one history, found {history.shape[0]}.")
    columns = history.indices[history.data != 0]
    return np.unique(columns).astype(np.int64)


def histories_of_parts(
    rows: IntArray, kept: BoolArray, num_items: int, values: FloatArray | None = None
) -> csr_matrix:
    """Return histories that each have some of the same items, float32 (b, num_items).

    Args:
        rows: Rows of the items, int64 of shape (m,), ascending.
        kept: Which of them each history has, bool of shape (b, m).
        num_items: Number of all items.
        values: The entry of each item, float32 of shape (m,); None: 1.

    >>> kept = np.array([[True, False], [True, True]])
    >>> histories_of_parts(np.array([1, 3]), kept, 4).toarray().tolist()
    [[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    """
    which, place = np.nonzero(kept)
    entries = np.ones(len(place), np.float32) if values is None else values[place]
    return csr_matrix((entries, (which, rows[place])), shape=(len(kept), num_items))


def check_targets(targets: Float64Array, num_items: int) -> Float64Array:
    """Return `targets` as float64 of shape (q, num_items).

    Raises:
        DataError: It has another shape, or holds values that are not finite.
    """
    found = np.asarray(targets, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != num_items or not np.isfinite(found).all():
        raise DataError(
            f"targets must be finite numbers of shape (q, {num_items}), found the shape "
            f"{found.shape}."
        )
    return found


def of_items(items: Sequence[int] | IntArray, num_items: int) -> Float64Array:
    """Return the targets that are the scores of some items, float64 of shape (q, num_items).

    >>> of_items([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    targets = np.zeros((len(items), num_items))
    targets[np.arange(len(items)), items] = 1.0
    return targets


def sampled(
    score: Callable[[csr_matrix], FloatArray], history: csr_matrix, targets: Float64Array
) -> Contributions:
    """Return Shapley values of liked items, estimated from random orders of them.

    What an item adds when it comes is averaged over orders and their reverses (antithetic sampling:
    Mitchell et al., Sampling permutations for Shapley value estimation, JMLR 2022). For each order
    this adds up to the score of all items minus that of none, and so does the mean.

    Args:
        score: Returns the scores of histories, float32 of shape (b, num_items).
        history: One history, CSR of shape (1, num_items).
        targets: As for `kgrec.models.base.Model.contributions`.
    """
    rows, num = liked_rows(history), history.shape[1]
    given = np.asarray(history[0, rows].todense()).reshape(-1)
    values = np.zeros((len(rows), len(targets)))
    rng = np.random.default_rng(0)
    pairs = max(1, ROWS // (2 * max(1, len(rows))))
    orders = [rng.permutation(len(rows)) for _ in range(pairs)]
    for order in (one for drawn in orders for one in (drawn, drawn[::-1])):
        found = []
        for first in range(0, len(rows) + 1, _AT_ONCE):
            sizes = np.arange(first, min(first + _AT_ONCE, len(rows) + 1))
            here = [order[:size] for size in sizes]
            columns = np.concatenate([rows[:0], *(rows[one] for one in here)])
            data = np.concatenate([given[:0], *(given[one] for one in here)])
            starts = np.concatenate([[0], np.cumsum(sizes)])
            part = csr_matrix((data, columns, starts), shape=(len(sizes), num))
            part.sort_indices()
            found.append(np.asarray(score(part), dtype=np.float64) @ targets.T)
        steps = np.diff(np.concatenate(found), axis=0)
        values[order] += steps / (2 * pairs)
    nothing = csr_matrix(np.zeros((1, num), dtype=np.float32))
    base = np.asarray(score(nothing), dtype=np.float64)[0] @ targets.T
    return Contributions(rows, values, np.asarray(base), "sampled")


def combined(
    parts: Sequence[tuple[str, Contributions]], items: IntArray, further: Mapping[str, Float64Array]
) -> Contributions:
    """Return the sum of contributions to parts of a score.

    Args:
        parts: The name of each model and its contributions, of the same liked items.
        items: Rows of the liked items.
        further: Other parts of the score by name, float64 of shape (q,), which are no liked item's.
    """
    towers: dict[str, Float64Array] = {}
    for name, own in [*((name, part.scores) for name, part in parts), *further.items()]:
        towers[name] = towers[name] + own if name in towers else own
    values: Float64Array = sum((part.values for _, part in parts), np.zeros(()))
    base: Float64Array = sum((part.base for _, part in parts), np.zeros(()))
    base = base + sum(further.values(), np.zeros(()))
    method: Method = "sum" if all(part.method == "sum" for _, part in parts) else "sampled"
    losses: Float64Array = sum((part.weights for _, part in parts), np.zeros(()))
    return Contributions(items, values, base, method, losses, towers)


def losses_of(
    whole: Float64Array, without: Float64Array, items: Float64Array, targets: Float64Array
) -> Float64Array:
    """Return by how much scores fall without each liked item, float64 of shape (m, q).

    Scores are inner products, counted in deviations of those of all items from their mean, which
    needs the mean and the covariance of the item vectors alone.

    Args:
        whole: The user's vector, float64 of shape (dim,).
        without: The user's vector without each item, float64 of shape (m, dim).
        items: The item vectors, float64 of shape (num_items, dim).
        targets: As for `kgrec.models.base.Model.contributions`.
    """
    users = np.concatenate([whole[None], without])
    mean = items.mean(axis=0)
    covariance = (items - mean).T @ (items - mean) / len(items)
    deviation = np.sqrt(np.maximum(np.einsum("md,de,me->m", users, covariance, users), 1e-24))
    above = users @ (items.T @ targets.T - np.outer(mean, targets.sum(axis=1)))
    scores = above / deviation[:, None]
    return np.asarray(scores[:1] - scores[1:])
