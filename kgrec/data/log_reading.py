"""Reading the interaction log: which rows of a table are likes and dislikes, each pair once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import pandas as pd

from kgrec.data.expression import evaluate_expression
from kgrec.data.ids import Normalise, as_ids, warn_of_twins
from kgrec.data.log_checks import warn_of_conflicts, warn_of_equal_times
from kgrec.data.log_pieces import coded_ids, in_pieces, other_columns
from kgrec.data.log_table import read_log_table
from kgrec.data.table_format import FormatSettings
from kgrec.data.tables import as_numbers, table_format
from kgrec.data.times import TimeUnit, as_seconds
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, option, printable, warn

Duplicates = Literal["last", "first", "error"]


@dataclass(frozen=True)
class LogReport:
    """What happened to each row of the table that a log was read from.

    Attributes:
        rows: Rows of the table.
        not_positive: Rows that are no interactions.
        duplicates: Rows that were merged with another one of the same user and item.
        kept: Interactions.
        unrated: Those of `not_positive` that have no rating.
        disliked: Those of `not_positive` that are dislikes.
    """

    rows: int = 0
    not_positive: int = 0
    duplicates: int = 0
    kept: int = 0
    unrated: int = 0
    disliked: int = 0

    def __str__(self) -> str:
        parts = [f"{self.disliked:,} of them dislikes"] if self.disliked else []
        parts += [f"{self.unrated:,} of them without a rating"] if self.unrated else []
        which = f" ({', '.join(parts)})" if parts else ""
        return (
            f"{self.rows:,} rows: {self.kept:,} kept, {self.not_positive:,} not positive{which}, "
            f"{self.duplicates:,} repeated"
        )


@dataclass(frozen=True)
class ReadLog:
    """A table of interactions, read: each pair of a user and an item once.

    Attributes:
        users: The users' vocabulary, also of those without likes.
        items: The items' vocabulary, likewise.
        liked: Columns of the likes by name: `user` and `item` (rows of the vocabularies, int64)
            and, where known, `rating` (float32) and `timestamp` (int64), all of shape (n,).
        disliked: The same of the dislikes.
        report: What happened to the table's rows.
    """

    users: Vocabulary
    items: Vocabulary
    liked: dict[str, Any]
    disliked: dict[str, Any]
    report: LogReport


def read_log(
    source: str | Path | pd.DataFrame,
    *,
    user: str,
    item: str,
    rating: str | None,
    timestamp: str | None,
    positive: str | None,
    negative: str | None,
    duplicates: Duplicates,
    time_unit: TimeUnit,
    normalise_ids: Normalise | None,
    only_dislikes: bool = False,
    **format: Unpack[FormatSettings],
) -> ReadLog:
    """Read a log; the arguments are those of `kgrec.data.interactions.Interactions.read`."""
    where = "the interactions table" if isinstance(source, pd.DataFrame) else str(source)
    how = table_format(source, format)
    ids: tuple[Vocabulary, Vocabulary] | None = None
    columns: dict[str, Any]
    if not isinstance(source, pd.DataFrame) and in_pieces(
        source, how, user, item, (positive, negative)
    ):
        frame = other_columns(source, how, (user, item), (rating, timestamp, positive, negative))
        users, user_rows = coded_ids(source, user, "user", how, normalise_ids)
        items, item_rows = coded_ids(source, item, "item", how, normalise_ids)
        ids, columns = (users, items), {"user": user_rows, "item": item_rows}
    else:
        frame = read_log_table(
            source, where, how, user=user, item=item, rating=rating, timestamp=timestamp
        )
        if frame.empty:
            raise DataError(f"{where} has no rows.")
        columns = {
            "user": as_ids(frame, user, where, normalise_ids),
            "item": as_ids(frame, item, where, normalise_ids),
        }
    if rating is not None and (rating != "rating" or rating in frame.columns):
        columns["rating"] = as_numbers(frame, rating, where)
    if timestamp is not None and (timestamp != "timestamp" or timestamp in frame.columns):
        columns["timestamp"] = as_seconds(frame, timestamp, where, time_unit)
        warn_of_equal_times(columns["timestamp"], where)
    asked = frame.assign(**_numeric(columns, rating))
    log = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    log["keep"] = True if positive is None else evaluate_expression(positive, asked)
    log["dislike"] = False
    if negative is not None:
        log["dislike"] = evaluate_expression(negative, asked)
        both = int((log["keep"] & log["dislike"]).sum())
        if both:
            raise ConfigError(
                f"{where}: {both:,} rows fulfil both {option('positive', positive)} and "
                f"{option('negative', negative)}: a row is a like or a dislike."
            )
    log = _with_ratings(log, positive, negative, rating, where)
    return _read(log, ids, duplicates, where, positive, only_dislikes)


def _numeric(columns: dict[str, Any], rating: str | None) -> dict[str, Any]:
    """The columns that a `positive` expression must see as numbers, under their own names."""
    return {rating: columns["rating"]} if rating is not None and "rating" in columns else {}


def _with_ratings(
    log: pd.DataFrame, positive: str | None, negative: str | None, rating: str | None, where: str
) -> pd.DataFrame:
    """Return a log that also says which rows are `unrated`, and so no likes, and dislikes."""
    log["unrated"] = False
    if "rating" not in log:
        return log
    known = log["rating"].notna()
    if not known.any():
        warn(f"{where}: the column {rating!r} is empty. Every row counts as if there were none.")
        return log.drop(columns="rating")
    reads = positive is not None and bool(re.search(rf"\b{re.escape(str(rating))}\b", positive))
    if negative is None and reads:
        log["dislike"] = ~log["keep"] & known
    if (positive is None or reads) and not known.all():
        log["keep"], log["unrated"] = log["keep"] & known, ~known
        warn(
            f"{where}: {int((~known).sum()):,} of {len(log):,} rows have no {rating}. They do not "
            "count as liked. If every row is a choice, whatever its rating, set rating to null "
            "(None in Python)."
        )
    low, high = log["rating"].min(), log["rating"].max()
    if reads and low == high and log["keep"].all() and len(log) > 1:
        warn(
            f"{where}: each {rating} is {low:g}, so that positive={positive!r} holds for all "
            f"{len(log):,} rows and selects nothing. Is it the right column?"
        )
    return log


def _read(
    log: pd.DataFrame,
    ids: tuple[Vocabulary, Vocabulary] | None,
    duplicates: Duplicates,
    where: str,
    positive: str | None,
    only_dislikes: bool,
) -> ReadLog:
    if ids is None:
        texts = {name: log[name].tolist() for name in ("user", "item")}
        ids = Vocabulary.from_ids(texts["user"], "user"), Vocabulary.from_ids(texts["item"], "item")
        log = log.assign(user=ids[0].rows(texts["user"]), item=ids[1].rows(texts["item"]))
    users, items = ids
    for one in ids:
        warn_of_twins(one, where)
    rows = len(log)
    log = _merge_repetitions(log, duplicates, where, users, items)
    merged = rows - len(log)
    unrated = int(log["unrated"].sum())
    ratings = log["rating"].dropna() if "rating" in log else None
    liked, disliked = log[log["keep"]], log[log["dislike"]]
    if liked.empty and not (only_dislikes and len(disliked)):
        found = "" if ratings is None else f" Ratings are {ratings.min():g} to {ratings.max():g}."
        raise DataError(
            f"{where}: no row fulfils {option('positive', positive)}; nothing to learn from.{found}"
        )
    count = len(liked)
    report = LogReport(rows, rows - merged - count, merged, count, unrated, len(disliked))
    return ReadLog(users, items, _columns(liked), _columns(disliked), report)


def _columns(log: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of likes or dislikes; ratings only where each row has one."""
    made: dict[str, Any] = {
        name: log[name].to_numpy(np.int64) for name in ("user", "item", "timestamp") if name in log
    }
    if "rating" in log and log["rating"].notna().all():
        made["rating"] = log["rating"].to_numpy(np.float32)
    return made


def _merge_repetitions(
    log: pd.DataFrame, duplicates: Duplicates, where: str, users: Vocabulary, items: Vocabulary
) -> pd.DataFrame:
    if duplicates not in ("last", "first", "error"):
        raise ConfigError(f"duplicates must be 'last', 'first' or 'error', found {duplicates!r}.")
    # One number for each pair: pandas would first number both columns anew.
    pair = log["user"].to_numpy(np.int64) * len(items) + log["item"].to_numpy(np.int64)
    keep = "first" if duplicates == "error" else duplicates
    again = pd.Series(pair).duplicated(keep=keep).to_numpy()
    if not again.any():
        return log
    if duplicates == "error":
        first = int(again.argmax())
        raise DataError(
            f"{where}: data row {first + 1} repeats user "
            f"{printable(users.id(int(log['user'].iloc[first])))!r} and item "
            f"{printable(items.id(int(log['item'].iloc[first])))!r}."
        )
    warn_of_conflicts(log, where, duplicates)
    if "timestamp" in log:
        order = np.argsort(log["timestamp"].to_numpy(), kind="stable")
        again = np.empty_like(again)
        again[order] = pd.Series(pair[order]).duplicated(keep=keep).to_numpy()
    return log[~again]
