"""The tasks `rating`, `stars` and `click`: a user's and an item's text in, an answer out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.errors import DataError
from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.head import Head
from kgrec.text.tuning.one_tower_settings import PairTextsConfig
from kgrec.text.tuning.targets import Target
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.text.tuning.user_texts import PairReader, UserTexts
from kgrec.types import FloatArray, IntArray


@dataclass(frozen=True)
class Answers:
    """Pairs of users and items with the right answer.

    Attributes:
        user: Rows of users, int64 of shape (n,).
        item: Rows of items, likewise.
        label: What a target asks for, float32 of shape (n,).
    """

    user: IntArray
    item: IntArray
    label: FloatArray

    def __len__(self) -> int:
        return len(self.user)


class PairTextsTask(Task[IntArray]):
    """See `PairTextsConfig`. An item in question is not in the history of its own user text.

    Args:
        config: The settings.
        users: The texts of the users, of the training part.
        items: The text of each item.
        train: What the head learns.
        valid: What chooses the epoch; None: nothing does.
        target: What the head answers.
        tower: The encoder in training.

    Raises:
        DataError: There is nothing to learn from.
    """

    def __init__(
        self,
        config: PairTextsConfig,
        users: UserTexts,
        items: Sequence[str],
        train: Answers,
        valid: Answers | None,
        target: Target,
        tower: Tower,
    ) -> None:
        if not len(train):
            raise DataError(f"The task `{config.name}` has no rated pairs to learn from.")
        self.config, self.users, self.items = config, users, items
        self.train, self.valid, self.target = train, valid, target
        self.name, self.weight = config.name, config.weight
        self.metric = target.metric
        self.lower_is_better = target.metric == "rmse"
        self.head = Head(tower.dim, target.begin()).to(tower.device)
        self._reader: PairReader | None = None
        self._validation: Corpus | None = None

    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Read titles and item texts; see `Task.prepare`."""
        self._reader = tower.pair_reader(self.config.user_share)
        self._reader.read([*self.items, *self.users.titles], progress)
        if self.valid is not None and len(self.valid):
            self._validation = Corpus.of_tokens(self._tokens(self.valid))

    def batches(self, random: np.random.Generator) -> Sequence[IntArray]:
        """Return rows of training pairs; see `Task.batches`."""
        rows = random.permutation(len(self.train))[: self.config.pairs_per_epoch]
        return np.array_split(rows, -(-len(rows) // self.config.batch_size))

    def num_texts(self, batch: IntArray) -> int:
        """Return the number of pairs, each of two texts; see `Task.num_texts`."""
        return 2 * len(batch)

    def loss(self, tower: Tower, batch: IntArray) -> Tensor:
        """Return the loss of a batch; see `Task.loss`."""
        train = self.train
        some = Answers(train.user[batch], train.item[batch], train.label[batch])
        vectors = tower(Corpus.of_tokens(self._tokens(some)), np.arange(len(batch)))
        labels = torch.from_numpy(some.label).to(vectors.device)
        return self.target.loss(self.head(vectors), labels)

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Return the target's metrics on the validation pairs; see `Task.metrics`."""
        if self._validation is None or self.valid is None:
            return {}
        outputs = self.head.of_arrays(tower.vectors(self._validation, progress=progress))
        return self.target.metrics(outputs, self.valid.label)

    def identity(self) -> str:
        """Return a digest of the pairs, the texts and the target."""
        found = hashlib.sha256(self.target.model_dump_json().encode())
        for log in (self.train, self.valid):
            for column in () if log is None else (log.user, log.item, log.label):
                found.update(column.tobytes())
        told = [str(self.users.of(user)) for user in np.unique(self.train.user).tolist()]
        for text in [*self.items, *told]:
            found.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        return found.hexdigest()

    def heads(self) -> Mapping[str, nn.Parameter]:
        """Return the head's weight and bias; see `Task.heads`."""
        return dict(self.head.named_parameters())

    def about(self) -> Mapping[str, Any]:
        """Return what the head answers; see `Task.about`."""
        return {
            "name": self.name,
            "target": self.target.model_dump(mode="json"),
            "user_share": self.config.user_share,
            "history": self.config.history,
            "profile": self.config.profile,
            "user_text": self.config.user_text,
        }

    def _tokens(self, pairs: Answers) -> list[IntArray]:
        reader = self._reader
        assert reader is not None
        return [
            reader.tokens(self.users.of(user, item), self.items[item])
            for user, item in zip(pairs.user.tolist(), pairs.item.tolist(), strict=True)
        ]
