"""The gain of a model over a reference, by groups of users or items."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError, printable
from kgrec.evaluation.metrics import find_hits
from kgrec.evaluation.significance import PairedTests, SignificanceConfig, paired_tests, with_holm
from kgrec.types import Float64Array, IntArray


@dataclass(frozen=True)
class GroupGain:
    """The gain over a reference within one group.

    Attributes:
        fewest: The fewest training interactions of a user or an item in the group.
        most: The most.
        tests: The model against the reference on the users of the group, with Holm's correction
            over the groups.
    """

    fewest: int
    most: int
    tests: PairedTests

    @property
    def label(self) -> str:
        """The numbers of interactions, as "5–12"."""
        return f"{self.fewest:,}" + (f"–{self.most:,}" if self.most > self.fewest else "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {"fewest": self.fewest, "most": self.most, **self.tests.to_dict()}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> GroupGain:
        """Return the gain that `to_dict` describes.

        Raises:
            DataError: Something is missing or of another type.
        """
        tests = {name: value for name, value in found.items() if name not in ("fewest", "most")}
        try:
            if tests["cohens_d"] is None:
                tests["cohens_d"] = math.copysign(math.inf, tests["gain"])
            return cls(int(found["fewest"]), int(found["most"]), PairedTests(**tests))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"These are no gains of a group: {printable(str(error))}.") from error


def quantile_groups(counts: npt.ArrayLike, num: int = 5) -> IntArray:
    """Return the group of each count, in groups of about the same size; equal counts stay together.

    The first group is the counts up to the quantile 1 / num. If many counts are equal, there are
    fewer groups than `num`, numbered without gaps.

    Returns:
        int64 of the shape of `counts`, from 0 on, ascending with the counts.

    Raises:
        ConfigError: `num` is below 1.

    >>> quantile_groups([7, 1, 1, 3, 9, 3], num=3).tolist()
    [2, 0, 0, 1, 2, 1]
    """
    if num < 1:
        raise ConfigError(f"There must be at least 1 group, found {num}.")
    values = np.asarray(counts)
    if not values.size:
        return np.zeros(values.shape, dtype=np.int64)
    edges = np.quantile(values, np.arange(1, num) / num)
    rough = np.searchsorted(edges, values, side="left")
    return np.unique(rough, return_inverse=True)[1].reshape(values.shape).astype(np.int64)


def gains_by_users(
    values: npt.ArrayLike,
    reference: npt.ArrayLike,
    counts: npt.ArrayLike,
    num: int = 5,
    config: SignificanceConfig | None = None,
) -> list[GroupGain]:
    """Return the gain in groups of users with similar activity, the least active first.

    Args:
        values: The model's value for each user, shape (num_users,).
        reference: The reference's values, for the same users in the same order.
        counts: Training interactions of each user.
        num: Number of groups; see `quantile_groups`.
        config: The settings of the tests.

    Raises:
        DataError: The shapes differ, or a group has fewer than two users.
    """
    ours, theirs, numbers = np.asarray(values), np.asarray(reference), np.asarray(counts)
    if not ours.shape == theirs.shape == numbers.shape:
        raise DataError(
            f"Values, reference and counts need one number for each user, found the shapes "
            f"{ours.shape}, {theirs.shape} and {numbers.shape}."
        )
    group = quantile_groups(numbers, num)
    rows = [np.flatnonzero(group == one) for one in range(int(group.max(initial=-1)) + 1)]
    return _gains([(ours[row], theirs[row], numbers[row]) for row in rows], config)


def recall_by_items(
    ranking: IntArray, relevant: csr_matrix, group: npt.ArrayLike, k: int
) -> Float64Array:
    """Return recall at k of each user, on the relevant items of each group.

    Args:
        ranking: Rows of items, int64 of shape (b, depth), best first; -1 is padding.
        relevant: Judgements, shape (b, num_items).
        group: The group of each item, int64 of shape (num_items,), from 0 on.
        k: Cut-off.

    Returns:
        float64 of shape (number of groups, b); NaN where a user has no relevant item in a group.

    Raises:
        DataError: The shapes do not fit together.
        ConfigError: `k` is below 1.
    """
    groups = np.asarray(group, dtype=np.int64)
    if groups.shape != (relevant.shape[1],) or groups.min(initial=0) < 0:
        raise DataError(
            f"`group` must hold a number from 0 on for each of {relevant.shape[1]} items, found "
            f"the shape {groups.shape}."
        )
    if k < 1:
        raise ConfigError(f"k must be at least 1, found {k}.")
    shown = ranking[:, :k]
    hits = find_hits(shown, relevant)
    num_groups, num_users = int(groups.max(initial=-1)) + 1, len(ranking)
    user, place = np.nonzero(hits)
    found = np.zeros((num_groups, num_users))
    np.add.at(found, (groups[shown[user, place]], user), 1.0)
    wanted = np.zeros((num_groups, num_users))
    judged = relevant.nonzero()
    np.add.at(wanted, (groups[judged[1]], judged[0]), 1.0)
    return np.divide(found, wanted, out=np.full_like(found, np.nan), where=wanted > 0)


def gains_by_items(
    values: Float64Array,
    reference: Float64Array,
    counts: Sequence[npt.ArrayLike],
    config: SignificanceConfig | None = None,
) -> list[GroupGain]:
    """Return the gain in `recall_by_items`, for each group over the users with a relevant item.

    Args:
        values: The model's values, shape (number of groups, num_users), NaN for no value.
        reference: The reference's values, NaN at the same places.
        counts: For each group, the training interactions of its items.
        config: The settings of the tests.

    Raises:
        DataError: The shapes or the missing values differ, or a group has fewer than two users.
    """
    if values.shape != reference.shape or len(counts) != len(values):
        raise DataError(
            f"Values and reference need a row for each of {len(counts)} groups, found the shapes "
            f"{values.shape} and {reference.shape}."
        )
    known = ~np.isnan(values)
    if not np.array_equal(known, ~np.isnan(reference)):
        raise DataError("Values and reference must be missing for the same users.")
    return _gains(
        [
            (ours[here], theirs[here], np.asarray(numbers))
            for ours, theirs, here, numbers in zip(values, reference, known, counts, strict=True)
        ],
        config,
    )


def _gains(
    parts: Sequence[tuple[Float64Array, Float64Array, npt.NDArray[Any]]],
    config: SignificanceConfig | None,
) -> list[GroupGain]:
    tests = with_holm([paired_tests(ours, theirs, config) for ours, theirs, _ in parts])
    return [
        GroupGain(int(numbers.min()), int(numbers.max()), found)
        for (_, _, numbers), found in zip(parts, tests, strict=True)
    ]
