"""Statements as columns: what every reader produces, and how a graph is put together from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, printable
from kgrec.kg.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING

IntArray = npt.NDArray[np.int64]
RowArray = npt.NDArray[np.int32]


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
        edges: int64 of shape (n, 3): codes of subject (term), predicate and object (term).
        literals: The literals that `values` points to.
        values: int64 of shape (m, 3): codes of subject (term), predicate and object (literal).
    """

    terms: pa.Array
    predicates: pa.Array
    edges: IntArray
    literals: LiteralTable
    values: IntArray

    def __len__(self) -> int:
        return len(self.edges) + len(self.values)


@dataclass(frozen=True)
class Assembled:
    """The parts of a graph: sorted vocabularies, and distinct rows sorted by their columns.

    Attributes:
        entities: Every IRI and blank node that is a subject or an object.
        relations: Every predicate.
        triples: int32 of shape (n, 3): subject, relation and object rows.
        literal_subject: int32 of shape (m,): entity rows.
        literal_relation: int32 of shape (m,): relation rows.
        literals: The literal of each of the m rows.
        duplicates: Number of statements that were stated before.
    """

    entities: Vocabulary
    relations: Vocabulary
    triples: RowArray
    literal_subject: RowArray
    literal_relation: RowArray
    literals: LiteralTable
    duplicates: int


def assemble(batches: Sequence[Statements]) -> Assembled:
    """Number the terms of all batches together, and sort and deduplicate the statements."""
    entities, entity_rows = _number([batch.terms for batch in batches], "entity")
    relations, relation_rows = _number([batch.predicates for batch in batches], "relation")
    literals, literal_rows = _merge_literals([batch.literals for batch in batches])
    edges, values = [], []
    for batch, entity, relation, literal in zip(
        batches, entity_rows, relation_rows, literal_rows, strict=True
    ):
        edges.append(_translate(batch.edges, entity, relation, entity))
        values.append(_translate(batch.values, entity, relation, literal))
    triples = _distinct_rows(edges, (len(entities), len(relations), len(entities)))
    rows = _distinct_rows(values, (len(entities), len(relations), len(literals)))
    rows = _order_by_literal(rows, literals)
    stated = sum(len(batch) for batch in batches)
    return Assembled(
        entities=entities,
        relations=relations,
        triples=triples,
        literal_subject=np.ascontiguousarray(rows[:, 0]),
        literal_relation=np.ascontiguousarray(rows[:, 1]),
        literals=_take(literals, rows[:, 2]),
        duplicates=stated - len(triples) - len(rows),
    )


def statements(
    edges: tuple[Any, Any, Any],
    literals: tuple[Any, Any, Any, Any, Any],
) -> Statements:
    """Return the batch that plain columns of strings stand for.

    Args:
        edges: Subjects, predicates and objects: three Arrow string arrays of shape (n,).
        literals: Subjects, predicates, values, datatypes (null or "": `xsd:string`, or
            `rdf:langString` where there is a language) and languages (null or "": none): five
            Arrow string arrays of shape (m,).

    Raises:
        DataError: A subject, predicate or object is missing or empty, or a language stands beside
            another datatype than `rdf:langString`.
    """
    for place, column in zip(
        ("subject", "predicate", "object", "literal's subject", "literal's predicate"),
        (*edges, literals[0], literals[1]),
        strict=True,
    ):
        _check_terms(place, column)
    terms = pa.concat_arrays([edges[0], edges[2], literals[0]]).dictionary_encode()
    codes = np.asarray(terms.indices, dtype=np.int64)
    n = len(edges[0])
    predicates = pa.concat_arrays([edges[1], literals[1]]).dictionary_encode()
    predicate_codes = np.asarray(predicates.indices, dtype=np.int64)
    num_literals = len(literals[0])
    return Statements(
        terms=terms.dictionary,
        predicates=predicates.dictionary,
        edges=np.column_stack([codes[:n], predicate_codes[:n], codes[n : 2 * n]]),
        literals=_complete_literals(*literals[2:]),
        values=np.column_stack([codes[2 * n :], predicate_codes[n:], np.arange(num_literals)]),
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
        raise DataError("An id or literal value holds characters that no text can have.") from None


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


def _distinct_literals(table: LiteralTable) -> tuple[LiteralTable, IntArray]:
    """Return the distinct literals, in any order, and each row's code."""
    values = table.value.dictionary_encode()
    keys = np.asarray(values.indices, dtype=np.int64)
    for column in (table.datatype, table.language):
        keys = keys * max(len(column.dictionary), 1) + np.asarray(column.indices)
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(keys):
        return table, np.arange(len(keys))
    return _take(table, first), codes.astype(np.int64, copy=False)


def _order_by_literal(rows: RowArray, literals: LiteralTable) -> RowArray:
    """Order rows that are sorted by subject and relation by their literals within these."""
    same = (rows[1:, :2] == rows[:-1, :2]).all(axis=1)
    # Sorting every text would cost more than all the rest, and most stand alone.
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if not len(tied):
        return rows
    chosen = _take(literals, rows[tied, 2])
    ranks = [_ranks(column) for column in (chosen.language, chosen.datatype, chosen.value)]
    order = np.lexsort((*ranks, rows[tied, 1], rows[tied, 0]))
    ordered = rows.copy()
    ordered[tied] = rows[tied[order]]
    return ordered


def _ranks(column: Any) -> IntArray:
    """Return each row's place among the column's distinct values in order."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    order = np.asarray(pc.sort_indices(encoded.dictionary), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[np.asarray(encoded.indices, dtype=np.int64)]


def _merge_literals(tables: Sequence[LiteralTable]) -> tuple[LiteralTable, list[IntArray]]:
    """Return the distinct literals of all tables, and each table's codes into them."""
    whole = LiteralTable(
        pa.concat_arrays([table.value for table in tables]),
        _concat_dictionaries([table.datatype for table in tables]),
        _concat_dictionaries([table.language for table in tables]),
    )
    distinct, codes = _distinct_literals(whole)
    return distinct, np.split(codes, _bounds(tables))


def _concat_dictionaries(arrays: Sequence[Any]) -> Any:
    if len(arrays) == 1:
        return arrays[0]
    return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()


def _take(table: LiteralTable, rows: npt.NDArray[Any]) -> LiteralTable:
    indices = pa.array(rows)
    return LiteralTable(
        table.value.take(indices), table.datatype.take(indices), table.language.take(indices)
    )


def _number(arrays: Sequence[Any], name: str) -> tuple[Vocabulary, list[IntArray]]:
    """Return the vocabulary of all arrays, and the rows of each array's ids in it."""
    whole = pa.concat_arrays(arrays)
    vocabulary = Vocabulary.of(whole, name)
    rows = np.asarray(pc.index_in(whole, value_set=vocabulary.array), dtype=np.int64)
    return vocabulary, np.split(rows, _bounds(arrays))


def _bounds(parts: Sequence[Any]) -> IntArray:
    """Return where each part but the first begins when all stand one behind the other."""
    return np.cumsum([len(part) for part in parts])[:-1]


def _translate(
    codes: IntArray, subject: IntArray, predicate: IntArray, object: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    return subject[codes[:, 0]], predicate[codes[:, 1]], object[codes[:, 2]]


def _distinct_rows(
    parts: Sequence[tuple[IntArray, IntArray, IntArray]], sizes: tuple[int, int, int]
) -> RowArray:
    """Return the distinct rows of all parts, sorted, as int32 of shape (n, 3)."""
    if max(sizes) > np.iinfo(np.int32).max:
        raise DataError(f"The graph has {max(sizes)} terms; at most 2**31 - 1 can be numbered.")
    columns = [np.concatenate([part[place] for part in parts]) for place in range(3)]
    if sizes[0] * sizes[1] * sizes[2] < np.iinfo(np.int64).max:
        # One integer per row sorts several times faster than three columns.
        keys = np.sort((columns[0] * sizes[1] + columns[1]) * sizes[2] + columns[2])
        keys = keys[_is_first([keys])]
        front, last = np.divmod(keys, max(sizes[2], 1))
        columns = [*np.divmod(front, max(sizes[1], 1)), last]
    else:
        order = np.lexsort(columns[::-1])
        columns = [column[order] for column in columns]
        first = _is_first(columns)
        columns = [column[first] for column in columns]
    return np.column_stack(columns).astype(np.int32)


def _is_first(columns: Sequence[IntArray]) -> npt.NDArray[np.bool_]:
    first = np.ones(len(columns[0]), dtype=bool)
    if len(first) > 1:
        first[1:] = False
        for column in columns:
            first[1:] |= column[1:] != column[:-1]
    return first
