"""IRIs that are likely to mean the same: two spellings, and two entities therefore.

RFC 3986, section 6, lists ways in which equivalent addresses differ; RDF compares character by
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

from kgrec.types import IntArray

_UPPER_CASE: Final = r"\A(?:[A-Za-z0-9+.-]*[A-Z][A-Za-z0-9+.-]*:|[A-Za-z0-9+.-]+://[^/?#]*[A-Z])"


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """Groups of ids that one spelling has in common.

    Attributes:
        name: A stable short name, as "http_https_near_duplicates".
        text: How the ids of a group differ, in words.
        rows: Rows of the ids that stand in a group, int64 of shape (k,).
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
    """Return the groups of ids that differ in one way only, way by way, and then in several.

    Args:
        ids: Distinct ids, Arrow `large_string` array.
    """
    found = [
        _group(name, f"IRIs that differ only in {text}", ids, *spelling(ids))
        for name, text, spelling in _WAYS
    ]
    in_one_way = np.zeros(len(ids), dtype=bool)
    for near_duplicates in found:
        in_one_way[near_duplicates.rows] = True
    everything = ids.cast(pa.large_binary())
    for _, _, spelling in _WAYS:
        rows, keys = spelling(everything.cast(pa.large_string(), safe=False))
        everything = _replaced(everything, rows, keys)
    changed = np.flatnonzero(np.asarray(pc.not_equal(everything, ids.cast(pa.large_binary()))))
    text = "IRIs that differ in several of these ways at once"
    several = _group(
        "mixed_near_duplicates", text, ids, changed, everything.take(pa.array(changed))
    )
    unexplained = np.bincount(several.group, ~in_one_way[several.rows], minlength=len(several)) > 0
    kept = unexplained[several.group]
    renumbered = np.unique(several.group[kept], return_inverse=True)[1].astype(np.int64)
    return *found, NearDuplicates(several.name, several.text, several.rows[kept], renumbered)


def _group(name: str, text: str, ids: Any, changed: IntArray, keys: Any) -> NearDuplicates:
    """Return the groups of ids with the same key; those that are not in `changed` are their own."""
    is_other = np.ones(len(ids), dtype=bool)
    is_other[changed] = False
    others = np.flatnonzero(is_other)
    as_bytes = ids.cast(pa.large_binary())
    distinct = pc.unique(keys)
    unchanged = as_bytes.take(pa.array(others))
    shared = np.flatnonzero(np.asarray(pc.is_in(unchanged, value_set=distinct)))
    rows = np.concatenate([changed, others[shared]])
    codes = np.concatenate(
        [
            np.asarray(pc.index_in(part, value_set=distinct), dtype=np.int64)
            for part in (keys, unchanged.take(pa.array(shared)))
        ]
    )
    several = np.bincount(codes, minlength=len(distinct))[codes] > 1
    rows, codes = rows[several], codes[several]
    order = np.argsort(rows)
    rows, codes = rows[order], codes[order]
    # Groups in the order of their first ids.
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return NearDuplicates(name, text, rows, place[inverse])


def _replaced(values: Any, rows: IntArray, keys: Any) -> Any:
    mask = np.zeros(len(values), dtype=bool)
    mask[rows] = True
    order = np.argsort(rows)
    return pc.replace_with_mask(values, pa.array(mask), keys.take(pa.array(order)))


def _matching(ids: Any, pattern: str) -> tuple[IntArray, Any]:
    rows = np.flatnonzero(np.asarray(pc.match_substring_regex(ids, pattern)))
    return rows, ids.take(pa.array(rows))


def _substituted(pattern: str, replacement: str) -> Callable[[Any], tuple[IntArray, Any]]:
    def spelling(ids: Any) -> tuple[IntArray, Any]:
        rows, chosen = _matching(ids, pattern)
        texts = pc.replace_substring_regex(chosen, pattern, replacement, max_replacements=1)
        return rows, texts.cast(pa.large_binary())

    return spelling


def _decoded(ids: Any) -> tuple[IntArray, Any]:
    rows, chosen = _matching(ids, "%[0-9A-Fa-f]{2}")
    # Bytes: what is encoded need not be UTF-8.
    return rows, _bytes([unquote_to_bytes(text) for text in chosen.to_pylist()])


def _lowered(ids: Any) -> tuple[IntArray, Any]:
    rows, chosen = _matching(ids, _UPPER_CASE)
    lowered = []
    for text in chosen.to_pylist():
        scheme, colon, rest = text.partition(":")
        end = len(rest)
        if rest.startswith("//"):
            end = min((place for mark in "/?#" if (place := rest.find(mark, 2)) >= 0), default=end)
            rest = rest[:end].lower() + rest[end:]
        lowered.append(f"{scheme.lower()}{colon}{rest}".encode())
    return rows, _bytes(lowered)


def _normalised(ids: Any) -> tuple[IntArray, Any]:
    rows, chosen = _matching(ids, r"[^\x00-\x7F]")
    return rows, pc.utf8_normalize(chosen, form="NFC").cast(pa.large_binary())


def _bytes(values: Sequence[bytes]) -> Any:
    return pa.array(values, type=pa.large_binary())


_WAYS: Final = (
    ("http_https_near_duplicates", "http and https", _substituted(r"\Ahttps:", "http:")),
    ("www_near_duplicates", "a leading www.", _substituted(r"\A(https?://)www\.", r"\1")),
    ("trailing_near_duplicates", "a slash or # at the end", _substituted(r"[/#]+\z", "")),
    ("host_case_near_duplicates", "upper and lower case of scheme or host", _lowered),
    (
        "normalisation_near_duplicates",
        "how accented letters are composed (Unicode, NFC)",
        _normalised,
    ),
    ("encoding_near_duplicates", "percent-encoding", _decoded),
)
