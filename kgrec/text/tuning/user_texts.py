"""What a user is in words, and how a user's and an item's words share the tokens of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.attribute_table import AttributeTable
from kgrec.errors import ConfigError, DataError, did_you_mean, printable
from kgrec.text.module import TextModule
from kgrec.text.progress import ShowProgress, reporter
from kgrec.text.verbalise import clean, words_of
from kgrec.types import IntArray

_MOST_TITLES: Final = 64
"""Titles that are taken of a history; fewer fit into a text."""
_MOST_KEPT: Final = 100_000
"""Strings whose tokens are kept."""
_AT_ONCE: Final = 4096
"""Texts that are read between two reports of the progress."""


@dataclass(frozen=True)
class UserText:
    """The words on a user.

    Attributes:
        profile: What the user table says, such as "Age: 24. Occupation: writer."
        own: Free text, such as a résumé or a query.
        liked: Titles of liked items, the most telling first.
        disliked: Titles of disliked items, likewise.
    """

    profile: str = ""
    own: str = ""
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return all of it as one text."""
        lists = (("liked", self.liked), ("disliked", self.disliked))
        told = [f"{name}: {', '.join(titles)}" for name, titles in lists if titles]
        return " ".join([*(part for part in (self.profile, self.own) if part), "; ".join(told)])


class UserTexts:
    """The texts of the users of a log.

    The titles of a history begin with the items that the fewest users have, as they tell the most;
    equally rare ones are in the order of the rows.

    Args:
        titles: The title of each item.
        liked: Who liked what, CSR of shape (num_users, num_items).
        disliked: Who disliked what, likewise; None: it is not known.
        profiles: What the user table says of each user; empty: nothing.
        own: Free text of each user; empty: there is none.
    """

    def __init__(
        self,
        titles: Sequence[str],
        liked: csr_matrix,
        disliked: csr_matrix | None = None,
        profiles: Sequence[str] = (),
        own: Sequence[str] = (),
    ) -> None:
        self.titles = titles
        self._liked, self._disliked = csr_matrix(liked), disliked
        self._liked.eliminate_zeros()
        self._profiles, self._own = profiles, own
        both = self._liked if disliked is None else self._liked + disliked
        self._counts = np.bincount(both.tocoo().col, minlength=both.shape[1])

    def of(self, user: int, without: int = -1) -> UserText:
        """Return the text of a user.

        Args:
            user: Row of the user.
            without: Row of an item that the history does not have, as it is asked about; -1: none.
        """
        return UserText(
            self._profiles[user] if len(self._profiles) else "",
            self._own[user] if len(self._own) else "",
            self.listed(self._liked, user, without),
            () if self._disliked is None else self.listed(self._disliked, user, without),
        )

    def listed(self, matrix: csr_matrix, row: int, without: int = -1) -> tuple[str, ...]:
        """Return the titles of the items in a row of a matrix, those of the fewest users first."""
        items = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        items = items[items != without]
        order = np.lexsort((items, self._counts[items]))[:_MOST_TITLES]
        return tuple(self.titles[item] for item in items[order].tolist())


def user_texts(
    titles: Sequence[str],
    liked: csr_matrix,
    disliked: csr_matrix | None,
    table: AttributeTable | None,
    *,
    history: bool = True,
    profile: bool = True,
    user_text: str | None = None,
) -> UserTexts:
    """Return the texts of users as settings say; see `PairTextsConfig`.

    Args:
        titles: The title of each item.
        liked: Who liked what, CSR of shape (num_users, num_items).
        disliked: Who disliked what, likewise; None: it is not known.
        table: The user table, with a row for each user, in their order; None: there is none.
        history: Whether titles are in the texts.
        profile: Whether categories and numbers of the table are.
        user_text: Column of the table with free text; None: there is none.

    Raises:
        ConfigError: There is no such column.
        DataError: Nothing is left that a text could be made of.
    """
    own: Sequence[str] = ()
    if user_text is not None:
        known = [] if table is None else [str(name) for name in table.others.columns]
        if table is None or user_text not in known:
            raise ConfigError(
                f"user_text: the user table has no further column {printable(user_text)!r}."
                + did_you_mean(user_text, known)
            )
        cells = table.others[user_text].tolist()
        own = ["" if cell is None or cell != cell else clean(str(cell)) for cell in cells]
    told = profiles(table) if profile and table is not None else []
    if not history and not any(told) and not any(own):
        raise DataError(
            "There is no text on any user: no history, no user table with categories or numbers, "
            "and no free text. Set `history: true`, or name data.users."
        )
    if not history:
        return UserTexts(titles, csr_matrix(liked) * 0, None, told, own)
    return UserTexts(titles, liked, disliked, told, own)


def profiles(table: AttributeTable) -> list[str]:
    """Return categories and numbers of each row in words, such as "Occupation: writer. Age: 24."

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"user_id": ["a", "b"], "job": ["writer", None], "age": [24, 31.5]})
    >>> table = AttributeTable.read(frame, id="user_id", categories=["job"], numbers=["age"])
    >>> profiles(table)
    ['Job: writer. Age: 24.', 'Age: 31.5.']
    """
    texts = []
    for row, words in enumerate(table.words()):
        told = {name: ", ".join(values) for name, values in words.items() if values}
        numbers = {name: float(column[row]) for name, column in table.numbers.items()}
        told |= {name: f"{value:g}" for name, value in numbers.items() if value == value}
        texts.append(" ".join(f"{_name(name)}: {clean(value)}." for name, value in told.items()))
    return texts


def _name(column: str) -> str:
    words = clean(words_of(column))
    return words[:1].upper() + words[1:]


class PairReader:
    """Turns the texts of a user and an item into the tokens of two segments.

    A text that is short leaves its tokens to the other. Within the user's text, profile, free text,
    liked and disliked titles have equal shares, and what one does not need is for the others.
    Lists are cut between titles.

    Args:
        module: The model that reads them.
        user_share: Share of the tokens for the user where both texts are long.
    """

    def __init__(self, module: TextModule, user_share: float) -> None:
        self._module, self._share = module, user_share
        self._room = module.pair_room
        self._kept: dict[str, IntArray] = {}

    def read(self, texts: Sequence[str], progress: ShowProgress = False) -> None:
        """Read many texts at once, which is faster than one after the other.

        Args:
            texts: Of any number.
            progress: As for `TextEncoder.encode`.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if len(self._kept) + len(new) > _MOST_KEPT:
            self._kept.clear()
            new = list(dict.fromkeys(texts))
        with reporter(progress, len(new), "Reading texts") as report:
            for start in range(0, len(new), _AT_ONCE):
                some = new[start : start + _AT_ONCE]
                self._kept.update(zip(some, self._module.pieces(some), strict=True))
                report(start + len(some), len(new))

    def tokens(self, user: UserText, item: str) -> IntArray:
        """Return the tokens of a pair, int64 of shape (length,)."""
        second = self._pieces(item)
        most = max(int(self._room * self._share), self._room - len(second))
        first = self._user(user, most)
        return self._module.joined(first, second[: self._room - len(first)])

    def _user(self, user: UserText, room: int) -> IntArray:
        def made(rooms: Sequence[int]) -> list[IntArray]:
            return [
                self._pieces(user.profile)[: rooms[0]],
                self._pieces(user.own)[: rooms[1]],
                self._list("liked", user.liked, rooms[2]),
                self._list("disliked", user.disliked, rooms[3]),
            ]

        parts = made([room] * 4)
        if sum(map(len, parts)) > room:
            parts = made(fair_lengths([len(part) for part in parts], room))
        return np.concatenate(parts)

    def _list(self, name: str, titles: Sequence[str], room: int) -> IntArray:
        """Return the tokens of as many titles as there is room for, after the list's name."""
        parts = [self._pieces(f"{name}:")]
        left = room - len(parts[0])
        for title in titles:
            new = self._pieces(title)
            if len(parts) > 1:
                new = np.concatenate([self._pieces(","), new])
            if len(new) > left:
                break
            parts.append(new)
            left -= len(new)
        return np.concatenate(parts) if len(parts) > 1 else np.zeros(0, dtype=np.int64)

    def _pieces(self, text: str) -> IntArray:
        if text not in self._kept:
            self.read([text])
        return self._kept[text]


def fair_lengths(lengths: Sequence[int], room: int) -> list[int]:
    """Return how much of a room each of several parts gets, none more than it needs.

    It is max-min fair: no part can get more without taking from one that has no more.

    Args:
        lengths: What each part needs.
        room: What there is for all.

    >>> fair_lengths([3, 100, 50], 43), fair_lengths([3, 4], 43)
    ([3, 20, 20], [3, 4])
    """
    found, left = [0] * len(lengths), room
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    for done, place in enumerate(order):
        found[place] = min(lengths[place], left // (len(lengths) - done))
        left -= found[place]
    return found
