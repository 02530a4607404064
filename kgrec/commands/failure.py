"""The end of a command that cannot continue."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from kgrec.errors import printable


def fail(message: str, code: int) -> NoReturn:
    """Print a message on stderr, control characters escaped, and exit with a code."""
    lines = [printable(line, 2000) for line in message.splitlines()]
    typer.echo("kgrec: " + "\n".join(lines), err=True)
    sys.exit(code)
