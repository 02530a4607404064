"""Weights of models that depend on what is known of the user and the item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgrec.types import FloatArray

if TYPE_CHECKING:
    from kgrec.auto.choices import Choices


@dataclass(frozen=True)
class Weights:
    """score(u, i) = Σ_k (a_k + b_k · activity_u) z_k(u, i) + Σ_q (c_q + d_q · activity_u +
    e_q · mean_q(u)) x_q(i), with z_k the standardised scores of a model and x_q the features of
    the items.

    Attributes:
        models: a and b, float32 of shape (k, 2).
        items: c, d and e, float32 of shape (q, 3).
    """

    models: FloatArray
    items: FloatArray

    @classmethod
    def equal(cls, num_models: int, num_features: int) -> Weights:
        """Return weights that are the same for each model and depend on nothing."""
        models = np.zeros((num_models, 2), dtype=np.float32)
        models[:, 0] = 1.0 / max(1, num_models)
        return cls(models, np.zeros((num_features, 3), dtype=np.float32))

    def of_users(self, users: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the weights of models and items' features for users, float32 (b, k) and (b, q)."""
        active, means = users[:, :1], users[:, 1:]
        of_models = self.models[:, 0] + active * self.models[:, 1]
        of_items = self.items[:, 0] + active * self.items[:, 1] + means * self.items[:, 2]
        return of_models.astype(np.float32), of_items.astype(np.float32)

    def score(self, choices: Choices, items: FloatArray) -> FloatArray:
        """Return the scores of pairs, float32 of shape (n,)."""
        of_models, of_items = self.of_users(choices.users)
        made = np.einsum("nk,nk->n", choices.scores, of_models[choices.user])
        made += np.einsum("nq,nq->n", items[choices.item], of_items[choices.user])
        return np.asarray(made, dtype=np.float32)
