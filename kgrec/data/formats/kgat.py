"""The files of KGAT (https://arxiv.org/abs/1905.07854), which KGIN and others use as well.

Each line of `train.txt` and `test.txt` has a user and all items of that user, each line of
`kg_final.txt` a triple. All are numbers from 0; an item has the number of its entity. `*_list.txt`
give the original id of each number.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.formats.base import DatasetFiles, PublishedConfig, reading
from kgrec.data.formats.lines import Lines, are_numbers, fields, numbers, read_lines, texts
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, printable
from kgrec.types import IntArray

_REMAP = "remap_id"


class KGATDataConfig(PublishedConfig):
    """`train.txt`, `test.txt` and, where they exist, `valid.txt`, the graph and the lists.

    Ids are the original ones where a list has them, else the numbers. A number that its list does
    not have is `#7`; an original id of several numbers is followed by the number, as in
    `m.01#7`, so that nothing is merged. Every item of the data is in the item table.
    """

    FILES: ClassVar[str] = "train.txt and test.txt"

    format: Literal["kgat"] = "kgat"

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether `train.txt` and `test.txt` are there."""
        return (path / "train.txt").exists() and (path / "test.txt").exists()

    def read(self, seed: int = 0) -> DatasetFiles:
        """Read the files; see `PublishedConfig.read`."""
        folder = self.path
        notes: list[str] = []
        users = self._names("user_list", notes)
        items = self._names("item_list", notes)
        parts = {
            part: _pairs(self._lines(part), notes)
            for part in ("train", "valid", "test")
            if part != "valid" or (folder / "valid.txt").exists()
        }
        logs = {}
        for part, pairs in parts.items():
            frame = pd.DataFrame(
                {"user_id": users.ids(pairs.user), "item_id": items.ids(pairs.item)}
            )
            with reading(folder / f"{part}.txt"):
                logs[part] = Interactions.read(frame)
            notes.append(f"{part}.txt: {logs[part].report}.")
        rows = np.unique(np.concatenate([items.number, *(pairs.item for pairs in parts.values())]))
        everyone = np.concatenate([users.number, *(pairs.everyone for pairs in parts.values())])
        triples, links = self._graph(rows, items, notes)
        for names in (users, items):
            names.tell(notes)
        return DatasetFiles(
            self.published_split(logs["train"], logs.get("valid"), logs["test"], seed, notes),
            triples,
            links,
            items=AttributeTable(Vocabulary.from_ids(items.ids(rows), "item")),
            users=AttributeTable(Vocabulary.from_ids(users.ids(np.unique(everyone)), "user")),
            notes=tuple(notes),
        )

    def _lines(self, name: str) -> Lines:
        format = self.format_of("interactions" if name == "train" else name)
        return read_lines(self.path / f"{name}.txt", format)

    def _names(self, name: str, notes: list[str]) -> _Names:
        """Read a list; without the file, numbers are their own ids."""
        if not (self.path / f"{name}.txt").exists():
            return _Names(f"{name}.txt", np.empty(0, np.int64), np.empty(0, object))
        return _names(self._lines(name), notes)

    def _graph(
        self, rows: IntArray, items: _Names, notes: list[str]
    ) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
        """Return the triples, and the links of all items."""
        path = self.path / "kg_final.txt"
        if not path.exists():
            packed = [entry.name for entry in self.path.glob("kg_final*")]
            if packed:
                raise DataError(f"{path} does not exist; unpack {packed[0]} first.")
            notes.append("kg_final.txt does not exist: there is no graph.")
            return None, None
        lines, found = fields(self._lines("kg_final"), ("head", "relation", "tail"))
        _, triple = numbers(lines, found)
        entities = self._names("entity_list", notes)
        relations = self._names("relation_list", notes)
        triples = pd.DataFrame(
            {
                "head": entities.ids(triple["head"]),
                "relation": relations.ids(triple["relation"]),
                "tail": entities.ids(triple["tail"]),
            }
        )
        links = pd.DataFrame({"item_id": items.ids(rows), "entity_id": entities.ids(rows)})
        for names in (entities, relations):
            names.tell(notes)
        return triples, links


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Who chose what: numbers of users and items, and of all users that have a line."""

    user: IntArray
    item: IntArray
    everyone: IntArray


class _Names:
    """The original id of each number.

    Attributes:
        number: The numbers that the list has, int64 of shape (n,).
        name: Their ids, all different, object array of shape (n,).
    """

    def __init__(self, file: str, number: IntArray, name: npt.NDArray[Any]) -> None:
        self.file = file
        self.number = number
        self.name = name
        self._index = pd.Index(number)
        self._unknown: set[int] = set()
        self._mark = "#"
        while any(one.startswith(self._mark) for one in name):  # an id of the list looks the same
            self._mark += "#"

    def ids(self, numbers: IntArray) -> list[str]:
        """Return the id of each number."""
        if not len(self.number):
            return texts(numbers)
        place = self._index.get_indexer(pd.Index(numbers))
        found = self.name[place]
        unknown = numbers[place < 0]
        if len(unknown):
            self._unknown.update(np.unique(unknown).tolist())
            found[place < 0] = [self._mark + text for text in texts(unknown)]
        return list(found)

    def tell(self, notes: list[str]) -> None:
        """Note how many numbers were not in the list."""
        if self._unknown:
            few = ", ".join(f"{self._mark}{number}" for number in sorted(self._unknown)[:3])
            more = ", …" if len(self._unknown) > 3 else ""
            notes.append(
                f"{self.file}: {len(self._unknown):,} numbers of the data are not in it, and are "
                f"called {few}{more}."
            )


def _names(lines: Lines, notes: list[str]) -> _Names:
    """Read a list `org_id remap_id [freebase_id]`."""
    path = lines.path
    header = lines.text[0].as_py().split()
    if _REMAP in header:
        lines = lines.rest()
    else:
        header = ["org_id", _REMAP]
    if header.index(_REMAP) != 1:
        raise DataError(
            f"{path}, line 1: expected the header 'org_id remap_id', found "
            f"{printable(' '.join(header), 80)!r}."
        )
    if not len(lines):
        raise DataError(f"{path} has a header and nothing else.")
    # An original id may hold spaces: fields are counted from the end of the line.
    parts = pc.utf8_split_whitespace(
        pc.utf8_trim_whitespace(lines.text), max_splits=len(header) - 1, reverse=True
    )
    wrong = np.asarray(pc.list_value_length(parts)) < 2  # the entity of an item may be unknown
    lines, parts = lines.without(wrong, f"{' '.join(header)!r}"), parts.filter(pa.array(~wrong))
    right = pa.array(are_numbers(pc.list_element(parts, 1)))
    number = numbers(lines, {_REMAP: pc.list_element(parts, 1)})[1][_REMAP]
    name = np.array(pc.list_element(parts.filter(right), 0).to_pylist(), dtype=object)
    first = np.unique(number, return_index=True)[1]
    if len(first) < len(number):
        notes.append(
            f"{path.name}: {len(number) - len(first):,} lines repeat a {_REMAP}; the first counts."
        )
        number, name = number[first], name[first]
    repeated = pd.Series(name).duplicated(keep=False).to_numpy()
    if repeated.any():
        notes.append(
            f"{path.name}: {int(repeated.sum()):,} numbers share their original id with another; "
            "they are told apart by #number."
        )
        pairs = zip(name[repeated], number[repeated], strict=True)
        name[repeated] = [f"{one}#{two}" for one, two in pairs]
        if pd.Series(name).duplicated().any():  # an id that looks like that was there before
            name = np.array(texts(number), dtype=object)
    return _Names(path.name, number, name)


def _pairs(lines: Lines, notes: list[str]) -> _Pairs:
    path = lines.path
    parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines.text))
    line = np.repeat(np.arange(len(lines)), np.asarray(pc.list_value_length(parts)))
    wrong = np.bincount(line[~are_numbers(parts.flatten())], minlength=len(lines)) > 0
    lines = lines.without(wrong, "a whole number from 0 as every user and item")
    parts = parts.filter(pa.array(~wrong))
    count = np.asarray(pc.list_value_length(parts)).astype(np.int64)
    found = np.asarray(parts.flatten().cast(pa.int64()))
    first = np.zeros(len(found), dtype=bool)
    first[np.cumsum(count) - count] = True
    everyone = found[first]
    alone = int((count == 1).sum())
    if alone:
        notes.append(f"{path.name}: {alone:,} users have no item.")
    if alone == len(lines):
        raise DataError(f"{path}: no line has an item after its user.")
    return _Pairs(np.repeat(everyone, count - 1), found[~first], everyone)
