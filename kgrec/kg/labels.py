"""Names and descriptions of entities, from their literals or from their IRIs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.iri_names import names_from_iris
from kgrec.rdf.literals import replaced
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS
from kgrec.types import BoolArray, IntArray

LANGUAGES: Final = ("en", "")
"""The default languages of names, best first; "" is text without a language."""


def entity_labels(
    kg: GraphColumns,
    rows: npt.ArrayLike | None = None,
    languages: Sequence[str] = LANGUAGES,
    relations: Sequence[str] = LABEL_RELATIONS,
) -> list[str]:
    """Return a name for each entity; see `KnowledgeGraph.labels`."""
    return _at(_labels(kg, languages, relations), rows)


def entity_descriptions(
    kg: GraphColumns,
    rows: npt.ArrayLike | None = None,
    languages: Sequence[str] = LANGUAGES,
    relations: Sequence[str] = DESCRIPTION_RELATIONS,
) -> list[str]:
    """Return a description for each entity, "" for none; see `KnowledgeGraph.descriptions`."""

    def make() -> Any:
        empty = pa.array([""] * kg.num_entities, type=pa.large_string())
        return replaced(empty, *_best_texts(kg, relations, languages))

    key = ("descriptions", tuple(languages), tuple(relations))
    return _at(kg.cached(key, make), rows)


def relation_labels(
    kg: GraphColumns,
    languages: Sequence[str] = LANGUAGES,
    relations: Sequence[str] = LABEL_RELATIONS,
) -> list[str]:
    """Return a name for each relation; see `KnowledgeGraph.relation_labels`.

    A relation that the graph describes has its label. Others have the last part of their IRI, with
    camel case split into words.
    """

    def make() -> Any:
        spaced = pc.replace_substring_regex(
            names_from_iris(kg.relations.array), pattern=r"([a-z0-9])([A-Z])", replacement=r"\1 \2"
        )
        has = labelled(kg, relations)
        entity = kg.entities.rows(kg.relations.array, missing="-1")
        known = np.flatnonzero((entity >= 0) & has[entity])
        labels = _labels(kg, languages, relations).take(pa.array(entity[known]))
        return replaced(pc.utf8_lower(spaced), known, labels)

    return list(kg.cached(("relations", tuple(languages), tuple(relations)), make).to_pylist())


def _labels(kg: GraphColumns, languages: Sequence[str], relations: Sequence[str]) -> Any:
    """Return a name for each entity, Arrow `large_string` of shape (num_entities,)."""

    def make() -> Any:
        return replaced(names_from_iris(kg.entities.array), *_best_texts(kg, relations, languages))

    return kg.cached(("labels", tuple(languages), tuple(relations)), make)


def _at(texts: Any, rows: npt.ArrayLike | None) -> list[str]:
    if rows is not None:
        texts = texts.take(pa.array(np.asarray(rows, dtype=np.int64)))
    return list(texts.to_pylist())


def labelled(kg: GraphColumns, relations: Sequence[str] = LABEL_RELATIONS) -> BoolArray:
    """Return which entities have a label of their own, bool of shape (num_entities,)."""
    has = np.zeros(kg.num_entities, dtype=bool)
    has[_best_texts(kg, relations, ())[0]] = True
    return has


def _best_texts(
    kg: GraphColumns, relations: Sequence[str], languages: Sequence[str]
) -> tuple[IntArray, Any]:
    """Return the rows of the entities that have a text, sorted, and the best text of each."""
    literals = kg.literals
    if not len(literals):
        return np.empty(0, dtype=np.int64), pa.array([], type=pa.large_string())
    subject, candidates, rank = named_by(kg, relations)
    indices = pa.array(candidates)
    texts = literals.value.take(indices)
    tags = literals.language.take(indices)
    preference = np.array(
        [language_rank(tag, languages) for tag in tags.dictionary.to_pylist()], dtype=np.int64
    )[np.asarray(tags.indices)]
    written = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(texts), ""))
    # Stable: among equals the first stays first, and literals are sorted by value.
    order = np.lexsort((preference, rank, subject))
    order = order[written[order]]
    first = np.unique(subject[order], return_index=True)[1]
    best = order[first]
    return subject[best], texts.take(pa.array(best))


def named_by(kg: GraphColumns, relations: Sequence[str]) -> tuple[IntArray, IntArray, IntArray]:
    """Return which literals name which entities.

    Args:
        kg: The graph.
        relations: IRIs of properties of names; two with a space between them lead over a node,
            such as `skosxl:prefLabel` and `skosxl:literalForm`.

    Returns:
        Rows of the entities, rows of their literals, and places of the relations in `relations`,
        each int64 of shape (n,), ordered by literal for one relation.
    """
    literals = kg.literals
    place = np.full(kg.num_relations, -1, dtype=np.int64)
    known = kg.relations.rows(relations, missing="-1")
    place[known[known >= 0]] = np.flatnonzero(known >= 0)
    rank = place[literals.relation]
    row = np.flatnonzero(rank >= 0)
    found = [(literals.subject[row].astype(np.int64), row, rank[row])]
    for number, relation in enumerate(relations):
        to_node, space, to_name = relation.partition(" ")
        if not space:
            continue
        edges = kg.relation_triples(to_node)
        rows = np.flatnonzero(literals.relation == kg.relation_row(to_name))
        owner = literals.subject[rows]  # sorted, as literals are
        first = np.searchsorted(owner, edges[:, 2], side="left")
        count = np.searchsorted(owner, edges[:, 2], side="right") - first
        subject = np.repeat(edges[:, 0], count).astype(np.int64)
        steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        row = rows[np.repeat(first, count) + steps]
        order = np.lexsort((row, subject))
        found.append((subject[order], row[order], np.full(len(row), number)))
    subject, row, rank = (np.concatenate(column) for column in zip(*found, strict=True))
    return subject, row, rank


def own_relations(relations: Sequence[str]) -> list[str]:
    """Return the single relations in `relations`; see `named_by`."""
    return [one for relation in relations for one in relation.split(" ")]


def language_rank(tag: str, languages: Sequence[str]) -> int:
    """Return the rank of a language: lower is better; a regional variant comes after its base.

    Args:
        tag: A language tag, in lower case; "" is none.
        languages: Language tags, best first.

    Returns:
        0 … 2 · len(languages) - 1; 2 · len(languages) for a language that is not listed.
    """
    for place, wanted in enumerate(languages):
        wanted = wanted.lower()
        if tag == wanted:
            return 2 * place
        if wanted and tag.startswith(wanted + "-"):
            return 2 * place + 1
    return 2 * len(languages)
