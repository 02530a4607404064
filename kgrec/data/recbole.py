"""RecBole's atomic files: `.inter`, `.kg` and `.link`, tab-separated with typed headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgrec.data.interactions import Interactions
from kgrec.data.splits import PARTS, Split
from kgrec.data.tables import read_table
from kgrec.errors import DataError


@dataclass(frozen=True)
class AtomicFiles:
    """What a set of atomic files holds.

    Attributes:
        split: The benchmark split `<name>.train.inter`, `.valid.inter` and `.test.inter`.
        triples: Columns `head_id`, `relation_id`, `tail_id`, all text.
        links: Columns `item_id`, `entity_id`, all text.
    """

    split: Split
    triples: pd.DataFrame
    links: pd.DataFrame


def read_atomic_files(stem: str | Path) -> AtomicFiles:
    """Read `<stem>.{train,valid,test}.inter`, `<stem>.kg` and `<stem>.link`.

    Every row of an `.inter` file is an interaction; what its `rating` column means differs from
    data set to data set, and it is kept.

    Raises:
        DataError: A file or column is missing.
    """
    stem = Path(stem)
    parts = {part: _read(stem, f"{part}.inter", ["user_id", "item_id"]) for part in PARTS}
    logs = [Interactions.read(parts[part]) for part in PARTS]
    return AtomicFiles(
        Split.of(logs[0], logs[1], logs[2]),
        _read(stem, "kg", ["head_id", "relation_id", "tail_id"]),
        _read(stem, "link", ["item_id", "entity_id"]),
    )


def _read(stem: Path, suffix: str, columns: list[str]) -> pd.DataFrame:
    path = stem.with_name(f"{stem.name}.{suffix}")
    frame = read_table(path, what="RecBole")
    frame.columns = pd.Index([str(name).partition(":")[0] for name in frame.columns])
    for column in columns:
        if column not in frame.columns:
            raise DataError(
                f"{path} has no column {column!r}: expected a tab-separated header such as "
                f"'{column}:token', found {', '.join(frame.columns)[:100]!r}."
            )
    return frame
