"""RecBole's atomic files: tab-separated, with typed headers such as `item_id:token`.

`.inter` holds interactions, `.kg` triples, `.link` which item is which entity, `.item` and `.user`
attributes (https://recbole.io/docs/user_guide/data/atomic_files.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.formats.dataset_files import DatasetFiles, reading, split_of
from kgrec.data.interactions import Interactions
from kgrec.data.tables import as_ids, numbers_or_missing, read_table
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


def read_atomic_files(
    path: str | Path,
    *,
    parts: Sequence[str] | None = None,
    user: str = "user_id",
    item: str = "item_id",
    **options: Any,
) -> DatasetFiles:
    """Read a data set of atomic files; all but the interactions may be absent.

    Args:
        path: The folder, or the files without their suffixes, such as `ml-100k/ml-100k`.
        parts: Names of the training, validation and test part (or of training and test) in the
            names of `.inter` files. None: `<name>.inter` where there is one, to be split later,
            else the parts whose names say what they are.
        user: The field of user ids, in `.inter` and `.user`.
        item: The field of item ids, in `.inter`, `.item` and `.link`.
        options: As for `Interactions.read`. Every row of an `.inter` file is an interaction
            unless `positive` is given: what `rating` means differs from data set to data set.

    Raises:
        DataError: A file or column is missing or wrong.
        ConfigError: `parts` are not two or three.
    """
    stem = _stem(Path(path))
    notes: list[str] = []
    options |= {"user": user, "item": item}
    log, split = None, None
    names = _part_names(stem, parts)
    if names is None:
        log = _interactions(_beside(stem, "inter"), notes, options)
    else:
        logs = [
            None if name is None else _interactions(_beside(stem, f"{name}.inter"), notes, options)
            for name in names
        ]
        assert logs[0] is not None
        assert logs[2] is not None
        split = split_of(logs[0], logs[1], logs[2])
    triples = _optional(
        stem, "kg", {"head_id": "head", "relation_id": "relation", "tail_id": "tail"}
    )
    links = _optional(stem, "link", {item: "item_id", "entity_id": "entity_id"})
    if links is not None and triples is None:
        raise DataError(f"{_beside(stem, 'kg')} does not exist, but {_beside(stem, 'link')} does.")
    return DatasetFiles(
        log,
        split,
        triples,
        links,
        _attributes(_beside(stem, "item"), item, "item", notes),
        _attributes(_beside(stem, "user"), user, "user", notes),
        tuple(notes),
    )


def _stem(path: Path) -> Path:
    """Return the path of the files less their suffixes."""
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


def _part_names(stem: Path, parts: Sequence[str] | None) -> list[str | None] | None:
    """Return the names of the three parts (None: no validation part), or None without parts."""
    if parts is not None:
        if len(parts) not in (2, 3):
            raise ConfigError(
                f"parts must name the training, validation and test part, or training and test; "
                f"found {len(parts)}."
            )
        return [parts[0], parts[1] if len(parts) == 3 else None, parts[-1]]
    if _beside(stem, "inter").exists():
        return None
    prefix = f"{stem.name}."
    beside = stem.parent.iterdir() if stem.parent.is_dir() else []
    found = {
        entry.name.removeprefix(prefix).removesuffix(".inter")
        for entry in beside
        if entry.name.startswith(prefix) and entry.name.endswith(".inter")
    }
    named: list[str | None] = [
        next((name for name in names if name in found), None) for names in _PARTS
    ]
    for place in (0, 2):
        if named[place] is None:
            hint = f" Other parts are there: {', '.join(sorted(found))}; name them as parts."
            raise DataError(
                f"{_beside(stem, _PARTS[place][0] + '.inter')} does not exist, nor does "
                f"{_beside(stem, 'inter')}." + (printable(hint) if found else "")
            )
    return named


def _interactions(path: Path, notes: list[str], options: dict[str, Any]) -> Interactions:
    frame, _ = _read(path, [options["user"], options["item"]])
    with reading(path):
        log = Interactions.read(frame, **options)
    notes.append(f"{path.name}: {log.report}.")
    return log


def _optional(stem: Path, suffix: str, columns: dict[str, str]) -> pd.DataFrame | None:
    path = _beside(stem, suffix)
    if not path.exists():
        return None
    frame, _ = _read(path, list(columns))
    texts = {new: as_ids(frame, old, str(path)).to_numpy() for old, new in columns.items()}
    return pd.DataFrame(texts)


def _read(path: Path, columns: list[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a file's table and the types of its fields."""
    frame = read_table(path, what="RecBole")
    headers = [str(name) for name in frame.columns]
    frame.columns = pd.Index([name.partition(":")[0] for name in headers])
    types = {name.partition(":")[0]: name.partition(":")[2] for name in headers}
    for column in columns:
        if column not in frame.columns:
            raise DataError(
                f"{path} has no column {column!r}: expected a tab-separated header such as "
                f"'{column}:token', found {printable(', '.join(headers), 100)!r}."
            )
    return frame, types


def _attributes(path: Path, id: str, name: str, notes: list[str]) -> AttributeTable | None:
    """Return what a `.item` or `.user` file says; rows that repeat an id are counted."""
    if not path.exists():
        return None
    frame, types = _read(path, [id])
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
        frame, id=id, title=title, categories=categories, numbers=numbers, separator=_SEPARATOR,
        name=name,
    )  # fmt: skip
    notes += [
        f"{path.name}: {wrong:,} values of {printable(column)} are no numbers; left missing."
        for column, wrong in table.not_numbers.items()
        if wrong
    ]
    return table


def _vectors(column: pd.Series[Any], name: str, path: Path, notes: list[str]) -> pd.DataFrame:
    """Return a float_seq as the columns name[0], name[1], …, NaN behind the end of short ones."""
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
        notes.append(f"{path.name}: {wrong:,} values of {printable(name)} are no numbers; missing.")
    table = np.full((len(column), longest), np.nan)
    table[single.index.to_numpy(), place] = values
    return pd.DataFrame(table, columns=[f"{name}[{n}]" for n in range(longest)])
