"""The reference of errors and warnings, made from their classes and from the calls of `warn`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from pkgutil import walk_packages

import kgrec
from kgrec.errors import KgrecError, KgrecWarning

PACKAGE = Path(kgrec.__file__).parent


def error_classes() -> list[type[Exception]]:
    """Return every class of errors and warnings of the package, the general ones first."""
    for module in walk_packages(kgrec.__path__, "kgrec."):
        import_module(module.name)
    found: list[type[Exception]] = []
    waiting: list[type[Exception]] = [KgrecError, KgrecWarning]
    while waiting:
        kind = waiting.pop(0)
        if kind.__module__.startswith("kgrec.") and kind not in found:
            found.append(kind)
            waiting += kind.__subclasses__()
    return found


def error_reference() -> str:
    """Return the classes of errors as Markdown: a name, its bases, what it means."""
    parts = []
    for kind in error_classes():
        bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
        about = getdoc(kind) or ""
        path = f"{kind.__module__}.{kind.__qualname__}"
        parts.append(f"`{path}`\n: {about}\n\n  A subclass of {bases}.\n")
    return "\n".join(parts)


def warning_reference() -> str:
    """Return the messages of all warnings as Markdown: what changes is written as `…`."""
    lines = []
    for text in sorted(set(warning_texts())):
        lines.append(f"- {text}")
    return "\n".join(lines)


def warning_texts() -> Iterator[str]:
    """Yield the text of each call of `kgrec.errors.warn` whose message stands in the call."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "warn" and node.args:
                text = _text(node.args[0])
                if text.strip("… "):
                    yield re.sub(r"\s+", " ", text)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "…"
