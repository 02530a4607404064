"""`kgrec link`: from a table of items and a graph to a file of links and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.data.tables import read_table
from kgrec.errors import ConfigError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Candidate, LinkConfig, Links, link, write_links, write_review
from kgrec.linking.settings import make_link_config
from kgrec.text.encoder import TextEncoder

_EXAMPLES = 5
_BAR = 40  # characters of the longest bar


@dataclass(frozen=True, eq=False)
class LinkedFiles:
    """What `link_files` did.

    Attributes:
        links: The links.
        config: The settings, with the columns that were chosen.
        out: The file of links.
        review: The file of uncertain candidates; None: none was asked for.
    """

    links: Links
    config: LinkConfig
    out: Path
    review: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return files, settings, report and histogram as what JSON can hold."""
        return {
            "links": str(self.out),
            "review": None if self.review is None else str(self.review),
            "settings": self.config.model_dump(mode="json"),
            "report": self.links.report.to_dict(),
            "confidence": dict(confidence_histogram(self.links)),
        }

    def lines(self) -> list[str]:
        """Return the report in lines of text."""
        report = self.links.report
        lines = [f"Columns: {_columns(self.config)}", *str(report).splitlines()]
        counts = confidence_histogram(self.links)
        most = max((count for _, count in counts), default=0)
        lines += ["", "Confidence of the links:"]
        for span, count in counts:
            bar = "█" * round(_BAR * count / most) if most else ""
            lines.append(f"  {span}  {count:7,}  {bar}".rstrip())
        lines += _examples("Uncertain items", self._uncertain())
        plain = {
            item: reason
            for item, reason in (report.reasons or {}).items()
            if not reason.startswith("uncertain")
        }
        lines += _reasons(plain)
        lines += ["", f"Links: {self.out}"]
        if self.review is not None:
            lines.append(f"Review: {self.review}")
        elif self.links.review:
            lines.append("--review FILE writes the uncertain candidates to a file.")
        return lines

    def _uncertain(self) -> list[str]:
        best: dict[str, Candidate] = {}
        for candidate in self.links.review:
            best.setdefault(candidate.item_id, candidate)
        return [
            f"{one.item_id} {one.title!r} ({one.year or 'no year'}) → {one.label!r} {one.iri} "
            f"({one.candidate_year or 'no year'}) at {one.confidence:.2f}: {one.reason}"
            for one in sorted(best.values(), key=lambda one: (-one.confidence, one.item_id))
        ]


def link_files(
    items: Path,
    graph: Sequence[Path],
    out: Path,
    *,
    review: Path | None = None,
    links: Path | None = None,
    item: str = "item_id",
    meaning: bool = True,
    **settings: Any,
) -> LinkedFiles:
    """Link the items of a table to the entities of a graph, and write the links.

    Args:
        items: CSV, TSV or Parquet file.
        graph: RDF files or folders.
        out: CSV file of the links.
        review: CSV file of uncertain candidates.
        links: Links that hold already.
        item: Column of item ids.
        meaning: Whether to look by meaning for what is left, with the default `TextEncoder`.
        settings: Fields of `LinkConfig`. Without a title, the column `title` is taken where there
            is one, and without a year `year` or `release_year`.

    Raises:
        DataError: A file or column is missing or damaged, or nothing is found.
        ConfigError: A setting is wrong, or no text encoder is there.
        RunError: A file cannot be written.
    """
    frame = read_table(items, columns=[item], what="item table")
    if "title" not in settings and "title" in frame.columns:
        settings["title"] = "title"
    if "title" in settings and "year" not in settings:
        years = [name for name in ("year", "release_year") if name in frame.columns]
        settings |= {"year": years[0]} if years else {}
    config = make_link_config(None, settings)
    encoder = _encoder() if meaning and config.uses("meaning") else None
    kg = KnowledgeGraph.read(list(graph))
    found = link(frame, kg, links, config, item=item, encoder=encoder)
    write_links(found, kg.entities.take(found.entity), out)
    if review is not None:
        write_review(found.review, review)
    return LinkedFiles(found, config, out, review)


def confidence_histogram(links: Links) -> list[tuple[str, int]]:
    """Return how many links have a confidence in each tenth, the surest first.

    The last tenth is told apart further: there the links of any use are.
    """
    edges = np.array([0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, np.inf])
    counts = np.histogram(links.confidence.astype(np.float64).round(6), edges)[0]
    spans = [f"{low:.3f}–{min(high, 1):.3f}" for low, high in pairwise(edges)]
    return list(zip(spans, counts.tolist(), strict=True))[::-1]


def _encoder() -> TextEncoder:
    encoder = TextEncoder()
    try:
        _ = encoder.files
    except ConfigError as error:
        raise ConfigError(f"{error} With --no-meaning, no text encoder is needed.") from error
    return encoder


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
