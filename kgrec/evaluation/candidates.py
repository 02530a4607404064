"""Ranking a few candidates of each user instead of all items.

Metrics of sampled candidates do not estimate those of the full ranking, and can order models
differently: Krichene and Rendle, On Sampled Metrics for Item Recommendation, KDD 2020. Therefore
they have their own names, `sampled_ndcg@10` or, where the candidates are given, `given_ndcg@10`,
and the result says `sampled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError, option
from kgrec.evaluation.base import (
    Evaluation,
    EvaluationTask,
    RankingConfig,
    Scorer,
    seen_items,
    users_of,
)
from kgrec.evaluation.metrics import per_user_metrics
from kgrec.evaluation.pairs import draw_unseen, score_pairs
from kgrec.retrieval.topk import top_k
from kgrec.types import IntArray, index_to_mask


class CandidatesConfig(RankingConfig):
    """Ranking of a few candidates of each user, drawn here or given.

    A user's candidates are the user's test items and `num` items drawn from those that are neither
    excluded nor in the test part (as in Koren, KDD 2008, and He et al., WWW 2017), or the items
    that `task.given` pairs with the user: of these, excluded ones are not ranked, and test items
    that are missing count as missed.
    """

    TAKES_GIVEN: ClassVar[bool] = True

    name: Literal["candidates"] = "candidates"

    num: int = Field(default=100, ge=1, lt=2**31, description="Items drawn for each user.")
    sampling: Literal["uniform", "popularity"] = Field(
        default="uniform",
        description="`uniform`: all unseen items have the same probability; `popularity`: in "
        "proportion to their training interactions plus one.",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of the draw.")

    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Rank each user's own candidates and measure the rankings.

        Raises:
            DataError: The logs do not share their vocabularies, the test part is empty, a user has
                no candidates, or a score is not finite.
            ConfigError: No user has as many candidates as the largest cut-off.
        """
        test, given = task.test, task.given
        seen, users = seen_items(test, task.exclude)[users_of(test)], users_of(test)
        relevant = test.matrix()[users]
        details: dict[str, object] = {"settings": self.in_results()}
        if given is None:
            pairs, missing = _sampled(relevant, seen, self, task)
            details |= {"num_not_drawn": missing}
        else:
            seen_items(test, [given])  # checks the vocabularies
            pairs = without(given.matrix()[users], seen)
            details = {"settings": {"k": list(self.k)}, "num_given": len(given)}
        width = np.diff(pairs.indptr)
        if not width.all():
            name = test.users.id(int(users[int((width == 0).argmax())]))
            raise DataError(f"{(width == 0).sum()} users have no candidates, such as {name!r}.")
        if max(self.k) > width.max():
            raise ConfigError(
                f"{option('k', max(self.k))} is larger than the number of candidates: "
                f"{width.max()} at most. Give smaller cut-offs (k) or more candidates."
            )
        prefix = "sampled" if given is None else "given"
        found = ranked_candidates(model, task, users, relevant, pairs, self, prefix, details)
        return replace(found, sampled=given is None)


def ranked_candidates(
    model: Scorer,
    task: EvaluationTask,
    users: IntArray,
    relevant: csr_matrix,
    pairs: csr_matrix,
    config: RankingConfig,
    prefix: str,
    details: Mapping[str, object],
) -> Evaluation:
    """Rank the candidates of each user and measure the rankings.

    Args:
        model: What scores items for users.
        task: The data.
        users: Rows of the users, int64 of shape (b,).
        relevant: Their relevant items, of shape (b, num_items).
        pairs: Their candidates, at least one each, likewise.
        config: The protocol.
        prefix: Before the names of the metrics, with `_` after it.
        details: For the result.

    Raises:
        DataError: A score is not finite.
    """
    ranking = _ranked(model, users, pairs, max(config.k), task.chunk_elements)
    values = per_user_metrics(ranking, relevant, config.k)
    values = {f"{prefix}_{name}": column for name, column in values.items()}
    return Evaluation(
        metrics={name: float(column.mean()) for name, column in values.items()},
        per_user=values,
        user_ids=tuple(task.test.users.take(users)),
        k=config.k,
        num_candidates=int(np.diff(pairs.indptr).max()),
        num_judgements=int(relevant.nnz),
        num_unreachable=int(relevant.nnz - relevant.multiply(pairs).nnz),
        protocol=config.name,
        details=details,
    )


def _sampled(
    relevant: csr_matrix, seen: csr_matrix, config: CandidatesConfig, task: EvaluationTask
) -> tuple[csr_matrix, int]:
    """Return the candidates of each user, shape (b, num_items), and how many were not drawn."""
    num, num_items = relevant.shape
    pool = np.arange(num_items) if task.candidates is None else np.unique(task.candidates)
    weights = None
    if config.sampling == "popularity":
        chosen = task.exclude[0].item if task.exclude else np.zeros(0, dtype=np.int64)
        weights = 1.0 + np.bincount(chosen, minlength=num_items)[pool].astype(np.float64)
    drawn = draw_unseen(
        csr_matrix(seen + relevant),
        np.full(num, config.num, dtype=np.int64),
        pool,
        np.random.default_rng(config.seed),
        weights,
    )
    ones = np.ones(len(drawn.row), dtype=np.float32)
    sampled = csr_matrix((ones, (drawn.row, drawn.item)), shape=relevant.shape)
    found = csr_matrix(relevant.multiply(index_to_mask(pool, num_items)[None, :]))
    return without(csr_matrix(found + sampled), seen), drawn.num_missing


def without(pairs: csr_matrix, seen: csr_matrix) -> csr_matrix:
    """Return `pairs` as ones, without those that are in `seen`."""
    ones = csr_matrix((pairs > 0).astype(np.float32))
    kept = csr_matrix(ones - ones.multiply(seen > 0))
    kept.eliminate_zeros()
    kept.sort_indices()
    return kept


def _ranked(
    model: Scorer, users: IntArray, pairs: csr_matrix, depth: int, chunk_elements: int
) -> IntArray:
    """Return the best candidates of each user, int64 of shape (b, depth), padded with -1."""
    width = np.diff(pairs.indptr)
    row = np.repeat(np.arange(len(users)), width)
    item = pairs.indices.astype(np.int64)
    scores = score_pairs(
        model, users[row], item, num_items=pairs.shape[1], chunk_elements=chunk_elements
    )
    column = np.arange(len(row)) - np.repeat(pairs.indptr[:-1], width)
    # Candidates ascend, so that of equal scores the item of the lower row comes first.
    table = np.full((len(users), max(depth, int(width.max()))), -np.inf, dtype=np.float32)
    table[row, column] = scores
    names = np.full(table.shape, -1, dtype=np.int64)
    names[row, column] = item
    best = top_k(table, depth).items
    chosen: IntArray = np.where(best < 0, -1, np.take_along_axis(names, np.maximum(best, 0), 1))
    return chosen
