"""The ids of a vocabulary as one Arrow file, which is mapped into memory instead of being read.

The file is checked once when it is opened, from its beginning to its end; the system can drop the
pages again. A checksum finds damage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from kgrec.bounds.arrow_file import map_batch
from kgrec.bounds.json_text import parse_json
from kgrec.data.id_search import parts_of, searched
from kgrec.errors import RunError, printable
from kgrec.files import replacing, system_reason, writing
from kgrec.outputs.checked import check_json, with_checksum

FORMAT_VERSION: Final = 1
_SCHEMA: Final = pa.schema([("id", pa.large_string())])
_KEY: Final = b"kgrec"
_MOST_ABOUT: Final = 1 << 12  # bytes
_PIECE: Final = 1 << 20  # ids, or bytes of text


@dataclass(frozen=True)
class StoredIds:
    """What a file of ids holds.

    Attributes:
        array: The ids, Arrow `large_string` of shape (n,), mapped.
        name: What they stand for, in the singular.
        num_sorted: How many of the first are sorted by the bytes of UTF-8; the others were
            appended. All are distinct.
    """

    array: pa.Array
    name: str
    num_sorted: int


def write_ids(path: str | Path, ids: StoredIds) -> None:
    """Write ids to a file, whole or not at all.

    Raises:
        RunError: It cannot be written; what was at `path` is unchanged.
    """
    about = {
        "format": "kgrec.Vocabulary",
        "format_version": FORMAT_VERSION,
        "name": ids.name,
        "sorted": ids.num_sorted,
        "crc32": _checksum(ids.array),
    }
    text = json.dumps(with_checksum(about)).encode()
    schema = _SCHEMA.with_metadata({_KEY: text})
    batch = pa.RecordBatch.from_arrays([ids.array], schema=schema)
    with (
        writing(path),
        replacing(Path(path)) as file,
        pa.ipc.new_file(file, schema) as writer,
    ):
        writer.write_batch(batch)


def map_ids(path: str | Path) -> StoredIds:
    """Return the ids that `write_ids` wrote, mapped into memory.

    Raises:
        RunError: The file is missing, damaged, or no file of ids.
    """
    try:
        batch = map_batch(path, _SCHEMA)
        about = _about(batch.schema.metadata)
        ids = StoredIds(batch.column(0), about["name"], about["sorted"])
        if _checksum(ids.array) != about["crc32"]:
            raise ValueError("its checksum is not that of its ids: something in it was changed")
        check_ids(ids.array, ids.num_sorted)
    except FileNotFoundError as error:
        raise RunError(f"{printable(str(path), 4096)}: there is no such file.") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RunError(
            f"{printable(str(path), 4096)} is not readable as the file of a vocabulary: "
            f"{system_reason(error)}. Write it again with Vocabulary.write."
        ) from error
    return ids


def check_ids(array: pa.Array, num_sorted: int) -> None:
    """Check that ids are sorted up to a row, and that each occurs once.

    Args:
        array: Arrow `large_string` of shape (n,), none missing.
        num_sorted: How many must be sorted.

    Raises:
        ValueError: They are not, or there are fewer.
    """
    if not 0 <= num_sorted <= len(array):
        raise ValueError(f"{num_sorted} ids are said to be sorted, and it has {len(array)}")
    first, tail = array[:num_sorted], array[num_sorted:]
    for start in range(0, len(first) - 1, _PIECE):
        part = first[start : start + _PIECE + 1]
        if not pc.all(pc.less(part[:-1], part[1:])).as_py():
            raise ValueError("the ids are not sorted")
    if len(tail) and (
        pc.count_distinct(tail).as_py() < len(tail) or (searched(tail, first) >= 0).any()
    ):
        raise ValueError("an id is repeated")


def _about(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Return what a file says of its ids."""
    text = (metadata or {}).get(_KEY, b"")
    if not text or len(text) > _MOST_ABOUT:
        raise ValueError("it does not say what its ids stand for")
    about = parse_json(text)
    if not isinstance(about, dict) or about.get("format") != "kgrec.Vocabulary":
        raise ValueError("it holds no vocabulary")
    if about.get("format_version") != FORMAT_VERSION:
        found = printable(repr(about.get("format_version")), 60)
        raise ValueError(f"format version {found}, and this kgrec reads version {FORMAT_VERSION}")
    about = check_json(about)
    name, count = about.get("name"), about.get("sorted")
    if not isinstance(name, str) or printable(name) != name or type(count) is not int:
        raise ValueError("what it says of its ids is damaged")
    return about


def _checksum(array: pa.Array) -> int:
    found = 0
    for piece in _content(array):
        found = isal_zlib.crc32(piece, found)
    return found


def _content(array: pa.Array) -> Iterator[bytes | memoryview]:
    """Yield the lengths of ids and their text, so that equal ids have an equal checksum."""
    begins, text = parts_of(array)
    for start in range(0, len(array), _PIECE):
        yield np.diff(begins[start : start + _PIECE + 1]).astype("<i8", copy=False).tobytes()
    for start in range(int(begins[0]), int(begins[-1]), _PIECE):
        yield text[start : min(start + _PIECE, int(begins[-1]))].data
