"""Which entities are of the catalogue's kind: a film, and not its soundtrack.

This is learnt from sure links, or given as types.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from kgrec.errors import DataError, did_you_mean, printable
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.namespaces import RDF_TYPE
from kgrec.types import IntArray

FITS, UNKNOWN, OTHER = 1, 0, -1

_FEWEST = 5  # sure links; nothing is learnt from fewer
_TYPE_SHARE = 0.05  # of the sure links: a catalogue may mix several types
_RELATION_SHARE = 0.5
_UBIQUITOUS = 0.95  # share of all subjects; a more common feature does not distinguish


def typed(kg: GraphColumns, types: Sequence[str]) -> npt.NDArray[np.int8]:
    """Return `FITS` for entities of one of the types and `OTHER` for the rest, (num_entities,).

    Raises:
        DataError: No entity has one of the types.
    """
    entity, kind = kg.types()
    known = kg.entities.take(np.unique(kind))
    for name in types:
        if name not in known:
            raise DataError(
                f"types: no entity of the graph has the type {printable(name)!r}."
                + did_you_mean(name, known)
            )
    fits = np.full(kg.num_entities, OTHER, dtype=np.int8)
    fits[entity[np.isin(kind, kg.entities.rows(types))]] = FITS
    return fits


def within(kg: GraphColumns, namespaces: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which entities have an IRI that begins as one of `namespaces`, (num_entities,).

    Raises:
        DataError: No IRI begins as one of them.
    """
    inside = np.zeros(kg.num_entities, dtype=bool)
    for namespace in namespaces:
        begin = namespace.strip("<>")
        here = np.asarray(pc.starts_with(kg.entities.array, begin), dtype=bool)
        if not here.any():
            raise DataError(
                f"namespaces: no entity of the graph has an IRI that begins with "
                f"{printable(namespace)!r}; one is {printable(kg.entities.id(0))}."
            )
        inside |= here
    return inside


def learnt(kg: GraphColumns, sure: IntArray) -> npt.NDArray[np.int8]:
    """Return whether each entity is like the entities `sure`, which have sure links.

    An entity with types fits if at least a twentieth of the sure entities share one of its types.
    An entity without types fits if it has at least half of the relations that most sure entities
    have; if there are two or more such relations and it has none, it is of another kind. Types and
    relations of nearly every subject of the graph are ignored.

    Returns:
        `FITS`, `UNKNOWN` or `OTHER` for each entity, int8 of shape (num_entities,); all are
        unknown if there are fewer than five sure links.
    """
    fits = np.full(kg.num_entities, UNKNOWN, dtype=np.int8)
    sure = np.unique(sure)
    if len(sure) < _FEWEST:
        return fits
    type_row = kg.relation_row(RDF_TYPE)
    owned = np.concatenate(
        [kg.triples[:, :2], np.column_stack([kg.literals.subject, kg.literals.relation])]
    ).astype(np.int64)
    owned = owned[owned[:, 1] != type_row]
    one = np.unique(owned[:, 0] * kg.num_relations + owned[:, 1])  # quicker than rows of two
    owned = np.column_stack(np.divmod(one, kg.num_relations))
    num_subjects = int(kg.mentioned(as_subject=True).sum())
    chosen = _distinctive(owned, sure, _RELATION_SHARE, num_subjects)
    if len(chosen):
        has = np.bincount(owned[np.isin(owned[:, 1], chosen), 0], minlength=kg.num_entities)
        fits[has >= len(chosen) / 2] = FITS
        if len(chosen) > 1:  # the lack of a single relation may be a gap in the data
            fits[has == 0] = OTHER
    entity, kind = kg.types()
    pairs = np.column_stack([entity, kind])
    chosen = _distinctive(pairs, sure, _TYPE_SHARE, num_subjects)
    if len(chosen):
        fits[entity] = OTHER
        fits[entity[np.isin(kind, chosen)]] = FITS
    return fits


def _distinctive(pairs: IntArray, sure: IntArray, share: float, num_subjects: int) -> IntArray:
    """Return the features that a share of the sure entities have, but not nearly all subjects.

    `pairs` are distinct pairs (entity, feature).
    """
    if not len(pairs):
        return np.empty(0, dtype=np.int64)
    of_sure = np.isin(pairs[:, 0], sure)
    features, counts = np.unique(pairs[of_sure, 1], return_counts=True)
    features = features[counts >= max(2, share * len(sure))]
    everywhere, number = np.unique(pairs[:, 1], return_counts=True)
    common = everywhere[number >= _UBIQUITOUS * num_subjects]
    return np.setdiff1d(features, common)
