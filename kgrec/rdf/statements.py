"""Statements as columns: what every reader produces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import DataError, printable
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.types import RowArray


@dataclass(frozen=True)
class LiteralTable:
    """Literals, one per row.

    Attributes:
        value: Lexical forms, Arrow `large_string` of shape (l,).
        datatype: Full IRIs, Arrow dictionary array of shape (l,); `xsd:string` for plain ones.
        language: Language tags, Arrow dictionary array of shape (l,); "" where there is none.
    """

    value: pa.Array
    datatype: pa.Array
    language: pa.Array

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class Statements:
    """A batch of statements, as codes into the distinct terms of the batch.

    Attributes:
        terms: Distinct IRIs and blank nodes, Arrow `large_string` of shape (t,), in any order.
        predicates: Distinct predicate IRIs, Arrow `large_string` of shape (p,), in any order.
        edges: int32 of shape (n, 3): codes of subject (term), predicate and object (term).
        literals: The literals of `values`, one for each row, in its order.
        values: int32 of shape (m, 2): codes of subject (term) and predicate.
        graphs: Distinct names of graphs, "" for the default graph, Arrow `large_string` of shape
            (g,), in any order; None: all statements are in the default graph.
        edge_graph: Code of the graph of each row of `edges`, int32 of shape (n,).
        value_graph: The same for `values`, int32 of shape (m,).
    """

    terms: pa.Array
    predicates: pa.Array
    edges: RowArray
    literals: LiteralTable
    values: RowArray
    graphs: pa.Array | None = None
    edge_graph: RowArray | None = None
    value_graph: RowArray | None = None

    def __len__(self) -> int:
        return len(self.edges) + len(self.values)


def statements(
    edges: tuple[Any, Any, Any],
    literals: tuple[Any, Any, Any, Any, Any],
) -> Statements:
    """Return plain columns of strings as a batch.

    Args:
        edges: Subjects, predicates and objects: three Arrow string arrays of shape (n,).
        literals: Subjects, predicates, values, datatypes (null or "": `xsd:string`, or
            `rdf:langString` where there is a language) and languages (null or "": none): five
            Arrow string arrays of shape (m,).

    Raises:
        DataError: A subject, predicate or object is missing or empty, or a literal with a language
            has another datatype than `rdf:langString`.
    """
    for place, column in zip(
        ("subject", "predicate", "object", "literal's subject", "literal's predicate"),
        (*edges, literals[0], literals[1]),
        strict=True,
    ):
        _check_terms(place, column)
    terms = pa.concat_arrays([edges[0], edges[2], literals[0]]).dictionary_encode()
    codes = np.asarray(terms.indices, dtype=np.int32)
    n = len(edges[0])
    predicates = pa.concat_arrays([edges[1], literals[1]]).dictionary_encode()
    predicate_codes = np.asarray(predicates.indices, dtype=np.int32)
    return Statements(
        terms=terms.dictionary,
        predicates=predicates.dictionary,
        edges=np.column_stack([codes[:n], predicate_codes[:n], codes[n : 2 * n]]),
        literals=_complete_literals(*literals[2:]),
        values=np.column_stack([codes[2 * n :], predicate_codes[n:]]),
    )


def string_array(values: Iterable[str | None]) -> pa.Array:
    """Return `values` as an Arrow `large_string` array.

    Raises:
        DataError: A value is not a string.
    """
    values = list(values)
    try:
        return pa.array(values, type=pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        for position, value in enumerate(values):
            if not (value is None or isinstance(value, str)):
                raise DataError(
                    f"Statement {position} holds {printable(repr(value))} of type "
                    f"{type(value).__name__}; ids and literal values must be strings."
                ) from None
        raise DataError("An id or literal value is not valid Unicode text.") from None


def _check_terms(place: str, column: Any) -> None:
    lengths = pc.fill_null(pc.binary_length(column), 0)
    empty = pc.index(lengths, pa.scalar(0, lengths.type)).as_py()
    if empty >= 0:
        raise DataError(f"The {place} of statement {empty} (counted from 0) is missing or empty.")


def _complete_literals(value: Any, datatype: Any, language: Any) -> LiteralTable:
    if value.null_count:
        position = pc.index(pc.is_null(value), True).as_py()
        raise DataError(f"The value of literal {position} (counted from 0) is missing.")
    language = pc.utf8_lower(pc.fill_null(language, ""))
    datatype = pc.fill_null(datatype, "")
    tagged = pc.not_equal(language, "")
    implied = pc.if_else(
        tagged,
        pc.if_else(pc.match_substring(language, "--"), RDF_DIR_LANG_STRING, RDF_LANG_STRING),
        XSD_STRING,
    ).cast(pa.large_string())
    datatype = pc.if_else(pc.equal(datatype, ""), implied, datatype)
    is_tag_type = pc.is_in(
        datatype, pa.array([RDF_LANG_STRING, RDF_DIR_LANG_STRING]).cast(pa.large_string())
    )
    wrong = pc.index(pc.equal(is_tag_type, tagged), False).as_py()
    if wrong >= 0:
        raise DataError(
            f"Literal {wrong} (counted from 0) has the language "
            f"{printable(language[wrong].as_py())!r} and the datatype "
            f"{printable(datatype[wrong].as_py())!r}: a literal has a language exactly if its "
            "datatype is rdf:langString."
        )
    return LiteralTable(value, datatype.dictionary_encode(), language.dictionary_encode())


def take_literals(table: LiteralTable, rows: npt.NDArray[Any]) -> LiteralTable:
    """Return the literals at `rows`, an int array of shape (k,), in that order."""
    indices = pa.array(rows)
    return LiteralTable(
        table.value.take(indices), table.datatype.take(indices), table.language.take(indices)
    )
