"""The tables of a run folder: Parquet files under `data/`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kgrec.bounds.archives import read_parquet
from kgrec.data.attribute_table import AttributeTable, Category
from kgrec.data.interactions import PARTS, Interactions, Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import RunError, printable
from kgrec.files import system_reason
from kgrec.graph.node_names import NodeNames
from kgrec.snapshot import Snapshot
from kgrec.types import BoolArray

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links

FORMAT = 3
"""The version of the files; version 2 has no manifest, and kgrec 0.1 has version 1, without a
number in about.json."""

DISLIKES = "dislikes.parquet"
"""What users dislike in the training and validation part, for serving. Older runs lack it."""

ABSENT = "absent.parquet"
"""Rows of items that are withdrawn and of users who were deleted, after an update."""

_DISLIKED = "disliked:"
"""Before the part of a row of interactions.parquet that is a dislike."""

NONSENSE = "query/nonsense"
"""The name of `Derived.nonsense` among the features."""


def write_tables(folder: Path, snapshot: Snapshot, split: Split) -> None:
    """Write vocabularies, interactions, histories, links, tables, names and words.

    Args:
        folder: The folder, which exists.
        snapshot: The fitted model and its data.
        split: All interactions, with the test part.
    """
    users, items = snapshot.users, snapshot.items
    split = split.reindex(users, items)
    parts = [split.part(name).to_pandas().assign(part=name) for name in PARTS]
    parts += [
        bad.to_pandas().assign(part=_DISLIKED + name)
        for name in PARTS
        if (bad := split.part(name).dislikes) is not None
    ]
    pd.concat(parts, ignore_index=True).assign(kind=split.kind).to_parquet(
        folder / "interactions.parquet"
    )
    pd.DataFrame({"id": users.ids}).to_parquet(folder / "users.parquet")
    pd.DataFrame({"id": items.ids}).to_parquet(folder / "items.parquet")
    histories = [
        pd.DataFrame({"user": log.user, "item": log.item, "part": PARTS[place]})
        for place, log in enumerate(snapshot.interactions)
    ]
    pd.concat(histories, ignore_index=True).to_parquet(folder / "histories.parquet")
    disliked = [
        pd.DataFrame({"user": bad.user, "item": bad.item, "part": PARTS[place]})
        for place, log in enumerate(snapshot.interactions)
        if (bad := log.dislikes) is not None
    ]
    if disliked:
        pd.concat(disliked, ignore_index=True).to_parquet(folder / DISLIKES)
    if snapshot.inputs.links is not None:
        links = snapshot.inputs.links
        pd.DataFrame(
            {
                "item": links.item,
                "entity": links.entity,
                "confidence": links.confidence,
                "method": list(links.method),
            }
        ).to_parquet(folder / "links.parquet")
    write_absent(folder, snapshot)
    for name, table in (("item", snapshot.inputs.items), ("user", snapshot.inputs.users)):
        if table is not None:
            _save_table(folder / f"{name}_table", table)
    labels = snapshot.names.nodes
    pd.DataFrame(
        {
            "kind": [kind for kind, names in labels.items() for _ in names],
            "label": [name for names in labels.values() for name in names],
        },
        dtype=str,
    ).to_parquet(folder / "names.parquet")
    words = snapshot.names.relations
    pd.DataFrame({"iri": list(words), "words": list(words.values())}, dtype=str).to_parquet(
        folder / "relations.parquet"
    )
    if snapshot.derived.words is not None:
        pd.DataFrame({"word": snapshot.derived.words.words}, dtype=str).to_parquet(
            folder / "words.parquet"
        )


def _save_table(stem: Path, table: AttributeTable) -> None:
    frame = pd.DataFrame({"id": table.ids.ids})
    if table.titles:
        frame["title"] = list(table.titles)
    for column, values in table.numbers.items():
        frame[f"number:{column}"] = values
    for column, category in table.categories.items():
        frame[f"category:{column}"] = np.bincount(category.row, minlength=len(frame))
    frame.to_parquet(stem.with_suffix(".parquet"))
    pairs = [
        pd.DataFrame(
            {"column": column, "row": category.row, "value": category.values.take(category.value)}
        )
        for column, category in table.categories.items()
    ]
    empty = pd.DataFrame({"column": [], "row": [], "value": []}).astype(
        {"column": str, "row": "int64", "value": str}
    )
    pd.concat([empty, *pairs], ignore_index=True).to_parquet(
        stem.with_name(f"{stem.name}_categories.parquet")
    )
    if table.ids.name == "item":  # of users, a run keeps only what its model reads
        others = {str(name): _storable(column) for name, column in table.others.items()}
        pq.write_table(pa.table(others), stem.with_name(f"{stem.name}_others.parquet"))


def _storable(column: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError):  # objects of several kinds
        return pa.array(column.astype("string"), from_pandas=True)


def write_absent(folder: Path, snapshot: Snapshot) -> None:
    """Write which items are withdrawn and which users were deleted, if there are some."""
    masks = {"item": snapshot.withdrawn, "user": snapshot.deleted}
    rows = {kind: np.flatnonzero(mask) for kind, mask in masks.items() if mask is not None}
    if rows:
        pd.DataFrame(
            {
                "kind": [kind for kind, found in rows.items() for _ in found],
                "row": np.concatenate(list(rows.values())),
            }
        ).to_parquet(folder / ABSENT)


def read_absent(
    folder: Path, num_users: int, num_items: int
) -> tuple[BoolArray | None, BoolArray | None]:
    """Return `Snapshot.withdrawn` and `Snapshot.deleted`.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / ABSENT
    if not path.exists():
        return None, None
    frame, masks = read_frame(path, ["kind", "row"]), []
    for kind, num in (("item", num_items), ("user", num_users)):
        rows = frame.loc[frame["kind"] == kind, "row"].to_numpy(np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < num:
            raise RunError(f"{path} is damaged: a row is outside of 0 … {num - 1}.")
        mask = np.zeros(num, dtype=bool)
        mask[rows] = True
        masks.append(mask if len(rows) else None)
    return masks[0], masks[1]


def read_histories(folder: Path) -> tuple[Interactions, ...]:
    """Return the users' items in the training and, if there is one, the validation part.

    Dislikes are in the logs. Ratings and times are left out: serving does not need them.

    Raises:
        RunError: A file is missing or damaged.
    """
    users, items = (
        Vocabulary.in_order(read_frame(folder / f"{name}s.parquet", ["id"])["id"].tolist(), name)
        for name in ("user", "item")
    )
    logs = _read_pairs(folder / "histories.parquet", users, items)
    if not 1 <= len(logs) <= 2:
        raise RunError(f"{folder / 'histories.parquet'} is damaged: it has {len(logs)} parts.")
    disliked: dict[str, Interactions] = {}
    if (folder / DISLIKES).exists():
        disliked = _read_pairs(folder / DISLIKES, users, items)
    if disliked.keys() - logs.keys():
        raise RunError(f"{folder / DISLIKES} is damaged: it does not fit histories.parquet.")
    return tuple(replace(log, dislikes=disliked.get(part)) for part, log in logs.items())


def _read_pairs(path: Path, users: Vocabulary, items: Vocabulary) -> dict[str, Interactions]:
    """Return the logs of a file by part, training before validation."""
    frame = read_frame(path, ["user", "item", "part"])
    logs = {}
    for name, part in frame.groupby("part", sort=True):
        columns = [part[column].to_numpy(np.int64) for column in ("user", "item")]
        for rows, size in zip(columns, (len(users), len(items)), strict=True):
            if not 0 <= rows.min() <= rows.max() < size:
                raise RunError(f"{path} is damaged: a row is outside of 0 … {size - 1}.")
        logs[str(name)] = Interactions(users, items, columns[0], columns[1])
    return logs


def read_split(folder: Path, users: Vocabulary, items: Vocabulary) -> Split | None:
    """Return all interactions of a run; None: the folder does not have them.

    Raises:
        RunError: The file is damaged.
    """
    if not (folder / "interactions.parquet").exists():
        return None
    frame = read_frame(folder / "interactions.parquet", ["user_id", "item_id", "part", "kind"])
    logs = []
    for name in PARTS:
        liked = _log(frame[frame["part"] == name], users, items)
        disliked = _log(frame[frame["part"] == _DISLIKED + name], users, items)
        logs.append(replace(liked, dislikes=disliked if len(disliked) else None))
    kind = str(frame["kind"].iloc[0]) if len(frame) else "random"
    return Split(logs[0], logs[1], logs[2], kind)


def read_test_part(
    path: Path, users: Vocabulary, items: Vocabulary, user: str | None = None
) -> Interactions:
    """Return the test part in interactions.parquet, of all users or of one, without ratings.

    Raises:
        RunError: The file is damaged.
    """
    columns = ["user_id", "item_id", "part"]
    frame = read_frame(path, columns, only=columns)
    if user is not None:
        frame = frame[frame["user_id"] == user]
    liked = _log(frame[frame["part"] == "test"], users, items)
    return replace(liked, dislikes=_log(frame[frame["part"] == f"{_DISLIKED}test"], users, items))


def _log(part: pd.DataFrame, users: Vocabulary, items: Vocabulary) -> Interactions:
    return Interactions(
        users,
        items,
        users.rows(part["user_id"].tolist()),
        items.rows(part["item_id"].tolist()),
        _numbers(part, "rating", np.float32),
        _numbers(part, "timestamp", np.int64),
    )


def read_inputs(
    folder: Path, items: Vocabulary, parts: Collection[str]
) -> tuple[KnowledgeGraph | None, Links | None, AttributeTable | None, AttributeTable | None]:
    """Return the knowledge graph, its links, the item table and the user table of a run.

    Args:
        folder: The folder.
        items: The catalogue.
        parts: The parts that the run has, of `graph`, `item_table` and `user_table`.

    Raises:
        RunError: A file is missing or damaged.
    """
    kg, links = None, None
    if "graph" in parts:
        from kgrec.kg.graph import KnowledgeGraph
        from kgrec.linking.links import LinkReport, Links

        kg = KnowledgeGraph.load(folder / "graph")
        columns = ["item", "entity", "confidence", "method"]
        found = read_frame(folder / "links.parquet", columns)
        report = LinkReport(num_items=len(items), linked=found["item"].nunique())
        links = Links(
            items,
            found["item"].to_numpy(np.int64),
            found["entity"].to_numpy(np.int64),
            found["confidence"].to_numpy(np.float32),
            tuple(found["method"]),
            report,
        )
    tables = [
        _load_table(folder / f"{name}_table", name) if f"{name}_table" in parts else None
        for name in ("item", "user")
    ]
    return kg, links, tables[0], tables[1]


def read_names(folder: Path) -> NodeNames:
    """Return the labels of nodes and the words for relations; ids come from the graph.

    Raises:
        RunError: A file is missing or damaged.
    """
    frame = read_frame(folder / "names.parquet", ["kind", "label"])
    nodes = {
        str(kind): group["label"].tolist() for kind, group in frame.groupby("kind", sort=False)
    }
    relations = read_frame(folder / "relations.parquet", ["iri", "words"])
    return NodeNames(nodes, {}, dict(zip(relations["iri"], relations["words"], strict=True)))


def read_words(folder: Path) -> list[str]:
    """Return the words of the items' texts.

    Raises:
        RunError: The file is missing or damaged.
    """
    words = read_frame(folder / "words.parquet", ["word"])["word"]
    return [str(word) for word in words.to_numpy(object)]  # much faster than the column itself


def _numbers(part: pd.DataFrame, column: str, dtype: Any) -> Any:
    """Return a column, or None if this part of the split does not have it."""
    if column not in part or part[column].isna().any():
        return None
    return part[column].to_numpy(dtype)


def _load_table(stem: Path, name: str) -> AttributeTable:
    path = stem.with_suffix(".parquet")
    frame = read_frame(path, ["id"])
    pairs = read_frame(
        stem.with_name(f"{stem.name}_categories.parquet"), ["column", "row", "value"]
    )
    categories = {}
    for column in _columns(frame, "category:"):
        group = pairs[pairs["column"] == column]
        values = Vocabulary.from_ids(group["value"].tolist(), column)
        row = group["row"].to_numpy(np.int64)
        inside = bool(((row >= 0) & (row < len(frame))).all())
        counts = np.bincount(row[(row >= 0) & (row < len(frame))], minlength=len(frame))
        if not inside or not np.array_equal(counts, frame[f"category:{column}"]):
            raise RunError(f"{path} is damaged: its categories {column!r} do not fit it.")
        categories[column] = Category(values, row, values.rows(group["value"].tolist()))
    numbers = {
        column: frame[f"number:{column}"].to_numpy(np.float64)
        for column in _columns(frame, "number:")
    }
    titles = tuple(frame["title"]) if "title" in frame else ()
    path = stem.with_name(f"{stem.name}_others.parquet")
    others = read_frame(path, []) if path.exists() else pd.DataFrame(index=frame.index)
    if len(others.columns) and len(others) != len(frame):
        raise RunError(f"{path} is damaged: it has {len(others)} rows, the table {len(frame)}.")
    ids = Vocabulary.in_order(frame["id"].tolist(), name)
    return AttributeTable(ids, titles, categories, numbers, others=others)


def _columns(frame: pd.DataFrame, prefix: str) -> list[str]:
    names = [str(name) for name in frame.columns]
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def read_frame(path: Path, columns: list[str], *, only: list[str] | None = None) -> pd.DataFrame:
    """Read a table of a run folder.

    Args:
        path: A Parquet file.
        columns: The columns that it must have.
        only: The columns to read; None: all.

    Raises:
        RunError: It is missing or damaged.
    """
    try:
        # Only the columns: the metadata of pandas is not needed and may be damaged.
        table = read_parquet(path)
        table = (
            table
            if only is None
            else table.select([one for one in only if one in table.column_names])
        )
        frame: pd.DataFrame = table.replace_schema_metadata().to_pandas()
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {printable(str(path))}.") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        where = printable(str(path))
        raise RunError(f"{where} is damaged: {system_reason(error)}.") from error
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise RunError(f"{path} is damaged: it lacks the column {missing[0]!r}.")
    return frame
