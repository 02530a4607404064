"""Columns of numbers by compiled loops: marking and taking, and keys of triples.

numpy makes int64 of the 32-bit numbers that it takes rows by, and a new array at each step. Nothing
here looks whether numbers are too large: they must be below the size of what they are looked up in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kgrec.rdf.native.memory import compiled


@compiled
def mark(column: Any, used: Any) -> None:
    """Set used[k] for each number k of a column.

    Args:
        column: int32 of shape (n,).
        used: bool of shape (size,).
    """
    for k in range(len(column)):
        used[column[k]] = 1


@compiled
def take_into(column: Any, numbers: Any, code: Any) -> None:
    """Write code[k] for each number k to a column, which may be that of the numbers.

    Args:
        column: int32 of shape (n,).
        numbers: int32 of shape (n,).
        code: int32 of shape (size,).
    """
    for k in range(len(numbers)):
        column[k] = code[numbers[k]]


@compiled
def put_keys(
    keys: Any, edges: Any, entity: Any, relation: Any, entity_bits: Any, relation_bits: Any
) -> None:
    """Write the key of each triple; see `kgrec.rdf.triple_keys.TripleKeys`.

    Args:
        keys: int64 of shape (n,).
        edges: Codes of subject, predicate and object, int32 of shape (3, n).
        entity: The row of each term's code, int32.
        relation: The row of each predicate's code, int32.
        entity_bits: Bits of an entity's row.
        relation_bits: Bits of a relation's row.
    """
    for k in range(len(keys)):
        key = (np.int64(entity[edges[0, k]]) << relation_bits) | relation[edges[1, k]]
        keys[k] = (key << entity_bits) | entity[edges[2, k]]


@compiled
def put_rows(keys: Any, chosen: Any, entity_bits: Any, relation_bits: Any, triples: Any) -> None:
    """Write the triples of the keys that are chosen.

    Args:
        keys: int64 of shape (n,).
        chosen: bool of shape (n,).
        entity_bits: Bits of an entity's row.
        relation_bits: Bits of a relation's row.
        triples: int32 of shape (number of those chosen, 3).
    """
    of_entity, of_relation = (1 << entity_bits) - 1, (1 << relation_bits) - 1
    at = 0
    for k in range(len(keys)):
        if chosen[k]:
            key = keys[k]
            triples[at, 2] = key & of_entity
            triples[at, 1] = (key >> entity_bits) & of_relation
            triples[at, 0] = key >> (entity_bits + relation_bits)
            at += 1
