"""Keeping runs up to date with the log: one thread that reads it, and runs that take turns."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread
from typing import Final

from kgrec.errors import KgrecError, RunError
from kgrec.serving.applying import Applier
from kgrec.serving.log import Event as LogEvent
from kgrec.serving.log import Log
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.serving.served import Served

_LOGGER: Final = logging.getLogger("kgrec.serving")
_AGAIN: Final = 1.0  # seconds until a log that cannot be read is tried again


@dataclass
class Live:
    """A run that the log is brought to.

    Attributes:
        served: The run.
        applier: Brings events to it.
        applied: The place in the log up to which it has them.
        failed: Events that it refused.
        forgotten: Erasures that the model has been told of.
        lock: Who holds it keeps the run as it is.
    """

    served: Served
    applier: Applier
    applied: int = 0
    failed: int = 0
    forgotten: int = 0
    lock: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def of(cls, served: Served, pseudonyms: Pseudonyms) -> Live:
        """Return a run that has nothing of the log yet."""
        return cls(served, Applier(served.recommender, pseudonyms), served.applied)

    def catch_up(self, log: Log) -> int:
        """Bring all that the log has, and return how many events came."""
        count = 0
        with self.lock:
            while events := log.read(self.applied):
                self._apply(events)
                self.applied = events[-1].sequence
                count += len(events)
        return count

    def _apply(self, events: Sequence[LogEvent]) -> None:
        erased = self.applier.erased
        self._apply_all(events)
        if self.applier.erased != erased:
            self.served.lists.clear()  # some name who was erased

    def _apply_all(self, events: Sequence[LogEvent]) -> None:
        try:
            self.applier.apply(events)
        except Exception:  # one of them: the others count
            _LOGGER.exception("events cannot be applied together")
            for event in events:
                try:
                    self.applier.apply([event])
                except Exception:
                    self.failed += 1
                    _LOGGER.exception("event %d cannot be applied", event.sequence)


class Updater:
    """Brings the log to runs, in a thread of its own.

    Args:
        log: The log.
        runs: The runs, by name.
        pseudonyms: By which the log names users who were erased.
        poll: Seconds between looks into the log, for what other workers have written.
    """

    def __init__(
        self, log: Log, runs: dict[str, Live], pseudonyms: Pseudonyms, poll: float = 0.1
    ) -> None:
        self.log, self.pseudonyms = log, pseudonyms
        self._runs, self._poll = runs, poll
        self._wake, self._stop = Event(), Event()
        self._changed = Condition()
        self._swapping = Lock()
        self.ready = Event()
        self.seconds = 0.0
        self._thread = Thread(target=self._run, name="kgrec-updater", daemon=True)

    def start(self) -> None:
        """Begin to read the log."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after what is under way."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    @property
    def applied(self) -> int:
        """The place in the log up to which all runs have its events."""
        return min(live.applied for live in self._runs.values())

    @property
    def failed(self) -> int:
        """How many events no run could take."""
        return max(live.failed for live in self._runs.values())

    def notice(self) -> None:
        """Say that something was written."""
        self._wake.set()

    def wait_for(self, place: int, seconds: float) -> bool:
        """Wait until all runs have the log up to a place; return whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: self.applied >= place, seconds)

    def replace(self, name: str, make: Callable[[], Served]) -> Served:
        """Load another run beside one, bring the log to it, and let it take the other's place.

        Args:
            name: Which one it replaces.
            make: Loads it. It may take its time: the other one answers meanwhile.

        Returns:
            The new one.
        """
        with self._swapping:
            made = Live.of(make(), self.pseudonyms)
            self._let_answer(name, made)
            return made.served

    def _let_answer(self, name: str, made: Live) -> None:
        """Let a run take the place of one as soon as it has all that the other one has."""
        made.catch_up(self.log)
        with self._runs[name].lock:  # what was answered as applied is in the new one, too
            made.catch_up(self.log)
            self._runs[name] = made
        self._tell()

    def forget_old(self, name: str) -> None:
        """Let the model of a run know what came, in a thread, so that nothing older is kept."""

        def work() -> None:
            with self._swapping:
                live = self._runs[name]
                with live.lock:
                    place, failed, again = live.applied, live.failed, live.served.forked()
                try:
                    again.recommender.settle()
                except KgrecError as error:
                    _LOGGER.error("the model cannot be updated: %s", error)
                    return
                applier = Applier(again.recommender, self.pseudonyms)
                self._let_answer(name, Live(again, applier, place, failed))

        Thread(target=work, name="kgrec-settling", daemon=True).start()

    def _tell(self) -> None:
        """Let those look again who wait for a place."""
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._bring()
            except RunError as error:
                _LOGGER.error("the log cannot be read: %s", error)
            except Exception:  # without this thread, nothing that comes in would count any more
                _LOGGER.exception("the log could not be brought to the runs")
            else:
                self.ready.set()
                self._wake.wait(self._poll)
                continue
            self._stop.wait(_AGAIN)

    def _bring(self) -> None:
        for name, live in list(self._runs.items()):
            started = time.perf_counter()
            if live.catch_up(self.log):
                self.seconds = time.perf_counter() - started
                self._tell()
            if live.applier.erased > live.forgotten and live.served.forgets:
                live.forgotten = live.applier.erased
                self.forget_old(name)
