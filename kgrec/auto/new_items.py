"""Choosing where most of the ranked items are new.

A few new items in the validation part say little about other new items: settings and weights that
are chosen on them hold for these only. So items of the training part play new ones as well, and
models are added with equal weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from kgrec.auto.choices import Choices
from kgrec.auto.context import Context
from kgrec.auto.ranking import Ranking
from kgrec.auto.stacking import Fit
from kgrec.auto.weights import Weights
from kgrec.models.training_data import TrainingData

MOSTLY_NEW: Final = 0.5
"""With a larger share of new items, items are what models are chosen on, and not users."""
FOLDS: Final = 4
NEAR: Final = 0.85
"""Models that reach this share of the best one are added."""


def item_folds(data: TrainingData, seed: int) -> list[TrainingData]:
    """Return the data without some of its items, which are its validation part and its candidates.

    A fold has as many items as are ranked for validation, or an eighth of those of the training
    part if that is less. The graph is not made again: only models that read nothing but the items'
    content of it may be fitted on a fold.

    Args:
        data: What models are fitted on.
        seed: Seeds the choice of items.
    """
    train = data.train
    items = np.unique(train.item)
    ranked = train.num_items if data.candidates is None else len(data.candidates)
    size = min(ranked, len(items) // (2 * FOLDS))
    drawn = np.random.default_rng(seed).permutation(items)
    folds = []
    for number in range(FOLDS if size else 0):
        fold = np.sort(drawn[number * size : (number + 1) * size]).astype(np.int64)
        held_out = np.isin(train.item, fold)
        kept, valid = (train.select(np.flatnonzero(part)) for part in (~held_out, held_out))
        folds.append(replace(data, train=kept, valid=valid, candidates=fold))
    return folds


def equal_sum(
    choices: Choices, context: Context, k: int
) -> tuple[list[int], Fit, dict[int, float]]:
    """Return the models that are nearly as good as the best, added with equal weights.

    Args:
        choices: What the validation users chose.
        context: The features of the items.
        k: The cut-off of the NDCG.

    Returns:
        As `kgrec.auto.stacking.choose_weights`.
    """
    ranking = Ranking(choices, k)
    alone = [float(ranking.ndcg(scores).mean()) for scores in choices.scores.T]
    kept = [model for model, value in enumerate(alone) if value >= NEAR * max(alone)]

    def value(models: list[int]) -> float:
        return float(ranking.ndcg(choices.scores[:, models].sum(axis=1)).mean())

    weights = Weights.equal(len(kept), context.items.shape[1])
    without = {model: value([other for other in kept if other != model]) for model in kept}
    return kept, Fit(weights, "equal", 0.0, value(kept)), without if len(kept) > 1 else {}
