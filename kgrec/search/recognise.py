"""Names in words: items by title, and values such as people and genres; spelling is forgiven."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np

from kgrec.search.facts import ItemFacts
from kgrec.search.names import Name
from kgrec.search.polarity import CUES, Polarity, polarities
from kgrec.search.tokens import Token, singular, tokens_of
from kgrec.text.fillers import FILLERS
from kgrec.types import Float64Array

_ALIKE: Final = 84.0  # of 100: rapidfuzz's ratio of two spellings
_ALIKE_TITLE: Final = 88.0  # titles without a year are more, and any words can be one
_ALIKE_WORD: Final = 82.0
_SHORTEST: Final = 5  # characters of a single word whose spelling is forgiven
_SHORTEST_PAIR: Final = 7  # characters of several
_WINDOW: Final = 5  # words of a name whose spelling is forgiven
_QUOTES: Final = "\"“”„«»'‘’"
_SPELLED: Final = 2000  # tokens of a text whose spelling is forgiven; exact names have no limit
_YEARS: Final = range(1500, 2100)


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
        self,
        facts: ItemFacts,
        known: Collection[str] = (),
        frequent: Collection[str] = (),
    ) -> None:
        self._facts, self._known, self._frequent = facts, frozenset(known), frozenset(frequent)
        self._names = facts.all_names
        self._looked_up: dict[str, list[Name]] = {}

    def extended(
        self, facts: ItemFacts, known: Collection[str], frequent: Collection[str]
    ) -> Recogniser:
        """Return a recogniser of more items and values, which come after these.

        Args:
            facts: What is known of all items, from `ItemFacts.extended`.
            known: Words of the texts of the new items.
            frequent: Those of them that are in many texts.
        """
        return Recogniser(facts, self._known.union(known), self._frequent.union(frequent))

    def _starting_with(self, word: str) -> list[Name]:
        """Return the names whose first word is this one; what was looked up once is kept."""
        found = self._looked_up.get(word)
        if found is None:
            found = self._names.starting_with(word)
            if found:  # words of queries that begin no name would be without end
                self._looked_up[word] = found
        return found

    @cached_property
    def _years(self) -> Float64Array:
        """The year of what each name names, NaN for none, and for parts of titles."""
        names, years = self._names, np.full(len(self._names), np.nan)
        chosen = ~names.value & ~names.part
        years[chosen] = np.floor(self._facts.years[names.row[chosen]])
        return years

    @cached_property
    def _single(self) -> list[Name]:
        """Names of one word that sort items, such as genres."""
        names = self._names
        sorts = np.zeros(len(names), dtype=bool)
        sorts[names.value] = self._facts.shared[names.row[names.value]]
        return names.take(np.flatnonzero(sorts & ~names.several))

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

    def _longest(self, words: _Words, place: int) -> tuple[int, list[Name]]:
        """Return the length of the longest name at a word, and all names of that length."""
        best: list[Name] = []
        length = 0
        written = words.tokens[place].word
        for form in singular(written):
            for name in self._starting_with(form):
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

    def _sorts(self, name: Name) -> bool:
        return name.kind == "value" and bool(self._facts.shared[name.row])

    def _counts(self, words: _Words, place: int, name: Name) -> bool:
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
        self, words: _Words, place: int, length: int, names: Sequence[Name], exact: bool = True
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

    def _nearest(self, words: _Words, place: int) -> tuple[int, list[Name]]:
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
            pool = (
                self._names.alike("".join(word[0] for word in given))
                if year is None
                else self._near(year)
            )
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

    def _close(self, name: Name, alike: float, given: Sequence[str], has_year: bool) -> bool:
        least = _ALIKE if name.kind == "value" or has_year else _ALIKE_TITLE
        if alike < least or len("".join(given)) < _SHORTEST_PAIR:
            return False
        numbers = [[word for word in words if word.isdigit()] for words in (given, name.words)]
        return numbers[0] == numbers[1]  # "Rocky 2" is not "Rocky 3"

    def _near(self, year: int) -> list[Name]:
        """Return the names of that year, then of the year before and the year after."""
        years = self._years
        places = [np.flatnonzero(years == one) for one in (year, year - 1, year + 1)]
        return self._names.take(np.concatenate(places))

    def _one_word(self, words: _Words, place: int) -> list[Name]:
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
