"""Hidden states of texts on disk: what layers that are not trained give, computed once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from kgrec.errors import RunError
from kgrec.files import remove_leftovers, scratch_folder, writing
from kgrec.types import FloatArray, IntArray

FOLDER: Final = "hidden_states"
MOST_BYTES: Final = 8 << 30
"""Most that is kept in the folder; the oldest files go first."""


class KeptStates:
    """A memory-mapped array with the hidden states of the tokens of texts, one after the other.

    Args:
        array: float32 of shape (number of all tokens, dim).
        lengths: Tokens of each text, int64 of shape (n,).
    """

    def __init__(self, array: FloatArray, lengths: IntArray) -> None:
        self._array = array
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths

    def padded(self, rows: IntArray) -> FloatArray:
        """Return the states of texts, float32 of shape (len(rows), longest, dim), zeros as padding.

        Args:
            rows: Texts, int64.
        """
        spans = [(int(self._starts[row]), int(self._ends[row])) for row in rows]
        longest = max(end - start for start, end in spans)
        found = np.zeros((len(spans), longest, self._array.shape[1]), dtype=np.float32)
        for place, (start, end) in enumerate(spans):
            found[place, : end - start] = self._array[start:end]
        return found


def kept_states(
    folder: Path,
    key: str,
    lengths: IntArray,
    dim: int,
    parts: Iterator[tuple[IntArray, Sequence[FloatArray]]],
) -> KeptStates:
    """Return states that are in a folder, or compute and write them there.

    Args:
        folder: The cache folder.
        key: Hex digits that stand for the weights, the texts and all else that the states depend
            on.
        lengths: Tokens of each text, int64 of shape (n,).
        dim: Length of a state.
        parts: Rows of texts and their states, float32 of shape (tokens, dim) each. It is used only
            if the states are not there, and then all rows have to come.

    Raises:
        RunError: The folder cannot be written.
    """
    path = folder / FOLDER / f"{key}.npy"
    shape = (int(lengths.sum()), dim)
    found = _opened(path, shape)
    if found is None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path)
            with scratch_folder(path) as scratch:
                _write(scratch / "new.npy", shape, lengths, parts)
                os.replace(scratch / "new.npy", path)
        _limit(path)
        found = _opened(path, shape)
        if found is None:
            raise RunError(f"{path} was removed or changed by another process. Start again.")
    return KeptStates(found, lengths)


def _opened(path: Path, shape: tuple[int, int]) -> FloatArray | None:
    """Return the array of a file; None: there is none, or it is of another kind."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        os.utime(path)  # the oldest go first
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == np.float32 else None


def _write(
    path: Path,
    shape: tuple[int, int],
    lengths: IntArray,
    parts: Iterator[tuple[IntArray, Sequence[FloatArray]]],
) -> None:
    ends = np.cumsum(lengths)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for rows, states in parts:
        for row, state in zip(rows, states, strict=True):
            array[ends[row] - lengths[row] : ends[row]] = state
    array.flush()


def _limit(newest: Path) -> None:
    """Remove the oldest files while there are too many."""
    ours = [path for path in newest.parent.glob("*.npy") if len(path.stem) == 64]
    total = 0
    for path in sorted(ours, key=lambda one: one.stat().st_mtime, reverse=True):
        total += path.stat().st_size
        if total > MOST_BYTES and path != newest:
            path.unlink(missing_ok=True)
