"""IRIs that probably mean the same, but differ in spelling, so that they are two entities.

RFC 3986, section 6, lists how equivalent addresses may differ; RDF compares IRIs character by
character.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.literals import replaced
from kgrec.types import IntArray

_UPPER_CASE: Final = r"\A(?:[A-Za-z0-9+.-]*[A-Z][A-Za-z0-9+.-]*:|[A-Za-z0-9+.-]+://[^/?#]*[A-Z])"


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Groups of ids that have the same normalised spelling.

    Attributes:
        name: A stable short name, as "http_https_near_duplicates".
        text: How the ids of a group differ, in words.
        rows: Rows of the ids that are in a group, int64 of shape (k,), sorted.
        group: Group of each, int64 of shape (k,), 0 … number of groups - 1.
    """

    name: str
    text: str
    rows: IntArray
    group: IntArray

    def __len__(self) -> int:
        return int(self.group.max()) + 1 if len(self.group) else 0

    def examples(self, ids: Any, count: int) -> tuple[str, ...]:
        """Return the ids of the first `count` groups, as "one | other"."""
        chosen = [self.rows[self.group == group] for group in range(min(count, len(self)))]
        return tuple(" | ".join(ids.take(pa.array(rows)).to_pylist()) for rows in chosen)


def find_near_duplicates(ids: Any) -> tuple[NearDuplicates, ...]:
    """Return the groups of ids that differ in one way, for each way, then those in several ways.

    Args:
        ids: Distinct ids, Arrow `large_string` array.
    """
    found = [
        _group(name, f"IRIs that differ only in {text}", ids, *_spelled(ids, pattern, spelling))
        for name, text, pattern, spelling in _WAYS
    ]
    in_one_way = np.zeros(len(ids), dtype=bool)
    for near_duplicates in found:
        in_one_way[near_duplicates.rows] = True
    everything = ids.cast(pa.large_binary())
    for _, _, pattern, spelling in _WAYS:
        texts = everything.cast(pa.large_string(), safe=False)
        everything = replaced(everything, *_spelled(texts, pattern, spelling))
    changed = np.flatnonzero(np.asarray(pc.not_equal(everything, ids.cast(pa.large_binary()))))
    text = "IRIs that differ in several of these ways at once"
    several = _group(
        "mixed_near_duplicates", text, ids, changed, everything.take(pa.array(changed))
    )
    unexplained = np.bincount(several.group, ~in_one_way[several.rows], minlength=len(several)) > 0
    kept = unexplained[several.group]
    renumbered = np.unique(several.group[kept], return_inverse=True)[1].astype(np.int64)
    return *found, NearDuplicates(several.name, several.text, several.rows[kept], renumbered)


def _group(name: str, text: str, ids: Any, changed: IntArray, spellings: Any) -> NearDuplicates:
    """Return the groups of ids with one spelling; ids not in `changed` are their own spelling."""
    spelled = replaced(ids.cast(pa.large_binary()), changed, spellings)
    rows = np.flatnonzero(np.asarray(pc.is_in(spelled, value_set=spellings)))
    codes = np.asarray(spelled.take(pa.array(rows)).dictionary_encode().indices, dtype=np.int64)
    several = np.bincount(codes)[codes] > 1
    # Groups are in the order of their first ids, as the codes are.
    group = np.unique(codes[several], return_inverse=True)[1].astype(np.int64)
    return NearDuplicates(name, text, rows[several], group)


def _spelled(ids: Any, pattern: str, spelling: Callable[[Any], Any]) -> tuple[IntArray, Any]:
    """Return the rows of the ids that match a pattern, and their new spelling as bytes."""
    rows = np.flatnonzero(np.asarray(pc.match_substring_regex(ids, pattern)))
    return rows, spelling(ids.take(pa.array(rows))).cast(pa.large_binary())


def _substituted(pattern: str, replacement: str) -> tuple[str, Callable[[Any], Any]]:
    def spelling(texts: Any) -> Any:
        return pc.replace_substring_regex(texts, pattern, replacement, max_replacements=1)

    return pattern, spelling


def _decoded(texts: Any) -> Any:
    # Bytes: the decoded text need not be UTF-8.
    return pa.array([unquote_to_bytes(text) for text in texts.to_pylist()], pa.large_binary())


def _lowered(texts: Any) -> Any:
    lowered = []
    for text in texts.to_pylist():
        scheme, colon, rest = text.partition(":")
        end = len(rest)
        if rest.startswith("//"):
            end = min((place for mark in "/?#" if (place := rest.find(mark, 2)) >= 0), default=end)
            rest = rest[:end].lower() + rest[end:]
        lowered.append(f"{scheme.lower()}{colon}{rest}")
    return pa.array(lowered, pa.large_string())


def _normalised(texts: Any) -> Any:
    return pc.utf8_normalize(texts, form="NFC")


_WAYS: Final[Sequence[tuple[str, str, str, Callable[[Any], Any]]]] = (
    ("http_https_near_duplicates", "http and https", *_substituted(r"\Ahttps:", "http:")),
    ("www_near_duplicates", "a leading www.", *_substituted(r"\A(https?://)www\.", r"\1")),
    ("trailing_near_duplicates", "a slash or # at the end", *_substituted(r"[/#]+\z", "")),
    ("host_case_near_duplicates", "upper and lower case of scheme or host", _UPPER_CASE, _lowered),
    (
        "normalisation_near_duplicates",
        "how accented letters are composed (Unicode, NFC)",
        r"[^\x00-\x7F]",
        _normalised,
    ),
    ("encoding_near_duplicates", "percent-encoding", "%[0-9A-Fa-f]{2}", _decoded),
)
