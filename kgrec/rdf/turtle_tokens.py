r"""The tokens of Turtle and TriG, valid or not, and where a statement ends.

https://www.w3.org/TR/rdf12-turtle/#sec-grammar-grammar says what is valid. These patterns also take
what is not, such as an IRI with a space, so that a wrong term does not hide where its statement
ends. Every text is one sequence of such tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

# Groups are repeated as (?>(?:x)*): Python before 3.11.5 matches (?:x)*+ wrongly, see
# https://github.com/python/cpython/issues/106052

# A name, number, keyword or label of a blank node; a dot at the end is no part of it.
_CHAR: Final = rb"""(?:\\[^\r\n]|[^\x00-\x20<>"'(){}\[\],;\#.\\|~^@])"""
_WORD: Final = rb"(?>%b+(?:\.++%b+)*)|\.[0-9](?>%b*)" % (_CHAR, _CHAR, _CHAR)
_LONG_STRING: Final = (
    rb'"""[^"\\]*+(?>(?:(?:\\.|"(?!""))[^"\\]*+)*)"""'
    rb"|'''[^'\\]*+(?>(?:(?:\\.|'(?!''))[^'\\]*+)*)'''"
)
_STRING: Final = (
    rb'"(?!"")[^"\\\r\n]*+(?>(?:\\[^\r\n][^"\\\r\n]*+)*)"'
    rb"|'(?!'')[^'\\\r\n]*+(?>(?:\\[^\r\n][^'\\\r\n]*+)*)'"
)
# The end of a line ends a string that is not closed, and a space an IRI that is not closed.
_OPEN_STRING: Final = rb"[\"'][^\r\n]*+"
_IRI: Final = rb"<(?![<(])[^<>\r\n]*+>|<(?![<(])[^\s]*+"
_BRACKET: Final = rb"<<\(|\)>>|<<|>>|\{\||\|\}"
_BLANK: Final = rb"[\x00-\x20]++|\#[^\r\n]*+"
_TAG: Final = rb"@[A-Za-z0-9_\x80-\xff-]*+"

_TOKEN: Final = re.compile(
    rb"(?P<blank>%b)|(?P<iri>%b)|(?P<long>%b)|(?P<string>%b)|(?P<open>%b)|(?P<tag>%b)"
    rb"|(?P<word>%b)|(?P<mark>%b|\^\^|.)"
    % (_BLANK, _IRI, _LONG_STRING, _STRING, _OPEN_STRING, _TAG, _WORD, _BRACKET),
    re.DOTALL,
)
# All tokens but what may end a statement: a dot, and the braces of TriG.
_INSIDE: Final = re.compile(
    rb"(?>(?:%b)*)"
    % b"|".join(
        [_BLANK, _IRI, _LONG_STRING, _STRING, _OPEN_STRING, _TAG, _WORD, _BRACKET, rb"[^.{}]"]
    ),
    re.DOTALL,
)
_LONG_BEGIN: Final = re.compile(rb"\"\"\"|'''")
_NOTHING: Final = re.compile(rb"(?>(?:%b)*)" % _BLANK)
# Directives as in SPARQL have no dot at their end.
_SPARQL: Final = re.compile(
    rb"(?i:prefix)[\x00-\x20]+[^\x00-\x20:<]*:[\x00-\x20]*<[^>\r\n]*>"
    rb"|(?i:base)[\x00-\x20]*<[^>\r\n]*>"
    rb"|(?i:version)[\x00-\x20]*(?:\"[^\"\r\n]*\"|'[^'\r\n]*')"
)

Kind = Literal["blank", "iri", "long", "string", "open", "tag", "word", "mark"]
"""blank: spaces or a comment; iri: begins with <; long, string, open: a string in three or one
quotation marks, or one that is not closed; tag: begins with @; word: all other terms; mark."""


@dataclass(frozen=True)
class Token:
    """A token.

    Attributes:
        kind: What it is.
        text: Its text.
        begin: Where it begins.
    """

    kind: Kind
    text: bytes
    begin: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.begin + len(self.text)


@dataclass(frozen=True)
class Unit:
    """A piece of the text that is parsed as a whole.

    Attributes:
        begin: Where it begins, without blanks and comments in front.
        end: Where it ends.
        kind: statement: a statement or directive; open: a graph's name and brace; close: the brace
            that ends a graph, or also a last statement of the graph before it.
    """

    begin: int
    end: int
    kind: Literal["statement", "open", "close"]


def tokens(text: bytes, begin: int = 0, end: int | None = None) -> Iterator[Token]:
    """Give the tokens of text[begin:end] without blanks and comments."""
    for match in _TOKEN.finditer(text, begin, len(text) if end is None else end):
        if match.lastgroup != "blank":
            yield Token(match.lastgroup, match.group(), match.start())  # type: ignore[arg-type]


def skip_blanks(text: bytes, begin: int) -> int:
    """Return where the blanks and comments at `begin` end."""
    found = _NOTHING.match(text, begin)
    return begin if found is None else found.end()


def next_unit(text: bytes, begin: int, *, final: bool, braces: bool) -> Unit | None:
    """Return the unit at `begin`; None if its end is not in the text, or there is none.

    Args:
        text: Turtle or TriG, from the beginning of a statement on.
        begin: Where to begin.
        final: Whether nothing follows `text`.
        braces: Whether there can be graphs (TriG).
    """
    begin = skip_blanks(text, begin)
    if begin == len(text):
        return None
    sparql = _SPARQL.match(text, begin)
    if sparql is not None:
        return Unit(begin, sparql.end(), "statement")
    at = begin
    while True:
        inside = _INSIDE.match(text, at)
        at = begin if inside is None else inside.end()
        if at + 1 >= len(text) and not final:
            return None  # what follows may belong to the last token
        if at == len(text):
            return Unit(begin, at, "statement")
        if text[at] == ord("."):
            return Unit(begin, at + 1, "statement")
        at += 1
        if braces:
            return Unit(begin, at, "open" if text[at - 1] == ord("{") else "close")


def ends_open(text: bytes, begin: int) -> bool:
    """Return whether text[begin:] has a long string that is not closed."""
    return any(
        token.kind == "open" and _LONG_BEGIN.match(token.text) for token in tokens(text, begin)
    )
