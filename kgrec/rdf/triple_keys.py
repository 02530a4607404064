"""Triples as one integer each, which sort several times faster than three columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from kgrec.rdf.codes import loops_for, row_slices
from kgrec.types import BoolArray, IntArray, RowArray

_MOST_BITS: Final = 63
"""Bits of an int64 that is not negative."""


@dataclass(frozen=True)
class TripleKeys:
    """How the rows of subject, relation and object are put into one integer, from high to low bits.

    Keys have the order of the triples.

    Attributes:
        entity: Bits of an entity's row.
        relation: Bits of a relation's row.

    >>> keys = TripleKeys.of(5, 2)
    >>> keys, keys.fit
    (TripleKeys(entity=3, relation=1), True)
    """

    entity: int
    relation: int

    @classmethod
    def of(cls, num_entities: int, num_relations: int) -> TripleKeys:
        """Return the keys for so many entities and relations."""
        return cls(*(max(size - 1, 0).bit_length() for size in (num_entities, num_relations)))

    @property
    def fit(self) -> bool:
        """Whether all keys are integers of 64 bits."""
        return 2 * self.entity + self.relation <= _MOST_BITS

    def made(self, batches: Iterable[tuple[RowArray, RowArray, RowArray]], size: int) -> IntArray:
        """Return the keys of triples, int64 of shape (size,); only if they fit.

        Args:
            batches: Codes of subject, predicate and object, int32 of shape (n, 3); and the row of
                each term's and of each predicate's code, int32.
            size: Number of triples of all batches.
        """
        keys = np.empty(size, dtype=np.int64)
        at = 0
        for edges, entity, relation in batches:
            if loops := loops_for(edges.T):
                key = keys[at : at + len(edges)]
                loops.put_keys(key, edges.T, entity, relation, self.entity, self.relation)
                at += len(edges)
                continue
            for rows in row_slices(len(edges)):
                codes = edges[rows]
                key = keys[at : at + len(codes)]
                key[:] = entity[codes[:, 0]]
                key <<= self.relation
                key |= relation[codes[:, 1]]
                key <<= self.entity
                key |= entity[codes[:, 2]]
                at += len(codes)
        return keys

    def rows(self, keys: IntArray, chosen: BoolArray) -> RowArray:
        """Return the triples of the keys that are chosen, int32 of shape (n, 3)."""
        triples = np.empty((int(np.count_nonzero(chosen)), 3), dtype=np.int32)
        if loops := loops_for(keys):
            loops.put_rows(keys, chosen, self.entity, self.relation, triples)
            return triples
        at = 0
        for rows in row_slices(len(keys)):
            key = keys[rows][chosen[rows]]
            part = triples[at : at + len(key)]
            part[:, 2] = key & ((1 << self.entity) - 1)
            key >>= self.entity
            part[:, 1] = key & ((1 << self.relation) - 1)
            part[:, 0] = key >> self.relation
            at += len(key)
        return triples
