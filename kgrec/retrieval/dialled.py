"""An index whose products are scores with popularity."""

from __future__ import annotations

from typing import Any

import numpy as np

from kgrec.models.standardising import Moments
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.topk import TopK
from kgrec.types import FloatArray, IntArray


class DialledIndex:
    """An index whose products are scores with popularity; see `kgrec.retrieval.reranking.Dials`.

    A user's scores q·v have the mean q·m over the items and the variance qᵀCq. So the sum of
    standardised score and popularity is again an inner product, of the vectors
    ((1 - |p|) q / σ, p, -(1 - |p|) q·m / σ) and (v, popularity, 1).

    Args:
        vectors: The items, float32 of shape (num_items, dim).
        popularity: Of each item, float32 of shape (num_items,).
        unknown: Rows of items without any data: they come last, and m and C are without them.
        device: As for `ExactIndex`.
    """

    def __init__(
        self,
        vectors: FloatArray,
        popularity: FloatArray,
        unknown: IntArray,
        device: str = "cpu",
    ) -> None:
        known = np.setdiff1d(np.arange(len(vectors)), unknown)
        some = vectors[known] if len(unknown) else vectors
        self._moments = Moments.of(some)
        ones = np.ones(len(vectors), dtype=np.float32)
        columns = np.column_stack([vectors, popularity, ones])
        self._exact = ExactIndex(columns, unknown=unknown, device=device)

    def search(self, queries: FloatArray, k: int, popularity: float, **options: Any) -> TopK:
        """Return the k best items.

        Args:
            queries: float32 of shape (b, dim).
            k: As for `Index.search`, as are `options`.
            popularity: From -1 to 1.
            options: See `k`.
        """
        exact = np.asarray(queries, dtype=np.float64)
        spread = self._moments.deviations(queries)
        share = np.divide(1.0 - abs(popularity), spread, out=0 * spread, where=spread > 0)
        level = np.full(len(exact), popularity)
        columns = [share[:, None] * exact, level, -share * (exact @ self._moments.mean)]
        return self._exact.search(np.column_stack(columns).astype(np.float32), k, **options)
