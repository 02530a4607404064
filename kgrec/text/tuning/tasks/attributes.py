"""The task `attributes`: an item's text in, its values out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.head import Head
from kgrec.text.tuning.one_tower_settings import AttributesConfig
from kgrec.text.tuning.targets import ValuesTarget
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.types import BoolArray, FloatArray, IntArray


class AttributesTask(Task[IntArray]):
    """See `AttributesConfig`.

    Args:
        config: The settings.
        texts: The text of each item that has a value, n of them.
        labels: The values of each, float32 of shape (n, num_values) with 1 and 0.
        valid: Which of them choose the epoch and the threshold, bool of shape (n,).
        target: What the head answers.
        tower: The encoder in training.
    """

    name = "attributes"

    def __init__(
        self,
        config: AttributesConfig,
        texts: Sequence[str],
        labels: FloatArray,
        valid: BoolArray,
        target: ValuesTarget,
        tower: Tower,
    ) -> None:
        self.config, self.texts, self.labels, self.target = config, texts, labels, target
        self.weight, self.metric = config.weight, target.metric
        self._train, self._valid = np.flatnonzero(~valid), np.flatnonzero(valid)
        self.head = Head(tower.dim, target.begin()).to(tower.device)
        # It is not trained, but belongs to the best epoch like what is.
        self.threshold = nn.Parameter(torch.tensor([0.5]), requires_grad=False)
        self._corpus: Corpus | None = None

    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Read the texts; see `Task.prepare`."""
        self._corpus = tower.corpus(self.texts, progress)

    def batches(self, random: np.random.Generator) -> Sequence[IntArray]:
        """Return rows of training texts; see `Task.batches`."""
        rows = random.permutation(self._train)
        return np.array_split(rows, -(-len(rows) // self.config.batch_size))

    def loss(self, tower: Tower, batch: IntArray) -> Tensor:
        """Return the loss of a batch; see `Task.loss`."""
        assert self._corpus is not None
        vectors = tower(self._corpus, batch)
        labels = torch.from_numpy(self.labels[batch]).to(vectors.device)
        return self.target.loss(self.head(vectors), labels)

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Return micro and macro F1 on the validation items, at the best threshold there."""
        assert self._corpus is not None
        outputs = self.head.of_arrays(tower.vectors(self._corpus, self._valid, progress))
        labels = self.labels[self._valid]
        threshold = 0.5 if self.target.single else self.target.best_threshold(outputs, labels)
        with torch.no_grad():
            self.threshold.fill_(threshold)
        found = self.target.metrics(outputs, labels, threshold)
        return found if self.target.single else {**found, "threshold": threshold}

    def identity(self) -> str:
        """Return a digest of the texts and the values."""
        found = hashlib.sha256(self.target.model_dump_json().encode())
        found.update(self.labels.tobytes() + self._valid.tobytes())
        for text in self.texts:
            found.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        return found.hexdigest()

    def heads(self) -> Mapping[str, nn.Parameter]:
        """Return weight, bias and threshold; see `Task.heads`."""
        return {**dict(self.head.named_parameters()), "threshold": self.threshold}

    def about(self) -> Mapping[str, Any]:
        """Return what the head answers; see `Task.about`."""
        return {"name": self.name, "target": self.target.model_dump(mode="json")}
