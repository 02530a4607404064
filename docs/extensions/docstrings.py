"""Docstrings of properties are sentences, as those of functions are."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import GoogleDocstring


def setup(app: Sphinx) -> dict[str, Any]:  # noqa: ARG001
    """Keep napoleon from reading "The last one: each makes a new object" as a type and its text."""
    GoogleDocstring._parse_attribute_docstring = lambda _self: []  # type: ignore[method-assign]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
