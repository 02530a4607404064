"""What is doubtful about interactions and their parts, as warnings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kgrec.errors import warn
from kgrec.types import IntArray

_MANY = 0.1
"""A share of users or interactions that changes what a figure means."""
_FEWEST = 20
"""Interactions below which a share says nothing."""
_REMEDY = (
    "Models of interactions know nothing of them, so that the figures say little. Split within "
    "users (random, temporal_user or leave_last_out), or use a model of the user table."
)


def warn_of_conflicts(log: pd.DataFrame, where: str, duplicates: str) -> None:
    """Warn if rows of the same user and item have different ratings and no order in time.

    Args:
        log: Columns `user`, `item` and, if known, `rating` and `timestamp`.
        where: What the table is.
        duplicates: Which of the rows counts.
    """
    keys = ["user", "item", *(["timestamp"] if "timestamp" in log else [])]
    if "rating" not in log:
        return
    repeated = log[log.duplicated(keys, keep=False)]
    ratings = repeated.groupby(keys)["rating"]
    several = int((ratings.min() < ratings.max()).sum())
    if several:
        time = "the same time" if "timestamp" in log else "no time"
        warn(
            f"{where}: {several:,} pairs of a user and an item have rows with different ratings "
            f"and {time}. The {duplicates} one in the table counts, which may be the wrong one; "
            "the setting duplicates names the first, the last, or makes it an error."
        )


def warn_of_equal_times(timestamp: IntArray, where: str) -> None:
    """Warn if all interactions have the same time."""
    if len(timestamp) > 1 and timestamp.min() == timestamp.max():
        day = np.datetime64(int(timestamp[0]), "s")
        warn(
            f"{where}: all {len(timestamp):,} rows have the same time, {day}: it orders nothing. "
            "Splits by time and models of time (trending) need real times."
        )


def warn_of_training(user: IntArray, item: IntArray) -> None:
    """Warn if there is little to learn from: one user, one item, or one interaction each.

    Args:
        user: Row of the user of each training interaction, int64 of shape (n,).
        item: Row of the item, likewise.
    """
    users, items = len(np.unique(user)), len(np.unique(item))
    for count, name in ((users, "user"), (items, "item")):
        if count == 1 and len(user) > 1:
            warn(
                f"All {len(user):,} training interactions are of the same {name}: a model cannot "
                f"learn from them what people choose. Is the {name} column the right one?"
            )
    if users == len(user) >= 10 and items > 1:
        warn(
            f"Each of the {users:,} users has one training interaction only: no two items are "
            "chosen by the same user. Is the user column the right one?"
        )


def warn_of_parts(
    train: tuple[IntArray, IntArray],
    parts: Mapping[str, tuple[IntArray, IntArray]],
    *,
    cold_items: bool = False,
) -> None:
    """Warn if held-out users or items do not occur in training.

    Args:
        train: Rows of users and of items of the training interactions, int64 of shape (n,) each.
        parts: The same of the held-out parts, by name.
        cold_items: Whether held-out items are meant to be new.
    """
    for name, (user, item) in parts.items():
        warn_of_new_users(train[0], user, f"of the {name} part")
        if cold_items or len(item) < _FEWEST:
            continue
        new = ~np.isin(item, train[1])
        if new.mean() >= 0.5:
            warn(
                f"{int(new.sum()):,} of {len(item):,} interactions of the {name} part "
                f"({new.mean():.0%}) are of items without training interactions. Only models of "
                "content can find them. Are the ids of both parts written alike? If the items "
                "are meant to be new, name the split cold_items."
            )


def warn_of_new_users(train_user: IntArray, user: IntArray, what: str) -> None:
    """Warn if many users that are measured have no training interaction.

    Args:
        train_user: Row of the user of each training interaction, int64 of shape (n,).
        user: Row of the user of each interaction that is measured, likewise.
        what: Which users, such as "of the test part".
    """
    measured = np.unique(user)
    new = ~np.isin(measured, train_user)
    if len(measured) and new.mean() >= _MANY:
        warn(
            f"{int(new.sum()):,} of {len(measured):,} users {what} ({new.mean():.0%}) have no "
            f"training interactions. {_REMEDY}"
        )
