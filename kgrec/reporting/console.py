"""The parts of all output: consoles, tables, JSON, escaped text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kgrec.errors import ACTING, printable

LONG: Final = 2000
"""Width of a long line on a terminal."""
_ALL: Final = 10**9
_JOINER: Final = "\u200d"


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout, and nothing else.

    What acts on a terminal, or is missing in the encoding of stdout, is escaped as in JSON: a
    reader of JSON gets the texts as they are.
    """
    text = json.dumps(value, ensure_ascii=False, indent=1)
    lines = [
        ACTING.sub(lambda found: json.dumps(found.group())[1:-1], line) for line in text.split("\n")
    ]
    text = "\n".join(lines)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=1)
    sys.stdout.write(text + "\n")


def print_lines(lines: Iterable[str]) -> None:
    """Print plain lines on stdout, what acts on a terminal escaped."""
    for line in lines:
        sys.stdout.write(shown(line, LONG) + "\n")


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


def shown(text: str, limit: int = 200) -> str:
    """Return text from a file for stdout: what acts on a terminal escaped.

    On a terminal it is cut to a width of `limit`, in letters of Latin.
    """
    text = printable(text, _ALL)
    return cut(text, limit) if sys.stdout.isatty() else text


def safe(text: str, limit: int = 200) -> str:
    """Return text from a file as `shown`, and escaped for rich."""
    return escape(shown(text, limit))


def cut(text: str, width: int) -> str:
    """Return a text that is at most `width` columns wide, with "…" if it was cut.

    Letters of Chinese, Japanese and Korean take two columns, accents and joiners none; a letter
    keeps its accents.

    >>> cut("千と千尋の神隠し", 7), cut("Heat", 7)
    ('千と千…', 'Heat')
    """
    if cell_len(text) <= width:
        return text
    used = place = 0
    while used + (size := cell_len(text[place])) < width:
        used, place = used + size, place + 1
    while place and (text[place - 1] == _JOINER or not cell_len(text[place])):
        place -= 1
    return text[:place] + "…"


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "property", "properties"), counted(2000, "item")
    ('1 property', '2,000 items')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
