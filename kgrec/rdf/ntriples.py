"""Canonical N-Triples as columns.

pyoxigraph writes what it parsed, whatever the syntax, as canonical N-Triples. Arrow takes such
text apart with a few calls per million lines, where one Python object per term would cost several
times the parsing.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import DataError, printable
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.statements import LiteralTable, Statements
from kgrec.rdf.term_places import LESS, QUOTE, Layout
from kgrec.types import ByteArray, IntArray

_ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")


class UnusualTermError(ValueError):
    """Text that was taken for canonical N-Triples is not."""


class BlankNodes:
    """Names the blank nodes of one file, in the order in which they appear.

    Labels of blank nodes mean nothing outside of their file, and a parser makes some up at
    random. Numbering them keeps files apart and gives the same names at every reading.

    Args:
        file: Number of the file among those that are read together.

    >>> nodes = BlankNodes(1)
    >>> [nodes.name(label) for label in ("_:x", "_:y", "_:x")]
    ['_:file1_b0', '_:file1_b1', '_:file1_b0']
    """

    def __init__(self, file: int) -> None:
        self._prefix = f"_:file{file}_b"
        self._names: dict[str, str] = {}

    def name(self, label: str) -> str:
        """Return the name of the node that the file calls `label`."""
        return self._names.setdefault(label, f"{self._prefix}{len(self._names)}")

    def named(self, terms: Any) -> Any:
        """Return terms with the blank nodes among them named, in their order.

        Args:
            terms: IRIs and ``_:label``, Arrow `large_string`.
        """
        mask = pc.starts_with(terms, "_:")
        labels = terms.filter(mask).to_pylist()
        if not labels:
            return terms
        names = pa.array([self.name(label) for label in labels], type=pa.large_string())
        return pc.replace_with_mask(terms, mask, names)

    def __len__(self) -> int:
        return len(self._names)


def columns(layout: Layout, nodes: BlankNodes) -> Statements:
    """Return the statements of canonical N-Triples.

    Args:
        layout: Where the terms of valid text stand.
        nodes: Names the blank nodes.

    Raises:
        DataError: An object is a triple term (RDF 1.2), for which a graph has no place.
        UnusualTermError: A term is not written as one, so that the text cannot be canonical.
    """
    data = pa.py_buffer(layout.text)
    begin, end = layout.object
    head = layout.octets[begin]
    _refuse_triple_terms(layout, head)
    is_literal = head == QUOTE
    to_entity, to_literal = np.flatnonzero(~is_literal), np.flatnonzero(is_literal)
    subjects = _slices(data, *layout.subject)
    objects = _slices(data, begin[to_entity], end[to_entity])
    terms = pa.concat_arrays([subjects, objects]).dictionary_encode()
    term_codes = np.asarray(terms.indices, dtype=np.int64)
    predicates = _slices(data, *layout.predicate).dictionary_encode()
    statements = np.full((len(head), 3), -1, dtype=np.int64)
    statements[:, 0] = term_codes[: len(head)]
    statements[:, 1] = predicates.indices
    statements[to_entity, 2] = term_codes[len(head) :]
    # Blank nodes are named in the order of the text: each subject before its object.
    place = np.concatenate([2 * np.arange(len(head)), 2 * to_entity + 1])
    return Statements(
        terms=_ids(terms.dictionary, nodes, term_codes, place),
        predicates=_ids(predicates.dictionary, nodes),
        edges=statements[to_entity],
        literals=_literals(data, begin[to_literal], layout.close[to_literal], end[to_literal]),
        values=statements[to_literal, :2],
    )


def _refuse_triple_terms(layout: Layout, head: ByteArray) -> None:
    begin, end = layout.object
    is_iri = np.flatnonzero(head == LESS)
    wrong = is_iri[layout.octets[begin[is_iri] + 1] == LESS]
    if len(wrong):
        found = layout.text[begin[wrong[0]] : end[wrong[0]]].decode()
        raise DataError(
            f"{len(wrong)} statements or more have a triple term (RDF 1.2) as their object, for "
            f"which a graph has no place; the first is {printable(found)}."
        )


def _with_gaps(data: Any, begin: IntArray, end: IntArray) -> Any:
    """Return data[begin[i]:end[i]] as every second string of an array, without copying.

    The slices stand in order; the strings between them are the gaps between two slices.
    """
    if not len(begin):
        return pa.array([], type=pa.large_string())
    offsets = np.empty(2 * len(begin), dtype=np.int64)
    offsets[0::2], offsets[1::2] = begin, end
    return pa.LargeStringArray.from_buffers(2 * len(begin) - 1, pa.py_buffer(offsets), data)


def _slices(data: Any, begin: IntArray, end: IntArray) -> Any:
    """Return data[begin[i]:end[i]] for all i as a string array; the slices stand in order."""
    return _with_gaps(data, begin, end).take(pa.array(np.arange(0, 2 * len(begin), 2)))


def _ids(
    terms: Any,
    nodes: BlankNodes,
    codes: IntArray | None = None,
    place: IntArray | None = None,
) -> Any:
    """Return IRIs without their brackets, and blank nodes by their names here.

    Args:
        terms: Distinct terms as they are written.
        nodes: Names the blank nodes.
        codes: Which of the terms stands at each place; None for predicates, which are IRIs.
        place: The places, in any order.
    """
    _check_written(terms, r"<[^<>\\]*>|_:[^<>\\#]*")
    iris = pc.utf8_trim(terms, characters="<>")
    mask = pc.starts_with(terms, "_:")
    blank = np.flatnonzero(np.asarray(mask))
    if not len(blank) or codes is None or place is None:
        return iris
    first = np.full(len(terms), np.iinfo(np.int64).max)
    np.minimum.at(first, codes, place)
    labels = terms.take(pa.array(blank)).to_pylist()
    for position in np.argsort(first[blank]).tolist():
        nodes.name(labels[position])
    names = [nodes.name(label) for label in labels]
    return pc.replace_with_mask(iris, mask, pa.array(names, type=pa.large_string()))


def _check_written(terms: Any, pattern: str) -> None:
    written = pc.match_substring_regex(terms, rf"\A(?:{pattern})\z")
    if not pc.all(written, min_count=0).as_py():
        raise UnusualTermError


def _literals(data: Any, begin: IntArray, close: IntArray, end: IntArray) -> LiteralTable:
    """Return the literals data[begin[i]:end[i]], whose values end at close[i]."""
    tails = _slices(data, close + 1, end).dictionary_encode()
    _check_written(tails.dictionary, r"|@[A-Za-z0-9-]+|\^\^<[^<>\\]*>")
    kinds = [tail_meaning(tail) for tail in tails.dictionary.to_pylist()]
    return LiteralTable(
        _unescape(_slices(data, begin + 1, close)),
        recode(tails.indices, [datatype for datatype, _ in kinds]),
        recode(tails.indices, [language for _, language in kinds]),
    )


def tail_meaning(tail: str) -> tuple[str, str]:
    """Return datatype and language of a literal by what is written behind its value."""
    if tail.startswith("^^<"):
        return tail[3:-1], ""
    if tail.startswith("@"):
        return (RDF_DIR_LANG_STRING if "--" in tail else RDF_LANG_STRING), tail[1:].lower()
    return XSD_STRING, ""


def recode(indices: Any, meanings: list[str]) -> Any:
    """Return the dictionary array of meanings[indices]."""
    distinct = pa.array(meanings, type=pa.large_string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(indices), distinct.dictionary)


def _unescape(values: Any) -> Any:
    r"""Replace the escapes of N-Triples in `values` by the characters that they stand for."""
    escaped = pc.match_substring(values, "\\")
    if not pc.any(escaped).as_py():
        return values
    texts = values.filter(escaped)
    by_code = pc.match_substring_regex(texts, r"\\[uU]")
    # NUL is always written as an escape, so it can hold the place of a backslash meanwhile.
    for written, meant in (
        (r"\\", "\0"),
        (r"\"", '"'),
        (r"\n", "\n"),
        (r"\r", "\r"),
        (r"\t", "\t"),
        (r"\b", "\b"),
        (r"\f", "\f"),
        (r"\'", "'"),
        ("\0", "\\"),
    ):
        texts = pc.replace_substring(texts, written, meant)
    if pc.any(by_code).as_py():
        slow = [_unescape_one(text) for text in values.filter(escaped).filter(by_code).to_pylist()]
        texts = pc.replace_with_mask(texts, by_code, pa.array(slow, type=pa.large_string()))
    return pc.replace_with_mask(values, escaped, texts)


def _unescape_one(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else _ESCAPES[match[3]]

    return _ESCAPE.sub(character, text)
