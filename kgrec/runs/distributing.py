"""The engine that a config names, for the stages of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kgrec.config import Config
from kgrec.engine.ray_engine import RayEngine
from kgrec.runs.log import RunLog, trained_parts


@contextmanager
def entered(config: Config, log: RunLog, *, fits: bool = True) -> Iterator[None]:
    """Do the work of the body on the engine of a config, and say what it does and does not.

    Args:
        config: The config.
        log: Gets what is said.
        fits: Whether the body fits the model, so that it matters who trains it.

    Raises:
        ConfigError: Ray is not installed, or the cluster has other versions.
        RunError: The cluster cannot be reached.
    """
    with config.engine.build() as engine:
        if isinstance(engine, RayEngine):
            log.say(f"Engine: {engine.num_workers} workers of the Ray cluster {engine.address}.")
            if fits and trained_parts(config):
                log.say(_who_trains(engine.num_together))
        yield


def _who_trains(workers: int) -> str:
    if not workers:
        return "The link predictor trains in this process (engine.training_workers is 0)."
    if workers == 1:
        return "The link predictor trains in one worker."
    return (
        f"The link predictor trains in {workers} workers together, each with its part of each "
        "batch; a checkpoint goes on with as many."
    )


def encoder_workers(workers: int, accumulate: int, step_batches: int) -> tuple[int, str]:
    """Return how many workers train an encoder together, and words for it.

    Args:
        workers: How many the engine has for a training; see `Engine.num_together`.
        accumulate: The setting.
        step_batches: Batches of a step, which they share.

    Returns:
        Their number, and a sentence; 0: the encoder trains in the process that asks.
    """
    if not workers:
        return 0, "The encoder trains in this process (engine.training_workers is 0)."
    if workers == 1:
        return 1, "The encoder trains in one worker."
    if accumulate == 1:
        return 0, (
            "The encoder trains in this process: a step has one batch, so workers would have "
            f"nothing to share. With text.tuning.accumulate={workers}, each of the {workers} "
            "workers has one, and a step has as many as all of them."
        )
    if step_batches == 1:
        return 0, (
            "The encoder trains in this process: an epoch has one batch, so workers would have "
            "nothing to share. Smaller batches can be shared."
        )
    number = min(workers, step_batches)
    return number, (
        f"The encoder trains in {number} workers together, which share the {step_batches} batches "
        "of a step; a checkpoint goes on with as many."
    )
