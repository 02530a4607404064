"""Training an encoder by several workers of an engine: they share the batches of each step.

The loop is that of one process. Gradients are added up before each step, so all workers have the
same weights (synchronous data parallelism; Li et al., PyTorch Distributed, 2020). A batch is whole,
with its own seed, so that it does not matter who has it: all of them together learn what one
process learns, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from kgrec.engine import Engine
from kgrec.engine.peers import Peers
from kgrec.errors import said_before
from kgrec.outputs.tensors import load_checkpoint, save_checkpoint
from kgrec.text.tuning.loop import Callback, Steps, Tuner, TuningProgress

Given = TypeVar("Given")
Begin = Callable[[Given, Peers], Tuner]
"""Returns a training, as it is before its first step, that takes part in one with others."""
State = tuple[dict[str, Tensor], dict[str, Any]]
"""What a training goes on from; see `Tuner.standing`."""


def tune_together(
    engine: Engine,
    begin: Begin[Given],
    given: Given,
    tuner: Tuner,
    workers: int,
    *,
    resume: bool,
    callback: Callback | None = None,
    steps: Steps | None = None,
) -> TuningProgress:
    """Train an encoder, as `Tuner.run` does, by the workers of an engine.

    Args:
        engine: The engine.
        begin: A function of a module; each worker makes its training with it.
        given: What they give it.
        tuner: The training of this process, which takes no step: its tower gets the best weights.
            After each validation, its checkpoint is written here.
        workers: Most workers that take part.
        resume: Whether to go on from the checkpoint.
        callback: Gets the figures of each validation.
        steps: Gets the steps done, with these figures.

    Raises:
        DataError: The loss is not a number.
        RunError: The checkpoint cannot be used or written, or workers were lost again and again.
    """
    path, state, told = tuner.checkpoint, None, -1.0
    if resume:
        assert path is not None
        state = load_checkpoint(path)
    fetch: Callable[[], State] | None = None
    # Closed here, and not when nobody refers to it: its engine may have been left by then.
    with closing(engine.together(partial(_tune, begin), given, given, state, workers)) as news:
        for (done, figures), fetch in news:  # it is used after the loop, too
            if figures is None or figures["epoch"] <= told:
                continue  # after a worker was lost, some epochs come again
            told = figures["epoch"]
            if path is not None:
                save_checkpoint(path, *fetch())
            if steps is not None:
                steps(done, tuner.num_steps)
            if callback is not None:
                callback(figures)
    assert fetch is not None
    tuner.restore(*fetch())
    tuner.keep_best()
    return tuner.progress


def _tune(
    begin: Begin[Given], peers: Peers, given: Given, state: State | None
) -> Iterator[tuple[tuple[int, dict[str, float] | None], State | None]]:
    """Train in a worker; yield the steps done, the figures if there are new ones, and the state."""
    with said_before():  # by the process of the command, which makes the same training
        tuner = begin(given, peers)
    if state is not None:
        tuner.check(state[1])
        tuner.restore(*state)
        yield (tuner.optimizer.step_count, None), state
        state = None  # it is as large as four of the model
    for figures in tuner.validations():
        standing = tuner.standing() if peers.rank == 0 else None
        yield (tuner.optimizer.step_count, figures), standing
