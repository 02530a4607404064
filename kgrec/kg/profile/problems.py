"""Possible mistakes in a graph, with examples and advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.vocabulary import Vocabulary
from kgrec.kg.labels import labelled
from kgrec.kg.profile.near_duplicates import find_near_duplicates
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.datatypes import ill_typed
from kgrec.rdf.namespaces import RDF_TYPE
from kgrec.types import BoolArray, IntArray

_SHOWN: Final = 10
_HUB_SHARE, _HUB_DEGREE = 0.05, 1000
_BLANK_SHARE: Final = 0.1
_SAME_NAME: Final = (
    "Decide on one spelling, and rewrite the IRIs before reading, or they stay two entities."
)


@dataclass(frozen=True)
class Problem:
    """Something that may be a mistake in the data.

    Attributes:
        name: A stable short name, as "unlabelled_entities".
        text: What it is, in words.
        count: How many there are.
        advice: What the user can do about it, a sentence.
        examples: Some of them.
    """

    name: str
    text: str
    count: int
    advice: str
    examples: tuple[str, ...] = ()


def find_problems(kg: GraphColumns) -> tuple[Problem, ...]:
    """Return the possible mistakes in `kg`, one entry for each kind that occurs."""
    found = (
        _skipped(kg),
        _duplicates(kg),
        _ill_typed(kg),
        *_near_duplicates(kg),
        _large_hubs(kg),
        _blank_nodes(kg),
        *_of_entities(kg),
        *_of_relations(kg),
        _loops(kg),
    )
    return tuple(problem for problem in found if problem.count)


def _skipped(kg: GraphColumns) -> Problem:
    return Problem(
        "skipped_files",
        "Files without a known extension in the folders that were read, left out",
        len(kg.report.skipped),
        "If they hold RDF, name them one by one.",
        tuple(kg.report.skipped[:_SHOWN]),
    )


def _duplicates(kg: GraphColumns) -> Problem:
    return Problem(
        "duplicate_statements",
        "Statements that repeat an earlier one, counted once",
        kg.report.duplicates,
        "Nothing has to be done, unless files were given twice by mistake.",
    )


def _ill_typed(kg: GraphColumns) -> Problem:
    rows = ill_typed_literals(kg)
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
        "Literals with a text that their datatype does not allow",
        len(rows),
        "They stay text and cannot be used as numbers or dates: correct the text or the datatype.",
        examples,
    )


def ill_typed_literals(kg: GraphColumns) -> IntArray:
    """Return the places of the literals whose text their datatype does not allow, sorted."""
    return kg.cached("ill_typed", lambda: ill_typed(kg.literals.value, kg.literals.datatype))


def _near_duplicates(kg: GraphColumns) -> list[Problem]:
    ids = kg.entities.array.filter(pa.array(kg.mentioned()))
    return [
        Problem(group.name, f"Groups of {group.text}", len(group), _SAME_NAME,
                group.examples(ids, _SHOWN))
        for group in find_near_duplicates(ids)
    ]  # fmt: skip


def _large_hubs(kg: GraphColumns) -> Problem:
    row = kg.relation_row(RDF_TYPE)
    edges = kg.triples[kg.triples[:, 1] != row]
    degree = np.bincount(edges[:, [0, 2]].ravel(), minlength=kg.num_entities)
    least = max(_HUB_DEGREE, _HUB_SHARE * kg.num_triples)
    rows = np.flatnonzero(degree > least)
    return _listed(
        kg.entities,
        "large_hubs",
        f"Entities in more than {_HUB_SHARE:.0%} of all triples ({_HUB_DEGREE} at least, types "
        "aside), which connect everything with everything",
        rows[np.argsort(-degree[rows], kind="stable")],
        "A relation that leads to them says little about an item; consider leaving it out.",
    )


def _blank_nodes(kg: GraphColumns) -> Problem:
    used = kg.mentioned()
    count, total = int((used & is_blank(kg)).sum()), max(int(used.sum()), 1)
    return Problem(
        "many_blank_nodes",
        f"Blank nodes, {count / total:.0%} of all entities",
        count if count >= _BLANK_SHARE * total else 0,
        "Their names are not stable, so no item can be linked to them; give an IRI to those "
        "that matter.",
    )


def _of_entities(kg: GraphColumns) -> list[Problem]:
    used = kg.mentioned()
    said, typed_only = (np.zeros(kg.num_entities, dtype=bool) for _ in range(2))
    row = kg.relation_row(RDF_TYPE)
    other = kg.triples[kg.triples[:, 1] != row]
    typed_only[kg.triples[:, 0]] = True
    said[kg.triples[:, 2]] = True
    for rows in (other[:, 0], kg.triples[:, 2], kg.literals.subject):
        typed_only[rows] = False
    return [
        _listed(
            kg.entities,
            "unlabelled_entities",
            "Entities without a label, named after their IRI",
            np.flatnonzero(used & ~labelled(kg) & ~is_blank(kg)),
            "Explanations and search read better with an rdfs:label; add the file that has them.",
        ),
        _listed(
            kg.entities,
            "only_objects",
            "Entities that are only ever an object, with nothing said about them",
            np.flatnonzero(said & ~kg.mentioned(as_subject=True)),
            "Normal at the edge of an extract; if they matter, add the statements about them.",
        ),
        _listed(
            kg.entities,
            "only_types",
            "Entities with a type and nothing else",
            np.flatnonzero(typed_only),
            "They add nothing to a recommendation; leave them out, or add what is known of them.",
        ),
    ]


def _of_relations(kg: GraphColumns) -> list[Problem]:
    counts = kg.relation_counts()
    once = np.flatnonzero(counts.sum(axis=1) == 1)
    both = np.flatnonzero((counts > 0).all(axis=1))
    return [
        _listed(
            kg.relations,
            "relations_used_once",
            "Relations with a single statement",
            once,
            "Often a misspelling of another one; nothing can be learnt from them.",
        ),
        _listed(
            kg.relations,
            "mixed_objects",
            "Relations to entities in some statements, and to literals in others",
            both,
            "Often only one is meant, as with an author and the author's name: only entities "
            "connect items.",
        ),
    ]


def _loops(kg: GraphColumns) -> Problem:
    places = np.flatnonzero(kg.triples[:, 0] == kg.triples[:, 2])
    shown = kg.triples[places[:_SHOWN]]
    pairs = zip(kg.entities.take(shown[:, 0]), kg.relations.take(shown[:, 1]), strict=True)
    return Problem(
        "self_loops",
        "Triples from an entity to itself",
        len(places),
        "They connect nothing; they can be left out.",
        tuple(f"{subject} {relation}" for subject, relation in pairs),
    )


def _listed(terms: Vocabulary, name: str, text: str, rows: IntArray, advice: str) -> Problem:
    return Problem(name, text, len(rows), advice, tuple(terms.take(rows[:_SHOWN])))


def is_blank(kg: GraphColumns) -> BoolArray:
    """Return which entities are blank nodes, bool of shape (num_entities,)."""
    return np.asarray(pc.starts_with(kg.entities.array, "_:"))
