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
from kgrec.data.ids import Normalise, as_ids, normalise_ids
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
            found = _plain_codes(part, normalise)
            if found is None:
                frame = part.to_pandas(integer_object_nulls=True)
                frame = with_origin(frame, Origin(str(path), format, first_row=first))
                texts = as_ids(frame, column, str(path), normalise)
                coded = pa.array(texts, type=pa.large_string()).dictionary_encode()
                found = coded.dictionary, np.asarray(coded.indices)
            distinct.append(found[0])
            indices.append(found[1])
            first += part.num_rows
    every = pa.concat_arrays(distinct)
    vocabulary = Vocabulary.from_ids(every, name)
    bounds = np.cumsum([len(ids) for ids in distinct])[:-1]
    rows = zip(np.split(vocabulary.rows(every), bounds), indices, strict=True)
    return vocabulary, np.concatenate([of_piece[codes] for of_piece, codes in rows])


def _plain_codes(part: Any, normalise: Normalise | None) -> tuple[Any, IntArray] | None:
    """Return the distinct ids of a piece, and the code of each row.

    No row becomes a Python object. So it is where all ids are text or whole numbers and none is
    missing; None: look at each of them, which says what is wrong.
    """
    values = part.column(0)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    is_plain = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if values.null_count or not (is_plain or pa.types.is_integer(kind)):
        return None
    coded = values.dictionary_encode().unify_dictionaries().combine_chunks()
    used = np.zeros(len(coded.dictionary), dtype=bool)
    used[np.asarray(coded.indices)] = True
    dictionary = coded.dictionary.filter(pa.array(used))
    if dictionary.null_count:
        return None
    try:
        dictionary.validate(full=True)
    except pa.ArrowInvalid:  # no Unicode
        return None
    texts = dictionary.cast(pa.large_string())
    if normalise is not None:
        made = normalise_ids(pd.Series(texts.to_pylist(), dtype=str), normalise)
        texts = pa.array(made, type=pa.large_string())
    if pc.any(pc.equal(pc.binary_length(texts), 0)).as_py():
        return None
    again = texts.dictionary_encode()
    place = np.asarray(again.indices)[np.cumsum(used) - 1]
    return again.dictionary, place[np.asarray(coded.indices)]
