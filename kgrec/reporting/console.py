"""The parts of all output: consoles, tables, JSON, escaped text."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kgrec.errors import printable


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout, and nothing else.

    Control characters of a terminal are escaped as in JSON.
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
    """Return a console; if the output is not a terminal, it does not break lines."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 1000
    return Console(stderr=stderr, highlight=False, width=width)


def make_table(console: Console, *headings: str, numbers: Sequence[str] = ()) -> Table:
    """Return a table; `numbers` are right-aligned columns. Plain text if not on a terminal."""
    table = Table(box=box.HEAVY_HEAD if console.is_terminal else None)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numbers else "left")
    return table


def safe(text: str, limit: int = 200) -> str:
    """Return text from a file, escaped for rich and for the terminal."""
    return escape(printable(text, limit))


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "property", "properties"), counted(2000, "item")
    ('1 property', '2,000 items')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
