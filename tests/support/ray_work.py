"""Work for the engines' tests: functions of a module, as workers load them by name."""

import functools
import os
import signal
from pathlib import Path

from kgrec.engine import Engine
from kgrec.errors import DataError, warn


class Lent(Engine):
    """An engine that a test enters, and that goes on running afterwards.

    Args:
        engine: The engine.
        flag: A file that is not there: the worker that gets block 1 is killed, once. None: none is.

    Attributes:
        maps: How often work was given to it.
    """

    distributed = True

    def __init__(self, engine, flag=None):
        super().__init__()
        self.engine, self.flag, self.maps = engine, flag, 0

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
