"""Embedding tables and what training keeps of them in files that are mapped into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

import numpy as np
import torch
from torch import Tensor

from kgrec.files import writing

SMALLEST: Final = 1 << 20
"""Bytes of the smallest tensor that gets a file; more would be files than it saves."""
_ZEROS: Final = bytes(1 << 20)


class Memory:
    """Makes copies of tensors in memory, as training does unless it is told otherwise."""

    def copy(self, value: Tensor) -> Tensor:
        """Return a copy of a tensor, without its gradient."""
        return value.detach().clone()

    def copies(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a copy of each tensor by its name."""
        return {name: self.copy(value) for name, value in state.items()}

    def zeros_like(self, value: Tensor) -> Tensor:
        """Return zeros of the shape, dtype and device of a tensor."""
        return torch.zeros_like(value)


class MappedTables(Memory):
    """Makes copies of large tensors in files that are mapped into memory.

    The system reads the pages of a file that are touched, and writes and forgets them where memory
    is short. The files have no names (`tempfile.TemporaryFile`): they are gone with the last tensor
    that refers to them, also if the process is killed.

    Args:
        folder: Where the files are; None: the folder for temporary files (`TMPDIR`).
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder

    def copy(self, value: Tensor) -> Tensor:
        """Return a copy of a tensor, without its gradient.

        Raises:
            RunError: The file cannot be written.
        """
        made = self.zeros_like(value)
        made.copy_(value.detach())
        return made

    def zeros_like(self, value: Tensor) -> Tensor:
        """Return zeros of the shape and dtype of a tensor.

        Raises:
            RunError: The file cannot be written.
        """
        size = value.numel() * value.element_size()
        if size < SMALLEST:
            return torch.zeros_like(value)
        about = f"{self._folder}: a table of {size:,} bytes (training.tables_on_disk)"
        with writing(about):
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder, prefix=".kgrec-table-") as file:
                _reserve(file, size)
                mapped = np.memmap(file, np.uint8, "r+", shape=(size,))
        return torch.from_numpy(mapped).view(value.dtype).view(value.shape)


def _reserve(file: IO[bytes], size: int) -> None:
    """Give a file room on the disk; a page for which there is none would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(0, size, len(_ZEROS)):
        file.write(_ZEROS[: size - start])
    file.flush()
