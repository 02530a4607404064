"""Who chose what: the interaction log as rows of two vocabularies, and its parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.data.ids import Normalise
from kgrec.data.log_checks import warn_of_parts
from kgrec.data.log_reading import Duplicates, LogReport, read_log
from kgrec.data.splits import assign_dislikes, assign_parts
from kgrec.data.table_format import FormatSettings
from kgrec.data.tables import read_table
from kgrec.data.times import TimeUnit
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.errors import ConfigError, DataError, did_you_mean, option, printable, warn
from kgrec.files import looked_in, nearest_file, under
from kgrec.types import FloatArray, IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PARTS = ("train", "valid", "test")
_COLUMNS = {"user": np.int64, "item": np.int64, "rating": np.float32, "timestamp": np.int64}


@dataclass(frozen=True, eq=False)
class Interactions:
    """A frozen log of interactions. Its columns are read-only.

    Attributes:
        users: The users' vocabulary; it may hold users without interactions.
        items: The items' vocabulary; likewise.
        user: Row of the user, int64 of shape (n,).
        item: Row of the item, int64 of shape (n,).
        rating: Rating, float32 of shape (n,), or None.
        timestamp: Seconds since 1970, int64 of shape (n,), or None.
        report: What happened to the table's rows.
        dislikes: What users had and did not like, as a log over the same vocabularies that has no
            dislikes itself; None: nothing is known of it. It is no part of `len`, `matrix` and
            the columns above, which are likes alone.
    """

    users: Vocabulary
    items: Vocabulary
    user: IntArray
    item: IntArray
    rating: FloatArray | None = None
    timestamp: IntArray | None = None
    report: LogReport = field(default_factory=LogReport)
    dislikes: Interactions | None = None

    def __post_init__(self) -> None:
        """Check shapes, types and ranges, and make the columns read-only."""
        num = len(self.user)
        for name, dtype in _COLUMNS.items():
            given = getattr(self, name)
            if given is None:
                continue
            column = np.asarray(given)
            if column.shape != (num,):
                raise DataError(f"{name} has the shape {column.shape}, expected ({num},).")
            if not np.can_cast(column.dtype, dtype, "same_kind"):
                raise DataError(f"{name} must be {np.dtype(dtype)}, found {column.dtype}.")
            column = column.astype(dtype, copy=False).view()  # the caller's array stays writable
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        for name, vocabulary in (("user", self.users), ("item", self.items)):
            column = getattr(self, name)
            if num and not (0 <= column.min() and column.max() < len(vocabulary)):
                raise DataError(f"{name} rows must lie in 0 … {len(vocabulary) - 1}.")
        bad = self.dislikes
        if bad is None:
            return
        if bad.users != self.users or bad.items != self.items or bad.dislikes is not None:
            raise DataError("dislikes must be a log over the same vocabularies, without dislikes.")
        both = np.intersect1d(self._pairs(), bad._pairs())  # of the same class
        if len(both):
            user, item = divmod(int(both[0]), len(self.items))
            raise DataError(
                f"{len(both)} pairs are both likes and dislikes, such as user "
                f"{self.users.id(user)!r} with item {self.items.id(item)!r}."
            )

    @classmethod
    def read(
        cls,
        source: str | Path | pd.DataFrame,
        *,
        user: str = "user_id",
        item: str = "item_id",
        rating: str | None = "rating",
        timestamp: str | None = "timestamp",
        positive: str | None = None,
        negative: str | None = None,
        duplicates: Duplicates = "last",
        time_unit: TimeUnit = "auto",
        normalise_ids: Normalise | None = None,
        only_dislikes: bool = False,
        **format: Unpack[FormatSettings],
    ) -> Interactions:
        """Read a log from a text file with separators, a Parquet or JSON file, or a frame.

        Args:
            source: The table.
            user: Column of the user's id.
            item: Column of the item's id.
            rating: Column of the rating; the default is skipped where it is absent.
            timestamp: Column of the time, as numbers or as a date (ISO 8601); the default is
                skipped where it is absent.
            positive: Which rows count as interactions, such as `"rating >= 4"`; None: all. A row
                without a rating does not count, unless the expression is about other columns. The
                users and items of the other rows stay in the vocabularies.
            negative: Which of the other rows are dislikes, such as `"rating <= 2"` or
                `"clicked == 0"`. None: those with a rating, if `positive` reads the rating.
            duplicates: What happens to further rows of the same user and item: keep the one with
                the latest timestamp (where there is none, the last one in the file), keep the
                first, or raise an error. Repetitions are merged before `positive` is applied,
                so that a later change of mind counts.
            time_unit: What times that are numbers count, such as `s` or `ms`, or the form of dates
                that are written as digits, such as `YYYYMMDD`. `auto`: seconds since 1970, unless
                their range shows something else, which a warning says.
            normalise_ids: How ids are made alike, so that they meet those of other tables:
                `strip` (spaces), `number` (001 and 1.0 are 1), `casefold` (B1 is b1). None: ids
                stay as they are written.
            only_dislikes: Whether a table without any like is read, if it has dislikes: an update
                may bring these alone. Nothing can be learnt of it by itself.
            format: How a text file is read, such as `encoding="latin-1"`, `separator="::"`,
                `columns=["user_id", "item_id"]` (names, if it has no header), or
                `on_error="skip"`, which leaves out rows that cannot be read; see
                `kgrec.TableFormat`.

        Raises:
            DataError: The file, a column or a value is not as expected.
            ConfigError: `positive` cannot be read.
        """
        read = read_log(
            source,
            user=user,
            item=item,
            rating=rating,
            timestamp=timestamp,
            positive=positive,
            negative=negative,
            duplicates=duplicates,
            time_unit=time_unit,
            normalise_ids=normalise_ids,
            only_dislikes=only_dislikes,
            **format,
        )
        disliked = None
        if read.report.disliked:
            disliked = cls(read.users, read.items, **read.disliked)
        return cls(read.users, read.items, **read.liked, report=read.report, dislikes=disliked)

    @property
    def num_users(self) -> int:
        """Users in the vocabulary."""
        return len(self.users)

    @property
    def num_items(self) -> int:
        """Items in the vocabulary."""
        return len(self.items)

    def __len__(self) -> int:
        return len(self.user)

    def matrix(self) -> csr_matrix:
        """Return the log as a float32 matrix of ones, shape (num_users, num_items)."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self), dtype=np.float32)
        made = csr_matrix((ones, (self.user, self.item)), shape=(self.num_users, self.num_items))
        made.data[:] = 1.0
        made.sort_indices()
        return made

    def matrix_of_dislikes(self) -> csr_matrix:
        """Return the dislikes as a float32 matrix of ones, shape (num_users, num_items)."""
        return (
            self.select(np.zeros(0, dtype=np.int64)) if self.dislikes is None else self.dislikes
        ).matrix()

    def rated(self) -> Interactions:
        """Return likes and dislikes together as one log, such as all ratings that were given.

        It has ratings, or times, if both of them do.
        """
        bad = self.dislikes
        return self if bad is None else replace(self, dislikes=None).joined(bad)

    def joined(self, *others: Interactions) -> Interactions:
        """Return the interactions of this log and of others, in their order.

        Ratings and times are kept if all logs have them. What one log holds as a like is no
        dislike.

        Args:
            others: Over the same vocabularies, and without a pair that is in two of the logs.
        """
        logs = (self, *others)
        columns: dict[str, Any] = {}
        for name in _COLUMNS:
            parts = [getattr(log, name) for log in logs]
            columns[name] = None if any(p is None for p in parts) else np.concatenate(parts)
        both = replace(self, **columns, dislikes=None)
        disliked = [log.dislikes for log in logs if log.dislikes is not None]
        if not disliked:
            return both
        bad = disliked[0].joined(*disliked[1:])
        pairs, first = np.unique(bad._pairs(), return_index=True)
        kept = np.sort(first[~np.isin(pairs, both._pairs())])
        return replace(both, dislikes=bad.select(kept))

    def select(
        self, mask: npt.NDArray[Any], dislikes: npt.NDArray[Any] | None = None
    ) -> Interactions:
        """Return the interactions that `mask` (bool (n,) or rows) selects; same vocabularies.

        Args:
            mask: Which interactions.
            dislikes: Which dislikes, likewise; None: none, so that a part that is selected knows
                nothing of the others.
        """
        bad = self.dislikes
        return replace(
            self,
            user=self.user[mask],
            item=self.item[mask],
            rating=None if self.rating is None else self.rating[mask],
            timestamp=None if self.timestamp is None else self.timestamp[mask],
            dislikes=None if bad is None or dislikes is None else bad.select(dislikes),
        )

    def reindex(self, users: Vocabulary, items: Vocabulary) -> Interactions:
        """Return the same log over other vocabularies, which must hold all of its ids.

        Raises:
            UnknownIdError: An id of an interaction, or of a dislike, is missing there.
        """
        return replace(
            self,
            users=users,
            items=items,
            user=_translate(self.user, self.users, users),
            item=_translate(self.item, self.items, items),
            dislikes=None if self.dislikes is None else self.dislikes.reindex(users, items),
        )

    def with_items(self, ids: Iterable[str | int]) -> Interactions:
        """Return the same log over a catalogue that also holds the items `ids`."""
        more = Vocabulary.from_ids(id_list(ids, "ids"), self.items.name)
        return self.reindex(self.users, self.items.union(more))

    def split(
        self, kind: str = "random", *, valid: float = 0.1, test: float = 0.1, seed: int = 0
    ) -> Split:
        """Split the log into training, validation and test parts.

        Args:
            kind: `random`: within each user, so that a user with few interactions keeps at least
                one in training; `uniform`: every interaction is equally likely, whoever made it,
                so that a user may have none left in training; `temporal`: at two points
                of time, the same for all users; `temporal_user`: the latest of each user, at
                least one stays in training; `leave_last_out`: the last one of each user is
                the test, the one before is validation (a user with two has no validation, a
                user with one is in training only); `cold_items`: whole items are held out, with
                all of their interactions. See Meng et al., Exploring Data Splitting Strategies
                for the Evaluation of Recommendation Models, RecSys 2020. Dislikes do not change
                how likes are split. They go where likes of their kind go: drawn in the same
                shares, cut at the times of the held-out likes, or with their item; see
                `kgrec.data.splits.assign_dislikes`. So none that is held out is in training.
            valid: Share of the interactions (items for `cold_items`) of the validation part; for
                `leave_last_out`, any share above 0 means one of each user.
            test: Share of the test part, likewise.
            seed: Seed of the draw. `temporal` draws nothing; where the interactions of a user
                are ordered, equal times are in an order that is drawn from the seed, whatever the
                order of the rows.

        Raises:
            ConfigError: The kind is unknown, the shares do not leave a training part, or
                the log has no timestamps to split by.
        """
        if not (0 <= valid and 0 <= test and valid + test < 1):
            raise ConfigError(
                f"{option('valid', valid)} and {option('test', test)} must be at least 0 and leave "
                "a part for training."
            )
        train, held_out, tested = self._parts(kind, valid=valid, test=test, seed=seed)
        if not len(train):
            raise ConfigError(
                f"{option('valid', valid)} and {option('test', test)} leave nothing for training."
            )
        for name, share, part_log in (("valid", valid, held_out), ("test", test, tested)):
            if share * len(self) >= 1 and not len(part_log):
                warn(
                    f"The {name} part is empty, although its share is {share:g}: the share of each "
                    f"user's interactions is rounded, or too many have the same time. Set a larger "
                    f"{name}, or 0 if there shall be none."
                )
        split = Split(train, held_out, tested, kind)
        split.warn_of_unknown()
        return split

    def _parts(
        self, kind: str, *, valid: float, test: float, seed: int
    ) -> tuple[Interactions, Interactions, Interactions]:
        """Return training, validation and test part, each with its dislikes."""
        likes = self.user, self.item, self.timestamp
        part = assign_parts(kind, *likes, valid=valid, test=test, seed=seed)
        bad = self.dislikes
        if bad is None:
            return self.select(part == 0), self.select(part == 1), self.select(part == 2)
        disliked = bad.user, bad.item, bad.timestamp
        of_bad = assign_dislikes(kind, likes, part, disliked, valid=valid, test=test, seed=seed)
        train, held_out, tested = (self.select(part == n, of_bad == n) for n in range(3))
        return train, held_out, tested

    def _pairs(self) -> IntArray:
        return self.user * self.num_items + self.item

    def k_core(self, k: int) -> Interactions:
        """Return the largest part of the log in which each user and item has k interactions.

        Users and items with fewer are left out, again and again until all have k (the k-core of
        the graph of users and items; Seidman, Social Networks 5, 1983). The vocabularies hold
        only those that stay, and so do the dislikes, which do not count.

        Args:
            k: The fewest interactions of a user and of an item.

        Raises:
            ConfigError: k is below 1, or nothing is left.
        """
        if k < 1:
            raise ConfigError(f"k_core must be at least 1, found {k}.")
        log = replace(self, dislikes=None)
        while len(log):
            of_user = np.bincount(log.user, minlength=log.num_users)[log.user]
            of_item = np.bincount(log.item, minlength=log.num_items)[log.item]
            keep = (of_user >= k) & (of_item >= k)
            if keep.all():
                users, items = np.unique(log.user), np.unique(log.item)
                bad = self.dislikes
                if bad is not None:
                    bad = bad.select(np.isin(bad.user, users) & np.isin(bad.item, items))
                log = replace(log, dislikes=bad)
                return log.reindex(self.users.restricted(users), self.items.restricted(items))
            log = log.select(keep)
        raise ConfigError(f"{option('k_core', k)} leaves no interactions: take a smaller k.")

    def to_pandas(self) -> pd.DataFrame:
        """Return the likes as a frame of `user_id`, `item_id` and, where known, the rest."""
        frame = pd.DataFrame(
            {"user_id": self.users.take(self.user), "item_id": self.items.take(self.item)}
        )
        if self.rating is not None:
            frame["rating"] = self.rating
        if self.timestamp is not None:
            frame["timestamp"] = self.timestamp
        return frame


@dataclass(frozen=True, eq=False)
class Split:
    """Three logs over the same two vocabularies that share no interaction.

    Attributes:
        train: What models learn from.
        valid: What chooses among models and stops training.
        test: What the result is measured on, once.
        kind: How it was made; see `Interactions.split`.
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
        for (a, one), (b, other) in combinations(zip(PARTS, pairs, strict=True), 2):
            shared = np.intersect1d(one, other)
            if len(shared):
                user, item = divmod(int(shared[0]), self.train.num_items)
                raise DataError(
                    f"{a} and {b} share {len(shared)} interactions, such as user "
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

    def warn_of_unknown(self) -> None:
        """Warn if many held-out users or items do not occur in training."""
        warn_of_parts(
            (self.train.user, self.train.item),
            {
                "validation": (self.valid.user, self.valid.item),
                "test": (self.test.user, self.test.item),
            },
            cold_items=self.kind == "cold_items",
        )

    def whole(self) -> Interactions:
        """Return who liked what in all three parts together, without ratings and times."""
        both = self.train.joined(self.valid, self.test)
        return Interactions(both.users, both.items, both.user, both.item)

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
        train, valid, _ = self.train._parts("random", valid=share, test=0.0, seed=seed)
        return Split(train, valid, self.test, self.kind)

    @classmethod
    def from_tables(
        cls, train: Interactions, valid: Interactions, test: Interactions, kind: str = "random"
    ) -> Split:
        """Return the split of three logs, over the unions of their vocabularies.

        Raises:
            DataError: Two of them share an interaction.
        """
        for name, log in (("validation", valid), ("test", test)):
            _warn_of_strange(name, log, train)
        users = train.users.union(valid.users).union(test.users)
        items = train.items.union(valid.items).union(test.items)
        train, valid, test = (log.reindex(users, items) for log in (train, valid, test))
        split = cls(train, valid, test, kind)
        split.warn_of_unknown()
        return split

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
        folder = under("", folder)
        if not folder.is_dir():
            raise DataError(
                f"The split folder {folder} does not exist.{looked_in(folder)}"
                f"{nearest_file(folder)}"
            )
        train = Interactions.read(folder / "train.csv", **options)
        held_out = []
        for name in PARTS[1:]:
            path = folder / f"{name}.csv"
            empty = read_table(path, what="interactions").empty
            nothing = np.zeros(len(train), dtype=bool)
            held_out.append(train.select(nothing) if empty else Interactions.read(path, **options))
        return cls.from_tables(train, held_out[0], held_out[1], kind)


def _warn_of_strange(name: str, log: Interactions, train: Interactions) -> None:
    """Warn if a part has no user and no item in common with training."""
    if not len(log) or not len(train):
        return
    sides = ((train.users, log.users), (train.items, log.items))
    if all((known.rows(own.array, missing="-1") < 0).all() for known, own in sides):
        user, item = (printable(own.id(0)) for _, own in sides)
        warn(
            f"The {name} part has no user and no item of the training part: are ids written alike? "
            f"A user is {user!r} there and {printable(train.users.id(0))!r} in training, an item "
            f"{item!r} and {printable(train.items.id(0))!r}."
        )


def _translate(rows: IntArray, old: Vocabulary, new: Vocabulary) -> IntArray:
    if old == new:
        return rows
    used = np.unique(rows)
    mapping = np.full(len(old), -1, dtype=np.int64)
    mapping[used] = new.rows(old.take(used))
    return mapping[rows]
