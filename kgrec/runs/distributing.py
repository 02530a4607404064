"""The engine that a config names, for the stages of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kgrec.config import Config
from kgrec.engine.ray_engine import RayEngine
from kgrec.runs.log import RunLog, trained_parts


@contextmanager
def entered(config: Config, log: RunLog) -> Iterator[None]:
    """Do the work of the body on the engine of a config, and say what it does and does not.

    Raises:
        ConfigError: Ray is not installed, or the cluster has other versions.
        RunError: The cluster cannot be reached.
    """
    with config.engine.build() as engine:
        if isinstance(engine, RayEngine):
            log.say(f"Engine: {engine.num_workers} workers of the Ray cluster {engine.address}.")
            if trained_parts(config):
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
