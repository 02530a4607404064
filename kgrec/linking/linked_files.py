"""Links between the items of a table and a graph, from and to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import as_ids, first_of_each
from kgrec.data.origin import without_bad
from kgrec.data.table_format import FormatSettings, make_format
from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import warn
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import LinkConfig, Links, TextEncoderLike, link, write_links, write_review
from kgrec.linking.settings import make_link_config
from kgrec.outputs.checks import check_files


@dataclass(frozen=True, eq=False)
class LinkedFiles:
    """What `link_files` did.

    Attributes:
        links: The links.
        config: The settings, with the columns that were chosen.
        out: The file of links.
        review: The file of uncertain candidates; None if none was requested.
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


def links_from_files(
    kg: KnowledgeGraph,
    items: Path | None,
    links: Path | None,
    item: str,
    iri: str,
    *,
    template: str | None = None,
    normalise: bool = False,
    format: FormatSettings | None = None,
) -> Links | None:
    """Return the links of the items in files; None if there is no file.

    Args:
        kg: The graph.
        items: The item table; None: the items are those of `links`.
        links: The table of links; None: an item is linked if its id is an IRI of the graph.
        item: Name of the column of item ids.
        iri: Name of the column of IRIs.
        template: How an item id becomes an IRI; see `LinkConfig`.
        normalise: Whether nearly the same IRIs are linked; see `LinkConfig`.
        format: How the tables are read; see `kgrec.Interactions.read`.

    Raises:
        DataError: A table cannot be read, or no link is valid.
    """
    names: dict[str, Any] = {"item": item, "iri": iri, "template": template, "normalise": normalise}
    how = make_format(format or {})
    if items is not None:
        given = None if links is None else read_table(links, what="link", format=how)
        table_of_items = AttributeTable.read(items, id=item, **(format or {}))
        return link(table_of_items, kg, given, **names)
    if links is None:
        return None
    table = read_table(links, columns=[item, iri], what="link", format=how)
    catalogue = Vocabulary.from_ids(as_ids(table, item, str(links)).tolist(), "item")
    return link(catalogue, kg, table, **names)


def link_files(
    items: Path,
    graph: Sequence[Path],
    out: Path,
    *,
    review: Path | None = None,
    links: Path | None = None,
    item: str = "item_id",
    format: FormatSettings | None = None,
    encoder: Callable[[], TextEncoderLike] | None = None,
    force: bool = False,
    reading: Mapping[str, Any] | None = None,
    **settings: Any,
) -> LinkedFiles:
    """Link the items of a table to the entities of a graph, and write the links.

    Args:
        items: CSV, TSV or Parquet file.
        graph: RDF files or folders.
        out: CSV file of the links.
        review: CSV file of uncertain candidates.
        links: Links that are already known.
        item: Column of item ids.
        format: How the tables are read; see `kgrec.Interactions.read`. `on_error` also says
            whether what is not valid in RDF files is left out.
        encoder: Makes the text encoder for linking by meaning, if the settings use it; None: no
            linking by meaning.
        force: Whether files that are there are replaced; those that are read never are.
        reading: Further fields of `kgrec.ReadConfig`, for the graph.
        settings: Fields of `LinkConfig`. By default, the title is the column `title` and the year
            the column `year` or `release_year`, if they exist.

    Raises:
        DataError: A file or column is missing or damaged, or nothing is found.
        ConfigError: A setting is wrong.
        RunError: A file cannot be written, or is there already.
    """
    check_files([out, review], [items, *graph, links], force=force)
    how = make_format(format or {})
    frame = read_table(items, columns=[item], what="item table", format=how)
    if how.on_error == "skip":
        no_id = np.asarray(frame[item].isna(), dtype=bool)
        frame = without_bad(frame, {f"no {item}": no_id}, str(items), how)
    frame = frame.assign(**{item: as_ids(frame, item, str(items))})
    frame = first_of_each(frame, item, str(items))
    if "title" not in settings and "title" in frame.columns:
        settings["title"] = "title"
    if "title" in settings and "year" not in settings:
        years = [name for name in ("year", "release_year") if name in frame.columns]
        settings |= {"year": years[0]} if years else {}
    config = make_link_config(None, settings)
    made = encoder() if encoder is not None and config.uses("meaning") else None
    kg = KnowledgeGraph.read(list(graph), on_error=how.on_error, **(reading or {}))
    if kg.report.rejected:
        warn(kg.report.left_out())
    given = None if links is None else read_table(links, what="link", format=how)
    found = link(frame, kg, given, config, item=item, encoder=made)
    write_links(found, kg.entities.take(found.entity), out)
    if review is not None:
        write_review(found.review, review)
    return LinkedFiles(found, config, out, review)


def confidence_histogram(links: Links) -> list[tuple[str, int]]:
    """Return the number of links per range of confidence, the highest range first.

    The ranges above 0.9 are narrower, because most links are there.
    """
    edges = np.array([0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, np.inf])
    counts = np.histogram(links.confidence.astype(np.float64).round(6), edges)[0]
    spans = [f"{low:.3f}–{min(high, 1):.3f}" for low, high in pairwise(edges)]
    return list(zip(spans, counts.tolist(), strict=True))[::-1]
