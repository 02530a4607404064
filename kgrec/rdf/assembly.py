"""Making a graph from statements: numbered, sorted, each once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.literals import Literals, text_ranks
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.native import native_is_there
from kgrec.rdf.read_report import ReadReport
from kgrec.rdf.statements import LiteralTable, Statements, take_literals
from kgrec.types import BoolArray, IntArray, RowArray

_NATIVE: Final = 1 << 17  # statements; fewer are sorted before the compiled loops are loaded
_NO_TEXT: Final = np.zeros(1, dtype=np.uint8)


def assemble(
    batches: Sequence[Statements], report: ReadReport | None = None, *, may_be_empty: bool = False
) -> GraphColumns:
    """Number the terms of all batches together, and sort and deduplicate the statements.

    Args:
        batches: The statements.
        report: What was read; the counts of statements are added to it.
        may_be_empty: Whether there may be no statement.

    Raises:
        DataError: There is no statement, or there are more terms than can be numbered.
    """
    report = report or ReadReport()
    stated = sum(map(len, batches))
    if not stated and not may_be_empty:
        shown = ", ".join(file.path for file in report.files[:3])
        raise DataError(f"The graph is empty: no statement was found in {shown}.")
    entities, entity_rows = _number([batch.terms for batch in batches], "entity")
    relations, relation_rows = _number([batch.predicates for batch in batches], "relation")
    edges = [np.concatenate(parts) for parts in _columns(batches, entity_rows, relation_rows)]
    sizes = (len(entities), len(relations), len(entities))
    with_graphs = any(batch.graphs is not None for batch in batches)
    values = zip(batches, entity_rows, relation_rows, strict=True)
    key = np.concatenate(
        [entity[b.values[:, 0]] * len(relations) + row[b.values[:, 1]] for b, entity, row in values]
    )
    with ThreadPoolExecutor(1) as other:  # both mostly work without Python's lock
        sorting = other.submit(_distinct_rows, edges, sizes, with_graphs)
        chosen, literal_of = _distinct_literals(key, _joined([b.literals for b in batches]))
        triples, triple_of = sorting.result()
    subject, relation = np.divmod(chosen.key, max(len(relations), 1))
    table = chosen.table
    literals = Literals(
        subject.astype(np.int32),
        relation.astype(np.int32),
        table.value,
        table.datatype,
        table.language,
    )
    graphs = _graphs(batches, triple_of, literal_of) if with_graphs else None
    distinct = len(triples) + len(literals) if graphs is None else len(graphs)
    counted = replace(
        report,
        statements=stated,
        triples=len(triples),
        literals=len(literals),
        duplicates=stated - distinct,
    )
    return GraphColumns(entities, relations, triples, literals, graphs, counted)


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
        triple_of: The row of each statement between entities.
        literal_of: The row of each statement with a literal.
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


@dataclass(frozen=True)
class _Literals:
    """Distinct statements with a literal, in order: key of subject and relation, and literal."""

    key: IntArray
    table: LiteralTable


def _distinct_literals(key: IntArray, table: LiteralTable) -> tuple[_Literals, IntArray]:
    """Return the distinct statements with a literal, and the row of each statement among them.

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
        ranks = [text_ranks(column) for column in (chosen.value, chosen.datatype, chosen.language)]
        by_text = np.lexsort((*ranks[::-1], ordered))
        is_first[tied] = _is_first([ordered[by_text], *(rank[by_text] for rank in ranks)])
        order[tied] = order[tied[by_text]]
    row_of = np.empty(len(key), dtype=np.int64)
    row_of[order] = np.cumsum(is_first) - 1
    order = order[is_first]
    rows = pa.array(order)
    taken = LiteralTable(
        _taken(table.value, order), table.datatype.take(rows), table.language.take(rows)
    )
    return _Literals(key[order], taken), row_of


def _taken(strings: Any, rows: IntArray) -> Any:
    """Return the strings at some rows; nothing is compiled for few of them."""
    if len(rows) < _NATIVE or not native_is_there():
        return strings.take(pa.array(rows))
    from kgrec.rdf.native.take import take_strings

    return take_strings(strings, rows)


def _ordered_natively(key: IntArray, table: LiteralTable) -> tuple[IntArray, BoolArray, IntArray]:
    """Return the order, which rows in it are the first of equal ones, and which are not sorted."""
    from kgrec.rdf.native.order import argsort, sort_groups

    order = argsort(key)
    ranks = [text_ranks(column) for column in (table.datatype, table.language)]
    _, offsets, text = table.value.buffers()
    begins = np.frombuffer(offsets, dtype=np.int64)[table.value.offset :][: len(key) + 1]
    octets = np.frombuffer(text, dtype=np.uint8) if text is not None and text.size else _NO_TEXT
    kinds = ranks[0] * max(len(table.language.dictionary), 1) + ranks[1]
    found = sort_groups(key, order, octets, begins, kinds)
    return order, ~found[:, 0], np.flatnonzero(found[:, 1])


def _joined(tables: Sequence[LiteralTable]) -> LiteralTable:
    """Return the literals of all tables, one after the other."""
    if len(tables) == 1:
        return tables[0]
    return LiteralTable(
        pa.concat_arrays([table.value for table in tables]),
        _concat_dictionaries([table.datatype for table in tables]),
        _concat_dictionaries([table.language for table in tables]),
    )


def _concat_dictionaries(arrays: Sequence[Any]) -> Any:
    return pa.chunked_array(arrays).unify_dictionaries().combine_chunks()


def _number(arrays: Sequence[Any], name: str) -> tuple[Vocabulary, list[IntArray]]:
    """Return the vocabulary of all arrays, and the rows of each array's ids in it."""
    if len(arrays) == 1:  # distinct already
        order = np.asarray(pc.sort_indices(arrays[0])).astype(np.int64)
        rows = np.empty(len(order), dtype=np.int64)
        rows[order] = np.arange(len(order))
        return Vocabulary.from_sorted(_taken(arrays[0], order), name), [rows]
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
        from kgrec.rdf.native.order import sort

        keys = sort(keys)
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
