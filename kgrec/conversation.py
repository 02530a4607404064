"""A conversation that looks for items: each turn of plain words refines what is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kgrec.data.vocabulary import id_list
from kgrec.errors import DataError, check_kind, first_few
from kgrec.recommender import Recommender
from kgrec.search.state import Wish
from kgrec.search.taste import Encode
from kgrec.snapshot.listed import Recommendation
from kgrec.snapshot.searching import Asked

_SHOWN = 12  # names of a kind in a sentence


@dataclass(frozen=True)
class Understood:
    """What was understood of a conversation so far.

    Attributes:
        wanted: Names of values that are wanted, such as genres and people.
        unwanted: Names of values that are not wanted: no item that has one is returned.
        liked: Ids and titles of the items whose like is wanted.
        disliked: Ids and titles of items that are not liked.
        corrected: Words that were read as a name that is spelt otherwise, and that name.
    """

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    liked: tuple[tuple[str, str], ...] = ()
    disliked: tuple[tuple[str, str], ...] = ()
    corrected: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        parts = [
            ("You look for", self.wanted),
            ("like", tuple(title for _, title in self.liked)),
            ("not", self.unwanted),
            ("unlike", tuple(title for _, title in self.disliked)),
            ("read as", tuple(f"{one} → {other}" for one, other in self.corrected)),
        ]
        told = [f"{what}: {first_few(names, _SHOWN)}" for what, names in parts if names]
        text = "; ".join(told)
        return f"{text[:1].upper()}{text[1:]}." if told else "No name was recognised."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "wanted": list(self.wanted),
            "unwanted": list(self.unwanted),
            "liked": [{"item": id, "title": title} for id, title in self.liked],
            "disliked": [{"item": id, "title": title} for id, title in self.disliked],
            "corrected": [{"said": one, "read": other} for one, other in self.corrected],
        }


@dataclass(frozen=True)
class Answer:
    """The answer to one turn.

    Attributes:
        items: The best items that were not shown before, best first.
        understood: What was understood of all turns so far.
    """

    items: list[Recommendation]
    understood: Understood

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "items": [item.to_dict() for item in self.items],
            "understood": self.understood.to_dict(),
        }


@dataclass
class Conversation:
    """Looks for items in several turns of plain words.

    All turns make one state: what is wanted and not wanted, items and values that are named, what
    was shown and turned down. What a turn names counts less with each turn since; what is not
    wanted stays so until somebody wants it again. No item comes twice.

    Args:
        recommender: A fitted recommender with text.
        user: Id of a known user, whose taste counts and whose items are left out; None: nobody.
        filter: What items must fulfil, as for `Recommender.recommend`.

    Raises:
        UnknownIdError: The user is unknown.
        DataError: The recommender has no text.
    """

    recommender: Recommender
    user: str | int | None = None
    filter: str | None = None
    _turns: list[str] = field(default_factory=list, repr=False)
    _liked: dict[int, None] = field(default_factory=dict, repr=False)
    _disliked: dict[int, None] = field(default_factory=dict, repr=False)
    _shown: dict[int, None] = field(default_factory=dict, repr=False)
    _encoding: tuple[object, Encode] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.user is not None:
            self.recommender.user_vocabulary.row(self.user)
        self.recommender.taste()

    def say(self, text: str, k: int = 5) -> Answer:
        """Add a turn, and return the best items for all that was said.

        Args:
            text: The words.
            k: Number of items.

        Raises:
            DataError: The text is empty.
            ConfigError: k is larger than the catalogue, or the filter is not understood.
        """
        check_kind("text", text, isinstance(text, str), "a text")
        if not text.strip():
            raise DataError("The turn is empty: say what you look for.")
        self._turns.append(text)
        try:
            return self.more(k)
        except Exception:
            self._turns.pop()
            raise

    def more(self, k: int = 5) -> Answer:
        """Return further items for what was said so far.

        Raises:
            DataError: Nothing was said, and nothing is liked.
        """
        if not self._turns and not self._liked and self.user is None:
            raise DataError("Nothing was said yet: say what you look for.")
        now = self.recommender.snapshot
        self.recommender.check_k(k)
        history: tuple[int, ...] = ()
        if self.user is not None:
            row = now.users.row(self.user)
            history = tuple(now.history(row).indices.tolist())
        asked = Asked(
            tuple(self._turns),
            tuple(self._liked),
            tuple(self._disliked),
            history,
            (*self._shown, *self._liked, *self._disliked),
        )
        items, found = self.recommender.found(
            asked, k, now.allowed(self.filter), talks=True, encode=self._encode()
        )
        self._shown |= dict.fromkeys(now.items.rows([item.item for item in items]).tolist())
        return Answer(items, self._understood(found.wish, found.state.turns))

    def resume(self, turns: Iterable[str], shown: Iterable[str | int] = ()) -> None:
        """Go on from another conversation: from what was said and shown there.

        Args:
            turns: All turns, in order.
            shown: Ids of the items that were shown.

        Raises:
            DataError: A turn is empty.
            UnknownIdError: An item is unknown.
        """
        turns = list(turns)
        for text in turns:
            check_kind("turns", text, isinstance(text, str), "texts")
            if not text.strip():
                raise DataError("A turn is empty: say what you look for.")
        rows = self.recommender.item_vocabulary.rows(id_list(shown, "shown")).tolist()
        self._turns.extend(turns)
        self._shown |= dict.fromkeys(rows)

    def like(self, items: Iterable[str | int]) -> None:
        """Say that items are liked: others like them come first.

        Raises:
            UnknownIdError: An item is unknown.
        """
        rows = self.recommender.item_vocabulary.rows(id_list(items, "items")).tolist()
        for row in rows:
            self._disliked.pop(row, None)
            self._liked[row] = None

    def dislike(self, items: Iterable[str | int]) -> None:
        """Say that items are turned down: others like them come last.

        Raises:
            UnknownIdError: An item is unknown.
        """
        rows = self.recommender.item_vocabulary.rows(id_list(items, "items")).tolist()
        for row in rows:
            self._liked.pop(row, None)
            self._disliked[row] = None

    def reset(self) -> None:
        """Forget all that was said, shown and liked."""
        for one in (self._turns, self._liked, self._disliked, self._shown):
            one.clear()
        self._encoding = None

    def _encode(self) -> Encode:
        """Return the encoder with the vectors of earlier turns, as long as it is the same."""
        encoder = self.recommender.encoder
        if self._encoding is None or self._encoding[0] is not encoder:
            self._encoding = encoder, self.recommender.query_encoder()
        return self._encoding[1]

    def _understood(self, wish: Wish, turns: Iterable[Any]) -> Understood:
        now = self.recommender.snapshot
        facts = self.recommender.taste().facts

        def items(rows: Iterable[int]) -> tuple[tuple[str, str], ...]:
            return tuple((now.items.id(row), now.title(row)) for row in rows)

        known = set(now.history(now.users.row(self.user)).indices) if self.user is not None else ()
        corrected = {}
        for turn in turns:
            for one in turn.named:
                if not one.exact:
                    row = one.rows[0]
                    corrected[one.text] = now.title(row) if one.kind == "item" else facts.names[row]
        return Understood(
            tuple(facts.names[row] for row in wish.wanted),
            tuple(facts.names[row] for row in sorted(wish.unwanted)),
            items(row for row in wish.liked if row not in known),
            items(wish.disliked),
            tuple(corrected.items()),
        )
