"""An approximate index: a scan of compressed vectors, then exact products of the best."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.retrieval.compressed import Compressed
from kgrec.retrieval.index import ExactIndex, Index
from kgrec.retrieval.settings import ApproximateIndexConfig
from kgrec.retrieval.topk import Keeper, TopK, check_candidates, check_exclude, check_k, empty
from kgrec.types import BoolArray, FloatArray, IntArray

AT_ONCE = 16
"""From so many queries on, exact search costs less: a matrix product reads each item once."""

COMPRESSION = 16
"""Bytes of a vector by those of its code, half a byte for two float32: comparing a survivor of a
filter exactly costs as much as scanning so many codes, both being bound by memory."""

MISSED = 0.01
"""Share of the best that may be missed, by expectation, before more are compared exactly."""

_EARLY = 0.1
"""A tenth of that is missed where only some of what the scan found was compared."""

_FIRST = 192_000
"""Numbers of vectors that are read before it is looked whether too many are missed: 500 vectors of
384 numbers. Of short ones, all that the scan found are compared at once: they cost little."""

_ROUGH = 4
"""So many times k are compared exactly where any of the best k will do."""


class ApproximateIndex(Index):
    """Finds nearly all of the best items in about a tenth of the time.

    All items are compared by codes of a sixteenth of their size, see
    `kgrec.retrieval.compressed`, and those that are best so by their whole vectors. So the scores
    are exact, and an item can be missed only if its code hides it behind `rescored` others. Where
    the errors of the codes make that likely, four times as many are compared, and at last all.

    It is exact, as `ExactIndex` is, wherever that costs no more:

    - few items survive the filter and the exclusions, a sixteenth or fewer: exact search costs
      survivors × dim × 4 bytes, the scan dim / 4 bytes for each item. So k items come back where
      there are k;
    - there are many queries at once, or k is large.

    Items after those that are compressed, such as new ones, and those whose vector has changed are
    compared exactly each time, so they are found at once.

    Args:
        vectors: See `Index`.
        config: The settings; None: the defaults.
        unknown: As for `ExactIndex`.
        compressed: Codes of these items, or of an earlier state of them; None: they are made.

    Raises:
        ConfigError: faiss is not installed.
        DataError: `vectors` has another shape.
    """

    def __init__(
        self,
        vectors: npt.ArrayLike,
        config: ApproximateIndexConfig | None = None,
        *,
        unknown: IntArray | None = None,
        compressed: Compressed | None = None,
    ) -> None:
        self.config = config or ApproximateIndexConfig()
        self.exact = ExactIndex(vectors, unknown=unknown)
        self.vectors = self.exact.vectors
        known = self.exact.known_rows()
        if compressed is None and len(known) >= self._least():
            compressed = Compressed.of(
                self.vectors, known, train_rows=self.config.train_rows, seed=self.config.seed
            )
        self._anew = known
        if compressed is not None:
            compressed.check_fits(self.vectors)
            before = compressed.vectors
            self._anew = np.setdiff1d(known, compressed.rows, assume_unique=True)
            if before is None:
                compressed = replace(compressed, vectors=self.vectors)
            elif before is not self.vectors:
                now = self.vectors[: len(before)]
                changed = np.flatnonzero((now != before[: len(now)]).any(axis=1))
                self._anew = np.union1d(self._anew, np.intersect1d(changed, known))
        self.compressed = compressed

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return about the k items with the largest inner product; see `Index.search`.

        Scores are exact, and k items come back where k are allowed.
        """
        return self._best(queries, k, exclude, candidates, MISSED)

    def retrieve(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        exclude: csr_matrix | None = None,
        candidates: IntArray | None = None,
    ) -> TopK:
        """Return k of about the best items; see `Index.retrieve`.

        Those that are best by their codes are compared by their whole vectors once, however many
        of the k best that misses: `search` would compare all items for large k.
        """
        return self._best(queries, k, exclude, candidates, math.inf)

    def _best(
        self,
        queries: npt.ArrayLike,
        k: int,
        exclude: csr_matrix | None,
        candidates: IntArray | None,
        missed: float,
    ) -> TopK:
        """Return about the k best items of each query, missing no larger a share by expectation."""
        rows = self.exact.check_queries(queries)
        check_k(k)
        exclude = check_exclude(exclude, len(rows), len(self.vectors))
        allowed = check_candidates(candidates, len(self.vectors))
        pool = len(self.vectors) if allowed is None else len(allowed)
        if (
            self.compressed is None
            or len(rows) >= AT_ONCE
            or pool * COMPRESSION <= len(self.vectors)
            or 2 * k > self._rescored(k)
            or len(self._anew) * COMPRESSION > len(self.vectors)
        ):
            return self.exact.search(rows, k, exclude=exclude, candidates=allowed)
        made = empty(len(rows), k)
        for place, query in enumerate(rows):
            left_out = None if exclude is None else exclude[place]
            best = self._search(self.compressed, query, k, left_out, allowed, missed)
            made.items[place], made.scores[place] = best.items[0], best.scores[0]
        return made

    def _search(
        self,
        compressed: Compressed,
        query: FloatArray,
        k: int,
        left_out: csr_matrix | None,
        allowed: IntArray | None,
        missed: float,
    ) -> TopK:
        wanted = self._rescored(k)
        if missed == math.inf:
            wanted = min(wanted, max(self.config.rescored, _ROUGH * k))
        excluded = 0 if left_out is None else left_out.nnz
        mask = None
        if allowed is not None or excluded > wanted or self.exact.num_unknown:
            mask = self.exact.allowed_mask(allowed)
            if left_out is not None:
                mask[left_out.indices] = False
            survivors = int(np.count_nonzero(mask))
            if survivors * COMPRESSION <= len(self.vectors) or survivors <= wanted:
                return self.exact.search(query[None], k, exclude=left_out, candidates=allowed)
        else:
            wanted += excluded  # as many may be among the best
        while wanted * COMPRESSION <= len(self.vectors):
            best = self._scanned(compressed, query, k, left_out, mask, wanted, missed)
            if best is not None:
                return best
            wanted *= 4
        return self.exact.search(query[None], k, exclude=left_out, candidates=allowed)

    def _scanned(
        self,
        compressed: Compressed,
        query: FloatArray,
        k: int,
        left_out: csr_matrix | None,
        mask: BoolArray | None,
        wanted: int,
        missed: float,
    ) -> TopK | None:
        """Return the k best by the exact products of what a scan finds; None: too many are missed.

        The best by their codes are compared first, and more only as long as too many are missed.
        Centroids are means, so an item's product is about normally distributed around that of its
        code, with the error that is seen on the compared items. Of the items below the last one
        that was compared, as dense as those above it, a known share is therefore above the k-th
        best: φ(g) - g Φ(-g) of those within an error, where the gap g is in errors.
        """
        found, about = compressed.best(query, wanted, mask)
        order = np.argsort(-about, kind="stable")
        found, about = found[order], about[order]
        known = np.zeros(0, dtype=np.float32)
        late = self.exact.products(query[None], self._anew)[0]
        number = len(found) if missed == math.inf else max(_FIRST // self.vectors.shape[1], 8 * k)
        while True:
            known = np.append(
                known, self.exact.products(query[None], found[len(known) : number])[0]
            )
            rows, first = np.unique(np.append(found[: len(known)], self._anew), return_index=True)
            scores = np.append(known, late)[first]
            if mask is not None:
                scores[~mask[rows]] = -np.inf
            keeper = Keeper(1, k, left_out, len(rows))
            keeper.add(scores[None], slice(0, 1), 0, rows)
            if keeper.best.items[0, -1] >= 0:
                error = float(np.std(known - about[: len(known)])) + 1e-12
                lowest = float(about[len(known) - 1])
                gap = min((float(keeper.best.scores[0, -1]) - lowest) / error, 40.0)
                dense = int(np.count_nonzero(about[: len(known)] < lowest + error))
                below = math.exp(-gap * gap / 2) / math.sqrt(2 * math.pi)
                expected = dense * (below - gap * math.erfc(gap / math.sqrt(2)) / 2)
                share = missed if number >= len(found) else _EARLY * missed
                if expected <= share * k:
                    return keeper.best
            if number >= len(found):
                return None
            number *= 2

    def _rescored(self, k: int) -> int:
        """Return how many items are compared exactly for k of them."""
        return min(max(self.config.rescored, 20 * k), len(self.vectors) // COMPRESSION)

    def _least(self) -> int:
        """Return the number of items from which codes are of use."""
        return max(COMPRESSION * 64, self.config.rescored)
