"""Peers that are threads of this process: the arithmetic of joint training without a cluster."""

import threading

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
