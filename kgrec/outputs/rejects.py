"""Files of what was left out of an input: one JSON object per line, with its place and reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kgrec.errors import DataError, RunError
from kgrec.files import open_plain
from kgrec.outputs.checks import check_files

_KEYS: Final = ("file", "line", "column", "reason", "text")


def check_rejects(path: Path, inputs: Iterable[str | Path]) -> None:
    """Check that a file of rejects can be written: it replaces an older one, and nothing else.

    Args:
        path: The file.
        inputs: The files that are read.

    Raises:
        DataError: It cannot be written, or something else is there.
    """
    try:
        check_files([path], inputs, ours=_is_rejects, remedy="Choose another name")
    except RunError as error:
        raise DataError(f"The file of rejects: {error}") from error


def rejects_line(file: str, line: int | None, column: int | None, reason: str, text: str) -> str:
    """Return the line for one place that was left out.

    JSON escapes every control character and everything beyond ASCII, so that a terminal can show
    the file.

    Args:
        file: The file that was read.
        line: The line in it, from 1; None: not known.
        column: The column in the line, from 1; None: not known.
        reason: What is wrong.
        text: What was left out.
    """
    values = (file, line, column, reason, text)
    return json.dumps(dict(zip(_KEYS, values, strict=True))) + "\n"


def _is_rejects(path: Path) -> bool:
    """Return whether a file is one of rejects; an empty one is: nothing was left out."""
    try:
        with open_plain(path) as file:
            line = file.readline(1 << 20)
        return not line or tuple(json.loads(line)) == _KEYS
    except (OSError, ValueError, TypeError, RecursionError):
        return False
