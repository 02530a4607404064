"""What an update asks for, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.tables import require_column
from kgrec.data.vocabulary import Vocabulary, as_id, id_list
from kgrec.errors import DataError, first_few, option, printable, warn
from kgrec.rdf.columns import GraphColumns
from kgrec.types import BoolArray, IntArray

if TYPE_CHECKING:
    from kgrec.kg.exchange import LiteralStatement, Triple

ItemLinks = Iterable[tuple[str | int, str]] | pd.DataFrame
"""Pairs of an item's id and the IRI of its entity, or a frame of `item_id` and `iri`."""


@dataclass(frozen=True)
class Changes:
    """What an update asks for.

    Attributes:
        interactions: New interactions, over any vocabularies, each pair once.
        items: New items, or rows of the item table.
        users: New users, or rows of the user table.
        triples: Statements to add to the knowledge graph.
        links: New links, as (item id, IRI).
        remove_items: Ids of the items that are withdrawn.
        remove_users: Ids of the users that are deleted.
    """

    interactions: Interactions | None = None
    items: AttributeTable | Sequence[str] = ()
    users: AttributeTable | Sequence[str] = ()
    triples: GraphColumns | Sequence[Triple | LiteralStatement] = ()
    links: Sequence[tuple[str, str]] = ()
    remove_items: Sequence[str] = ()
    remove_users: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        interactions: Interactions | None,
        items: AttributeTable | Iterable[str | int],
        users: AttributeTable | Iterable[str | int],
        triples: GraphColumns | Iterable[Triple | LiteralStatement],
        links: ItemLinks,
        remove_items: Iterable[str | int],
        remove_users: Iterable[str | int],
    ) -> Changes:
        """Return what was given, as lists of ids.

        Raises:
            DataError: Something is no list of ids, or no pair.
        """
        return cls(
            None if interactions is None else last_of_each(interactions),
            items if isinstance(items, AttributeTable) else id_list(items, "items"),
            users if isinstance(users, AttributeTable) else id_list(users, "users"),
            triples if isinstance(triples, GraphColumns) else list(triples),
            _pairs(links),
            id_list(remove_items, "remove_items"),
            id_list(remove_users, "remove_users"),
        )

    @property
    def tells(self) -> bool:
        """Whether it brings more than interactions, or removes something."""
        return self.tells_of_items or any(map(_is_some, (self.users, self.remove_users)))

    @property
    def tells_of_items(self) -> bool:
        """Whether it brings items or something about items, or withdraws some."""
        given = self.items, self.triples, self.links, self.remove_items
        return any(map(_is_some, given))

    @property
    def item_ids(self) -> list[str]:
        """The ids of `items`."""
        return _ids(self.items)

    @property
    def user_ids(self) -> list[str]:
        """The ids of `users`."""
        return _ids(self.users)

    @property
    def linked(self) -> list[str]:
        """The ids of the items that get links."""
        return [item for item, _ in self.links]

    def check(self, items: Vocabulary, users: Vocabulary, withdrawn: BoolArray | None) -> None:
        """Check that the update contradicts neither itself nor what is known.

        Args:
            items: The catalogue before it.
            users: The users before it.
            withdrawn: Which items are withdrawn, bool of shape (num_items,); None: none.

        Raises:
            UnknownIdError: What shall be removed is not there.
            DataError: It removes and adds the same, or brings interactions with a withdrawn item.
        """
        items.rows(self.remove_items)
        users.rows(self.remove_users)
        item_of_log, user_of_log = _of_log(self.interactions)
        for argument, removed, told in (
            (
                "remove_items",
                self.remove_items,
                {"interactions": item_of_log, "items": self.item_ids, "links": self.linked},
            ),
            (
                "remove_users",
                self.remove_users,
                {"interactions": user_of_log, "users": self.user_ids},
            ),
        ):
            for name, ids in told.items():
                both = sorted(set(removed) & set(ids))
                if both:
                    raise DataError(
                        f"The update contradicts itself: {first_few(list(map(printable, both)))} "
                        f"of {option(argument)} also occur in {option(name)}. Take them out of "
                        "one. Nothing was changed."
                    )
        if withdrawn is None:
            return
        rows = items.rows(sorted(set(item_of_log) - set(self.item_ids)), missing="-1")
        gone = rows[rows >= 0]
        gone = gone[withdrawn[gone]]
        if len(gone):
            shown = first_few(list(map(printable, items.take(gone))))
            raise DataError(
                f"The update has interactions with {len(gone)} items that were withdrawn: {shown}. "
                f"Leave these out, or bring the items back by naming them in {option('items')}. "
                "Nothing was changed."
            )


def _is_some(given: object) -> bool:
    return not isinstance(given, Sequence) or len(given) > 0


def with_columns_of(later: Interactions, train: Interactions) -> Interactions:
    """Return new interactions with the columns of those of training, and warn of what is filled.

    A like without a rating counts as a usual one: it gets the mean rating of the likes of training,
    and a dislike that of its dislikes. What has no time has the last one of training.

    Args:
        later: New interactions.
        train: Those of training.
    """
    bad = later.dislikes
    if bad is not None and train.dislikes is not None:
        bad = with_columns_of(bad, train.dislikes)
    filled: dict[str, Any] = {}
    if later.rating is None and train.rating is not None and len(train):
        usual = float(train.rating.mean())
        filled["rating"] = np.full(len(later), usual, dtype=np.float32)
        told = f"no rating, or not all of them have one: each counts as {usual:.3g}, the mean"
    if later.timestamp is None and train.timestamp is not None and len(train):
        filled["timestamp"] = np.full(len(later), train.timestamp.max(), dtype=np.int64)
    if len(later) and "rating" in filled:
        warn(f"{len(later):,} new interactions have {told} of training. Give them ratings.")
    if len(later) and "timestamp" in filled:
        warn(
            f"{len(later):,} new interactions have no time: they count as from the last time of "
            "training. Give them times."
        )
    return replace(later, **filled, dislikes=bad)


def last_of_each(log: Interactions) -> Interactions:
    """Return a log with each pair of a user and an item once: the last one counts."""
    pairs = log.user * max(1, log.num_items) + log.item
    _, last = np.unique(pairs[::-1], return_index=True)
    if len(last) == len(log):
        return log
    bad = None if log.dislikes is None else np.arange(len(log.dislikes))
    return log.select(np.sort(len(log) - 1 - last), bad)


def with_later(log: Interactions, later: Interactions) -> Interactions:
    """Return two logs over the same vocabularies as one, where what is later counts."""
    return without_pairs(log, later).joined(later)


def without_pairs(log: Interactions, other: Interactions) -> Interactions:
    """Return the likes and dislikes of a log that another one says nothing about."""
    told = _pairs_of(other)
    if other.dislikes is not None:
        told = np.append(told, _pairs_of(other.dislikes))
    bad = None if log.dislikes is None else ~np.isin(_pairs_of(log.dislikes), told)
    return log.select(~np.isin(_pairs_of(log), told), bad)


def without_users(log: Interactions, users: Vocabulary, deleted: BoolArray) -> Interactions:
    """Return a log without some users, over a vocabulary of the same rows."""
    bad = None if log.dislikes is None else ~deleted[log.dislikes.user]
    kept = log.select(~deleted[log.user], bad)
    none = None
    if kept.dislikes is not None:
        none = _renamed(kept.dislikes, users)
    return _renamed(kept, users, none)


def _renamed(
    log: Interactions, users: Vocabulary, dislikes: Interactions | None = None
) -> Interactions:
    return Interactions(
        users, log.items, log.user, log.item, log.rating, log.timestamp, log.report, dislikes
    )


def _pairs_of(log: Interactions) -> IntArray:
    return log.user * max(1, log.num_items) + log.item


def _of_log(log: Interactions | None) -> tuple[list[str], list[str]]:
    """Return the ids of items and of users that occur in a log."""
    if log is None:
        return [], []
    logs = [log] if log.dislikes is None else [log, log.dislikes]
    items = np.unique(np.concatenate([one.item for one in logs]))
    users = np.unique(np.concatenate([one.user for one in logs]))
    return log.items.take(items), log.users.take(users)


def _pairs(links: ItemLinks) -> list[tuple[str, str]]:
    if isinstance(links, pd.DataFrame):
        for column in ("item_id", "iri"):
            require_column(links, column, "links")
        pairs = list(zip(links["item_id"], links["iri"], strict=True))
    else:
        pairs = list(links)
    made = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[1], str):
            raise DataError(
                "links must be pairs of an item's id and the IRI of its entity, found "
                f"{printable(repr(pair), 80)}."
            )
        made.append((as_id(pair[0], "links"), pair[1]))
    return made


def _ids(rows: AttributeTable | Sequence[str]) -> list[str]:
    return rows.ids.ids if isinstance(rows, AttributeTable) else list(rows)
