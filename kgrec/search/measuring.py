"""Measuring search on queries with answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import Ranking
from kgrec.evaluation.metrics import ideal_dcg
from kgrec.search.examples import Example
from kgrec.types import Float64Array, FloatArray, IntArray

CUTOFFS: Final = (1, 10, 50)


@dataclass(frozen=True, eq=False)
class QueryResults:
    """The results of search on queries.

    Attributes:
        evaluation: The metrics.
        ranking: The best items of each query.
        judgements: The answers, with queries as users.
    """

    evaluation: Evaluation
    ranking: Ranking
    judgements: Interactions


class QueryMeter:
    """Collects the rank of each answer, and the metrics.

    `recall@k` is the share of all answers that are among the first k: each answer of each query
    counts once. `ndcg@k`, `hit@k` and `mrr@k` are means over queries with an answer; the ideal of
    NDCG is cut at min(k, answers). Answers that the catalogue does not have are missed.

    Args:
        items: The catalogue.
        k: The cut-offs.

    Raises:
        ConfigError: A cut-off is below 1 or larger than the catalogue.
    """

    def __init__(self, items: Vocabulary, k: Sequence[int] = CUTOFFS, depth: int = 100) -> None:
        wrong = [cut for cut in k if not 1 <= cut <= len(items)]
        if wrong or not k:
            raise ConfigError(
                f"Cut-offs must lie between 1 and the {len(items)} items of the catalogue, found "
                f"{', '.join(map(str, wrong)) or 'none'}."
            )
        self._items, self.k = items, tuple(sorted(set(k)))
        self._depth = min(max(depth, *self.k), len(items))
        self._ranks: list[IntArray] = []
        self._examples: list[Example] = []
        self._best: list[tuple[IntArray, FloatArray]] = []

    def add(self, example: Example, scores: FloatArray) -> None:
        """Add a query with the scores of all items, float32; -inf for those that are ruled out.

        Of equal scores the lower row comes first.
        """
        order = np.argsort(-scores, kind="stable")
        place = np.empty(len(scores), dtype=np.int64)
        place[order] = np.arange(len(scores))
        answers = np.array(example.answers, dtype=np.int64)
        ranks = np.where(np.isneginf(scores[answers]), len(scores), place[answers])
        missed = np.full(example.unknown, len(scores), dtype=np.int64)
        self._ranks.append(np.concatenate([ranks, missed]))
        self._examples.append(example)
        best = order[: self._depth]
        out = np.isneginf(scores[best])
        self._best.append((np.where(out, -1, best), scores[best]))

    def results(self, details: Mapping[str, object] | None = None) -> QueryResults:
        """Return the metrics of all queries that were added."""
        per_query: dict[str, Float64Array] = {}
        metrics: dict[str, float] = {}
        together = np.concatenate(self._ranks)
        number = np.array([len(ranks) for ranks in self._ranks])
        for k in self.k:
            hits = [ranks[ranks < k] for ranks in self._ranks]
            gain = np.array([(1 / np.log2(2.0 + ranks)).sum() for ranks in hits])
            first = np.array([ranks.min(initial=len(self._items)) for ranks in self._ranks])
            per_query[f"ndcg@{k}"] = gain / ideal_dcg(number, k)
            per_query[f"recall@{k}"] = np.array([len(ranks) for ranks in hits]) / number
            per_query[f"hit@{k}"] = (first < k).astype(np.float64)
            per_query[f"mrr@{k}"] = np.where(first < k, 1.0 / (1.0 + first), 0.0)
        for name, values in per_query.items():
            metrics[name] = float(values.mean())
        for k in self.k:
            metrics[f"recall@{k}"] = float((together < k).mean())
        queries = Vocabulary.from_ids([one.id for one in self._examples], "query")
        rows = queries.rows([one.id for one in self._examples])
        order = np.argsort(rows)
        ranking = Ranking(
            rows[order],
            np.stack([self._best[place][0] for place in order]),
            np.stack([self._best[place][1] for place in order]),
        )
        user = np.repeat(rows, [len(one.answers) for one in self._examples])
        item = np.array([row for one in self._examples for row in one.answers], dtype=np.int64)
        evaluation = Evaluation(
            metrics,
            per_query,
            [one.id for one in self._examples],
            self.k,
            len(self._items),
            len(together),
            sum(one.unknown for one in self._examples),
            protocol="queries",
            non_standard=True,
            details={"recall": "share of all answers, each once", **(details or {})},
        )
        return QueryResults(evaluation, ranking, Interactions(queries, self._items, user, item))
