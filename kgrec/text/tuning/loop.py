"""The loop that trains an encoder on tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.engine.peers import ALONE, Peers
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
        peers: Other processes that train the same encoder. They share the batches of each step,
            and their gradients are added up; the first one validates.

    Attributes:
        num_steps: Steps of the whole training, at most.
        step_batches: Batches of a step, but for the last one of an epoch: `accumulate`, or as many
            as an epoch has.
        progress: What was done.
        texts_per_epoch: Texts that an epoch encodes with gradients.
        most_texts: Most texts whose gradients are computed at once.
    """

    def __init__(
        self, tower: Tower, tasks: Sequence[Task[Any]], settings: TextTuning, seed: int,
        checkpoint: Path | None = None, peers: Peers = ALONE,
    ) -> None:  # fmt: skip
        self.tower, self.tasks, self.settings = tower, list(tasks), settings
        self.seed, self.checkpoint, self.peers = seed, checkpoint, peers
        heads = {
            f"{place}.{name}": value
            for place, task in enumerate(self.tasks)
            for name, value in task.heads().items()
        }
        self._heads = heads
        drawn = self._drawn(0)
        self._per_epoch = max(map(len, drawn))
        counts = [
            [task.num_texts(batches[place % len(batches)]) for place in range(self._per_epoch)]
            for task, batches in zip(self.tasks, drawn, strict=True)
        ]
        self.texts_per_epoch = sum(map(sum, counts))
        self.most_texts = max(map(max, counts))
        steps = -(-self._per_epoch // settings.accumulate)
        self.num_steps = steps * settings.epochs
        self.step_batches = min(settings.accumulate, self._per_epoch)
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
        for figures in self.validations(steps, encoding):
            if self.checkpoint is not None:
                save_checkpoint(self.checkpoint, *self.standing())
            if callback is not None:
                callback(figures)
        self.keep_best()
        return self.progress

    def validations(
        self, steps: Steps | None = None, encoding: ShowProgress = False
    ) -> Iterator[dict[str, float]]:
        """Train, and yield what `Callback` gets after each validation; see `run`.

        Raises:
            DataError: The loss is not a number.
            PeerLost: Another process has ended.
        """
        progress = self.progress
        for task in self.tasks:
            task.prepare(self.tower, encoding)
        self._begin_alike()
        started = time.perf_counter() - progress.seconds
        if not self._resumed:
            yield self._validate(float("nan"), started)
        while progress.epoch < self.settings.epochs and not self._finished():
            loss = self._epoch(steps)
            progress.epoch += 1
            last = progress.epoch == self.settings.epochs
            if last or progress.epoch % self.settings.eval_every == 0:
                yield self._validate(loss, started)

    def keep_best(self) -> None:
        """Give the tower the best weights; without a validation, it keeps the last ones."""
        if self.progress.best is not None:
            self._load_weights(self._best)

    def _begin_alike(self) -> None:
        """Let all processes begin with what the first one has.

        A processor of another type has rounded otherwise where something was computed already.
        """
        if self.peers.size == 1:
            return
        weights, states = self.peers.from_first(
            lambda: (_on_cpu(self._weights()), [_on_cpu(task.state()) for task in self.tasks])
        )
        if self.peers.rank:
            self._load_weights(weights)
            self._take_over(states)

    def _take_over(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        for task, state in zip(self.tasks, states, strict=True):
            task.take_over(self.tower, state)

    def _epoch(self, steps: Steps | None) -> float:
        """Train on all batches once, and return the mean loss."""
        drawn = self._drawn(self.progress.epoch)
        self.tower.train()
        total, accumulate = 0.0, self.settings.accumulate
        for place in range(self._per_epoch):
            if place % accumulate % self.peers.size == self.peers.rank:
                for task, batches in zip(self.tasks, drawn, strict=True):
                    total += self._gradients(task, batches[place % len(batches)], place)
                penalty = self.tower.penalty()
                if penalty is not None:
                    (penalty / accumulate).backward()  # type: ignore[no-untyped-call]
            if (place + 1) % accumulate == 0 or place + 1 == self._per_epoch:
                self._step()
                if steps is not None:
                    steps(self.optimizer.step_count, self.num_steps)
        if self.peers.size > 1:
            total = float(self.peers.sum(torch.tensor(total, dtype=torch.float64)))
        if total != total:
            raise DataError(
                f"The loss is not a number after epoch {self.progress.epoch + 1}. A lower "
                "learning_rate or a higher temperature usually helps."
            )
        return total / self._per_epoch

    def _step(self) -> None:
        """Add up the gradients of all processes, and take a step; all take the same."""
        if self.peers.size > 1:
            alike: dict[Any, list[nn.Parameter]] = {}
            for value in self.optimizer.parameters.values():
                alike.setdefault((value.device, value.dtype), []).append(value)
            for group in alike.values():
                self.peers.average_gradients(group, 1.0)
        self.optimizer.step()
        for task in self.tasks:
            task.end_step(self.peers)

    def _gradients(self, task: Task[Any], batch: Any, place: int) -> float:
        """Add the gradients of a batch to those that there are, and return its loss."""
        task.place = place

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

    def _validate(self, loss: float, started: float) -> dict[str, float]:
        """Measure, keep the weights if they are the best, and return the figures."""
        progress = self.progress
        figures: dict[str, float] = {"epoch": progress.epoch}
        if loss == loss:
            figures["loss"] = loss
        figures.update(self._measured())
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
        best = {} if progress.best is None else {"best": progress.best}
        return {**figures, **best, "seconds": progress.seconds}

    def _measured(self) -> dict[str, float]:
        """Return the metrics of all tasks, which the first process alone measures."""
        # Of heads, a validation sets what is not trained, such as a threshold.
        fixed = [value for value in self._heads.values() if not value.requires_grad]

        def measure() -> tuple[dict[str, float], list[dict[str, Tensor]], list[Tensor]]:
            found: dict[str, float] = {}
            for task in reversed(self.tasks):  # a metric of the first is not replaced
                found.update(task.metrics(self.tower))
            if self.peers.size == 1:
                return found, [], []
            states = [_on_cpu(task.state()) for task in self.tasks]
            return found, states, [value.detach().cpu() for value in fixed]

        found, states, values = self.peers.from_first(measure)
        if self.peers.rank:
            self._take_over(states)
            with torch.no_grad():
                for value, measured in zip(fixed, values, strict=True):
                    value.copy_(measured)
        return found

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

    def standing(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that a training goes on from after a validation: tensors, and what for JSON.

        The tensors are on the CPU, and no later step changes them.
        """
        tensors = {f"now/{name}": value for name, value in self._weights().items()}
        tensors |= {f"best/{name}": value for name, value in self._best.items()}
        tensors |= {f"adam/{name}": value for name, value in self.optimizer.state().items()}
        tensors |= {f"regime/{name}": value for name, value in self.tower.kept().items()}
        for place, task in enumerate(self.tasks):
            tensors |= {f"task/{place}/{name}": kept for name, kept in task.state().items()}
        about = {
            "progress": {**vars(self.progress), "curve": list(self.progress.curve)},
            "steps": self.optimizer.step_count,
            **self._identity(),
        }
        return _on_cpu(tensors), about

    def _identity(self) -> dict[str, Any]:
        """Return what must be equal for one training to resume another."""
        return {
            "settings": self.settings.model_dump(mode="json", exclude={"patience"}),
            "model": self.tower.fingerprint,
            "precision": f"{self.tower.precision} on {self.tower.device.type}",
            "seed": self.seed,
            "data": [task.identity() for task in self.tasks],
            "engine": {"training_workers": self.peers.size},
        }

    def resume(self) -> None:
        """Load the checkpoint: training then continues as if it had never stopped.

        Raises:
            RunError: It is missing, damaged, or of another model, other settings, other data or
                another number of workers.
        """
        if self.checkpoint is None:
            raise RunError("There is no checkpoint to resume from.")
        tensors, about = load_checkpoint(self.checkpoint)
        self.check(about)
        self.restore(tensors, about)

    def check(self, about: Mapping[str, Any]) -> None:
        """Check that this training can go on from what `standing` returned.

        Args:
            about: What was for JSON.

        Raises:
            RunError: It is of another model, other settings, other data or another number of
                workers.
        """
        where = printable(str(self.checkpoint))
        alone = {"engine": {"training_workers": 1}}  # older checkpoints do not say it
        for part, wanted in self._identity().items():
            found = {**alone, **about}.get(part)
            if found == wanted:
                continue
            if part == "engine":
                raise RunError(
                    f"{where} is of a training by {_workers(found)}, and cannot go on with "
                    f"{_workers(wanted)}. Use as many (engine.training_workers), or start anew "
                    f"without {option('resume', True)}."
                )
            raise RunError(
                f"{where} is of a training with other {part}{_difference(found, wanted)}. Use the "
                f"same, or start anew without {option('resume', True)}."
            )

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Go on from what `standing` returned.

        Args:
            tensors: The tensors.
            about: The rest.

        Raises:
            RunError: They are of another model, or something is missing.
        """
        try:
            self._load_weights(_part(tensors, "now/"))
            self._best = _part(tensors, "best/")
            self.optimizer.load_state(_part(tensors, "adam/"), int(about["steps"]))
            self.tower.load_kept(_part(tensors, "regime/"))
            for place, task in enumerate(self.tasks):
                task.load_state(_part(tensors, f"task/{place}/"))
            self.progress = TuningProgress(**about["progress"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            where = printable(str(self.checkpoint))
            raise RunError(f"{where} is of another model or damaged: {error}") from error
        self._resumed = True


def _workers(engine: Any) -> str:
    number = engine.get("training_workers") if isinstance(engine, dict) else None
    return "one process" if number == 1 else f"{number} workers"


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


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in tensors.items()}
