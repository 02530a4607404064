"""Work for the engines' tests: functions of a module, as workers load them by name."""

import functools
import os
import signal
from pathlib import Path

import torch

from kgrec.engine import Engine
from kgrec.errors import DataError, warn


class Lent(Engine):
    """An engine that a test enters, and that goes on running afterwards.

    Args:
        engine: The engine.
        flag: A file that is not there: the worker that gets block 1 is killed, once. None: none is.
            In joint work it is the last one, after some epochs.
        training: Number of workers that train together.

    Attributes:
        maps: How often work was given to it.
        trainings: How often joint work was given to it.
    """

    distributed = True

    def __init__(self, engine, flag=None, training=2):
        super().__init__()
        self.engine, self.flag, self.maps = engine, flag, 0
        self.training, self.trainings = training, 0

    @property
    def num_together(self):
        return self.training

    def together(self, work, first, others, state=None, most=None):
        self.trainings += 1
        engine = self.engine
        engine.config = engine.config.model_copy(update={"training_workers": self.training})
        if self.flag is not None:
            work = functools.partial(killed_in_epoch_3, work, str(self.flag))
        return engine.together(work, first, others, state, most)

    def map(self, work, shared, blocks):
        self.maps += 1
        if self.flag is None:
            return self.engine.map(work, shared, blocks)
        killing = functools.partial(killed_at_block_1, work, str(self.flag))
        return self.engine.map(killing, shared, enumerate(blocks))


def killed_at_block_1(work, flag, shared, numbered):
    number, block = numbered
    if number == 1 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work(shared, block)


def killed_in_epoch_3(work, flag, peers, given, state):
    for number, found in enumerate(work(peers, given, state)):
        yield found
        if number == 2 and peers.rank == peers.size - 1 and not Path(flag).exists():
            Path(flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def counted(peers, given, state):
    for number in range(0 if state is None else state, given):
        total = peers.sum(torch.tensor(float(number + peers.rank)))
        yield (peers.size, float(total)), number + 1


def wrong_in_one(peers, given, state):
    if peers.rank == given:
        raise DataError("there is no such item")
    yield peers.from_first(lambda: 1), None


def killing_together(peers, given, state):
    yield 0, None
    if peers.rank:
        os.kill(os.getpid(), signal.SIGKILL)
    peers.from_first(lambda: 1)


def times(factor, block):
    return factor * block


def place(_, block):
    return os.getpid(), block


def always_killed(_, block):
    if block == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def wrong_input(_, block):
    if block == 3:
        raise DataError("row 3 holds no number")
    if block == 1:
        warn("row 1 is doubtful")
    return block


def fault(_, block):
    return 1 // (block - 2)


def changed_in_place(array, block):
    array.sort()  # Ray's own arrays refuse it
    return float(array[:block].sum())
