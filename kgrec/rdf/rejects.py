"""Statements that are not valid: counted, and written to a file with their places."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from kgrec.errors import DataError, printable
from kgrec.files import replacing_text, writing
from kgrec.outputs.rejects import check_rejects, rejects_line


class Rejects:
    """Counts what is left out, and writes it down, one JSON object per line.

    Each object has `file`, `line` and `column` (counted from 1; null where unknown), `reason` and
    `text`, the whole line. JSON escapes every control character and everything beyond ASCII, so
    that a terminal can show the file. Bytes that are not UTF-8 are written as `\\xNN`.

    Args:
        path: The file; None: they are only counted.

    Attributes:
        count: Number of statements that were left out.
        first: Where the first of them is, and what is wrong; None: there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self.first: str | None = None
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
        if counted and self.first is None:
            place = "" if line is None else f", line {line}"
            self.first = f"{printable(file)}{place}: {printable(reason, 200)}"
        if self._stream is not None:
            shown = text.decode("utf-8", errors="backslashreplace")
            self._stream.write(rejects_line(file, line, column, reason, shown))

    @classmethod
    def of_part(cls, path: Path | None) -> Rejects:
        """Return those of a part of the input, which another process reads; see `take`.

        Args:
            path: The file of the whole; the part keeps its lines in memory if there is one.
        """
        made = cls(path)
        made._stream = None if path is None else io.StringIO()
        return made

    def take(self, part: Rejects) -> None:
        """Add those of a part that `of_part` made; parts come in the order of the input."""
        self.count += part.count
        self.first = self.first or part.first
        if self._stream is not None and isinstance(part._stream, io.StringIO):
            self._stream.write(part._stream.getvalue())

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
        check_rejects(self.path, inputs)
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
