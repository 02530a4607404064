"""Statements that are not valid: counted, and written to a file that tells where they stood."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kgrec.errors import DataError, printable


class Rejects:
    """Counts what is left out, and writes it down, one JSON object per line.

    Each object has `file`, `line` and `column` (counted from 1; null where unknown), `reason` and
    `text`, the whole line. JSON escapes every control character and everything beyond ASCII, so
    that the file can be looked at in a terminal. Octets that are no UTF-8 stand as `\\xNN`.

    Args:
        path: The file; None: they are only counted.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self._stream: IO[str] | None = None

    def add(
        self, file: str, line: int | None, column: int | None, reason: str, text: bytes
    ) -> None:
        """Count a statement that is left out, and write it down."""
        self.count += 1
        if self._stream is not None:
            shown = text.decode("utf-8", errors="backslashreplace")
            entry = {"file": file, "line": line, "column": column, "reason": reason, "text": shown}
            self._stream.write(json.dumps(entry) + "\n")

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Open the file under another name, and give it its own when reading has come to its end.

        It is written even if nothing is rejected, so that no older one is taken for this one's.
        After an error it is written too: it says what was wrong up to there.

        Raises:
            DataError: It cannot be written.
        """
        if self.path is None:
            yield
            return
        scratch = self.path.with_name(f".{self.path.name}.part")
        with _writable(self.path):
            self._stream = scratch.open("w", encoding="ascii", newline="\n")
        try:
            yield
        finally:
            with _writable(self.path):
                self._stream.close()
                self._stream = None
                scratch.replace(self.path)


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{printable(str(path))}: the file of rejects cannot be written: "
            f"{printable(error.strerror or str(error))}."
        ) from error
