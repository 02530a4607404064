"""The text of every node of the user–item–attribute graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links
from kgrec.text.verbalise import verbalise

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def node_texts(
    data: HeteroData,
    kg: KnowledgeGraph | None,
    links: Links | None,
    items: AttributeTable | None,
    *,
    entities: bool = True,
    **of_names: Any,
) -> dict[str, list[str]]:
    """Return texts by node type, in the order of the nodes; "" for a node without text.

    The text of an item is its title and categories from the item table, then the text of each of
    its entities. The text of an attribute value is the value itself.

    Args:
        data: The graph that `kgrec.graph.build.build_graph` built from the rest.
        kg: The knowledge graph.
        links: Which item is which entity, over the item vocabulary of `data`.
        items: The item table, over any vocabulary whose ids `data` holds.
        entities: Whether entities and attribute values get texts too; entities get no description.
        of_names: Settings of `verbalise`.
    """
    without = {**of_names, "description": False}
    texts = {"item": item_texts(list(data["item"].node_id), kg, links, items, **of_names)}
    if entities:
        for kind in data.node_types:
            if "kg_row" in data[kind]:
                rows = data[kind].kg_row.numpy()
                told = [] if kg is None else verbalise(kg, rows, **without)
                texts[kind] = told
            elif kind not in ("user", "item"):
                texts[kind] = list(data[kind].node_id)
    return {kind: values for kind, values in texts.items() if any(values)}


def item_texts(
    ids: Sequence[str],
    kg: KnowledgeGraph | None,
    links: Links | None,
    items: AttributeTable | None,
    **of_names: Any,
) -> list[str]:
    """Return the text of each item, "" where there is none.

    Args:
        ids: The items' ids.
        kg: As for `node_texts`; likewise the others.
        links: See `kg`; over `ids`.
        items: See `kg`.
        of_names: Settings of `verbalise`.
    """
    parts: list[list[str]] = [[] for _ in range(len(ids))]
    if items is not None:
        place = {id: row for row, id in enumerate(ids)}
        for id, text in zip(items.ids.ids, table_texts(items), strict=True):
            parts[place[id]].append(text)
    if kg is not None and links is not None and len(links):
        entities = np.unique(links.entity)
        of_entity = dict(zip(entities, verbalise(kg, entities, **of_names), strict=True))
        for item, entity in zip(links.item, links.entity, strict=True):
            parts[item].append(of_entity[entity])
    return [" ".join(part for part in found if part) for found in parts]


def table_texts(table: AttributeTable) -> list[str]:
    """Return the title and the categories of each row in words, "" where there are none."""
    texts = []
    titles = table.titles or [""] * len(table.ids)
    for title, words in zip(titles, table.words(), strict=True):
        told = (f"{column}: {', '.join(values)}" for column, values in words.items() if values)
        texts.append(" ".join(f"{part}." for part in (title, *told) if part))
    return texts
