"""Statements as columns: what every reader produces, and how a graph is put together from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, printable
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.native import native_is_there
from kgrec.types import BoolArray, IntArray, RowArray

_NATIVE: Final = 1 << 17  # statements; loading the compiled loops takes as long as sorting fewer
_NO_TEXT: Final = np.zeros(1, dtype=np.uint8)


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
        literals: The literals of `values`, one for each row, in its order.
        values: int64 of shape (m, 2): codes of subject (term) and predicate.
        graphs: Distinct names of graphs, "" for the default graph, Arrow `large_string` of shape
            (g,), in any order; None: all statements are in the default graph.
        edge_graph: Code of the graph of each row of `edges`, int64 of shape (n,).
        value_graph: The same of `values`, int64 of shape (m,).
    """

    terms: pa.Array
    predicates: pa.Array
    edges: IntArray
    literals: LiteralTable
    values: IntArray
    graphs: pa.Array | None = None
    edge_graph: IntArray | None = None
    value_graph: IntArray | None = None

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
        graphs: Which graphs hold which of these; None: the default graph holds all.
        duplicates: Number of statements that were stated before in the same graph.
    """

    entities: Vocabulary
    relations: Vocabulary
    triples: RowArray
    literal_subject: RowArray
    literal_relation: RowArray
    literals: LiteralTable
    graphs: NamedGraphs | None
    duplicates: int


def assemble(batches: Sequence[Statements]) -> Assembled:
    """Number the terms of all batches together, and sort and deduplicate the statements."""
    entities, entity_rows = _number([batch.terms for batch in batches], "entity")
    relations, relation_rows = _number([batch.predicates for batch in batches], "relation")
    edges = [np.concatenate(parts) for parts in _columns(batches, entity_rows, relation_rows)]
    sizes = (len(entities), len(relations), len(entities))
    with_graphs = any(batch.graphs is not None for batch in batches)
    values = zip(batches, entity_rows, relation_rows, strict=True)
    key = np.concatenate(
        [entity[b.values[:, 0]] * len(relations) + row[b.values[:, 1]] for b, entity, row in values]
    )
    with ThreadPoolExecutor(1) as other:  # both spend their time where Python does not wait
        sorting = other.submit(_distinct_rows, edges, sizes, with_graphs)
        chosen, literal_of = _distinct_literals(key, _joined([b.literals for b in batches]))
        triples, triple_of = sorting.result()
    subject, relation = np.divmod(chosen.key, max(len(relations), 1))
    stated = len(edges[0]) + len(key)
    graphs = None
    distinct = len(triples) + len(chosen.key)
    if with_graphs:
        graphs = _graphs(batches, triple_of, literal_of)
        distinct = len(graphs)
    return Assembled(
        entities=entities,
        relations=relations,
        triples=triples,
        literal_subject=subject.astype(np.int32),
        literal_relation=relation.astype(np.int32),
        literals=chosen.table,
        graphs=graphs,
        duplicates=stated - distinct,
    )


def _columns(
    batches: Sequence[Statements], entity: Sequence[IntArray], relation: Sequence[IntArray]
) -> list[list[IntArray]]:
    """Return subjects, predicates and objects of the statements between entities, as rows."""
    meanings = zip(batches, entity, relation, strict=True)
    columns = [
        (terms[b.edges[:, 0]], predicates[b.edges[:, 1]], terms[b.edges[:, 2]])
        for b, terms, predicates in meanings
    ]
    return [list(column) for column in zip(*columns, strict=True)]


def _graphs(
    batches: Sequence[Statements], triple_of: IntArray, literal_of: IntArray
) -> NamedGraphs:
    """Return which graph holds which row.

    Args:
        batches: What was read.
        triple_of: The row that became of each statement between entities.
        literal_of: The row that became of each statement with a literal.
    """
    default = pa.array([""], type=pa.large_string())
    names, rows = _number([default if b.graphs is None else b.graphs for b in batches], "graph")
    pairs = []
    for row_of, part in ((triple_of, "edge"), (literal_of, "value")):
        codes = []
        for batch, meaning in zip(batches, rows, strict=True):
            found = getattr(batch, f"{part}_graph")
            size = len(batch.edges if part == "edge" else batch.values)
            codes.append(meaning[np.zeros(size, dtype=np.int64) if found is None else found])
        graph = np.concatenate(codes)
        key = np.unique(row_of * len(names) + graph)
        pairs.append(np.column_stack(np.divmod(key, len(names))).astype(np.int32))
    return NamedGraphs(names, pairs[0], pairs[1])


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


@dataclass(frozen=True)
class _Literals:
    """Distinct statements with a literal, in order: key of subject and relation, and literal."""

    key: IntArray
    table: LiteralTable


def _distinct_literals(key: IntArray, table: LiteralTable) -> tuple[_Literals, IntArray]:
    """Return the distinct statements with a literal, and the row that becomes of each statement.

    Texts are compared only among statements of one subject and relation: sorting all of them
    would cost more than all the rest.

    Args:
        key: subject row * number of relations + relation row, int64 of shape (m,).
        table: Their literals.
    """
    if len(key) >= _NATIVE and native_is_there():
        order, is_first, tied = _ordered_natively(key, table)
    else:
        order = np.argsort(key, kind="stable")
        is_first = np.ones(len(key), dtype=bool)
        same = key[order][1:] == key[order][:-1]
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        tied = tied[: len(key)]
    if len(tied):
        ordered = key[order[tied]]
        chosen = take_literals(table, order[tied])
        ranks = [_ranks(column) for column in (chosen.value, chosen.datatype, chosen.language)]
        by_text = np.lexsort((*ranks[::-1], ordered))
        is_first[tied] = _is_first([ordered[by_text], *(rank[by_text] for rank in ranks)])
        order[tied] = order[tied[by_text]]
    row_of = np.empty(len(key), dtype=np.int64)
    row_of[order] = np.cumsum(is_first) - 1
    order = order[is_first]
    return _Literals(key[order], take_literals(table, order)), row_of


def _ordered_natively(key: IntArray, table: LiteralTable) -> tuple[IntArray, BoolArray, IntArray]:
    """Return the order, which are the first of their like in it, and which are still in none."""
    from kgrec.rdf.native.order import argsort, sort_groups

    order = argsort(key)
    ranks = [_ranks(column) for column in (table.datatype, table.language)]
    _, offsets, text = table.value.buffers()
    begins = np.frombuffer(offsets, dtype=np.int64)[table.value.offset :][: len(key) + 1]
    octets = np.frombuffer(text, dtype=np.uint8) if text is not None and text.size else _NO_TEXT
    kinds = ranks[0] * max(len(table.language.dictionary), 1) + ranks[1]
    found = sort_groups(key, order, octets, begins, kinds)
    return order, ~found[:, 0], np.flatnonzero(found[:, 1])


def _ranks(column: Any) -> IntArray:
    """Return each row's place among the column's distinct values in order."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    order = np.asarray(pc.sort_indices(encoded.dictionary), dtype=np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[np.asarray(encoded.indices, dtype=np.int64)]


def _joined(tables: Sequence[LiteralTable]) -> LiteralTable:
    """Return the literals of all tables, one behind the other."""
    if len(tables) == 1:
        return tables[0]
    return LiteralTable(
        pa.concat_arrays([table.value for table in tables]),
        _concat_dictionaries([table.datatype for table in tables]),
        _concat_dictionaries([table.language for table in tables]),
    )


def _concat_dictionaries(arrays: Sequence[Any]) -> Any:
    return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()


def take_literals(table: LiteralTable, rows: npt.NDArray[Any]) -> LiteralTable:
    """Return the literals at `rows`, an int array of shape (k,), in that order."""
    indices = pa.array(rows)
    return LiteralTable(
        table.value.take(indices), table.datatype.take(indices), table.language.take(indices)
    )


def _number(arrays: Sequence[Any], name: str) -> tuple[Vocabulary, list[IntArray]]:
    """Return the vocabulary of all arrays, and the rows of each array's ids in it."""
    if len(arrays) == 1:  # distinct already
        order = pc.sort_indices(arrays[0])
        rows = np.empty(len(order), dtype=np.int64)
        rows[np.asarray(order)] = np.arange(len(order))
        return Vocabulary.from_sorted(arrays[0].take(order), name), [rows]
    encoded = pa.concat_arrays(arrays).dictionary_encode()
    vocabulary, meaning = _number([encoded.dictionary], name)
    rows = meaning[0][np.asarray(encoded.indices)]
    return vocabulary, np.split(rows, np.cumsum([len(part) for part in arrays])[:-1])


def _distinct_rows(
    columns: Sequence[IntArray], sizes: tuple[int, int, int], with_places: bool
) -> tuple[RowArray, IntArray]:
    """Return the distinct rows, sorted, as int32 of shape (n, 3), and where each row went.

    Args:
        columns: Subject, predicate and object rows, each int64 of shape (m,).
        sizes: How many of them there are.
        with_places: Whether to say where each row went; if not, the second array is empty.
    """
    if max(sizes) > np.iinfo(np.int32).max:
        raise DataError(f"The graph has {max(sizes)} terms; at most 2**31 - 1 can be numbered.")
    if with_places or sizes[0] * sizes[1] * sizes[2] >= np.iinfo(np.int64).max:
        order = np.lexsort(columns[::-1])
        ordered = [column[order] for column in columns]
        first = _is_first(ordered)
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.cumsum(first) - 1
        return np.column_stack([column[first] for column in ordered]).astype(np.int32), places
    # One integer per row sorts several times faster than three columns.
    keys = (columns[0] * sizes[1] + columns[1]) * sizes[2] + columns[2]
    if len(keys) >= _NATIVE and native_is_there():
        from kgrec.rdf.native.order import argsort

        keys = keys[argsort(keys)]
    else:
        keys = np.sort(keys)
    keys = keys[_is_first([keys])]
    front, last = np.divmod(keys, max(sizes[2], 1))
    rows = np.empty((len(keys), 3), dtype=np.int32)
    rows[:, 0], rows[:, 1] = np.divmod(front, max(sizes[1], 1))
    rows[:, 2] = last
    return rows, np.empty(0, dtype=np.int64)


def _is_first(columns: Sequence[IntArray]) -> BoolArray:
    first = np.ones(len(columns[0]), dtype=bool)
    if len(first) > 1:
        first[1:] = False
        for column in columns:
            first[1:] |= column[1:] != column[:-1]
    return first
