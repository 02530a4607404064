"""Who chose what: the interaction log as rows of two vocabularies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.data.expression import evaluate_expression
from kgrec.data.tables import as_ids, as_numbers, read_table, require_column
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, printable
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from kgrec.data.splits import Split

_LATEST = 1e15  # seconds; beyond lie counts of nanoseconds, and what int64 cannot hold
Duplicates = Literal["last", "first", "error"]
_COLUMNS = {"user": np.int64, "item": np.int64, "rating": np.float32, "timestamp": np.int64}


@dataclass(frozen=True)
class LogReport:
    """What happened to each row of the table that a log was read from."""

    rows: int = 0
    not_positive: int = 0
    duplicates: int = 0
    kept: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows: {self.kept:,} kept, {self.not_positive:,} not positive, "
            f"{self.duplicates:,} repeated"
        )


@dataclass(frozen=True, eq=False)
class Interactions:
    """A frozen log of interactions. Its columns are read-only.

    Attributes:
        users: The users' vocabulary; a user without interactions may stand in it.
        items: The items' vocabulary; likewise.
        user: Row of the user, int64 of shape (n,).
        item: Row of the item, int64 of shape (n,).
        rating: Rating, float32 of shape (n,), or None.
        timestamp: Seconds since 1970, int64 of shape (n,), or None.
        report: What became of the table's rows.
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
    ) -> Interactions:
        """Read a log from a CSV, TSV, Parquet or JSON Lines file, or a frame.

        Args:
            source: The table.
            user: Column of the user's id.
            item: Column of the item's id.
            rating: Column of the rating; the default is skipped where it is absent.
            timestamp: Column of the time, as seconds since 1970 or as a date (ISO 8601); the
                default is skipped where it is absent.
            positive: Which rows count as interactions, such as `"rating >= 4"`; None: all. The
                users and items of the other rows stay in the vocabularies.
            duplicates: What happens to further rows of the same user and item: keep the one with
                the latest timestamp (where there is none, the last one in the file), keep the
                first, or raise an error. Repetitions are merged before `positive` is asked, so
                that a later change of mind counts.

        Raises:
            DataError: The file, a column or a value is not as expected.
            ConfigError: `positive` cannot be read.
        """
        where = "the interactions table" if isinstance(source, pd.DataFrame) else str(source)
        frame = read_table(source, columns=[user, item], what="interactions")
        if frame.empty:
            raise DataError(f"{where} has no rows.")
        columns: dict[str, Any] = {
            "user": as_ids(frame, user, where),
            "item": as_ids(frame, item, where),
        }
        if rating is not None and (rating != "rating" or rating in frame.columns):
            columns["rating"] = as_numbers(frame, rating, where)
        if timestamp is not None and (timestamp != "timestamp" or timestamp in frame.columns):
            columns["timestamp"] = _as_seconds(frame, timestamp, where)
        keep = (
            np.ones(len(frame), dtype=bool)
            if positive is None
            else evaluate_expression(positive, frame.assign(**_numeric(columns, rating)))
        )
        log = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
        return _from_columns(log, keep, duplicates, where, positive)

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

    def with_items(self, ids: Iterable[str]) -> Interactions:
        """Return the same log over a catalogue that also holds the items `ids`."""
        return self.reindex(self.users, self.items.union(Vocabulary.from_ids(ids, self.items.name)))

    def split(
        self, kind: str = "random", *, valid: float = 0.1, test: float = 0.1, seed: int = 0
    ) -> Split:
        """Split the log; see `kgrec.data.splits.split_interactions`."""
        from kgrec.data.splits import split_interactions

        return split_interactions(self, kind, valid=valid, test=test, seed=seed)

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


def _from_columns(
    log: pd.DataFrame,
    keep: BoolArray,
    duplicates: Duplicates,
    where: str,
    positive: str | None,
) -> Interactions:
    users = Vocabulary.from_ids(log["user"].tolist(), "user")
    items = Vocabulary.from_ids(log["item"].tolist(), "item")
    log = log.assign(user=users.rows(log["user"].tolist()), item=items.rows(log["item"].tolist()))
    log["keep"] = keep
    rows = len(log)
    log = _merge_repetitions(log, duplicates, where, users, items)
    merged = rows - len(log)
    log = log[log["keep"]]
    if log.empty:
        raise DataError(f"{where}: no row fulfils positive={positive!r}; nothing to learn from.")
    return Interactions(
        users=users,
        items=items,
        user=log["user"].to_numpy(np.int64),
        item=log["item"].to_numpy(np.int64),
        rating=log["rating"].to_numpy(np.float32) if "rating" in log else None,
        timestamp=log["timestamp"].to_numpy(np.int64) if "timestamp" in log else None,
        report=LogReport(rows, rows - merged - len(log), merged, len(log)),
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
    by_time = log.sort_values("timestamp", kind="stable") if "timestamp" in log else log
    return by_time.drop_duplicates(["user", "item"], keep=duplicates).sort_index()


def _as_seconds(frame: pd.DataFrame, column: str, where: str) -> IntArray:
    """Return a column of times as whole seconds since 1970 (UTC where no zone is given)."""
    require_column(frame, column, where)
    missing = int(frame[column].isna().sum())
    if missing:
        raise DataError(f"{where}: {missing} of {len(frame)} rows have no {column}.")
    numbers: pd.Series[Any]
    if pd.api.types.is_numeric_dtype(frame[column]):
        numbers = as_numbers(frame, column, where)
    else:
        # A column of dates counts nanoseconds, or whatever its unit is, if taken as numbers.
        dated = pd.api.types.is_datetime64_any_dtype(frame[column])
        numbers = pd.to_numeric(frame[column].astype(str), errors="coerce")
        if dated or not np.isfinite(numbers).all():
            dates = pd.to_datetime(frame[column], errors="coerce", utc=True, format="ISO8601")
            wrong = dates.isna().to_numpy()
            if wrong.any():
                neither = wrong & ~np.isfinite(numbers.to_numpy())
                first = int((neither if neither.any() else wrong).argmax())
                raise DataError(
                    f"{where}: column {column!r} must hold seconds since 1970 or ISO 8601 dates; "
                    f"data row {first + 1} holds {printable(str(frame[column].iloc[first]), 40)!r}."
                )
            numbers = (dates - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    seconds = numbers.to_numpy(np.float64)
    if (np.abs(seconds) > _LATEST).any():
        raise DataError(f"{where}: column {column!r} holds times that are no seconds since 1970.")
    return seconds.astype(np.int64)
