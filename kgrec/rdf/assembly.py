"""Making a graph from statements: numbered, sorted, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.rdf.codes import row_slices
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.literals import Literals, text_ranks
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.native import native_pays
from kgrec.rdf.read_report import ReadReport
from kgrec.rdf.statements import LiteralTable, Statements, take_literals
from kgrec.rdf.triple_keys import TripleKeys
from kgrec.types import BoolArray, IntArray, RowArray

_T = TypeVar("_T")
_FEW_STRINGS: Final = 1 << 12
_NO_TEXT: Final = np.zeros(1, dtype=np.uint8)


def assemble(
    batches: Iterable[Statements], report: ReadReport | None = None, *, may_be_empty: bool = False
) -> GraphColumns:
    """Number the terms of all batches together, and sort and deduplicate the statements.

    Args:
        batches: The statements. Where nobody else holds them, their memory is given back while
            they are sorted.
        report: What was read; the counts of statements are added to it.
        may_be_empty: Whether there may be no statement.

    Raises:
        DataError: There is no statement, or there are more terms than can be numbered.
    """
    report = report or ReadReport()
    given = list(batches)
    stated = sum(map(len, given))
    if not stated and not may_be_empty:
        shown = ", ".join(file.path for file in report.files[:3])
        raise DataError(f"The graph is empty: no statement was found in {shown}.")
    native = native_pays(stated)
    entities, entity_rows = _number([batch.terms for batch in given], "entity", native)
    relations, relation_rows = _number([batch.predicates for batch in given], "relation", native)
    graph_codes = _graph_codes(given)
    with_graphs = graph_codes is not None
    edges = list(zip([one.edges for one in given], entity_rows, relation_rows, strict=True))
    values = list(zip([one.values for one in given], entity_rows, relation_rows, strict=True))
    tables = [one.literals for one in given]
    given.clear()
    with ThreadPoolExecutor(1) as other:  # both mostly work without Python's lock
        sizes = len(entities), len(relations)
        bits = TripleKeys.of(*sizes).relation
        sorting = other.submit(_distinct_triples, edges, sizes, with_graphs)
        key = np.concatenate([_literal_key(*one, bits) for one in given_up(values)])
        chosen, literal_of = _distinct_literals(key, tables, with_graphs)
        triples, triple_of = sorting.result()
    table = chosen.table
    literals = Literals(
        (chosen.key >> bits).astype(np.int32),
        (chosen.key & ((1 << bits) - 1)).astype(np.int32),
        table.value,
        table.datatype,
        table.language,
    )
    graphs = None
    if graph_codes is not None:
        names, of_edges, of_values = graph_codes
        pairs = _pairs(triple_of, of_edges, names), _pairs(literal_of, of_values, names)
        graphs = NamedGraphs(names, *pairs)
    distinct = len(triples) + len(literals) if graphs is None else len(graphs)
    counted = replace(
        report,
        statements=stated,
        triples=len(triples),
        literals=len(literals),
        duplicates=stated - distinct,
    )
    return GraphColumns(entities, relations, triples, literals, graphs, counted)


def _literal_key(values: RowArray, entity: RowArray, relation: RowArray, bits: int) -> IntArray:
    """Return subject row * 2**bits + relation row, int64 of shape (m,)."""
    key = np.empty(len(values), dtype=np.int64)
    for rows in row_slices(len(values)):
        part = key[rows]
        part[:] = entity[values[rows, 0]]
        part <<= bits
        part |= relation[values[rows, 1]]
    return key


def _graph_codes(batches: Sequence[Statements]) -> tuple[Vocabulary, RowArray, RowArray] | None:
    """Return the graphs' names, and the row of the graph of each edge and of each value.

    None: all statements are in the default graph.
    """
    if all(batch.graphs is None for batch in batches):
        return None
    default = pa.array([""], type=pa.large_string())
    names, rows = _number([default if b.graphs is None else b.graphs for b in batches], "graph")
    codes: list[list[RowArray]] = [[], []]
    for batch, row in zip(batches, rows, strict=True):
        for part, found, into in (
            (batch.edges, batch.edge_graph, codes[0]),
            (batch.values, batch.value_graph, codes[1]),
        ):
            into.append(np.full(len(part), row[0]) if found is None else row[found])
    return names, np.concatenate(codes[0]), np.concatenate(codes[1])


def _pairs(row_of: IntArray, graph: RowArray, names: Vocabulary) -> RowArray:
    """Return the distinct pairs of statement and graph, sorted, int32 of shape (q, 2)."""
    key = np.unique(row_of * len(names) + graph)
    return np.column_stack(np.divmod(key, len(names))).astype(np.int32)


@dataclass(frozen=True)
class _Literals:
    """Distinct statements with a literal, in order: key of subject and relation, and literal."""

    key: IntArray
    table: LiteralTable


def _distinct_literals(
    key: IntArray, tables: list[LiteralTable], with_places: bool
) -> tuple[_Literals, IntArray]:
    """Return the distinct statements with a literal, and the row of each statement among them.

    Texts are compared only among statements of one subject and relation: sorting all of them
    would cost more than all the rest.

    Args:
        key: What `_literal_key` returns, int64 of shape (m,).
        tables: Their literals; the list is emptied.
        with_places: Whether to say the row of each statement; if not, the second array is empty.
    """
    table = _joined(tables)
    tables.clear()
    if native_pays(len(key)):
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
    places = _places(order, is_first) if with_places else np.empty(0, dtype=np.int64)
    order = order[is_first]
    rows = pa.array(order)
    taken = LiteralTable(
        _taken(table.value, order), table.datatype.take(rows), table.language.take(rows)
    )
    return _Literals(key[order], taken), places


def _taken(strings: Any, rows: IntArray) -> Any:
    """Return the strings at some rows; nothing is compiled for few of them."""
    if not native_pays(len(rows)):
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


def _number(
    arrays: Sequence[Any], name: str, native: bool = False
) -> tuple[Vocabulary, list[RowArray]]:
    """Return the vocabulary of all arrays, and the rows of each array's ids in it.

    Args:
        arrays: Distinct ids, Arrow `large_string`.
        name: What they stand for.
        native: Whether to use the compiled loops, where they are worth it.
    """
    if len(arrays) == 1:
        order = _order(arrays[0], native)
        rows = np.empty(len(order), dtype=np.int32)
        rows[order] = np.arange(len(order), dtype=np.int32)
        return Vocabulary.from_sorted(_taken(arrays[0], order), name), [rows]
    encoded = pa.concat_arrays(arrays).dictionary_encode()
    vocabulary, meaning = _number([encoded.dictionary], name, native)
    rows = meaning[0][np.asarray(encoded.indices)]
    return vocabulary, np.split(rows, np.cumsum([len(part) for part in arrays])[:-1])


def _order(strings: Any, native: bool) -> IntArray:
    """Return the order of distinct strings by their bytes."""
    if len(strings) > np.iinfo(np.int32).max:
        raise DataError(f"The graph has {len(strings)} terms; at most 2**31 - 1 can be numbered.")
    if len(strings) < _FEW_STRINGS or not native:
        return np.asarray(pc.sort_indices(strings)).astype(np.int64)
    from kgrec.rdf.native.string_order import string_order

    order: IntArray = string_order(strings)
    return order


def _distinct_triples(
    batches: list[tuple[RowArray, RowArray, RowArray]], sizes: tuple[int, int], with_places: bool
) -> tuple[RowArray, IntArray]:
    """Return the distinct triples, sorted, as int32 of shape (n, 3), and where each one went.

    Args:
        batches: What `TripleKeys.made` takes; the list is emptied.
        sizes: How many entities and relations there are.
        with_places: Whether to say where each triple went; if not, the second array is empty.
    """
    form = TripleKeys.of(*sizes)
    size = sum(len(edges) for edges, _, _ in batches)
    if not form.fit:
        columns = [
            np.concatenate([rows[part][edges[:, place]] for edges, *rows in batches])
            for place, part in enumerate((0, 1, 0))
        ]
        batches.clear()
        order = np.lexsort(columns[::-1])
        ordered = [column[order] for column in columns]
        first = _is_first(ordered)
        return np.column_stack([column[first] for column in ordered]), _places(order, first)
    keys = form.made(given_up(batches), size)
    if with_places:
        order = _argsort(keys)
        keys = keys[order]
        first = _is_first([keys])
        return form.rows(keys, first), _places(order, first)
    if native_pays(size):
        from kgrec.rdf.native.order import sort

        keys = sort(keys)
    else:
        keys.sort()
    return form.rows(keys, _is_first([keys])), np.empty(0, dtype=np.int64)


def _is_first(columns: Sequence[IntArray]) -> BoolArray:
    first = np.ones(len(columns[0]), dtype=bool)
    if len(first) > 1:
        first[1:] = False
        for column in columns:
            first[1:] |= column[1:] != column[:-1]
    return first


def _places(order: IntArray, first: BoolArray) -> IntArray:
    """Return the number among the distinct rows of each row, int64 of shape (n,).

    Args:
        order: The rows in their order.
        first: Which of them, in that order, are the first of equal ones.
    """
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.cumsum(first) - 1
    return places


def _argsort(keys: IntArray) -> IntArray:
    """Return the order of keys, stable; nothing is compiled for few of them."""
    if not native_pays(len(keys)):
        return np.argsort(keys, kind="stable")
    from kgrec.rdf.native.order import argsort

    order: IntArray = argsort(keys)
    return order


def given_up(given: list[_T]) -> Iterator[_T]:
    """Yield what a list holds, which holds it no longer."""
    given.reverse()
    while given:
        yield given.pop()
