"""What is wrong with a term of RDF, in plain words and with the remedy."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import pyoxigraph

_NOT_IN_IRIS: Final = re.compile(r"[\x00-\x20<>\"{}|^`\\]")
# https://www.w3.org/TR/turtle/#grammar-production-PN_CHARS beyond ASCII.
_IN_NAMES: Final = (
    (0xB7, 0xB7), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x37D), (0x37F, 0x1FFF), (0x200C, 0x200D),
    (0x203F, 0x2040), (0x2070, 0x218F), (0x2C00, 0x2FEF), (0x3001, 0xD7FF), (0xF900, 0xFDCF),
    (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF),
)  # fmt: skip
_ESCAPABLE: Final = frozenset("_~.-!$&'()*+,;=/?#@%")
_SURE: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?:/[A-Za-z0-9._~/#?=&;,:@!$'()*+-]*)?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TAG: Final = re.compile(r"language tag '([^']*)'")


def tag_mistake(tag: str) -> str | None:
    """Return what is wrong with a language tag (without the @), or None.

    >>> tag_mistake("en_US")
    "'en_US' is not a language tag; 'en-US' is one"
    """
    if _is_tag(tag):
        return None
    better = re.sub(r"-+", "-", tag.replace("_", "-")).strip("-")
    hint = f"; {better!r} is one" if better != tag and _is_tag(better) else ""
    return f"{tag!r} is not a language tag{hint or ' (such as en or pt-BR)'}"


def _is_tag(tag: str) -> bool:
    try:
        pyoxigraph.Literal("", language=tag)
    except ValueError:
        return False
    return True


def iri_mistake(iri: str) -> str | None:
    """Return what is wrong with the text of an IRI, or None if its characters are allowed.

    >>> iri_mistake("http://e.org/a b")
    "the IRI 'http://e.org/a b' has a space; write %20"
    """
    found = _NOT_IN_IRIS.search(iri)
    if found is None:
        return None
    code = "".join(f"%{octet:02X}" for octet in found.group().encode())
    what = "a space" if found.group() == " " else f"the character {_shown(found.group())}"
    return f"the IRI {iri!r} has {what}; write {code}"


def absolute_mistake(iri: str, *, relative: bool) -> str | None:
    """Return what is wrong with an IRI, or None.

    Args:
        iri: The IRI.
        relative: Whether it may be relative.

    >>> absolute_mistake("films#heat", relative=False)
    "the IRI 'films#heat' is relative, and no base IRI is known"
    """
    if _SURE.fullmatch(iri):
        return None
    reason = iri_mistake(iri)
    if reason is not None:
        return reason
    if not _SCHEME.match(iri):
        return None if relative else f"the IRI {iri!r} is relative, and no base IRI is known"
    try:
        pyoxigraph.NamedNode(iri)
    except ValueError as error:
        return f"the IRI {iri!r} is not valid: {error}"
    return None


def name_mistake(name: str) -> str | None:
    """Return what is wrong with a name with a prefix, such as `dbr:Film`, or None.

    >>> name_mistake("dbr:Puente_–_Gares")
    "the name dbr:Puente_–_Gares has the character '–' (EN DASH), which no name with a prefix can \
have; write the whole IRI in < >"
    """
    prefix, colon, local = name.partition(":")
    if not colon:
        return None
    found = re.sub(r"\\.|%[0-9A-Fa-f]{2}", "", f"{prefix}{local}")
    wrong = next((char for char in found if not _in_name(char)), None)
    if wrong is None:
        return None
    if wrong == "%":
        return f"the name {name} has a % without two hexadecimal digits; write \\% or %25"
    if wrong in _ESCAPABLE:
        remedy = f"in a name with a prefix, write \\{wrong} for it"
        return f"the name {name} has the character {_shown(wrong)}; {remedy}"
    return (
        f"the name {name} has the character {_shown(wrong)}, which no name with a prefix can have; "
        "write the whole IRI in < >"
    )


def _in_name(char: str) -> bool:
    """Return whether a character can be in a name with a prefix."""
    if char.isascii():
        return char.isalnum() or char in "_:.-"
    return any(low <= ord(char) <= high for low, high in _IN_NAMES)


def _shown(char: str) -> str:
    name = unicodedata.name(char, "")
    return repr(char) if char.isascii() or not name else f"{char!r} ({name})"


def plain_reason(reason: str) -> str:
    """Return what a parser says, with the remedy for what it does not explain."""
    tag = _TAG.search(reason)
    if "No scheme found" in reason:
        return "a relative IRI without a base IRI"
    return (tag and tag_mistake(tag[1])) or reason
