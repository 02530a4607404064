"""RecBole's atomic files: tab-separated, with typed headers such as `item_id:token`.

`.inter` holds interactions, `.kg` triples, `.link` which item is which entity, `.item` and `.user`
attributes (https://recbole.io/docs/user_guide/data/atomic_files.html).
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.formats.base import DatasetFiles, PublishedConfig, reading
from kgrec.data.ids import as_ids
from kgrec.data.interactions import Interactions
from kgrec.data.origin import origin_of, with_origin, without_bad
from kgrec.data.settings import LogTableConfig
from kgrec.data.table_format import FormatSettings, NamedFormat, TableFormat, make_format
from kgrec.data.tables import numbers_or_missing, read_table
from kgrec.errors import ConfigError, DataError, did_you_mean, printable

_TYPES: Final = ("token", "token_seq", "float", "float_seq")
_PARTS: Final = (
    ("train", "training"),
    ("valid", "validation", "val", "vali", "dev"),
    ("test", "testing"),
)
_TITLES: Final = ("title", "name", "item_title", "movie_title", "item_name", "artist_name")
_SEPARATOR: Final = "\x1f"  # the unit separator: no value holds it
_MOST: Final = 1024  # numbers in one float_seq that become columns


class RecBoleDataConfig(PublishedConfig, TableFormat, LogTableConfig):
    """RecBole's atomic files; all but the interactions may be absent.

    Every row of an `.inter` file is an interaction unless `positive` is given: what `rating` means
    differs from data set to data set.
    """

    FILES: ClassVar[str] = ".inter files"

    format: Literal["recbole"] = "recbole"
    folder: str = Field(
        description="The folder, or the path of the files without their suffixes, such as "
        "`ml-100k/ml-100k`."
    )
    parts: tuple[str, ...] | None = Field(
        default=None,
        min_length=2,
        max_length=3,
        description="Names of the training, validation and test part (or of training and test) in "
        "the names of `.inter` files. None: `<name>.inter` where there is one, which is then "
        "split, else the parts with usual names, such as `train` or `valid`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "recbole" in given:
            raise ValueError("`recbole` is called `folder`, as in the other formats: write that")
        return given

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether there are `.inter` files."""
        if path.is_dir():
            return any(path.glob("*.inter"))
        return any(path.parent.glob(f"{glob.escape(path.name)}*.inter"))

    def read(self, seed: int = 0) -> DatasetFiles:
        """Read the files; see `PublishedConfig.read`."""
        stem = _stem(self.path)
        notes: list[str] = []
        names = _suffixes_of_parts(stem, self.parts)
        logs = [
            None if name is None else self._interactions(_beside(stem, name), notes)
            for name in (["inter"] if names is None else names)
        ]
        columns = {"head_id": "head", "relation_id": "relation", "tail_id": "tail"}
        triples = self._optional(stem, "kg", columns)
        links = self._optional(stem, "link", {self.item: "item_id", "entity_id": "entity_id"})
        if links is not None and triples is None:
            missing, there = _beside(stem, "kg"), _beside(stem, "link")
            raise DataError(f"{missing} does not exist, but {there} does.")
        items, users = (
            _attributes(_beside(stem, name), id, name, notes, self.format_of(name))
            for name, id in (("item", self.item), ("user", self.user))
        )
        train, *held_out = logs
        assert train is not None
        if held_out:
            if self.k_core is not None:
                raise ConfigError("k_core is for interactions that are split here, not for parts.")
            valid, test = held_out
            assert test is not None
            split = self.published_split(train, valid, test, seed, notes)
        else:
            split = self.split_log(self.filtered(train, notes), seed)
        return DatasetFiles(split, triples, links, items, users, tuple(notes))

    def _interactions(self, path: Path, notes: list[str]) -> Interactions:
        name = path.suffixes[-2].removeprefix(".") if len(path.suffixes) > 1 else "interactions"
        format = self.format_of(name)
        frame, _ = _read(path, [self.user, self.item], format)
        # A frame has no encoding and so on, and is not written to another file of rejects.
        kept: FormatSettings = {
            "decimal": format.decimal, "on_error": format.on_error, "rejects": format.rejects
        }  # fmt: skip
        frame = with_origin(frame, replace(origin_of(frame), format=make_format(kept)))
        with reading(path):
            log = Interactions.read(frame, **self.reading_options(), **kept)
        notes.append(f"{path.name}: {log.report}.")
        return log

    def _optional(self, stem: Path, suffix: str, columns: dict[str, str]) -> pd.DataFrame | None:
        path = _beside(stem, suffix)
        if not path.exists():
            return None
        frame, _ = _read(path, list(columns), self.format_of(suffix))
        texts = {new: as_ids(frame, old, str(path)).to_numpy() for old, new in columns.items()}
        return pd.DataFrame(texts)


def _stem(path: Path) -> Path:
    """Return the path of the files without their suffixes."""
    if not path.is_dir():
        return path
    names = sorted({entry.name.split(".")[0] for entry in path.glob("*.inter")})
    if path.resolve().name in names:  # as RecBole has it
        return path / path.resolve().name
    if len(names) != 1:
        found = ", ".join(printable(name) for name in names[:5]) or "none"
        raise DataError(f"{path} must hold the .inter files of one data set; found {found}.")
    return path / names[0]


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}")


def _suffixes_of_parts(stem: Path, parts: Sequence[str] | None) -> list[str | None] | None:
    """Return the suffixes of the three parts (None: no validation part), or None without parts."""
    if parts is not None:
        named = [parts[0], parts[1] if len(parts) == 3 else None, parts[-1]]
        return [None if name is None else f"{name}.inter" for name in named]
    if _beside(stem, "inter").exists():
        return None
    prefix = f"{stem.name}."
    beside = stem.parent.iterdir() if stem.parent.is_dir() else []
    found = {
        entry.name.removeprefix(prefix).removesuffix(".inter")
        for entry in beside
        if entry.name.startswith(prefix) and entry.name.endswith(".inter")
    }
    suffixes = [next((f"{n}.inter" for n in names if n in found), None) for names in _PARTS]
    for place in (0, 2):
        if suffixes[place] is None:
            hint = f" Other parts are there: {', '.join(sorted(found))}; name them as parts."
            raise DataError(
                f"{_beside(stem, _PARTS[place][0] + '.inter')} does not exist, nor does "
                f"{_beside(stem, 'inter')}." + (printable(hint) if found else "")
            )
    return suffixes


def _read(
    path: Path, columns: list[str], format: NamedFormat
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a file's table and the types of its fields."""
    frame = read_table(path, what="RecBole", format=format)
    headers = [str(name) for name in frame.columns]
    frame.columns = pd.Index([name.partition(":")[0] for name in headers])
    types = {name.partition(":")[0]: name.partition(":")[2] for name in headers}
    for column in columns:
        if column not in frame.columns:
            raise DataError(
                f"{path} has no column {column!r}: expected a tab-separated header such as "
                f"'{column}:token', found {printable(', '.join(headers), 100)!r}. "
                "If something else than a tab is between the columns, set `separator` to it."
            )
    if format.on_error == "skip":
        no_id = {f"no {name}": np.asarray(frame[name].isna(), dtype=bool) for name in columns}
        frame = without_bad(frame, no_id, str(path), format)
    return frame, types


def _attributes(
    path: Path, id: str, name: str, notes: list[str], format: NamedFormat
) -> AttributeTable | None:
    """Return what a `.item` or `.user` file says; rows that repeat an id are counted."""
    if not path.exists():
        return None
    frame, types = _read(path, [id], format)
    for column, kind in types.items():
        if kind not in _TYPES:
            raise DataError(
                f"{path}: the type of {printable(column)!r} is {printable(kind)!r}."
                + did_you_mean(kind, _TYPES)
            )
    frame = frame.assign(**{id: as_ids(frame, id, str(path)).to_numpy()})
    repeated = frame[id].duplicated()
    if repeated.any():
        notes.append(
            f"{path.name}: {int(repeated.sum()):,} rows repeat an id; the first row of each counts."
        )
        frame = frame[~repeated].reset_index(drop=True)
    title = next((column for column in _TITLES if column in types and column != id), None)
    categories, numbers = [], []
    for column, kind in types.items():
        if column in (id, title):
            continue
        if kind == "float":
            numbers.append(column)
        elif kind == "float_seq":
            vectors = _vectors(frame[column], column, path, notes)
            frame = frame.join(vectors)
            numbers += list(vectors.columns)
        else:
            if kind == "token_seq":
                frame[column] = frame[column].astype("string").str.split().str.join(_SEPARATOR)
            categories.append(column)
    table = AttributeTable.read(
        frame, id=id, title=title, categories=categories, numbers=numbers,
        list_separator=_SEPARATOR, name=name,
    )  # fmt: skip
    notes += [
        f"{path.name}: {wrong:,} values of {printable(column)} are not numbers; left missing."
        for column, wrong in table.not_numbers.items()
        if wrong
    ]
    return table


def _vectors(column: pd.Series[Any], name: str, path: Path, notes: list[str]) -> pd.DataFrame:
    """Return a float_seq as the columns name[0], name[1], …, NaN after the end of short ones."""
    single = column.fillna("").astype(str).str.split().explode()
    single = single[single.notna() & (single != "")]
    place = single.groupby(level=0).cumcount().to_numpy()
    longest = int(place.max()) + 1 if len(place) else 0
    if longest > _MOST:
        raise DataError(
            f"{path}: {printable(name)} holds sequences of up to {longest:,} numbers; at most "
            f"{_MOST} become columns."
        )
    values = numbers_or_missing(single).to_numpy()
    wrong = int(np.isnan(values).sum())
    if wrong:
        notes += [f"{path.name}: {wrong:,} values of {printable(name)} are not numbers; missing."]
    table = np.full((len(column), longest), np.nan)
    table[single.index.to_numpy(), place] = values
    return pd.DataFrame(table, columns=[f"{name}[{n}]" for n in range(longest)])
