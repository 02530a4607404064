"""Writing result files so that a half-written one is never left behind."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from kgrec.errors import RunError


def write_atomically(path: str | Path, chunks: Iterable[str]) -> None:
    """Write UTF-8 text to `path`: to a file beside it first, which then takes its place.

    Raises:
        RunError: It cannot be written; what stood at `path` is unchanged.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(chunks)
        temporary.replace(target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:  # also when it was interrupted
        if target.parent.is_dir():
            temporary.unlink(missing_ok=True)
