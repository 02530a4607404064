"""Several batches at once on a CPU, each on one core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

_ONE_AT_A_TIME = threading.RLock()


def map_batches(function: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
    """Yield `function(batch)` for each batch, in order of completion.

    torch usually splits each operation among the cores, which wait for each other after each of
    them. With batches that fit a core's cache, this waiting takes much of the time, and most of it
    when another program uses a core. Here each core has its own batches, and the results do not
    depend on the number of threads. torch's number of threads is restored afterwards.

    Args:
        function: Works on one batch; called from several threads.
        batches: Independent of each other.
    """
    num_threads = torch.get_num_threads()
    listed = list(batches)
    if num_threads == 1:
        yield from map(function, listed)
        return
    with _ONE_AT_A_TIME:
        pool = ThreadPoolExecutor(min(num_threads, len(listed)) or 1, initializer=_use_one_thread)
        try:
            futures: list[Future[R]] = [pool.submit(function, batch) for batch in listed]
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(num_threads)


def _use_one_thread() -> None:
    torch.set_num_threads(1)
