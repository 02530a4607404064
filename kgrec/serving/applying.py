"""Events of the log as updates of a recommender."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.recommender import Recommender
from kgrec.serving.log import Event
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.types import IntArray

_ID: Final = "(id)"  # no attribute's name
MOST_PENDING: Final = 200
"""Updates after which all are made again as one, so that they take no more and more memory."""


@dataclass
class Gathered:
    """Events put together: of each pair, item and user, the last one counts.

    Attributes:
        pairs: Liked or not, rating and time by user and item.
        items: Attributes by item.
        entities: IRIs of entities by item.
        users: Attributes by user.
        removed: Items that are withdrawn.
    """

    pairs: dict[tuple[str, str], tuple[bool, float | None, int | None]] = field(
        default_factory=dict
    )
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    entities: dict[str, str] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Gathered:
        """Return events put together."""
        made = cls()
        for event in events:
            made.add(event)
        return made

    def add(self, event: Event) -> None:
        """Take in one event, later than all before."""
        body, item, user = event.body, event.item, event.user
        if event.kind == "interaction":
            assert user is not None
            assert item is not None
            self.pairs.pop((user, item), None)  # the order is that of the last ones
            told = (bool(body["liked"]), body.get("rating"), body.get("timestamp"))
            self.pairs[user, item] = told
        elif event.kind == "item":
            assert item is not None
            self.removed.pop(item, None)
            named = {"title": body["title"]} if "title" in body else {}
            said = {**body.get("attributes", {}), **named}
            self.items[item] = {**self.items.get(item, {}), **said}
            if "entity" in body:
                self.entities[item] = str(body["entity"])
        elif event.kind == "item_removed":
            assert item is not None
            self.removed[item] = None
            self.items.pop(item, None)
            self.entities.pop(item, None)
        elif event.kind == "user":
            assert user is not None
            self.users[user] = {**self.users.get(user, {}), **body.get("attributes", {})}

    def without(self, user: str) -> None:
        """Forget a user."""
        self.users.pop(user, None)
        for pair in [pair for pair in self.pairs if pair[0] == user]:
            del self.pairs[pair]

    def update(self, recommender: Recommender) -> int:
        """Bring all of it to a recommender, and return how many interactions are left out.

        Interactions with withdrawn items count for nothing, and an item that is unknown cannot be
        withdrawn.
        """
        now = recommender.snapshot
        removed = [item for item in self.removed if item in now.items]
        gone = set(removed)
        if now.withdrawn is not None:
            back = set(self.items)
            gone |= set(now.items.take(np.flatnonzero(now.withdrawn))) - back
        pairs = {pair: told for pair, told in self.pairs.items() if pair[1] not in gone}
        already = gone - set(removed)
        removed = [item for item in removed if item not in already]
        asked: dict[str, Any] = {
            "interactions": _interactions(pairs) if pairs else None,
            "items": _table(self.items, "item", now.inputs.items) if self.items else (),
            "users": _table(self.users, "user", now.inputs.users) if self.users else (),
            "links": list(self.entities.items()),
            "remove_items": removed,
        }
        if pairs or self.items or self.entities or self.users or removed:
            recommender.update(**asked, at_once=True)
        return len(self.pairs) - len(pairs)


class Applier:
    """Brings events to a recommender.

    Args:
        recommender: The recommender; its snapshot is that of the run.
        pseudonyms: By which the log names users who were erased.
    """

    def __init__(self, recommender: Recommender, pseudonyms: Pseudonyms) -> None:
        self._recommender, self._pseudonyms = recommender, pseudonyms
        self._base = recommender.snapshot
        self._since = Gathered()  # all since the base
        self.erased = 0
        self.left_out = 0

    def apply(self, events: Iterable[Event]) -> None:
        """Bring events, in their order.

        Raises:
            KgrecError: They contradict what is there. Those before an erasure may be applied.
        """
        part: list[Event] = []
        for event in events:
            if event.kind == "user_erased":
                self._bring(part)
                part = []
                self._erase(str(event.body["pseudonym"]))
            else:
                part.append(event)
        self._bring(part)

    def settle(self) -> None:
        """Let the model know what came, so that nothing before it has to be kept."""
        self._recommender.settle()
        self._base, self._since = self._recommender.snapshot, Gathered()

    def _bring(self, events: Sequence[Event]) -> None:
        if not events:
            return
        part = Gathered.of(events)
        self.left_out += part.update(self._recommender)
        for event in events:  # those that count, so that they count again below
            self._since.add(event)
        if len(self._recommender.snapshot.pending) > MOST_PENDING:
            again = self._recommender.fork()
            again.take(self._base)
            self._since.update(again)
            self._recommender.take(again.snapshot)

    def _erase(self, pseudonym: str) -> None:
        now = self._recommender.snapshot
        for user in now.users.take(now.present_users):
            if self._pseudonyms.of(user) == pseudonym:
                self._recommender.update(remove_users=[user], at_once=True)
                self._since.without(user)
                self._base = self._base_without(user)
                self.erased += 1
                return

    def _base_without(self, user: str) -> Any:
        if user not in self._base.users:
            return self._base
        return self._base.update(remove_users=[user])


def _interactions(
    pairs: Mapping[tuple[str, str], tuple[bool, float | None, int | None]],
) -> Interactions:
    users = Vocabulary.from_ids([user for user, _ in pairs], "user")
    items = Vocabulary.from_ids([item for _, item in pairs], "item")
    user = users.rows([user for user, _ in pairs])
    item = items.rows([item for _, item in pairs])
    told = list(pairs.values())
    liked = np.array([one[0] for one in told], dtype=bool)

    def part(chosen: IntArray, dislikes: Interactions | None = None) -> Interactions:
        ratings = [told[row][1] for row in chosen.tolist()]
        times = [told[row][2] for row in chosen.tolist()]
        rating = None if None in ratings else np.array(ratings, dtype=np.float32)
        at = None if None in times else np.array(times, dtype=np.int64)
        return Interactions(users, items, user[chosen], item[chosen], rating, at, dislikes=dislikes)

    bad = np.flatnonzero(~liked)
    return part(np.flatnonzero(liked), part(bad) if len(bad) else None)


def _table(
    rows: Mapping[str, Mapping[str, Any]], name: str, before: AttributeTable | None
) -> AttributeTable | Sequence[str]:
    """Return rows as a table with the columns that the run reads; ids alone if they say nothing."""
    if not any(rows.values()):
        return list(rows)
    frame = pd.DataFrame(
        [{_ID: id, **{key: _cell(value) for key, value in row.items()}} for id, row in
         rows.items()]
    )  # fmt: skip
    categories = () if before is None else before.categories
    numbers = () if before is None else before.numbers
    return AttributeTable.read(
        frame,
        id=_ID,
        categories=[column for column in categories if column in frame],
        numbers=[column for column in numbers if column in frame],
        list_separator="",
        name=name,
    )


def _cell(value: Any) -> Any:
    """Return a value as a table holds it; objects as their JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
