"""An index whose vectors lie in a file, searched shard by shard by the engine in use."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix, csr_matrix

from kgrec.engine import engine_in_use
from kgrec.errors import ConfigError, DataError, printable
from kgrec.files import check_plain, system_reason
from kgrec.retrieval.index import WIDTH, ExactIndex, Index
from kgrec.retrieval.topk import TopK, check_candidates, check_exclude, check_k, empty, merge
from kgrec.types import FloatArray, IntArray

SHARD: Final = 8 * WIDTH
"""Items of a shard: 32 MiB of vectors of 64 numbers."""

_Asked = tuple[int, int, FloatArray, int, csr_matrix | None, IntArray | None]
"""First and last item of a shard, queries, k, and what is left out and allowed in the shard."""


class ShardedIndex(Index):
    """Compares queries with every item; the vectors need not fit into memory.

    Each worker of an engine maps the file into its memory and reads the shards that it searches, so
    all need the same path. The result is that of `ExactIndex`, up to the rounding of products.

    Args:
        path: A `.npy` file of the items' vectors, float32 of shape (num_items, dim).
        shard: Items of a shard.

    Raises:
        DataError: The file is missing, or holds something else.
        ConfigError: `shard` is below 1.
    """

    def __init__(self, path: str | Path, *, shard: int = SHARD) -> None:
        if shard < 1:
            raise ConfigError(f"shard must be at least 1, found {shard}.")
        self.path, self.shard = Path(path).absolute(), shard
        self.vectors = _mapped(self.path)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return the k items with the largest inner product with each query; see `Index.search`."""
        rows = self.check_queries(queries)
        check_k(k)
        number = len(self.vectors)
        left_out = check_exclude(exclude, len(rows), number)
        columns = None if left_out is None else csc_matrix(left_out)
        allowed = check_candidates(candidates, number)
        asked: list[_Asked] = []
        for first in range(0, number, self.shard):
            stop = min(first + self.shard, number)
            some = None
            if allowed is not None:
                some = allowed[(allowed >= first) & (allowed < stop)] - first
                if not len(some):
                    continue
            part = None if columns is None else csr_matrix(columns[:, first:stop])
            asked.append((first, stop, rows, k, part, some))
        best = empty(len(rows), k)
        for found in engine_in_use().map(_searched, self.path, asked):
            best = merge(best, found)  # shards come in the order of the items
        return best


def _searched(path: Path, asked: _Asked) -> TopK:
    """Return the best items of a shard, as rows of the whole file."""
    first, stop, queries, k, exclude, candidates = asked
    index = ExactIndex(np.ascontiguousarray(_mapped(path)[first:stop]))
    best = index.search(queries, k, exclude=exclude, candidates=candidates)
    return TopK(np.where(best.items >= 0, best.items + first, -1), best.scores)


def _mapped(path: Path) -> FloatArray:
    shown = printable(str(path), 4096)
    try:
        check_plain(path)
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise DataError(f"{shown}: the vectors cannot be read: {system_reason(error)}.") from error
    except (ValueError, EOFError) as error:
        raise DataError(
            f"{shown} is no .npy file of numbers: {printable(str(error), 200)}"
        ) from error
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.dtype != np.float32:
        about = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else "an archive"
        raise DataError(f"{shown}: expected float32 (num_items, dim), found {about}.")
    return found
