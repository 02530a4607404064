"""Names in words: items by title, and values such as people and genres; spelling is forgiven."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from kgrec.linking.titles import title_keys
from kgrec.search.facts import ItemFacts
from kgrec.search.polarity import CUES, Polarity, polarities
from kgrec.search.tokens import Token, singular, tokens_of, words_of
from kgrec.text.fillers import FILLERS

_LONGEST: Final = 12  # words of a name
_ALIKE: Final = 84.0  # of 100: rapidfuzz's ratio of two spellings
_ALIKE_TITLE: Final = 88.0  # titles without a year are more, and any words can be one
_ALIKE_WORD: Final = 82.0
_SHORTEST: Final = 5  # characters of a single word whose spelling is forgiven
_SHORTEST_PAIR: Final = 7  # characters of several
_WINDOW: Final = 5  # words of a name whose spelling is forgiven
_QUOTES: Final = "\"“”„«»'‘’"
_SPELLED: Final = 2000  # tokens of a text whose spelling is forgiven; exact names have no limit
_ARTICLES: Final = frozenset(
    {"the", "a", "an", "der", "die", "das", "le", "la", "les", "el", "los", "las", "il"}
)
_YEARS: Final = range(1500, 2100)
_SPELLING: Final = ("_alike", "_of_year", "_single")


@dataclass(frozen=True)
class Named:
    """A name in words.

    Attributes:
        kind: `item` or `value`.
        rows: Rows of the items or values that have the name, best first.
        text: How the words have it.
        start: Where it begins in the text.
        end: Where it ends, a year in brackets included.
        polarity: What is said of it.
        exact: Whether it is spelt as in the catalogue.
    """

    kind: Literal["item", "value"]
    rows: tuple[int, ...]
    text: str
    start: int
    end: int
    polarity: Polarity = "neutral"
    exact: bool = True


@dataclass(frozen=True)
class _Name:
    words: tuple[str, ...]
    kind: Literal["item", "value"]
    row: int
    part: bool = False  # only a part of a title, such as that before a colon


@dataclass(frozen=True)
class _Words:
    """The words of a text, in which names are looked for.

    Attributes:
        text: The text.
        tokens: Its words, without what separates clauses: that may stand inside of a title.
        place: The place of each word among all tokens of the text.
        taken: Which words belong to a name, or are the year behind it.
    """

    text: str
    tokens: tuple[Token, ...]
    place: tuple[int, ...]
    taken: list[bool]

    def begins_clause(self, word: int) -> bool:
        """Return whether a separator, or nothing, stands before a word."""
        return word == 0 or self.place[word] - self.place[word - 1] > 1

    def together(self, first: int, last: int) -> bool:
        """Return whether no separator stands between two words."""
        return self.place[last] - self.place[first] == last - first


class Recogniser:
    """Finds names in words.

    A title of one common word, such as "Up", counts only with its year, in quotation marks, or
    with a capital letter inside of a sentence that is not in capitals. Where several items have a
    title, a year behind it chooses; without one, all of them are meant.

    Args:
        facts: What is known of the items.
        known: Words of the items' texts, whose spelling is right.
        frequent: Those of them that are in many texts.
    """

    def __init__(
        self, facts: ItemFacts, known: Collection[str] = (), frequent: Collection[str] = ()
    ) -> None:
        self._facts, self._known, self._frequent = facts, frozenset(known), frozenset(frequent)
        self._starts: dict[str, list[_Name]] = defaultdict(list)
        for name in self._names():
            self._starts[name.words[0]].append(name)
        for names in self._starts.values():
            names.sort(key=_longest_first)

    def extended(
        self, facts: ItemFacts, known: Collection[str], frequent: Collection[str]
    ) -> Recogniser:
        """Return a recogniser of more items and values, which come after these.

        Args:
            facts: What is known of all items.
            known: Words of the texts of the new items.
            frequent: Those of them that are in many texts.
        """
        made = copy(self)
        made._facts = facts
        made._known, made._frequent = self._known | set(known), self._frequent | set(frequent)
        made._starts = self._starts.copy()
        for name in ("_alike", "_of_year", "_single"):
            made.__dict__.pop(name, None)
        new = list(made._names(len(self._facts.titles), len(self._facts.names)))
        for one in new:  # the lists of before are the other one's
            made._starts[one.words[0]] = sorted(
                [*made._starts.get(one.words[0], ()), one], key=_longest_first
            )
        made._extend_spelling(self, new)
        return made

    def _extend_spelling(self, before: Recogniser, new: Sequence[_Name]) -> None:
        """Extend the indexes of spelling that another recogniser has made."""
        made = {key: value for key, value in before.__dict__.items() if key in _SPELLING}
        if "_single" in made:
            single = [one for one in new if self._sorts(one) and len(one.words) == 1]
            self.__dict__["_single"] = [*made.pop("_single"), *single]
        for key, table in made.items():
            table = table.copy()
            for one in new:
                place = self._block_of(one) if key == "_alike" else self._year_of(one)
                if place is not None:
                    table[place] = [*table.get(place, ()), one]
            self.__dict__[key] = table

    @cached_property
    def _alike(self) -> dict[tuple[int, str], list[_Name]]:
        """Names of several words by their number and first letters; only spelling needs them."""
        found: dict[tuple[int, str], list[_Name]] = defaultdict(list)
        for names in self._starts.values():
            for name in names:
                block = self._block_of(name)
                if block is not None:
                    found[block].append(name)
        return found

    def _block_of(self, name: _Name) -> tuple[int, str] | None:
        return None if len(name.words) < 2 or name.part else _block(name.words)

    @cached_property
    def _of_year(self) -> dict[int, list[_Name]]:
        found: dict[int, list[_Name]] = defaultdict(list)
        for names in self._starts.values():
            for name in names:
                year = self._year_of(name)
                if year is not None:
                    found[year].append(name)
        return found

    def _year_of(self, name: _Name) -> int | None:
        year = self._facts.years[name.row] if name.kind == "item" else np.nan
        return None if name.part or np.isnan(year) else int(year)

    @cached_property
    def _single(self) -> list[_Name]:
        """Names of one word that sort items, such as genres."""
        return [
            name
            for names in self._starts.values()
            for name in names
            if self._sorts(name) and len(name.words) == 1
        ]

    def find(self, text: str) -> list[Named]:
        """Return the names in a text, in their order; they do not overlap."""
        tokens = tokens_of(text)
        place = tuple(place for place, token in enumerate(tokens) if token.word)
        words = _Words(text, tuple(tokens[at] for at in place), place, [False] * len(place))
        found = [*self._exact(words), *self._misspelt(words)]
        found.sort(key=lambda one: one.start)
        named = [False] * len(tokens)
        for at, taken in zip(place, words.taken, strict=True):
            named[at] = taken
        first = {tokens[at].start: at for at in place}
        for one in found:  # a separator inside of a title ends no clause
            for at in range(first[one.start], len(tokens)):
                if tokens[at].start >= one.end:
                    break
                named[at] = True
        said = polarities(tokens, named)
        return [replace(one, polarity=said[first[one.start]]) for one in found]

    def written(self, one: Named) -> str:
        """Return a name as the catalogue has it."""
        names = self._facts.titles if one.kind == "item" else self._facts.names
        return names[one.rows[0]]

    def unwanted_spans(self, text: str, found: Sequence[Named]) -> list[tuple[int, int]]:
        """Return the parts of a text that say what is not wanted.

        Args:
            text: The text.
            found: The names in it, from `find`.
        """
        tokens = tokens_of(text)
        named = [any(one.start <= token.start < one.end for one in found) for token in tokens]
        spans: list[tuple[int, int]] = []
        open_ = False
        for token, said in zip(tokens, polarities(tokens, named), strict=True):
            against = said in ("unwanted", "disliked")
            if against and open_:
                spans[-1] = (spans[-1][0], token.end)
            elif against:
                spans.append((token.start, token.end))
            open_ = against
        return spans

    # ------------------------------------------------------------------ names

    def _names(self, first_item: int = 0, first_value: int = 0) -> Iterator[_Name]:
        """Yield the names of the items and values from some rows on."""
        facts = self._facts
        keys = title_keys(pa.array(list(facts.titles[first_item:]), pa.large_string()))
        for place, kind, clean in zip(keys["row"], keys["kind"], keys["clean"], strict=True):
            words, row = words_of(clean), first_item + int(place)
            if words and len(words) <= _LONGEST:
                part = kind == "part"
                yield _Name(words, "item", row, part)
                if words[0] in _ARTICLES and len(words) > 1:
                    yield _Name(words[1:], "item", row, part)
        for row, name in enumerate(facts.names[first_value:], first_value):
            words = words_of(name)
            if words and len(words) <= _LONGEST and len("".join(words)) > 2:
                yield _Name(words, "value", row)

    # ------------------------------------------------------------------ as they are written

    def _exact(self, words: _Words) -> list[Named]:
        found = []
        place = 0
        while place < len(words.tokens):
            length, names = self._longest(words, place)
            if length:
                found.append(self._named(words, place, length, names))
            place += max(length, 1)
        return found

    def _longest(self, words: _Words, place: int) -> tuple[int, list[_Name]]:
        """Return the length of the longest name at a word, and all names of that length."""
        best: list[_Name] = []
        length = 0
        written = words.tokens[place].word
        for form in singular(written):
            for name in self._starts.get(form, ()):
                size = len(name.words)
                if size < length or place + size > len(words.tokens):
                    continue
                if form != written and not self._sorts(name):
                    continue
                rest = words.tokens[place + 1 : place + size]
                if any(
                    token.word != word for token, word in zip(rest, name.words[1:], strict=True)
                ):
                    continue
                if not self._counts(words, place, name):
                    continue
                if size > length:
                    length, best = size, []
                best.append(name)
        return length, best

    def _sorts(self, name: _Name) -> bool:
        return name.kind == "value" and bool(self._facts.shared[name.row])

    def _counts(self, words: _Words, place: int, name: _Name) -> bool:
        """Return whether words that are those of a name mean it."""
        last = place + len(name.words) - 1
        if name.kind == "value":
            several = len(name.words) > 1 and words.together(place, last)
            return self._sorts(name) or several or self._stands_out(name.words[0])
        if _year_after(words, last) is not None or _is_quoted(words, place, last):
            return True
        content = [word for word in name.words if word not in FILLERS and not word.isdigit()]
        if not content or (name.part and len(content) < 2):
            return False
        tokens = words.tokens[place : last + 1]
        if len(name.words) > 1:
            capital = sum(token.capital for token in tokens) > 1
            rare = any(self._stands_out(word) for word in content)
            return capital or rare or len(content) > 2
        shouting = words.text.isupper()
        capital = tokens[0].capital and not words.begins_clause(place) and not shouting
        return capital or self._stands_out(content[0])

    def _stands_out(self, word: str) -> bool:
        """Return whether a word is rare enough to mean a name, wherever it stands."""
        short = len(word) < _SHORTEST
        return not (short or word in self._frequent or word in FILLERS or word in CUES)

    def _named(
        self, words: _Words, place: int, length: int, names: Sequence[_Name], exact: bool = True
    ) -> Named:
        last = place + length - 1
        start, end = words.tokens[place].start, words.tokens[last].end
        text = words.text[start:end]
        words.taken[place : last + 1] = [True] * length
        # A value is meant rather than a title of the same name, unless a year follows.
        year = _year_after(words, last)
        items = [name for name in names if name.kind == "item"]
        values = [name for name in names if name.kind == "value"]
        if year is not None and items:
            words.taken[last + 1] = True
            end = min(words.tokens[last + 1].end + 1, len(words.text))
            values = []
            near = [one for one in items if abs(self._facts.years[one.row] - year) <= 1]
            items = near or items
        whole = [name for name in items if not name.part] or items
        kind: Literal["item", "value"] = "value" if values else "item"
        rows = dict.fromkeys(name.row for name in (values or whole))
        return Named(kind, tuple(rows), text, start, end, exact=exact)

    # ------------------------------------------------------------------ spelt otherwise

    def _misspelt(self, words: _Words) -> list[Named]:
        found = []
        for place in range(min(len(words.tokens), _SPELLED)):
            if words.taken[place]:
                continue
            size, names = self._nearest(words, place)
            if size:
                found.append(self._named(words, place, size, names, exact=False))
        return found

    def _nearest(self, words: _Words, place: int) -> tuple[int, list[_Name]]:
        """Return the number of words from one on that are nearly a name, and the names; or 0."""
        from rapidfuzz import fuzz, process

        size, found, most = 0, self._one_word(words, place), 0.0
        if found:
            size = 1
        for length in range(min(_WINDOW, len(words.tokens) - place), 1, -1):
            last = place + length - 1
            if any(words.taken[place : last + 1]) or not words.together(place, last):
                continue
            given = tuple(token.word for token in words.tokens[place : last + 1])
            year = _year_after(words, last)
            if year is None and all(word in self._known for word in given):
                continue
            pool = self._alike.get(_block(given), []) if year is None else self._near(year)
            if not pool or all(word in FILLERS for word in given):
                continue
            spelt = [" ".join(name.words) for name in pool]
            hit = process.extractOne(" ".join(given), spelt, scorer=fuzz.ratio)
            if hit is None or hit[1] <= most:
                continue
            if self._close(pool[hit[2]], hit[1], given, year is not None):
                most, size = hit[1], length
                found = [name for name in pool if name.words == pool[hit[2]].words]
        return size, found

    def _close(self, name: _Name, alike: float, given: Sequence[str], has_year: bool) -> bool:
        least = _ALIKE if name.kind == "value" or has_year else _ALIKE_TITLE
        if alike < least or len("".join(given)) < _SHORTEST_PAIR:
            return False
        numbers = [[word for word in words if word.isdigit()] for words in (given, name.words)]
        return numbers[0] == numbers[1]  # "Rocky 2" is not "Rocky 3"

    def _near(self, year: int) -> list[_Name]:
        return [name for one in (year, year - 1, year + 1) for name in self._of_year.get(one, ())]

    def _one_word(self, words: _Words, place: int) -> list[_Name]:
        """Return a genre or the like, or a title of a year, that a word is nearly."""
        from rapidfuzz import fuzz

        word = words.tokens[place].word
        if len(word) < _SHORTEST or word in FILLERS:
            return []
        year = _year_after(words, place)
        pool = self._single
        if year is not None:
            pool = [name for name in self._near(year) if len(name.words) == 1]
        elif any(form in self._known for form in singular(word)):
            return []
        forms = singular(word)
        near = [(max(fuzz.ratio(form, name.words[0]) for form in forms), name) for name in pool]
        best = max(near, key=lambda one: one[0], default=None)
        if best is None or best[0] < _ALIKE_WORD:
            return []
        return [name for name in pool if name.words == best[1].words]


def _year_after(words: _Words, last: int) -> int | None:
    """Return the year in brackets behind a word, None for none."""
    if last + 1 >= len(words.tokens):
        return None
    following = words.tokens[last + 1]
    between = words.text[words.tokens[last].end : following.start].strip(" \"'”’»")
    if between not in ("(", "[") or not following.word.isdigit() or len(following.word) != 4:
        return None
    year = int(following.word)
    return year if year in _YEARS else None


def _is_quoted(words: _Words, first: int, last: int) -> bool:
    start, end = words.tokens[first].start, words.tokens[last].end
    text = words.text
    return start > 0 and end < len(text) and text[start - 1] in _QUOTES and text[end] in _QUOTES


def _longest_first(name: _Name) -> tuple[int, bool, bool]:
    return -len(name.words), name.part, name.kind == "item"


def _block(words: Sequence[str]) -> tuple[int, str]:
    """Return what two spellings of a name must have in common: the first letters of its words."""
    return len(words), "".join(word[0] for word in words)
