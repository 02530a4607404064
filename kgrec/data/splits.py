"""Which part of a split each interaction of a log goes to."""

from __future__ import annotations

import numpy as np

from kgrec.errors import ConfigError, did_you_mean
from kgrec.types import IntArray

KINDS = ("random", "uniform", "temporal", "cold_items")


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
        seed: Seed of the draw; `temporal` draws nothing.

    Raises:
        ConfigError: The kind is unknown, or `temporal` has no timestamps.

    >>> user, item = np.repeat([0, 1], 5), np.arange(10)
    >>> np.bincount(assign_parts("random", user, item, None, valid=0.2, test=0.2)).tolist()
    [6, 2, 2]
    """
    if kind == "random":
        return _random_parts(user, valid, test, seed)
    if kind == "uniform":
        return _uniform_parts(len(user), valid, test, seed)
    if kind == "temporal":
        return _temporal_parts(timestamp, valid, test)
    if kind == "cold_items":
        return _cold_item_parts(item, valid, test, seed)
    raise ConfigError(f"There is no split {kind!r}." + did_you_mean(kind, KINDS))


def _random_parts(user: IntArray, valid: float, test: float, seed: int) -> IntArray:
    """Part number (0 train, 1 valid, 2 test) of each interaction, drawn within each user."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(user)), user))
    counts = np.bincount(user, minlength=1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(len(user), dtype=np.int64)
    place[order] = np.arange(len(user)) - np.repeat(starts, counts)
    count = counts[user]
    num_test = np.floor(count * test + 0.5).astype(np.int64)
    num_valid = np.floor(count * valid + 0.5).astype(np.int64)
    over = np.maximum(num_test + num_valid - (count - 1), 0)  # at least one stays in training
    num_valid = np.maximum(num_valid - over, 0)
    num_test = np.minimum(num_test, count - 1 - num_valid)
    return np.where(place < num_test, 2, np.where(place < num_test + num_valid, 1, 0))


def _uniform_parts(num: int, valid: float, test: float, seed: int) -> IntArray:
    order = np.random.default_rng(seed).permutation(num)
    num_valid, num_test = int(num * valid), int(num * test)
    part = np.zeros(num, dtype=np.int64)
    part[order[:num_valid]] = 1
    part[order[num_valid : num_valid + num_test]] = 2
    return part


def _temporal_parts(timestamp: IntArray | None, valid: float, test: float) -> IntArray:
    if timestamp is None:
        raise ConfigError("A temporal split needs timestamps, and this log has none.")
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
