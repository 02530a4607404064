"""Which part of a split each interaction of a log goes to."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from kgrec.errors import ConfigError, did_you_mean
from kgrec.types import IntArray

SplitKind = Literal[
    "random", "uniform", "temporal", "temporal_user", "leave_last_out", "cold_items"
]
"""How a log is split; see `kgrec.data.interactions.Interactions.split`."""

KINDS = get_args(SplitKind)


def assign_parts(
    kind: str,
    user: IntArray,
    item: IntArray,
    timestamp: IntArray | None,
    *,
    valid: float,
    test: float,
    seed: int = 0,
) -> IntArray:
    """Return the part of each interaction: 0 training, 1 validation, 2 test, int64 of shape (n,).

    Args:
        kind: One of `KINDS`; see `kgrec.data.interactions.Interactions.split`.
        user: Row of the user, int64 of shape (n,).
        item: Row of the item, int64 of shape (n,).
        timestamp: Seconds since 1970, int64 of shape (n,); None: not known.
        valid: Share of the validation part.
        test: Share of the test part.
        seed: Seed of the draw; `temporal` draws nothing, and the kinds that order the
            interactions of each user draw only the order of equal times.

    Raises:
        ConfigError: The kind is unknown, or has no timestamps that it needs.

    >>> user, item = np.repeat([0, 1], 5), np.arange(10)
    >>> np.bincount(assign_parts("random", user, item, None, valid=0.2, test=0.2)).tolist()
    [6, 2, 2]
    """
    if kind == "random":
        return _random_parts(user, valid, test, seed)
    if kind == "uniform":
        return _uniform_parts(len(user), valid, test, seed)
    if kind == "temporal":
        return _temporal_parts(_needed(timestamp, kind), valid, test)
    if kind == "temporal_user":
        recent = _recent_first(user, item, _needed(timestamp, kind), seed)
        return _shares_of_users(user, recent, valid, test)
    if kind == "leave_last_out":
        recent = _recent_first(user, item, _needed(timestamp, kind), seed)
        return _last_ones(user, recent, valid > 0, test > 0)
    if kind == "cold_items":
        return _cold_item_parts(item, valid, test, seed)
    raise ConfigError(f"There is no split {kind!r}." + did_you_mean(kind, KINDS))


def assign_dislikes(
    kind: str,
    likes: tuple[IntArray, IntArray, IntArray | None],
    parts: IntArray,
    dislikes: tuple[IntArray, IntArray, IntArray | None],
    *,
    valid: float,
    test: float,
    seed: int = 0,
) -> IntArray:
    """Return the part of each dislike, int64 of shape (m,), for likes that have theirs.

    Where likes are drawn, dislikes are drawn in the same shares. Where likes are cut by time, a
    dislike belongs to the part whose held-out likes have begun at its time, in the whole log or,
    if users are cut one by one, of its user. For `cold_items` it goes with its item, or to training
    if the item has no likes.

    Args:
        kind: As for `assign_parts`.
        likes: Users, items and times of the likes, of shape (n,) each.
        parts: The part of each like, of shape (n,).
        dislikes: Users, items and times of the dislikes, of shape (m,) each.
        valid: As for `assign_parts`, with the same value; likewise `test` and `seed`.
        test: See `valid`.
        seed: See `valid`.

    Raises:
        ConfigError: The dislikes have no timestamps that the kind needs.
    """
    user, item, timestamp = dislikes
    if kind in ("random", "uniform"):
        return assign_parts(kind, *dislikes, valid=valid, test=test, seed=seed)
    if kind == "cold_items":
        of_item = np.zeros(max(likes[1].max(initial=-1), item.max(initial=-1)) + 1, dtype=np.int64)
        of_item[likes[1]] = parts
        return of_item[item]
    time = _needed(timestamp, kind)
    everyone = kind == "temporal"
    liked_group = np.zeros_like(likes[0]) if everyone else likes[0]
    group = np.zeros_like(user) if everyone else user
    size = max(liked_group.max(initial=0), group.max(initial=0)) + 1
    part = np.zeros(len(user), dtype=np.int64)
    for number in (1, 2):
        begins = np.full(size, np.iinfo(np.int64).max)
        held_out = parts == number
        np.minimum.at(begins, liked_group[held_out], _needed(likes[2], kind)[held_out])
        part[time >= begins[group]] = number
    return part


def _random_parts(user: IntArray, valid: float, test: float, seed: int) -> IntArray:
    """Part number (0 train, 1 valid, 2 test) of each interaction, drawn within each user."""
    rng = np.random.default_rng(seed)
    return _shares_of_users(user, np.lexsort((rng.random(len(user)), user)), valid, test)


def _recent_first(user: IntArray, item: IntArray, timestamp: IntArray, seed: int) -> IntArray:
    """Return the interactions by user, the latest of each first.

    Equal times are in an order that is drawn, and that depends only on the seed and the pairs of
    user and item, not on the order of the rows: the order of files or of ids would prefer items.
    """
    drawn = np.empty(len(user))
    drawn[np.lexsort((item, user))] = np.random.default_rng(seed).random(len(user))
    return np.lexsort((drawn, -timestamp, user))


def _places(user: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Return the place of each interaction among those of its user, and their number.

    Args:
        user: Row of the user, int64 of shape (n,).
        order: The interactions by user, int64 of shape (n,).
    """
    counts = np.bincount(user, minlength=1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - np.repeat(starts, counts)
    return place, counts[user]


def _shares_of_users(user: IntArray, order: IntArray, valid: float, test: float) -> IntArray:
    """Return parts within each user: the first in the order are for the test, then validation."""
    place, count = _places(user, order)
    num_test = np.floor(count * test + 0.5).astype(np.int64)
    num_valid = np.floor(count * valid + 0.5).astype(np.int64)
    over = np.maximum(num_test + num_valid - (count - 1), 0)  # at least one stays in training
    num_valid = np.maximum(num_valid - over, 0)
    num_test = np.minimum(num_test, count - 1 - num_valid)
    return np.where(place < num_test, 2, np.where(place < num_test + num_valid, 1, 0))


def _last_ones(user: IntArray, order: IntArray, valid: bool, test: bool) -> IntArray:
    """Return parts: the first in each user's order is for the test, the next for validation."""
    place, count = _places(user, order)
    last = (place == 0) & (count >= 2)  # one at least stays in training
    if not (valid and test):
        return np.where(last, 2 if test else 1, 0) if valid or test else np.zeros_like(place)
    return np.where(last, 2, np.where((place == 1) & (count >= 3), 1, 0))


def _uniform_parts(num: int, valid: float, test: float, seed: int) -> IntArray:
    order = np.random.default_rng(seed).permutation(num)
    num_valid, num_test = int(num * valid), int(num * test)
    part = np.zeros(num, dtype=np.int64)
    part[order[:num_valid]] = 1
    part[order[num_valid : num_valid + num_test]] = 2
    return part


def _needed(timestamp: IntArray | None, kind: str) -> IntArray:
    if timestamp is None:
        raise ConfigError(f"The split {kind} needs timestamps, and this log has none.")
    return timestamp


def _temporal_parts(timestamp: IntArray, valid: float, test: float) -> IntArray:
    first_valid, first_test = np.quantile(timestamp, [1 - valid - test, 1 - test])
    return np.where(timestamp > first_test, 2, np.where(timestamp > first_valid, 1, 0))


def _cold_item_parts(item: IntArray, valid: float, test: float, seed: int) -> IntArray:
    rng = np.random.default_rng(seed)
    used = rng.permutation(np.unique(item))
    num_test, num_valid = round(len(used) * test), round(len(used) * valid)
    part_of_item = np.zeros(item.max(initial=-1) + 1, dtype=np.int64)
    part_of_item[used[:num_test]] = 2
    part_of_item[used[num_test : num_test + num_valid]] = 1
    return part_of_item[item]
