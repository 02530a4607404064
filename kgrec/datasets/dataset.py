"""A data set as it is trained on: a graph, links and a split over one catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links


@dataclass(frozen=True)
class Dataset:
    """What a model is trained and measured on.

    Attributes:
        split: Training, validation and test parts, over the whole catalogue.
        kg: The knowledge graph; None: there is none.
        links: Links over the same catalogue; None without a graph.
        items: The item table.
        users: The user table.
        notes: What happened to the input, in sentences.
    """

    split: Split
    kg: KnowledgeGraph | None = None
    links: Links | None = None
    items: AttributeTable | None = None
    users: AttributeTable | None = None
    notes: tuple[str, ...] = ()


def over_all(
    split: Split,
    users: AttributeTable | None,
    items: AttributeTable | None,
    linked: Iterable[str],
) -> Split:
    """Return a split over all users and items that the data knows.

    Args:
        split: The split.
        users: The user table.
        items: The item table.
        linked: Ids of items that have an entity.
    """
    everyone, catalogue = split.train.users, split.train.items
    if users is not None:
        everyone = everyone.union(users.ids)
    if items is not None:
        catalogue = catalogue.union(items.ids)
    return split.reindex(everyone, catalogue.union(Vocabulary.from_ids(linked, "item")))


def graph_notes(kg: KnowledgeGraph, links: Links) -> list[str]:
    """Return in sentences what the graph holds and how items are linked to it."""
    repeated = f", {kg.report.duplicates:,} repeated" if kg.report.duplicates else ""
    return [
        *kg.report.remarks(),
        f"Graph: {kg.num_triples:,} triples, {len(kg.literals):,} literals{repeated}.",
        f"Links: {links.report}",
    ]
