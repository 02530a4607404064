"""Full-ranking evaluation: rank all candidates for each user, then measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions, Split
from kgrec.engine import engine_in_use
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.base import (
    Evaluation,
    EvaluationTask,
    RankingConfig,
    Scorer,
    as_logs,
    seen_items,
    users_of,
)
from kgrec.evaluation.beyond_accuracy import ItemFeatures, novelty, popularity_lift
from kgrec.evaluation.metrics import beyond_accuracy, per_user_metrics
from kgrec.retrieval.topk import CHUNK_ELEMENTS, TopK, check_k, chunks, top_k_scored
from kgrec.types import FloatArray, IntArray, index_to_mask


class FullConfig(RankingConfig):
    """Full ranking: all candidates of the split are ranked for each user."""

    name: Literal["full"] = "full"

    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Evaluate a model; see the function `evaluate`."""
        return evaluate(
            model,
            task.test,
            exclude=task.exclude,
            k=self.k,
            candidates=task.candidates,
            features=task.features,
            chunk_elements=task.chunk_elements,
        )


@dataclass(frozen=True)
class Ranking:
    """The best candidates for each user with test interactions.

    Attributes:
        users: Rows of users, int64 of shape (b,), ascending.
        items: Rows of items, int64 of shape (b, depth), best first; -1 is padding.
        scores: Their scores, float32 of shape (b, depth); -inf is padding.
    """

    users: IntArray
    items: IntArray
    scores: FloatArray

    @property
    def depth(self) -> int:
        """Items ranked for each user."""
        return int(self.items.shape[1])


def evaluate(
    model: Scorer,
    test: Interactions,
    *,
    exclude: Interactions | Sequence[Interactions],
    k: Sequence[int] = (10, 20),
    candidates: IntArray | None = None,
    features: ItemFeatures | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> Evaluation:
    """Rank all candidates for each user of `test` and measure the rankings.

    The mean is over users with at least one interaction in `test`.

    Args:
        model: What scores items for users.
        test: The test interactions.
        exclude: What users already have, which is not recommended again: the training part, and
            when testing also the validation part. The first log gives the popularity of items.
        k: Cut-offs.
        candidates: Rows of the items to rank, int64 of shape (c,), see `protocol_candidates`;
            None: all items of the vocabulary.
        features: Features of the items, to measure the diversity of lists; None: not measured.
        chunk_elements: Scores held at a time.

    Raises:
        DataError: The logs do not share their vocabularies, `test` is empty, or a score is NaN.
        ConfigError: A cut-off is below 1, or there is none.
    """
    if not k or min(k) < 1:
        raise ConfigError(f"k must be one or more numbers from 1 on, found {list(k)}.")
    ranking = rank(
        model,
        test,
        exclude=exclude,
        depth=max(k),
        candidates=candidates,
        chunk_elements=chunk_elements,
    )
    return measure(ranking, test, exclude=exclude, k=k, candidates=candidates, features=features)


def rank(
    model: Scorer,
    test: Interactions,
    *,
    exclude: Interactions | Sequence[Interactions],
    depth: int,
    candidates: IntArray | None = None,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> Ranking:
    """Return the `depth` best candidates for each user of `test`.

    The arguments are those of `evaluate`. `measure` can measure a ranking deeper than the
    cut-offs, and `kgrec.evaluation.trec.write_trec` can write it, so that the model scores once.

    Raises:
        DataError: The logs do not share their vocabularies, `test` is empty, or a score is NaN.
        ConfigError: `depth` is below 1.
    """
    seen = seen_items(test, as_logs(exclude))
    users = users_of(test)
    check_k(depth)
    # The blocks are those that one process scores at once: some models round by their size.
    parts = chunks(len(users), test.num_items, chunk_elements)
    blocks = ((users[part], seen[users[part]]) for part in parts)
    shared = (model, depth, test.num_items, candidates)
    best = list(engine_in_use().map_warmed(_ranked, shared, blocks))
    items = np.concatenate([block.items for block in best])
    return Ranking(users, items, np.concatenate([block.scores for block in best]))


def _ranked(
    shared: tuple[Scorer, int, int, IntArray | None], block: tuple[IntArray, csr_matrix]
) -> TopK:
    """Return the best candidates of a block of users."""
    (model, depth, num_items, candidates), (users, seen) = shared, block
    return top_k_scored(
        model.score,
        users,
        depth,
        num_items=num_items,
        exclude=seen,
        candidates=candidates,
        chunk_elements=max(1, len(users) * num_items),
    )


def measure(
    ranking: Ranking,
    test: Interactions,
    *,
    exclude: Interactions | Sequence[Interactions],
    k: Sequence[int] = (10, 20),
    candidates: IntArray | None = None,
    features: ItemFeatures | None = None,
) -> Evaluation:
    """Return the metrics of a ranking that `rank` made with the same arguments.

    Raises:
        DataError: The logs do not share their vocabularies, or the ranking was made for other
            users.
        ConfigError: A cut-off is below 1, above the ranking's depth, or there is none.
    """
    logs = as_logs(exclude)
    seen = seen_items(test, logs)
    users = users_of(test)
    if not np.array_equal(users, ranking.users):
        raise DataError("The ranking was made for other users than those of `test`.")
    relevant = test.matrix()[users]
    train = logs[0].matrix() if logs else seen  # which then is empty
    values = per_user_metrics(ranking.items, relevant, k)
    counts = np.bincount(train.indices, minlength=test.num_items)
    num_active = int((np.diff(train.indptr) > 0).sum())
    for cut in k:
        values[f"novelty@{cut}"] = novelty(ranking.items, counts, num_active, cut)
    means = {name: float(column.mean()) for name, column in values.items()}
    means |= beyond_accuracy(ranking.items, counts, k, candidates)
    means |= _lift_and_diversity(ranking.items, counts, train[users], k, features)
    return Evaluation(
        metrics=means,
        per_user=values,
        user_ids=tuple(test.users.take(users)),
        k=tuple(k),
        num_candidates=test.num_items if candidates is None else len(np.unique(candidates)),
        num_judgements=int(relevant.nnz),
        num_unreachable=_num_unreachable(relevant, seen[users], candidates),
    )


def _lift_and_diversity(
    ranking: IntArray,
    counts: IntArray,
    profiles: csr_matrix,
    k: Sequence[int],
    features: ItemFeatures | None,
) -> dict[str, float]:
    """Return the lift of popularity and the diversity, as far as they are defined."""
    found = {f"popularity_lift@{cut}": popularity_lift(ranking, counts, profiles, cut) for cut in k}
    if features is not None:
        for name, values in features.diversity(ranking, k, len(counts)).items():
            known = values[~np.isnan(values)]
            found[name] = float(known.mean()) if len(known) else float("nan")
    return {name: value for name, value in found.items() if np.isfinite(value)}


def protocol_candidates(split: Split, part: str = "test", kind: str | None = None) -> IntArray:
    """Return the rows of the items that are ranked when `part` of `split` is evaluated.

    For `cold_items`, the items of that part; for other splits, all items that occur in a part.

    Args:
        split: The split.
        part: `valid` or `test`.
        kind: How the split was made; None: what the split says.

    Returns:
        int64 of shape (c,), ascending.

    Raises:
        ConfigError: There is no such part.
    """
    if (kind or split.kind) == "cold_items":
        return np.unique(split.part(part).item)
    split.part(part)
    return np.unique(np.concatenate([split.train.item, split.valid.item, split.test.item]))


def candidate_ids(split: Split, part: str = "test", kind: str | None = None) -> list[str]:
    """Return the ids of the items that are ranked; see `protocol_candidates`."""
    return split.train.items.take(protocol_candidates(split, part, kind))


def _num_unreachable(relevant: csr_matrix, seen: csr_matrix, candidates: IntArray | None) -> int:
    reachable = relevant - relevant.multiply(seen > 0)
    if candidates is not None:
        reachable = reachable.multiply(index_to_mask(candidates, relevant.shape[1])[None, :])
    return int(relevant.nnz - csr_matrix(reachable).count_nonzero())
