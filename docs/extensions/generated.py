"""Puts what is made from the code into the pages that ask for it: `<!-- generated: NAME -->`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastapi  # noqa: F401  # its models cannot be made while autodoc imports modules
from sphinx.application import Sphinx

from extensions.command_reference import command_reference
from extensions.error_reference import error_reference, warning_reference
from extensions.settings_reference import (
    config_reference,
    mapping_reference,
    protocol_reference,
    serving_reference,
    significance_reference,
    sparql_reference,
    words_reference,
)

GUIDES = Path(__file__).parents[1] / "how-to"


def more_guides() -> str:
    """Return the names of how-to guides that their index does not place."""
    index = (GUIDES / "index.md").read_text(encoding="utf-8")
    names = sorted(path.stem for path in GUIDES.glob("*.md"))
    return "\n".join(
        name for name in names if name != "index" and not re.search(rf"^{name}$", index, re.M)
    )


PARTS: dict[str, Callable[[], str]] = {
    "more_guides": more_guides,
    "config": config_reference,
    "protocols": protocol_reference,
    "mapping": mapping_reference,
    "fetch": sparql_reference,
    "serving": serving_reference,
    "significance": significance_reference,
    "words": words_reference,
    "commands": command_reference,
    "errors": error_reference,
    "warnings": warning_reference,
}


def filled(text: str) -> str:
    """Return a page with what it asks for.

    Raises:
        KeyError: It asks for a part that does not exist.
    """
    return re.sub(r"<!-- generated: (\w+) -->", lambda found: PARTS[found[1]](), text)


def _read(_app: Sphinx, _name: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Fill pages when they are read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
