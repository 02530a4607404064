"""A growing set of byte strings, numbered in the order in which they are added."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.memory import (
    FREE,
    KEY,
    LOW32,
    PADDING,
    U32,
    are_same,
    compiled,
    copy,
    hash_of,
    load64,
    prefetch,
)

MOST: Final = (1 << 24) - 1
"""Bytes that a string may have."""

_BLOCK: Final = 64  # strings
_SIZE_BITS = np.uint64(24)
_SIZES = np.uint64(MOST)


class Text:
    """A buffer for text, with padding after it so that whole words can be read.

    Args:
        size: Bytes of text.

    Attributes:
        octets: uint8 of shape (size + PADDING,).
        address: Their address.
    """

    __slots__ = ("address", "octets")

    def __init__(self, size: int) -> None:
        self.octets: Any = np.empty(size + PADDING, dtype=np.uint8)
        self.address = int(self.octets.ctypes.data)

    @property
    def room(self) -> int:
        """Most bytes of text that it holds."""
        return len(self.octets) - PADDING


class Table:
    """The set, as a hash table with open addressing.

    A string may have MOST bytes, and all of them together 2**40.

    Attributes:
        slots: uint64 of shape (a power of two, 2): for each string its number (low half) and half
            of its hash, then its length (low 24 bits) and its place in the arena. So all
            but the string itself is in one line of the processor's cache.
        arena: The strings, one after the other.
        offsets: Where each begins, int64; one more than there are strings.
        count: int64 of shape (1,): how many there are.
    """

    __slots__ = ("arena", "count", "offsets", "slots")

    def __init__(self) -> None:
        self.slots: Any = np.full((1 << 10, 2), FREE, dtype=np.uint64)
        self.arena = Text(1 << 15)
        self.offsets: Any = np.zeros(513, dtype=np.int64)
        self.count: Any = np.zeros(1, dtype=np.int64)

    def __len__(self) -> int:
        return int(self.count[0])

    def make_room(self, strings: int, size: int) -> None:
        """Make room for so many more strings, of so many bytes together."""
        count = len(self)
        used = int(self.offsets[count])
        if used + size > self.arena.room:
            arena = Text(max(2 * used, used + size))
            arena.octets[:used] = self.arena.octets[:used]
            self.arena = arena
        if count + strings + 1 > len(self.offsets):
            offsets = np.zeros(max(2 * count, count + strings) + 1, dtype=np.int64)
            offsets[: count + 1] = self.offsets[: count + 1]
            self.offsets = offsets
        if 2 * (count + strings) > len(self.slots):
            num_slots = 1 << int(2 * (count + strings) - 1).bit_length()
            slots = np.full((num_slots, 2), FREE, dtype=np.uint64)
            _rehash(slots, self.slots)
            self.slots = slots

    def add(self, text: Text, begins: Any) -> Any:
        """Add strings and return the number of each, int64 of shape (n,).

        Args:
            text: The strings, one after the other.
            begins: Where each begins, int64 of shape (n + 1,).
        """
        numbers = np.empty(len(begins) - 1, dtype=np.int64)
        self.make_room(len(numbers), int(begins[-1] - begins[0]))
        _add(
            *(self.slots, self.arena.address, self.offsets, self.count),
            *(text.address, begins, KEY, numbers),
        )
        return numbers


@compiled
def _rehash(slots: Any, old: Any) -> None:
    # The place of a slot depends only on the half of the hash that it holds.
    mask = len(slots) - 1
    for k in range(len(old)):
        if old[k, 0] != FREE:
            place = np.int64(old[k, 0] >> U32) & mask
            while slots[place, 0] != FREE:
                place = (place + 1) & mask
            slots[place, 0] = old[k, 0]
            slots[place, 1] = old[k, 1]


@compiled
def find(slots: Any, mask: Any, arena: Any, begin: Any, size: Any, h: Any) -> Any:
    """Return the slot of a string: the one where it is, or the free one where it belongs.

    Args:
        slots: Address of the slots.
        mask: Number of slots less one.
        arena: Address of the arena.
        begin: Address of the string.
        size: Its length.
        h: Its hash.
    """
    tag = h >> U32
    place = np.int64(tag) & mask
    while True:
        entry = load64(slots + (place << 4))
        if entry == FREE:
            return place
        if (entry >> U32) == tag:
            where = load64(slots + (place << 4) + 8)
            if np.int64(where & _SIZES) == size and are_same(
                arena + np.int64(where >> _SIZE_BITS), begin, size
            ):
                return place
        place = (place + 1) & mask


@compiled
def place_in_arena(slots: Any, mask: Any, h: Any) -> Any:
    """Return where in the arena the string with a hash most likely is, or 0."""
    place = np.int64(h >> U32) & mask
    if load64(slots + (place << 4)) == FREE:
        return np.int64(0)
    return np.int64(load64(slots + (place << 4) + 8) >> _SIZE_BITS)


@compiled
def insert(
    slots: Any,
    arena: Any,
    offsets: Any,
    count: Any,
    place: Any,
    begin: Any,
    size: Any,
    h: Any,
) -> Any:
    """Add a string at a free slot, and return its number."""
    row = count[0]
    start = offsets[row]
    copy(arena + start, begin, size)
    offsets[row + 1] = start + size
    slots[place, 0] = ((h >> U32) << U32) | np.uint64(row)
    slots[place, 1] = (np.uint64(start) << _SIZE_BITS) | np.uint64(size)
    count[0] = row + 1
    return row


@compiled
def _add(
    slots: Any,
    arena: Any,
    offsets: Any,
    count: Any,
    text: Any,
    begins: Any,
    key: Any,
    numbers: Any,
) -> None:
    mask = len(slots) - 1
    address = slots.ctypes.data
    hashes = np.empty(_BLOCK, dtype=np.uint64)
    for first in range(0, len(numbers), _BLOCK):
        last = min(first + _BLOCK, len(numbers))
        for k in range(first, last):  # the processor fetches all slots of a block at once
            h = hash_of(text + begins[k], begins[k + 1] - begins[k], key)
            hashes[k - first] = h
            prefetch(address + ((np.int64(h >> U32) & mask) << 4))
        for k in range(first, last):
            begin, size, h = text + begins[k], begins[k + 1] - begins[k], hashes[k - first]
            place = find(address, mask, arena, begin, size, h)
            if slots[place, 0] == FREE:
                numbers[k] = insert(slots, arena, offsets, count, place, begin, size, h)
            else:
                numbers[k] = np.int64(slots[place, 0] & LOW32)
