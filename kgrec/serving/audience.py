"""Whom an item suits, told of groups of users alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.snapshot import Snapshot
from kgrec.types import BoolArray, IntArray

SMALLEST: Final = 5
"""Users of the smallest group that is told of."""
_ITEMS: Final = 8
_GROUPS: Final = 8  # of a column


def audience(
    now: Snapshot, item: int, similar: Sequence[int] = (), hidden: Collection[str] = ()
) -> dict[str, Any]:
    """Return what is known of the users who like an item, as shares.

    No group of fewer than `SMALLEST` users is told of, nor one whose counterpart is that small:
    who both counts know would know the difference.

    Args:
        now: The snapshot.
        item: The item's row.
        similar: Rows of similar items, whose users stand for those of an item that few have.
        hidden: Columns that no answer shows.

    Returns:
        `basis` is `likers`, `similar` (users who like a similar item) or `nobody`, where there are
        too few. `items` are those with the largest difference between their share of the users and
        that of all users (leverage).
    """
    basis, users = "likers", _likers(now, [item])
    if len(users) < SMALLEST:
        basis, users = "similar", _likers(now, similar)
    if len(users) < SMALLEST:
        basis, users = "nobody", users[:0]
    found: dict[str, Any] = {"basis": basis, "users": len(users), "smallest": SMALLEST}
    if not len(users):
        return {**found, "items": [], "groups": [], "numbers": []}
    left_out = [item] if basis == "likers" else [item, *similar]
    table = now.inputs.users
    return {
        **found,
        "items": _also_liked(now, users, left_out),
        "groups": [] if table is None else _groups(now, table, users, hidden),
        "numbers": [] if table is None else _means(now, table, users, hidden),
    }


def _likers(now: Snapshot, items: Sequence[int]) -> IntArray:
    """Return the rows of the users who like any of some items, ascending."""
    histories = now.histories
    found = np.flatnonzero(np.isin(histories.indices, np.asarray(items, dtype=np.int64)))
    rows: IntArray = np.unique(np.searchsorted(histories.indptr, found, side="right") - 1)
    return rows


def _tellable(count: IntArray, total: int) -> BoolArray:
    """Return which counts of a total can be told: neither they nor what is left are few people."""
    left = total - count
    told: BoolArray = (count >= SMALLEST) & ((left == 0) | (left >= SMALLEST))
    return told


def _also_liked(now: Snapshot, users: IntArray, left_out: Sequence[int]) -> list[dict[str, Any]]:
    histories = now.histories
    size = histories.shape[1]
    count = np.bincount(histories[users].indices, minlength=size)
    of_all = np.bincount(histories.indices, minlength=size) / max(1, len(now.present_users))
    leverage = count / len(users) - of_all
    told = _tellable(count, len(users)) & (leverage > 0)
    told[[row for row in left_out if row < size]] = False
    rows = now.not_withdrawn(np.flatnonzero(told))
    best = rows[np.argsort(-leverage[rows], kind="stable")[:_ITEMS]].tolist()
    return [
        {
            "item": now.items.id(row),
            "title": now.title(row),
            "share": float(count[row] / len(users)),
            "share_of_all": float(of_all[row]),
        }
        for row in best
    ]


def _groups(
    now: Snapshot, table: AttributeTable, users: IntArray, hidden: Collection[str]
) -> list[dict[str, Any]]:
    rows, everybody = _rows(now, table, users), _rows(now, table, now.present_users)
    found = []
    for name, category in table.categories.items():
        if name in hidden:
            continue
        size = len(category.values)
        count, of_all = (
            np.bincount(category.value[np.isin(category.row, which)], minlength=size)
            for which in (rows, everybody)
        )
        told = np.flatnonzero(_tellable(count, len(users)))
        for value in told[np.argsort(-count[told], kind="stable")[:_GROUPS]].tolist():
            found.append(
                {
                    "column": name,
                    "value": category.values.id(value),
                    "share": float(count[value] / len(users)),
                    "share_of_all": float(of_all[value] / max(1, len(now.present_users))),
                }
            )
    return found


def _means(
    now: Snapshot, table: AttributeTable, users: IntArray, hidden: Collection[str]
) -> list[dict[str, Any]]:
    found = []
    for name, values in table.numbers.items():
        if name in hidden:
            continue
        own = values[_rows(now, table, users)]
        own = own[np.isfinite(own)]
        everybody = values[_rows(now, table, now.present_users)]
        everybody = everybody[np.isfinite(everybody)]
        if len(own) >= SMALLEST:
            found.append(
                {"column": name, "mean": float(own.mean()), "mean_of_all": float(everybody.mean())}
            )
    return found


def _rows(now: Snapshot, table: AttributeTable, users: IntArray) -> IntArray:
    """Return the rows in the table of the users who have one."""
    ids = now.users.take(users)
    rows: IntArray = np.array([table.ids.row(id) for id in ids if id in table.ids], dtype=np.int64)
    return rows
