"""Recommendations for many users, written so that an interrupted writing can go on.

Beside the file, in the folder `FILE.parts`, there is a Parquet file for each some thousand users,
and a journal of them with their checksums. When all are there, the file is written as a whole, and
the folder goes. A process that is killed loses one part at the most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
    from kgrec.snapshot.bulk import BulkRecommendations

USERS: Final = 10_000
"""Users of a part."""
_JOURNAL: Final = "journal.json"
_TRIED: Final = 8
"""Users whose items are computed again, to see that the model is the same."""


def write_in_parts(found: BulkRecommendations, path: Path, progress: ShowProgress) -> None:
    """Write recommendations to a file, going on with the parts that are there already.

    Args:
        found: The recommendations.
        path: The file, which may be replaced; its ending names the format.
        progress: As for `BulkRecommendations.write`.

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
        _compute(found, folder, progress)
        names = _names(len(found))
        with table_writer(path, _schema()) as write:
            for name in names:
                for batch in pq.ParquetFile(folder / name).iter_batches():
                    write(pa.Table.from_batches([batch], schema=_schema()))
        for name in (*names, _JOURNAL):
            (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):  # what others put there stays
        folder.rmdir()


def _compute(found: BulkRecommendations, folder: Path, progress: ShowProgress) -> None:
    """Write the parts that are missing."""
    asked = _fingerprint(found)
    done = _done(found, folder, asked)
    with reporter(progress, len(found), "Recommending") as report:
        for place, name in enumerate(_names(len(found))):
            start, stop = place * USERS, min((place + 1) * USERS, len(found))
            if name not in done:
                part = found.of_users(slice(start, stop))
                at = start
                with table_writer(folder / name, _schema()) as write:
                    for block in part:
                        write(part.table(block))
                        at += len(block.users)
                        if at < stop:
                            report(at, len(found))
                done |= checksums(folder, [name])
                write_checked_json(folder / _JOURNAL, {"asked": asked, "parts": done})
            report(stop, len(found))


def _done(found: BulkRecommendations, folder: Path, asked: str) -> dict[str, dict[str, Any]]:
    """Return the finished parts with their checksums, which are compared."""
    if not (folder / _JOURNAL).exists():
        return {}
    try:
        journal = check_json(read_json(folder / _JOURNAL))
        parts = dict(journal["parts"])
        known = set(_names(len(found)))
        if journal["asked"] == asked and not set(parts) <= known:
            raise ValueError("it names other parts")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{_shown(folder / _JOURNAL)} is damaged: {printable(str(error), 200)}. Remove the "
            "folder to begin anew."
        ) from error
    if journal["asked"] != asked:
        raise RunError(
            f"{_shown(folder)} holds parts of another request: other users, items, k, filters or "
            "dials, or what users have has changed. Ask the same, or remove the folder to begin "
            "anew."
        )
    check_checksums(folder, parts)
    if parts:
        _check_model(found, folder, parts)
    return parts


def _check_model(
    found: BulkRecommendations, folder: Path, parts: Mapping[str, Mapping[str, Any]]
) -> None:
    """Compute the items of a few users again, and compare their scores with those in a part."""
    name = min(parts)
    start = int(Path(name).stem) * USERS
    some = found.of_users(slice(start, min(start + min(_TRIED, USERS), len(found))))
    now = some.to_pandas()
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


def _fingerprint(found: BulkRecommendations) -> str:
    """Return a checksum of all that decides the result besides the model's weights."""
    now, digest = found.snapshot, hashlib.sha256()
    plain = [found.k, found.include_disliked, found.dials.popularity, found.dials.diversity, USERS]
    digest.update(repr([now.model.name, *plain]).encode())
    arrays: list[Any] = [found.users, found.candidates]
    for matrix in (now.histories, now.disliked, found.exclude):
        arrays += [None] if matrix is None else [matrix.indptr, matrix.indices]
    for array in arrays:
        raw = b"all" if array is None else np.ascontiguousarray(array, dtype=np.int64).tobytes()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    for ids in (now.users, now.items):
        digest.update(len(ids).to_bytes(8, "little"))
        digest.update("\0".join(ids.ids).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _names(total: int) -> list[str]:
    return [f"{place:06}.parquet" for place in range(-(-total // USERS))]


def _others(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise RunError(f"{_shown(folder)} is a file, and is needed as a folder.")
    return list(folder.iterdir())


def _schema() -> pa.Schema:
    from kgrec.snapshot.bulk import SCHEMA

    return SCHEMA


def _shown(path: Path) -> str:
    return printable(str(path), 4096)
