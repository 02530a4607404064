"""Diversity, novelty and popularity of recommendation lists.

Coverage, mean popularity and the Gini coefficient are in `kgrec.evaluation.metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.graph.modalities import TEXT, vectors_of
from kgrec.models.content import item_attributes
from kgrec.types import Float64Array, FloatArray, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


_CHUNK_ELEMENTS = 1 << 22
_CHUNK_USERS = 1024


@dataclass(frozen=True)
class ItemFeatures:
    """Attributes and text vectors of the items, to measure the diversity of lists.

    Attributes:
        attributes: Which item has which attribute, shape (num_items, num_attributes), each as an
            entry that is not zero; None: unknown.
        text: Text vectors of the items, float32 of shape (num_items, dim), zero where an item has
            no text; None: unknown.
    """

    attributes: csr_matrix | None = None
    text: FloatArray | None = None

    @classmethod
    def from_graph(cls, graph: HeteroData) -> Self:
        """Take both from the graph that `kgrec.graph.build.build_graph` made."""
        attributes = item_attributes(graph)
        text = vectors_of(graph, "item").get(TEXT)
        return cls(attributes if attributes.nnz else None, text)

    def diversity(
        self, ranking: IntArray, k: Sequence[int], num_items: int
    ) -> dict[str, Float64Array]:
        """Return `ild_graph@k` and `ild_text@k` of each user, as far as they are known.

        Raises:
            DataError: The features are of another number of items.
        """
        for matrix in (self.attributes, self.text):
            if matrix is not None and matrix.shape[0] != num_items:
                raise DataError(
                    f"Diversity needs features of {num_items} items, found {matrix.shape[0]} rows."
                )
        found: dict[str, list[Float64Array]] = {}
        if self.attributes is not None:
            found["ild_graph"] = diversity_by_attributes(ranking, self.attributes, k)
        if self.text is not None:
            found["ild_text"] = diversity_by_text(ranking, self.text, k)
        return {
            f"{name}@{cutoff}": values
            for name, columns in found.items()
            for cutoff, values in zip(k, columns, strict=True)
        }


def diversity_by_attributes(
    ranking: IntArray, attributes: csr_matrix, k: Sequence[int]
) -> list[Float64Array]:
    """Return the intra-list diversity by attributes, for each cut-off.

    The mean over all pairs of the first k items of 1 - |A ∩ B| / |A ∪ B|, the Jaccard distance of
    their attributes: the intra-list measure of Smyth and McClave, Similarity vs. Diversity, ICCBR
    2001, and Ziegler et al., Improving Recommendation Lists Through Topic Diversification, WWW
    2005. Pairs with an item without attributes are left out.

    Args:
        ranking: Rows of items, int64 of shape (b, depth); -1 is padding.
        attributes: Shape (num_items, num_attributes); an entry that is not zero is an attribute.
        k: Cut-offs.

    Returns:
        For each cut-off float64 of shape (b,), from 0 (all the same) to 1; NaN where a list has
        fewer than two items with attributes.
    """
    binary = attributes.tocsr().copy()
    binary.eliminate_zeros()
    parts = [
        _jaccard_part(ranking[start : start + _CHUNK_USERS], binary, k)
        for start in range(0, len(ranking), _CHUNK_USERS)
    ]
    return [np.concatenate([np.zeros(0), *column]) for column in zip(*parts, strict=True)] or [
        np.zeros(0) for _ in k
    ]


def _jaccard_part(ranking: IntArray, binary: csr_matrix, k: Sequence[int]) -> list[Float64Array]:
    depth = min(max(k), ranking.shape[1])
    shown = ranking[:, :depth]
    rows = binary[np.maximum(shown, 0).ravel()]
    sizes = np.where(shown.ravel() >= 0, np.diff(rows.indptr), 0)
    # A column for each user and attribute: products of rows of different users are zero.
    place = np.repeat(np.arange(len(sizes)), np.diff(rows.indptr))
    keep = sizes[place] > 0
    key = (place // depth) * binary.shape[1] + rows.indices
    columns, column = np.unique(key[keep], return_inverse=True)
    ones = np.ones(len(column), dtype=np.float32)
    own = csr_matrix((ones, (place[keep], column)), shape=(len(sizes), len(columns)))
    shared = (own @ own.T).tocoo()
    upper = shared.row < shared.col
    left, right, both = shared.row[upper], shared.col[upper], shared.data[upper]
    similarity = both / (sizes[left] + sizes[right] - both)
    return [_mean_distance(left, right, similarity, sizes, depth, cutoff) for cutoff in k]


def _mean_distance(
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    similarity: npt.NDArray[Any],
    sizes: npt.NDArray[Any],
    depth: int,
    cutoff: int,
) -> Float64Array:
    """Return 1 - the mean similarity of pairs on the first places; pairs not named have 0."""
    num = len(sizes) // depth
    within = (left % depth < cutoff) & (right % depth < cutoff)
    total = np.bincount(left[within] // depth, similarity[within], num)
    known = (sizes.reshape(num, depth)[:, :cutoff] > 0).sum(axis=1)
    pairs = known * (known - 1) / 2
    mean = np.divide(total, pairs, out=np.full(num, np.nan), where=pairs > 0)
    return np.asarray(1.0 - mean)


def diversity_by_text(ranking: IntArray, text: FloatArray, k: Sequence[int]) -> list[Float64Array]:
    """Return the intra-list diversity by text, for each cut-off.

    1 - the mean cosine of the text vectors over all pairs of the first k items, the measure of
    `diversity_by_attributes` with another distance. Pairs with an item without text are left out.

    Args:
        ranking: Rows of items, int64 of shape (b, depth); -1 is padding.
        text: float32 of shape (num_items, dim); a row of zeros is an item without text.
        k: Cut-offs.

    Returns:
        For each cut-off float64 of shape (b,), from 0 to 2; NaN where a list has fewer than two
        items with text.
    """
    length = np.linalg.norm(text, axis=1, keepdims=True)
    unit = np.divide(text, length, out=np.zeros_like(text), where=length > 0)
    known = length[:, 0] > 0
    made = [np.full(len(ranking), np.nan) for _ in k]
    step = max(1, _CHUNK_ELEMENTS // max(1, text.shape[1] * max(k)))
    for start in range(0, len(ranking), step):
        shown = ranking[start : start + step, : max(k)]
        has = known[np.maximum(shown, 0)] & (shown >= 0)
        vectors = unit[np.maximum(shown, 0)] * has[:, :, None]
        for values, cutoff in zip(made, k, strict=True):
            num = has[:, :cutoff].sum(axis=1)
            # |sum of unit vectors|² = their number + twice the cosines of all pairs.
            total = np.square(vectors[:, :cutoff].sum(axis=1, dtype=np.float64)).sum(axis=1)
            part = values[start : start + step]
            np.divide(total - num, num * (num - 1), out=part, where=num > 1)
            np.subtract(1.0, part, out=part)
    return made


def novelty(ranking: IntArray, item_counts: IntArray, num_users: int, k: int) -> Float64Array:
    """Return the mean self-information of the first k items, in bits.

    The mean of log2((num_users + 1) / (count + 1)), with the number of users who have an item in
    training: Zhou et al., Solving the apparent diversity-accuracy dilemma of recommender systems,
    PNAS 2010. One is added so that an item without users has a finite value.

    Args:
        ranking: Rows of items, int64 of shape (b, depth); -1 is padding.
        item_counts: Users of each item in training, int64 of shape (num_items,).
        num_users: Users in training.
        k: Cut-off.

    Returns:
        float64 of shape (b,); 0 for an empty list.

    >>> novelty(np.array([[0, 1]]), np.array([7, 0]), 7, k=2).tolist()
    [1.5]
    """
    bits = np.log2((num_users + 1) / (np.asarray(item_counts, dtype=np.float64) + 1))
    return _list_mean(ranking[:, :k], bits)


def popularity_lift(
    ranking: IntArray, item_counts: IntArray, profiles: csr_matrix, k: int
) -> float:
    """Return how much more popular recommended items are than those that users have chosen.

    The mean popularity of the lists divided by that of the users' profiles, each a mean over users
    of the mean over items, minus 1: 0 if lists are as popular as profiles, 1 if they are twice as
    popular. ΔGAP of Abdollahpouri et al., The Unfairness of Popularity Bias in Recommendation,
    RMSE workshop at RecSys 2019, with all users as one group.

    Args:
        ranking: Rows of items, int64 of shape (b, depth); -1 is padding.
        item_counts: Users of each item in training, int64 of shape (num_items,).
        profiles: The training interactions of the users, shape (b, num_items).
        k: Cut-off.

    Returns:
        NaN where no user has both a list and a profile.
    """
    counts = np.asarray(item_counts, dtype=np.float64)
    chosen = np.diff(profiles.indptr)
    both = (chosen > 0) & (ranking[:, :k] >= 0).any(axis=1)
    if not both.any():
        return float("nan")
    user = np.repeat(np.arange(len(chosen)), chosen)
    total = np.bincount(user, counts[profiles.indices], len(chosen))
    of_profiles = float((total[both] / chosen[both]).mean())
    of_lists = float(_list_mean(ranking[both, :k], counts).mean())
    return of_lists / of_profiles - 1.0


def _list_mean(shown: IntArray, values: Float64Array) -> Float64Array:
    """Return the mean value of the items of each list, and 0 for an empty one."""
    has = shown >= 0
    total = np.where(has, values[np.maximum(shown, 0)], 0.0).sum(axis=1)
    mean: Float64Array = total / np.maximum(has.sum(axis=1), 1)
    return mean
