"""A progress bar on stderr, a function of the caller, or neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from kgrec.types import FloatArray

ShowProgress = bool | Callable[[int, int], None]


@dataclass(frozen=True)
class ToldBefore:
    """Progress for somebody who also wants to know, before texts are encoded, which they are.

    Attributes:
        progress: As for `reporter`.
        before: Called with the encoder and the texts that it is going to encode; what it raises
            ends the work before it begins.
    """

    progress: ShowProgress
    before: Callable[[Any, Sequence[str]], object]

    def __call__(self, done: int, total: int) -> None:
        """Tell the progress, where a function is told of it."""
        if callable(self.progress):
            self.progress(done, total)


@contextmanager
def reporter(progress: ShowProgress, total: int, what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with `(done, total)`.

    Args:
        progress: True shows a bar on stderr with the time left, False shows nothing, and a
            function is yielded as it is.
        total: The total number.
        what: Text in front of the bar.
    """
    if isinstance(progress, ToldBefore):
        with reporter(progress.progress, total, what) as report:
            yield report
    elif callable(progress):
        yield progress
    elif not progress:
        yield lambda *_: None
    else:
        from rich import progress as bars
        from rich.console import Console

        columns = (
            *bars.Progress.get_default_columns()[:2],
            bars.MofNCompleteColumn(),
            bars.TimeRemainingColumn(),
        )
        with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done, total: bar.update(task, completed=done, total=total)


class _Encoder(Protocol):
    def encode(self, texts: Sequence[str], *, progress: ShowProgress = False) -> FloatArray: ...


@dataclass(frozen=True)
class ShownEncoder:
    """An encoder that shows its progress to callers that do not ask for it.

    Attributes:
        encoder: What encodes.
        progress: As for `reporter`.
    """

    encoder: _Encoder
    progress: ShowProgress

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return the vectors of texts, float32 of shape (n, dim)."""
        return self.encoder.encode(texts, progress=self.progress)
