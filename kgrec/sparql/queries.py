"""The queries. The number of rows shows whether an answer is complete.

Servers cut answers without notice (Virtuoso at 10,000 rows, others after some time). So a first
query counts the statements of each entity, with exactly one row per entity, and a second one
fetches as many. A UNION with the entities alone gives that row: OPTIONAL after VALUES means the
same, but not every engine supports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kgrec.sparql.query_terms import iri_text, literal_text
from kgrec.sparql.settings import SparqlConfig

_TEXT: Final = "isLiteral(?o)"


@dataclass(frozen=True)
class Pattern:
    """Which statements are wanted.

    Attributes:
        key: The variable of the entities of a batch: "s" or "o".
        body: A graph pattern over ?s, ?p and ?o, with its filters.
    """

    key: Literal["s", "o"]
    body: str


def statements_pattern(
    config: SparqlConfig,
    direction: Literal["out", "in"],
    relations: Sequence[str] | None,
    exclude: Sequence[str],
) -> Pattern:
    """Return the pattern of the statements that begin or end at an entity.

    Args:
        config: Namespaces, labels and languages.
        direction: "out" if the entity is the subject.
        relations: IRIs of the wanted properties besides labels and descriptions; None: those of
            `config.namespaces`.
        exclude: IRIs of the properties to leave out.
    """
    texts = (*config.labels, *config.descriptions) if direction == "out" else ()
    filters = []
    if relations is not None:
        filters.append(_in((*relations, *texts)))
    elif config.namespaces:
        starts = [f"STRSTARTS(STR(?p), {literal_text(name)})" for name in config.namespaces]
        filters.append(" || ".join([*starts, *([_in(texts)] if texts else [])]))
    if exclude:
        filters.append(_in(exclude, "NOT IN"))
    if direction == "out":
        filters += _in_languages(config)
    return Pattern("s" if direction == "out" else "o", _body("?s ?p ?o .", filters))


def texts_pattern(
    config: SparqlConfig, exclude: Sequence[str], of_properties: bool = False
) -> Pattern | None:
    """Return the pattern of names and descriptions of entities, or of properties' names.

    None if the settings want neither.
    """
    triples = "?s ?p ?o ."
    if of_properties and config.property_link is not None:
        triples = f"?e {iri_text(config.property_link)} ?s . ?e ?p ?o ."
    wanted = config.labels if of_properties else (*config.labels, *config.descriptions)
    wanted = tuple(iri for iri in wanted if iri not in exclude)
    if not wanted:
        return None
    return Pattern("s", _body(triples, [_in(wanted), _TEXT, *_in_languages(config)]))


ANYTHING: Final = (Pattern("s", "?s ?p ?o ."), Pattern("o", "?s ?p ?o ."))
"""The statements in which an entity is the subject, or the object: does it exist at all?"""


def count_query(pattern: Pattern, entities: Sequence[str]) -> str:
    """Return the query of ?key and ?n, one row per entity, also for those without statements."""
    values = f"VALUES ?{pattern.key} {{ {_iris(entities)} }}"
    return (
        f"SELECT ?{pattern.key} (COUNT(?p) AS ?n) WHERE {{ {{ {values} {pattern.body} }} "
        f"UNION {{ {values} }} }} GROUP BY ?{pattern.key}"
    )


def rows_query(pattern: Pattern, entities: Sequence[str]) -> str:
    """Return the query of ?s, ?p and ?o of the entities' statements."""
    key = f"?{pattern.key}"
    return f"SELECT ?s ?p ?o WHERE {{ VALUES {key} {{ {_iris(entities)} }} {pattern.body} }}"


def page_query(pattern: Pattern, entity: str, limit: int, offset: int) -> str:
    """Return the query of some of the statements of one entity, in the server's order of terms."""
    order = "?p ?s"
    if pattern.key == "s":
        # Pages need an order of "a"@en and "a"@de, of 1 and 1.0; SPARQL does not define it.
        parts = ("STR(?o)", "LANG(?o)", "STR(DATATYPE(?o))")
        order = " ".join(["?p ?o", *(f'COALESCE({part}, "")' for part in parts)])
    page = f" ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    return rows_query(pattern, [entity]) + page


def identifier_query(config: SparqlConfig, property: str, values: Sequence[str]) -> str:
    """Return the query of ?id, ?n and ?iris: the number and IRIs of the entities of an identifier.

    There is one row per value, also for values without an entity. Blanks separate the IRIs.
    """
    texts = " ".join(literal_text(value, config.identifier_datatype) for value in values)
    values = f"VALUES ?id {{ {texts} }}"
    return (
        'SELECT ?id (COUNT(?s) AS ?n) (GROUP_CONCAT(?iri; SEPARATOR=" ") AS ?iris) WHERE { '
        f"{{ {values} ?s {iri_text(property)} ?id . FILTER(isIRI(?s)) BIND(STR(?s) AS ?iri) }} "
        f'UNION {{ {values} BIND("" AS ?iri) }} }} GROUP BY ?id'
    )


def _body(triples: str, filters: Sequence[str]) -> str:
    return " ".join([triples, *(f"FILTER({condition})" for condition in filters)])


def _in_languages(config: SparqlConfig) -> list[str]:
    if config.languages is None:
        return []
    tags = [f"langMatches(LANG(?o), {literal_text(tag)})" for tag in config.languages]
    return [" || ".join(["!isLiteral(?o)", 'LANG(?o) = ""', *tags])]


def _in(iris: Sequence[str], operator: str = "IN") -> str:
    return f"?p {operator} ({', '.join(iri_text(iri) for iri in iris)})"


def _iris(entities: Sequence[str]) -> str:
    return " ".join(iri_text(entity) for entity in entities)
