"""Arrow files with one batch, as they are in memory: compressed buffers are refused unread."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from kgrec.files import check_plain

_MAGIC: Final = b"ARROW1\0\0"
_MOST_MESSAGES: Final = 64
_DICTIONARY, _BATCH = 2, 3  # types of headers, in Message.fbs of Arrow
_HEADER_TYPE, _HEADER = 1, 2  # fields of Message
_COMPRESSION: Final = 3  # the field of RecordBatch
_DATA = 1  # the field of DictionaryBatch that is a RecordBatch


def map_batch(path: str | Path, schema: Any) -> Any:
    """Return the one record batch of an Arrow file, mapped into memory and checked.

    The parts of the file are read in their order, and not by its footer, which could name others.

    Args:
        path: The file.
        schema: Its schema.

    Raises:
        OSError: The file is missing or no plain file.
        ValueError: It is no Arrow file, of another schema, damaged, compressed, has another number
            of batches than one, or a value or an entry of a dictionary is missing.
    """
    check_plain(path)
    with pa.memory_map(str(path)) as source:
        whole = source.read_buffer()
    if whole.size < len(_MAGIC) or whole.slice(0, len(_MAGIC)).to_pybytes() != _MAGIC:
        raise ValueError("it is no Arrow file")
    stream = whole.slice(len(_MAGIC))
    _check_messages(stream)
    with pa.ipc.open_stream(stream) as reader:
        if reader.schema != schema:
            raise ValueError("it has other columns")
        batches = list(reader)
    if len(batches) != 1:
        raise ValueError(f"it has {len(batches)} batches of rows, and one is expected")
    batch = batches[0]
    batch.validate(full=True)
    for column in batch.columns:
        entries = column.dictionary if pa.types.is_dictionary(column.type) else column
        if column.null_count or entries.null_count:
            raise ValueError("values are missing")
    return batch


def _check_messages(stream: Any) -> None:
    """Refuse compression, which pyarrow would undo without a limit."""
    messages = pa.ipc.MessageReader.open_stream(stream)
    for _ in range(_MOST_MESSAGES):
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        if _is_compressed(message.metadata.to_pybytes()):
            raise ValueError("it is compressed, and kgrec does not write it so")
    raise ValueError(f"it has more than {_MOST_MESSAGES} parts")


def _is_compressed(metadata: bytes) -> bool:
    """Return whether the header of a message names a compression.

    The header is a FlatBuffer (https://flatbuffers.dev/internals/): a table begins with the
    distance back to the list of the places of its fields.
    """
    try:
        message = struct.unpack_from("<I", metadata)[0]
        at = _field(metadata, message, _HEADER_TYPE)
        kind = metadata[at] if at else 0
        if kind not in (_DICTIONARY, _BATCH):
            return False
        table = _table(metadata, _field(metadata, message, _HEADER))
        if kind == _DICTIONARY:
            table = _table(metadata, _field(metadata, table, _DATA))
        return _field(metadata, table, _COMPRESSION) != 0
    except (struct.error, IndexError) as error:
        raise ValueError("the header of a part is damaged") from error


def _field(metadata: bytes, table: int, number: int) -> int:
    """Return where a field of a table is; 0: the table does not have it."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    size = struct.unpack_from("<H", metadata, fields)[0]
    place = 4 + 2 * number
    if place + 2 > size:
        return 0
    offset = struct.unpack_from("<H", metadata, fields + place)[0]
    return table + offset if offset else 0


def _table(metadata: bytes, at: int) -> int:
    return int(at + struct.unpack_from("<I", metadata, at)[0])
