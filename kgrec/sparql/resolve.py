"""The entities of the user's ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kgrec.data.isbn import isbn_forms
from kgrec.errors import DataError
from kgrec.rdf.namespaces import XSD_STRING
from kgrec.sparql import queries
from kgrec.sparql.client import Binding
from kgrec.sparql.complete import AnswerSource, text_of
from kgrec.sparql.query_terms import check_iri, literal_text
from kgrec.sparql.settings import SparqlConfig

_MOST_VALUES: Final = 2000  # per query
LiteralStatement = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Resolved:
    """Ids and their entities.

    Attributes:
        entities: Id → IRIs, sorted, of the ids that are found.
        invalid: Id → why it cannot be looked up.
        statements: The identifiers of the entities as literals of the graph: subject, predicate,
            value, datatype, "".
        bad_iris: Number of entities whose IRI is not valid.
    """

    entities: Mapping[str, tuple[str, ...]]
    invalid: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[LiteralStatement, ...] = ()
    bad_iris: int = 0


def by_iri(source: AnswerSource, ids: Sequence[str], progress: Callable[[int], None]) -> Resolved:
    """Return which ids are IRIs of entities with a statement.

    Args:
        source: The endpoint.
        ids: Distinct ids.
        progress: Called with the number of ids so far.
    """
    config = source.config
    valid, invalid = _checked(config, ids, check_iri)
    there: set[str] = set()
    for pattern in queries.ANYTHING[: 1 if config.direction == "out" else 2]:
        missing = sorted({config.written(id) for id in valid} - there)
        for counts in source.counts(pattern, missing, progress):
            there |= {iri for iri, count in counts.items() if count}
    found = {id: (config.written(id),) for id in valid if config.written(id) in there}
    return Resolved(found, invalid)


def by_identifier(
    source: AnswerSource,
    ids: Sequence[str],
    properties: Sequence[str],
    progress: Callable[[int], None],
) -> Resolved:
    """Return the entities that have the ids as the value of a property.

    Args:
        source: The endpoint.
        ids: Distinct ids.
        properties: IRIs of the properties; all are used.
        progress: Called with the number of ids so far.
    """
    config = source.config
    valid, invalid = _checked(config, ids, literal_text)
    forms = {id: _forms(config, id) for id in valid}
    batches = _batches(sorted(valid), forms, config.batch_size)
    entities: dict[str, set[str]] = {}
    statements: set[LiteralStatement] = set()
    bad = done = 0
    for batch in batches:
        values = sorted({form for id in batch for form in forms[id]})
        for property in properties:
            found, wrong = _lookup(source, property, values)
            bad += wrong
            for id in batch:
                for form in forms[id]:
                    iris = found.get(form, ())
                    entities.setdefault(id, set()).update(iris)
                    datatype = config.identifier_datatype or XSD_STRING
                    statements |= {(iri, property, form, datatype, "") for iri in iris}
        done += len(batch)
        progress(done)
    return Resolved(
        {id: tuple(sorted(iris)) for id, iris in entities.items() if iris},
        invalid,
        tuple(sorted(statements)),
        bad,
    )


def _checked(
    config: SparqlConfig, ids: Sequence[str], check: Callable[[str], object]
) -> tuple[list[str], dict[str, str]]:
    valid: list[str] = []
    invalid: dict[str, str] = {}
    for id in ids:
        try:
            check(config.written(id))
        except DataError as error:
            invalid[id] = str(error)
        else:
            valid.append(id)
    return valid, invalid


def _forms(config: SparqlConfig, id: str) -> list[str]:
    written = config.written(id)
    return isbn_forms(written) if config.identifier_forms == "isbn" else [written]


def _batches(ids: Sequence[str], forms: dict[str, list[str]], size: int) -> list[list[str]]:
    """Return the ids in groups of at most `size`, fewer if they have many forms."""
    batches: list[list[str]] = []
    values = 0
    for id in ids:
        full = not batches or len(batches[-1]) == size
        if full or values + len(forms[id]) > _MOST_VALUES:
            batches.append([])
            values = 0
        batches[-1].append(id)
        values += len(forms[id])
    return batches


def _lookup(
    source: AnswerSource, property: str, values: Sequence[str]
) -> tuple[dict[str, list[str]], int]:
    """Return value → IRIs of the entities that have it, and the number of IRIs that are invalid."""
    found: dict[str, list[str]] = {}
    bad = 0
    for _, rows in source.complete(
        lambda keys: queries.identifier_query(source.config, property, keys),
        values,
        lambda keys, rows: _identified(rows).keys() == set(keys),
    ):
        for value, iris in _identified(rows).items():
            found[value] = [iri for iri in iris if _is_iri(iri)]
            bad += len(iris) - len(found[value])
    return found, bad


def _identified(rows: Sequence[Binding]) -> dict[str, list[str]]:
    """Return value → IRIs; a row whose number of IRIs is not its ?n does not count."""
    found = {}
    for row in rows:
        iris = text_of(row, "iris").split()
        if text_of(row, "n") == str(len(iris)):
            found[text_of(row, "id")] = iris
    return found


def _is_iri(text: str) -> bool:
    try:
        check_iri(text)
    except DataError:
        return False
    return True
