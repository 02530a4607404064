"""All names of items and values as columns, which a run folder stores; looked up by first word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.search.tokens import words_of
from kgrec.types import BoolArray, IntArray

_LONGEST: Final = 12  # words of a name
_SHORTEST: Final = 3  # characters of the name of a value
_ARTICLES: Final = ("the", "a", "an", "der", "die", "das", "le", "la", "les", "el", "los", "las",
                    "il")  # fmt: skip
_SPECIAL: Final = r"[&.]|'(?:[^A-Za-z0-9]|$)|(?:^|[^A-Za-z0-9])'"  # as in `words_of`


@dataclass(frozen=True)
class Name:
    """A name of an item or of a value.

    Attributes:
        words: Its words, folded as `words_of` does.
        kind: What it names.
        row: The row of the item or value.
        part: Whether it is only a part of a title, such as that before a colon.
    """

    words: tuple[str, ...]
    kind: Literal["item", "value"]
    row: int
    part: bool = False


@dataclass(frozen=True, eq=False)
class Names:
    """All names, as columns: a `Name` is made when its first word is looked up.

    They are in the order of their first words. Those of the same first word have the longest first;
    of equal length whole titles come before parts, and values before items.

    Attributes:
        words: The words of each name, joined by spaces, Arrow large_string of shape (n,).
        row: The row of the item or value, int64 of shape (n,).
        value: Whether it names a value, bool of shape (n,).
        part: Whether it is only a part of a title, bool of shape (n,).
    """

    words: Any
    row: IntArray
    value: BoolArray
    part: BoolArray

    @classmethod
    def of(cls, titles: Sequence[str], values: Sequence[str]) -> Names:
        """Return the names of items and values.

        Args:
            titles: The title of each item, "" for none.
            values: The name of each value.
        """
        return cls._first_come(titles, values, 0, 0)._arranged()

    def extended(
        self, titles: Sequence[str], values: Sequence[str], num_items: int, num_values: int
    ) -> Names:
        """Return these names and those of further items and values.

        Args:
            titles: The titles of the new items.
            values: The names of the new values.
            num_items: The number of items before them.
            num_values: The number of values before them.
        """
        more = self._first_come(titles, values, num_items, num_values)
        return Names(
            pa.concat_arrays([self.words, more.words]),
            np.append(self.row, more.row),
            np.append(self.value, more.value),
            np.append(self.part, more.part),
        )._arranged()

    @classmethod
    def _first_come(
        cls, titles: Sequence[str], values: Sequence[str], first_item: int, first_value: int
    ) -> Names:
        """Return the names of some items and values as they come, also those that do not count."""
        from kgrec.linking.titles import title_keys  # stored names need it not

        keys = title_keys(pa.array(list(titles), pa.large_string()))
        words = joined_words(keys["clean"].tolist())
        first, rest = _first_words(words), pc.replace_substring_regex(words, "^[^ ]* ?", "")
        has_article = pc.is_in(first, pa.array(_ARTICLES, pa.large_string()))
        bare = np.flatnonzero(pc.and_(has_article, pc.not_equal(rest, "")))
        row, part = keys["row"].to_numpy(np.int64), (keys["kind"] == "part").to_numpy(bool)
        # Each title is followed by the same without its article; values come after all titles.
        order = np.argsort(np.append(np.arange(len(row)), bare), kind="stable")
        both = pa.concat_arrays([words, rest.take(pa.array(bare))])
        rows = np.append(row, row[bare])[order] + first_item
        return cls(
            pa.concat_arrays([both.take(pa.array(order)), joined_words(values)]),
            np.append(rows, np.arange(len(values)) + first_value),
            np.repeat([False, True], [len(order), len(values)]),
            np.append(np.append(part, part[bare])[order], np.zeros(len(values), dtype=bool)),
        )

    def _arranged(self) -> Names:
        """Return the names that count, in their order."""
        size = np.asarray(pc.add(pc.count_substring(self.words, " "), 1))
        letters = np.asarray(pc.utf8_length(self.words)) - (size - 1)
        short = self.value & (letters < _SHORTEST)
        kept = np.flatnonzero((letters > 0) & ~short & (size <= _LONGEST))
        first = _first_words(self.words.take(pa.array(kept))).dictionary_encode()
        rank = np.argsort(np.asarray(pc.sort_indices(first.dictionary)))
        group = rank[first.indices.to_numpy()]
        keys = (~self.value[kept], self.part[kept], -size[kept], group)
        order = kept[np.lexsort(keys)]
        return Names(
            self.words.take(pa.array(order)), self.row[order], self.value[order], self.part[order]
        )

    def __len__(self) -> int:
        return len(self.row)

    def starting_with(self, word: str) -> list[Name]:
        """Return the names whose first word is this one."""
        start = self._starts.get(word)
        return [] if start is None else self.take(range(start, self._ends[start]))

    def take(self, places: Sequence[int] | IntArray) -> list[Name]:
        """Return the names at some places."""
        at = np.asarray(places, dtype=np.int64)
        texts = self.words.take(pa.array(at)).to_pylist()
        columns = zip(texts, self.value[at], self.row[at].tolist(), self.part[at], strict=True)
        return [
            Name(tuple(text.split(" ")), "value" if value else "item", row, bool(part))
            for text, value, row, part in columns
        ]

    @cached_property
    def _first(self) -> Any:
        return _first_words(self.words).dictionary_encode()

    @cached_property
    def _begins(self) -> IntArray:
        """Where the names of each first word begin."""
        codes = self._first.indices.to_numpy()
        return np.flatnonzero(np.diff(codes, prepend=-1)).astype(np.int64)

    @cached_property
    def _starts(self) -> Mapping[str, int]:
        return dict(zip(self._first.dictionary.to_pylist(), self._begins.tolist(), strict=True))

    @cached_property
    def _ends(self) -> Mapping[int, int]:
        starts = self._begins.tolist()
        return dict(zip(starts, [*starts[1:], len(self)], strict=True))

    # ------------------------------------------------------------------ where spelling is forgiven

    @cached_property
    def several(self) -> BoolArray:
        """Which names have several words, bool of shape (n,)."""
        return np.asarray(pc.match_substring(self.words, " "), dtype=bool)

    def alike(self, initials: str) -> list[Name]:
        """Return the whole names of several words that begin with these letters, one a word."""
        of_initials, order, bounds = self._blocks
        block = of_initials.get(initials)
        return [] if block is None else self.take(order[bounds[block] : bounds[block + 1]])

    @cached_property
    def _blocks(self) -> tuple[Mapping[str, int], IntArray, IntArray]:
        """Number of each block, the places of all blocks in turn, and where each begins there."""
        places = np.flatnonzero(self.several & ~self.part)
        texts = self.words.take(pa.array(places))
        found = pc.replace_substring_regex(texts, r"([^ ])[^ ]* ?", r"\1").dictionary_encode()
        codes = found.indices.to_numpy()
        count = np.bincount(codes, minlength=len(found.dictionary))
        number = {text: place for place, text in enumerate(found.dictionary.to_pylist())}
        order = places[np.argsort(codes, kind="stable")]
        return number, order, np.append(0, np.cumsum(count)).astype(np.int64)

    def fits(self, num_items: int, num_values: int) -> bool:
        """Return whether columns that were read are names of so many items and values."""
        most = np.where(self.value, num_values, num_items)
        inside = (self.row >= 0) & (self.row < most)
        no_words = pc.any(pc.match_substring_regex(self.words, r"^ | $|  |^$")).as_py()
        together = len(self._begins) == len(self._first.dictionary)
        return bool(inside.all()) and not no_words and together and not self.words.null_count


def joined_words(texts: Sequence[str]) -> Any:
    """Return the words of texts, as of `words_of`, joined by spaces: Arrow large_string (n,).

    >>> joined_words(["The Two Towers", "L.A. Story", "Amélie & I"]).to_pylist()
    ['the two towers', 'la story', 'amelie and i']
    """
    given = pa.array(list(texts), pa.large_string())
    plain = pc.and_(pc.string_is_ascii(given), pc.invert(pc.match_substring_regex(given, _SPECIAL)))
    made = pc.replace_substring(pc.ascii_lower(given), "'", "")
    made = pc.ascii_trim(pc.replace_substring_regex(made, "[^a-z0-9]+", " "), " ")
    slow = given.filter(pc.invert(plain)).to_pylist()
    if not slow:
        return made
    found = pa.array([" ".join(words_of(text)) for text in slow], pa.large_string())
    return pc.replace_with_mask(made, pc.invert(plain), found)


def _first_words(words: Any) -> Any:
    return pc.replace_substring_regex(words, " .*", "")
