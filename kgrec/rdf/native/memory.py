"""Bytes at addresses: loading, searching, hashing and comparing eight at a time.

numba compiles a function when it is first called, and keeps the code on disk for later processes.
Compiled functions call each other with addresses and not with arrays, since numba counts
references at each call, which would cost more than the work. Addresses are int64, and the
caller keeps the array alive. Words are little-endian, and may begin anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

PADDING: Final = 32
"""Bytes that must follow a text, for the words that begin in it."""

F = TypeVar("F", bound=Callable[..., Any])

FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
LOW32 = np.uint64(0xFFFFFFFF)
U0, U1, U7, U32, U56, U64 = (np.uint64(n) for n in (0, 1, 7, 32, 56, 64))
HIGH = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)
_PLACES = np.uint64(0x0001020304050607)
_MIX = np.uint64(0x9E3779B97F4A7C15)

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


def repeated(octet: int) -> Any:
    """Return the word that has the same byte eight times."""
    return np.uint64(octet * 0x0101010101010101)


@compiled
def zero_bytes(x: Any) -> Any:
    """Return a word whose lowest high bit marks the first zero byte of `x`; 0 if there is none.

    Bits above that byte mean nothing (Warren, Hacker's Delight, section 6-1).
    """
    return (x - _ONES) & ~x & HIGH


@compiled
def first_byte(found: Any) -> Any:
    """Return the number, 0 to 7, of the first byte whose high bit is set."""
    lowest = (found & (~found + U1)) >> U7
    return np.int64((lowest * _PLACES) >> U56)


@compiled
def mixed(h: Any, word: Any) -> Any:
    """Return a hash with one more word in it."""
    h = (h ^ word) * _MIX
    return h ^ (h >> U32)


@compiled
def hash_end(h: Any, word: Any, rest: Any, size: Any) -> Any:
    """Return the hash of a string from that of its whole words.

    Args:
        h: The hash of the words before.
        word: The word after them.
        rest: How many bytes of it, 0 to 7, are in the string.
        size: The length of the string.
    """
    h = mixed(h, word & ((U1 << np.uint64(rest << 3)) - U1))
    return mixed(h, np.uint64(size))


@compiled
def hash_of(begin: Any, size: Any) -> Any:
    """Return a hash of a string, uint64."""
    h = U0
    at = begin
    rest = size
    while rest >= 8:
        h = mixed(h, load64(at))
        at += 8
        rest -= 8
    return hash_end(h, load64(at), rest, size)


@compiled
def are_same(a: Any, b: Any, size: Any) -> Any:
    """Return whether two strings of one size are the same."""
    rest = size
    at = a
    other = b
    while rest >= 8:
        if load64(at) != load64(other):
            return False
        at += 8
        other += 8
        rest -= 8
    if rest == 0:
        return True
    keep = FREE >> (U64 - np.uint64(rest << 3))
    return ((load64(at) ^ load64(other)) & keep) == U0
