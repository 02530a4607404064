"""What every tracker does: it is a callback of a training that has a beginning and an end."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kgrec.errors import ConfigError, RunError, printable, warn
from kgrec.settings import Settings


class Tracker(ABC):
    """Sends figures of a training to a program that keeps and draws them.

    It is a callback for `Recommender.fit`, and a context manager: its end is the end of the run.

        with TensorBoard() as tracker:
            recommender.fit(train, valid, callback=tracker)

    What it gets: the config, the place of the run folder; at each validation the loss, the metrics
    and the seconds; at the end the final metrics. Where several models are trained in one run, as
    the members of an ensemble, the figures of the second are named `training 2/loss`, and so on.

    A tracker that cannot start is an error. One that fails later gets a warning, and the training
    goes on without it.
    """

    what: str
    """Its name, for messages."""

    def __init__(self) -> None:
        self._running = self._failed = False
        self._training, self._last = 1, -1

    def check(self) -> None:
        """Check that its library is installed.

        Raises:
            ConfigError: It is not.
        """
        module, extra = self._needs()
        if find_spec(module) is None:
            raise ConfigError(
                f"The tracker {self.what} needs the library {module}, which is not installed: "
                f"`pip install 'kgrec[{extra}]'`."
            )

    def start(
        self, name: str, config: Mapping[str, Any] | None = None, folder: str | Path | None = None
    ) -> Self:
        """Begin a run.

        Args:
            name: The name of the run.
            config: The config, as a tree.
            folder: The run folder, whose path is noted.

        Raises:
            ConfigError: The library is not installed.
            RunError: The tracker cannot start.
        """
        self.check()
        if self._running:
            raise RunError(f"The tracker {self.what} has a run already; finish it first.")
        self._training, self._last, self._failed = 1, -1, False
        about = {} if folder is None else {"folder": str(folder)}
        try:
            self._start(name, flat(config or {}), about)
        except Exception as error:
            raise RunError(f"The tracker {self.what} cannot start: {_reason(error)}.") from error
        self._running = True
        return self

    def __call__(self, figures: Mapping[str, float]) -> None:
        """Send the figures after a validation; see `kgrec.models.base.Callback`."""
        if not self._running:
            self.start("fit")
        epoch = int(figures.get("epoch", self._last + 1))
        if epoch <= self._last:
            self._training += 1
        self._last = epoch
        before = "" if self._training == 1 else f"training {self._training}/"
        values = {before + key: float(value) for key, value in figures.items() if key != "epoch"}
        self._guarded(lambda: self._log(values, epoch))

    def finish(self, metrics: Mapping[str, float] | None = None, *, failed: bool = False) -> None:
        """End the run; does nothing where none has begun.

        Args:
            metrics: Final figures.
            failed: Whether the run did not come to its end.
        """
        if not self._running:
            return
        self._running = False
        final = {f"final/{key}": float(value) for key, value in (metrics or {}).items()}
        self._guarded(lambda: self._finish(final, failed))

    def __enter__(self) -> Self:
        """Return the tracker; the run begins with `start`, or with the first figures."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        """End the run, as a failed one where the body raised."""
        self.finish(failed=kind is not None)

    def _guarded(self, act: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001  # of any library; the training is worth more
            self._failed = True
            warn(
                f"The tracker {self.what} failed, and gets no more figures of this run: "
                f"{_reason(error)}."
            )

    @abstractmethod
    def _needs(self) -> tuple[str, str]:
        """Return the module that it needs, and kgrec's extra that installs it."""

    @abstractmethod
    def _start(self, name: str, config: Mapping[str, Any], about: Mapping[str, str]) -> None:
        """Begin a run, with the settings by dotted key."""

    @abstractmethod
    def _log(self, values: Mapping[str, float], epoch: int) -> None:
        """Send figures of an epoch."""

    @abstractmethod
    def _finish(self, final: Mapping[str, float], failed: bool) -> None:
        """Send final figures and end the run."""


class Trackers:
    """Several trackers as one callback.

    Args:
        trackers: The trackers; none: nothing is tracked.
    """

    def __init__(self, trackers: Sequence[Tracker] = ()) -> None:
        self.trackers = tuple(trackers)

    def check(self) -> None:
        """Check all; see `Tracker.check`."""
        for tracker in self.trackers:
            tracker.check()

    def __call__(self, figures: Mapping[str, float]) -> None:
        """Send figures to all; see `Tracker.__call__`."""
        for tracker in self.trackers:
            tracker(figures)

    def finish(self, metrics: Mapping[str, float] | None = None, *, failed: bool = False) -> None:
        """End the run of all; see `Tracker.finish`."""
        for tracker in self.trackers:
            tracker.finish(metrics, failed=failed)

    @contextmanager
    def run(
        self, name: str, config: Mapping[str, Any] | None = None, folder: str | Path | None = None
    ) -> Iterator[Self]:
        """Track a run, from the start of the body to its end; arguments as for `Tracker.start`.

        The body calls `finish` with the final figures.
        """
        try:
            for tracker in self.trackers:
                tracker.start(name, config, folder)
            yield self
        except BaseException:
            self.finish(failed=True)
            raise
        self.finish()


class TrackerSettings(Settings):
    """What the settings of all trackers have."""

    name: str


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment in the body, for libraries that have no other switch."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of a tree by dotted keys.

    >>> flat({"model": {"name": "ease", "l2": 3.0}, "seed": 0})
    {'model.name': 'ease', 'model.l2': 3.0, 'seed': 0}
    """
    found: dict[str, Any] = {}
    for key, value in tree.items():
        inner = isinstance(value, Mapping) and value
        found |= flat(value, f"{before}{key}.") if inner else {f"{before}{key}": value}
    return found


def _reason(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return printable(said[0] if said else type(error).__name__, 300).rstrip(".")
