"""Writing a table in pieces, as CSV, Parquet or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from kgrec.errors import DataError, did_you_mean
from kgrec.files import replacing, writing

FORMATS = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")
"""Endings of the files that `table_writer` writes."""


def check_format(path: str | Path) -> None:
    """Check that a file's ending names a format.

    Raises:
        DataError: It does not.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise DataError(
            f"{path}: expected a file that ends in .csv, .tsv, .parquet or .jsonl, found "
            f"{suffix or 'no ending'!r}." + (did_you_mean(suffix, FORMATS) if suffix else "")
        )


@contextmanager
def table_writer(path: str | Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that appends tables to a new file, which is kept only if all is written.

    Args:
        path: The file; its ending names the format.
        schema: The columns of the tables.

    Raises:
        DataError: The ending names no format, or the file cannot be written.
    """
    check_format(path)
    path = Path(path)
    with writing(path, DataError), replacing(path) as file, _opened(path, file, schema) as write:
        yield write


@contextmanager
def _opened(path: Path, file: IO[bytes], schema: pa.Schema) -> Iterator[Callable[..., None]]:
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        with pq.ParquetWriter(file, schema) as parquet:
            yield parquet.write_table
    elif suffix in (".jsonl", ".ndjson"):
        yield lambda table: file.writelines(_json_lines(table))
    else:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        separated = csv.writer(
            text, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n"
        )
        separated.writerow(schema.names)
        yield lambda table: separated.writerows(zip(*_columns(table), strict=True))
        text.flush()
        text.detach()  # the file is closed by whoever opened it


def _json_lines(table: pa.Table) -> Iterator[bytes]:
    for row in zip(*_columns(table), strict=True):
        values = dict(zip(table.schema.names, row, strict=True))
        yield (json.dumps(values, ensure_ascii=False) + "\n").encode()


def _columns(table: pa.Table) -> Iterator[list[Any]]:
    """Yield the columns as lists; a float32 has no more digits than it needs."""
    for column in table.columns:
        short = column.type == pa.float32()
        yield [float(str(x)) for x in column.to_numpy()] if short else column.to_pylist()
