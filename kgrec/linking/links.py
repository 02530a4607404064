"""Links from catalogue items to graph entities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import printable
from kgrec.types import FloatArray, IntArray


@dataclass(frozen=True)
class Candidate:
    """An entity that an unlinked item may be.

    Attributes:
        item_id: The item.
        title: Its title, "" for none.
        year: Its year, None for none.
        iri: The entity.
        label: Its label.
        candidate_year: Its year, None for none.
        confidence: How sure the link would be, 0 to 1.
        reason: Why it is none.
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
        ambiguous_items: Item id → IRIs, for the items that were linked to more than one entity;
            the first of them, in the order of their rows, is the one that `Links.entity_of` gives.
        unknown_entities: (item id, IRI) of the links whose entity is not in the graph.
        unknown_items: (item id, IRI) of the links whose item is not in the catalogue.
        duplicates: Number of links that were given before.
        linked_without_interactions: Ids of the linked items that nobody interacted with; None if
            no interactions were given.
        methods: Number of links per method.
        uncertain: Number of unlinked items with a candidate in the review.
        reasons: Item id → why it is unlinked, where a method looked for its entity.
        notes: What could not be done or used, in words.
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
    methods: dict[str, int] | None = None
    uncertain: int = 0
    reasons: dict[str, str] | None = None
    notes: tuple[str, ...] = ()

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
            "methods": dict(self.methods or {}),
            "uncertain": self.uncertain,
            "reasons": dict(self.reasons or {}),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        share = self.linked / self.num_items if self.num_items else 0.0
        lines = [f"{self.linked} of {self.num_items} items linked ({share:.1%})"]
        if self.methods and set(self.methods) - {"file"}:
            counts = (f"{count} by {method}" for method, count in self.methods.items())
            lines.append(f"{', '.join(counts)}; {self.uncertain} items uncertain")
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
        lines += [printable(note) for note in self.notes]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Links:
    """Which item is which entity, sorted by item, then entity; each pair once.

    Attributes:
        items: The whole catalogue, linked or not.
        item: Item rows, int64 of shape (l,).
        entity: Entity rows of the graph, int64 of shape (l,).
        confidence: How sure each link is, 0 to 1, float32 of shape (l,).
        method: How each link was found, a tuple of length l: "file" or a method of `LinkConfig`.
        report: What was linked, and what was not.
        review: Entities that unlinked items may be, for somebody to look at.
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
        entity[self.item[order]] = self.entity[order]  # of repeated indices the last one stays
        return entity

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
