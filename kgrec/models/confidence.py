"""Confidence of interactions: ratings, counts and dislikes as weights."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError


def signed(liked: csr_matrix, train: Interactions, dislikes: float) -> csr_matrix:
    """Return likes minus dislikes: a matrix with -`dislikes` at each dislike of `train`.

    Args:
        liked: The weights of likes, float32 of shape (num_users, num_items).
        train: The training interactions.
        dislikes: Weight of a dislike, at least 0; 0: they are not read.

    Returns:
        float32 of shape (num_users, num_items).

    Raises:
        DataError: `dislikes` is not 0, and no dislikes are known.
    """
    if dislikes == 0:
        return liked
    if train.dislikes is None:
        raise DataError(
            f"dislikes is {dislikes:g}, but no dislikes are known in the training part: they are "
            "the rated rows that data.positive leaves out, or those that data.negative selects. "
            "Set dislikes to 0, or name them."
        )
    made: csr_matrix = (liked - np.float32(dislikes) * train.matrix_of_dislikes()).tocsr()
    made.sort_indices()
    return made


def confidence(train: Interactions, power: float) -> csr_matrix:
    """Return the training matrix with the weight of each interaction in place of ones.

    An interaction weighs rating ** power, divided by the mean over the user's interactions: users
    who rate higher or listen longer do not count more. Hu, Koren and Volinsky, Collaborative
    Filtering for Implicit Feedback Datasets, ICDM 2008, weigh counts in a similar way.

    Args:
        train: The training interactions.
        power: Exponent of the rating; 0: all weigh 1. For stars about 1, for play counts, which
            span orders of magnitude, about 0.2.

    Returns:
        float32 of shape (num_users, num_items), with an entry for each entry of `train.matrix()`.

    Raises:
        DataError: `power` is not 0, and there are no ratings, or some are not above 0.
    """
    matrix = train.matrix()
    if power == 0:
        return matrix
    if train.rating is None:
        raise DataError(
            f"rating_power is {power}, but the training interactions have no ratings. Name their "
            "column (data.rating), or set rating_power to 0."
        )
    rating = train.rating.astype(np.float64)
    if not np.isfinite(rating).all() or rating.min() <= 0:
        worst = rating[~np.isfinite(rating)] if not np.isfinite(rating).all() else rating.min()
        raise DataError(
            f"rating_power needs ratings above 0, found {np.ravel(worst)[0]}. Leave such "
            "interactions out (data.positive), or set rating_power to 0."
        )
    weight = csr_matrix(
        (rating**power, (train.user, train.item)), shape=(train.num_users, train.num_items)
    )
    weight.sort_indices()  # a repeated pair has the sum of its weights
    count = np.diff(weight.indptr)
    mean = np.bincount(np.repeat(np.arange(len(count)), count), weight.data, len(count))
    of_row = np.repeat(mean / np.maximum(count, 1), count)
    matrix.data[:] = weight.data / of_row
    return matrix
