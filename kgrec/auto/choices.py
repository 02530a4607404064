"""What validation users could have chosen, and what they chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.models.base import Model
from kgrec.models.standardising import standardised
from kgrec.models.training_data import TrainingData
from kgrec.types import BoolArray, FloatArray, IntArray

CANDIDATES: Final = 50
"""Best items of each model among which the weights are fitted, for each user."""
BLOCK: Final = 1 << 24
"""Scores in memory at a time."""


@dataclass(frozen=True)
class Choices:
    """What validation users could have chosen, and what they chose.

    Only the best items by some model are kept for each user: the others would not be recommended.
    What a user chose among the others is no pair, although it counts in `num_chosen`: if it were
    one, a low score by all models would tell that an item was chosen.

    Attributes:
        user: The user of each pair, 0 … b - 1, ascending, int64 of shape (n,).
        item: Row of its item, int64 of shape (n,).
        scores: Standardised scores of the models, float32 of shape (n, k).
        chosen: Whether the user chose the item, bool of shape (n,).
        users: Features of the users, see `Context.of_histories`: float32 of shape (b, 1 + q).
        num_chosen: Items that each user chose, also those that no model ranks high, int64 (b,).
    """

    user: IntArray
    item: IntArray
    scores: FloatArray
    chosen: BoolArray
    users: FloatArray
    num_chosen: IntArray

    def of_models(self, models: Sequence[int]) -> Choices:
        """Return the choices with the scores of some models only."""
        return replace(self, scores=self.scores[:, list(models)])

    def of_users(self, kept: BoolArray) -> Choices:
        """Return the choices of some users, whose numbers are then 0, 1, …"""
        pairs = kept[self.user]
        number = np.cumsum(kept) - 1
        return Choices(
            number[self.user[pairs]],
            self.item[pairs],
            self.scores[pairs],
            self.chosen[pairs],
            self.users[kept],
            self.num_chosen[kept],
        )


def collect(
    models: Sequence[Model], data: TrainingData, valid: Interactions, users: FloatArray
) -> Choices:
    """Return what the validation users could choose: the best items by each model.

    Args:
        models: Fitted models.
        data: What they were fitted on.
        valid: The validation interactions.
        users: Features of all users.
    """
    rows = np.unique(valid.user).astype(np.int64)
    train, chosen = data.train.matrix(), valid.matrix()
    allowed = np.zeros(valid.num_items, dtype=bool)
    allowed[slice(None) if data.candidates is None else data.candidates] = True
    size = max(1, BLOCK // (valid.num_items * len(models)))
    found: list[tuple[IntArray, IntArray, FloatArray, BoolArray]] = []
    number = np.zeros(len(rows), dtype=np.int64)
    for first in range(0, len(rows), size):
        block = rows[first : first + size]
        open_ = np.tile(allowed, (len(block), 1))
        open_[train[block].nonzero()] = False
        liked = (chosen[block].toarray() > 0) & open_
        number[first : first + size] = liked.sum(axis=1)
        scores = [standardised(model.score(block)) for model in models]
        near = np.zeros_like(liked)
        for score in scores:
            near |= _among_best(np.where(open_, score, -np.inf), CANDIDATES)
        user, item = (near & open_).nonzero()
        made = np.stack([score[user, item] for score in scores], axis=1)
        found.append((user + first, item, made, liked[user, item]))
    user, item, score, is_chosen = (np.concatenate(part) for part in zip(*found, strict=True))
    choices = Choices(user, item, score, is_chosen, users[rows], number)
    return choices.of_users(number > 0)


def _among_best(scores: FloatArray, number: int) -> BoolArray:
    """Return which entries are among the best of their row."""
    if number >= scores.shape[1]:
        return np.ones(scores.shape, dtype=bool)
    best = np.argpartition(-scores, number, axis=1)[:, :number]
    found = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(found, best, True, axis=1)
    return found
