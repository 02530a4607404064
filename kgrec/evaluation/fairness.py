"""Whether a model serves groups of users equally well.

A group is users with similar activity, or with the same value in the user table, as in Ekstrand et
al., All The Cool Kids, How Do They Fit In?, FAT* 2018. Each metric has its mean in each group, and
how far apart the groups are:

- `gap`: the highest mean of a group minus the lowest one.
- `std`: the standard deviation of the groups' means, without weights.
- `jain`: (Σ m)² / (n Σ m²) of the n means, from 1 / n (one group has all) to 1 (all have the
  same): Jain, Chiu and Hawe, A Quantitative Measure of Fairness, DEC TR-301, 1984.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.groups import quantile_groups
from kgrec.types import Float64Array, IntArray

NUM_QUANTILES: Final = 5
"""Number of groups by activity or by a number."""
MAX_VALUES: Final = 50
"""A column with more distinct values makes no groups: it is nearly an id, as a postal code is."""


@dataclass(frozen=True)
class UserGroups:
    """Groups of the evaluated users.

    Attributes:
        name: What they are grouped by.
        members: For each group, the places of its users, int64; a user may be in several groups.
        num_without: Users in no group, because their value is unknown.
    """

    name: str
    members: Mapping[str, IntArray]
    num_without: int = 0

    def measure(self, per_user: Mapping[str, Float64Array]) -> dict[str, Any]:
        """Return each metric in each group, and its spread over the groups.

        Args:
            per_user: Metrics, each float64 of shape (num_users,).

        Returns:
            `num_users` by group, `num_without`, and for each metric in `metrics` its mean
            `by_group`, `gap`, `std` and `jain`.
        """
        metrics = {}
        for name, values in per_user.items():
            means = {label: float(values[rows].mean()) for label, rows in self.members.items()}
            metrics[name] = {"by_group": means, **spread(list(means.values()))}
        return {
            "num_users": {label: len(rows) for label, rows in self.members.items()},
            "num_without": self.num_without,
            "metrics": metrics,
        }


def spread(means: npt.ArrayLike) -> dict[str, float]:
    """Return `gap`, `std` and `jain` of the means of one or more groups.

    >>> spread([1.0, 0.0])
    {'gap': 1.0, 'std': 0.5, 'jain': 0.5}
    """
    values = np.asarray(means, dtype=np.float64)
    squares = float(len(values) * (values @ values))
    return {
        "gap": float(values.max() - values.min()),
        "std": float(values.std()),
        "jain": float(values.sum() ** 2 / squares) if squares > 0 else 1.0,
    }


def with_groups(
    result: Evaluation, train: Interactions, table: AttributeTable | None = None
) -> Evaluation:
    """Return an evaluation whose `details` have `groups`: by activity, and by the user table.

    Args:
        result: An evaluation with the values of each user.
        train: The training interactions; a user's activity is their number.
        table: The user table; None: there is none. Each value of a categorical column is a group,
            numbers are grouped by quantiles. `details["groups_left_out"]` names the columns with
            more than `MAX_VALUES` values.
    """
    rows = train.users.rows(result.user_ids)
    counts = np.bincount(train.user, minlength=train.num_users)[rows]
    groups = [UserGroups("training interactions", _by_quantile(counts, np.arange(len(rows))))]
    left_out: dict[str, int] = {}
    if table is not None:
        found, left_out = table_groups(table, result)
        groups += found
    measured = {
        group.name: group.measure(result.per_user) for group in groups if len(group.members) > 1
    }
    details: dict[str, Any] = {**result.details, "groups": measured}
    if left_out:
        details["groups_left_out"] = left_out
    return replace(result, details=details)


def table_groups(
    table: AttributeTable, result: Evaluation
) -> tuple[list[UserGroups], dict[str, int]]:
    """Return the groups by each column of a user table, and the columns with too many values.

    Args:
        table: The user table.
        result: The evaluation whose users are grouped.
    """
    place = {id: row for row, id in enumerate(result.user_ids)}
    of_row = np.array([place.get(id, -1) for id in table.ids], dtype=np.int64)
    groups, left_out = [], {}
    for name, category in table.categories.items():
        user = of_row[category.row]
        here = user >= 0
        values = np.unique(category.value[here])
        if len(values) > MAX_VALUES:
            left_out[name] = len(values)
            continue
        labels = category.values.take(values)
        members = {
            label: user[here & (category.value == value)]
            for label, value in zip(labels, values, strict=True)
        }
        without = len(place) - len(np.unique(user[here]))
        groups.append(UserGroups(name, members, without))
    for name, numbers in table.numbers.items():
        here = (of_row >= 0) & np.isfinite(numbers)
        members = _by_quantile(numbers[here], of_row[here])
        groups.append(UserGroups(name, members, len(place) - int(here.sum())))
    return groups, left_out


def _by_quantile(values: npt.NDArray[Any], place: IntArray) -> dict[str, IntArray]:
    group = quantile_groups(values, NUM_QUANTILES)
    own = [group == one for one in range(int(group.max(initial=-1)) + 1)]
    ends = [(values[rows].min(), values[rows].max()) for rows in own]
    labels: list[str] = []
    for digits in (6, 17):  # the fewest that tell the ends apart; 17 tell all floats apart
        labels = [
            f"{low:.{digits}g}" + (f"–{high:.{digits}g}" if low < high else "")
            for low, high in ends
        ]
        written = [f"{end:.{digits}g}" for end in sorted({end for both in ends for end in both})]
        if len(set(written)) == len(written):
            break
    return {label: place[rows] for label, rows in zip(labels, own, strict=True)}
