"""A run that answers requests: the recommender, and the answers as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from kgrec.conversation import Conversation
from kgrec.data.attribute_table import AttributeTable
from kgrec.errors import DataError, option
from kgrec.explain.explanation import Explanation
from kgrec.recommender import Recommender
from kgrec.retrieval.settings import retrieve_settings
from kgrec.serving.graph_view import GraphView
from kgrec.serving.judging import Judge
from kgrec.serving.lists import KeptLists
from kgrec.snapshot import Snapshot
from kgrec.snapshot.listed import Recommendation
from kgrec.types import IntArray

_REASONS: Final = 3  # paths of the reason of one item in a list


@dataclass
class Served:
    """A run that is loaded for requests.

    Attributes:
        folder: Its folder.
        name: What answers call it.
        recommender: It answers.
        held_out: The items of the run's test part, by row of the user: users have them too.
        card: What the run says of itself.
        hidden: Columns that no answer shows.
        applied: The place in the log up to which the run was made from it.
        judge: Decides which interactions are likes.
        stamp: What tells this run from one that takes its place.
        lists: Lists that were asked for last.
    """

    folder: Path
    name: str
    recommender: Recommender
    held_out: Mapping[int, IntArray] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    hidden: Collection[str] = ()
    applied: int = 0
    judge: Judge = field(default_factory=lambda: Judge({}))
    stamp: tuple[str, int, int] = ("", 0, 0)
    lists: KeptLists = field(default_factory=KeptLists, repr=False)
    _view: tuple[Snapshot, GraphView] | None = field(default=None, repr=False)

    @property
    def now(self) -> Snapshot:
        """The snapshot that answers now."""
        return self.recommender.snapshot

    def forked(self) -> Served:
        """Return the run with a recommender of its own over the same snapshot."""
        lists = KeptLists(self.lists.size)
        return replace(self, recommender=self.recommender.fork(), lists=lists, _view=None)

    @property
    def forgets(self) -> bool:
        """Whether the model can be updated at all, so that it forgets users."""
        return bool(self.now.interactions)

    def warm(self, room: int, *, updates: bool = True) -> None:
        """Compute what the first requests would wait for.

        Args:
            room: Most bytes of what the model computes ahead.
            updates: Whether also what the first update would wait for: all of the run.
        """
        self.now.model.precompute(room)
        if updates:
            _ = self.now.interactions

    def recommend(
        self,
        user: str | None = None,
        k: int | None = None,
        *,
        liked: Sequence[str] = (),
        description: str | None = None,
        exclude: Sequence[str] = (),
        retrieve: int | None = None,
        towers: Sequence[str] | None = None,
        reasons: bool = False,
        language: str | None = None,
        **choice: Any,
    ) -> list[dict[str, Any]]:
        """Return the best items; see `Recommender.recommend` and `RetrieveConfig`."""
        if reasons and user is None and not liked:
            raise DataError(
                f"{option('reasons')} needs {option('user')} or {option('liked')}: a reason leads "
                "from items that somebody likes."
            )
        chosen = [liked, description, exclude, retrieve, towers, reasons, *choice.values()]
        if user is not None and not any(chosen):

            def make() -> list[dict[str, Any]]:
                return _trees(self.recommender.recommend(user, k, exclude=self._held_out(user, {})))

            return self.lists.given(self.now, user, k, make)
        if description is not None:
            choice = {**choice, "description": description}
        retrieving = retrieve_settings(retrieve, towers)
        if retrieving is not None:
            choice = {**choice, "retrieve": retrieving}
        found = self.recommender.recommend(
            user, k, liked=liked, exclude=[*exclude, *self._held_out(user, choice)], **choice
        )
        items = [one.to_dict() for one in found]
        if reasons:
            for one in items:
                told = self.recommender.explain(
                    user, one["item"], liked=liked, k=_REASONS, language=language
                )
                one["reason"] = explanation_tree(told)
        return items

    def _held_out(self, user: str | None, choice: Mapping[str, Any]) -> list[str]:
        """Return the test part's items of a user, which the model did not see."""
        if user is None or not self.held_out or choice.get("include_disliked"):
            return []
        now = self.now
        if user not in now.users:
            return []
        rows = self.held_out.get(now.users.row(user))
        return [] if rows is None else now.items.take(rows)

    def similar(self, item: str, k: int | None = None, **choice: Any) -> list[dict[str, Any]]:
        """Return similar items; see `Recommender.similar_items`."""
        return _trees(self.recommender.similar_items(item, k, **choice))

    def search(self, query: str, k: int | None = None, **choice: Any) -> list[dict[str, Any]]:
        """Return what a text finds; see `Recommender.search`."""
        return _trees(self.recommender.search(query, k, **choice))

    def converse(
        self,
        turns: Sequence[str],
        k: int | None = None,
        *,
        shown: Sequence[str] = (),
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
        user: str | None = None,
        filter: str | None = None,
        exclude: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the answer to the last turn of a conversation; see `kgrec.Conversation`."""
        talk = Conversation(self.recommender, user, filter)
        talk.like(liked)
        talk.dislike(disliked)
        talk.resume(turns, [*shown, *exclude])
        answer = talk.more(min(5, len(self.now.items)) if k is None else k)
        tree = answer.to_dict()
        tree["understood"]["text"] = str(answer.understood)
        return tree

    def explain(self, user: str | None, item: str, **how: Any) -> Explanation:
        """Return why an item fits somebody; see `Recommender.explain`."""
        return self.recommender.explain(user, item, **how)

    def item(self, id: str) -> dict[str, Any]:
        """Return what is known of an item."""
        now = self.now
        row = now.items.row(id)
        links = now.inputs.links
        entity = None
        if links is not None and now.inputs.kg is not None:
            place = int(links.entity_of()[row]) if row < len(links.items) else -1
            entity = now.inputs.kg.entities.id(place) if place >= 0 else None
        return {
            "item": now.items.id(row),
            "title": now.title(row),
            "entity": entity,
            "attributes": self._attributes(now.inputs.items, id),
            "users": int(self._counts[row]) if row < len(self._counts) else 0,
            "withdrawn": bool(now.withdrawn is not None and now.withdrawn[row]),
        }

    @property
    def _counts(self) -> IntArray:
        now = self.now
        return np.bincount(now.histories.indices, minlength=len(now.items))

    def user(self, id: str, *, everything: bool = False) -> dict[str, Any]:
        """Return what is known of a user, with `everything` also hidden columns."""
        now = self.now
        row = now.users.row(id)
        bad = [] if now.disliked is None else now.disliked[row].indices.tolist()
        return {
            "user": now.users.id(row),
            "attributes": self._attributes(now.inputs.users, id, everything),
            "history": self._titled(now, now.histories[row].indices.tolist()),
            "disliked": self._titled(now, bad),
        }

    def _titled(self, now: Snapshot, rows: Sequence[int]) -> list[dict[str, str]]:
        return [{"item": now.items.id(row), "title": now.title(row)} for row in rows]

    def items(self, limit: int, after: str | None = None) -> dict[str, Any]:
        """Return a page of the items that are not withdrawn."""
        now = self.now
        start = 0 if after is None else now.items.row(after) + 1
        rows = now.not_withdrawn(np.arange(start, len(now.items)))
        page = rows[:limit].tolist()
        return {
            "items": self._titled(now, page),
            "total": now.num_available,
            "next": now.items.id(page[-1]) if len(rows) > limit else None,
        }

    def users(self, limit: int, after: str | None = None) -> dict[str, Any]:
        """Return a page of the users who are not deleted."""
        now = self.now
        present = now.present_users
        start = 0 if after is None else now.users.row(after) + 1
        rows = present[np.searchsorted(present, start) :]
        ids = now.users.take(rows[:limit])
        return {
            "users": ids,
            "total": len(present),
            "next": ids[-1] if len(rows) > limit else None,
        }

    def profile(self, user: str | None, liked: Sequence[str] = ()) -> dict[str, Any]:
        """Return what somebody likes in words; see `Recommender.profile`."""
        return self.recommender.profile(user, liked=liked).to_dict()

    def neighborhood(self, kind: str, id: str, limit: int) -> dict[str, Any]:
        """Return a node of the graph and its neighbors; see `GraphView.around`."""
        return self._graph_view().around(kind, id, limit)

    def _graph_view(self) -> GraphView:
        now = self.now
        if self._view is None or self._view[0] is not now:
            self._view = now, GraphView(now.arrays, now.array_names)
        return self._view[1]

    def _attributes(
        self, table: AttributeTable | None, id: str, everything: bool = False
    ) -> dict[str, Any]:
        """Return the columns of a row of a table, without those that are hidden."""
        if table is None or id not in table.ids:
            return {}
        row = table.ids.row(id)
        found: dict[str, Any] = {}
        for name, category in table.categories.items():
            found[name] = category.values.take(category.value[category.row == row])
        for name, values in table.numbers.items():
            found[name] = _plain(values[row])
        for name in map(str, table.others.columns):
            found[name] = _plain(table.others[name].iloc[row])
        hidden = () if everything else self.hidden
        return {name: value for name, value in found.items() if name not in hidden}

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the run is: its model, settings, figures, origin and warnings."""
        return {"run": self.name, **self.card}


def explanation_tree(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain values, without rows, which mean nothing outside."""
    tree: dict[str, Any] = _without_rows(explanation.to_dict())
    return tree


def _without_rows(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {name: _without_rows(value) for name, value in tree.items() if name != "row"}
    if isinstance(tree, list | tuple):
        return [_without_rows(value) for value in tree]
    return _plain(tree)


def _trees(found: Sequence[Recommendation]) -> list[dict[str, Any]]:
    return [one.to_dict() for one in found]


def _plain(value: Any) -> Any:
    """Return a value of a table as JSON holds it; None for what is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Sequence | np.ndarray):
        return [_plain(one) for one in value]
    return str(value)
