"""Compiled loops that draw the edges of a neighborhood.

Compiled by numba when a function is first called; the code is kept on disk for later processes.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Array = Any  # numpy arrays of the dtypes that the docstrings give


@nb.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def expand(
    start: Array, source: Array, nodes: Array, num: int, uniform: Array, row: Array, size: int
) -> tuple[Array, Array, Array, Array]:
    """Draw edges into each node, and number the nodes that they come from.

    For a node with more than `num` edges, each set of `num` has the same probability: Floyd's
    algorithm (Bentley and Floyd, A Sample of Brilliance, Communications of the ACM 1987), with a
    hash table of the drawn edges, so that the cost depends only on the edges taken.

    Args:
        start: Where the edges into each node of the graph begin, int64 of shape (num_targets + 1,).
        source: Source row of each edge of the graph, int64 of shape (E,).
        nodes: Rows of the destinations, int64 of shape (n,).
        num: Edges of each at most; -1: all.
        uniform: `num` numbers for each node with more edges, float64 in [0, 1).
        row: Number of each source node of the graph in the part, -1 for those outside; written
            for those that are found, int64 of shape (num_sources,).
        size: Nodes of the source type in the part so far.

    Returns:
        The places of the edges in `source`; how many each node has; for each edge the number of
        its source in the part; and the rows of the nodes that were found. All int64.
    """
    count = np.empty(len(nodes), dtype=np.int64)
    for n in range(len(nodes)):
        degree = start[nodes[n] + 1] - start[nodes[n]]
        count[n] = degree if num < 0 or degree < num else num
    place = np.empty(count.sum(), dtype=np.int64)
    slots = 1
    while slots < 2 * num:
        slots *= 2
    key, owner = np.empty(slots, dtype=np.int64), np.full(slots, -1, dtype=np.int64)
    at = drawn = 0
    for n in range(len(nodes)):
        first = start[nodes[n]]
        degree = start[nodes[n] + 1] - first
        if count[n] == degree:
            for edge in range(degree):
                place[at] = first + edge
                at += 1
            continue
        for last in range(degree - num, degree):
            edge = int(uniform[drawn] * (last + 1))  # below last + 1: uniform < 1, last < 2**52
            drawn += 1
            slot = _slot(key, owner, n, edge)
            if owner[slot] == n:  # drawn before; the last number cannot have been
                edge = last
                slot = _slot(key, owner, n, edge)
            key[slot], owner[slot] = edge, n
            place[at] = first + edge
            at += 1
    return place, count, *_number(source, place, row, size)


@nb.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _slot(key: Array, owner: Array, node: int, edge: int) -> int:
    """Return the slot of an edge of a node in the table, or a free one."""
    mask = len(key) - 1
    slot = (edge * 0x9E3779B1) & mask
    while owner[slot] == node and key[slot] != edge:
        slot = (slot + 1) & mask
    return slot


@nb.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _number(source: Array, place: Array, row: Array, size: int) -> tuple[Array, Array]:
    numbers = np.empty(len(place), dtype=np.int64)
    new = np.empty(len(place), dtype=np.int64)
    found = 0
    for edge in range(len(place)):
        node = source[place[edge]]
        if row[node] < 0:
            row[node] = size + found
            new[found] = node
            found += 1
        numbers[edge] = row[node]
    return numbers, new[:found].copy()


@nb.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def transpose(
    source: Array, target: Array, weight: Array, num_sources: int
) -> tuple[Array, Array, Array]:
    """Sort entries by source with a stable counting sort.

    Args:
        source: Source of each entry, int64 of shape (e,).
        target: Its destination, int64 of shape (e,).
        weight: Its value, float32 of shape (e,).
        num_sources: Sources.

    Returns:
        The destinations; where the entries of each source begin, int64 of shape (num_sources,);
        and the values.
    """
    start = np.zeros(num_sources + 1, dtype=np.int64)
    for row in source:
        start[row + 1] += 1
    start = np.cumsum(start)[:num_sources]
    at = start.copy()
    column, value = np.empty_like(target), np.empty_like(weight)
    for entry in range(len(source)):
        place = at[source[entry]]
        at[source[entry]] += 1
        column[place], value[place] = target[entry], weight[entry]
    return column, start, value
