"""How a command says what is wrong: warnings, and the end of one that cannot continue."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

from kgrec.commands.streams import drop
from kgrec.errors import KgrecWarning, printable


def fail(message: str, code: int) -> NoReturn:
    """Print a message on stderr, control characters escaped, and exit with a code."""
    say(message)
    sys.exit(code)


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
