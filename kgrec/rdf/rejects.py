"""Statements that are not valid: counted, and written to a file with their places."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Final

from kgrec.errors import DataError, RunError
from kgrec.files import open_plain, replacing_text, writing
from kgrec.outputs.checks import check_files

_KEYS: Final = ("file", "line", "column", "reason", "text")


def _is_rejects(path: Path) -> bool:
    """Return whether a file is one of rejects; an empty one is: nothing was left out."""
    try:
        with open_plain(path) as file:
            line = file.readline(1 << 20)
        return not line or tuple(json.loads(line)) == _KEYS
    except (OSError, ValueError, TypeError, RecursionError):
        return False


class Rejects:
    """Counts what is left out, and writes it down, one JSON object per line.

    Each object has `file`, `line` and `column` (counted from 1; null where unknown), `reason` and
    `text`, the whole line. JSON escapes every control character and everything beyond ASCII, so
    that a terminal can show the file. Bytes that are not UTF-8 are written as `\\xNN`.

    Args:
        path: The file; None: they are only counted.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self._stream: IO[str] | None = None

    def add(
        self,
        file: str,
        line: int | None,
        column: int | None,
        reason: str,
        text: bytes,
        *,
        counted: bool = True,
    ) -> None:
        """Write down a statement that is left out, and count it unless it is valid."""
        self.count += counted
        if self._stream is not None:
            shown = text.decode("utf-8", errors="backslashreplace")
            values = (file, line, column, reason, shown)
            entry = dict(zip(_KEYS, values, strict=True))
            self._stream.write(json.dumps(entry) + "\n")

    @contextlib.contextmanager
    def writing(self, inputs: Iterable[Path] = ()) -> Iterator[None]:
        """Open the file under another name, and rename it when reading ends.

        It is written even if nothing is rejected, so that no older file is mistaken for it. After
        an error it is written too, with what was wrong up to there. It replaces a file of rejects,
        and nothing else.

        Args:
            inputs: The files that are read.

        Raises:
            DataError: It cannot be written, or something else is there.
        """
        if self.path is None:
            yield
            return
        try:
            check_files([self.path], inputs, ours=_is_rejects, remedy="Choose another name")
        except RunError as error:
            raise DataError(f"The file of rejects: {error}") from error
        told = partial(writing, f"{self.path}: the file of rejects", DataError)
        file = contextlib.ExitStack()
        with told():
            self._stream = file.enter_context(replacing_text(self.path))
        try:
            yield
        finally:
            self._stream = None
            with told():
                file.close()
