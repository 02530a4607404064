"""The loop that trains an encoder on tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import DataError, RunError, option, printable
from kgrec.outputs.tensors import load_checkpoint, save_checkpoint
from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.adapting import seeded
from kgrec.text.tuning.optimizing import Optimizer
from kgrec.text.tuning.robust import Adversary, apart
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Tower

Callback = Callable[[Mapping[str, float]], object]
"""Gets epoch, loss, metrics, best and seconds after each validation."""

Steps = Callable[[int, int], None]
"""Gets the steps done, and the most there will be."""

_SEEDS = 1 << 32


@dataclass
class TuningProgress:
    """The progress of a training; all of it goes into a checkpoint.

    Attributes:
        epoch: Epochs done.
        seconds: Time of training, including the time before a resume.
        best: Best value of the first task's metric; None: there was no validation yet.
        best_epoch: The epoch of the best value; 0: the model as it was.
        best_seconds: Time of training until then.
        curve: One entry for each validation: epoch, seconds, loss and the metrics.
    """

    epoch: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    best_seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


class Tuner:
    """Trains an encoder; a training can stop and resume.

    The weights of the best validation are kept. The model as it was is the first candidate: if
    training makes nothing better, nothing changes.

    Args:
        tower: The encoder; `run` leaves the best weights in it.
        tasks: What it is trained on; their losses are added.
        settings: The settings.
        seed: The seed of all that is drawn.
        checkpoint: File to write the state to after each validation; None: it is not written.
    """

    def __init__(
        self, tower: Tower, tasks: Sequence[Task[Any]], settings: TextTuning, seed: int,
        checkpoint: Path | None = None,
    ) -> None:  # fmt: skip
        self.tower, self.tasks, self.settings = tower, list(tasks), settings
        self.seed, self.checkpoint = seed, checkpoint
        heads = {
            f"{place}.{name}": value
            for place, task in enumerate(self.tasks)
            for name, value in task.heads().items()
        }
        self._heads = heads
        self._per_epoch = max(len(batches) for batches in self._drawn(0))
        steps = -(-self._per_epoch // settings.accumulate)
        self.num_steps = steps * settings.epochs
        tower.plan(self.num_steps)
        rates = {
            f"{place}.{name}": task.rate
            for place, task in enumerate(self.tasks)
            if task.rate is not None
            for name in task.heads()
        }
        self.optimizer = Optimizer(tower, heads, settings, self.num_steps, rates)
        self.progress = TuningProgress()
        self._best = self._weights()
        self._resumed = False

    def run(
        self,
        callback: Callback | None = None,
        steps: Steps | None = None,
        encoding: ShowProgress = False,
    ) -> TuningProgress:
        """Train until the metric gets no better, or for all epochs.

        A KeyboardInterrupt ends it; the checkpoint of the last validation is there.

        Raises:
            DataError: The loss is not a number.
            RunError: The checkpoint cannot be written.
        """
        progress = self.progress
        for task in self.tasks:
            task.prepare(self.tower, encoding)
        started = time.perf_counter() - progress.seconds
        if not self._resumed:
            self._validate(float("nan"), started, callback)
        while progress.epoch < self.settings.epochs and not self._finished():
            loss = self._epoch(steps)
            progress.epoch += 1
            last = progress.epoch == self.settings.epochs
            if last or progress.epoch % self.settings.eval_every == 0:
                self._validate(loss, started, callback)
        if progress.best is not None:
            self._load_weights(self._best)
        return progress

    def _epoch(self, steps: Steps | None) -> float:
        """Train on all batches once, and return the mean loss."""
        drawn = self._drawn(self.progress.epoch)
        self.tower.train()
        total = 0.0
        for place in range(self._per_epoch):
            for task, batches in zip(self.tasks, drawn, strict=True):
                total += self._gradients(task, batches[place % len(batches)], place)
            penalty = self.tower.penalty()
            if penalty is not None:
                (penalty / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
            if (place + 1) % self.settings.accumulate == 0 or place + 1 == self._per_epoch:
                self.optimizer.step()
                if steps is not None:
                    steps(self.optimizer.step_count, self.num_steps)
        if total != total:
            raise DataError(
                f"The loss is not a number after epoch {self.progress.epoch + 1}. A lower "
                "learning_rate or a higher temperature usually helps."
            )
        return total / self._per_epoch

    def _gradients(self, task: Task[Any], batch: Any, place: int) -> float:
        """Add the gradients of a batch to those that there are, and return its loss."""

        def backward() -> float:
            with seeded(self._step_seed(place)):
                loss = task.weight * self._loss(task, batch, place)
                (loss / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())

        size = self.settings.adversarial
        if size is None:
            return backward()
        with Adversary(self.tower.module.model.get_input_embeddings().weight, size) as adversary:
            loss = backward()
            if adversary.move():
                backward()
        return loss

    def _loss(self, task: Task[Any], batch: Any, place: int) -> Tensor:
        if self.settings.r_drop is None:
            return task.loss(self.tower, batch)
        with self.tower.recorded() as first:
            loss = task.loss(self.tower, batch)
        with seeded(self._step_seed(place, 1)), self.tower.recorded() as second:
            loss = (loss + task.loss(self.tower, batch)) / 2
        distance = apart(first, second)
        return loss if distance is None else loss + self.settings.r_drop * distance

    def _drawn(self, epoch: int) -> list[Sequence[Any]]:
        """Return the batches of an epoch for each task."""
        return [
            task.batches(np.random.default_rng([self.seed % _SEEDS, epoch, place]))
            for place, task in enumerate(self.tasks)
        ]

    def _step_seed(self, place: int, turn: int = 0) -> int:
        parts = [self.seed % _SEEDS, self.progress.epoch, place, *([turn] if turn else [])]
        return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)

    def _validate(self, loss: float, started: float, callback: Callback | None) -> None:
        """Measure, keep the weights if they are the best, and write a checkpoint."""
        progress = self.progress
        figures: dict[str, float] = {"epoch": progress.epoch}
        if loss == loss:
            figures["loss"] = loss
        for task in reversed(self.tasks):  # a metric of the first is not replaced
            figures.update(task.metrics(self.tower))
        progress.seconds = time.perf_counter() - started
        first = self.tasks[0]
        value = figures.get(first.metric)
        if value is not None:
            sign = -1.0 if first.lower_is_better else 1.0
            if progress.best is None or sign * value > sign * progress.best:
                progress.best, progress.best_epoch = value, progress.epoch
                progress.best_seconds = progress.seconds
                self._best = self._weights()
        progress.curve.append({**figures, "seconds": progress.seconds})
        self._save()
        if callback is not None:
            best = {} if progress.best is None else {"best": progress.best}
            callback({**figures, **best, "seconds": progress.seconds})

    def _finished(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return (
            self.progress.best is not None
            and waited >= self.settings.patience * self.settings.eval_every
        )

    def heads(self) -> dict[str, Tensor]:
        """Return copies of what tasks have trained beside the encoder, by task and name."""
        return {name: value.detach().clone() for name, value in self._heads.items()}

    def _weights(self) -> dict[str, Tensor]:
        heads = {f"head {name}": value for name, value in self.heads().items()}
        return {**self.tower.state(), **heads}

    def _load_weights(self, weights: Mapping[str, Tensor]) -> None:
        of_tower = {name: value for name, value in weights.items() if name[:5] != "head "}
        self.tower.load_state(of_tower)
        with torch.no_grad():
            for name, value in self._heads.items():
                value.copy_(weights[f"head {name}"])

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        tensors = {f"now/{name}": value for name, value in self._weights().items()}
        tensors |= {f"best/{name}": value for name, value in self._best.items()}
        tensors |= {f"adam/{name}": value for name, value in self.optimizer.state().items()}
        tensors |= {f"regime/{name}": value for name, value in self.tower.kept().items()}
        for place, task in enumerate(self.tasks):
            tensors |= {f"task/{place}/{name}": kept for name, kept in task.state().items()}
        about = {
            "progress": vars(self.progress),
            "steps": self.optimizer.step_count,
            **self._identity(),
        }
        save_checkpoint(self.checkpoint, tensors, about)

    def _identity(self) -> dict[str, Any]:
        """Return what must be equal for one training to resume another."""
        return {
            "settings": self.settings.model_dump(mode="json", exclude={"patience"}),
            "model": self.tower.fingerprint,
            "precision": f"{self.tower.precision} on {self.tower.device.type}",
            "seed": self.seed,
            "data": [task.identity() for task in self.tasks],
        }

    def resume(self) -> None:
        """Load the checkpoint: training then continues as if it had never stopped.

        Raises:
            RunError: It is missing, damaged, or of another model, other settings or other data.
        """
        if self.checkpoint is None:
            raise RunError("There is no checkpoint to resume from.")
        tensors, about = load_checkpoint(self.checkpoint)
        where = printable(str(self.checkpoint))
        for part, wanted in self._identity().items():
            if about.get(part) != wanted:
                other = f"{part}{_difference(about.get(part), wanted)}"
                raise RunError(
                    f"{where} is of a training with other {other}. Use the same, or start anew "
                    f"without {option('resume', True)}."
                )
        try:
            self._load_weights(_part(tensors, "now/"))
            self._best = _part(tensors, "best/")
            self.optimizer.load_state(_part(tensors, "adam/"), int(about["steps"]))
            self.tower.load_kept(_part(tensors, "regime/"))
            for place, task in enumerate(self.tasks):
                task.load_state(_part(tensors, f"task/{place}/"))
            self.progress = TuningProgress(**about["progress"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"{where} is of another model or damaged: {error}") from error
        self._resumed = True


def _difference(found: Any, wanted: Any) -> str:
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return ""
    other = [name for name, value in wanted.items() if found.get(name) != value]
    return f" ({', '.join(other)})"


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
