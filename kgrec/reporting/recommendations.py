"""The output of `kgrec recommend`, `search` and `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kgrec.explain.explanation import Explanation
from kgrec.reporting.console import LONG, make_console, make_table, print_json, safe


def print_items(items: Sequence[Any], as_json: bool) -> None:
    """Print recommendations as JSON or as a table."""
    if as_json:
        print_json([item.to_dict() for item in items])
        return
    console = make_console()
    sure = ["confidence"] if items and items[0].confidence is not None else []
    columns = ["", "item", "title", "score", *sure]
    table = make_table(console, *columns, numbers=("", "score", *sure))
    for place, item in enumerate(items, 1):
        numbers = [f"{item.score:.3f}", *(f"{item.confidence:.2f}" for _ in sure)]
        table.add_row(str(place), safe(item.item), safe(item.title), *numbers)
    console.print(table)


def print_explanation(explanation: Explanation, as_json: bool) -> None:
    """Print why an item is recommended, as JSON or as a sentence and its paths."""
    if as_json:
        print_json(explanation.to_dict())
        return
    console = make_console()
    console.print(safe(explanation.sentence, LONG), soft_wrap=True)
    for path in explanation.paths:
        console.print(f"  {path.score:.3f}  {safe(str(path), LONG)}", soft_wrap=True)
