"""Progress of a long command on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from kgrec.reporting.console import make_console
from kgrec.reporting.metric_tables import show_metrics
from kgrec.runs.log import RunLog, trained_parts
from kgrec.text.progress import ShowProgress

if TYPE_CHECKING:  # what answers from a saved run trains nothing
    from kgrec.config import Config
    from kgrec.evaluation.base import Evaluation
    from kgrec.models.base import Callback

_EVERY: Final = 10
"""Seconds between two lines of progress if there is no bar."""


class Reporter(RunLog):
    """Shows the progress of a long command: bars on a terminal, plain lines otherwise.

    Attributes:
        console: The output: stderr, so that stdout has only results.
        interactive: Whether it is a terminal, where progress bars can be drawn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.console = make_console(stderr=True)
        self.interactive = self.console.is_terminal
        self._last = 0.0

    def say(self, text: str) -> None:
        """Print a text, and keep it for the log."""
        super().say(text)
        self.console.print(escape(self.lines[-1]), soft_wrap=True)

    def show(self, results: Mapping[str, Evaluation]) -> None:
        """Print a table of metrics, and keep the figures for the log."""
        super().show(results)
        show_metrics(results, self.console)

    @contextmanager
    def training(self, config: Config) -> Iterator[Callback]:
        """Show the progress of a training: a bar with loss, metric and time left, or lines."""
        epochs = (part.training.max_epochs for part in trained_parts(config))
        bar = Progress(
            TextColumn("Training"),
            BarColumn(),
            TextColumn(
                "epoch {task.completed:.0f} of at most {task.total:.0f}  {task.description}"
            ),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.interactive,
        )
        with super().training(config) as keep, bar:
            task = bar.add_task("", total=max(epochs, default=1))
            self._last = time.monotonic()

            def callback(figures: Mapping[str, float]) -> None:
                keep(figures)
                shown = self.lines[-1].partition(": ")[2]
                bar.update(task, completed=figures["epoch"], description=shown)
                self._now_and_then(self.lines[-1])

            yield callback

    @contextmanager
    def tuning(self, metric: str) -> Iterator[tuple[Callback, Callable[[int, int], None]]]:
        """Show the progress of a training of the encoder: a bar with the time left, or lines."""
        bar = Progress(
            TextColumn("Tuning the encoder"),
            BarColumn(),
            TextColumn("step {task.completed:.0f} of at most {task.total:.0f}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.description}"),
            console=self.console,
            disable=not self.interactive,
        )
        with super().tuning(metric) as (keep, _), bar:
            task = bar.add_task("", total=1)
            began: list[tuple[float, int]] = []

            def callback(figures: Mapping[str, float]) -> None:
                keep(figures)
                if self.interactive:
                    bar.update(task, description=self.lines[-1])
                else:
                    self.console.print(escape(self.lines[-1]), soft_wrap=True)

            def steps(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)
                began.append((time.monotonic(), done))
                start, first = began[0]
                if done > first:
                    left = (time.monotonic() - start) / (done - first) * (total - done)
                    self._now_and_then(f"step {done} of {total}, at most {left / 60:.1f} min left")
                del began[1:]

            yield callback, steps

    @property
    def encoding(self) -> ShowProgress:
        """Show the progress of encoding texts: a bar, or lines."""
        if self.interactive:
            return True
        self._last = time.monotonic()
        return lambda done, total: self._now_and_then(f"Encoding texts: {done:,} of {total:,}")

    @contextmanager
    def fetching(self) -> Iterator[Callable[[str, int, int], None]]:
        """Show how much is fetched: a bar, or lines."""
        bar = Progress(console=self.console, disable=not self.interactive, transient=True)
        with bar:
            task = bar.add_task("", total=None)
            self._last = time.monotonic()

            def progress(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total)
                self._now_and_then(f"{what}: {done} of {total}")

            yield progress

    def _now_and_then(self, line: str) -> None:
        """Print a line if there is no bar and the last line is some seconds old."""
        if not self.interactive and time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self.console.print(escape(line), soft_wrap=True)
