"""From a file or file object to its bytes: decompression, and limits on what comes out of it."""

from __future__ import annotations

import bz2
import contextlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
from isal import igzip_lib, igzip_threaded

from kgrec.errors import DataError
from kgrec.files import open_plain
from kgrec.rdf.settings import ReadConfig

PIECE: Final = 1 << 22
"""Bytes that are read at a time."""

_MAGIC: Final = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
_BY_SUFFIX: Final = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd"}
_FREE_OF_RATIO: Final = 1 << 26  # bytes that any file may grow to
_BOM: Final = b"\xef\xbb\xbf"

UNREADABLE: Final[tuple[Any, ...]] = (
    EOFError,
    zlib.error,
    igzip_lib.IsalError,
    BadGzipFile,
)
"""What damaged archives raise, besides `OSError`."""


@contextmanager
def opened(content: Any, name: str, config: ReadConfig) -> Iterator[Iterator[bytes]]:
    """Give the decompressed bytes of a file or file object in pieces.

    The first bytes tell gzip, bzip2 and zstd, whatever the name says. A text file object gives
    UTF-8. File objects are left open.

    Args:
        content: A path or a file object.
        name: Its name; one that ends with `.gz`, `.bz2` or `.zst` promises a compressed file.
        config: Limits on the size.

    Raises:
        DataError: The file is not what its name promises, or larger than `config` allows. Taking
            the pieces can also raise `OSError` and `UNREADABLE`.
    """
    with contextlib.ExitStack() as stack:
        stream: Any = content
        if isinstance(content, Path):
            stream = stack.enter_context(open_plain(content))
        counted = _Counted(stream)
        reader = stack.enter_context(io.BufferedReader(counted, 1 << 18))
        kind = _kind(reader.peek(4)[:4])
        promised = _BY_SUFFIX.get(Path(name).suffix.lower())
        if promised is not None and kind != promised and not counted.is_text:
            raise DataError(f"the {promised} file is damaged or cut off: it does not begin as one.")
        unpacked = _unpacked(reader, kind, stack)
        yield _limited(_pieces(unpacked), counted, kind, config)


def _kind(head: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def _unpacked(reader: Any, kind: str | None, stack: contextlib.ExitStack) -> Any:
    if kind == "gzip":
        # Decompresses in a second thread, while the rest of the work goes on in this one.
        open_threaded: Any = igzip_threaded.open
        return stack.enter_context(open_threaded(reader, "rb", threads=1))
    if kind == "bzip2":
        return _Bzip2(reader)
    if kind is not None:
        whole = pa.PythonFile(reader, mode="r")
        return stack.enter_context(pa.CompressedInputStream(whole, kind))
    return reader


def _pieces(stream: Any) -> Iterator[bytes]:
    first = True
    while piece := bytes(stream.read(PIECE)):
        if first:
            # A byte order mark is no part of the text (https://www.unicode.org/faq/utf_bom.html).
            piece = piece.removeprefix(_BOM)
            first = False
        yield piece


def _limited(
    pieces: Iterator[bytes], counted: _Counted, kind: str | None, config: ReadConfig
) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > config.max_bytes:
            raise DataError(
                f"the file has more than {config.max_bytes:,} bytes"
                f"{' when decompressed' if kind else ''}, the limit max_bytes. If it is meant to "
                "be that large, give a larger one."
            )
        # The archive is read ahead of its contents, so that this limit is slightly too high.
        allowed = max(_FREE_OF_RATIO, config.max_ratio * counted.size)
        if kind is not None and size > allowed:
            raise DataError(
                f"{counted.size:,} bytes of {kind} give more than {size:,} bytes, over "
                f"{config.max_ratio} times as many, the limit max_ratio: this may be an archive "
                "made to fill the memory. If it is not, give a larger limit."
            )
        yield piece


class _Bzip2:
    """The content of a bzip2 file, which may have several parts.

    `bz2.BZ2File` ignores bytes after the archive, and Arrow's reader leaks where one is damaged.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._part = bz2.BZ2Decompressor()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none: the file ends."""
        given = b""
        while True:
            if self._part.eof:
                rest = self._part.unused_data or self._reader.read1()
                if not rest:
                    return b""
                self._part, given = bz2.BZ2Decompressor(), rest
            elif self._part.needs_input:
                given = self._reader.read1()
                if not given:
                    raise EOFError("it ends before its end-of-stream marker")
            if found := self._part.decompress(given, size):
                return found
            given = b""


class _Counted(io.RawIOBase):
    """A binary view of a binary or text file object that counts the bytes read from it."""

    def __init__(self, stream: IO[bytes] | IO[str]) -> None:
        self._stream: Any = stream
        self._rest = b""
        self.size = 0
        self.is_text = isinstance(stream, io.TextIOBase)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if isinstance(self._stream, io.BufferedIOBase):
            size = int(self._stream.readinto(buffer))
            self.size += size
            return size
        if not self._rest:
            found = self._stream.read(max(1, len(buffer) // 4 if self.is_text else len(buffer)))
            if isinstance(found, str):
                self.is_text = True
                found = found.encode("utf-8")
            self._rest = bytes(found or b"")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        self.size += len(taken)
        return len(taken)


class PieceReader(io.RawIOBase):
    """Pieces of bytes as a file that a parser can read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._last = [b"", b""]  # pieces, for messages
        self._lines = 0  # ends of lines before them

    def line(self, number: int) -> bytes:
        """Return a line near the place that was read last, from 1; "" if it is gone."""
        lines = b"".join(self._last).split(b"\n")
        place = number - 1 - self._lines
        return lines[place] if 0 <= place < len(lines) else b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes: never more than the rest of a piece, unless all is wanted."""
        if size is None or size < 0:
            return b"".join([bytes(self._rest), *self._pieces])
        while not len(self._rest):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._lines += self._last[0].count(b"\n")
            self._last = [self._last[1], piece]
            self._rest = memoryview(piece)
        found, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return found
