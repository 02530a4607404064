"""The messages of a training, kept for the log file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kgrec.errors import printable
from kgrec.text.progress import ShowProgress

if TYPE_CHECKING:  # what answers from a saved run trains nothing
    from kgrec.config import Config
    from kgrec.evaluation.base import Evaluation
    from kgrec.models.base import Callback
    from kgrec.training.link_prediction import LinkPredictionConfig


class RunLog:
    """Keeps the messages of a training, and shows nothing.

    `kgrec.reporting.reporter.Reporter` also shows them.

    Attributes:
        lines: All messages, for `log.txt`.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def encoding(self) -> ShowProgress:
        """How the progress of encoding texts is shown; see `TextEncoder.encode`."""
        return False

    def say(self, text: str) -> None:
        """Keep a text, control characters escaped."""
        self.lines.append("\n".join(printable(line, 1000) for line in text.splitlines()))

    def show(self, results: Mapping[str, Evaluation]) -> None:
        """Keep the metrics of results by their names."""
        for name, result in results.items():
            figures = "  ".join(f"{key}={value:.4f}" for key, value in result.metrics.items())
            self.lines.append(f"{name}: {figures}")

    @contextmanager
    def training(self, config: Config) -> Iterator[Callback]:
        """Yield a callback that keeps the figures of each epoch."""
        metric = next((part.training.metric for part in trained_parts(config)), "")

        def callback(figures: Mapping[str, float]) -> None:
            line = f"epoch {figures['epoch']:.0f}: loss {figures['loss']:.4f}"
            if metric in figures:
                line += f", {metric} {figures[metric]:.4f}, best {figures['best']:.4f}"
            self.lines.append(line)

        yield callback

    @contextmanager
    def tuning(self, metric: str) -> Iterator[tuple[Callback, Callable[[int, int], None]]]:
        """Yield what gets the figures of a training of the encoder, and its steps.

        Args:
            metric: The metric that chooses.
        """

        def callback(figures: Mapping[str, float]) -> None:
            shown = [f"{key} {figures[key]:.4f}" for key in ("loss", metric) if key in figures]
            if "best" in figures:
                shown.append(f"best {figures['best']:.4f}")
            line = f"epoch {figures['epoch']:.0f}: {', '.join(shown)} ({figures['seconds']:.0f} s)"
            self.lines.append(line)

        yield callback, lambda *_: None


def trained_parts(config: Config) -> list[LinkPredictionConfig]:
    """Return the settings of all that trains in epochs: the model, or members of an ensemble."""
    from kgrec.config import NamedEnsembleConfig
    from kgrec.training.link_prediction import LinkPredictionConfig

    settings = config.seeded_model()
    parts = settings.members if isinstance(settings, NamedEnsembleConfig) else (settings,)
    return [part for part in parts if isinstance(part, LinkPredictionConfig)]
