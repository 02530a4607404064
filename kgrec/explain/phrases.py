"""The words of explanations in several languages; one file in `languages/` for each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from kgrec.errors import printable, warn
from kgrec.explain.settings import Tone

_FOLDER: Final = Path(__file__).with_name("languages")
ENGLISH: Final = "en"
_SOUND_OF_I: Final = re.compile(r"(?i)h?i(?!e)")


@dataclass(frozen=True)
class Phrases:
    """Templates of sentences, and how a language writes lists and numbers.

    Attributes:
        language: The language, such as "de".
        thousands: Between thousands.
        marks: Quotation marks.
        and_: Before the last part of a list.
        and_before_i: The same before a word that begins with the sound of i; "": it is no other.
        comma: Between the other parts of a list.
        join: Between things that are in common, if these are no list; "": they are one.
        semicolon: Between clauses.
        space: Between sentences.
        stop: The full stop.
        capital: Whether a clause after a colon has a capital letter.
        texts: Templates by name, for `str.format`.
        counted: Templates by name whose choice depends on a number: for 0 or 1 first.
    """

    language: str
    thousands: str
    marks: tuple[str, str]
    and_: str
    and_before_i: str
    comma: str
    join: str
    semicolon: str
    space: str
    stop: str
    capital: bool
    texts: dict[str, str]
    counted: dict[str, tuple[str, ...]]

    def text(self, name: str, **parts: str) -> str:
        """Return a template with its parts filled in."""
        return self.texts[name].format(**parts)

    def number(self, count: int) -> str:
        """Return a number in digits."""
        return f"{count:,}".replace(",", self.thousands)

    def enumerate(self, parts: Sequence[str]) -> str:
        """Return a list in words.

        >>> phrases_of("de").enumerate(["a", "b", "c"])
        'a, b und c'
        """
        if len(parts) < 2:
            return "".join(parts)
        other = self.and_before_i and _SOUND_OF_I.match(parts[-1])
        return self.comma.join(parts[:-1]) + (self.and_before_i if other else self.and_) + parts[-1]

    def other_people(self, count: int) -> str:
        """Return "1 other person", "2 other people"."""
        return self.counted["other_people"][count != 1].format(count=self.number(count))

    def chosen(self, item: str, chosen: int, users: int) -> str:
        """Return how many of the other users have chosen an item."""
        numbers = {"chosen": self.number(chosen), "users": self.number(users)}
        return self.counted["chosen"][min(chosen, 2)].format(item=item, **numbers)

    def audience(self, count: int, size: int, liked: str) -> str:
        """Return how many of those who liked another item liked this one as well."""
        numbers = {"count": self.number(count), "size": self.number(size)}
        return self.counted["audience_part"][size != 1].format(liked=liked, **numbers)


def known_languages() -> list[str]:
    """Return the languages of explanations, sorted.

    >>> known_languages()
    ['de', 'en', 'es', 'fr', 'zh']
    """
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


@lru_cache
def phrases_of(language: str, tone: Tone = "polite", *, similar: bool = False) -> Phrases:
    """Return the phrases of one of `known_languages`.

    Args:
        language: The language.
        tone: How people are addressed.
        similar: Whether an item is like another one, and not recommended to somebody.
    """
    given = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    familiar = given.pop("familiar", {})
    if tone == "familiar":
        given |= familiar
    of_similar = given.pop("similar")
    if similar:
        given |= of_similar
    marks = given.pop("marks")
    texts = {name: text for name, text in given.items() if isinstance(text, str)}
    counted = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return Phrases(
        language,
        texts.pop("thousands"),
        (marks[0], marks[1]),
        texts.pop("and"),
        texts.pop("and_before_i", ""),
        texts.pop("comma", ", "),
        texts.pop("join", ""),
        texts.pop("semicolon", "; "),
        texts.pop("space", " "),
        texts.pop("stop", "."),
        texts.pop("capital", "no") == "yes",
        texts,
        counted,
    )


def chosen_language(wanted: str) -> str:
    """Return the language of sentences for a language tag; English, with a warning, for others.

    Args:
        wanted: Such as "de" or "fr-CA"; "": English.
    """
    language = wanted.lower().replace("_", "-").split("-")[0]
    if language and language not in known_languages():
        warn(
            f"There are no explanations in {printable(wanted, 20)!r}, only in "
            f"{', '.join(known_languages())}: the sentence is in English."
        )
        return ENGLISH
    return language or ENGLISH
