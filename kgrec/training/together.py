"""Training a link predictor by several workers of an engine: each takes its part of each batch.

The loop is that of one process. Gradients are averaged in each step, so all workers have the same
weights (synchronous data parallelism; Li et al., PyTorch Distributed, 2020). Losses without drawn
negatives then learn what one process learns, up to rounding; others draw other negatives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from kgrec.engine import Engine
from kgrec.engine.peers import Peers
from kgrec.models.base import Callback
from kgrec.models.link_predictor import LinkPredictor
from kgrec.outputs.tensors import load_checkpoint, save_checkpoint
from kgrec.training.loop import Trainer, TrainingProgress
from kgrec.training.objective import Task
from kgrec.training.settings import TrainingConfig

Given = TypeVar("Given")
Begin = Callable[[Given], tuple[LinkPredictor, Task]]
"""Returns the model, as it is before training, and what it is trained on."""
State = tuple[dict[str, Tensor], dict[str, Any], dict[str, Tensor] | None]
"""What a training goes on from, see `Trainer.standing`; after its end, the best weights, too."""


def train_together(
    engine: Engine,
    begin: Begin[Given],
    first: Given,
    others: Given,
    model: LinkPredictor,
    config: TrainingConfig,
    checkpoint: Path | None,
    *,
    resume: bool,
    callback: Callback | None,
) -> TrainingProgress:
    """Train a model, as `Trainer.run` does, by the workers of an engine.

    Args:
        engine: The engine, of which some workers train together.
        begin: A function of a module; each worker makes its model and task with it.
        first: What the first worker gives it, which validates.
        others: What the others give it; they need no validation part.
        model: Its weights are those that the training begins with, unless it resumes. It gets the
            best weights.
        config: Settings.
        checkpoint: File to write checkpoints to, on this machine; None: none are written.
        resume: Whether to go on from it.
        callback: Gets the figures of each validation.

    Raises:
        DataError: There is no interaction, or the loss is not a number.
        RunError: The checkpoint cannot be used, or workers were lost again and again.
    """
    state = None
    if resume:
        assert checkpoint is not None
        state = (*load_checkpoint(checkpoint), None)
    work = partial(_train, begin, _on_cpu(model.state_dict()), config, checkpoint)
    progress, saved, told = TrainingProgress(), time.perf_counter(), 0.0
    fetch: Callable[[], State] | None = None

    def save() -> None:
        if checkpoint is not None and fetch is not None:
            save_checkpoint(checkpoint, *fetch()[:2])

    # Closed here, and not when nobody refers to it: its engine may have been left by then.
    with closing(engine.together(work, first, others, state)) as news:
        try:
            for (about, figures), fetch in news:  # noqa: B007  # `save` reads it
                progress = TrainingProgress(**about)
                # After a worker was lost, some epochs come again.
                if callback is not None and figures and figures["epoch"] > told:
                    told = figures["epoch"]
                    callback(figures)
                if time.perf_counter() - saved > config.checkpoint_every:
                    save()
                    saved = time.perf_counter()
        except KeyboardInterrupt:
            save()
            raise
    save()
    assert fetch is not None
    best = fetch()[2]
    assert best is not None
    model.load_state_dict(best)
    return progress


def _train(
    begin: Begin[Given],
    weights: dict[str, Tensor],
    config: TrainingConfig,
    checkpoint: Path | None,
    peers: Peers,
    given: Given,
    state: State | None,
) -> Iterator[tuple[tuple[dict[str, Any], dict[str, float]], State | None]]:
    """Train in a worker; yield progress and figures, if there are new ones, and the state."""
    if state is not None and state[2] is not None:  # a worker was lost after the end
        yield (state[1]["progress"], {}), state
        return
    model, task = begin(given)
    model.load_state_dict(weights)
    first = peers.rank == 0
    if peers.from_first(lambda: task.validate is not None) and not first:
        task = replace(task, validate=dict)  # only the first one is asked for the figures
    trainer = Trainer(model, task, config, None, peers)
    if state is not None:
        trainer.restore(*state[:2], checkpoint)
    figures: list[dict[str, float]] = []

    def standing() -> State | None:
        if not first:
            return None
        tensors, about = trainer.standing()
        return _on_cpu(tensors), about, None

    with trainer.interruptible():
        for progress in trainer.epochs(lambda found: figures.append(dict(found))):
            yield (vars(progress), figures.pop() if figures else {}), standing()
    last = standing()  # of the weights as they are after the last step
    trainer.keep_best()
    if last is not None:
        last = (*last[:2], _on_cpu(model.state_dict()))
    yield (vars(trainer.progress), {}), last


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in tensors.items()}
