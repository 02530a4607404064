"""Links from catalogue items to graph entities."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import first_few, printable
from kgrec.files import as_json
from kgrec.types import FloatArray, IntArray


@dataclass(frozen=True)
class Candidate:
    """A possible entity of an unlinked item.

    Attributes:
        item_id: The item.
        title: Its title, "" for none.
        year: Its year, None for none.
        iri: The entity.
        label: Its label.
        candidate_year: Its year, None for none.
        confidence: Confidence of the link, 0 to 1.
        reason: Why it is not linked.
    """

    item_id: str
    title: str
    year: int | None
    iri: str
    label: str
    candidate_year: int | None
    confidence: float
    reason: str


@dataclass(frozen=True)
class LinkReport:
    """How well a catalogue and a graph fit together.

    Attributes:
        num_items: Number of items in the catalogue.
        linked: Number of items with an entity.
        unlinked: Ids of the items without one.
        shared_entities: IRI → ids of its items, for the entities of more than one item.
        ambiguous_items: Item id → IRIs in the order of their rows, for the items that were linked
            to more than one entity.
        unknown_entities: (item id, IRI) of the links whose entity is not in the graph.
        unknown_items: (item id, IRI) of the links whose item is not in the catalogue.
        duplicates: Number of links that repeat an earlier one.
        linked_without_interactions: Ids of the linked items that nobody interacted with; None if
            no interactions were given.
        methods: Number of links per method.
        uncertain: Number of unlinked items with a candidate in the review.
        reasons: Item id → why it is unlinked, if a method searched for its entity.
        notes: What could not be done or used, in words.
    """

    num_items: int
    linked: int
    unlinked: tuple[str, ...] = ()
    shared_entities: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ambiguous_items: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_entities: tuple[tuple[str, str], ...] = ()
    unknown_items: tuple[tuple[str, str], ...] = ()
    duplicates: int = 0
    linked_without_interactions: tuple[str, ...] | None = None
    methods: dict[str, int] = field(default_factory=dict)
    uncertain: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        found: dict[str, Any] = as_json(asdict(self))
        return found

    def __str__(self) -> str:
        share = self.linked / self.num_items if self.num_items else 0.0
        lines = [f"{self.linked} of {self.num_items} items linked ({share:.1%})"]
        if set(self.methods) - {"file"}:
            counts = (f"{count} by {method}" for method, count in self.methods.items())
            lines.append(f"{', '.join(counts)}; {self.uncertain} items uncertain")
        shared, ambiguous = (
            [f"{id} ({', '.join(others)})" for id, others in found.items()]
            for found in (self.shared_entities, self.ambiguous_items)
        )
        for text, found in (
            ("items without an entity", self.unlinked),
            ("entities of more than one item", shared),
            ("items with more than one entity", ambiguous),
            ("links to entities that are not in the graph", _pairs(self.unknown_entities)),
            ("links of items that are not in the catalogue", _pairs(self.unknown_items)),
            ("linked items without interactions", self.linked_without_interactions or ()),
        ):
            if found:
                lines.append(f"{len(found)} {text}: {first_few(found)}")
        if shared:
            items = sum(map(len, self.shared_entities.values()))
            lines.append(
                f"{items} items share an entity with another one: they may be one thing twice"
            )
        if self.duplicates:
            lines.append(f"{self.duplicates} repeated links")
        lines += [printable(note) for note in self.notes]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Links:
    """Which item is which entity, sorted by item, then entity; each pair once.

    Attributes:
        items: The whole catalogue, linked or not.
        item: Item rows, int64 of shape (l,).
        entity: Entity rows of the graph, int64 of shape (l,).
        confidence: Confidence of each link, 0 to 1, float32 of shape (l,).
        method: How each link was found, a tuple of length l: "file" or a method of `LinkConfig`.
        report: What was linked, and what was not.
        review: Possible entities of unlinked items, for a manual review.
    """

    items: Vocabulary
    item: IntArray
    entity: IntArray
    confidence: FloatArray
    method: tuple[str, ...]
    report: LinkReport
    review: tuple[Candidate, ...] = ()

    def __len__(self) -> int:
        return len(self.item)

    def entity_of(self) -> IntArray:
        """Return each item's entity row, -1 for none, int64 of shape (num_items,).

        An item with several links has the one of highest confidence, the first of equals.
        """
        entity = np.full(len(self.items), -1, dtype=np.int64)
        order = np.lexsort((-self.entity, self.confidence))
        entity[self.item[order]] = self.entity[order]  # numpy keeps the last of repeated indices
        return entity

    def tail(self, start: int) -> Links:
        """Return the links of the items from a row on."""
        first = int(np.searchsorted(self.item, start))
        return replace(
            self,
            items=self.items.tail(start),
            item=self.item[first:] - start,
            entity=self.entity[first:],
            confidence=self.confidence[first:],
            method=self.method[first:],
        )

    def reindex(self, items: Vocabulary) -> Links:
        """Return the same links over another catalogue, which must hold all linked items.

        Raises:
            UnknownIdError: A linked item is missing there.
        """
        if items == self.items:
            return self
        return replace(self, items=items, item=items.rows(self.items.take(self.item)))


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{item} → {iri}" for item, iri in pairs]
