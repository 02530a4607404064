"""Losses that compare each positive with negatives of its own: BPR, cross-entropy, BSL."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from kgrec.training.losses.base import PairwiseLossConfig


class BPRConfig(PairwiseLossConfig):
    """Bayesian personalised ranking: -log σ(s(u, i) - s(u, j)) (Rendle et al., UAI 2009)."""

    name: Literal["bpr"] = "bpr"

    def of_scores(self, chosen: Tensor, other: Tensor, row: Tensor) -> Tensor:  # noqa: ARG002
        """Return the mean over positives and negatives; see `PairwiseLossConfig.of_scores`."""
        return F.softplus(other - chosen[:, None]).mean()


class CrossEntropyConfig(PairwiseLossConfig):
    """Cross-entropy of each single score: the target of positives is 1, of all others 0.

    The loss of KGCN (Wang et al., WWW 2019).
    """

    name: Literal["cross_entropy"] = "cross_entropy"

    def of_scores(self, chosen: Tensor, other: Tensor, row: Tensor) -> Tensor:  # noqa: ARG002
        """Return the mean over positives and negatives; see `PairwiseLossConfig.of_scores`."""
        total = F.softplus(-chosen).sum() + F.softplus(other).sum()
        return total / (chosen.numel() + other.numel())


class BSLConfig(PairwiseLossConfig):
    """Bilateral softmax loss (Wu et al., BSL: Understanding and Improving Softmax Loss, ICDE 2024).

    -τ₁ log E_i[exp(s(u, i) / τ₁)] + τ₂ log E_j[exp(s(u, j) / τ₂)] for each user u with the
    positives i and the negatives j of the batch. With τ₁ → ∞ the first term is the mean score, and
    the loss is the softmax loss times τ₂.
    """

    name: Literal["bsl"] = "bsl"
    temperature: float = Field(default=0.25, gt=0, description="τ₂, of the negatives.")
    positive_temperature: float = Field(default=1.0, gt=0, description="τ₁, of the positives.")

    def of_scores(self, chosen: Tensor, other: Tensor, row: Tensor) -> Tensor:
        """Return the mean over users; see `PairwiseLossConfig.of_scores`."""
        num = int(row.max()) + 1
        of_chosen, of_other = self.positive_temperature, self.temperature
        good = of_chosen * _log_mean_exp(chosen / of_chosen, row, num)
        negatives = row[:, None].expand_as(other).reshape(-1)
        bad = of_other * _log_mean_exp(other.reshape(-1) / of_other, negatives, num)
        return (bad - good).mean()


def _log_mean_exp(values: Tensor, group: Tensor, num: int) -> Tensor:
    """Return log mean exp of the values of each group, shape (num,)."""
    highest = values.new_full((num,), -math.inf)
    highest = highest.scatter_reduce(0, group, values.detach(), "amax")
    total = values.new_zeros(num).index_add(0, group, torch.exp(values - highest[group]))
    count = torch.bincount(group, minlength=num).to(values.dtype)
    return torch.log(total / count) + highest
