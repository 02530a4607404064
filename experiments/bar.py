"""A figure that kgrec was built to reach, and how it is written in a table."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """A figure that kgrec was built to reach.

    Attributes:
        what: What is measured.
        file: The result file, without `.json`.
        value: Takes the figure out of the file's content, or out of a part of it.
        limit: The bar.
        at_least: Whether more is better.
        form: How figure and bar are written.
        part: Which of the file's `results` the value is of; empty: it is of the whole file.
    """

    what: str
    file: str
    value: Callable[[Any], float]
    limit: float
    at_least: bool
    form: str = "{:.4f}"
    part: str = ""

    def row(self, results: Results) -> list[str]:
        bar = f"{'at least' if self.at_least else 'at most'} {self.form.format(self.limit)}"
        if self.file not in results:
            return [self.what, bar, "not measured yet", "", ""]
        result = results[self.file]
        try:
            result = result["results"][self.part] if self.part else result
            value = self.value(result)
        except LookupError:
            return [self.what, bar, "not in the file", "", self.source()]
        reached = (operator.ge if self.at_least else operator.le)(value, self.limit)
        verdict = "yes" if reached else f"**no**{tried(result)}"
        return [self.what, bar, self.form.format(value), verdict, self.source()]

    def source(self) -> str:
        return f"[{self.file}](experiments/results/{self.file}.json)"


def tried(result: Any) -> str:
    """Return what a result file says was tried to reach the bar."""
    found = result.get("tried", ())
    sentences = [found] if isinstance(found, str) else list(found)
    return f": {' '.join(sentences)}" if sentences else ""
