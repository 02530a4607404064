"""Who chose what: the interaction log as rows of two vocabularies, and its parts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.data.expression import evaluate_expression
from kgrec.data.ids import Normalise, as_ids, warn_of_twins
from kgrec.data.log_checks import warn_of_conflicts, warn_of_equal_times, warn_of_parts
from kgrec.data.log_table import read_log_table
from kgrec.data.splits import assign_parts
from kgrec.data.table_format import FormatSettings
from kgrec.data.tables import as_numbers, read_table, table_format
from kgrec.data.times import TimeUnit, as_seconds
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.errors import ConfigError, DataError, did_you_mean, option, printable, warn
from kgrec.files import looked_in, nearest_file, under
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PARTS = ("train", "valid", "test")
Duplicates = Literal["last", "first", "error"]
_COLUMNS = {"user": np.int64, "item": np.int64, "rating": np.float32, "timestamp": np.int64}


@dataclass(frozen=True)
class LogReport:
    """What happened to each row of the table that a log was read from.

    Attributes:
        rows: Rows of the table.
        not_positive: Rows that are no interactions.
        duplicates: Rows that were merged with another one of the same user and item.
        kept: Interactions.
        unrated: Those of `not_positive` that have no rating.
    """

    rows: int = 0
    not_positive: int = 0
    duplicates: int = 0
    kept: int = 0
    unrated: int = 0

    def __str__(self) -> str:
        without = f" ({self.unrated:,} of them without a rating)" if self.unrated else ""
        return (
            f"{self.rows:,} rows: {self.kept:,} kept, {self.not_positive:,} not positive{without}, "
            f"{self.duplicates:,} repeated"
        )


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
    """

    users: Vocabulary
    items: Vocabulary
    user: IntArray
    item: IntArray
    rating: FloatArray | None = None
    timestamp: IntArray | None = None
    report: LogReport = field(default_factory=LogReport)

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
        duplicates: Duplicates = "last",
        time_unit: TimeUnit = "auto",
        normalise_ids: Normalise | None = None,
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
            format: How a text file is read, such as `encoding="latin-1"`, `separator="::"`,
                `columns=["user_id", "item_id"]` (names, if it has no header), or
                `on_error="skip"`, which leaves out rows that cannot be read; see
                `kgrec.TableFormat`.

        Raises:
            DataError: The file, a column or a value is not as expected.
            ConfigError: `positive` cannot be read.
        """
        where = "the interactions table" if isinstance(source, pd.DataFrame) else str(source)
        how = table_format(source, format)
        frame = read_log_table(
            source, where, how, user=user, item=item, rating=rating, timestamp=timestamp
        )
        if frame.empty:
            raise DataError(f"{where} has no rows.")
        columns: dict[str, Any] = {
            "user": as_ids(frame, user, where, normalise_ids),
            "item": as_ids(frame, item, where, normalise_ids),
        }
        if rating is not None and (rating != "rating" or rating in frame.columns):
            columns["rating"] = as_numbers(frame, rating, where)
        if timestamp is not None and (timestamp != "timestamp" or timestamp in frame.columns):
            columns["timestamp"] = as_seconds(frame, timestamp, where, time_unit)
            warn_of_equal_times(columns["timestamp"], where)
        keep = (
            np.ones(len(frame), dtype=bool)
            if positive is None
            else evaluate_expression(positive, frame.assign(**_numeric(columns, rating)))
        )
        log = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
        log = _with_ratings(log, keep, positive, rating, where)
        return _from_columns(log, duplicates, where, positive)

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

    def select(self, mask: npt.NDArray[Any]) -> Interactions:
        """Return the interactions that `mask` (bool (n,) or rows) selects; same vocabularies."""
        return replace(
            self,
            user=self.user[mask],
            item=self.item[mask],
            rating=None if self.rating is None else self.rating[mask],
            timestamp=None if self.timestamp is None else self.timestamp[mask],
        )

    def reindex(self, users: Vocabulary, items: Vocabulary) -> Interactions:
        """Return the same log over other vocabularies, which must hold all of its ids.

        Raises:
            UnknownIdError: An id of an interaction is missing there.
        """
        return replace(
            self,
            users=users,
            items=items,
            user=_translate(self.user, self.users, users),
            item=_translate(self.item, self.items, items),
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
                for the Evaluation of Recommendation Models, RecSys 2020.
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
        columns = self.user, self.item, self.timestamp
        part = assign_parts(kind, *columns, valid=valid, test=test, seed=seed)
        train, held_out, tested = (self.select(part == number) for number in range(3))
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

    def k_core(self, k: int) -> Interactions:
        """Return the largest part of the log in which each user and item has k interactions.

        Users and items with fewer are left out, again and again until all have k (the k-core of
        the graph of users and items; Seidman, Social Networks 5, 1983). The vocabularies hold
        only those that stay.

        Args:
            k: The fewest interactions of a user and of an item.

        Raises:
            ConfigError: k is below 1, or nothing is left.
        """
        if k < 1:
            raise ConfigError(f"k_core must be at least 1, found {k}.")
        log = self
        while len(log):
            of_user = np.bincount(log.user, minlength=log.num_users)[log.user]
            of_item = np.bincount(log.item, minlength=log.num_items)[log.item]
            keep = (of_user >= k) & (of_item >= k)
            if keep.all():
                users = self.users.restricted(np.unique(log.user))
                return log.reindex(users, self.items.restricted(np.unique(log.item)))
            log = log.select(keep)
        raise ConfigError(f"{option('k_core', k)} leaves no interactions: take a smaller k.")

    def to_pandas(self) -> pd.DataFrame:
        """Return the log as a frame of `user_id`, `item_id` and, where known, the rest."""
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
        log = self.train
        part = assign_parts("random", log.user, log.item, None, valid=share, test=0.0, seed=seed)
        return Split(log.select(part == 0), log.select(part == 1), self.test, self.kind)

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


def _numeric(columns: dict[str, Any], rating: str | None) -> dict[str, Any]:
    """The columns that a `positive` expression must see as numbers, under their own names."""
    return {rating: columns["rating"]} if rating is not None and "rating" in columns else {}


def _with_ratings(
    log: pd.DataFrame, keep: BoolArray, positive: str | None, rating: str | None, where: str
) -> pd.DataFrame:
    """Return a log that says which rows to `keep`, and which are `unrated` and so not kept."""
    log["keep"], log["unrated"] = keep, False
    if "rating" not in log:
        return log
    known = log["rating"].notna()
    if not known.any():
        warn(f"{where}: the column {rating!r} is empty. Every row counts as if there were none.")
        return log.drop(columns="rating")
    decides = positive is None or re.search(rf"\b{re.escape(str(rating))}\b", positive)
    if decides and not known.all():
        log["keep"], log["unrated"] = keep & known, ~known
        warn(
            f"{where}: {int((~known).sum()):,} of {len(log):,} rows have no {rating}. They do not "
            "count as liked. If every row is a choice, whatever its rating, set rating to null "
            "(None in Python)."
        )
    low, high = log["rating"].min(), log["rating"].max()
    if positive is not None and decides and low == high and log["keep"].all() and len(log) > 1:
        warn(
            f"{where}: each {rating} is {low:g}, so that positive={positive!r} holds for all "
            f"{len(log):,} rows and selects nothing. Is it the right column?"
        )
    return log


def _from_columns(
    log: pd.DataFrame, duplicates: Duplicates, where: str, positive: str | None
) -> Interactions:
    users = Vocabulary.from_ids(log["user"].tolist(), "user")
    items = Vocabulary.from_ids(log["item"].tolist(), "item")
    for ids in (users, items):
        warn_of_twins(ids, where)
    log = log.assign(user=users.rows(log["user"].tolist()), item=items.rows(log["item"].tolist()))
    rows = len(log)
    log = _merge_repetitions(log, duplicates, where, users, items)
    merged = rows - len(log)
    unrated = int(log["unrated"].sum())
    ratings = log["rating"].dropna() if "rating" in log else None
    log = log[log["keep"]]
    if log.empty:
        found = "" if ratings is None else f" Ratings are {ratings.min():g} to {ratings.max():g}."
        raise DataError(
            f"{where}: no row fulfils {option('positive', positive)}; nothing to learn from.{found}"
        )
    return Interactions(
        users=users,
        items=items,
        user=log["user"].to_numpy(np.int64),
        item=log["item"].to_numpy(np.int64),
        rating=log["rating"].to_numpy(np.float32) if "rating" in log else None,
        timestamp=log["timestamp"].to_numpy(np.int64) if "timestamp" in log else None,
        report=LogReport(rows, rows - merged - len(log), merged, len(log), unrated),
    )


def _merge_repetitions(
    log: pd.DataFrame, duplicates: Duplicates, where: str, users: Vocabulary, items: Vocabulary
) -> pd.DataFrame:
    if duplicates not in ("last", "first", "error"):
        raise ConfigError(f"duplicates must be 'last', 'first' or 'error', found {duplicates!r}.")
    repeated = log.duplicated(["user", "item"])
    if not repeated.any():
        return log
    if duplicates == "error":
        first = int(repeated.to_numpy().argmax())
        raise DataError(
            f"{where}: data row {first + 1} repeats user "
            f"{printable(users.id(int(log['user'].iloc[first])))!r} and item "
            f"{printable(items.id(int(log['item'].iloc[first])))!r}."
        )
    warn_of_conflicts(log, where, duplicates)
    by_time = log.sort_values("timestamp", kind="stable") if "timestamp" in log else log
    return by_time.drop_duplicates(["user", "item"], keep=duplicates).sort_index()
