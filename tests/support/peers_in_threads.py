"""Peers that are threads of this process: the arithmetic of joint training without a cluster."""

import pickle
import threading

from kgrec.engine import Engine
from kgrec.engine.peers import Peers


class ThreadPeers(Peers):
    """One of several threads; `meeting` is what they share."""

    def __init__(self, rank, size, meeting):
        super().__init__(rank, size)
        object.__setattr__(self, "meeting", meeting)

    def sum(self, values):
        values.copy_(sum(self.meeting.told(self.rank, values.clone())))
        return values

    def gathered(self, values):
        return self.meeting.told(self.rank, values.clone())

    def from_first(self, make):
        return self.meeting.told(self.rank, make() if self.rank == 0 else None)[0]


class Meeting:
    def __init__(self, size):
        self.barrier = threading.Barrier(size, timeout=120)
        self.box = [None] * size

    def told(self, rank, value):
        self.box[rank] = value
        self.barrier.wait()
        found = list(self.box)
        self.barrier.wait()
        return found


def run_together(size, work):
    """Call `work(peers)` in `size` threads and return the results in order."""
    meeting, results, errors = Meeting(size), [None] * size, []

    def run(rank):
        try:
            results[rank] = work(ThreadPeers(rank, size, meeting))
        except Exception as error:  # noqa: BLE001
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if errors:
        raise errors[0]
    return results


class ThreadEngine(Engine):
    """An engine whose workers are threads of this process. Blocks are done in this thread.

    What a worker works on is pickled on the way, as for another process.

    Args:
        training: Number of workers that train together.

    Attributes:
        teams: How many took part in each joint work.
    """

    distributed = True

    def __init__(self, training):
        super().__init__()
        self.training, self.teams = training, []

    @property
    def num_together(self):
        return self.training

    def map(self, work, shared, blocks):
        return (work(shared, block) for block in blocks)

    def together(self, work, first, others, state=None, most=None):
        size = self.training if most is None else min(most, self.training)
        self.teams.append(size)
        meeting, errors = Meeting(size), []

        def news(rank):
            given = pickle.loads(pickle.dumps((first, others)[rank > 0]))
            return work(ThreadPeers(rank, size, meeting), given, pickle.loads(pickle.dumps(state)))

        def run(rank):
            try:
                for _ in news(rank):
                    pass
            except Exception as error:  # noqa: BLE001
                errors.append(error)
                meeting.barrier.abort()

        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(1, size)]
        for one in threads:
            one.start()
        try:
            for about, newer in news(0):
                kept = pickle.dumps(newer)
                yield about, lambda kept=kept: pickle.loads(kept)
        except threading.BrokenBarrierError:
            raise next(
                one for one in errors if not isinstance(one, threading.BrokenBarrierError)
            ) from None
        finally:
            meeting.barrier.abort()  # whoever leaves early gives the others up
            for one in threads:
                one.join()
