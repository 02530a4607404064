"""What a linear head answers: a number, a class, yes or no, or several values; losses and metrics.

A target is saved with its head, so that it says what the head's numbers mean. `begin` is the answer
that knows no text.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from kgrec.errors import ConfigError
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor

_MOST: Final = 100_000
"""Most outputs of a head."""


class Target(BaseModel):
    """What a head answers.

    `outputs` are what the head gives, float32 of shape (n, num_outputs).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """The number of outputs."""

    @property
    @abstractmethod
    def metric(self) -> str:
        """The key in `metrics` that chooses the best epoch."""

    @abstractmethod
    def begin(self) -> FloatArray:
        """Return the head's first bias, float32 of shape (num_outputs,)."""

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss, a scalar."""

    @abstractmethod
    def metrics(self, outputs: FloatArray, labels: FloatArray) -> dict[str, float]:
        """Return the figures of outputs whose right labels are known."""

    @abstractmethod
    def answers(self, outputs: FloatArray) -> FloatArray:
        """Return what the outputs mean."""


class NumberTarget(Target):
    """A number, such as a rating; labels and answers are float32 of shape (n,)."""

    kind: Literal["number"] = "number"
    mean: float = Field(allow_inf_nan=False, description="Mean of the training labels.")
    low: float = Field(allow_inf_nan=False, description="The lowest of them.")
    high: float = Field(allow_inf_nan=False, description="The highest of them.")

    @property
    def num_outputs(self) -> int:
        """One."""
        return 1

    @property
    def metric(self) -> str:
        """The root of the mean squared error."""
        return "rmse"

    def begin(self) -> FloatArray:
        """Return the mean."""
        return np.array([self.mean], dtype=np.float32)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared error."""
        return (outputs[:, 0] - labels).square().mean()

    def metrics(self, outputs: FloatArray, labels: FloatArray) -> dict[str, float]:
        """Return `rmse` and `mae`."""
        error = self.answers(outputs).astype(np.float64) - labels
        return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.abs(error).mean())}

    def answers(self, outputs: FloatArray) -> FloatArray:
        """Return the numbers, within the range of the labels."""
        return np.asarray(np.clip(outputs[:, 0], self.low, self.high), dtype=np.float32)


class ClassTarget(Target):
    """One of several numbers, such as 1 to 5 stars; labels are values, float32 of shape (n,)."""

    kind: Literal["class"] = "class"
    values: tuple[float, ...] = Field(
        min_length=2, max_length=_MOST, description="The values, ascending."
    )
    shares: tuple[float, ...] = Field(description="How often each is a training label.")

    @property
    def num_outputs(self) -> int:
        """One for each value."""
        return len(self.values)

    @property
    def metric(self) -> str:
        """The mean AUC of the values."""
        return "auc"

    def begin(self) -> FloatArray:
        """Return the logarithms of the shares."""
        return np.log(np.maximum(self.shares, 1e-6)).astype(np.float32)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy."""
        import torch
        from torch.nn.functional import cross_entropy

        known = torch.tensor(self.values, dtype=labels.dtype, device=labels.device)
        return cross_entropy(outputs, torch.searchsorted(known, labels))

    def metrics(self, outputs: FloatArray, labels: FloatArray) -> dict[str, float]:
        """Return `auc` (each value against the others, mean), `accuracy` and `macro_f1`.

        Values that no label has, or all have, are left out of the mean AUC, as they have none.
        """
        metrics = _sklearn_metrics()
        known = np.asarray(self.values, dtype=np.float32)
        right = np.searchsorted(known, labels)
        shares = _softmax(outputs)
        found = np.unique(right)
        auc = 0.5
        if len(found) > 1:
            each = [metrics.roc_auc_score(right == one, shares[:, one]) for one in found]
            auc = float(np.mean(each))
        best = outputs.argmax(axis=1)
        return {
            "auc": auc,
            "accuracy": float((best == right).mean()),
            "macro_f1": float(metrics.f1_score(right, best, average="macro", zero_division=0.0)),
        }

    def answers(self, outputs: FloatArray) -> FloatArray:
        """Return the expected value, float32 of shape (n,)."""
        expected = _softmax(outputs) @ np.asarray(self.values)
        return np.asarray(expected, dtype=np.float32)


class YesTarget(Target):
    """Yes or no; labels are 1 and 0, answers the probability of a yes, float32 of shape (n,)."""

    kind: Literal["yes"] = "yes"
    share: float = Field(gt=0, lt=1, description="How often a training label is yes.")

    @property
    def num_outputs(self) -> int:
        """One."""
        return 1

    @property
    def metric(self) -> str:
        """The AUC."""
        return "auc"

    def begin(self) -> FloatArray:
        """Return the log odds of the share."""
        return np.array([np.log(self.share / (1 - self.share))], dtype=np.float32)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the binary cross-entropy."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(outputs[:, 0], labels)

    def metrics(self, outputs: FloatArray, labels: FloatArray) -> dict[str, float]:
        """Return `auc`, 0.5 where all labels are the same, and `log_loss`, in nats."""
        metrics = _sklearn_metrics()
        logits = outputs[:, 0].astype(np.float64)
        losses = np.logaddexp(0.0, logits) - labels * logits
        both = 0 < labels.sum() < len(labels)
        auc = float(metrics.roc_auc_score(labels, logits)) if both else 0.5
        return {"auc": auc, "log_loss": float(losses.mean())}

    def answers(self, outputs: FloatArray) -> FloatArray:
        """Return the probabilities."""
        return _sigmoid(outputs[:, 0])


class ValuesTarget(Target):
    """Values of an item, such as genres; labels are 0 and 1, float32 of shape (n, num_values)."""

    kind: Literal["values"] = "values"
    values: tuple[str, ...] = Field(
        min_length=2, max_length=_MOST, description="The values, as COLUMN: VALUE."
    )
    shares: tuple[float, ...] = Field(description="The share of the training items that has each.")
    single: bool = Field(default=False, description="Whether each item has one of them.")

    @property
    def num_outputs(self) -> int:
        """One for each value."""
        return len(self.values)

    @property
    def metric(self) -> str:
        """The mean F1 of the values."""
        return "macro_f1"

    def begin(self) -> FloatArray:
        """Return the logarithms, or the log odds, of the shares."""
        shares = np.clip(self.shares, 1e-6, 1 - 1e-6)
        found = np.log(shares) if self.single else np.log(shares / (1 - shares))
        return np.asarray(found, dtype=np.float32)

    def loss(self, outputs: Tensor, labels: Tensor, known: Tensor | None = None) -> Tensor:
        """Return the cross-entropy; of yes and no for each value where there may be several.

        Args:
            outputs: As above.
            labels: As above.
            known: Which labels count, bool of the same shape; where each item has one value, an
                item counts with all of its labels or none. None: all.
        """
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

        if self.single:
            return cross_entropy(outputs, labels.argmax(dim=1))
        weight = None if known is None else known.float() * (known.numel() / known.sum())
        return binary_cross_entropy_with_logits(outputs, labels, weight=weight)

    def metrics(
        self, outputs: FloatArray, labels: FloatArray, threshold: float = 0.5
    ) -> dict[str, float]:
        """Return `micro_f1` and `macro_f1`; a value without any label or answer counts as 0.

        Args:
            outputs: As above.
            labels: As above.
            threshold: Of `chosen`.
        """
        right = labels > 0.5
        return dict(zip(("micro_f1", "macro_f1"), _f1(self.chosen(outputs, threshold), right),
                        strict=True))  # fmt: skip

    def answers(self, outputs: FloatArray) -> FloatArray:
        """Return the probability of each value, float32 of shape (n, num_values)."""
        return _softmax(outputs) if self.single else _sigmoid(outputs)

    def chosen(self, outputs: FloatArray, threshold: float) -> BoolArray:
        """Return which values are said of each item, bool of shape (n, num_values).

        Args:
            outputs: As above.
            threshold: The lowest probability; of no use where each item has one value.
        """
        if self.single:
            return np.asarray(np.arange(len(self.values)) == outputs.argmax(axis=1)[:, None])
        return np.asarray(self.answers(outputs) >= threshold)

    def sure(self, outputs: FloatArray, probability: float) -> tuple[FloatArray, BoolArray]:
        """Return labels by the answers of a model, and which of them are sure enough.

        Args:
            outputs: As above.
            probability: What a sure value has at least; one that is surely not there has at most
                1 minus this.

        Returns:
            As labels, and bool of the same shape; an item without any sure value has none.
        """
        answers = self.answers(outputs)
        there = answers >= probability
        if self.single:
            known = np.repeat(there.any(axis=1, keepdims=True), answers.shape[1], axis=1)
            best = answers.argmax(axis=1)[:, None] == np.arange(answers.shape[1])
            return best.astype(np.float32), known
        known = (there | (answers <= 1 - probability)) & there.any(axis=1, keepdims=True)
        return there.astype(np.float32), np.asarray(known)

    def best_threshold(self, outputs: FloatArray, labels: FloatArray) -> float:
        """Return the threshold with the best macro F1, of 0.02, 0.04, … 0.98."""
        steps = [round(0.02 * step, 2) for step in range(1, 50)]
        right = labels > 0.5
        figures = [_f1(self.chosen(outputs, step), right)[1] for step in steps]
        return steps[int(np.argmax(figures))]


AnyTarget = Annotated[
    NumberTarget | ClassTarget | YesTarget | ValuesTarget, Field(discriminator="kind")
]
"""A target, by `kind`."""


def number_target(labels: FloatArray) -> NumberTarget:
    """Return the target of training labels, float32 of shape (n,)."""
    return NumberTarget(
        mean=float(labels.mean()), low=float(labels.min()), high=float(labels.max())
    )


def class_target(labels: FloatArray) -> ClassTarget:
    """Return the target of training labels, float32 of shape (n,).

    Raises:
        ConfigError: All labels are the same, or there are too many different ones.
    """
    values, counts = np.unique(labels, return_counts=True)
    if not 2 <= len(values) <= 100:
        raise ConfigError(
            f"text.tuning.tasks: `stars` needs 2 to 100 different ratings, found {len(values)}. "
            "The task `rating` takes them as numbers."
        )
    return ClassTarget(
        values=tuple(values.tolist()), shares=tuple((counts / counts.sum()).tolist())
    )


def yes_target(labels: FloatArray) -> YesTarget:
    """Return the target of training labels, float32 of shape (n,) with 1 and 0.

    Raises:
        ConfigError: All labels are the same.
    """
    share = float(labels.mean()) if len(labels) else 0.0
    if not 0 < share < 1:
        raise ConfigError(
            f"text.tuning.tasks: `click` needs both yes and no in the training part, and all "
            f"{len(labels):,} are {'yes' if share else 'no'}. Set data.positive, such "
            "as 'rating >= 4', so that other ratings are a no, or the task's own `positive`."
        )
    return YesTarget(share=share)


def _f1(said: BoolArray, right: BoolArray) -> tuple[float, float]:
    """Return micro and macro F1 of yes and no for each value."""
    hits = (said & right).sum(axis=0)
    of_all: IntArray = said.sum(axis=0) + right.sum(axis=0)
    each = np.divide(2.0 * hits, of_all, out=np.zeros(len(hits)), where=of_all > 0)
    return float(2.0 * hits.sum() / max(int(of_all.sum()), 1)), float(each.mean())


def _softmax(outputs: FloatArray) -> FloatArray:
    raised = np.exp(outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def _sigmoid(outputs: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * outputs)), dtype=np.float32)


def _sklearn_metrics() -> Any:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise ConfigError(
            "text.tuning.tasks: `stars` and `click` need scikit-learn for their metrics, which is "
            "not installed: `pip install 'kgrec[tuning]'`."
        ) from error
    return metrics
