"""Looking whether another run has taken the place of the one that answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from kgrec.errors import KgrecError
from kgrec.serving.loading import stamp_of
from kgrec.serving.served import Served

_LOGGER: Final = logging.getLogger("kgrec.serving")


class Watcher:
    """Loads what takes the place of a run folder, or what its link leads to from then on.

    Args:
        folder: The run folder, or the link.
        current: Returns the run that answers now.
        swap: Loads the run again and lets it answer.
        seconds: Between looks; 0: it looks only when asked.
    """

    def __init__(
        self,
        folder: Path,
        current: Callable[[], Served],
        swap: Callable[[], Served],
        seconds: float,
    ) -> None:
        self._folder, self._current, self._swap, self._seconds = folder, current, swap, seconds
        self._stop, self._looking = Event(), Lock()
        self._thread = Thread(target=self._run, name="kgrec-watcher", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._seconds:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def look(self) -> bool:
        """Swap the run if another one is there; return whether it was.

        Raises:
            KgrecError: It cannot be loaded; the one before stays.
        """
        with self._looking:
            if stamp_of(self._folder) == self._current().stamp:
                return False
            made = self._swap()
            _LOGGER.info("another run answers now: %s", made.name)
            return True

    def _run(self) -> None:
        told = ""
        while not self._stop.wait(self._seconds):
            try:
                self.look()
                told = ""
            except KgrecError as error:
                if str(error) != told:  # once, and not at each look
                    _LOGGER.error("another run is there, and cannot be loaded: %s", error)
                told = str(error)
            except Exception:  # such as a file that goes while it is read: look again
                _LOGGER.exception("another run is there, and cannot be loaded")
