"""Answers on disk, found again by endpoint and query."""

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

from kgrec.errors import printable
from kgrec.files import replacing, writing

_FORMAT: Final = 1


@dataclass(frozen=True)
class Stored:
    """What a query came to.

    Attributes:
        bindings: The rows; None where the query has to be asked in parts.
        rows: Where there are no bindings, the number of rows that came instead of all, or -1.
    """

    bindings: list[dict[str, Any]] | None
    rows: int = -1


class AnswerCache:
    """A folder with one gzipped JSON file per query, or none.

    Files are written under another name and then renamed, so that a break leaves nothing
    half-written. A damaged file is named in a warning and asked for again.

    Args:
        folder: Where the files lie, made when something is stored; None keeps nothing.
        max_bytes: Size of one answer, unpacked.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, max_bytes: int) -> None:
        self._folder = None if folder is None else Path(folder)
        self._max_bytes = 2 * max_bytes + (1 << 20)  # the query stands there too
        self.hits = 0

    def get(self, endpoint: str, query: str) -> Stored | None:
        """Return what was stored for the query, or None."""
        if self._folder is None:
            return None
        path = self._path(endpoint, query)
        try:
            with gzip.open(path) as file:
                data = file.read(self._max_bytes + 1)
            if len(data) > self._max_bytes:
                raise ValueError("it is too large")
            stored = _read(json.loads(data), endpoint, query)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
            reason = printable(str(error))
            warnings.warn(
                f"The cached answer {path} is damaged and asked for again: {reason}", stacklevel=2
            )
            return None
        self.hits += 1
        return stored

    def put(self, endpoint: str, query: str, stored: Stored) -> None:
        """Store what a query came to.

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
