"""The engine that has a stage's blocks done by the workers of a Ray cluster."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from kgrec.engine.base import Block, Engine, JointWork, News, Result, Shared, Work
from kgrec.engine.ray_cluster import AUTO, OWN, check_ray, connect
from kgrec.engine.ray_group import JointState, WorkersLost, take_part
from kgrec.engine.ray_worker import Worker, packed, unpacked, versions
from kgrec.errors import ConfigError, RunError, printable, warn, wordings
from kgrec.settings import Settings
from kgrec.types import ByteArray

_QUEUED: Final = 2
"""Blocks that a worker has: one that it works on, and one that is on its way."""
_AHEAD: Final = 4
"""Blocks for each worker that are done or under way before the first of them is taken."""
_LOST: Final = (
    "Most often the machine has too little memory: give fewer workers (engine.workers), or "
    "machines with more memory."
)
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class RayEngineConfig(Settings):
    """The workers of a Ray cluster do what can be cut into blocks; needs `kgrec[ray]`."""

    name: Literal["ray"] = "ray"
    address: str = Field(
        default=AUTO,
        description="`auto`: the cluster that runs on this machine, or that this machine is a part "
        "of; `local`: a new one on this machine, for this command; or HOST:PORT of a cluster's "
        "head.",
    )
    workers: int | None = Field(
        default=None, ge=1, le=100_000, description="Number of workers; None: one for each "
        "`cpus` of the cluster.",
    )  # fmt: skip
    cpus: int = Field(default=1, ge=1, le=1_024, description="Cores, and threads, of a worker.")
    gpus: float = Field(
        default=0.0, ge=0.0, le=64.0, description="GPUs of a worker; a share is possible."
    )
    training_workers: int | None = Field(
        default=None, ge=0, le=100_000, description="Number of workers that train a link predictor "
        "or the encoder of texts together, each with its share of each step; 0: it trains in the "
        "command's process; None: all workers.",
    )  # fmt: skip
    retries: int = Field(
        default=3, ge=0, le=1_000, description="How often a worker that was lost is started again, "
        "and its block is done again.",
    )  # fmt: skip
    patience: float = Field(
        default=60.0, gt=0.0, le=86_400.0,
        description="Seconds to wait for the cluster and for free workers.",
    )  # fmt: skip

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value in (AUTO, OWN):
            return value
        if value.startswith("ray://"):
            raise ValueError(
                "Ray Client (ray://) is not supported, as it is another way to work: run kgrec on "
                "a machine of the cluster with the address 'auto', or give HOST:PORT of the head"
            )
        found = _HOST_AND_PORT.fullmatch(value)
        if found is None or not 0 < int(found[2]) < 65_536:
            raise ValueError(
                f"expected 'auto', 'local' or HOST:PORT, such as 10.0.0.1:6379, found "
                f"{printable(value)!r}"
            )
        return value

    def build(self) -> RayEngine:
        """Return the engine, which connects when it is entered.

        Raises:
            ConfigError: Ray is not installed.
        """
        return RayEngine(self)


@dataclass(eq=False)
class _Asked:
    """A block that a worker has.

    Attributes:
        number: Its place.
        block: The packed block, until it is done.
        worker: Who has it.
        lost: How many workers were lost with it.
    """

    number: int
    block: ByteArray
    worker: Any = None
    lost: int = 0


class RayEngine(Engine):
    """Has blocks done by actors of a Ray cluster, one worker each; see `Engine`.

    The workers stay for all stages. What the blocks of a stage share goes to each of them once. If
    a worker is lost, Ray starts another one, and its block is done again: it gives the same result.
    Errors and warnings of workers are those of this process.

    Args:
        config: The settings.

    Raises:
        ConfigError: Ray is not installed; when entered: a version differs.
        RunError: When entered: there is no cluster, or it has no free worker.
    """

    distributed = True

    def __init__(self, config: RayEngineConfig) -> None:
        super().__init__()
        check_ray()
        self.config = config
        self.address = config.address
        self._workers: list[Any] = []
        self._last: tuple[Any, Any] | None = None

    @property
    def num_workers(self) -> int:
        """The number of workers; 0 before the engine is entered."""
        return len(self._workers)

    def start(self) -> None:
        """Connect, start the workers, and compare their versions with those of this process."""
        import ray

        if self._workers:
            return
        workers = self.config.workers
        cores = None if workers is None else workers * self.config.cpus
        self.address = connect(self.config.address, cores)
        try:
            self._workers = self._started()
        except BaseException:
            ray.shutdown()
            raise

    def stop(self) -> None:
        """Give the workers back, and disconnect; work that is under way is given up."""
        import ray

        if self._tokens:  # still in use by an outer body
            return
        for worker in self._workers:
            ray.kill(worker)
        self._workers, self._last = [], None
        ray.shutdown()

    def map(
        self, work: Work[Shared, Block, Result], shared: Shared, blocks: Iterable[Block]
    ) -> Iterator[Result]:
        """Yield the results in the order of the blocks; see `Engine.map`.

        Where the caller stops before the end, the blocks that workers have are still done: Ray can
        end them only with their worker.
        """
        import ray

        if not self._workers:
            raise RunError("The Ray engine is used outside of its `with` block: enter it first.")
        function, common = ray.put(packed((work, wordings()))), self._put(shared)
        free = deque(self._workers * _QUEUED)
        numbered = enumerate(blocks)
        again: deque[_Asked] = deque()
        running: dict[Any, _Asked] = {}
        done: dict[int, Any] = {}
        following, exhausted = 0, False
        while True:
            while free and (again or not exhausted):
                if again:
                    asked = again.popleft()
                elif len(running) + len(done) >= _AHEAD * len(self._workers):
                    break
                else:
                    number, block = next(numbered, (-1, None))
                    if number < 0:
                        exhausted = True
                        break
                    asked = _Asked(number, packed(block))
                asked.worker = free.popleft()
                running[asked.worker.run.remote(function, [common], asked.block)] = asked
            if following in done:
                yield _told(done.pop(following))
                following += 1
            elif running:
                (ready,), _ = ray.wait(list(running), num_returns=1)
                asked = running.pop(ready)
                try:
                    done[asked.number] = unpacked(ray.get(ready))
                    free.append(asked.worker)
                except ray.exceptions.RayError as lost:
                    self._replace(asked, lost, free)
                    again.append(asked)
            else:
                return

    @property
    def num_together(self) -> int:
        """Workers that train one model together; see `Engine.num_together`."""
        asked, there = self.config.training_workers, len(self._workers)
        return there if asked is None else min(asked, there)

    def together(
        self,
        work: JointWork[Shared],
        first: Shared,
        others: Shared,
        state: Any = None,
        most: int | None = None,
    ) -> Generator[News]:
        """Yield the news of joint work; see `Engine.together`."""
        import ray

        number = self.num_together if most is None else min(most, self.num_together)
        if not number:
            raise RunError("The Ray engine has no workers that train: enter it first.")
        self._last = None
        given = [ray.put(packed(first))]
        if number > 1:
            same = others is first
            given += [given[0] if same else ray.put(packed(others))] * (number - 1)
        newest = JointState(packed(state))
        for tries in itertools.count(1):
            ended = False
            try:
                gang, gpus = self._workers[:number], self.config.gpus >= 1
                yield from take_part(gang, work, given, newest, gpus=gpus)
                ended = True
                return
            except WorkersLost as lost:
                newest.kept()
                if tries > self.config.retries:
                    raise RunError(
                        f"Workers of the Ray cluster were lost {tries} times in one training: "
                        f"{_last_line(lost)} {_LOST} engine.retries is how often a training "
                        "goes on from its last epoch."
                    ) from lost
                warn(
                    "A worker of the Ray cluster was lost. The training goes on from its last "
                    "whole epoch."
                )
            finally:
                if not ended:  # an interruption, too: workers end their work only with themselves
                    self._renew(number)
            self._wait_for(number)

    def _renew(self, number: int) -> None:
        """Put new workers in the place of the first ones."""
        import ray

        if not self._workers:  # the engine was left before
            return
        for worker in self._workers[:number]:
            ray.kill(worker)
        actor = self._actor()
        self._workers[:number] = [actor.remote() for _ in range(number)]

    def _wait_for(self, number: int) -> None:
        """Wait until new workers are there.

        Raises:
            RunError: They are not free in time. Fewer would train something else.
        """
        import ray

        asked = [worker.versions.remote() for worker in self._workers[:number]]
        ready, late = ray.wait(asked, num_returns=number, timeout=self.config.patience)
        if late:
            raise RunError(
                f"Only {len(ready)} of {number} workers of the Ray cluster are there, "
                f"{self.config.patience:g} seconds after one was lost, and fewer would train "
                "something else. The checkpoint is kept: resume when its machine is back."
            )
        _check_versions(ready)

    def _replace(self, asked: _Asked, lost: Exception, free: deque[Any]) -> None:
        """Put another worker in the place of one that was lost, also among the free ones.

        Raises:
            RunError: The block was tried often enough.
        """
        asked.lost += 1
        if asked.worker in self._workers:  # the other block that it had may have said it already
            self._workers[self._workers.index(asked.worker)] = made = self._actor().remote()
            for _ in range(free.count(asked.worker)):
                free.remove(asked.worker)
            free.extend([made] * _QUEUED)
            warn("A worker of the Ray cluster was lost. Another one does its work again.")
        if asked.lost > self.config.retries:
            raise RunError(
                f"Workers of the Ray cluster were lost {asked.lost} times on the same block: "
                f"{_last_line(lost)} {_LOST} engine.retries is how often a block is tried again."
            ) from lost

    def _put(self, shared: Any) -> Any:
        """Return a reference to what is shared; the same object as before is not sent again."""
        import ray

        if self._last is None or self._last[0] is not shared:
            self._last = None  # its memory is free before more is asked for
            self._last = shared, ray.put(packed(shared))
        return self._last[1]

    def _actor(self) -> Any:
        import ray

        return ray.remote(Worker).options(num_cpus=self.config.cpus, num_gpus=self.config.gpus)

    def _started(self) -> list[Any]:
        """Return the workers that are there in time, all with the same versions."""
        import ray

        config = self.config
        there = ray.cluster_resources()
        possible = int(there.get("CPU", 0.0)) // config.cpus
        if config.gpus:
            possible = min(possible, int(there.get("GPU", 0.0) / config.gpus))
        if possible < 1:
            raise RunError(
                f"The Ray cluster has {there.get('CPU', 0.0):g} cores and "
                f"{there.get('GPU', 0.0):g} GPUs: too few for one worker with "
                f"{config.cpus} cores and {config.gpus:g} GPUs (engine.cpus, engine.gpus)."
            )
        if config.workers is not None and config.workers > possible:
            raise RunError(
                f"engine.workers is {config.workers}, and the Ray cluster has room for {possible}."
            )
        actor = self._actor()
        made = [actor.remote() for _ in range(config.workers or possible)]
        asked = {worker.versions.remote(): worker for worker in made}
        ready, late = ray.wait(list(asked), num_returns=len(asked), timeout=config.patience)
        for reference in late:
            ray.kill(asked[reference])
        if not ready:
            raise RunError(
                f"No worker of the Ray cluster was free within {config.patience:g} seconds: other "
                "work uses its cores (`ray status`). Wait, or raise engine.patience."
            )
        if late:
            warn(
                f"{len(late)} of {len(asked)} workers of the Ray cluster were not free within "
                f"{config.patience:g} seconds. The work goes on with {len(ready)}."
            )
        _check_versions(ready)
        return [asked[reference] for reference in ready]


def _told(answer: tuple[Any, Exception | None, list[str]]) -> Any:
    """Return the result of a block; its warnings and its error are those of this process."""
    result, error, told = answer
    for message in told:
        warn(message)
    if error is not None:
        raise error
    return result


def _check_versions(answers: Sequence[Any]) -> None:
    """Check that all workers have this process's versions.

    Raises:
        ConfigError: One has another one.
        RunError: A worker cannot start.
    """
    import ray

    here = versions()
    for answer in answers:
        try:
            there = ray.get(answer)
        except ray.exceptions.RayError as error:
            raise RunError(
                f"A worker of the Ray cluster cannot start: {_last_line(error)} Is kgrec "
                "installed on all of its machines?"
            ) from error
        different = [name for name in here if here[name] != there.get(name)]
        if different:
            listed = ", ".join(
                f"{name} {here[name]} here and {printable(str(there.get(name)))} there"
                for name in different
            )
            raise ConfigError(
                f"The workers of the Ray cluster have other versions than this process: {listed}. "
                "Results could differ. Install the same on all machines."
            )


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[-1] if lines else type(error).__name__, 400).rstrip(".") + "."
