"""The figures of a validation during training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kgrec.engine import LocalEngine
from kgrec.evaluation.base import Scorer
from kgrec.evaluation.evaluate import evaluate
from kgrec.models.training_data import TrainingData

_CURVE: Final = ("ndcg", "recall", "precision", "mrr", "map", "hit")
"""The metrics that the curve of a training shows."""


class Validation:
    """Evaluates a model on the validation part, in the same way as `kgrec.evaluate`.

    Args:
        model: What is trained.
        prepare: Makes the model ready to score with the weights that it has now.
        data: Has the validation part.
        metric: The metric that decides, such as `ndcg@10`; the others have the same cutoff.
    """

    def __init__(
        self, model: Scorer, prepare: Callable[[], None], data: TrainingData, metric: str
    ) -> None:
        self.model, self.prepare, self.data = model, prepare, data
        self.k = int(metric.partition("@")[2])

    def __call__(self) -> Mapping[str, float]:
        """Return the figures by name."""
        self.prepare()
        data = self.data
        assert data.valid is not None
        with LocalEngine():  # the weights of each epoch would go to all workers
            metrics = evaluate(
                self.model, data.valid, exclude=data.train, k=(self.k,), candidates=data.candidates
            ).metrics
        return {name: metrics[name] for name in metrics if name.split("@")[0] in _CURVE}
