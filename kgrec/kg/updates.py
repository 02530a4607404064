"""Updates of a graph: statements are added and removed, and existing terms keep their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, printable
from kgrec.kg.exchange import LiteralStatement, Triple, split_statements, tuple_statements
from kgrec.rdf.assembly import assemble
from kgrec.rdf.columns import Columns, GraphColumns
from kgrec.rdf.literals import Literals, replaced, text_ranks
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.read_report import UpdateReport
from kgrec.types import BoolArray, IntArray, RowArray

Missing = Literal["ignore", "raise"]


@dataclass(frozen=True, eq=False)
class _Part:
    """Statements to add or to remove, in the rows of the updated graph; -1 is unknown there."""

    triples: IntArray  # (n, 3), in the order of their graph
    subject: IntArray
    relation: IntArray
    literals: Literals | None  # of these subjects and relations

    def __len__(self) -> int:
        return len(self.triples) + len(self.subject)


def updated(
    kg: Columns,
    added: GraphColumns | Iterable[Triple | LiteralStatement] = (),
    removed: GraphColumns | Iterable[Triple | LiteralStatement] = (),
    *,
    missing: Missing = "ignore",
) -> Columns:
    """Return `kg` without the statements `removed` and with `added`; see `KnowledgeGraph.update`.

    Places are found by binary search. The time depends on the size of the change and of the columns
    to copy: the texts of the old graph are not sorted again.
    """
    own_blank_nodes = not isinstance(added, GraphColumns)
    coming, going = _columns(added, "added"), _columns(removed, "removed")
    if any(graph is not None and graph.graphs is not None for graph in (kg, coming, going)):
        raise DataError(
            "A graph with named graphs cannot be updated, because statements to add or remove do "
            "not name their graph. Choose some with select_graphs() and drop their names with "
            "without_graphs()."
        )
    if missing not in ("ignore", "raise"):
        raise ConfigError(f"missing: expected 'ignore' or 'raise', found {printable(missing)!r}.")
    entities, relations = kg.entities, kg.relations
    names: Any = None
    if coming is not None:
        names = coming.entities.array if own_blank_nodes else _apart(kg, coming)
        used = np.union1d(coming.triples[:, [0, 2]].ravel(), coming.literals.subject)
        entities = entities.extended(names.take(pa.array(used)))
        used = np.union1d(coming.triples[:, 1], coming.literals.relation)
        relations = relations.extended(coming.relations.array.take(pa.array(used)))
    new = _part(coming, names, entities, relations)
    gone = _part(going, None, kg.entities, kg.relations)
    triples, there, found, is_gone = _changed_triples(kg.triples, new.triples, gone.triples)
    literals, there_too, found_too, are_gone = _changed_literals(kg.literals, new, gone)
    not_there = len(gone) - int(found.sum() + found_too.sum())
    if not_there and missing == "raise":
        assert going is not None
        raise DataError(_not_there(going, gone, found, found_too, not_there))
    already = int(there.sum() + there_too.sum())
    update = UpdateReport(
        added=len(new) - already,
        already_there=already,
        removed=is_gone + are_gone,
        not_there=not_there,
        new_entities=len(entities) - len(kg.entities),
        new_relations=len(relations) - len(kg.relations),
    )
    return replace(
        kg,
        entities=entities,
        relations=relations,
        triples=triples,
        literals=literals,
        report=replace(kg.report, updates=(*kg.report.updates, update)),
    )


def _columns(
    given: GraphColumns | Iterable[Triple | LiteralStatement], name: str
) -> GraphColumns | None:
    """Return statements as columns; None if there are none."""
    if isinstance(given, GraphColumns):
        return given
    triples, literals = split_statements(given, name)
    return assemble([tuple_statements(triples, literals)]) if triples or literals else None


def same_statements(one: GraphColumns, other: GraphColumns) -> bool:
    """Return whether two graphs hold the same statements; their rows may differ."""
    if one.num_triples != other.num_triples or len(one.literals) != len(other.literals):
        return False
    if (one.graphs is None) != (other.graphs is None):
        return False
    triples: npt.NDArray[Any] = other.triples
    literals = other.literals
    subject: npt.NDArray[Any] = literals.subject
    relation: npt.NDArray[Any] = literals.relation
    order = np.arange(len(literals))
    triple_order = np.arange(len(triples))
    if one.entities != other.entities or one.relations != other.relations:
        part = _part(other, None, one.entities, one.relations)
        triple_order = np.lexsort(part.triples.T[::-1])
        triples = part.triples[triple_order]
        subject, relation = part.subject, part.relation
        # Literals of one subject and relation have the same order in both.
        order = np.lexsort((relation, subject))
    mine, theirs = one.literals, literals.take(order)
    return (
        np.array_equal(one.triples, triples)
        and _same_graphs(one.graphs, other.graphs, triple_order, order)
        and np.array_equal(mine.subject, subject[order])
        and np.array_equal(mine.relation, relation[order])
        and all(
            a.cast(pa.large_string()).equals(b.cast(pa.large_string()))
            for a, b in (
                (mine.value, theirs.value),
                (mine.datatype, theirs.datatype),
                (mine.language, theirs.language),
            )
        )
    )


def _same_graphs(
    one: NamedGraphs | None, other: NamedGraphs | None, triples: IntArray, literals: IntArray
) -> bool:
    """Return whether the same graphs hold the same statements.

    `triples` and `literals` are the rows in `other` of each triple and literal of `one`.
    """
    if one is None or other is None:
        return one is other
    names = one.names.rows(other.names.array, missing="-1")
    for mine, theirs, order in (
        (one.triple, other.triple, triples),
        (one.literal, other.literal, literals),
    ):
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        pairs = np.column_stack([place[theirs[:, 0]], names[theirs[:, 1]]])
        if not np.array_equal(mine, pairs[np.lexsort(pairs.T[::-1])]):
            return False
    return True


def _apart(kg: GraphColumns, added: GraphColumns) -> Any:
    """Return the ids of the added entities, with new names for blank nodes that `kg` has too.

    Blank nodes of two graphs are different nodes, even with the same name
    (https://www.w3.org/TR/rdf11-mt/#shared-blank-nodes-unions-and-merges).
    """
    ids = added.entities.array
    blank = np.flatnonzero(np.asarray(pc.starts_with(ids, "_:"), dtype=bool))
    clash = blank[kg.entities.rows(ids.take(pa.array(blank)), missing="-1") >= 0]
    number = len(kg.report.updates) + 1
    while len(clash):
        old = ids.take(pa.array(clash)).to_pylist()
        names = pa.array([f"_:update{number}_{name[2:]}" for name in old], type=pa.large_string())
        if all((v.rows(names, missing="-1") < 0).all() for v in (kg.entities, added.entities)):
            return replaced(ids, clash, names)
        number += 1
    return ids


def _part(
    kg: GraphColumns | None, names: Any, entities: Vocabulary, relations: Vocabulary
) -> _Part:
    """Return the statements of `kg`, with its entities named `names`, in rows of vocabularies."""
    none = np.zeros(0, dtype=np.int64)
    if kg is None:
        return _Part(np.zeros((0, 3), dtype=np.int64), none, none, None)
    entity = entities.rows(kg.entities.array if names is None else names, missing="-1")
    relation = relations.rows(kg.relations.array, missing="-1")
    subject, predicate, object = kg.triples.T
    triples = np.column_stack([entity[subject], relation[predicate], entity[object]])
    return _Part(triples, entity[kg.literals.subject], relation[kg.literals.relation], kg.literals)


def _changed_triples(
    old: RowArray, new: IntArray, gone: IntArray
) -> tuple[RowArray, BoolArray, BoolArray, int]:
    """Return the triples, which of `new` and of `gone` were there, and how many were removed."""
    columns = list(old.T)
    place, there = _find(columns, list(new.T))
    gone_place, found = _find(columns, list(gone.T))
    removed = np.setdiff1d(gone_place[found], place[there])  # sorted, unlike `gone`
    if there.all() and not len(removed):
        return old, there, found, 0
    missing = new[~there].astype(np.int32)
    order = np.lexsort(missing.T[::-1])
    at = place[~there][order]
    kept = np.delete(old, removed, axis=0)
    merged = np.insert(kept, at - np.searchsorted(removed, at), missing[order], axis=0)
    return merged, there, found, len(removed)


def _changed_literals(
    old: Literals, new: _Part, gone: _Part
) -> tuple[Literals, BoolArray, BoolArray, int]:
    """Return the literals, which of `new` and of `gone` were there, and how many were removed.

    Literals of one subject and relation are a block. Only blocks that change are built again.
    """
    subject = np.concatenate([new.subject, gone.subject])
    relation = np.concatenate([new.relation, gone.relation])
    block = np.unique(np.column_stack([subject, relation]), axis=0)
    columns = [old.subject, old.relation]
    start = _first_at_least(columns, [block[:, 0], block[:, 1]])
    end = _first_at_least(columns, [block[:, 0], block[:, 1] + 1])
    inside = _ranges(start, end)
    tables = [old.take(inside), *(part.literals for part in (new, gone) if part.literals)]
    sizes = (len(inside), len(new.subject), len(gone.subject))
    whole = Literals(
        np.concatenate([old.subject[inside], subject]).astype(np.int32),
        np.concatenate([old.relation[inside], relation]).astype(np.int32),
        pa.concat_arrays([table.value for table in tables]),
        _joined([table.datatype for table in tables]),
        _joined([table.language for table in tables]),
    )
    first, codes = _distinct(whole)
    is_old, is_new, is_gone = (np.zeros(len(first), dtype=bool) for _ in range(3))
    old_codes, new_codes, gone_codes = np.split(codes, np.cumsum(sizes)[:-1])
    is_old[old_codes], is_new[new_codes], is_gone[gone_codes] = True, True, True
    there, found = is_old[new_codes], is_old[gone_codes]
    removed = int((is_old & is_gone & ~is_new).sum())
    if there.all() and not removed:
        return old, there, found, 0
    kept = whole.take(first[(is_old & ~is_gone) | is_new])
    return _replaced(old, start, end, kept), there, found, removed


def distinct_literals(literals: Literals) -> Literals:
    """Return each statement once, in sorted order."""
    return literals.take(_distinct(literals)[0])


def _distinct(literals: Literals) -> tuple[IntArray, IntArray]:
    """Return a row of each distinct statement, sorted, and the place of each row among these."""
    columns: list[npt.NDArray[Any]] = [
        literals.subject,
        literals.relation,
        *(text_ranks(column) for column in (literals.value, literals.datatype, literals.language)),
    ]
    order = np.lexsort(columns[::-1])
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    codes = np.empty(len(order), dtype=np.int64)
    codes[order] = np.cumsum(is_first) - 1
    return order[is_first], codes


def _replaced(old: Literals, start: IntArray, end: IntArray, new: Literals) -> Literals:
    """Return `old` with the rows of each block [start, end) replaced by those of `new`."""
    inside = _ranges(start, end)
    at = _first_at_least([old.subject, old.relation], [new.subject, new.relation])
    place = at - np.searchsorted(inside, at)

    def merged(column: npt.NDArray[Any], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.insert(np.delete(column, inside), place, values)

    def coded(column: Any, values: Any) -> Any:
        known = Vocabulary.from_sorted(column.dictionary, num_sorted=0).extended(values.dictionary)
        codes = known.rows(values.dictionary)[np.asarray(values.indices)]
        indices = merged(np.asarray(column.indices, dtype=np.int32), codes)
        return pa.DictionaryArray.from_arrays(pa.array(indices), known.array)

    # Text between blocks is copied in one piece. Several blocks may begin at the same place: empty
    # ones, and at most one with rows, which is the last.
    begins = np.unique(start)
    ends = end[np.searchsorted(start, begins, side="right") - 1]
    bounds = np.searchsorted(at, [begins, begins + 1])
    pieces, done = [], 0
    for first, last, low, high in np.stack([begins, ends, *bounds], axis=1).tolist():
        pieces += [old.value[done:first], new.value[low:high]]
        done = last
    return Literals(
        merged(old.subject, new.subject),
        merged(old.relation, new.relation),
        pa.concat_arrays([*pieces, old.value[done:]]),
        coded(old.datatype, new.datatype),
        coded(old.language, new.language),
    )


def _joined(arrays: Sequence[Any]) -> Any:
    """Return dictionary arrays as one array with one dictionary."""
    return pa.concat_arrays([array.cast(pa.large_string()) for array in arrays]).dictionary_encode()


def _ranges(start: IntArray, end: IntArray) -> IntArray:
    """Return the numbers of all ranges [start, end) one after another."""
    length = end - start
    skipped = np.repeat(start - np.cumsum(length) + length, length)
    return skipped + np.arange(len(skipped))


def _find(
    columns: Sequence[npt.NDArray[Any]], wanted: Sequence[IntArray]
) -> tuple[IntArray, BoolArray]:
    """Return the place of each wanted row among sorted rows, and whether it is there."""
    place = _first_at_least(columns, wanted)
    there = place < len(columns[0])
    for column, values in zip(columns, wanted, strict=True):
        there[there] = column[place[there]] == values[there]
    return place, there


def _first_at_least(
    columns: Sequence[npt.NDArray[Any]], wanted: Sequence[npt.NDArray[Any]]
) -> IntArray:
    """Return by binary search the first place where sorted rows are not below each wanted row."""
    low = np.zeros(len(wanted[0]), dtype=np.int64)
    high = np.full(len(wanted[0]), len(columns[0]), dtype=np.int64)
    while (undecided := low < high).any():
        middle = (low + high) // 2
        probe = middle[undecided]
        below, equal = np.zeros(len(probe), dtype=bool), np.ones(len(probe), dtype=bool)
        for column, values in zip(columns, wanted, strict=True):
            here, value = column[probe], values[undecided]
            below |= equal & (here < value)
            equal &= here == value
        low[undecided] = np.where(below, probe + 1, low[undecided])
        high[undecided] = np.where(below, high[undecided], probe)
    return low


def _not_there(
    removed: GraphColumns, gone: _Part, found: BoolArray, found_too: BoolArray, count: int
) -> str:
    """Return the message that names a statement that cannot be removed."""
    if not found.all():
        row = removed.triples[int(np.flatnonzero(~found)[0])].tolist()
        object = removed.entities.id(row[2])
    else:
        place = int(np.flatnonzero(~found_too)[0])
        literals = removed.literals
        row = [int(literals.subject[place]), int(literals.relation[place])]
        object = f'"{literals.value[place].as_py()}"'
    text = f"{removed.entities.id(row[0])} {removed.relations.id(row[1])} {object}"
    return (
        f"{count} of {len(gone)} statements to remove are not in the graph, the first of them: "
        f"{printable(text)}. With missing='ignore' they are only counted."
    )
