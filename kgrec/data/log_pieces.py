"""Ids of a large Parquet file of interactions, read piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kgrec.bounds.archives import parquet_pieces, read_parquet
from kgrec.data.ids import Normalise, as_ids
from kgrec.data.origin import Origin, with_origin
from kgrec.data.table_format import NamedFormat
from kgrec.data.tables import reading_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.files import open_plain, under
from kgrec.types import IntArray

PIECE: Final = 1 << 20
"""Rows whose ids are text in memory at a time."""


def in_pieces(
    source: object, format: NamedFormat, user: str, item: str, texts: tuple[str | None, ...]
) -> bool:
    """Return whether the ids of a table should be read in pieces.

    So it is for a Parquet file with many rows that has both columns. Where rows may be left out,
    the table is read as a whole, as the rejects are written once; and so it is where an expression
    asks for ids.

    Args:
        source: The table; what is no path is told when it is read.
        format: How it is read.
        user: The column of users.
        item: The column of items.
        texts: The expressions.
    """
    if format.on_error != "raise" or any(
        one in text for text in texts if text for one in (user, item)
    ):
        return False
    if not isinstance(source, str | Path):
        return False
    path = under("", source)
    if path.suffix.lower() not in (".parquet", ".pq") or not path.is_file():
        return False
    try:
        with open_plain(path) as opened:
            about = pq.read_metadata(opened)
    except (OSError, ValueError, pa.ArrowException):
        return False  # reading it as a whole says what is wrong
    names = about.schema.to_arrow_schema().names
    known = names.count(user) == 1 and names.count(item) == 1
    return bool(known and about.num_rows > PIECE)


def other_columns(
    source: str | Path, format: NamedFormat, ids: tuple[str, str], texts: tuple[str | None, ...]
) -> pd.DataFrame:
    """Return the columns that settings or expressions name, all rows.

    Args:
        source: The Parquet file.
        format: How it is read.
        ids: The columns of ids, which are left out unless a setting names them, as a rating.
        texts: Names of columns, and expressions in which names may stand.

    Raises:
        DataError: The file cannot be read, or is larger than allowed.
    """
    path = under("", source)
    with reading_table(path, "interactions"):
        with open_plain(path) as opened:
            about = pq.read_metadata(opened)
        names = about.schema.to_arrow_schema().names
        wanted = [
            name
            for name in names
            if (name in texts if name in ids else any(text and name in text for text in texts))
        ]
        table = read_parquet(path, format.max_bytes, format.max_ratio, columns=wanted)
        frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)
    if not wanted:
        frame = pd.DataFrame(index=pd.RangeIndex(about.num_rows))
    return with_origin(frame, Origin(str(path), format))


def coded_ids(
    source: str | Path, column: str, name: str, format: NamedFormat, normalise: Normalise | None
) -> tuple[Vocabulary, IntArray]:
    """Return the vocabulary of a column of ids, and the row of each of its values in it.

    Only the distinct ids, and the text of one piece, are in memory.

    Args:
        source: The Parquet file.
        column: The column.
        name: What the ids stand for.
        format: How the file is read.
        normalise: See `kgrec.data.ids.as_ids`.

    Raises:
        DataError: An id is missing, or the file is damaged.
    """
    path = under("", source)
    indices: list[Any] = []
    distinct: list[Any] = []
    first = 0
    limits = format.max_bytes, format.max_ratio
    with reading_table(path, "interactions"):
        for part in parquet_pieces(path, *limits, columns=[column], rows=PIECE):
            frame = part.to_pandas(integer_object_nulls=True)
            frame = with_origin(frame, Origin(str(path), format, first_row=first))
            texts = as_ids(frame, column, str(path), normalise)
            coded = pa.array(texts, type=pa.large_string()).dictionary_encode()
            indices.append(np.asarray(coded.indices))
            distinct.append(coded.dictionary)
            first += len(frame)
    vocabulary = Vocabulary.from_ids(pc.unique(pa.concat_arrays(distinct)), name)
    rows = [vocabulary.rows(ids)[codes] for ids, codes in zip(distinct, indices, strict=True)]
    return vocabulary, np.concatenate(rows)
