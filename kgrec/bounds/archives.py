"""Tables whose content may be far larger than their files: gzip and Parquet.

Up to `FREE` bytes any file may grow to; beyond, at most `max_ratio` times its size.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from kgrec.errors import DataError, option, printable
from kgrec.files import open_plain

FREE: Final = 1 << 26
"""Bytes that any file may grow to."""

MAX_BYTES: Final = 64 << 30
"""Largest size of a table in bytes, decompressed, if nothing else is said."""

MAX_RATIO: Final = 100
"""Largest ratio of decompressed to compressed size, if nothing else is said."""

_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 1 << 22
_MANY: Final = 1 << 16  # rows at a time
_FEW: Final = 64


def read_gzip(path: Path, max_bytes: int = MAX_BYTES, max_ratio: int = MAX_RATIO) -> bytes:
    """Return the content of a file, decompressed if it is gzip.

    Args:
        path: The file.
        max_bytes: Largest size, decompressed.
        max_ratio: Largest ratio of the decompressed to the compressed size.

    Raises:
        DataError: It is larger than allowed, or no gzip file although its name says so.
        OSError, ValueError, EOFError: It cannot be read, or is damaged.
    """
    with open_plain(path) as file:
        size, packed = path.stat().st_size, file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            if path.suffix.lower() == ".gz":
                raise DataError(f"{printable(str(path))} is no gzip file, as its name promises.")
            check_growth(path, size, size, max_bytes, max_ratio)
            return file.read()
        from isal import igzip, igzip_lib

        found, pieces = 0, []
        damaged: Any = igzip_lib.IsalError
        try:
            with igzip.IGzipFile(fileobj=file) as unpacked:
                while piece := unpacked.read(_PIECE):
                    found += len(piece)
                    check_growth(path, size, found, max_bytes, max_ratio)
                    pieces.append(piece)
        except (damaged, zlib.error) as error:
            raise ValueError(f"the gzip file is damaged: {error}") from error
        return b"".join(pieces)


def read_parquet(
    path: Path,
    max_bytes: int = MAX_BYTES,
    max_ratio: int = MAX_RATIO,
    *,
    columns: Sequence[str] | None = None,
) -> Any:
    """Return a Parquet file as an Arrow table, after adding up what its columns become.

    Args:
        path: The file.
        max_bytes: Largest size of the table.
        max_ratio: Largest ratio of the size of the table to that of the file.
        columns: The columns to read; None: all.

    Raises:
        DataError: The table is larger than allowed.
        OSError, ValueError: The file is missing, damaged or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_plain(path) as opened:
        schema = pq.read_schema(opened)
    if columns is not None:
        schema = pa.schema([field for field in schema if field.name in columns])
    parts = [part.cast(schema) for part in parquet_pieces(path, max_bytes, max_ratio, columns)]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def parquet_pieces(
    path: Path,
    max_bytes: int = MAX_BYTES,
    max_ratio: int = MAX_RATIO,
    columns: Sequence[str] | None = None,
    rows: int = 0,
) -> Iterator[Any]:
    """Yield a Parquet file as Arrow tables of some rows each, as `read_parquet` checks it.

    Args:
        path: The file.
        max_bytes: Largest size of all of them together.
        max_ratio: Largest ratio of that size to that of the file.
        columns: The columns to read; None: all. Texts are dictionaries.
        rows: Most rows of a table; 0: what a table of all rows is made of.

    Raises:
        DataError: The table is larger than allowed.
        OSError, ValueError: The file is missing, damaged or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_plain(path) as opened:
        size = path.stat().st_size
        with pq.ParquetFile(pa.PythonFile(opened, mode="r")) as file:
            about, schema = file.metadata, file.schema_arrow
            chunks = [
                about.row_group(group).column(column)
                for group in range(about.num_row_groups)
                for column in range(about.num_columns)
            ]
            stated = sum(max(chunk.total_uncompressed_size, _fixed(chunk)) for chunk in chunks)
            check_growth(path, size, stated, max_bytes, max_ratio)
        # A text of a dictionary is held once, whatever number of rows has it, until its size is
        # known. A text that repeats the beginning of the one before may be far longer than stated.
        delta = {chunk.path_in_schema for chunk in chunks if "DELTA" in str(chunk.encodings)}
        texts = [field.name for field in schema if _is_text(field.type) and field.name not in delta]
        most = _FEW if delta else (rows or _MANY)
        with pq.ParquetFile(pa.PythonFile(opened, mode="r"), read_dictionary=texts) as file:
            for part in file.iter_batches(most, columns=columns):
                stated += sum(map(_repeated, part.columns)) + (part.nbytes if delta else 0)
                check_growth(path, size, stated, max_bytes, max_ratio)
                _check_unicode(part)
                yield pa.Table.from_batches([part])


def check_growth(path: Path, size: int, found: int, max_bytes: int, max_ratio: int) -> None:
    """Raise a DataError if a file of `size` bytes gives more than the limits allow."""
    where = printable(str(path))
    if found > max_bytes:
        raise DataError(
            f"{where} gives more than {max_bytes:,} bytes, the limit {option('max_bytes')}. If it "
            "is meant to be that large, give a larger one."
        )
    if found > max(FREE, max_ratio * size):
        raise DataError(
            f"{where} has {size:,} bytes and gives more than {found:,}, over {max_ratio} times as "
            f"many, the limit {option('max_ratio')}: this may be a file made to fill the memory. "
            "If it is not, give a larger limit."
        )


def _fixed(chunk: Any) -> int:
    """Return the bytes of the values of a column that have a fixed size."""
    width = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT96": 12}.get(chunk.physical_type, 8)
    return int(chunk.num_values) * width


def _is_text(kind: Any) -> bool:
    import pyarrow.types as kinds

    tests = (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary)
    return any(test(kind) for test in tests)


def _check_unicode(part: Any) -> None:
    """Raise a ValueError if a column of text holds bytes that are none."""
    import pyarrow as pa

    for name, column in zip(part.schema.names, part.columns, strict=True):
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            try:
                values.validate(full=True)
            except pa.ArrowInvalid as error:
                raise ValueError(
                    f"the column {printable(name)!r} holds text that is not UTF-8"
                ) from error


def _repeated(column: Any) -> int:
    """Return the bytes that the texts of a column have together, if a dictionary holds them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
        return 0
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return pc.sum(lengths.take(column.indices)).as_py() or 0
