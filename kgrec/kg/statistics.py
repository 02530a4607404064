"""What there is in a graph, and what looks wrong with it: the data behind `kgrec inspect`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kgrec.kg.datatypes import ill_typed
from kgrec.kg.names import labelled
from kgrec.kg.namespaces import RDF_TYPE

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph

IntArray = npt.NDArray[np.int64]
_SHOWN = 10
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
_HUB_SHARE, _HUB_DEGREE = 0.05, 1000


@dataclass(frozen=True)
class RelationStatistics:
    """A relation between entities.

    Attributes:
        iri: The predicate.
        label: Its name.
        triples: Number of distinct statements.
        subjects: Number of distinct subjects.
        objects: Number of distinct objects.
        example: Labels of subject and object of one statement.
    """

    iri: str
    label: str
    triples: int
    subjects: int
    objects: int
    example: tuple[str, str]


@dataclass(frozen=True)
class PropertyStatistics:
    """A relation whose objects are literals.

    Attributes:
        iri: The predicate.
        label: Its name.
        literals: Number of distinct statements.
        subjects: Number of distinct subjects.
        datatypes: Datatype IRI → number of statements, most frequent first.
        languages: Language tag → number of statements, most frequent first; without plain ones.
        example: Label of the subject and the value of one statement.
    """

    iri: str
    label: str
    literals: int
    subjects: int
    datatypes: dict[str, int]
    languages: dict[str, int]
    example: tuple[str, str]


@dataclass(frozen=True)
class Problem:
    """Something that may be a mistake in the data.

    Attributes:
        name: A stable short name, as "unlabelled_entities".
        text: What it is, in words.
        count: How many there are.
        examples: Some of them.
    """

    name: str
    text: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphStatistics:
    """The contents of a graph in numbers.

    Attributes:
        files: Path → number of statements.
        statements: Statements as they were read, with repetitions.
        entities: Number of entities.
        blank_nodes: Number of those that are blank nodes.
        triples: Number of distinct statements between entities.
        literals: Number of distinct statements with a literal.
        relations: Relations between entities, most frequent first.
        properties: Relations with literals, most frequent first.
        types: (type label, IRI, number of entities), most frequent first.
        degree: Quantile → number of triples that touch an entity.
        hubs: (label, IRI, degree) of the entities of highest degree.
        components: Number of parts that no triple connects.
        largest_component: Number of entities in the largest of them.
        sample: Statements as (subject, relation, object), by label; literals in quotes.
        problems: What may be a mistake.
    """

    files: dict[str, int]
    statements: int
    entities: int
    blank_nodes: int
    triples: int
    literals: int
    relations: tuple[RelationStatistics, ...]
    properties: tuple[PropertyStatistics, ...]
    types: tuple[tuple[str, str, int], ...]
    degree: dict[str, float]
    hubs: tuple[tuple[str, str, int], ...]
    components: int
    largest_component: int
    sample: tuple[tuple[str, str, str], ...]
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as what JSON can hold."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def graph_statistics(kg: KnowledgeGraph) -> GraphStatistics:
    """Return the contents of `kg` in numbers; see `GraphStatistics`."""
    degree = kg.degree()
    num_components, component = _components(kg)
    return GraphStatistics(
        files={file.path: file.statements for file in kg.report.files},
        statements=kg.report.statements,
        entities=kg.num_entities,
        blank_nodes=int(pc.sum(pc.starts_with(kg.entities.array, "_:")).as_py() or 0),
        triples=kg.num_triples,
        literals=len(kg.literals),
        relations=_relations(kg),
        properties=_properties(kg),
        types=_types(kg),
        degree={f"{q:g}": float(np.quantile(degree, q)) for q in _QUANTILES},
        hubs=_hubs(kg, degree),
        components=num_components,
        largest_component=int(np.bincount(component).max()),
        sample=_sample(kg),
        problems=_problems(kg),
    )


def _components(kg: KnowledgeGraph) -> tuple[int, npt.NDArray[np.int32]]:
    ends = kg.triples[:, 0], kg.triples[:, 2]
    size = (kg.num_entities, kg.num_entities)
    adjacency = coo_array((np.ones(kg.num_triples, dtype=np.int8), ends), shape=size)
    number, component = connected_components(adjacency.tocsr(), directed=False)
    return int(number), component


def _by_frequency(codes: npt.NDArray[Any]) -> list[tuple[int, IntArray]]:
    """Return each code with its places, the most frequent first."""
    order = np.argsort(codes, kind="stable")
    values, first = np.unique(codes[order], return_index=True)
    groups = np.split(order, first[1:]) if len(values) else []
    pairs = list(zip(values.tolist(), groups, strict=True))
    return sorted(pairs, key=lambda pair: (-len(pair[1]), pair[0]))


def _relations(kg: KnowledgeGraph) -> tuple[RelationStatistics, ...]:
    names = kg.relation_labels()
    found = []
    for row, places in _by_frequency(kg.triples[:, 1]):
        triples = kg.triples[places]
        subject, object = kg.labels(triples[0, [0, 2]])
        found.append(
            RelationStatistics(
                iri=kg.relations.id(row),
                label=names[row],
                triples=len(places),
                subjects=len(np.unique(triples[:, 0])),
                objects=len(np.unique(triples[:, 2])),
                example=(subject, object),
            )
        )
    return tuple(found)


def _properties(kg: KnowledgeGraph) -> tuple[PropertyStatistics, ...]:
    names = kg.relation_labels()
    found = []
    for row, places in _by_frequency(kg.literals.relation):
        literals = kg.literals.take(places)
        languages = _counts(literals.language)
        languages.pop("", None)
        found.append(
            PropertyStatistics(
                iri=kg.relations.id(row),
                label=names[row],
                literals=len(places),
                subjects=len(np.unique(literals.subject)),
                datatypes=_counts(literals.datatype),
                languages=languages,
                example=(kg.labels(literals.subject[:1])[0], literals.value[0].as_py()),
            )
        )
    return tuple(found)


def _counts(column: Any) -> dict[str, int]:
    texts = column.dictionary.to_pylist()
    pairs = _by_frequency(np.asarray(column.indices))
    return {texts[code]: len(places) for code, places in pairs}


def _types(kg: KnowledgeGraph) -> tuple[tuple[str, str, int], ...]:
    counted = _by_frequency(kg.types()[1])
    rows = np.array([row for row, _ in counted], dtype=np.int64)
    sizes = [len(places) for _, places in counted]
    return tuple(zip(kg.labels(rows), kg.entities.take(rows), sizes, strict=True))


def _hubs(kg: KnowledgeGraph, degree: IntArray) -> tuple[tuple[str, str, int], ...]:
    top = np.argsort(-degree, kind="stable")[:_SHOWN]
    top = top[degree[top] > 0]
    return tuple(zip(kg.labels(top), kg.entities.take(top), degree[top].tolist(), strict=True))


def _sample(kg: KnowledgeGraph) -> tuple[tuple[str, str, str], ...]:
    """Return statements spread evenly over the graph, edges and literals in turn."""
    names = kg.relation_labels()
    triples = kg.triples[_spread(kg.num_triples, _SHOWN // 2)]
    literals = kg.literals.take(_spread(len(kg.literals), _SHOWN - len(triples)))
    sample = [
        (subject, names[relation], object)
        for subject, relation, object in zip(
            kg.labels(triples[:, 0]), triples[:, 1].tolist(), kg.labels(triples[:, 2]), strict=True
        )
    ]
    sample += [
        (subject, names[relation], f'"{value}"')
        for subject, relation, value in zip(
            kg.labels(literals.subject),
            literals.relation.tolist(),
            literals.value.to_pylist(),
            strict=True,
        )
    ]
    return tuple(sample)


def _spread(length: int, count: int) -> IntArray:
    return np.unique(np.linspace(0, length - 1, min(count, length)).astype(np.int64))


def _problems(kg: KnowledgeGraph) -> tuple[Problem, ...]:
    found = [
        _duplicates(kg),
        _of_entities(
            "unlabelled_entities",
            "entities without a label; they are named after their IRI",
            kg,
            np.flatnonzero(~labelled(kg) & ~_is_blank(kg)),
        ),
        _of_entities(
            "only_objects",
            "entities about which nothing is said: they only ever stand as an object",
            kg,
            np.setdiff1d(kg.triples[:, 2], np.union1d(kg.triples[:, 0], kg.literals.subject)),
        ),
        _of_entities(
            "large_hubs",
            "entities in more than "
            f"{_HUB_SHARE:.0%} of all triples ({_HUB_DEGREE} at least), without types: they "
            "connect everything with everything",
            kg,
            np.flatnonzero(
                _degree_without_types(kg) > max(_HUB_DEGREE, _HUB_SHARE * kg.num_triples)
            ),
        ),
        _ill_typed(kg),
        _twins(kg),
    ]
    return tuple(problem for problem in found if problem.count)


def _duplicates(kg: KnowledgeGraph) -> Problem:
    text = "statements that were stated before; each counts once"
    return Problem("duplicate_statements", text, kg.report.duplicates)


def _of_entities(name: str, text: str, kg: KnowledgeGraph, rows: IntArray) -> Problem:
    return Problem(name, text, len(rows), tuple(kg.entities.take(rows[:_SHOWN])))


def _is_blank(kg: KnowledgeGraph) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.starts_with(kg.entities.array, "_:"))


def _degree_without_types(kg: KnowledgeGraph) -> IntArray:
    row = int(kg.relations.rows([RDF_TYPE], missing="-1")[0])
    edges = kg.triples[kg.triples[:, 1] != row]
    return np.bincount(edges[:, [0, 2]].ravel(), minlength=kg.num_entities)


def _ill_typed(kg: KnowledgeGraph) -> Problem:
    rows = ill_typed(kg.literals.value, kg.literals.datatype)
    shown = kg.literals.take(rows[:_SHOWN])
    examples = tuple(
        f'{subject} {relation} "{value}"^^<{datatype}>'
        for subject, relation, value, datatype in zip(
            kg.entities.take(shown.subject),
            kg.relations.take(shown.relation),
            shown.value.to_pylist(),
            shown.datatype.to_pylist(),
            strict=True,
        )
    )
    return Problem(
        "ill_typed_literals",
        "literals whose text their datatype does not allow",
        len(rows),
        examples,
    )


def _twins(kg: KnowledgeGraph) -> Problem:
    ids = kg.entities.array
    secure = ids.filter(pc.starts_with(ids, "https:"))
    plain = pc.replace_substring_regex(secure, pattern="^https:", replacement="http:")
    both = secure.filter(pc.is_in(plain, value_set=ids))
    return Problem(
        "http_https_twins",
        "IRIs that stand with http: and with https:, and are two entities therefore",
        len(both),
        tuple(both.slice(0, _SHOWN).to_pylist()),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    return value
