"""The literals of a graph: text, numbers and dates as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.types import IntArray, RowArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Literals:
    """Statements whose object is a literal, sorted by subject, relation, value.

    Attributes:
        subject: Entity rows, int32 of shape (m,).
        relation: Relation rows, int32 of shape (m,).
        value: Lexical forms, Arrow `large_string` of shape (m,).
        datatype: Full IRIs, Arrow dictionary array of shape (m,): `xsd:string` for plain literals,
            `rdf:langString` for those with a language.
        language: Lower-case language tags, Arrow dictionary array of shape (m,); "" for none.
    """

    subject: RowArray
    relation: RowArray
    value: pa.Array
    datatype: pa.Array
    language: pa.Array

    def __len__(self) -> int:
        return len(self.subject)

    def take(self, rows: npt.ArrayLike) -> Literals:
        """Return the literals at `rows`, an int array of shape (k,), in that order."""
        places = np.asarray(rows, dtype=np.int64)
        indices = pa.array(places)
        return Literals(
            self.subject[places],
            self.relation[places],
            self.value.take(indices),
            self.datatype.take(indices),
            self.language.take(indices),
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return the columns subject, relation (rows), value, datatype and language (text)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": self.subject,
                "relation": self.relation,
                "value": self.value.to_pylist(),
                "datatype": pd.Categorical(self.datatype.to_pandas()),
                "language": pd.Categorical(self.language.to_pandas()),
            }
        )


def replaced(values: Any, rows: IntArray, new: Any) -> Any:
    """Return an Arrow array with `new` in place of the values at `rows`, which are sorted."""
    if not len(rows):
        return values
    mask = np.zeros(len(values), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(values, pa.array(mask), new)


def text_ranks(column: Any) -> IntArray:
    """Return each text's place among the column's distinct texts, in UTF-8 byte order.

    Args:
        column: Arrow string or dictionary array of shape (n,).

    Returns:
        int64 of shape (n,).
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    order = np.asarray(pc.sort_indices(encoded.dictionary), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[np.asarray(encoded.indices, dtype=np.int64)]
