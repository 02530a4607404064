"""The k best items by inner products, computed and chosen on a GPU.

The result is that of `kgrec.retrieval.index.ExactIndex` on the CPU: products are those of float32,
so that scores differ by rounding alone, and of equal scores the item of the lower row comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, warn
from kgrec.retrieval.topk import TopK, chunks, empty, not_finite
from kgrec.types import FloatArray, IntArray, torch_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor

AT_ONCE: Final = 1 << 27
"""Scores in the device's memory at a time: 512 MiB, and the choice needs as much again."""


def vectors_on(name: str, vectors: FloatArray) -> DeviceVectors | None:
    """Return the vectors on a device, or None where it is the CPU, or not there.

    Lists of the CPU are the same, so a device that is missing, such as where a model trained on a
    GPU is used elsewhere, is a warning.

    Args:
        name: The device in torch's words, or `auto`: a GPU where there is one.
        vectors: See `DeviceVectors`.
    """
    try:
        device = torch_device(name)
    except ConfigError as error:
        reason = str(error).rstrip(".")
        warn(f"index.{reason}. Lists are computed on the CPU, which takes longer.")
        return None
    return None if device.type == "cpu" else DeviceVectors(vectors, device)


class DeviceVectors:
    """The vectors of items on a device.

    Args:
        vectors: The items, float32 of shape (n, dim).
        device: Where they are copied to.
        at_once: Scores in memory at a time.
    """

    def __init__(
        self, vectors: FloatArray, device: torch.device, *, at_once: int = AT_ONCE
    ) -> None:
        self.device, self._at_once = device, at_once
        self._vectors = _sent(vectors, device)

    def search(
        self, queries: FloatArray, k: int, exclude: csr_matrix | None, pool: IntArray | None
    ) -> TopK:
        """Return the k items with the largest products; see `kgrec.retrieval.index.Index.search`.

        Args:
            queries: float32 of shape (b, dim).
            k: At least 1.
            exclude: Shape (b, n); stored entries are not returned.
            pool: Rows of the items that may be returned, ascending; None: all.

        Raises:
            DataError: A product that is not excluded is NaN or +inf.
        """
        import torch

        try:
            return self._search(queries, k, exclude, pool)
        except torch.OutOfMemoryError:
            if self._at_once <= len(self._vectors):
                raise
        self._at_once //= 4  # others may need the memory; smaller steps take little longer
        return self.search(queries, k, exclude, pool)

    def _search(
        self, queries: FloatArray, k: int, exclude: csr_matrix | None, pool: IntArray | None
    ) -> TopK:
        import torch

        vectors = self._vectors
        if pool is not None:
            vectors = vectors[_sent(pool, self.device)]
        made = empty(len(queries), k)
        taken = min(k, len(vectors))
        if not taken:
            return made
        for part in chunks(len(queries), len(vectors), self._at_once):
            scores = _sent(queries[part], self.device) @ vectors.T
            if exclude is not None:
                row, column = (_sent(one, self.device) for one in _places(exclude[part], pool))
                scores[row, column] = -torch.inf
            if not bool((scores < torch.inf).all()):  # NaN is not below anything
                raise not_finite()
            best, columns = (one.cpu().numpy() for one in _largest(scores, taken))
            found = columns if pool is None else pool[columns]
            made.items[part, :taken] = np.where(np.isneginf(best), -1, found)
            made.scores[part, :taken] = best
        return made


def _places(exclude: csr_matrix, pool: IntArray | None) -> Iterator[IntArray]:
    """Return row and column among the scores of each excluded entry, int64 of shape (e,)."""
    row = np.repeat(np.arange(exclude.shape[0]), np.diff(exclude.indptr))
    column = exclude.indices.astype(np.int64)
    if pool is not None:
        place = np.minimum(np.searchsorted(pool, column), len(pool) - 1)
        inside = pool[place] == column
        row, column = row[inside], place[inside]
    return iter((row, column))


def _largest(scores: Tensor, taken: int) -> tuple[Tensor, Tensor]:
    """Return the largest scores of each row, descending, and their columns; ties to the left."""
    import torch

    best, columns = torch.topk(scores, taken, dim=1)
    least = best[:, -1:]
    tied = ((scores >= least).sum(1) > taken).nonzero()[:, 0]  # some scores as good are left out
    columns = columns.sort(dim=1).values
    best, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    if len(tied):
        again, places = scores[tied].sort(dim=1, descending=True, stable=True)
        best[tied], columns[tied] = again[:, :taken], places[:, :taken]
    return best, columns


def _sent(array: FloatArray | IntArray, device: torch.device) -> Tensor:
    """Return an array on a device; it is copied there while the processor goes on."""
    import torch

    given = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda" and torch.cuda.is_available():
        return given.pin_memory().to(device, non_blocking=True)
    return given.to(device)
