"""Names from the last part of an IRI, for settings and for people."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc


def local_name(iri: str) -> str:
    """Return the last part of an IRI: what follows the last slash, hash or colon.

    >>> local_name("http://a/director"), local_name("urn:isbn:1"), local_name("soup")
    ('director', '1', 'soup')
    """
    return re.split(r"[/#:]", iri.rstrip("/#"))[-1] or iri


def in_words(name: str) -> str:
    """Return the name of a relation or column in words, with its camel case split.

    Other names keep their capitals, which the nouns of German have.

    >>> in_words("https://schema.org/countryOfOrigin"), in_words("price_level"), in_words("Farbe")
    ('country of origin', 'price level', 'Farbe')
    """
    last = unquote(local_name(name.rstrip("/#:")))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last)
    words = re.sub(r"[_\s]+", " ", spaced).strip()
    return (words.lower() if spaced != last or words.isupper() else words) or name


def last_part(id: str) -> str:
    """Return the last part of an IRI like `names_from_iris`; any other id as it is.

    >>> last_part("http://dbpedia.org/resource/Akira_Kurosawa"), last_part("u-1/7")
    ('Akira Kurosawa', 'u-1/7')
    """
    is_iri = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", id)
    return str(names_from_iris(pa.array([id]))[0]) if is_iri else id


def names_from_iris(iris: Any) -> Any:
    """Return the last part of each IRI, percent-decoded, with spaces for underscores.

    A colon counts only where there is neither slash nor hash. Blank nodes stay as they are.

    Args:
        iris: Arrow string array of shape (n,).

    Returns:
        Arrow `large_string` of shape (n,).

    >>> iris = pa.array(["http://e.org/Am%C3%A9lie_(film)", "urn:x:y", "http://e.org/a#b/"])
    >>> names_from_iris(iris).to_pylist()
    ['Amélie (film)', 'y', 'b']
    """
    iris = iris.cast(pa.large_string())
    blank = pc.starts_with(iris, "_:")
    trimmed = pc.utf8_rtrim(iris, characters="/#")
    last = pc.replace_substring_regex(trimmed, pattern=r"^.*[/#]", replacement="")
    last = pc.if_else(
        pc.match_substring_regex(trimmed, "[/#]"),
        last,
        pc.replace_substring_regex(trimmed, pattern=r"^.*:", replacement=""),
    )
    encoded = pc.match_substring(last, "%")
    if pc.any(encoded).as_py():
        decoded = [unquote(text) for text in last.filter(encoded).to_pylist()]
        last = pc.replace_with_mask(last, encoded, pa.array(decoded, type=pa.large_string()))
    last = pc.utf8_trim_whitespace(pc.replace_substring(last, "_", " "))
    return pc.if_else(pc.or_(blank, pc.equal(last, "")), iris, last)
