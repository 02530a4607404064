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
        unlabelled: The texts of items without any value, for `pseudo_labels`.
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
        unlabelled: Sequence[str] = (),
    ) -> None:
        self.config, self.texts, self.target = config, [*texts, *unlabelled], target
        self.weight, self.metric = config.weight, target.metric
        self._train, self._valid = np.flatnonzero(~valid), np.flatnonzero(valid)
        self._unlabelled = np.arange(len(texts), len(self.texts))
        nothing = np.zeros((len(unlabelled), labels.shape[1]), dtype=np.float32)
        self.labels = np.concatenate([labels, nothing])
        self._known = np.concatenate([np.ones(labels.shape, np.bool_), nothing.astype(np.bool_)])
        self._validations = 0
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
        batches = np.array_split(rows, -(-len(rows) // self.config.batch_size))
        if not len(self._unlabelled):
            return batches
        others = random.permutation(self._unlabelled)[: len(rows)]
        return [
            np.concatenate(both)
            for both in zip(batches, np.array_split(others, len(batches)), strict=True)
        ]

    def num_texts(self, batch: IntArray) -> int:
        """Return the number of items; see `Task.num_texts`."""
        return len(batch)

    def loss(self, tower: Tower, batch: IntArray) -> Tensor:
        """Return the loss of a batch; see `Task.loss`."""
        assert self._corpus is not None
        batch = batch[self._known[batch].any(axis=1)]  # the others say nothing yet
        vectors = tower(self._corpus, batch)
        labels, known = (
            torch.from_numpy(of[batch]).to(vectors.device) for of in (self.labels, self._known)
        )
        return self.target.loss(
            self.head(vectors), labels, known if len(self._unlabelled) else None
        )

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Return micro and macro F1 on the validation items, at the best threshold there."""
        assert self._corpus is not None
        outputs = self.head.of_arrays(tower.vectors(self._corpus, self._valid, progress))
        labels = self.labels[self._valid]
        threshold = 0.5 if self.target.single else self.target.best_threshold(outputs, labels)
        with torch.no_grad():
            self.threshold.fill_(threshold)
        found = self.target.metrics(outputs, labels, threshold)
        self._validations += 1
        if len(self._unlabelled) and self._validations > 1:  # the first one is before training
            found["pseudo_labelled"] = self._label(tower, progress)
        return found if self.target.single else {**found, "threshold": threshold}

    def _label(self, tower: Tower, progress: ShowProgress) -> int:
        """Give items without values the labels that are sure, and return how many have some."""
        assert self._corpus is not None
        assert self.config.pseudo_labels is not None
        rows = self._unlabelled
        outputs = self.head.of_arrays(tower.vectors(self._corpus, rows, progress))
        self.labels[rows], self._known[rows] = self.target.sure(outputs, self.config.pseudo_labels)
        return int(self._known[rows].any(axis=1).sum())

    def state(self) -> dict[str, Tensor]:
        """Return the labels of items without values; see `Task.state`."""
        if not len(self._unlabelled):
            return {}
        rows = self._unlabelled
        return {
            "labels": torch.from_numpy(self.labels[rows]),  # copies, as rows are numbers
            "known": torch.from_numpy(self._known[rows]),
            "validations": torch.tensor(self._validations),
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore them; see `Task.load_state`."""
        if len(self._unlabelled):
            rows = self._unlabelled
            self.labels[rows] = state["labels"].numpy()
            self._known[rows] = state["known"].numpy()
            self._validations = int(state["validations"])

    def identity(self) -> str:
        """Return a digest of the texts and the values."""
        found = hashlib.sha256(self.target.model_dump_json().encode())
        given = self.labels[: len(self.texts) - len(self._unlabelled)]
        found.update(given.tobytes() + self._valid.tobytes() + self._unlabelled.tobytes())
        for text in self.texts:
            found.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        return found.hexdigest()

    def heads(self) -> Mapping[str, nn.Parameter]:
        """Return weight, bias and threshold; see `Task.heads`."""
        return {**dict(self.head.named_parameters()), "threshold": self.threshold}

    def about(self) -> Mapping[str, Any]:
        """Return what the head answers; see `Task.about`."""
        return {"name": self.name, "target": self.target.model_dump(mode="json")}
