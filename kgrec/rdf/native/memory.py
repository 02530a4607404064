"""Bytes at addresses: loading, searching and comparing 64 at a time.

Most terms of a graph are shorter than that. So no loop ends at a place that the processor cannot
foresee, which takes longer than comparing some bytes in vain.

numba compiles a function when it is first called, and keeps the code on disk for later processes.
Compiled functions call each other with addresses and not with arrays, since numba counts
references at each call, which would cost more than the work. Addresses are int64, and the
caller keeps the array alive. Words are little-endian, and may begin anywhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES: Final = 64
"""Bytes that are compared at once."""

PADDING: Final = LANES
"""Bytes that must follow a text, for the words and vectors that begin in it."""

KEY: Final = np.uint64(secrets.randbits(64))
"""What hashes begin with: nobody can make strings of one hash for a process whose key is unknown.

It is an argument of the compiled functions, since their code is kept for later processes.
"""

F = TypeVar("F", bound=Callable[..., Any])

FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
LOW32 = np.uint64(0xFFFFFFFF)
U0, U32, U64 = (np.uint64(n) for n in (0, 32, 64))
_ODD = np.uint64(0x9E3779B97F4A7C15)  # makes more keys of one

compiled: Callable[[F], F] = nb.njit(nogil=True, cache=True)


def _loader(bits: int, result: Any) -> Any:
    """Return a function that loads the value at an address."""

    def load(_context: Any, _address: Any) -> Any:
        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            place = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            return builder.load(place, align=1)

        return result(types.int64), code

    return intrinsic(load)


load8: Any = _loader(8, types.uint8)
load64: Any = _loader(64, types.uint64)


def _store8(_context: Any, _address: Any, _value: Any) -> Any:
    """Store a byte at an address."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        octet = builder.trunc(arguments[1], ir.IntType(8))
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        builder.store(octet, place, align=1)
        return _target.get_dummy_value()

    return types.void(types.int64, types.int64), code


def _copy(_context: Any, _to: Any, _source: Any, _size: Any) -> Any:
    """Copy bytes from one address to another; they may not overlap."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        octets = ir.IntType(8).as_pointer()
        to, source = (builder.inttoptr(place, octets) for place in arguments[:2])
        cgutils.raw_memcpy(builder, to, source, arguments[2], 1)
        return _target.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


def _prefetch(_context: Any, _address: Any) -> Any:
    """Let the processor fetch the value at an address, without waiting for it."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        octets, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [octets, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        place = builder.inttoptr(arguments[0], octets)
        builder.call(function, [place, flag(0), flag(3), flag(1)])
        return _target.get_dummy_value()

    return types.void(types.int64), code


store8: Any = intrinsic(_store8)
copy: Any = intrinsic(_copy)
prefetch: Any = intrinsic(_prefetch)


def _vector(builder: Any, address: Any) -> Any:
    """Return code for the LANES bytes at an address."""
    kind = ir.VectorType(ir.IntType(8), LANES)
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def _marks(builder: Any, found: Any) -> Any:
    """Return code for an integer whose bit k is element k of a vector of bits."""
    return builder.bitcast(found, ir.IntType(LANES))


def finder(octets: bytes) -> Any:
    """Return a function that marks which of the LANES bytes at an address are some octets.

    Its result is an int64 whose bit k is set where byte k is one of them.
    """
    members = sorted(set(octets))
    begins = [octet for octet in members if octet - 1 not in members]
    ends = [octet for octet in members if octet + 1 not in members]

    def find(_context: Any, _address: Any) -> Any:
        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            given = _vector(builder, arguments[0])
            found = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [0] * LANES)
            for low, high in zip(begins, ends, strict=True):  # a range is one comparison
                moved = builder.sub(given, given.type([low] * LANES))
                inside = builder.icmp_unsigned("<=", moved, given.type([high - low] * LANES))
                found = builder.or_(found, inside)
            return _marks(builder, found)

        return types.int64(types.int64), code

    return intrinsic(find)


def _differing(_context: Any, _a: Any, _b: Any) -> Any:
    """Mark which of the LANES bytes at two addresses differ, as `finder` does."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        a, b = (_vector(builder, address) for address in arguments)
        return _marks(builder, builder.icmp_unsigned("!=", a, b))

    return types.int64(types.int64, types.int64), code


def _first(_context: Any, _marked: Any) -> Any:
    """Return the number of the lowest bit that is set; one must be."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), code


def _folded(_context: Any, _a: Any, _b: Any) -> Any:
    """Multiply two words, and return the exclusive or of the two halves of the product."""

    def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word, wide = ir.IntType(64), ir.IntType(128)
        product = builder.mul(*(builder.zext(factor, wide) for factor in arguments))
        high = builder.trunc(builder.lshr(product, wide(64)), word)
        return builder.xor(builder.trunc(product, word), high)

    return types.uint64(types.uint64, types.uint64), code


differing: Any = intrinsic(_differing)
first: Any = intrinsic(_first)
folded: Any = intrinsic(_folded)


def _word_masks() -> Any:
    """Return which bits of the words of a vector are in a string of 0 to LANES bytes."""
    octets = np.arange(LANES) < np.arange(LANES + 1)[:, None]
    return np.where(octets, np.uint8(255), np.uint8(0)).view(np.uint64)


_WORD_MASKS = _word_masks()


@compiled
def _hash_of_words(at: Any, masks: Any, h: Any) -> Any:
    """Return a hash of up to LANES bytes, and of the hash of what is before them."""
    k1 = h + _ODD
    k2 = k1 + _ODD
    k3 = k2 + _ODD
    a = folded((load64(at) & masks[0]) ^ h, (load64(at + 8) & masks[1]) ^ ~h)
    b = folded((load64(at + 16) & masks[2]) ^ k1, (load64(at + 24) & masks[3]) ^ ~k1)
    c = folded((load64(at + 32) & masks[4]) ^ k2, (load64(at + 40) & masks[5]) ^ ~k2)
    d = folded((load64(at + 48) & masks[6]) ^ k3, (load64(at + 56) & masks[7]) ^ ~k3)
    return folded((a + b) ^ h, (c + d) ^ k1)


@compiled
def hash_of(begin: Any, size: Any, key: Any) -> Any:
    """Return a hash of a string, uint64.

    Words are multiplied in pairs, each mixed with what is not known outside of the process, and the
    halves of the product are put together (the scheme of wyhash,
    https://github.com/wangyi-fudan/wyhash).

    Args:
        begin: Where it begins.
        size: Its bytes.
        key: The key of the process.
    """
    h = key + np.uint64(size) * _ODD
    at = begin
    rest = size
    while rest > LANES:
        h = _hash_of_words(at, _WORD_MASKS[LANES], h)
        at += LANES
        rest -= LANES
    return _hash_of_words(at, _WORD_MASKS[rest], h)


@compiled
def are_same(a: Any, b: Any, size: Any) -> Any:
    """Return whether two strings of one size are the same."""
    for at in range(0, size, LANES):
        found = differing(a + at, b + at)
        if found != 0:
            return first(found) >= size - at  # what differs first may be after the end
    return True
