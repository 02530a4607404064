"""The graph around the user's items, fetched from an endpoint hop by hop."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from kgrec.errors import DataError, printable
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.read_report import FileReport
from kgrec.sparql import queries
from kgrec.sparql.cache import AnswerCache
from kgrec.sparql.client import Binding, Client
from kgrec.sparql.complete import AnswerSource
from kgrec.sparql.queries import Pattern
from kgrec.sparql.query_terms import BadTermError, Blank, read_term
from kgrec.sparql.query_terms import Literal as LiteralTerm
from kgrec.sparql.report import SparqlReport
from kgrec.sparql.resolve import Resolved, by_identifier, by_iri
from kgrec.sparql.settings import SparqlConfig, endpoint_config

if TYPE_CHECKING:
    import pandas as pd

FetchProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class SparqlGraph:
    """A graph that was fetched from an endpoint.

    Attributes:
        kg: The graph around the items.
        links: Which id is which entity: columns item_id, iri and confidence, as for `kgrec.link`.
            An id with n entities has n rows, each with confidence 1 / n.
        report: What was left out.
    """

    kg: KnowledgeGraph
    links: pd.DataFrame
    report: SparqlReport


@dataclass
class _Found:
    """The statements so far."""

    edges: list[tuple[str, str, str]] = field(default_factory=list)
    values: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    relations: set[str] = field(default_factory=set)
    described: set[str] = field(default_factory=set)
    beyond: list[tuple[str, str, int]] = field(default_factory=list)
    blank_nodes: int = 0
    bad_terms: Counter[str] = field(default_factory=Counter)


def fetch_graph(
    endpoint: str | SparqlConfig,
    ids: Iterable[str],
    *,
    property: str | Sequence[str] | None = None,
    hops: int = 1,
    relations: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    cache: str | os.PathLike[str] | None = None,
    progress: FetchProgress | None = None,
    notice: Callable[[str], None] | None = None,
    **settings: object,
) -> SparqlGraph:
    """Fetch the graph around items from a SPARQL endpoint.

    First the entities of the ids are looked up. Then each hop fetches the statements of the
    entities that the hop before reached. The names of the last hop's entities and of all properties
    follow. Queries are batched, and each answer is checked against a count, so that no cut answer
    stays unnoticed. With a cache, an interrupted run continues where it stopped, and a repeated run
    sends no queries; delete the folder to fetch changes.

    Args:
        endpoint: "wikidata", "dbpedia", the address of a SPARQL 1.1 endpoint, or a config.
        ids: Item ids, in any order; repetitions count once.
        property: The property whose values are the ids, such as "P345", "wdt:P345" or an IRI, or
            several of them. None: the ids are IRIs.
        hops: Number of hops from the items; 0 fetches only names.
        relations: Properties to keep, besides names and descriptions; None: those of the config.
        exclude: Properties to leave out.
        cache: Folder of answers; None stores none.
        progress: Called with what is fetched, how much is done, and how much there is.
        notice: Called with the reason and length of each wait after a failure.
        settings: Fields of `SparqlConfig` to change, such as `rate=0.5`.

    Raises:
        ConfigError: A setting is unknown or not allowed.
        DataError: There are no ids, none of them is found, a property is no IRI, or a hop reaches
            more than `max_entities`.
        EndpointError: The endpoint cannot be reached, refuses, or does not answer correctly.
        RunError: The cache cannot be written.
    """
    config = endpoint_config(endpoint, **settings)
    distinct = _distinct(ids)
    if hops < 0:
        raise DataError(f"hops is {hops}; expected 0 or more.")
    properties = [property] if isinstance(property, str) else list(property or ())
    wanted = None if relations is None else _iris(config, relations, "relations")
    unwanted = _iris(config, exclude, "exclude")
    client = Client(config, notice or _ignore)
    answers = AnswerCache(cache, config.max_bytes)
    source = AnswerSource(client, answers)
    tell = progress or _ignore
    resolved = _resolve(source, distinct, properties, tell)
    _check_found(config, distinct, resolved, properties)
    found = _Found(values=list(resolved.statements))
    found.relations.update(statement[1] for statement in resolved.statements)
    if resolved.bad_iris:
        found.bad_terms["an identifier's entity whose IRI is not valid"] = resolved.bad_iris
    frontiers = _walk(source, found, resolved, hops, (wanted, unwanted), tell)
    known = {*resolved.entities, *resolved.invalid}
    report = SparqlReport(
        endpoint=config.endpoint,
        ids=len(distinct),
        not_found=tuple(id for id in distinct if id not in known),
        invalid=resolved.invalid,
        ambiguous={id: iris for id, iris in resolved.entities.items() if len(iris) > 1},
        entities=frontiers,
        statements=len(found.edges) + len(found.values),
        beyond=tuple(found.beyond),
        unanswered=tuple(dict.fromkeys(source.unanswered)),
        blank_nodes=found.blank_nodes,
        bad_terms=dict(found.bad_terms),
        requests=client.traffic.requests,
        repeated=client.traffic.repeated,
        cached=answers.hits,
    )
    return SparqlGraph(_graph(found, config), _links(distinct, resolved), report)


def _resolve(
    source: AnswerSource, ids: Sequence[str], properties: Sequence[str], progress: FetchProgress
) -> Resolved:
    def looked_up(done: int) -> None:
        progress("Looking up ids", done, len(ids))

    if not properties:
        return by_iri(source, ids, looked_up)
    return by_identifier(source, ids, _iris(source.config, properties, "property"), looked_up)


def _walk(
    source: AnswerSource,
    found: _Found,
    resolved: Resolved,
    hops: int,
    chosen: tuple[Sequence[str] | None, Sequence[str]],
    progress: FetchProgress,
) -> tuple[int, ...]:
    """Fetch hop by hop; return the number of entities that each hop queried."""
    config = source.config
    relations, exclude = chosen
    frontier = {iri for iris in resolved.entities.values() for iri in iris}
    reached = set(frontier)
    sizes: list[int] = []
    directions: list[Literal["out", "in"]] = ["out", "in"]
    if config.direction != "both":
        directions = [config.direction]
    for hop in range(1, hops + 1):
        if not frontier:
            break
        if sum(sizes) + len(frontier) > config.max_entities:
            raise DataError(
                f"Hop {hop} queries {len(frontier)} entities, with those of earlier hops more than "
                f"max_entities = {config.max_entities}. Name the relations to follow, exclude "
                "some, or use fewer hops."
            )
        next_ones: set[str] = set()
        for direction in directions:
            pattern = queries.statements_pattern(config, direction, relations, exclude)
            what = f"Hop {hop}, {direction}"
            next_ones |= _expand(source, found, pattern, frontier, what, progress)
        sizes.append(len(frontier))
        frontier = next_ones - reached
        reached |= frontier
    _describe(source, found, reached, exclude, progress)
    return tuple(sizes)


def _expand(
    source: AnswerSource,
    found: _Found,
    pattern: Pattern,
    entities: set[str],
    what: str,
    progress: FetchProgress,
) -> set[str]:
    """Fetch the statements of entities; return the entities at their other end."""
    direction = "out" if pattern.key == "s" else "in"
    ends: set[str] = set()

    def done(number: int) -> None:
        progress(what, number, len(entities))

    for counts in source.counts(pattern, sorted(entities), done):
        most = source.config.max_edges
        found.beyond += [
            (entity, direction, count - most) for entity, count in counts.items() if count > most
        ]
        for rows in source.rows(pattern, counts):
            ends |= _take(found, rows, direction)
    if direction == "out":
        found.described |= entities
    return ends


def _describe(
    source: AnswerSource,
    found: _Found,
    reached: set[str],
    exclude: Sequence[str],
    progress: FetchProgress,
) -> None:
    """Fetch the names of entities that were reached but not queried, and of the properties."""
    for what, entities, of_properties in (
        ("Names", reached - found.described, False),
        ("Names of properties", set(found.relations), True),
    ):
        pattern = queries.texts_pattern(source.config, exclude, of_properties)
        if pattern is not None and entities:
            _expand(source, found, pattern, entities, what, progress)


def _take(found: _Found, rows: Sequence[Binding], direction: str) -> set[str]:
    """Keep the statements of an answer; return the entities at their other end."""
    ends: set[str] = set()
    for row in rows:
        try:
            subject, predicate, object = (read_term(row.get(name)) for name in ("s", "p", "o"))
            if isinstance(subject, LiteralTerm) or isinstance(predicate, LiteralTerm | Blank):
                raise BadTermError("a subject or predicate that is no IRI")
        except BadTermError as error:
            found.bad_terms[str(error)] += 1
            continue
        if isinstance(subject, Blank) or isinstance(object, Blank):
            found.blank_nodes += 1
            continue
        found.relations.add(predicate)
        if isinstance(object, LiteralTerm):
            value = (object.value, object.datatype, object.language)
            found.values.append((subject, predicate, *value))
        else:
            found.edges.append((subject, predicate, object))
            ends.add(object if direction == "out" else subject)
    return ends


def _ignore(*_: object) -> None:
    """Do nothing."""


def _distinct(ids: Iterable[str]) -> list[str]:
    if isinstance(ids, str):
        ids = [ids]
    distinct = list(dict.fromkeys(ids))
    for id in distinct:
        if not isinstance(id, str):
            raise DataError(f"The id {id!r:.200} is {type(id).__name__}; expected str.")
    if not distinct:
        raise DataError("There are no ids to look up.")
    return distinct


def _iris(config: SparqlConfig, names: Sequence[str], argument: str) -> list[str]:
    if isinstance(names, str):
        names = [names]
    if argument == "relations" and not names:
        raise DataError("relations is empty; leave it out to get the properties of the config.")
    return [config.property_iri(name) for name in names]


def _check_found(
    config: SparqlConfig, ids: Sequence[str], resolved: Resolved, properties: Sequence[str]
) -> None:
    if resolved.entities:
        return
    reason = next(iter(resolved.invalid.values()), "")
    how = f"as a value of {', '.join(properties)}" if properties else "as an IRI"
    raise DataError(
        f"{printable(config.endpoint)} has none of {len(ids)} ids {printable(how)}; the first is "
        f"{printable(config.written(ids[0]))!r}.{' ' + reason if reason else ''}"
        + ("" if properties else " If ids are no IRIs, name the property whose values they are.")
    )


def _links(ids: Sequence[str], resolved: Resolved) -> pd.DataFrame:
    import pandas as pd

    pairs = [
        (id, iri, 1 / len(resolved.entities[id]))
        for id in ids
        for iri in resolved.entities.get(id, ())
    ]
    return pd.DataFrame(pairs, columns=["item_id", "iri", "confidence"])


def _graph(found: _Found, config: SparqlConfig) -> KnowledgeGraph:
    if not found.edges and not found.values:
        raise DataError(
            f"{printable(config.endpoint)} has the items, but none of the wanted statements."
        )
    kg = KnowledgeGraph.from_triples(found.edges, found.values)
    file = FileReport(config.endpoint, "sparql", kg.report.statements)
    return replace(kg, report=replace(kg.report, files=(file,)))
