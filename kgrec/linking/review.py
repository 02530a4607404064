"""Candidates without enough confidence for a link, and the reasons."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kgrec.data.vocabulary import Vocabulary
from kgrec.files import replacing_text, writing
from kgrec.kg.labels import entity_labels
from kgrec.linking.kinds import OTHER
from kgrec.linking.links import Candidate, Links
from kgrec.linking.matching import Catalogue
from kgrec.linking.methods import LinkingState
from kgrec.linking.settings import LinkConfig
from kgrec.rdf.columns import GraphColumns


def uncertain(
    progress: LinkingState,
    ids: Vocabulary,
    catalogue: Catalogue,
    kg: GraphColumns,
    config: LinkConfig,
) -> tuple[Candidate, ...]:
    """Return the candidates of unlinked items, by item, the highest confidence first."""
    table = progress.candidates
    left = ~table["item"].isin(progress.found["item"])
    table = table[left & (table["confidence"] >= config.review)]
    table = table.sort_values(
        ["item", "confidence", "entity"], ascending=[True, False, True], kind="stable"
    )
    table = table[table.groupby("item").cumcount() < config.max_candidates]
    item = table["item"].to_numpy(np.int64)
    entity = table["entity"].to_numpy(np.int64)
    rivals = table.groupby("item")["odds"].transform("max") < 3 * table["odds"]
    rivals &= rivals.groupby(table["item"]).transform("sum") > 1
    columns = (
        ids.take(item),
        catalogue.titles.take(pa.array(item)).to_pylist(),
        map(_year, catalogue.years[item]),
        kg.entities.take(entity),
        entity_labels(kg, entity),
        map(_year, table["year"]),
        (round(value, 4) for value in table["confidence"]),
        _reasons(table, rivals, catalogue.years[item]),
    )
    return tuple(Candidate(*row) for row in zip(*columns, strict=True))


def _reasons(table: pd.DataFrame, rivals: pd.Series[bool], years: Any) -> list[str]:
    columns = (table["level"], table["agreement"], table["reason"], table["year"])
    reasons = []
    for level, agreement, reason, found, similarity, fit, rival, stated in zip(
        *columns, table["similarity"], table["fit"], rivals, years, strict=True
    ):
        parts = [reason] if reason else []
        if rival:
            parts.append("another entity fits as well")
        if agreement in ("off", "conflict"):
            parts.append(f"the years differ: {stated:.0f} and {found:.0f}")
        elif agreement == "near" and level in ("part", "article", "spelling"):
            parts.append(f"the years are not equal: {stated:.0f} and {found:.0f}")
        elif agreement == "unknown" and level != "identifier":
            parts.append("there are not two years to compare")
        if fit == OTHER:
            parts.append("the entity is of another kind than the linked ones")
        parts += _of_level(level, similarity)
        reasons.append("; ".join(parts))
    return reasons


def _of_level(level: str, similarity: float) -> list[str]:
    return {
        "part": ["only a part of the title is the same"],
        "article": ["the articles differ"],
        "spelling": [f"the spelling differs: {similarity:.2f} alike"],
        "meaning": [f"found by meaning alone: cosine {similarity:.2f}"],
        "alternative": ["by an alternative title"],
    }.get(level, [])


def unlinked_reasons(
    progress: LinkingState,
    ids: Vocabulary,
    catalogue: Catalogue,
    review: Iterable[Candidate],
    config: LinkConfig,
) -> dict[str, str]:
    """Return why each unlinked item has no entity."""
    best: dict[str, Candidate] = {}
    for candidate in review:
        best.setdefault(candidate.item_id, candidate)
    crowded = set(progress.crowded.tolist())
    titles = catalogue.titles.to_pylist()
    reasons = {}
    for row in progress.left(len(ids)).tolist():
        id_ = ids.id(row)
        if id_ in best:
            found = best[id_]
            reasons[id_] = f"uncertain: {found.iri} at {found.confidence:.2f}, {found.reason}"
        elif row in crowded:
            reasons[id_] = "too many entities have this title"
        elif config.title is None:
            reasons[id_] = "no entity has this id or identifier"
        elif not titles[row].strip():
            reasons[id_] = "the item has no title"
        else:
            reasons[id_] = "no entity has this title, or one like it"
    return reasons


def write_links(links: Links, iris: Sequence[str], path: Path) -> None:
    """Write links as CSV: item_id, iri, confidence, method.

    Args:
        links: The links.
        iris: The IRI of each link.
        path: The file; an old one is replaced.

    Raises:
        RunError: The file cannot be written.
    """
    rows = zip(
        links.items.take(links.item),
        iris,
        (f"{value:.4f}" for value in links.confidence),
        links.method,
        strict=True,
    )
    _write(path, ["item_id", "iri", "confidence", "method"], rows)


def write_review(review: Sequence[Candidate], path: Path) -> None:
    """Write uncertain candidates as CSV, a column per field of `Candidate`.

    Text is written exactly as in the catalogue and the graph. Some spreadsheet programs read a cell
    that begins with =, +, - or @ as a formula: open a file with titles from strangers as text.

    Raises:
        RunError: The file cannot be written.
    """
    rows = (["" if cell is None else cell for cell in astuple(row)] for row in review)
    _write(path, [field.name for field in fields(Candidate)], rows)


def _write(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_text(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def _year(year: float) -> int | None:
    return None if np.isnan(year) else int(year)
