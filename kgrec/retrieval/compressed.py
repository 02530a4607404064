"""Vectors of a few bits for each number, and the items that are best by them.

Product quantisation (Jégou, Douze and Schmid, Product quantization for nearest neighbor search,
IEEE TPAMI 2011) with 16 centroids for each pair of numbers, scanned in registers (André, Kermarrec
and Le Scouarnec, Cache locality is not enough, VLDB 2015), both by faiss (Douze et al., The Faiss
library, 2024). Before, the mean is taken off and a random rotation spreads what a few directions
say over all numbers, so that errors are alike everywhere and about normally distributed (as Gao and
Long do in RaBitQ, SIGMOD 2024). All vectors are scanned, so neither their distribution nor a filter
can hide an item from a query, as they do in a graph of neighbors or in cells.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kgrec.errors import ConfigError, RunError
from kgrec.types import BoolArray, FloatArray, IntArray

ByteArray = npt.NDArray[np.uint8]

_ARRAYS = ("rows", "codes", "centroids", "centre", "rotation")
_CENTROIDS = 16
_NARROW = 48
"""With so few numbers, each has its own centroids: there is less to average errors over."""
_ENCODED = 1 << 17
"""Rows that are encoded at a time."""
_PER_SHARD = 50_000
"""Fewest rows for a thread."""
_ROUNDS = 8
"""Of k-means: more change the centroids of two numbers little."""


def load_faiss() -> Any:
    """Return the module `faiss`.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ConfigError(
            "`index: approximate` needs faiss, which is not installed: "
            "`pip install 'kgrec[ann]'`, or use `index: exact`."
        ) from error
    return faiss


@dataclass(frozen=True, eq=False)
class Compressed:
    """Some items as short codes.

    Attributes:
        rows: The items, int64 of shape (n,), ascending.
        codes: Two centroids in each byte, uint8 of shape (n, ceil(m / 2)).
        centroids: float32 of shape (m, 16, width): the centroids of each of m groups of numbers.
        centre: The mean of the vectors, float32 of shape (dim,).
        rotation: Takes a vector less the mean to the numbers that are coded, float32 of shape
            (dim, m * width), with orthonormal rows.
        vectors: The vectors of all items that the codes were made of; None: those of now.
    """

    rows: IntArray
    codes: ByteArray
    centroids: FloatArray
    centre: FloatArray
    rotation: FloatArray
    vectors: FloatArray | None = None

    @classmethod
    def of(
        cls, vectors: FloatArray, rows: IntArray, *, train_rows: int, seed: int = 0
    ) -> Compressed:
        """Return the codes of some items.

        Args:
            vectors: float32 of shape (num_items, dim).
            rows: The items, int64 of shape (n,), ascending; at least 16.
            train_rows: How many of them the centroids are fitted on.
            seed: Draws these.

        Raises:
            ConfigError: faiss is not installed.
        """
        faiss = load_faiss()
        dim = vectors.shape[1]
        width = 1 if dim <= _NARROW else 2
        groups = -(-dim // width)
        rng = np.random.default_rng(seed)
        sample = rows
        if len(rows) > train_rows:
            sample = np.sort(rng.choice(rows, train_rows, replace=False))
        quantiser = faiss.ProductQuantizer(groups * width, groups, 4)
        quantiser.cp.niter, quantiser.cp.seed = _ROUNDS, seed + 1
        quantiser.cp.min_points_per_centroid = 1
        centre = vectors[sample].mean(axis=0)
        rotation = _rotation(dim, groups * width, rng)

        def turned(some: IntArray) -> FloatArray:
            return np.ascontiguousarray((vectors[some] - centre) @ rotation)

        quantiser.train(turned(sample))
        codes = np.empty((len(rows), quantiser.code_size), dtype=np.uint8)
        for start in range(0, len(rows), _ENCODED):
            some = slice(start, start + _ENCODED)
            codes[some] = quantiser.compute_codes(turned(rows[some]))
        centroids = faiss.vector_to_array(quantiser.centroids)
        centroids = centroids.reshape(groups, _CENTROIDS, width).copy()
        return cls(rows, codes, centroids, centre, rotation, vectors)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Compressed:
        """Return what `arrays` was called on; the arrays may come from a stranger.

        Args:
            arrays: What `arrays` returned.

        Raises:
            RunError: The arrays do not fit together.
        """
        try:
            made = cls(*(arrays[name] for name in _ARRAYS))
        except KeyError as error:
            raise RunError(f"The stored index lacks the array {error}.") from error
        rows, codes, centroids = made.rows, made.codes, made.centroids
        kinds = [(arrays[name].dtype.str[1:], arrays[name].ndim) for name in _ARRAYS]
        if kinds != [("i8", 1), ("u1", 2), ("f4", 3), ("f4", 1), ("f4", 2)]:
            raise RunError("The stored index has arrays of other types or shapes.")
        groups, number, width = centroids.shape
        fits = (
            number == _CENTROIDS
            and width in (1, 2)
            and codes.shape == (len(rows), -(-groups // 2))
            and len(rows) >= _CENTROIDS
            and bool((np.diff(rows) > 0).all())
            and rows[0] >= 0
            and made.rotation.shape == (len(made.centre), groups * width)
            and all(bool(np.isfinite(one).all()) for one in (centroids, made.centre, made.rotation))
        )
        if not fits:
            raise RunError("The parts of the stored index do not fit together.")
        return made

    def check_fits(self, vectors: FloatArray) -> None:
        """Check that these are codes of some of the vectors.

        Raises:
            RunError: They have another width, or there are fewer vectors.
        """
        if len(self.centre) != vectors.shape[1] or self.rows[-1] >= len(vectors):
            raise RunError("The stored index does not fit the items' vectors.")

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parts as named arrays that safetensors can hold."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @property
    def nbytes(self) -> int:
        """The bytes of the codes and centroids."""
        return self.codes.nbytes + self.centroids.nbytes + self.rotation.nbytes

    def best(
        self, query: FloatArray, number: int, allowed: BoolArray | None
    ) -> tuple[IntArray, FloatArray]:
        """Return the items with about the largest inner products, int64, and these, in no order.

        Args:
            query: float32 of shape (dim,).
            number: About how many are wanted; fewer come back where fewer are allowed.
            allowed: Which items may come back, bool of shape (num_items,); None: all.
        """
        faiss, shards = load_faiss(), self._shards
        row = np.ascontiguousarray(query[None] @ self.rotation)
        level = float(query @ self.centre)
        options: dict[str, Any] = {"nprobe": 1}
        if allowed is not None:
            # faiss keeps the address only: the bits live as long as the options.
            bits = np.packbits(allowed, bitorder="little")
            options["sel"] = faiss.IDSelectorBitmap(bits)
        parameters = faiss.SearchParametersIVF(**options)
        # Items are dealt out in turn, so each shard has its share of the best.
        share = -(-number // len(shards))
        share += share // 4 if len(shards) > 1 else 0

        def search(shard: tuple[Any, Any]) -> tuple[IntArray, FloatArray]:
            found = shard[0].search(row, min(share, shard[0].ntotal), params=parameters)
            there = found[1][0] >= 0
            return found[1][0][there], found[0][0][there] + level

        if len(shards) == 1:
            return search(shards[0])
        parts = list(self._pool.map(search, shards))
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([of for _, of in parts])

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(len(self._shards), thread_name_prefix="kgrec-index")

    @cached_property
    def _shards(self) -> list[tuple[Any, Any]]:
        """The codes as faiss scans them: a part for each thread, each with one cell."""
        faiss = load_faiss()
        number = max(1, min(os.cpu_count() or 1, len(self.rows) // _PER_SHARD))
        groups, _, width = self.centroids.shape
        made = []
        for place in range(number):
            rows = np.ascontiguousarray(self.rows[place::number])
            codes = np.ascontiguousarray(self.codes[place::number])
            cell = faiss.IndexFlatIP(groups * width)
            cell.add(np.zeros((1, groups * width), np.float32))
            plain = faiss.IndexIVFPQ(cell, groups * width, 1, groups, 4, faiss.METRIC_INNER_PRODUCT)
            plain.by_residual = False
            faiss.copy_array_to_vector(self.centroids.ravel(), plain.pq.centroids)
            plain.is_trained = True
            plain.invlists.add_entries(0, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
            plain.ntotal = len(rows)
            packed = faiss.IndexIVFPQFastScan(plain)
            made.append((packed, cell))  # faiss keeps a bare pointer to the cell
        return made


def _rotation(dim: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Return a random rotation with `width - dim` columns of zeros, float32 of shape (dim, width).

    It is the orthogonal factor of a matrix of normal numbers.
    """
    turned = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    return np.pad(turned, ((0, 0), (0, width - dim))).astype(np.float32)
