"""The distinct ids of many pieces, sorted on disk: in memory there is one piece at a time.

Each piece is sorted and written, and the sorted pieces are merged block by block (Knuth, The Art
of Computer Programming, 5.4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.id_search import first_not_below, parts_of
from kgrec.data.stored_ids import StoredIds, write_ids
from kgrec.files import scratch_folder, writing

_MOST_IDS: Final = 1 << 21
_MOST_BYTES: Final = 1 << 27
"""Distinct ids that are sorted at a time, or bytes of them: about half a GiB of memory."""
_BLOCK_IDS: Final = 1 << 15
_BLOCK_BYTES: Final = 1 << 20
"""Ids of each sorted piece that are in memory while the pieces are merged, or bytes of them."""
_SCHEMA: Final = pa.schema([("id", pa.large_string())])


def write_merged(pieces: Iterable[pa.Array], path: str | Path, name: str) -> None:
    """Write the distinct ids of all pieces to a file, sorted; see `stored_ids.map_ids`.

    What is not complete lies in a folder beside the file, and takes twice the room of the file.

    Args:
        pieces: Ids, Arrow `large_string`, in any order and any number of times.
        path: The file.
        name: What the ids stand for.

    Raises:
        RunError: It cannot be written; what was at `path` is unchanged.
    """
    with ExitStack() as stack:
        with writing(path):
            scratch = stack.enter_context(scratch_folder(Path(path)))
        sorted_pieces: list[Path] = []
        for ids in _gathered(pieces):
            with writing(path):
                sorted_pieces.append(_write_blocks(ids, scratch / f"{len(sorted_pieces)}.arrow"))
        with writing(path):
            array = _mapped(_merged(sorted_pieces), scratch)
            for piece in sorted_pieces:
                piece.unlink()
        write_ids(path, StoredIds(array, name, len(array)))


def _gathered(pieces: Iterable[pa.Array]) -> Iterator[pa.Array]:
    """Yield larger pieces, each sorted and distinct."""
    held: list[pa.Array] = []
    for piece in pieces:
        for start in range(0, len(piece), _MOST_IDS):
            part = pc.unique(piece[start : start + _MOST_IDS])
            if held and _is_large([*held, part]):
                yield _sorted(held)
                held = []
            held.append(part)
    if held:
        yield _sorted(held)


def _is_large(arrays: list[pa.Array]) -> bool:
    places = [parts_of(array)[0] for array in arrays]
    text = sum(int(begins[-1] - begins[0]) for begins in places)
    return sum(map(len, arrays)) > _MOST_IDS or text > _MOST_BYTES


def _sorted(arrays: list[pa.Array]) -> pa.Array:
    """Return the distinct ids of some arrays, sorted."""
    ids = pc.unique(pa.concat_arrays(arrays)) if len(arrays) > 1 else arrays[0]
    return ids.take(pc.sort_indices(ids))


def _write_blocks(ids: pa.Array, path: Path) -> Path:
    rows = max(1, min(_BLOCK_IDS, _BLOCK_BYTES * len(ids) // max(1, ids.nbytes)))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, _SCHEMA) as writer:
        for start in range(0, len(ids), rows):
            writer.write_batch(pa.RecordBatch.from_arrays([ids[start : start + rows]], ["id"]))
    return path


class _SortedPiece:
    """A sorted piece on disk, of which one block is in memory.

    Attributes:
        block: What is left of the block.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        file = stack.enter_context(pa.OSFile(str(path), "rb"))
        self._reader: Any = pa.ipc.open_file(file)
        self._next = 0
        self.block: Any = None
        self._read()

    def _read(self) -> None:
        """Read the next block; there is none left: an empty one."""
        if self._next < self._reader.num_record_batches:
            self.block = self._reader.get_batch(self._next).column(0)
            self._next += 1
        else:
            self.block = self.block[:0]

    def taken(self, bound: str) -> Any:
        """Return the ids of the block up to one, which is taken too."""
        cut = first_not_below(bound.encode(), self.block, above=True)
        part = self.block[:cut]
        self.block = self.block[cut:]
        if not len(self.block):
            self._read()
        return part


def _merged(paths: list[Path]) -> Iterator[pa.Array]:
    """Yield the distinct ids of sorted pieces in their order, in blocks."""
    with ExitStack() as stack:
        pieces = [_SortedPiece(path, stack) for path in paths]
        while pieces:
            # Up to the least last id of a block, no piece has ids that are not in memory.
            bound = min(piece.block[-1].as_py() for piece in pieces)
            parts = [part for piece in pieces if len(part := piece.taken(bound))]
            pieces = [piece for piece in pieces if len(piece.block)]
            if len(parts) > 1:
                ids = pa.concat_arrays(parts)
                ids = ids.take(pc.sort_indices(ids))
                differs = pc.not_equal(ids[1:], ids[:-1])
                yield ids.filter(pa.concat_arrays([pa.array([True]), differs]))
            else:
                yield parts[0]


def _mapped(blocks: Iterator[pa.Array], folder: Path) -> pa.Array:
    """Return one array of all blocks, which lies in files of a folder."""
    places, texts = folder / "begins", folder / "text"
    count = size = 0
    with places.open("wb") as begins_file, texts.open("wb") as text_file:
        begins_file.write(np.zeros(1, dtype=np.int64).data)
        for block in blocks:
            begins, text = parts_of(block)
            start, end = int(begins[0]), int(begins[-1])
            begins_file.write((begins[1:] - start + size).data)
            text_file.write(text[start:end].data)
            count, size = count + len(block), size + end - start
    buffers = [None, _buffer(places), _buffer(texts)]
    return pa.Array.from_buffers(pa.large_string(), count, buffers)


def _buffer(path: Path) -> Any:
    if not path.stat().st_size:  # which cannot be mapped
        return pa.py_buffer(b"")
    with pa.memory_map(str(path)) as source:
        return source.read_buffer()
