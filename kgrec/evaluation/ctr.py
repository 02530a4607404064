"""Click-through rate: tell the items that a user chose from as many that the user did not.

The protocol of Wang et al., RippleNet, CIKM 2018, and Wang et al., Knowledge Graph Convolutional
Networks for Recommender Systems, WWW 2019: interactions are split 6:2:2 at random (`ctr_split`),
each user gets as many unseen items as chosen ones, and AUC, accuracy and F1 are taken over all
pairs together. The code of the papers differs in three ways:

- Its threshold is 0.5, because its models give probabilities. Other scores have no such point;
  here the threshold is the one with the best accuracy on the validation part.
- It averages over batches, without the last one; here all pairs count the same.
- It draws the unseen items before the split; here each part has as many as it has clicks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from kgrec.data.interactions import Interactions, Split
from kgrec.evaluation.base import (
    Evaluation,
    EvaluationTask,
    ProtocolConfig,
    Scorer,
    seen_items,
    users_of,
    without_validation,
)
from kgrec.evaluation.pairs import draw_unseen, score_pairs
from kgrec.types import BoolArray, FloatArray, IntArray


class CTRConfig(ProtocolConfig):
    """Click-through rate: tell the user's pairs from as many unseen ones."""

    name: Literal["ctr"] = "ctr"

    seeds: tuple[int, ...] = Field(
        default=(0, 1, 2, 3, 4),
        min_length=1,
        description="Seeds of the draws of unseen pairs; metrics are means over them.",
    )
    threshold: float | None = Field(
        default=None,
        description="Scores from here on count as a click in ACC and F1; None: the threshold with "
        "the best accuracy on the validation part.",
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _one_seed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @field_validator("seeds")
    @classmethod
    def _seeds_are_natural(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 0 or len(set(value)) < len(value):
            raise ValueError("seeds must be different numbers from 0 on")
        return value

    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Measure how well scores tell the test pairs from as many unseen ones of the same users.

        `task.exclude` is the training part and then the validation part, which sets the threshold.
        A user's unseen items, from `task.candidates`, are in neither of them and not in the test
        part. The metrics `auc`, `acc` and `f1` are over all pairs together, as means over `seeds`;
        `details` have those of each seed and the thresholds. Per user there is `acc`.

        Raises:
            DataError: The logs do not share their vocabularies, the test part is empty, or a score
                is not finite.
            ConfigError: There is no validation part, and no threshold is given.
        """
        test, valid = task.test, task.valid
        if valid is None and self.threshold is None:
            raise without_validation(
                "ACC and F1 need a threshold, which is fitted on a validation part", "threshold"
            )
        has = csr_matrix(seen_items(test, task.exclude) + test.matrix())
        pool = np.arange(test.num_items) if task.candidates is None else np.unique(task.candidates)
        draws = [_Pairs(test, has, pool, seed, 0) for seed in self.seeds]
        fitted = []
        if valid is not None and self.threshold is None:
            # In a cold-item split, the validation part has items of its own.
            own = pool if np.isin(valid.item, pool).any() else np.unique(valid.item)
            fitted = [_Pairs(valid, has, own, seed, 1) for seed in self.seeds]
        _score([*draws, *fitted], model, test.num_items, task.chunk_elements)
        thresholds = [best_threshold(pairs.scores, pairs.clicked) for pairs in fitted]
        if self.threshold is not None:
            thresholds = [self.threshold] * len(draws)
        return _result(draws, thresholds, test, self)


def ctr_split(log: Interactions, seed: int = 0) -> Split:
    """Split a log 6:2:2 into training, validation and test, at random over all interactions.

    Users may be left without training interactions, as in the papers' code.

    Raises:
        ConfigError: The log is too small to leave a training part.
    """
    return log.split("uniform", valid=0.2, test=0.2, seed=seed)


def auc(scores: npt.ArrayLike, clicked: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: how often a click scores above a non-click.

    Ties count one half (Hanley and McNeil, Radiology 1982). Without both kinds it is 0.5.

    >>> auc([0.1, 0.4, 0.4, 0.9], [0, 1, 0, 1])
    0.875
    """
    hit = np.asarray(clicked, dtype=bool)
    positives, negatives = int(hit.sum()), int((~hit).sum())
    if not positives or not negatives:
        return 0.5
    ranks = rankdata(np.asarray(scores))[hit].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def accuracy(predicted: BoolArray, clicked: BoolArray) -> float:
    """Return the share of pairs with the right prediction."""
    return float((predicted == clicked).mean())


def f1(predicted: BoolArray, clicked: BoolArray) -> float:
    """Return the harmonic mean of precision and recall of the predicted clicks.

    >>> f1(np.array([True, True, False]), np.array([True, False, True]))
    0.5
    """
    both = int((predicted & clicked).sum())
    return 2.0 * both / max(int(predicted.sum()) + int(clicked.sum()), 1)


def best_threshold(scores: npt.ArrayLike, clicked: npt.ArrayLike) -> float:
    """Return the threshold with the best accuracy, the highest one of several.

    It lies halfway between two scores, or just outside of all, as a float64.

    >>> best_threshold([0.25, 0.5, 1.0], [0, 1, 1])
    0.375
    """
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    values, hit = values[order], np.asarray(clicked, dtype=bool)[order]
    # Entry `taken`: how many predictions are right if the first `taken` pairs are clicks.
    right = np.concatenate([[0], np.cumsum(np.where(hit, 1, -1))]) + np.count_nonzero(~hit)
    possible = np.concatenate([[True], values[1:] < values[:-1], [True]])
    taken = int(np.where(possible, right, -1).argmax())
    if taken == 0:
        return float(np.nextafter(values[0], np.inf))
    return float(values[-1] if taken == len(values) else (values[taken - 1] + values[taken]) / 2)


class _Pairs:
    """The clicks of a log and as many unseen pairs, drawn from a seed."""

    def __init__(
        self, log: Interactions, has: csr_matrix, pool: IntArray, seed: int, part: int
    ) -> None:
        clicks = log.matrix()
        counts = np.diff(clicks.indptr).astype(np.int64)
        drawn = draw_unseen(has, counts, pool, np.random.default_rng([seed, part]))
        user, item = clicks.nonzero()
        self.user: IntArray = np.concatenate([user, drawn.row]).astype(np.int64)
        self.item: IntArray = np.concatenate([item, drawn.item]).astype(np.int64)
        self.clicked: BoolArray = np.arange(len(self.user)) < len(user)
        self.num_missing = drawn.num_missing
        self.scores: FloatArray = np.zeros(0, dtype=np.float32)


def _score(parts: Sequence[_Pairs], model: Scorer, num_items: int, chunk_elements: int) -> None:
    """Score the pairs of all draws, each user once."""
    user = np.concatenate([pairs.user for pairs in parts])
    item = np.concatenate([pairs.item for pairs in parts])
    scores = score_pairs(model, user, item, num_items=num_items, chunk_elements=chunk_elements)
    ends = np.cumsum([len(pairs.user) for pairs in parts])[:-1]
    for pairs, values in zip(parts, np.split(scores, ends), strict=True):
        pairs.scores = values


def _result(
    draws: Sequence[_Pairs], thresholds: Sequence[float], test: Interactions, config: CTRConfig
) -> Evaluation:
    users = users_of(test)
    by_seed: dict[str, list[float]] = {"auc": [], "acc": [], "f1": []}
    of_user = np.zeros(len(users))
    for pairs, threshold in zip(draws, thresholds, strict=True):
        predicted = pairs.scores.astype(np.float64) >= threshold
        by_seed["auc"].append(auc(pairs.scores, pairs.clicked))
        by_seed["acc"].append(accuracy(predicted, pairs.clicked))
        by_seed["f1"].append(f1(predicted, pairs.clicked))
        place = np.searchsorted(users, pairs.user)
        right = np.bincount(place, predicted == pairs.clicked, len(users))
        of_user += right / np.bincount(place, minlength=len(users)) / len(draws)
    return Evaluation(
        metrics={name: float(np.mean(values)) for name, values in by_seed.items()},
        per_user={"acc": of_user},
        user_ids=tuple(test.users.take(users)),
        k=(),
        num_candidates=len(draws[0].user),
        num_judgements=int(draws[0].clicked.sum()),
        protocol=config.name,
        details={
            "settings": config.in_results(),
            "by_seed": by_seed,
            "thresholds": list(thresholds),
            "num_not_drawn": draws[0].num_missing,
        },
    )
