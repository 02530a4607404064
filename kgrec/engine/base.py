"""What every engine does: it maps a function over the blocks of a stage."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self, TypeVar

from kgrec.engine.peers import Peers

Shared = TypeVar("Shared")
Block = TypeVar("Block")
Result = TypeVar("Result")

Work = Callable[[Shared, Block], Result]
"""A function of a module, not a nested one, that works on one block of a stage.

It gets what all blocks share, such as a model, and the block. It must not depend on the blocks
before: which worker has which block is not known.
"""

JointWork = Callable[[Peers, Shared, Any], Iterator[tuple[Any, Any]]]
"""A function of a module by which several workers train one model together.

It gets the other workers, what it works on, and a state to go on from, or None. It yields news,
which are small, and a state, which may be large and from which the same work goes on in the same
way. Those of the first worker count.
"""
News = tuple[Any, Callable[[], Any]]
"""News of joint work, and what fetches the state that came with them."""


class Engine(ABC):
    """Does the work of stages, block by block.

    It is a context manager. In its body, the stages that can use it do:

        with RayEngineConfig(address="auto").build():
            recommender.fit(train, valid)
            recommender.recommend_all(10).write("all.parquet")

    A stage cuts its work into blocks that do not depend on the engine, and puts the results
    together in the order of the blocks. So every engine gives the same result.
    """

    distributed: bool
    """Whether blocks are done in other processes, so that cutting work finely pays."""

    def __init__(self) -> None:
        self._tokens: list[Token[tuple[Engine, ...]]] = []

    @abstractmethod
    def map(
        self, work: Work[Shared, Block, Result], shared: Shared, blocks: Iterable[Block]
    ) -> Iterator[Result]:
        """Yield `work(shared, block)` for each block, in order.

        Args:
            work: Works on one block.
            shared: What all blocks share. Each worker gets it once.
            blocks: Independent of each other. They are taken as they are needed, so there may be
                more of them than fit into memory.

        Raises:
            KgrecError: What `work` raised.
            RunError: Workers were lost again and again.
        """

    def map_warmed(
        self, work: Work[Shared, Block, Result], shared: Shared, blocks: Iterable[Block]
    ) -> Iterator[Result]:
        """Do the same as `map`, with the first block done in this process.

        Some models compute much at their first use and keep it, such as EASE's weights. Computed
        before `shared` goes to the workers, it is computed once and not by each of them.
        """
        rest = iter(blocks)
        for first in itertools.islice(rest, 1):
            yield work(shared, first)
        following = list(itertools.islice(rest, 1))
        if following:  # a single block needs no worker
            yield from self.map(work, shared, itertools.chain(following, rest))

    @property
    def num_together(self) -> int:
        """Workers that train one model together; 0: it is trained in this process."""
        return 0

    def together(
        self,
        work: JointWork[Shared],
        first: Shared,
        others: Shared,
        state: Any = None,
        most: int | None = None,
    ) -> Generator[News]:
        """Yield the news of work that `num_together` workers, or fewer, do together.

        Whoever leaves before the end closes it: the workers are then given up. Where a worker is
        lost, all of them go on from the last state that can be fetched: its news
        come again.

        Args:
            work: What each worker does.
            first: What the first worker works on.
            others: What each of the others works on.
            state: The state to begin with; None: there is none.
            most: Most workers that take part; None: all of them do.

        Raises:
            KgrecError: What `work` raised.
            RunError: Workers were lost again and again.
        """
        raise NotImplementedError(f"{type(self).__name__} does nothing together")

    def start(self) -> None:  # noqa: B027  # the local one has nothing to start
        """Get the workers ready; a mistake in the settings is said now."""

    def stop(self) -> None:  # noqa: B027
        """Give the workers back."""

    def __enter__(self) -> Self:
        """Start, and be the engine of the stages that this thread begins."""
        self.start()
        self._tokens.append(_in_use.set((*_in_use.get(), self)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        """Stop."""
        _in_use.reset(self._tokens.pop())
        self.stop()


class LocalEngine(Engine):
    """Does all in this process, one block after the other.

    Stages may use threads within a block.

    >>> list(LocalEngine().map(lambda factor, block: factor * block, 3, [1, 2]))
    [3, 6]
    """

    distributed = False

    def map(
        self, work: Work[Shared, Block, Result], shared: Shared, blocks: Iterable[Block]
    ) -> Iterator[Result]:
        """Yield the results, computed when they are asked for; see `Engine.map`."""
        for block in blocks:
            yield work(shared, block)


_LOCAL = LocalEngine()
_in_use: ContextVar[tuple[Engine, ...]] = ContextVar("engines", default=())


def engine_in_use() -> Engine:
    """Return the engine whose body this is, the innermost one; the local one if there is none."""
    return (_LOCAL, *_in_use.get())[-1]


def unchanged(_: Any, block: Block) -> Block:
    """Return a block; tests and measurements of an engine use it as the work.

    >>> unchanged(None, 3)
    3
    """
    return block
