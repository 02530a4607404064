r"""Which terms are surely valid, and what escapes stand for.

"Surely": the rules are narrower than the standards (RFC 3987, BCP 47), so that a term that
fulfils them is valid, and a parser decides about any other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kgrec.rdf.native.memory import LANES, compiled, copy, finder, first, load8, store8

UNSURE: Final = -1
LONGEST: Final = 4096
"""Bytes of a term other than a literal's value; longer ones go to a parser."""

ALPHA, SCHEME, HOST, PATH, LABEL, HEX, ALNUM = 1, 2, 4, 8, 16, 32, 64
LF, CR, QUOTE, BACKSLASH = 10, 13, 34, 92
_PERCENT, _HASH, _SLASH, _COLON, _QUESTION, _HYPHEN, _APOSTROPHE = 37, 35, 47, 58, 63, 45, 39
_not_plain = finder(bytes([QUOTE, BACKSLASH, LF, CR, *range(0x80, 0x100)]))
_RDF = np.frombuffer(b"http://www.w3.org/1999/02/22-rdf-syntax-ns#", dtype=np.uint8)


def _kinds() -> Any:
    kinds = np.zeros(256, dtype=np.uint8)
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    digits = b"0123456789"
    for mask, members in (
        (ALPHA, letters),
        (SCHEME, letters + digits + b"+-."),
        (HOST, letters + digits + b"-._~"),
        (PATH, letters + digits + b"-._~!$&'()*+,;=:@/?"),
        (LABEL, letters + digits + b"_-"),
        (HEX, digits + b"ABCDEFabcdef"),
        (ALNUM, letters + digits),
    ):
        kinds[list(members)] |= mask
    return kinds


KINDS = _kinds()
"""What each byte can be a part of: bits ALPHA to ALNUM, uint8 of shape (256,)."""

_not_in_path = finder(bytes(octet for octet in range(0x100) if not KINDS[octet] & PATH))


@compiled
def utf8_length(at: Any, end: Any) -> Any:
    """Return the length of the UTF-8 character of several bytes at `at`, 0 if it is not valid."""
    if at + 1 >= end or load8(at + 1) & 0xC0 != 0x80:
        return 0
    a = load8(at)
    b = load8(at + 1)
    length = 0
    if 0xC2 <= a <= 0xDF:
        length = 2
    elif at + 2 < end and load8(at + 2) & 0xC0 == 0x80:
        if 0xE0 <= a <= 0xEF:
            if not ((a == 0xE0 and b < 0xA0) or (a == 0xED and b > 0x9F)):
                length = 3
        elif (
            0xF0 <= a <= 0xF4
            and at + 3 < end
            and load8(at + 3) & 0xC0 == 0x80
            and not ((a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F))
        ):
            length = 4
    return length


@compiled
def _iri_character(at: Any, end: Any) -> Any:
    """Return the length of a `ucschar` of two or three bytes (RFC 3987, section 2.2), else 0."""
    length = utf8_length(at, end)
    if length == 0 or length == 4:
        return 0
    a = load8(at)
    b = load8(at + 1)
    if length == 2:
        valid = a != 0xC2 or b >= 0xA0
    else:
        valid = a < 0xEE or (a == 0xEF and (0xA4 <= b <= 0xB6 or 0xB8 <= b <= 0xBE))
    return length if valid else 0


@compiled
def is_surely_iri(begin: Any, end: Any) -> Any:
    """Return whether text is surely a valid absolute IRI."""
    at = begin
    if at >= end or KINDS[load8(at)] & ALPHA == 0:
        return False
    while at < end and KINDS[load8(at)] & SCHEME != 0:
        at += 1
    if at >= end or load8(at) != _COLON:
        return False
    at += 1
    if at + 1 < end and load8(at) == _SLASH and load8(at + 1) == _SLASH:
        at += 2
        while at < end and KINDS[load8(at)] & HOST != 0:
            at += 1
        if at < end and load8(at) != _SLASH and load8(at) != _QUESTION and load8(at) != _HASH:
            return False
    in_fragment = False
    while at < end:
        found = _not_in_path(at)
        if found == 0:
            at += LANES
            continue
        at += first(found)
        if at >= end:
            break
        octet = load8(at)
        if octet == _PERCENT:
            if at + 2 >= end or KINDS[load8(at + 1)] & KINDS[load8(at + 2)] & HEX == 0:
                return False
            at += 3
        elif octet == _HASH and not in_fragment:
            in_fragment = True
            at += 1
        elif octet >= 0x80:
            length = _iri_character(at, end)
            if length == 0:
                return False
            at += length
        else:
            return False
    return True


@compiled
def is_surely_datatype(begin: Any, end: Any) -> Any:
    """Return whether text is surely an IRI, and not one of RDF's own: some need a language."""
    if not is_surely_iri(begin, end):
        return False
    if end - begin < len(_RDF):
        return True
    for k in range(len(_RDF)):
        if load8(begin + k) != _RDF[k]:
            return True
    return False


@compiled
def is_surely_language(begin: Any, end: Any) -> Any:
    """Return whether text is two or three letters, and perhaps a hyphen and two more."""
    at = begin
    while at < end and KINDS[load8(at)] & ALPHA != 0:
        at += 1
    if at - begin < 2 or at - begin > 3:
        return False
    if at == end:
        return True
    return (
        load8(at) == _HYPHEN
        and end - at == 3
        and KINDS[load8(at + 1)] & KINDS[load8(at + 2)] & ALPHA != 0
    )


@compiled
def _code(begin: Any, digits: Any) -> Any:
    """Return the Unicode scalar value of some hexadecimal digits, or UNSURE."""
    code = np.int64(0)
    for k in range(begin, begin + digits):
        octet = np.int64(load8(k))
        if KINDS[octet] & HEX == 0:
            return np.int64(UNSURE)
        code = (code << 4) | (octet - 48 if octet < 58 else (octet | 32) - 87)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        code = np.int64(UNSURE)
    return code


@compiled
def _write_utf8(code: Any, to: Any) -> Any:
    """Write a character, and return how many bytes it takes."""
    if code < 0x80:
        store8(to, code)
        return 1
    if code < 0x800:
        store8(to, 0xC0 | (code >> 6))
        store8(to + 1, 0x80 | (code & 0x3F))
        return 2
    if code < 0x10000:
        store8(to, 0xE0 | (code >> 12))
        store8(to + 1, 0x80 | ((code >> 6) & 0x3F))
        store8(to + 2, 0x80 | (code & 0x3F))
        return 3
    store8(to, 0xF0 | (code >> 18))
    store8(to + 1, 0x80 | ((code >> 12) & 0x3F))
    store8(to + 2, 0x80 | ((code >> 6) & 0x3F))
    store8(to + 3, 0x80 | (code & 0x3F))
    return 4


def _escapes() -> Any:
    meant = np.full(256, UNSURE, dtype=np.int64)
    for written, character in zip(b"tbnrf\"'\\", b"\t\b\n\r\f\"'\\", strict=True):
        meant[written] = character
    return meant


_ESCAPES = _escapes()


@compiled
def _unescape(at: Any, end: Any, to: Any) -> Any:
    """Write the character of the escape at `at`; return the lengths of both, or 0."""
    if at + 1 >= end:
        return 0, 0
    kind = load8(at + 1)
    length = 2
    if kind == 117 or kind == 85:  # \uXXXX, \UXXXXXXXX
        length = 6 if kind == 117 else 10
        code = _code(at + 2, length - 2) if at + length < end else np.int64(UNSURE)
    else:
        code = _ESCAPES[kind]
    if code == UNSURE:
        return 0, 0
    return length, _write_utf8(code, to)


@compiled
def copy_value(begin: Any, end: Any, to: Any) -> Any:
    """Copy the value of a literal, unescaped.

    Args:
        begin: After the opening quotation mark.
        end: Where the text ends.
        to: Where the value is written.

    Returns:
        Where the closing quotation mark is and where the copy ends; the first is UNSURE if the text
        may not be a literal.
    """
    at = begin
    start = begin
    while at < end:
        found = _not_plain(at)
        if found == 0:
            at += LANES
            continue
        at += first(found)
        octet = load8(at)
        if octet >= 0x80:
            length = utf8_length(at, end)
            if length == 0:
                break
            at += length
            continue
        copy(to, start, at - start)
        to += at - start
        if octet == QUOTE:
            return (at if at < end else np.int64(UNSURE)), to
        if octet != BACKSLASH:
            break
        length, written = _unescape(at, end, to)
        if length == 0:
            break
        at += length
        to += written
        start = at
    return np.int64(UNSURE), to
