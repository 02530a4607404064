"""The contract of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor, nn

from kgrec.engine.peers import Peers
from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.tower import Tower

B = TypeVar("B")


class Task(ABC, Generic[B]):
    """What an encoder is trained on.

    Attributes:
        name: What it is called in messages and in the state.
        weight: What its loss is multiplied by.
        metric: The key in `metrics` that chooses the best epoch.
        lower_is_better: Whether a lower metric is better.
        rate: The step size of what `heads` returns; None: `projection_rate`.
        place: Which batch of the epoch the next losses are of, from 0 on; the loop sets it. Several
            passes may go through one.
    """

    name: str
    weight: float
    metric: str
    lower_is_better: bool = False
    rate: float | None = None
    place: int = 0

    @abstractmethod
    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Read the texts, before the first epoch or a resumed one.

        Args:
            tower: The encoder in training.
            progress: As for `TextEncoder.encode`.
        """

    @abstractmethod
    def batches(self, random: np.random.Generator) -> Sequence[B]:
        """Return the batches of an epoch, which depend on `random` alone."""

    def num_texts(self, batch: B) -> int:
        """Return how many texts are encoded with gradients for a batch, as `batches` gave it.

        It says what a training needs. A text of a user and an item counts as two. This default
        knows none.
        """
        del batch
        return 0

    @abstractmethod
    def loss(self, tower: Tower, batch: B) -> Tensor:
        """Return the loss of a batch, a float32 scalar with gradients."""

    @abstractmethod
    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Return the figures of the validation part; empty: there is none."""

    @abstractmethod
    def identity(self) -> str:
        """Return what must be equal for one training to resume another: a digest of the data."""

    def heads(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters that are trained beside the encoder, by name."""
        return {}

    def about(self) -> Mapping[str, Any]:
        """Return what a reader of the saved heads has to know, for JSON; empty: nothing."""
        return {}

    def end_step(self, peers: Peers) -> None:
        """Keep what the batches of a step gave for later ones; see `Bank.end_step`.

        Args:
            peers: The processes that train together, each with some of these batches. What is kept
                is afterwards the same in all.

        Raises:
            PeerLost: Another process has ended.
        """

    def state(self) -> dict[str, Tensor]:
        """Return what the task keeps from one epoch to the next besides `heads`."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned.

        Raises:
            KeyError: Something is missing.
        """

    def take_over(self, tower: Tower, state: Mapping[str, Tensor]) -> None:
        """Go on from the state of this task in another process, which has validated it.

        Args:
            tower: The encoder in training, with the weights that it has there.
            state: What `state` returned there.
        """
        del tower  # it is for tasks that keep what was made with it
        self.load_state(state)
