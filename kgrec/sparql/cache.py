"""A cache of answers on disk, by endpoint and query."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kgrec.bounds.json_text import parse_json
from kgrec.errors import printable
from kgrec.files import open_plain, replacing, writing

_FORMAT: Final = 1


@dataclass(frozen=True)
class Stored:
    """The outcome of a query.

    Attributes:
        bindings: The rows; None if the query must be divided.
        rows: Without bindings, the number of rows of the incomplete answer, or -1.
    """

    bindings: list[dict[str, Any]] | None
    rows: int = -1


class AnswerCache:
    """A folder with one gzipped JSON file per query, or none.

    Files are written whole or not at all. A damaged file causes a warning, and its query is sent
    again.

    Args:
        folder: Folder of the files, made when something is stored; None stores nothing.
        max_bytes: Largest size of one answer, unpacked.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, max_bytes: int) -> None:
        self._folder = None if folder is None else Path(folder)
        self._max_bytes = 2 * max_bytes + (1 << 20)  # the file also holds the query
        self.hits = 0

    def get(self, endpoint: str, query: str) -> Stored | None:
        """Return the stored outcome of the query, or None."""
        if self._folder is None:
            return None
        path = self._path(endpoint, query)
        try:
            with open_plain(path) as packed, gzip.open(packed) as file:
                data = file.read(self._max_bytes + 1)
            if len(data) > self._max_bytes:
                raise ValueError("it is too large")
            stored = _read(parse_json(data), endpoint, query)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, EOFError, ValueError, zlib.error) as error:
            reason = printable(str(error))
            warnings.warn(
                f"The cached answer {path} is damaged and requested again: {reason}", stacklevel=2
            )
            return None
        self.hits += 1
        return stored

    def put(self, endpoint: str, query: str, stored: Stored) -> None:
        """Store the outcome of a query.

        Raises:
            RunError: The folder cannot be written.
        """
        if self._folder is None:
            return
        entry = {
            "format": _FORMAT,
            "endpoint": endpoint,
            "query": query,
            "rows": stored.rows,
            "bindings": stored.bindings,
        }
        path = self._path(endpoint, query)
        data = gzip.compress(json.dumps(entry).encode(), compresslevel=3, mtime=0)
        with writing(f"The cache {path.parent}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write(data)

    def _path(self, endpoint: str, query: str) -> Path:
        assert self._folder is not None
        key = hashlib.sha256(f"{endpoint}\n{query}".encode()).hexdigest()
        return self._folder / key[:2] / f"{key}.json.gz"


def _read(entry: Any, endpoint: str, query: str) -> Stored:
    if not isinstance(entry, dict) or entry.get("format") != _FORMAT:
        raise ValueError("it is of another format")
    if entry.get("endpoint") != endpoint or entry.get("query") != query:
        raise ValueError("it answers another query")
    bindings, rows = entry.get("bindings"), entry.get("rows")
    is_table = isinstance(bindings, list) and all(isinstance(row, dict) for row in bindings)
    if not (is_table or bindings is None) or type(rows) is not int:
        raise ValueError("it holds no table of bindings")
    return Stored(bindings, rows)
