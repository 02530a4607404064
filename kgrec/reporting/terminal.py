"""What the command prints and draws: tables, progress, curves; plain text without a terminal."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from kgrec.choices import EnsembleChoice
from kgrec.config import Config
from kgrec.errors import RunError, printable
from kgrec.evaluation.evaluate import Evaluation
from kgrec.explain.explanation import Explanation
from kgrec.models.base import Callback
from kgrec.training.link_prediction import LinkPredictionConfig

SHOWN = (
    "ndcg", "recall", "precision", "mrr", "map", "hit", "ild_graph", "ild_text", "novelty",
    "coverage", "gini", "popularity", "popularity_lift",
)  # fmt: skip


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout, and nothing else.

    Characters that a terminal would obey, not show, are escaped as JSON does it.
    """
    text = json.dumps(value, ensure_ascii=False, indent=1)
    sys.stdout.write(re.sub(r"[^\n\x20-\x7e]", _escaped, text) + "\n")


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    return char if char.isprintable() else json.dumps(char)[1:-1]


def print_lines(lines: Iterable[str]) -> None:
    """Print plain lines on stdout, control characters escaped."""
    for line in lines:
        sys.stdout.write(printable(line, 2000) + "\n")


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that is as wide as need be where nobody looks at it through a window."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 1000
    return Console(stderr=stderr, highlight=False, width=width)


def make_table(console: Console, *headings: str, numbers: Sequence[str] = ()) -> Table:
    """Return a table with columns, those of `numbers` set right; plain text off a terminal."""
    table = Table(box=box.HEAVY_HEAD if console.is_terminal else None)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numbers else "left")
    return table


class Reporter:
    """Says how a long command goes: rich on a terminal, plain lines otherwise.

    Attributes:
        console: Where it goes: stderr, so that stdout stays clean.
        lines: All that was said, for the log file.
    """

    def __init__(self) -> None:
        self.console = make_console(stderr=True)
        self.interactive = self.console.is_terminal
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Print a line, and keep it for the log."""
        text = "\n".join(printable(line, 1000) for line in text.splitlines())
        self.lines.append(text)
        self.console.print(escape(text), soft_wrap=True)

    def show(self, results: Mapping[str, Evaluation]) -> None:
        """Print a table of metrics, and keep the figures for the log."""
        for name, result in results.items():
            figures = "  ".join(f"{key}={value:.4f}" for key, value in result.metrics.items())
            self.lines.append(f"{name}: {figures}")
        show_metrics(results, self.console)

    @contextmanager
    def training(self, config: Config) -> Iterator[Callback]:
        """Show the progress of a training: a bar with loss, metric and time left, or lines."""
        settings = config.seeded_model()
        parts = settings.members if isinstance(settings, EnsembleChoice) else (settings,)
        trained = [part for part in parts if isinstance(part, LinkPredictionConfig)]
        total = max((part.training.max_epochs for part in trained), default=1)
        metric = trained[0].training.metric if trained else ""
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
        with bar:
            task = bar.add_task("", total=total)
            last = [time.monotonic()]

            def callback(figures: Mapping[str, float]) -> None:
                shown = [f"loss {figures['loss']:.4f}"]
                if metric in figures:
                    shown.append(f"{metric} {figures[metric]:.4f}, best {figures['best']:.4f}")
                line = f"epoch {figures['epoch']:.0f}: {', '.join(shown)}"
                self.lines.append(line)
                bar.update(task, completed=figures["epoch"], description=", ".join(shown))
                if not self.interactive and time.monotonic() - last[0] > 10:
                    last[0] = time.monotonic()
                    self.console.print(line)

            yield callback


def show_metrics(
    results: Mapping[str, Evaluation],
    console: Console | None = None,
    *,
    kinds: Sequence[str] | None = None,
    cutoffs: Sequence[int] | None = None,
) -> None:
    """Print results of one protocol as a table, a column for each.

    Args:
        results: The results by name.
        console: Where it goes; None: stdout.
        kinds: The metrics; None: all, in the order of `SHOWN`.
        cutoffs: The cut-offs; None: all.
    """
    console = console or make_console()
    names = [safe(name) for name in results]
    table = make_table(console, "metric", *names, numbers=names)
    first = next(iter(results.values()))
    known = [f"{kind}@{k}" for kind in kinds or SHOWN for k in cutoffs or first.k]
    rows = [name for name in known if name in first.metrics]
    if kinds is None and cutoffs is None:
        rows += [name for name in first.metrics if name not in rows]
    for name in rows:
        values = [result.metrics[name] for result in results.values()]
        table.add_row(name, *(f"{value:.4f}" for value in values))
    console.print(table)
    for line in _remarks(first):
        console.print(line, soft_wrap=True)


def show_groups(result: Evaluation, console: Console | None = None) -> None:
    """Print how groups of users are served: the first per-user metric in each, and the spread."""
    console = console or make_console()
    metric = next(iter(result.per_user))
    numbers = ("users", metric, "gap", "Jain")
    table = make_table(console, "users by", "group", *numbers, numbers=numbers)
    for name, found in result.details.get("groups", {}).items():
        values = found["metrics"][metric]
        spread = (f"{values['gap']:.4f}", f"{values['jain']:.4f}")
        for label, mean in values["by_group"].items():
            count = f"{found['num_users'][label]:,}"
            table.add_row(safe(name), safe(label), count, f"{mean:.4f}", *spread)
            name, spread = "", ("", "")
    if table.row_count:
        console.print(table)
    for name, count in result.details.get("groups_left_out", {}).items():
        console.print(f"No groups by {safe(name)}: it has {count:,} values.", soft_wrap=True)


def _remarks(result: Evaluation) -> list[str]:
    """Return what was measured, and what the figures do not compare with."""
    measured = measured_on(result)
    if result.protocol == "ratings":
        low, high = result.details["range"]
        measured += f", training ratings from {low:g} to {high:g}"
    return [measured, *cautions(result)]


def measured_on(result: Evaluation) -> str:
    """Return in words how much was measured."""
    users, judged = counted(result.num_users, "user"), result.num_judgements
    if result.protocol == "ctr":
        return f"{users}, {result.num_candidates:,} pairs, {judged:,} of them chosen"
    if result.protocol == "ratings":
        return f"{users}, {counted(judged, 'rating')}"
    each = " each at most" if result.protocol == "candidates" else ""
    return (
        f"{users}, {result.num_candidates:,} ranked items{each}, "
        f"{counted(judged, 'interaction')} to be found"
    )


def cautions(result: Evaluation) -> list[str]:
    """Return sentences of what was left out, and of what the figures do not compare with."""
    lines = []
    if result.num_unreachable:
        lines.append(
            f"{result.num_unreachable:,} of them could not be found, as they are not ranked: they "
            "count as missed."
        )
    missing = result.details.get("num_not_drawn", 0)
    if isinstance(missing, int) and missing > 0:
        lines.append(f"{missing:,} fewer pairs were drawn: users have too few unseen items.")
    if result.sampled:
        lines.append("Sampled metrics: they do not compare with those of a full ranking.")
    if result.non_standard:
        lines.append("kgat_ndcg is not the standard NDCG: its ideal ranking has found items alone.")
    return lines


def print_items(items: Sequence[Any], as_json: bool) -> None:
    """Print recommendations as JSON or as a table."""
    if as_json:
        print_json([item.to_dict() for item in items])
        return
    console = make_console()
    table = make_table(console, "", "item", "title", "score", numbers=("", "score"))
    for place, item in enumerate(items, 1):
        table.add_row(str(place), safe(item.item), safe(item.title), f"{item.score:.3f}")
    console.print(table)


def print_explanation(explanation: Explanation, as_json: bool) -> None:
    """Print why an item is recommended, as JSON or as a sentence and its paths."""
    if as_json:
        print_json(explanation.to_dict())
        return
    console = make_console()
    console.print(escape(explanation.sentence), soft_wrap=True)
    for path in explanation.paths:
        console.print(f"  {path.score:.3f}  {escape(str(path))}", soft_wrap=True)


def draw_curve(curve: Sequence[Mapping[str, float]], config: Config, path: Path) -> None:
    """Draw loss and validation metric over the epochs, as PNG.

    Raises:
        RunError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    settings = config.seeded_model()
    assert isinstance(settings, LinkPredictionConfig)
    metric = settings.training.metric
    epochs = [entry["epoch"] for entry in curve]
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.subplots()
    left.plot(epochs, [entry["loss"] for entry in curve], color="#0072B2", label="training loss")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss", color="#0072B2")
    left.spines[["top", "right"]].set_visible(False)
    if metric in curve[0]:
        values = [entry[metric] for entry in curve]
        right = left.twinx()
        right.plot(epochs, values, color="#D55E00", label=metric)
        best = max(range(len(values)), key=values.__getitem__)
        right.plot(epochs[best], values[best], "o", color="#D55E00")
        right.annotate(
            f"{values[best]:.4f} at epoch {epochs[best]:.0f}",
            (epochs[best], values[best]),
            xytext=(0, -14),
            textcoords="offset points",
            ha="center",
            va="top",
        )
        right.set_ylabel(f"validation {metric}", color="#D55E00")
        right.spines[["top"]].set_visible(False)
    try:
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}") from error


def safe(text: str, limit: int = 200) -> str:
    """Return text from a file so that neither rich nor the terminal takes it for a command."""
    return escape(printable(text, limit))


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "property", "properties"), counted(2000, "item")
    ('1 property', '2,000 items')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
