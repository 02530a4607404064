"""The k best items by inner products, computed and chosen on a GPU.

The result is that of `kgrec.retrieval.index.ExactIndex` on the CPU: products are those of float32,
so that scores differ by rounding alone, and of equal scores the item of the lower row comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
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
"""Scores in the device's memory at a time: 512 MiB, and comparing them needs less than that."""

_SORTED: Final = 1 << 24
"""Scores of rows with ties that are sorted at a time, which takes some 300 MiB."""

UPLOADING: Final = Lock()
"""Held while vectors are copied to a device, so that threads do not do so at once."""


def vectors_on(name: str, vectors: FloatArray) -> DeviceVectors | None:
    """Return the vectors on a device, or None where it is the CPU, or of no use.

    Lists of the CPU are the same. So it is a warning where a device is missing, such as where a
    model trained on a GPU is used elsewhere, or has too little memory.

    Args:
        name: The device in torch's words, or `auto`: a GPU where there is one.
        vectors: See `DeviceVectors`.
    """
    import torch

    try:
        device = torch_device(name)
        return None if device.type == "cpu" else DeviceVectors(vectors, device)
    except ConfigError as error:
        reason = str(error).rstrip(".")
        warn(f"index.{reason}. Lists are computed on the CPU, which takes longer.")
    except torch.OutOfMemoryError:
        _warn_of_memory()
    return None


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
    ) -> TopK | None:
        """Return the k items with the largest products; see `kgrec.retrieval.index.Index.search`.

        Args:
            queries: float32 of shape (b, dim).
            k: At least 1.
            exclude: Shape (b, n); stored entries are not returned.
            pool: Rows of the items that may be returned, ascending; None: all.

        Returns:
            None, with a warning: the device has too little memory even for one query.

        Raises:
            DataError: A product that is not excluded is NaN or +inf.
        """
        import torch

        made = empty(len(queries), k)
        number = len(self._vectors) if pool is None else len(pool)
        if not number:
            return made
        try:
            vectors = self._vectors if pool is None else self._vectors[_sent(pool, self.device)]
            waiting = chunks(len(queries), number, self._at_once)[::-1]
            while waiting:
                part = waiting.pop()
                some = None if exclude is None else exclude[part]
                if self._search(queries[part], vectors, some, pool, made, part):
                    continue
                middle = (part.start + part.stop) // 2
                waiting += [slice(middle, part.stop), slice(part.start, middle)]
        except torch.OutOfMemoryError:
            _warn_of_memory()
            return None
        return made

    def _search(
        self,
        queries: FloatArray,
        vectors: Tensor,
        exclude: csr_matrix | None,
        pool: IntArray | None,
        made: TopK,
        part: slice,
    ) -> bool:
        """Write the result for a part of the queries, and return whether the memory sufficed."""
        import torch

        try:
            scores = _sent(queries, self.device) @ vectors.T
            if exclude is not None:
                row, column = (_sent(one, self.device) for one in _places(exclude, pool))
                scores[row, column] = -torch.inf
            if not bool((scores < torch.inf).all()):  # NaN is not below anything
                raise not_finite()
            taken = min(made.items.shape[1], len(vectors))
            best, columns = (one.cpu().numpy() for one in _largest(scores, taken))
        except torch.OutOfMemoryError:
            if len(queries) == 1:
                raise
            return False
        found = columns if pool is None else pool[columns]
        made.items[part, :taken] = np.where(np.isneginf(best), -1, found)
        made.scores[part, :taken] = best
        return True


def _warn_of_memory() -> None:
    warn(
        "The GPU has too little memory: these lists are computed on the CPU, which takes longer. "
        "index.device=cpu does so always."
    )


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
    # Scores as good are left out, and it matters which: -inf stands for none.
    tied = ((scores >= least).sum(1) > taken) & (least[:, 0] > -torch.inf)
    columns = columns.sort(dim=1).values
    best, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    every, step = tied.nonzero()[:, 0], max(_SORTED // scores.shape[1], 1)
    for start in range(0, len(every), step):
        rows = every[start : start + step]
        again, places = scores[rows].sort(dim=1, descending=True, stable=True)
        best[rows], columns[rows] = again[:, :taken], places[:, :taken]
    return best, columns


def _sent(array: FloatArray | IntArray, device: torch.device) -> Tensor:
    """Return an array on a device; it is copied there while the processor goes on."""
    import torch

    given = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    if device.type == "cuda" and torch.cuda.is_available():
        return given.pin_memory().to(device, non_blocking=True)
    return given.to(device)
