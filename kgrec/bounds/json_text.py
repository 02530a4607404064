"""JSON whose depth and number of values are bounded before it is parsed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from kgrec.files import read_plain

MAX_BYTES: Final = 1 << 30
"""The largest JSON file that is read if nothing else is said."""

MAX_DEPTH: Final = 256
"""Levels that a document may have; data is hardly ever nested ten levels deep."""

_STRING: Final = re.compile(rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"', re.DOTALL)
_VALUE_BYTES: Final = 72  # memory of a small value of Python and of its place
_FREE: Final = 1 << 28  # bytes of memory that the values of any document may take
_GROWTH: Final = 8  # times the size of a larger document


def read_json(path: str | Path, most: int = MAX_BYTES) -> Any:
    """Return the value of a JSON file.

    Args:
        path: The file.
        most: The largest size in bytes.

    Raises:
        OSError: It is missing, no plain file, larger, or cannot be read.
        ValueError: It is not JSON in UTF-8, nested too deeply, or has too many values.
    """
    return parse_json(read_plain(path, most))


def parse_json(text: bytes) -> Any:
    """Return the value of JSON in UTF-8.

    Raises:
        ValueError: It is not JSON, nested too deeply, or has more values than its size explains.
    """
    depth, values = _measured(text)
    if depth > MAX_DEPTH:
        raise ValueError(f"the JSON is nested more than {MAX_DEPTH} levels deep")
    if values * _VALUE_BYTES > max(_FREE, _GROWTH * len(text)):
        raise ValueError(f"the JSON has {values:,} values in {len(text):,} bytes: too many to hold")
    return json.loads(text.decode("utf-8-sig"))


def depth_of(text: bytes) -> int:
    """Return how many levels a JSON document is deep."""
    return _measured(text)[0]


def _measured(text: bytes) -> tuple[int, int]:
    """Return the levels of a JSON document, and about how many values it has."""
    plain = np.frombuffer(_STRING.sub(b'""', text), dtype=np.uint8)
    opens = (plain == ord("[")) | (plain == ord("{"))
    closes = (plain == ord("]")) | (plain == ord("}"))
    steps = opens.astype(np.int8) - closes.astype(np.int8)
    depth = int(np.cumsum(steps, dtype=np.int64).max(initial=0))
    parted = (plain == ord(",")) | (plain == ord(":"))
    return depth, int(opens.sum() + parted.sum())
