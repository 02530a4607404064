"""Entities that are one thing for linking: a thing, its page, and its names elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.kg.profile.connectivity import components
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.iri_names import local_name
from kgrec.rdf.namespaces import FOAF, OWL_SAME_AS, SCHEMA
from kgrec.types import BoolArray, IntArray, RowArray

_TO_PAGE: Final = (
    FOAF + "isPrimaryTopicOf",
    FOAF + "page",
    *(schema + "mainEntityOfPage" for schema in SCHEMA),
)
"""From a thing to its page."""
_FROM_PAGE: Final = (FOAF + "primaryTopic", *(schema + "mainEntity" for schema in SCHEMA))
"""From a page to its thing."""
_ABOUT: Final = tuple(schema + "about" for schema in SCHEMA)
"""From a page to its thing, but also from any work to its subject."""
_PAGE_TYPES: Final = frozenset(("Article", "WebPage", "Document", "WebContent"))


def same_things(kg: GraphColumns, wanted: BoolArray) -> IntArray:
    """Return the entity that stands for each entity, int64 of shape (num_entities,).

    Entities are one thing if `owl:sameAs` connects them, or if one is the page of the other
    (`foaf:isPrimaryTopicOf`, `foaf:page`, `foaf:primaryTopic`, `schema:mainEntityOfPage`,
    `schema:mainEntity`, and `schema:about` of a page). Of each thing, a wanted entity comes first,
    then one that is no page, then the one with the most statements of its own.

    Args:
        kg: The graph.
        wanted: Which entities may be linked, bool of shape (num_entities,).
    """
    every = np.arange(kg.num_entities)
    is_page = np.zeros(kg.num_entities, dtype=bool)
    names = (OWL_SAME_AS, *_TO_PAGE, *_FROM_PAGE, *_ABOUT)
    known = {name: kg.relation_row(name) for name in names}
    if all(row < 0 for row in known.values()):
        return every
    edges = [kg.relation_triples(OWL_SAME_AS)]
    for names, page in ((_TO_PAGE, 2), (_FROM_PAGE, 0), (_ABOUT, 0)):
        for name in names:
            found = kg.relation_triples(name)
            if name in _ABOUT:
                found = found[_are_pages(kg, found[:, 0])]
            is_page[found[:, page]] = True
            edges.append(found)
    joined = np.concatenate(edges)[:, [0, 2]]
    if not len(joined):
        return every
    identity = np.isin(kg.triples[:, 1], [row for row in known.values() if row >= 0])
    stated = np.bincount(kg.triples[~identity, 0], minlength=kg.num_entities)
    stated += np.bincount(kg.literals.subject, minlength=kg.num_entities)
    component = components(joined, kg.num_entities)
    order = np.lexsort((every, -stated, is_page, ~wanted))[::-1]
    chosen = np.empty(kg.num_entities, dtype=np.int64)
    chosen[component[order]] = order  # numpy keeps the last of repeated indices
    standing: IntArray = chosen[component]
    return standing


def _are_pages(kg: GraphColumns, rows: RowArray) -> BoolArray:
    """Return which entities are pages by their types or IRIs."""
    entity, kind = kg.types()
    kinds, code = np.unique(kind, return_inverse=True)
    of_page = np.array(
        [local_name(id) in _PAGE_TYPES for id in kg.entities.take(kinds)], dtype=bool
    )
    typed = np.zeros(kg.num_entities, dtype=bool)
    typed[entity[of_page[code]]] = True
    iris = kg.entities.array.take(pa.array(rows.astype(np.int64)))
    in_wiki = pc.match_substring_regex(iris, r"^https?://[^/]*wiki[^/]*/wiki/")
    pages: BoolArray = typed[rows] | np.asarray(in_wiki, dtype=bool)
    return pages
