"""Workers of a Ray cluster that train one model together.

Ray Train does this too, and is not used: it asks for cores beside those of the engine's workers and
for a file system that all machines share, takes some 20 seconds to start each time, and hands
nothing back before the end but checkpoints. Here the workers are those of all other stages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from kgrec.engine.base import JointWork, News
from kgrec.engine.peers import PeerLost
from kgrec.engine.ray_worker import packed, unpacked
from kgrec.errors import warn, wordings

_FAREWELL: Final = 30.0
"""Seconds in which each worker says why it ended, after one said that another is lost."""


class WorkersLost(Exception):
    """Workers of joint work were lost."""


class JointState:
    """The last state of joint work, which is fetched only where it is needed."""

    def __init__(self, packed_state: Any) -> None:
        self._fetched = packed_state
        self._latest: Any = None

    def came(self, reference: Any) -> None:
        """Take a reference to a newer state. The one before is given up."""
        self._latest = reference

    def fetch(self) -> Any:
        """Return the state."""
        import ray

        if self._latest is not None:
            self._fetched, self._latest = ray.get(self._latest), None
        return unpacked(self._fetched)

    def kept(self) -> Any:
        """Return the newest packed state that was not lost with its machine."""
        import ray

        try:
            self.fetch()
        except ray.exceptions.RayError:
            self._latest = None
        return self._fetched


def take_part(
    workers: Sequence[Any],
    work: JointWork[Any],
    given: Sequence[Any],
    state: JointState,
    *,
    gpus: bool,
) -> Iterator[News]:
    """Yield the news of one try of joint work.

    Args:
        workers: The actors, first of all the one whose news and states count.
        work: What they do.
        given: A reference to what each of them works on.
        state: Where it begins; it gets the newer states.
        gpus: Whether each worker has a whole GPU.

    Raises:
        KgrecError: What `work` raised.
        WorkersLost: Some were lost; the others are of no use.
    """
    import ray

    function, begin = ray.put(packed((work, wordings()))), ray.put(state.kept())
    try:
        host = ray.get(workers[0].host.remote())
        running = [
            worker.take_part.options(num_returns="streaming").remote(
                rank, len(workers), host, function, [own, begin], gpus
            )
            for rank, (worker, own) in enumerate(zip(workers, given, strict=True))
        ]
        first, until, lost = running[0], None, ""
        while running:
            left = None if until is None else max(0.0, until - time.monotonic())
            ready, _ = ray.wait(running, num_returns=1, timeout=left, fetch_local=False)
            if not ready:
                break
            (stream,) = ready
            reference = next(stream, None)
            if reference is None:
                running.remove(stream)
                if stream is first and not lost:
                    return  # nobody waits for the others' goodbye
                continue
            news, error, told = unpacked(ray.get(reference))
            for message in told:
                warn(message)
            if isinstance(error, PeerLost):
                lost, until = str(error), until or time.monotonic() + _FAREWELL
            elif error is not None:
                raise error
            elif stream is first:
                state.came(next(stream))
                yield news, state.fetch
    except ray.exceptions.RayError as error:
        raise WorkersLost(str(error)) from error
    if lost:
        raise WorkersLost(lost)
