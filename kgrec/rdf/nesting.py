"""A limit on the depth of documents: a recursive parser may not survive a deeper one."""

from __future__ import annotations

import re
from typing import Final

from kgrec.bounds.json_text import MAX_DEPTH, depth_of
from kgrec.errors import DataError

_TRIPLE_TERM: Final = b"<<("
_BRACKETS: Final = re.compile(rb"<<\(|\)>>")
# A triple term cannot begin inside of these: strings, long or short, IRIs, and comments.
_TURTLE_TEXT: Final = re.compile(
    rb"\\."  # an escape in a local name
    rb'|"""[^"\\]*+(?>(?:(?:\\.|"(?!""))[^"\\]*+)*)"""'
    rb"|'''[^'\\]*+(?>(?:(?:\\.|'(?!''))[^'\\]*+)*)'''"
    rb'|"[^"\\\n]*+(?>(?:\\.[^"\\\n]*+)*)"'
    rb"|'[^'\\\n]*+(?>(?:\\.[^'\\\n]*+)*)'"
    rb"|<[^<>\s\"]*+>|\#[^\n]*+",
    re.DOTALL,
)


def check_json(text: bytes) -> None:
    """Refuse JSON that is nested too deeply.

    Raises:
        DataError: It has more than `MAX_DEPTH` levels.
    """
    if depth_of(text) > MAX_DEPTH:
        raise DataError(f"the JSON is nested more than {MAX_DEPTH} levels deep.")


def check_triple_terms(text: bytes) -> None:
    """Refuse text of the Turtle family in which triple terms (RDF 1.2) are nested too deeply.

    Raises:
        DataError: It has more than `MAX_DEPTH` levels of them.
    """
    # Most texts have no parenthesis, and finding that out is several times as fast.
    if b"(" not in text or text.count(_TRIPLE_TERM) <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_TURTLE_TEXT.sub(b"", text)):
        depth = depth + 1 if bracket == _TRIPLE_TERM else max(0, depth - 1)
        if depth > MAX_DEPTH:
            raise DataError(f"triple terms (RDF 1.2) are nested more than {MAX_DEPTH} levels deep.")
