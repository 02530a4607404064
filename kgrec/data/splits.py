"""Training, validation and test parts of a log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, did_you_mean
from kgrec.files import nearest_file
from kgrec.types import IntArray

KINDS = ("random", "uniform", "temporal", "cold_items")
PARTS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Three logs over the same two vocabularies that share no interaction.

    Attributes:
        train: What models learn from.
        valid: What chooses among models and stops training.
        test: What the result is measured on, once.
        kind: How it was made: `random`, `uniform`, `temporal` or `cold_items`.
    """

    train: Interactions
    valid: Interactions
    test: Interactions
    kind: str = "random"

    def __post_init__(self) -> None:
        """Check that the parts fit together and that nothing leaks."""
        parts = [getattr(self, name) for name in PARTS]
        if any(p.users != self.train.users or p.items != self.train.items for p in parts):
            raise DataError("The parts of a split must share their vocabularies.")
        pairs = [p.user * self.train.num_items + p.item for p in parts]
        for (a, one), (b, other) in (
            ((0, pairs[0]), (1, pairs[1])),
            ((0, pairs[0]), (2, pairs[2])),
            ((1, pairs[1]), (2, pairs[2])),
        ):
            shared = np.intersect1d(one, other)
            if len(shared):
                user, item = divmod(int(shared[0]), self.train.num_items)
                raise DataError(
                    f"{PARTS[a]} and {PARTS[b]} share {len(shared)} interactions, such as user "
                    f"{self.train.users.id(user)!r} with item {self.train.items.id(item)!r}."
                )

    def part(self, name: str) -> Interactions:
        """Return the part `train`, `valid` or `test`.

        Raises:
            ConfigError: There is no such part.
        """
        if name not in PARTS:
            raise ConfigError(f"A split has no part {name!r}." + did_you_mean(name, PARTS))
        part: Interactions = getattr(self, name)
        return part

    def whole(self) -> Interactions:
        """Return who chose what in all three parts together, without ratings and times."""
        parts = (self.train, self.valid, self.test)
        return Interactions(
            self.train.users,
            self.train.items,
            np.concatenate([part.user for part in parts]),
            np.concatenate([part.item for part in parts]),
        )

    def reindex(self, users: Vocabulary, items: Vocabulary) -> Split:
        """Return the same split over vocabularies that hold all of its ids."""
        train, valid, test = (self.part(name).reindex(users, items) for name in PARTS)
        return Split(train, valid, test, self.kind)

    def with_validation(self, share: float, seed: int = 0) -> Split:
        """Return the split with a validation part drawn from training, where it has none.

        Args:
            share: Share of each user's training interactions; one at least stays in training.
            seed: Seed of the draw.
        """
        if len(self.valid) or not share:
            return self
        part = _random_parts(self.train, share, 0.0, seed)
        return Split(
            self.train.select(part == 0), self.train.select(part == 1), self.test, self.kind
        )

    @classmethod
    def from_tables(
        cls, train: Interactions, valid: Interactions, test: Interactions, kind: str = "random"
    ) -> Split:
        """Bring three logs to shared vocabularies, the unions of theirs."""
        users = train.users.union(valid.users).union(test.users)
        items = train.items.union(valid.items).union(test.items)
        return cls(
            train.reindex(users, items),
            valid.reindex(users, items),
            test.reindex(users, items),
            kind,
        )

    @classmethod
    def read(cls, folder: str | Path, kind: str = "random", **options: Any) -> Split:
        """Read `train.csv`, `valid.csv` and `test.csv` of a folder.

        The latter two may have a header and nothing else.

        Args:
            folder: The folder.
            kind: How the split was made.
            options: As for `Interactions.read`, such as the names of columns.

        Raises:
            DataError: A file is missing or wrong, or two of them share an interaction.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise DataError(f"The split folder {folder} does not exist." + nearest_file(folder))
        train = Interactions.read(folder / "train.csv", **options)
        held_out = []
        for name in PARTS[1:]:
            path = folder / f"{name}.csv"
            empty = read_table(path, what="interactions").empty
            nothing = np.zeros(len(train), dtype=bool)
            held_out.append(train.select(nothing) if empty else Interactions.read(path, **options))
        return cls.from_tables(train, held_out[0], held_out[1], kind)


def split_interactions(
    log: Interactions, kind: str = "random", *, valid: float = 0.1, test: float = 0.1, seed: int = 0
) -> Split:
    """Split a log into training, validation and test parts.

    Args:
        log: The log to split.
        kind: `random`: within each user, so that a user with few interactions keeps at least one
            in training; `uniform`: any interaction is as likely as any other, whose ever it is,
            so that a user may be left with none in training; `temporal`: at two points of time,
            the same for all users; `cold_items`: whole items are held out, with all of their
            interactions.
        valid: Share of the interactions (items for `cold_items`) that becomes the validation.
        test: Share that becomes the test.
        seed: Seed of the draw; `temporal` draws nothing.

    Raises:
        ConfigError: The kind is unknown, the shares do not leave a training part, or `temporal`
            is asked of a log without timestamps.
    """
    if not (0 <= valid and 0 <= test and valid + test < 1):
        raise ConfigError(
            f"valid={valid} and test={test} must be at least 0 and leave a part for training."
        )
    if kind == "random":
        part = _random_parts(log, valid, test, seed)
    elif kind == "uniform":
        part = _uniform_parts(log, valid, test, seed)
    elif kind == "temporal":
        part = _temporal_parts(log, valid, test)
    elif kind == "cold_items":
        part = _cold_item_parts(log, valid, test, seed)
    else:
        raise ConfigError(f"There is no split {kind!r}." + did_you_mean(kind, KINDS))
    train_log, valid_log, test_log = (log.select(part == number) for number in range(3))
    if not len(train_log):
        raise ConfigError(f"valid={valid} and test={test} leave nothing for training.")
    return Split(train_log, valid_log, test_log, kind)


def _random_parts(log: Interactions, valid: float, test: float, seed: int) -> IntArray:
    """Part number (0 train, 1 valid, 2 test) of each interaction, drawn within each user."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(log)), log.user))
    counts = np.bincount(log.user, minlength=log.num_users)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.empty(len(log), dtype=np.int64)
    place[order] = np.arange(len(log)) - np.repeat(starts, counts)
    count = counts[log.user]
    num_test = np.floor(count * test + 0.5).astype(np.int64)
    num_valid = np.floor(count * valid + 0.5).astype(np.int64)
    over = np.maximum(num_test + num_valid - (count - 1), 0)  # at least one stays in training
    num_valid = np.maximum(num_valid - over, 0)
    num_test = np.minimum(num_test, count - 1 - num_valid)
    return np.where(place < num_test, 2, np.where(place < num_test + num_valid, 1, 0))


def _uniform_parts(log: Interactions, valid: float, test: float, seed: int) -> IntArray:
    order = np.random.default_rng(seed).permutation(len(log))
    num_valid, num_test = int(len(log) * valid), int(len(log) * test)
    part = np.zeros(len(log), dtype=np.int64)
    part[order[:num_valid]] = 1
    part[order[num_valid : num_valid + num_test]] = 2
    return part


def _temporal_parts(log: Interactions, valid: float, test: float) -> IntArray:
    if log.timestamp is None:
        raise ConfigError("A temporal split needs timestamps, and this log has none.")
    first_valid, first_test = np.quantile(log.timestamp, [1 - valid - test, 1 - test])
    return np.where(log.timestamp > first_test, 2, np.where(log.timestamp > first_valid, 1, 0))


def _cold_item_parts(log: Interactions, valid: float, test: float, seed: int) -> IntArray:
    rng = np.random.default_rng(seed)
    used = rng.permutation(np.unique(log.item))
    num_test, num_valid = round(len(used) * test), round(len(used) * valid)
    part_of_item = np.zeros(log.num_items, dtype=np.int64)
    part_of_item[used[:num_test]] = 2
    part_of_item[used[num_test : num_test + num_valid]] = 1
    return part_of_item[log.item]
