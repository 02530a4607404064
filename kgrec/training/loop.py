"""The training loop."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kgrec.engine.peers import ALONE, Peers
from kgrec.errors import DataError, RunError
from kgrec.models.base import Callback
from kgrec.models.link_predictor import LinkPredictor
from kgrec.outputs.tensors import load_checkpoint, save_checkpoint
from kgrec.training.mapped_tables import store_of_tables
from kgrec.training.objective import Objective, Task
from kgrec.training.optimizers import Optimizers
from kgrec.training.sampling import Batch, Sampler
from kgrec.training.settings import TrainingConfig

MAX_SCORES = 1 << 26
"""Most scores of users for items in a step of training: a head whose scores are no inner products
holds them several times."""

SMALL_STEP = 300_000_000
"""With fewer multiplications in a step of training, one thread is used."""


@dataclass
class TrainingProgress:
    """The progress of a training; all of it goes into a checkpoint.

    Attributes:
        epoch: Epochs done.
        seconds: Training time, including the time before a resume.
        best: Best value of the metric; -inf before the first validation.
        best_epoch: The epoch of the best value.
        best_seconds: Training time until then.
        curve: One entry for each validation: epoch, seconds, loss and the metrics.
    """

    epoch: int = 0
    seconds: float = 0.0
    best: float = float("-inf")
    best_epoch: int = 0
    best_seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Trains a link predictor; a training can stop and resume.

    Args:
        model: The model; `run` leaves the best weights in it.
        task: What it is trained on.
        config: Settings.
        checkpoint: File to write checkpoints to; None: none are written.
        peers: Other processes that train the same model. Each works on its part of each batch, and
            their gradients are averaged; the first one validates.

    Raises:
        ConfigError: Tables on disk are asked for on a GPU.
        RunError: Their files cannot be written.
    """

    def __init__(
        self,
        model: LinkPredictor,
        task: Task,
        config: TrainingConfig,
        checkpoint: Path | None,
        peers: Peers = ALONE,
    ) -> None:
        self.model, self.task, self.config, self.checkpoint = model, task, config, checkpoint
        self.peers = peers
        self._store = store_of_tables(config, task.graph.device, checkpoint)
        self.generator = torch.Generator(task.graph.device).manual_seed(config.seed)
        self.sampler = Sampler(
            task.train, self.generator, config.loss.rating_exponent, config.shuffle_block
        )
        # All processes draw the same batches, and each one its own negatives.
        alone = peers.size == 1
        self.own = self.generator if alone else torch.Generator(task.graph.device)
        self.objective = Objective(model, task, self.sampler.drawing_from(self.own), config)
        self.optimizers = Optimizers(model, config, self._store)
        self.progress = TrainingProgress()
        if config.shuffle_block == 1:
            self._store.warn_if_slow(self.optimizers.table_bytes)
        self.best_state = self._store.copies(model.state_dict())
        self.average = self._store.copies(model.state_dict())
        self._standing: tuple[dict[str, Tensor], dict[str, Any]] | None = None
        self._saved = time.perf_counter()

    def run(self, callback: Callback | None = None) -> TrainingProgress:
        """Train until the metric stops growing, or for `max_epochs`; keep the best weights.

        `callback` gets epoch, loss and metrics after each validation. A KeyboardInterrupt saves a
        checkpoint of the last whole epoch and is then raised again.
        """
        with self.interruptible():
            for _ in self.epochs(callback):
                self.remember()
        return self.finish()

    def epochs(self, callback: Callback | None = None) -> Iterator[TrainingProgress]:
        """Yield before the first epoch and after each; see `run`.

        Raises:
            DataError: There is no interaction, or the loss is not a number.
            PeerLost: Another process has ended.
        """
        if not len(self.task.train):
            raise DataError("train has no interactions; there is nothing to learn from.")
        task, progress, peers = self.task, self.progress, self.peers
        started = time.perf_counter() - progress.seconds
        yield progress
        while progress.epoch < self.config.max_epochs and not self._finished():
            self.model.refresh(task.graph, task.features, task.trained)
            total, pairs = 0.0, 0
            for batch in self._batches():
                part = batch.part(peers.rank, peers.size)
                self.optimizers.zero_grad()
                if len(part.row):
                    loss = self.objective(part)
                    loss.backward()  # type: ignore[no-untyped-call]
                    total += float(loss.detach()) * len(part.row)
                share = len(part.row) / len(batch.row)
                peers.average_gradients(self.model.parameters(), share)
                self.optimizers.step()
                pairs += len(batch.row)
            if peers.size > 1:
                total = float(peers.sum(torch.tensor(total, dtype=torch.float64)))
            self._end_epoch(total / pairs, started, callback)
            yield progress

    def finish(self) -> TrainingProgress:
        """Save the end of the training, and give the model the best weights."""
        self.save()
        self.keep_best()
        return self.progress

    def keep_best(self) -> None:
        """Give the model the best weights; without a validation, the mean of the last ones."""
        chosen = self.task.validate is not None and self.progress.curve
        self.model.load_state_dict(self.best_state if chosen else self.average)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Use the threads of this training; a KeyboardInterrupt saves a checkpoint."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self._num_threads(threads))
        try:
            yield
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            torch.set_num_threads(threads)

    def _num_threads(self, available: int) -> int:
        if self.config.threads is not None:
            return self.config.threads
        train, dim = self.task.train, self.model.config.dim
        scores = min(self.config.batch_users, train.num_users) * train.num_items
        edges = sum(operator.num_entries for _, operator in self.task.graph.items())
        work = (scores + edges * max(1, self.model.encoder.num_layers)) * dim
        return 1 if work < SMALL_STEP else available

    def _end_epoch(self, loss: float, started: float, callback: Callback | None) -> None:
        """Average the weights, validate if it is time, and keep the state for a checkpoint."""
        self.progress.epoch += 1
        if loss != loss:
            raise DataError(
                f"The loss is not a number after epoch {self.progress.epoch}. A lower "
                "learning_rate or a higher temperature usually helps."
            )
        self._update_average()
        self.progress.seconds = time.perf_counter() - started
        last = self.progress.epoch == self.config.max_epochs
        if last or self.progress.epoch % self.config.eval_every == 0:
            self._validate(loss, callback)
            self.progress.seconds = time.perf_counter() - started

    def _batches(self) -> Iterator[Batch]:
        if self.own is not self.generator:
            of = f"{self.config.seed} {self.progress.epoch} {self.peers.rank}"
            digest = hashlib.sha256(of.encode()).digest()
            self.own.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        if self.config.batch_pairs is not None:
            return self.sampler.pair_batches(self.config.batch_pairs)
        most = MAX_SCORES // self.task.train.num_items + 1
        return self.sampler.batches(min(self.config.batch_users, most))

    def _update_average(self) -> None:
        """Update the running mean of the weights.

        The mean is nearer to a minimum than the last step (Polyak and Juditsky, Acceleration of
        Stochastic Approximation by Averaging, 1992). It is a plain mean in the first epochs.
        """
        decay = min(self.config.weight_average, 1 - 1 / self.progress.epoch)
        for name, value in self.model.state_dict().items():
            self.average[name].mul_(decay).add_(value, alpha=1 - decay)

    def _validate(self, loss: float, callback: Callback | None) -> None:
        progress = self.progress
        figures: dict[str, float] = {"epoch": progress.epoch, "loss": loss}
        if self.task.validate is not None:
            moving = self._store.copies(self.model.state_dict())
            self.model.load_state_dict(self.average)
            figures.update(self.peers.from_first(self.task.validate))
            self.model.load_state_dict(moving)
            value = figures[self.config.metric]
            if value > progress.best:
                progress.best, progress.best_epoch = value, progress.epoch
                progress.best_seconds = progress.seconds
                self.best_state = self._store.copies(self.average)
        progress.curve.append({**figures, "seconds": progress.seconds})
        if callback is not None:
            callback({**figures, "best": progress.best, "seconds": progress.seconds})

    def _finished(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return (
            self.task.validate is not None
            and bool(self.progress.curve)
            and waited >= self.config.patience * self.config.eval_every
        )

    def save(self) -> None:
        """Write a checkpoint of the last whole epoch, if there is a file for it.

        Raises:
            RunError: It cannot be written; the previous one is kept.
        """
        if self.checkpoint is not None and self._standing is not None:
            save_checkpoint(self.checkpoint, *self._standing)

    def remember(self) -> None:
        """Keep the state between two epochs, and save it if it is time.

        An interruption can come within a step. A training that resumed from there would have
        another result than one without the interruption.
        """
        if self.checkpoint is not None:
            self._standing = self.standing()
        if time.perf_counter() - self._saved > self.config.checkpoint_every:
            self.save()
            self._saved = time.perf_counter()

    def standing(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that a training between two epochs goes on from: copies, and what for JSON."""
        copies = self._store.copies
        tensors = {f"model.{k}": v for k, v in copies(self.model.state_dict()).items()}
        tensors |= {f"best.{name}": value for name, value in self.best_state.items()}
        tensors |= {f"average.{name}": value for name, value in copies(self.average).items()}
        tensors |= self.optimizers.tensors()
        tensors["generator"] = self.generator.get_state()
        progress = {**vars(self.progress), "curve": list(self.progress.curve)}
        return tensors, {"progress": progress, **self._identity}

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """Return what must be equal for one training to resume another."""
        matrix = self.task.train.matrix()
        digest = hashlib.sha256(matrix.indptr.tobytes() + matrix.indices.tobytes())
        inputs = hashlib.sha256()
        for kind, features in sorted(self.task.features.items()):
            inputs.update(kind.encode() + features.cpu().numpy().tobytes())
        for edge_type, operator in self.task.graph.items():
            inputs.update(repr((edge_type, operator.num_entries)).encode())
        config = self.config.model_dump(mode="json") | {"device": self.generator.device.type}
        if self.config.num_neighbors is None:
            del config["sparse_gradients"]  # nothing reads it, and older checkpoints do not say it
        return {
            "config": config,
            "model": self.model.config.model_dump(mode="json"),
            "data": {
                "interactions": digest.hexdigest()[:16],
                "features and edges": inputs.hexdigest()[:16],
            },
            "engine": {"training_workers": self.peers.size},
        }

    def resume(self) -> None:
        """Load the checkpoint: training then continues as if it had never stopped.

        Raises:
            RunError: It is missing, damaged, or of another model, config or other interactions.
        """
        if self.checkpoint is None:
            raise RunError("There is no checkpoint to resume from.")
        self.restore(*load_checkpoint(self.checkpoint), self.checkpoint)

    def restore(
        self, tensors: Mapping[str, Tensor], about: Mapping[str, Any], path: Path | None
    ) -> None:
        """Go on from what `standing` returned.

        Args:
            tensors: The tensors.
            about: The rest.
            path: The checkpoint that they are from, for messages.

        Raises:
            RunError: They are of another model, config, number of workers or other interactions.
        """
        alone = {"engine": {"training_workers": 1}}  # older checkpoints do not say it
        for part, wanted in self._identity.items():
            _check_same({**alone, **about}.get(part), wanted, path)
        try:
            self.model.load_state_dict(_part(tensors, "model."))
            device = self.task.graph.device
            for name in self.average:
                self.best_state[name] = self._store.copy(tensors[f"best.{name}"].to(device))
                self.average[name] = self._store.copy(tensors[f"average.{name}"].to(device))
            self.optimizers.load(tensors)
            self.generator.set_state(tensors["generator"])
            self.progress = TrainingProgress(**about["progress"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"{path} is of another model or damaged: {error}") from error


def _check_same(found: Any, wanted: Mapping[str, Any], path: Path | None) -> None:
    # Only these may differ: a longer training may continue a shorter one.
    free = {"max_epochs", "patience", "checkpoint_every", "threads", "tables_on_disk"}
    found = {"shuffle_block": 1, **found} if isinstance(found, dict) else {}  # 1: an older one
    for name, value in wanted.items():
        if name not in free and found.get(name) != value:
            raise RunError(
                f"{path} was trained with {name}={found.get(name)!r} and cannot continue with "
                f"{value!r}. Use the same setting, or start anew without --resume."
            )


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
