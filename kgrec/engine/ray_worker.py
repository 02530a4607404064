"""What runs in a worker of a Ray cluster."""

from __future__ import annotations

import pickle
import platform
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from typing import Any, Final

import numpy as np

from kgrec.engine.peers import meeting, open_meeting
from kgrec.errors import RunError, collecting, printable, worded
from kgrec.types import ByteArray

COMPARED: Final = ("kgrec", "numpy", "scipy", "pyarrow", "torch", "ray")
"""The packages of which workers must have the version of the process that uses them."""


def packed(value: Any) -> ByteArray:
    """Return a value as bytes that Ray stores and sends without a copy, uint8 of shape (n,).

    Ray's own arrays are read-only where they arrive. Models may sort or sum up theirs in place, and
    compiled loops are compiled for arrays that can be written: so arrays are packed with the rest,
    and come out as they were.
    """
    from ray import cloudpickle

    return np.frombuffer(cloudpickle.dumps(value, protocol=5), dtype=np.uint8)


def unpacked(content: ByteArray) -> Any:
    """Return what `packed` got. Bytes come from this process's own cluster alone."""
    return pickle.loads(content.data)  # noqa: S301


def versions() -> dict[str, str]:
    """Return the versions that decide whether a worker gives the results of this process."""
    found = {"Python": platform.python_version()}
    for name in COMPARED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


class Worker:
    """An actor: it keeps what the blocks of a stage share, and works on one block at a time."""

    def __init__(self) -> None:
        self._key, self._shared = b"", None
        self._store: Any = None

    def versions(self) -> dict[str, str]:
        """Return the versions of this worker; see `versions`."""
        return versions()

    def run(self, work: ByteArray, shared: list[Any], block: ByteArray) -> ByteArray:
        """Return the packed result of a block, what went wrong, and the warnings.

        Args:
            work: The packed function, and how messages name arguments.
            shared: A reference to what is packed once for all blocks; in a list, as Ray would fetch
                it for each call otherwise.
            block: The packed block.
        """
        import ray

        with warnings.catch_warnings(action="ignore"), collecting() as told:
            try:
                key = shared[0].binary()
                if key != self._key:
                    self._key, self._shared = b"", None  # never two of them in memory
                    self._shared = unpacked(ray.get(shared[0]))
                    self._key = key
                function, words = unpacked(work)
                with ExitStack() as interface:
                    for one in reversed(words):  # the innermost is entered last
                        interface.enter_context(worded(one))
                    result, error = function(self._shared, unpacked(block)), None
            except Exception as raised:  # noqa: BLE001  # it is raised again where the stage is
                result, error = None, _portable(raised)
        return packed((result, error, told))

    def host(self) -> tuple[str, int]:
        """Return where the other workers of joint work find this one, the first of them."""
        import ray

        host = ray.util.get_node_ip_address()
        self._store = open_meeting(host)
        return host, self._store.port

    def take_part(
        self,
        rank: int,
        size: int,
        host: tuple[str, int],
        work: ByteArray,
        references: list[Any],
        gpus: bool,
    ) -> Iterator[ByteArray]:
        """Do joint work; the first worker yields packed news and, after each of them, its state.

        News are as `run` returns them. Those that have an error are the last of each worker, and no
        state follows.

        Args:
            rank: Which of the workers this is.
            size: How many there are.
            host: Where the first one is.
            work: The packed function, and how messages name arguments.
            references: References to what is worked on and to the state.
            gpus: Whether each worker has a whole GPU.
        """
        import ray

        with warnings.catch_warnings(action="ignore"), collecting() as told:
            try:
                self._key, self._shared = b"", None
                store = self._store if rank == 0 else host[1]
                function, words = unpacked(work)
                given, state = (unpacked(ray.get(one)) for one in references)
                with ExitStack() as stack:
                    for one in reversed(words):
                        stack.enter_context(worded(one))
                    peers = stack.enter_context(meeting(rank, size, host[0], store, gpus=gpus))
                    for news, newer in function(peers, given, state):
                        if rank == 0:
                            yield packed((news, None, list(told)))
                            told.clear()
                            yield packed(newer)
            except Exception as raised:  # noqa: BLE001  # it is raised again where the stage is
                yield packed((None, _portable(raised), list(told)))
            finally:
                self._store = None


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent, with what was written on the way to it."""
    where = "".join(traceback.format_exception(error))
    try:
        sent: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001  # some take more than their message to be made
        sent = RunError(f"A worker failed: {printable(repr(error), 1000)}")
    sent.add_note(f"In a worker of the Ray cluster:\n{where}")
    return sent
