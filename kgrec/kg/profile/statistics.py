"""The contents of a graph in numbers, and possible mistakes: the data for `kgrec inspect`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from kgrec.files import as_json
from kgrec.kg.labels import entity_labels, relation_labels
from kgrec.kg.profile.connectivity import (
    ItemStatistics,
    LinkedItems,
    components,
    item_statistics,
    linked_entities,
)
from kgrec.kg.profile.problems import Problem, find_problems, is_blank
from kgrec.kg.profile.relation_statistics import (
    PropertyStatistics,
    RelationStatistics,
    most_frequent,
    property_statistics,
    relation_statistics,
)
from kgrec.rdf.columns import GraphColumns
from kgrec.types import IntArray

_SHOWN: Final = 10
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class GraphStatistics:
    """The contents of a graph in numbers.

    Attributes:
        files: Path → number of statements.
        statements: Statements as they were read, with repetitions.
        graphs: Named graph ("" is the default graph) → number of statements, most first; None if
            there are no named graphs.
        entities: Number of entities in a statement.
        blank_nodes: Number of those that are blank nodes.
        subjects: Number of entities that are a subject.
        triples: Number of distinct statements between entities.
        literals: Number of distinct statements with a literal.
        relations: Relations between entities, most frequent first.
        properties: Relations with literals, most frequent first.
        datatypes: Datatype IRI → number of literals, most frequent first.
        languages: Language tag → number of literals, most frequent first.
        types: (type label, IRI, number of entities), most frequent first.
        typed: Number of entities that have a type.
        degree: Quantile → number of triples that touch an entity.
        degree_counts: (degree, number of entities that have it), by degree.
        hubs: (label, IRI, degree) of the entities of highest degree.
        components: Number of connected components.
        component_sizes: Number of entities in the largest ones, largest first.
        largest_component: Number of entities in the largest one.
        items: How the items' entities are connected; None if no links were given.
        sample: Statements as (subject, relation, object), by label; literals in quotes.
        problems: Possible mistakes.
        reading: What was left out while reading, and other remarks, in sentences.
    """

    files: dict[str, int]
    statements: int
    graphs: dict[str, int] | None
    entities: int
    blank_nodes: int
    subjects: int
    triples: int
    literals: int
    relations: tuple[RelationStatistics, ...]
    properties: tuple[PropertyStatistics, ...]
    datatypes: dict[str, int]
    languages: dict[str, int]
    types: tuple[tuple[str, str, int], ...]
    typed: int
    degree: dict[str, float]
    degree_counts: tuple[tuple[int, int], ...]
    hubs: tuple[tuple[str, str, int], ...]
    components: int
    component_sizes: tuple[int, ...]
    largest_component: int
    items: ItemStatistics | None
    sample: tuple[tuple[str, str, str], ...]
    problems: tuple[Problem, ...]
    reading: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as what JSON can hold."""
        found: dict[str, Any] = as_json(asdict(self))
        return found


def graph_statistics(kg: GraphColumns, links: LinkedItems | None = None) -> GraphStatistics:
    """Return the contents of `kg` in numbers; see `GraphStatistics`.

    Args:
        kg: The graph.
        links: Which entities are items; with it, relations say how many of them they touch.

    Raises:
        DataError: The graph is empty, or the links are of another one, or there are none.
    """
    kg.check_not_empty()
    linked = None
    if links is not None:
        linked = np.zeros(kg.num_entities, dtype=bool)
        linked[linked_entities(kg, links)] = True
    used = kg.mentioned()
    sizes = np.bincount(components(kg.triples[:, [0, 2]], kg.num_entities)[used])
    sizes = np.sort(sizes[sizes > 0])[::-1]
    degree = kg.degree()
    degrees, counts = np.unique(degree[used], return_counts=True)
    return GraphStatistics(
        files={file.path: file.statements for file in kg.report.files},
        statements=kg.report.statements,
        graphs=None if kg.graphs is None else kg.graphs.counts(),
        entities=int(used.sum()),
        blank_nodes=int((used & is_blank(kg)).sum()),
        subjects=int(kg.mentioned(as_subject=True).sum()),
        triples=kg.num_triples,
        literals=len(kg.literals),
        relations=relation_statistics(kg, linked),
        properties=property_statistics(kg, linked),
        datatypes=_counts(kg.literals.datatype),
        languages={tag: n for tag, n in _counts(kg.literals.language).items() if tag},
        types=_types(kg),
        typed=len(np.unique(kg.types()[0])),
        degree={f"{q:g}": float(np.quantile(degree[used], q)) for q in _QUANTILES},
        degree_counts=tuple(zip(degrees.tolist(), counts.tolist(), strict=True)),
        hubs=_hubs(kg, degree),
        components=len(sizes),
        component_sizes=tuple(sizes[:_SHOWN].tolist()),
        largest_component=int(sizes[0]),
        items=None if links is None else item_statistics(kg, links),
        sample=_sample(kg),
        problems=find_problems(kg),
        reading=kg.report.remarks(),
    )


def _counts(column: Any) -> dict[str, int]:
    texts = column.dictionary.to_pylist()
    counts = np.bincount(np.asarray(column.indices), minlength=len(texts))
    return {texts[code]: int(counts[code]) for code in most_frequent(counts).tolist()}


def _types(kg: GraphColumns) -> tuple[tuple[str, str, int], ...]:
    counts = np.bincount(kg.types()[1], minlength=kg.num_entities)
    return _labelled(kg, most_frequent(counts), counts)


def _hubs(kg: GraphColumns, degree: IntArray) -> tuple[tuple[str, str, int], ...]:
    return _labelled(kg, most_frequent(degree)[:_SHOWN], degree)


def _labelled(
    kg: GraphColumns, rows: IntArray, counts: IntArray
) -> tuple[tuple[str, str, int], ...]:
    labels, iris = entity_labels(kg, rows), kg.entities.take(rows)
    return tuple(zip(labels, iris, counts[rows].tolist(), strict=True))


def _sample(kg: GraphColumns) -> tuple[tuple[str, str, str], ...]:
    """Return statements spread evenly over the graph, edges before literals."""
    names = relation_labels(kg)
    triples = kg.triples[_spread(kg.num_triples, _SHOWN // 2)]
    literals = kg.literals.take(_spread(len(kg.literals), _SHOWN - len(triples)))
    sample = [
        (subject, names[relation], object)
        for subject, relation, object in zip(
            entity_labels(kg, triples[:, 0]),
            triples[:, 1].tolist(),
            entity_labels(kg, triples[:, 2]),
            strict=True,
        )
    ]
    sample += [
        (subject, names[relation], f'"{value}"')
        for subject, relation, value in zip(
            entity_labels(kg, literals.subject),
            literals.relation.tolist(),
            literals.value.to_pylist(),
            strict=True,
        )
    ]
    return tuple(sample)


def _spread(length: int, count: int) -> IntArray:
    return np.unique(np.linspace(0, length - 1, min(count, length)).astype(np.int64))
