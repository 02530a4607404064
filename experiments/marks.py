"""Putting what a script has measured between the marks of a page."""

from __future__ import annotations


def between_marks(page: str, name: str, content: str) -> str:
    """Return a page with `content` between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise SystemExit(f"The page lacks the marks {begin} and {end}.")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"
