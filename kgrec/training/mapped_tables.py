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

from kgrec.bounds.free_memory import available_memory
from kgrec.errors import ConfigError, printable, warn
from kgrec.files import writing
from kgrec.training.settings import TrainingConfig

SMALLEST: Final = 1 << 20
"""Bytes of the smallest tensor that gets a file; smaller ones would save too little."""
DIRTY: Final = 0.2
"""When changed pages are this share of the free memory, Linux lets their process wait for the disk
(`vm.dirty_ratio`)."""
_ZEROS: Final = bytes(1 << 20)
_MOUNTS: Final = Path("/proc/self/mounts")


def store_of_tables(
    config: TrainingConfig, device: torch.device, checkpoint: Path | None
) -> Memory:
    """Return where a training keeps its embedding tables and copies of them.

    Args:
        config: Its settings.
        device: Where it computes.
        checkpoint: Its file of checkpoints, beside which files lie; None: there is none.

    Raises:
        ConfigError: Tables on disk are asked for on a GPU.
    """
    if not config.tables_on_disk:
        return Memory()
    if device.type != "cpu":
        raise ConfigError(
            f"training.tables_on_disk needs training.device 'cpu', found {device.type!r}: a GPU "
            "reads its own memory alone."
        )
    return MappedTables(None if checkpoint is None else checkpoint.parent)


class Memory:
    """Makes copies of tensors in memory, as training does unless it is told otherwise.

    Attributes:
        is_mapped: Whether large copies lie in files.
    """

    is_mapped = False

    def warn_if_slow(self, size: int) -> None:
        """Warn if the system writes changed pages in each step; memory is never written.

        Args:
            size: Bytes of the tables and their moments.
        """

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

    is_mapped = True

    def __init__(self, folder: Path | None) -> None:
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        if _lies_in_memory(self._folder):
            where = printable(str(self._folder), 4096)
            warn(
                f"{where} is memory and not a disk (tmpfs), so training.tables_on_disk saves "
                "nothing there. Give a folder for the run on a disk, or name one in TMPDIR."
            )

    def warn_if_slow(self, size: int) -> None:
        """Warn if the system will have changed pages written in each step."""
        free = available_memory()
        if free is None or size < DIRTY * free:
            return
        warn(
            f"The embedding tables and their moments have {size / 2**30:.1f} GiB, much of the "
            f"{free / 2**30:.1f} GiB of free memory, and a step changes rows all over them: the "
            "system then writes pages to the disk in each step. With training.shuffle_block: 1024 "
            "a step's rows lie on few pages; more epochs are needed then."
        )

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


def _lies_in_memory(folder: Path) -> bool:
    """Return whether the file system of a folder is kept in memory, where Linux says so."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    mounts = [line.split(" ") for line in lines]
    kinds = {one[1].replace("\\040", " "): one[2] for one in mounts if len(one) > 2}
    whole = folder.resolve()
    place = next((one for one in (whole, *whole.parents) if str(one) in kinds), None)
    return place is not None and kinds[str(place)] in ("tmpfs", "ramfs")


def _reserve(file: IO[bytes], size: int) -> None:
    """Give a file room on the disk; a page for which there is none would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(0, size, len(_ZEROS)):
        file.write(_ZEROS[: size - start])
    file.flush()
