"""Links from catalogue items to graph entities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.kg.reading import PathLike

if TYPE_CHECKING:
    from kgrec.data.interactions import Interactions
    from kgrec.kg.graph import KnowledgeGraph

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LinkReport:
    """How well a catalogue and a graph fit together.

    Attributes:
        num_items: Number of items in the catalogue.
        linked: Number of items with an entity.
        unlinked: Ids of the items without one.
        shared_entities: IRI → ids of its items, for the entities of more than one item.
        ambiguous_items: Item id → IRIs, for the items that were linked to more than one entity;
            the first of them, in the order of their rows, is the one that `Links.entity_of` gives.
        unknown_entities: (item id, IRI) of the links whose entity is not in the graph.
        unknown_items: (item id, IRI) of the links whose item is not in the catalogue.
        duplicates: Number of links that were given before.
        linked_without_interactions: Ids of the linked items that nobody interacted with; None if
            no interactions were given.
    """

    num_items: int
    linked: int
    unlinked: tuple[str, ...] = ()
    shared_entities: dict[str, tuple[str, ...]] | None = None
    ambiguous_items: dict[str, tuple[str, ...]] | None = None
    unknown_entities: tuple[tuple[str, str], ...] = ()
    unknown_items: tuple[tuple[str, str], ...] = ()
    duplicates: int = 0
    linked_without_interactions: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        lonely = self.linked_without_interactions
        return {
            "num_items": self.num_items,
            "linked": self.linked,
            "unlinked": list(self.unlinked),
            "shared_entities": {k: list(v) for k, v in (self.shared_entities or {}).items()},
            "ambiguous_items": {k: list(v) for k, v in (self.ambiguous_items or {}).items()},
            "unknown_entities": [list(pair) for pair in self.unknown_entities],
            "unknown_items": [list(pair) for pair in self.unknown_items],
            "duplicates": self.duplicates,
            "linked_without_interactions": None if lonely is None else list(lonely),
        }

    def __str__(self) -> str:
        share = self.linked / self.num_items if self.num_items else 0.0
        lines = [f"{self.linked} of {self.num_items} items linked ({share:.1%})"]
        shared = [
            f"{iri} ({', '.join(items)})" for iri, items in (self.shared_entities or {}).items()
        ]
        ambiguous = [
            f"{item} ({', '.join(iris)})" for item, iris in (self.ambiguous_items or {}).items()
        ]
        for text, found in (
            ("items without an entity", list(self.unlinked)),
            ("entities of more than one item", shared),
            ("items with more than one entity", ambiguous),
            ("links to entities that are not in the graph", _pairs(self.unknown_entities)),
            ("links of items that are not in the catalogue", _pairs(self.unknown_items)),
            ("linked items without interactions", list(self.linked_without_interactions or ())),
        ):
            if found:
                shown = ", ".join(printable(entry) for entry in found[:3])
                lines.append(f"{len(found)} {text}: {shown}{', …' if len(found) > 3 else ''}")
        if self.duplicates:
            lines.append(f"{self.duplicates} repeated links")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Links:
    """Which item is which entity, sorted by item, then entity; each pair once.

    Attributes:
        items: The whole catalogue, linked or not.
        item: Item rows, int64 of shape (l,).
        entity: Entity rows of the graph, int64 of shape (l,).
        confidence: How sure each link is, 0 to 1, float32 of shape (l,).
        method: How each link was found, a tuple of length l: "file" or "iri".
        report: What was linked, and what was not.
    """

    items: Vocabulary
    item: IntArray
    entity: IntArray
    confidence: npt.NDArray[np.float32]
    method: tuple[str, ...]
    report: LinkReport

    def __len__(self) -> int:
        return len(self.item)

    def entity_of(self) -> IntArray:
        """Return each item's entity row, -1 for none, int64 of shape (num_items,).

        An item with several links has the one of highest confidence, the first of equals.
        """
        entity = np.full(len(self.items), -1, dtype=np.int64)
        order = np.lexsort((-self.entity, self.confidence))
        entity[self.item[order]] = self.entity[order]  # of repeated indices the last one stays
        return entity

    def over(self, items: Vocabulary) -> Links:
        """Return the same links over another catalogue, which must hold all linked items.

        Raises:
            UnknownIdError: A linked item is missing there.
        """
        if items == self.items:
            return self
        return replace(self, items=items, item=items.rows(self.items.take(self.item)))


def link(
    items: Vocabulary | AttributeTable | pd.DataFrame,
    kg: KnowledgeGraph,
    links: PathLike | pd.DataFrame | None = None,
    *,
    item: str = "item_id",
    iri: str = "iri",
    confidence: str = "confidence",
    interactions: Interactions | None = None,
) -> Links:
    """Link catalogue items to entities of the graph.

    Args:
        items: The catalogue: item ids, the item table, or a frame with a column of ids.
        kg: The graph.
        links: A table (item id, IRI), or the path of a CSV file with one; its column `confidence`
            is optional. None links the items whose id is the IRI of an entity.
        item: Name of the column of item ids, in `items` and in `links`.
        iri: Name of the column of IRIs in `links`.
        confidence: Name of the column of confidences in `links`, 0 to 1; 1 where it is absent.
        interactions: Where given, the report lists linked items that nobody interacted with.

    Returns:
        The links that hold, and a report of what is unlinked, shared or unknown. Nothing is
        dropped silently: links that cannot be used are in the report, items stay in `items`.

    Raises:
        DataError: The file cannot be read, a column or value is missing, a confidence is not
            between 0 and 1, the graph is empty, or not a single link holds.
    """
    kg.check_not_empty()
    if isinstance(items, AttributeTable):
        items = items.ids
    catalogue = items if isinstance(items, Vocabulary) else _catalogue(items, item)
    if links is None:
        pairs = pd.DataFrame({"item": catalogue.ids, "iri": catalogue.ids})
        pairs = pairs[kg.entities.rows(catalogue.array, missing="-1") >= 0]
        pairs["confidence"] = np.float32(1)
        method = "iri"
    else:
        pairs = _link_table(links, item, iri, confidence)
        method = "file"
    if pairs.empty:
        _raise_nothing_linked(catalogue, kg, pairs, links)
    stated = len(pairs)
    pairs = pairs.sort_values("confidence", ascending=False, kind="stable")
    pairs = pairs.drop_duplicates(["item", "iri"])
    item_row = catalogue.rows(pairs["item"].tolist(), missing="-1")
    entity_row = kg.entities.rows(pairs["iri"].tolist(), missing="-1")
    holds = (item_row >= 0) & (entity_row >= 0)
    if not holds.any():
        _raise_nothing_linked(catalogue, kg, pairs, links)
    order = np.flatnonzero(holds)
    order = order[np.lexsort((entity_row[order], item_row[order]))]
    linked, entity = item_row[order], entity_row[order]
    report = LinkReport(
        num_items=len(catalogue),
        linked=len(np.unique(linked)),
        unlinked=tuple(catalogue.take(np.setdiff1d(np.arange(len(catalogue)), linked))),
        shared_entities=_repeated(kg.entities, entity, catalogue, linked),
        ambiguous_items=_repeated(catalogue, linked, kg.entities, entity),
        unknown_entities=_listed(pairs, (entity_row < 0) & (item_row >= 0)),
        unknown_items=_listed(pairs, item_row < 0),
        duplicates=stated - len(pairs),
        linked_without_interactions=_without_interactions(catalogue, linked, interactions),
    )
    sure = pairs["confidence"].to_numpy(dtype=np.float32)[order]
    return Links(catalogue, linked, entity, sure, (method,) * len(order), report)


def _catalogue(frame: pd.DataFrame, item: str) -> Vocabulary:
    ids = _text_column(frame, item, "the item table")
    if not ids:
        raise DataError("The item table is empty.")
    return Vocabulary(ids, "item")


def _link_table(
    links: PathLike | pd.DataFrame, item: str, iri: str, confidence: str
) -> pd.DataFrame:
    """Return the links as the columns item, iri and confidence."""
    if isinstance(links, pd.DataFrame):
        frame, name = links, "the link table"
    else:
        frame, name = _read_csv(links), printable(str(links))
    columns = {"item": _text_column(frame, item, name), "iri": _text_column(frame, iri, name)}
    table = pd.DataFrame(columns, dtype=object)
    # Written as in Turtle by some: <http://…>.
    table["iri"] = table["iri"].str.strip().str.replace(r"^<(.*)>$", r"\1", regex=True)
    table["confidence"] = np.float32(1)
    if confidence in frame.columns:
        sure = pd.to_numeric(frame[confidence], errors="coerce").to_numpy(dtype=np.float32)
        wrong = np.flatnonzero(~((sure >= 0) & (sure <= 1)))
        if len(wrong):
            found = printable(str(frame[confidence].iloc[wrong[0]]))
            raise DataError(
                f"{name}, {_place(links, wrong[0])}: the confidence {found!r} is no number from 0 "
                "to 1."
            )
        table["confidence"] = sure
    return table


def _read_csv(path: PathLike) -> pd.DataFrame:
    name = printable(str(path))
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{name}: there is no such file.") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = printable(str(error).strip())
        raise DataError(f"{name}: this is not a CSV file with a header: {reason}.") from error
    except OSError as error:
        reason = printable(error.strerror or str(error))
        raise DataError(f"{name}: the file cannot be read: {reason}.") from error


def _text_column(frame: pd.DataFrame, column: str, name: str) -> list[str]:
    if column not in frame.columns:
        known = [str(known) for known in frame.columns]
        raise DataError(
            f"{name[0].upper()}{name[1:]} has no column {printable(column)!r}."
            f"{did_you_mean(column, known)}"
        )
    values = frame[column]
    if values.dtype.kind == "f":
        raise DataError(
            f"Column {printable(column)!r} of {name} holds fractions or missing values; ids must "
            "be strings or whole numbers."
        )
    missing = np.flatnonzero(values.isna() | (values.astype(str).str.strip() == ""))
    if len(missing):
        raise DataError(
            f"Column {printable(column)!r} of {name} is empty in {len(missing)} rows, the first "
            f"of them row {missing[0]} (counted from 0, without the header)."
        )
    return [str(value) for value in values]


def _place(links: PathLike | pd.DataFrame, row: np.int64) -> str:
    # The header is line 1 of a file.
    return f"row {row}" if isinstance(links, pd.DataFrame) else f"line {row + 2}"


def _repeated(
    of: Vocabulary, rows: IntArray, others: Vocabulary, other_rows: IntArray
) -> dict[str, tuple[str, ...]]:
    """Return id → ids of the others, for the rows that stand more than once."""
    repeated, counts = np.unique(rows, return_counts=True)
    return {
        of.id(row): tuple(others.take(np.sort(other_rows[rows == row])))
        for row in repeated[counts > 1].tolist()
    }


def _listed(pairs: pd.DataFrame, where: npt.NDArray[np.bool_]) -> tuple[tuple[str, str], ...]:
    chosen = pairs[where].sort_index()
    return tuple(zip(chosen["item"], chosen["iri"], strict=True))


def _without_interactions(
    items: Vocabulary, linked: IntArray, interactions: Interactions | None
) -> tuple[str, ...] | None:
    if interactions is None:
        return None
    used = items.rows(interactions.items.take(np.unique(interactions.item)), missing="-1")
    return tuple(items.take(np.setdiff1d(linked, used)))


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{item} → {iri}" for item, iri in pairs]


def _raise_nothing_linked(
    items: Vocabulary,
    kg: KnowledgeGraph,
    pairs: pd.DataFrame,
    links: PathLike | pd.DataFrame | None,
) -> None:
    of_items = printable(items.id(0)) if len(items) else "(none)"
    sides = f"an item is {of_items!r}, an entity is {printable(_example_iri(kg))!r}"
    if links is None:
        raise DataError(
            f"No item id is the IRI of an entity of the graph: {sides}. Give links=, a table of "
            "item ids and IRIs."
        )
    if pairs.empty:
        raise DataError(f"The links are empty: {sides}.")
    first = pairs.iloc[0]
    raise DataError(
        f"Not one of {len(pairs)} links holds: a link is {printable(first['item'])!r} → "
        f"{printable(first['iri'])!r}; {sides}."
    )


def _example_iri(kg: KnowledgeGraph) -> str:
    """Return a subject of the graph, an IRI if there is one: likelier an item than a genre is."""
    subjects = np.unique(kg.triples[:, 0] if kg.num_triples else kg.literals.subject)
    ids = kg.entities.take(subjects[:1000])
    return next((id for id in ids if not id.startswith("_:")), ids[0])
