"""Lists of ids in files: an id a line, or a column of a table."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from kgrec.data.encoding import not_utf8, to_utf8
from kgrec.data.ids import as_ids
from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, did_you_mean, first_few, printable, warn
from kgrec.files import nearest_file, read_plain
from kgrec.types import IntArray

_MOST_BYTES = 1 << 28  # 20 million ids of a dozen letters
_TABLES = {".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".inter", ".item", ".user"}


def read_ids(path: str | Path, known: Vocabulary) -> IntArray:
    """Return the rows of the ids in a file, int64 of shape (n,), in the file's order, once each.

    A table (`.csv`, `.tsv`, `.parquet`, `.jsonl`) has them in its only column, or in the column
    `item_id`, `item` or `id` (`user_id`, `user` or `id` for users). Any other file has an id a
    line. Ids that are not known are left out with a warning.

    Args:
        path: The file.
        known: The known ids; its name, such as "item", says what they are.

    Raises:
        DataError: The file cannot be read, lacks the column, or has no known id.
    """
    path = Path(path)
    ids = listed_ids(path, known)
    rows = known.rows(ids, missing="-1")
    unknown = [id for id, row in zip(ids, rows.tolist(), strict=True) if row < 0]
    where = printable(str(path))
    if len(unknown) == len(ids):
        hint = did_you_mean(ids[0], known.ids) if ids else ""
        shown = f": {first_few(ids)}." if ids else "."
        raise DataError(
            f"{where} has {len(ids)} {known.name} ids, and none is known to the run{shown}{hint}"
        )
    if unknown:
        warn(
            f"{where}: {len(unknown):,} of {len(ids):,} {known.name} ids are not known to the run "
            f"and are left out: {first_few(unknown)}. Train again with them, or mend the file."
        )
    return rows[rows >= 0]


def listed_ids(path: Path, known: Vocabulary) -> list[str]:
    """Return the ids in a file, in its order, once each, whether they are known or not.

    Args:
        path: As for `read_ids`.
        known: Its name, such as "item", says what the ids are.

    Raises:
        DataError: The file cannot be read, or lacks the column.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix != ".gz"]
    is_table = bool(suffixes) and suffixes[-1] in _TABLES
    ids = _of_table(path, known) if is_table else _of_lines(path, known)
    return list(dict.fromkeys(ids))


def _of_lines(path: Path, known: Vocabulary) -> list[str]:
    if not path.exists() or path.is_dir():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}: expected a file of {known.name} ids." + nearest_file(path))
    try:
        text = not_utf8(to_utf8(read_plain(path, _MOST_BYTES), str(path)), str(path))
        # One line at a time: a list of millions of empty ones is many times the file.
        lines = (line.decode().strip() for line in BytesIO(text.replace(b"\r", b"\n")))
        return list(dict.fromkeys(filter(None, lines)))
    except DataError:
        raise
    except (OSError, ValueError) as error:
        reason = printable(str(error))
        raise DataError(f"{path} cannot be read as {known.name} ids: {reason}") from error


def _of_table(path: Path, known: Vocabulary) -> list[str]:
    frame = read_table(path, what=f"{known.name} id")
    names = [str(name) for name in frame.columns]
    wanted = [f"{known.name}_id", known.name, "id"]
    column = next((name for name in wanted if name in names), None)
    if column is None and len(names) == 1:
        column = names[0]
    if column is None:
        raise DataError(
            f"{path} has no column {wanted[0]!r}: it has {first_few(names, 8)}. Name the column of "
            f"the ids {wanted[0]}, or give a file with an id a line."
        )
    ids = as_ids(frame.dropna(subset=[column]), column, str(path)).tolist()
    # A file of one column may have no header: its first line is then an id.
    return [column, *ids] if column not in wanted and column in known else ids
