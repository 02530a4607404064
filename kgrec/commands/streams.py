"""What a command writes to: encodings that lack characters, full disks, closed pipes."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, Final, TextIO

_HANDLER: Final = "kgrec.ascii"
_MOST_SHOWN: Final = 8
_PLAIN: Final = {
    "→": "->", "←": "<-", "—": "-", "–": "-", "…": "...", "“": '"', "”": '"', "’": "'",
    "·": ".", "×": "x", "█": "#", "\xa0": " ",
}  # fmt: skip
"""Characters of kgrec's own words, which have a usual form in ASCII."""

UNWRITABLE: Final = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.ENXIO)
)
"""Errors of an output that cannot take more."""


@contextmanager
def writable_streams() -> Iterator[set[str]]:
    """Let nothing that is written in the body fail for its characters.

    What the encoding of stdout lacks is written in ASCII. A message that stderr cannot take is
    left out. At the end, stdout is flushed.

    Yields:
        The characters that stdout lacked so far.

    Raises:
        OSError: stdout cannot take what was written.
    """
    lacking: set[str] = set()

    def in_ascii(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        chars = error.object[error.start : error.end]
        lacking.update(chars)
        escaped = (one.encode("unicode_escape").decode("ascii") for one in chars)
        return "".join(
            _PLAIN.get(one, other) for one, other in zip(chars, escaped, strict=True)
        ), error.end

    codecs.register_error(_HANDLER, in_ascii)
    before = sys.stdout, sys.stderr
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # closed at the end
    # A stream that was closed before the start is None in Python.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, nowhere)
    stdout, errors = sys.stdout, getattr(sys.stdout, "errors", "strict")
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors=_HANDLER)
    sys.stderr = _Lenient(sys.stderr)
    try:
        try:
            yield lacking
        finally:
            sys.stdout.flush()
    finally:
        if isinstance(stdout, TextIOWrapper):
            _reset(stdout, errors or "strict")
        sys.stdout, sys.stderr = before
        nowhere.close()


def encoding_message(lacking: set[str]) -> str:
    """Return what to say of characters that the encoding of stdout lacks."""
    shown = ", ".join(f"U+{ord(char):04X}" for char in sorted(lacking)[:_MOST_SHOWN])
    more = ", …" if len(lacking) > _MOST_SHOWN else ""
    lacked = f"{len(lacking)} character{'s' if len(lacking) > 1 else ''}"
    return (
        f"warning: the encoding of the output ({sys.stdout.encoding}) lacks {lacked} ({shown}"
        f"{more}), written in ASCII instead. For all characters, set the environment variable "
        "PYTHONIOENCODING to utf-8."
    )


def drop(stream: TextIO) -> None:
    """Send the rest of a stream nowhere, so that the end of the process does not try it again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError, AttributeError):
        return  # it is no file


def _reset(stream: TextIOWrapper, errors: str) -> None:
    try:
        stream.reconfigure(errors=errors)  # it flushes
    except OSError:
        return


class _Lenient:
    """A stream of messages: what it cannot take is lost, and the work goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text))
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
