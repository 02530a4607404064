"""What a text says, as data: the facts that it may hold, and the template that states them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from kgrec.explain.groups import names_of
from kgrec.explain.phrases import ENGLISH, phrases_of

Kind = Literal["reason", "title", "summary", "profile"]

STAND_INS: Final = ("Emma", "Oscar", "Max", "Paris", "Rome", "Madrid", "Berlin")
"""What names are replaced by before a language model reads them: the item, two liked items, and
values. They are short words that every model knows as names."""

MOST_VALUES: Final = len(STAND_INS) - 3
_NOUN: Final = re.compile(r"[a-z]{2,20}(?:[ -][a-z]{1,20}){0,3}")


@dataclass(frozen=True)
class Values:
    """The values that a relation has, such as the genres Drama and Comedy.

    Attributes:
        noun: The name of the relation for one value.
        plural: Its name for several.
        names: The values.
        several: Whether these are several; a stand-in is one name for several.
    """

    noun: str
    plural: str
    names: tuple[str, ...]
    several: bool

    @property
    def word(self) -> str:
        """The name of the relation for as many values."""
        return self.plural if self.several else self.noun

    @property
    def text(self) -> str:
        """The values as a list in words."""
        return phrases_of(ENGLISH).enumerate(self.names)

    def __str__(self) -> str:
        return f"the {self.word} {self.text}"


@dataclass(frozen=True)
class Statement:
    """Facts that hold together, so that each sentence of these names alone is true.

    Attributes:
        kind: "reason": an item is recommended because liked items share the values with it;
            "title": a heading for that; "summary": an item has the values; "profile": there are
            liked items with each value.
        item: Title of the item, "" in a profile.
        liked: Titles of the liked items; all have all values.
        values: The values, at most `MOST_VALUES`.
        again: Whether another reason for the same item stands before.
    """

    kind: Kind
    item: str = ""
    liked: tuple[str, ...] = ()
    values: tuple[Values, ...] = ()
    again: bool = False

    @property
    def liked_text(self) -> str:
        """The liked items as a list in words."""
        return names_of(self.liked, phrases_of(ENGLISH))

    @property
    def template(self) -> str:
        """The statement in the words of a template."""
        enumerate_ = phrases_of(ENGLISH).enumerate
        values = enumerate_([str(one) for one in self.values])
        if self.kind == "title":
            return f"{self.item}, because you liked {self.liked_text}"
        if self.kind == "summary":
            return f"{self.item} has {values}."
        if self.kind == "profile":
            parts = enumerate_([f"items with {one}" for one in self.values])
            return f"You liked {parts}."
        also = "also " if self.again else ""
        share = "share" if len(self.liked) > 1 else "shares"
        return (
            f"{self.item} is {also}recommended because you liked {self.liked_text}, which {share} "
            f"{values} with it."
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All names in it, each list of liked items and of values as one."""
        parts = (self.item, self.liked_text, *(one.text for one in self.values))
        return tuple(part for part in parts if part)

    @property
    def why_not(self) -> str:
        """Why it cannot be rewritten, "" if it can."""
        if self.kind != "title" and not self.values:
            return "there is no value to name"
        if len(self.values) > MOST_VALUES:
            return f"there are more than {MOST_VALUES} relations"
        for one in self.values:
            if not _NOUN.fullmatch(one.word) or not one.names:
                return "the name of a relation is no plain noun"
        words = [one.word for one in self.values]
        if len(set(words)) < len(words):
            return "two relations have the same name"
        return ""

    def masked(self) -> tuple[Statement, Mapping[str, str]]:
        """Return the statement with stand-ins for all names, and the names by stand-in.

        A language model reads the masked one only. So no label can tell it what to do, and none is
        misspelt.
        """
        item, first, second, *more = STAND_INS
        liked = (first, second)[: min(len(self.liked), 2)]
        values = tuple(
            replace(one, names=(name,)) for one, name in zip(self.values, more, strict=False)
        )
        masked = replace(self, item=item if self.item else "", liked=liked, values=values)
        return masked, dict(zip(masked.names, self.names, strict=True))

    @staticmethod
    def filled(text: str, names: Mapping[str, str]) -> str:
        """Return a text with names in the places of their stand-ins.

        After a name that ends with a full stop, such as "Washington, D.C.", there is no other one.
        """
        longest = sorted(names, key=len, reverse=True)
        found = re.compile(r"\b(" + "|".join(map(re.escape, longest)) + r")\b(\.?)")

        def name(match: re.Match[str]) -> str:
            own, stop = names[match[1]], match[2]
            return own if own.endswith(".") else own + stop

        return found.sub(name, text)
