"""How a command says what is wrong: warnings, and the end of one that cannot continue."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TextIO

import typer

from kgrec.commands.streams import drop
from kgrec.errors import KgrecWarning, RunError, printable, warn


def fail(message: str, code: int) -> NoReturn:
    """Print a message on stderr, control characters escaped, and exit with a code."""
    say(message)
    sys.exit(code)


def lacking_memory(error: Exception) -> str | None:
    """Return what to say of an error that means that memory is lacking; None: it does not.

    torch has a class of its own for a GPU, and a plain `RuntimeError` for the CPU.
    """
    if type(error).__name__ == "OutOfMemoryError":
        reason = ". ".join(str(error).split(". ")[:2]).rstrip(".")
        return (
            f"The GPU has too little memory: {reason}. Training takes less with fewer users or "
            "pairs in a batch (model.training.batch_users, batch_pairs) and fewer neighbors "
            "(num_neighbors); device=cpu needs no GPU."
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        reason = str(error).partition("\n")[0].rstrip(".")
        return f"There is not enough memory: {reason or 'the data is too large'}."
    return None


def say_not_stored(errors: Sequence[RunError]) -> None:
    """Say that results were shown and not stored, if there are errors, and exit with code 1."""
    for error in errors:
        warn(f"{error} The results are shown here and not stored.")
    if errors:
        raise typer.Exit(1)


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Show warnings of kgrec in the body on stderr, each once, as messages without code."""
    usual, shown = warnings.showwarning, set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, KgrecWarning):
            usual(printable(str(message), 2000), category, filename, lineno, file, line)
        elif str(message) not in shown:
            shown.add(str(message))
            say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", KgrecWarning)
        yield


def say(message: str) -> None:
    """Print a message on stderr, what acts on a terminal escaped, if stderr can take it."""
    lines = [printable(line, 2000) for line in message.splitlines()]
    try:
        print("kgrec: " + "\n".join(lines), file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)
