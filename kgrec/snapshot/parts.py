"""A large table about users, written so that an interrupted writing can go on.

Beside the file, in the folder `FILE.parts`, there is a Parquet file for each some thousand users,
and a journal of them with their checksums. When all are there, the file is written as a whole, and
the folder goes. A process that is killed loses one part at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kgrec.bounds.json_text import read_json
from kgrec.data.table_writer import table_writer
from kgrec.errors import RunError, printable
from kgrec.files import alone_in, writing
from kgrec.outputs.checked import (
    check_checksums,
    check_json,
    checksums,
    is_checked_json,
    write_checked_json,
)
from kgrec.text.progress import ShowProgress, reporter

if TYPE_CHECKING:
    import pandas as pd

USERS: Final = 10_000
"""Users of a part."""
_JOURNAL: Final = "journal.json"
_TRIED: Final = 8
"""Users whose rows are computed again, to see that the model is the same."""


@dataclass(frozen=True)
class Parted:
    """A table that is computed user by user.

    Attributes:
        schema: Its columns, among them `user_id` and `score`.
        num_users: Number of users.
        tables: Computes it for the users from one place to before another, block by block: yields
            the number of users of each block, and their rows.
        fingerprint: A checksum of all that decides the table besides the model's weights.
    """

    schema: pa.Schema
    num_users: int
    tables: Callable[[int, int], Iterator[tuple[int, pa.Table]]]
    fingerprint: str

    def to_pandas(self, start: int, stop: int) -> pd.DataFrame:
        """Return the rows of some users."""
        tables = [table for _, table in self.tables(start, stop)]
        frame: pd.DataFrame = pa.concat_tables([self.schema.empty_table(), *tables]).to_pandas()
        return frame


def write_in_parts(wanted: Parted, path: Path, progress: ShowProgress) -> None:
    """Write a table to a file, going on with the parts that are there already.

    Args:
        wanted: The table.
        path: The file, which may be replaced; its ending names the format.
        progress: True shows a bar on stderr; a function is called with the number of users done and
            their total.

    Raises:
        RunError: The folder of the parts is not one, or is of another request or model, or is
            damaged, or another process is at work in it.
        KgrecError: A file cannot be written.
    """
    folder = path.with_name(f"{path.name}.parts")
    with writing(folder):
        if folder.exists() and not is_checked_json(folder / _JOURNAL) and any(_others(folder)):
            raise RunError(
                f"{_shown(folder)} is no folder of an interrupted writing, and is needed for one. "
                "Choose another name for the file."
            )
        folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        _compute(wanted, folder, progress)
        names, schema = _names(wanted.num_users), wanted.schema
        with table_writer(path, schema) as write:
            for name in names:
                for batch in pq.ParquetFile(folder / name).iter_batches():
                    write(pa.Table.from_batches([batch], schema=schema))
        for name in (*names, _JOURNAL):
            (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):  # what others put there stays
        folder.rmdir()


def _compute(wanted: Parted, folder: Path, progress: ShowProgress) -> None:
    """Write the parts that are missing."""
    done, total = _done(wanted, folder), wanted.num_users
    with reporter(progress, total, "Recommending") as report:
        for place, name in enumerate(_names(total)):
            start, stop = place * USERS, min((place + 1) * USERS, total)
            if name not in done:
                at = start
                with table_writer(folder / name, wanted.schema) as write:
                    for number, table in wanted.tables(start, stop):
                        write(table)
                        at += number
                        if at < stop:
                            report(at, total)
                done |= checksums(folder, [name])
                journal = {"asked": wanted.fingerprint, "parts": done}
                write_checked_json(folder / _JOURNAL, journal)
            report(stop, total)


def _done(wanted: Parted, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the finished parts with their checksums, which are compared."""
    if not (folder / _JOURNAL).exists():
        return {}
    try:
        journal = check_json(read_json(folder / _JOURNAL))
        parts = dict(journal["parts"])
        known, same = set(_names(wanted.num_users)), journal["asked"] == wanted.fingerprint
        if same and not set(parts) <= known:
            raise ValueError("it names other parts")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{_shown(folder / _JOURNAL)} is damaged: {printable(str(error), 200)}. Remove the "
            "folder to begin anew."
        ) from error
    if not same:
        raise RunError(
            f"{_shown(folder)} holds parts of another request: other users, items, k, filters or "
            "dials, or what users have has changed. Ask the same, or remove the folder to begin "
            "anew."
        )
    check_checksums(folder, parts)
    if parts:
        _check_model(wanted, folder, parts)
    return parts


def _check_model(wanted: Parted, folder: Path, parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Compute the items of a few users again, and compare their scores with those in a part."""
    name = min(parts)
    start = int(Path(name).stem) * USERS
    now = wanted.to_pandas(start, min(start + min(_TRIED, USERS), wanted.num_users))
    before = pq.read_table(folder / name).slice(0, len(now)).to_pandas()
    # Of equal scores, the order may depend on how many users are scored at once.
    same = (
        len(before) == len(now)
        and now["user_id"].tolist() == before["user_id"].tolist()
        and np.allclose(now["score"], before["score"], rtol=1e-3, atol=1e-4)
    )
    if not same:
        raise RunError(
            f"{_shown(folder)} holds parts of another model: the scores of the first users differ. "
            "Remove the folder to begin anew."
        )


def _names(total: int) -> list[str]:
    return [f"{place:06}.parquet" for place in range(-(-total // USERS))]


def _others(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise RunError(f"{_shown(folder)} is a file, and is needed as a folder.")
    return list(folder.iterdir())


def _shown(path: Path) -> str:
    return printable(str(path), 4096)
