"""The output of `kgrec link`: how items were linked, with what confidence, and the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from kgrec.linking import Candidate, LinkConfig
from kgrec.linking.linked_files import LinkedFiles, confidence_histogram
from kgrec.reporting.console import print_lines

_EXAMPLES: Final = 5
_BAR: Final = 40
"""Characters of the longest bar."""


def show_links(done: LinkedFiles) -> None:
    """Print what `link_files` did; control characters are escaped."""
    report = done.links.report
    lines = [f"Columns: {_columns(done.config)}", *str(report).splitlines()]
    counts = confidence_histogram(done.links)
    most = max((count for _, count in counts), default=0)
    lines += ["", "Confidence of the links:"]
    for span, count in counts:
        bar = "█" * round(_BAR * count / most) if most else ""
        lines.append(f"  {span}  {count:7,}  {bar}".rstrip())
    lines += _examples("Uncertain items", _uncertain(done.links.review))
    plain = {
        item: reason
        for item, reason in report.reasons.items()
        if not reason.startswith("uncertain")
    }
    lines += _reasons(plain)
    lines += ["", f"Links: {done.out}"]
    if done.review is not None:
        lines.append(f"Review: {done.review}")
    elif done.links.review:
        lines.append("--review FILE writes the uncertain candidates to a file.")
    print_lines(lines)


def _uncertain(candidates: Sequence[Candidate]) -> list[str]:
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.item_id, candidate)
    return [
        f"{one.item_id} {one.title!r} ({one.year or 'no year'}) → {one.label!r} {one.iri} "
        f"({one.candidate_year or 'no year'}) at {one.confidence:.2f}: {one.reason}"
        for one in sorted(best.values(), key=lambda one: (-one.confidence, one.item_id))
    ]


def _columns(config: LinkConfig) -> str:
    named = {
        "title": config.title,
        "year": config.year,
        "identifier": config.column or (config.property and "the item id"),
    }
    found = ", ".join(f"{name} from {column}" for name, column in named.items() if column)
    return found or "item ids as IRIs"


def _examples(heading: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    shown = [f"  {line}" for line in lines[:_EXAMPLES]]
    more = [f"  … {len(lines) - _EXAMPLES} more"] if len(lines) > _EXAMPLES else []
    return ["", f"{heading}:", *shown, *more]


def _reasons(reasons: dict[str, str]) -> list[str]:
    items: dict[str, list[str]] = {}
    for item, reason in reasons.items():
        items.setdefault(reason, []).append(item)
    return _examples(
        "Unlinked items",
        [
            f"{count} because {reason}: {', '.join(items[reason][:_EXAMPLES])}"
            f"{', …' if count > _EXAMPLES else ''}"
            for reason, count in Counter(reasons.values()).most_common()
        ],
    )
