"""NDCG as the code published with KGAT computes it, to compare with tables made with that code.

Wang et al., KGAT: Knowledge Graph Attention Network for Recommendation, KDD 2019, define NDCG as
usual. But their code takes the hits, sorted to the top, as the ideal ranking, so that the ideal
lacks the relevant items that were missed: a list with one hit on top has 1. It ranks as many items
as its largest cut-off, 100 by default, and sorts all of them: NDCG@20 also depends on the number of
relevant items at ranks 21 to 100. The values are never lower than NDCG and mostly much higher; the
two do not compare.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from kgrec.evaluation.base import Evaluation, EvaluationTask, RankingConfig, Scorer
from kgrec.evaluation.evaluate import measure, rank
from kgrec.evaluation.metrics import dcg, find_hits, ideal_dcg
from kgrec.types import BoolArray, Float64Array


class KGATConfig(RankingConfig):
    """Full ranking with the NDCG of the code published with KGAT."""

    name: Literal["kgat-ndcg"] = "kgat-ndcg"

    k: tuple[int, ...] = Field(default=(20,), description="Cut-offs.")
    depth: int = Field(
        default=100,
        ge=1,
        lt=2**31,
        description="Ranks whose hits count for the ideal: the largest cut-off of that code.",
    )

    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Rank all candidates and return the metrics of KGAT's code, marked as not standard.

        `kgat_ndcg@k` is its NDCG, added to the standard metrics. Its recall, precision and hit are
        the standard ones. It has no validation part: to compare with its tables, exclude only the
        training part.

        Raises:
            DataError: As for `kgrec.evaluation.evaluate.evaluate`.
        """
        test, logs, candidates = task.test, task.exclude, task.candidates
        depth = max(*self.k, min(self.depth, test.num_items))
        ranking = rank(model, test, exclude=logs, depth=depth, candidates=candidates)
        result = measure(
            ranking, test, exclude=logs, k=self.k, candidates=candidates, features=task.features
        )
        hits = find_hits(ranking.items, test.matrix()[ranking.users])
        values = {f"kgat_ndcg@{k}": kgat_ndcg(hits, k) for k in self.k}
        return replace(
            result,
            metrics={**{name: float(v.mean()) for name, v in values.items()}, **result.metrics},
            per_user={**values, **result.per_user},
            protocol=self.name,
            non_standard=True,
            details={"settings": self.in_results()},
        )


def kgat_ndcg(hits: BoolArray, k: int) -> Float64Array:
    """Return KGAT's NDCG@k, float64 of shape (b,); 0 where nothing was found.

    Args:
        hits: Which ranked items are relevant, bool of shape (b, depth); the ideal has them all.
        k: Cut-off.

    >>> kgat_ndcg(np.array([[True, False, False]]), k=2).tolist()
    [1.0]
    >>> kgat_ndcg(np.array([[True, False, True]]), k=2).round(3).tolist()
    [0.613]
    """
    gain, ideal = dcg(hits, k), ideal_dcg(hits.sum(axis=1), k)
    ratio: Float64Array = np.divide(gain, ideal, out=np.zeros(len(hits)), where=ideal > 0)
    return ratio
