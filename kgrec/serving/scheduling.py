"""When a run is trained again: at fixed times, or when a training is due."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from kgrec.files import try_lock

_LOGGER: Final = logging.getLogger("kgrec.serving")
_LOOK: Final = 10.0  # seconds between looks at the time


class Scheduler:
    """Trains again when it is time, or when a training is due, in a process of its own.

    One worker of all that share a folder does it.

    Args:
        run: The link to the run.
        log: The name of the log.
        arguments: Further arguments of `kgrec retrain`.
        hours: Between trainings; 0: only when one is due.
        when_due: Returns whether a training is due; None: nobody asks.
        promoted: Called when the link leads to a new run.
    """

    def __init__(
        self,
        run: Path,
        log: str,
        arguments: list[str],
        hours: float,
        when_due: Callable[[], bool] | None,
        promoted: Callable[[], Any],
    ) -> None:
        self._run, self._log, self._arguments, self._hours = run, log, arguments, hours
        self._due, self._promoted = when_due, promoted
        self._stop = Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._last = time.monotonic()

    def start(self) -> None:
        """Begin to look at the time."""
        Thread(target=self._loop, name="kgrec-scheduler", daemon=True).start()

    def stop(self) -> None:
        """End, also a training that is under way."""
        self._stop.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _loop(self) -> None:
        while not self._stop.wait(_LOOK):
            try:
                self._look()
            except Exception:  # it is tried again when it is time again
                _LOGGER.exception("the run could not be trained again; it stays")

    def _look(self) -> None:
        passed = (time.monotonic() - self._last) / 3600
        timely = bool(self._hours) and passed >= self._hours
        # After one for drift, an hour passes: what made it due may still be there.
        drifted = self._due is not None and passed >= 1.0 and self._due()
        if timely or drifted:
            self._last = time.monotonic()
            self.train()

    def train(self) -> bool:
        """Train now, and return whether the link leads to a new run."""
        with try_lock(self._run.parent) as alone:
            if not alone:
                return False
            out = self._run.with_name(f"{self._run.name}-{time.strftime('%Y%m%d-%H%M%S')}")
            command = [sys.executable, "-m", "kgrec.cli", "retrain", str(self._run)]
            command += ["--out", str(out), "--promote", "--log", "-", *self._arguments]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603
            self._process.communicate(self._log.encode())
            code = self._process.returncode
        if code:
            _LOGGER.error("the training ended with code %d; the run stays", code)
            return False
        self._promoted()
        return True
