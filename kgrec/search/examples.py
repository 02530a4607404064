"""Example queries with their answers: JSON Lines, or any other table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary, as_id
from kgrec.errors import DataError, did_you_mean, first_few, printable, warn
from kgrec.types import IntArray

_SAID: Final = ("said", "query")
_GOLD: Final = ("new_gold", "gold")


@dataclass(frozen=True)
class Example:
    """A query, or the turns of a conversation so far, and its answers.

    Attributes:
        id: What names it in results.
        group: Examples of one group, such as one conversation, are not told apart by chance.
        said: The turns, the last one last; the last one asks, and turns alternate.
        talks: Whether it is a conversation, and not a single query.
        mentioned: Rows of the items that were named, in their order; None: not known.
        answers: Rows of the answers, each once.
        unknown: How many answers the catalogue does not have.
    """

    id: str
    group: str
    said: tuple[str, ...]
    talks: bool
    mentioned: tuple[int, ...] | None
    answers: tuple[int, ...]
    unknown: int = 0

    @property
    def digest(self) -> str:
        """16 hex digits that tell an example again: of its name and its words."""
        parts = json.dumps([self.id, *self.said]).encode()
        return hashlib.sha256(parts).hexdigest()[:16]


def read_examples(path: str | Path, items: Vocabulary) -> list[Example]:
    """Read example queries.

    Each line has `said`, a list of turns, or `query`, a text, and `new_gold` or `gold`, the ids of
    the items that answer it: `new_gold` where there is one, and otherwise `gold` without
    `mentioned`. It may have `mentioned`, the ids of items that were named before: they are no
    answers; `dialog`, what conversation it belongs to; and `turn` or `id`. Lines without an answer
    are left out, but what they mention is kept for learning.

    Args:
        path: The file.
        items: The catalogue.

    Raises:
        DataError: The file cannot be read, a line has no words or no list of answers, or no answer
            is known.
    """
    frame = read_table(path, what="query")
    where = printable(str(path))
    said = next((name for name in _SAID if name in frame.columns), None)
    gold = [name for name in _GOLD if name in frame.columns]
    if said is None or not gold:
        missing = "`said` or `query`" if said is None else "`gold`"
        names = [str(name) for name in frame.columns]
        raise DataError(
            f"{where} has no {missing}: each line needs the words and the ids of their answers, "
            f'such as {{"query": "a heist film", "gold": ["i7"]}}. It has: {first_few(names, 8)}.'
        )
    found = [_example(row, number, where, items) for number, row in _rows(frame)]
    _report(found, where, items, frame)
    return _told_apart(found)


def _told_apart(found: list[Example]) -> list[Example]:
    """Return examples whose names differ: one that repeats a name gets the number of its line."""
    seen: set[str] = set()
    made = []
    for number, one in enumerate(found, 1):
        own = one if one.id not in seen else replace(one, id=f"{one.id}#{number}")
        seen.add(own.id)
        made.append(own)
    return made


def _rows(frame: pd.DataFrame) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, row in enumerate(frame.to_dict("records"), 1):
        yield number, {str(key): value for key, value in row.items() if not _is_missing(value)}


def _example(row: dict[str, Any], number: int, where: str, items: Vocabulary) -> Example:
    at = f"{where}, line {number}"
    talks = "said" in row
    said = _texts(row.get("said") if talks else [row.get("query")], at)
    mentioned = _ids(row.get("mentioned"), "mentioned", at)
    named = None if mentioned is None else items.rows(mentioned, missing="-1").tolist()
    gold = next((_ids(row[name], name, at) for name in _GOLD if name in row), None)
    if gold is None:
        raise DataError(f"{at}: expected `gold`, a list of ids of items, found none.")
    rows = items.rows(gold, missing="-1").tolist() if gold else []
    before = set() if "new_gold" in row or named is None else {int(one) for one in named}
    answers = [one for one in dict.fromkeys(rows) if one >= 0 and one not in before]
    dialog = row.get("dialog", row.get("id", number))
    own = f"{dialog}/{row['turn']}" if "turn" in row else f"{dialog}"
    return Example(
        own if "dialog" in row or "id" in row else f"q{number}",
        f"{dialog}",
        said,
        talks,
        None if named is None else tuple(int(one) for one in named if one >= 0),
        tuple(answers),
        len({id for id, one in zip(gold, rows, strict=True) if one < 0}),
    )


def _texts(given: Any, at: str) -> tuple[str, ...]:
    given = list(given) if isinstance(given, list | tuple | np.ndarray) else [given]
    if not given or not all(isinstance(text, str) for text in given):
        raise DataError(
            f"{at}: expected the words, a text in `query` or a list of texts in `said`, found "
            f"{printable(repr(given), 60)}."
        )
    return tuple(given)


def _ids(given: Any, name: str, at: str) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, list | tuple | np.ndarray):
        raise DataError(
            f"{at}: `{name}` must be a list of ids of items, found {printable(repr(given), 60)}."
        )
    return [as_id(one, name) for one in given]


def _report(found: list[Example], where: str, items: Vocabulary, frame: pd.DataFrame) -> None:
    unknown = sum(one.unknown for one in found)
    known = sum(len(one.answers) for one in found)
    if not known:
        name = next(name for name in _GOLD if name in frame.columns)
        first = next((str(id) for ids in frame[name] if not _is_missing(ids) for id in ids), "")
        hint = did_you_mean(first, items.ids) if first else ""
        raise DataError(f"{where}: no answer is an item of the catalogue.{hint}")
    if unknown:
        warn(
            f"{where}: {unknown:,} of {unknown + known:,} answers are not in the catalogue. They "
            "count as missed."
        )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def answer_rows(examples: Iterable[Example]) -> list[IntArray]:
    """Return the answers of examples, int64 each."""
    return [np.array(one.answers, dtype=np.int64) for one in examples]
