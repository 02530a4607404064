"""The relations of a graph in numbers: counts, degrees, datatypes, ranges, languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.kg.labels import entity_labels, relation_labels
from kgrec.kg.profile.problems import ill_typed_literals
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.datatypes import NUMERIC
from kgrec.rdf.literals import Literals
from kgrec.rdf.namespaces import RDF_LANG_STRING, XSD, XSD_STRING
from kgrec.types import BoolArray, IntArray

_DATES: Final = frozenset(XSD + name for name in ("date", "dateTime", "gYear", "gYearMonth"))
_TEXTS: Final = frozenset((XSD_STRING, RDF_LANG_STRING))


@dataclass(frozen=True)
class RelationStatistics:
    """A relation between entities.

    Attributes:
        iri: The predicate.
        label: Its name.
        triples: Number of distinct statements.
        subjects: Number of distinct subjects.
        objects: Number of distinct objects.
        share: Share of the graph's subjects that are a subject of it, 0 to 1.
        item_share: Share of the linked entities that are a subject or an object of it; None if
            no links were given.
        mean_out: Mean number of objects of those that have one.
        max_out: Largest number of objects of one subject.
        mean_in: Mean number of subjects of those that have one.
        max_in: Largest number of subjects of one object.
        example: Labels of subject and object of one statement.
    """

    iri: str
    label: str
    triples: int
    subjects: int
    objects: int
    share: float
    item_share: float | None
    mean_out: float
    max_out: int
    mean_in: float
    max_in: int
    example: tuple[str, str]


@dataclass(frozen=True)
class PropertyStatistics:
    """A relation whose objects are literals.

    Attributes:
        iri: The predicate.
        label: Its name.
        literals: Number of distinct statements.
        subjects: Number of distinct subjects.
        share: Share of the graph's subjects that have it, 0 to 1.
        item_share: Share of the linked entities that have it; None if no links were given.
        max_values: Largest number of literals of one subject.
        datatypes: Datatype IRI → number of statements, most frequent first.
        languages: Language tag → number of statements, most frequent first; without plain ones.
        numbers: Smallest, median and largest of its finite numbers; None if it has none.
        dates: Earliest, median (the lower of two) and latest of its dates and years as they are
            written; a year counts as its beginning, and time zones are ignored.
        lengths: Smallest, median and largest length of its texts, in characters.
        example: Label of the subject and the value of one statement.
    """

    iri: str
    label: str
    literals: int
    subjects: int
    share: float
    item_share: float | None
    max_values: int
    datatypes: dict[str, int]
    languages: dict[str, int]
    numbers: tuple[float, float, float] | None
    dates: tuple[str, str, str] | None
    lengths: tuple[int, float, int] | None
    example: tuple[str, str]


def relation_statistics(
    kg: GraphColumns, items: BoolArray | None = None
) -> tuple[RelationStatistics, ...]:
    """Return the relations between entities, most frequent first.

    Args:
        kg: The graph.
        items: Which entities are linked to an item, bool of shape (num_entities,).
    """
    subject, relation, object = (kg.triples[:, place].astype(np.int64) for place in range(3))
    out = _Pairs.from_columns(relation, subject, kg)
    into = _Pairs.from_columns(relation, object, kg)
    counts = np.bincount(relation, minlength=kg.num_relations)
    first = _first(relation, kg.num_relations)
    rows = most_frequent(counts)
    ends = [entity_labels(kg, column[first[rows]]) for column in (subject, object)]
    shares = out.item_shares(items, into)
    names, iris, subjects = relation_labels(kg), kg.relations.ids, _num_subjects(kg)
    return tuple(
        RelationStatistics(
            iri=iris[row],
            label=names[row],
            triples=int(counts[row]),
            subjects=int(out.number[row]),
            objects=int(into.number[row]),
            share=int(out.number[row]) / subjects,
            item_share=shares[row],
            mean_out=float(counts[row] / out.number[row]),
            max_out=int(out.largest[row]),
            mean_in=float(counts[row] / into.number[row]),
            max_in=int(into.largest[row]),
            example=example,
        )
        for row, example in zip(rows.tolist(), zip(*ends, strict=True), strict=True)
    )


def property_statistics(
    kg: GraphColumns, items: BoolArray | None = None
) -> tuple[PropertyStatistics, ...]:
    """Return the relations with literals, most frequent first; `items` as above."""
    table = kg.literals
    relation = table.relation.astype(np.int64)
    pairs = _Pairs.from_columns(relation, table.subject.astype(np.int64), kg)
    counts = np.bincount(relation, minlength=kg.num_relations)
    rows = most_frequent(counts)
    first = _first(relation, kg.num_relations)[rows]
    examples = zip(
        entity_labels(kg, table.subject[first]),
        table.value.take(pa.array(first)).to_pylist(),
        strict=True,
    )
    datatypes, languages = (
        _code_counts(relation, column, kg.num_relations)
        for column in (table.datatype, table.language)
    )
    valid = np.ones(len(table), dtype=bool)
    valid[ill_typed_literals(kg)] = False
    numbers, dates, lengths = _numbers(table, valid), _dates(table, valid), _lengths(table, valid)
    shares = pairs.item_shares(items)
    names, iris, subjects = relation_labels(kg), kg.relations.ids, _num_subjects(kg)
    return tuple(
        PropertyStatistics(
            iri=iris[row],
            label=names[row],
            literals=int(counts[row]),
            subjects=int(pairs.number[row]),
            share=int(pairs.number[row]) / subjects,
            item_share=shares[row],
            max_values=int(pairs.largest[row]),
            datatypes=datatypes[row],
            languages={tag: count for tag, count in languages[row].items() if tag},
            numbers=numbers.get(row),
            dates=dates.get(row),
            lengths=lengths.get(row),
            example=example,
        )
        for row, example in zip(rows.tolist(), examples, strict=True)
    )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The distinct (relation, entity) pairs of statements.

    Attributes:
        relation: Relation of each pair, int64 of shape (p,).
        entity: Entity of each pair, int64 of shape (p,).
        number: Number of pairs per relation, int64 of shape (num_relations,).
        largest: Largest number of statements of one pair, per relation; the same shape.
    """

    relation: IntArray
    entity: IntArray
    number: IntArray
    largest: IntArray

    @classmethod
    def from_columns(cls, relation: IntArray, entity: IntArray, kg: GraphColumns) -> _Pairs:
        keys, counts = np.unique(relation * kg.num_entities + entity, return_counts=True)
        of, who = np.divmod(keys, kg.num_entities)
        largest = np.zeros(kg.num_relations, dtype=np.int64)
        np.maximum.at(largest, of, counts)
        number = np.bincount(of, minlength=kg.num_relations)
        return cls(of, who, number, largest)

    def item_shares(
        self, items: BoolArray | None, other: _Pairs | None = None
    ) -> list[float | None]:
        """Return per relation the share of `items` in its pairs, or in those of `other`."""
        if items is None:
            return [None] * len(self.number)
        keys = [self._keys_of(items)] + ([] if other is None else [other._keys_of(items)])
        # Asked for the index, numpy sorts; its hashing is slower for this many.
        distinct = np.unique(np.concatenate(keys), return_index=True)[0]
        found = np.bincount(distinct // len(items), minlength=len(self.number))
        return list((found / max(int(items.sum()), 1)).tolist())

    def _keys_of(self, items: BoolArray) -> IntArray:
        """Return the pairs of some entities as one number each."""
        chosen = items[self.entity]
        return self.relation[chosen] * len(items) + self.entity[chosen]


def _num_subjects(kg: GraphColumns) -> int:
    return max(int(kg.mentioned(as_subject=True).sum()), 1)


def most_frequent(counts: IntArray) -> IntArray:
    """Return the places of the counts above 0, the largest count first."""
    order = np.argsort(-counts, kind="stable")
    return order[counts[order] > 0]


def _first(codes: IntArray, size: int) -> IntArray:
    """Return the first place of each code, int64 of shape (size,); 0 for those that are absent."""
    first = np.zeros(size, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of repeated indices the last one stays
    return first


def _code_counts(relation: IntArray, column: Any, size: int) -> list[dict[str, int]]:
    """Return for each relation the number of statements per text of a dictionary array."""
    texts = column.dictionary.to_pylist()
    codes = np.asarray(column.indices, dtype=np.int64)
    keys, counts = np.unique(relation * max(len(texts), 1) + codes, return_counts=True)
    found: list[dict[str, int]] = [{} for _ in range(size)]
    for place in np.argsort(-counts, kind="stable").tolist():
        row, code = divmod(int(keys[place]), len(texts))
        found[row][texts[code]] = int(counts[place])
    return found


def _with_datatype(table: Literals, wanted: frozenset[str], valid: BoolArray) -> IntArray:
    """Return the places of the valid literals that have one of some datatypes."""
    codes = [
        code for code, iri in enumerate(table.datatype.dictionary.to_pylist()) if iri in wanted
    ]
    return np.flatnonzero(valid & np.isin(np.asarray(table.datatype.indices), codes))


def _numbers(table: Literals, valid: BoolArray) -> dict[int, tuple[float, float, float]]:
    rows = _with_datatype(table, NUMERIC, valid)
    texts = pc.utf8_trim(table.value.take(pa.array(rows)), characters=" \t\r\n+")
    texts = pc.replace_substring_regex(texts, pattern="^(-?)INF$", replacement=r"\1inf")
    numbers = np.asarray(texts.cast(pa.float64()))
    finite = np.isfinite(numbers)
    return _ranges(table.relation[rows[finite]], numbers[finite])


def _dates(table: Literals, valid: BoolArray) -> dict[int, tuple[str, str, str]]:
    rows = _with_datatype(table, _DATES, valid)
    texts = pc.utf8_trim_whitespace(table.value.take(pa.array(rows)))
    year = pc.replace_substring_regex(texts, pattern=r"^(-?[0-9]+).*$", replacement=r"\1")
    # A year of more than 18 digits is beyond an int64; floats order it well enough.
    columns = pa.table({"year": year.cast(pa.float64()), "text": texts})
    order = pc.sort_indices(columns, sort_keys=[("year", "ascending"), ("text", "ascending")])
    place = np.empty(len(rows), dtype=np.int64)
    place[np.asarray(order)] = np.arange(len(rows))
    ordered = texts.take(order)
    return {
        row: (ordered[low].as_py(), ordered[middle].as_py(), ordered[high].as_py())
        for row, (low, middle, _, high) in _spread(table.relation[rows], place).items()
    }


def _lengths(table: Literals, valid: BoolArray) -> dict[int, tuple[int, float, int]]:
    rows = _with_datatype(table, _TEXTS, valid)
    lengths = np.asarray(pc.utf8_length(table.value.take(pa.array(rows))))
    return _ranges(table.relation[rows], lengths)


def _ranges(group: npt.NDArray[Any], value: npt.NDArray[Any]) -> dict[int, tuple[Any, float, Any]]:
    """Return the smallest, the median and the largest value of each group."""
    return {
        row: (low, (left + right) / 2, high)
        for row, (low, left, right, high) in _spread(group, value).items()
    }


def _spread(group: npt.NDArray[Any], value: npt.NDArray[Any]) -> dict[int, tuple[Any, ...]]:
    """Return the smallest, the two middle and the largest value of each group."""
    order = np.lexsort((value, group))
    ordered = value[order]
    groups, first, count = np.unique(group[order], return_index=True, return_counts=True)
    places = (first, first + (count - 1) // 2, first + count // 2, first + count - 1)
    columns = [ordered[place].tolist() for place in places]
    return dict(zip(groups.tolist(), zip(*columns, strict=True), strict=True))
