"""The text of every node of the user–item–attribute graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kgrec.data.attribute_table import AttributeTable
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS
from kgrec.text.verbalise import verbalise

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def node_texts(
    data: HeteroData,
    kg: KnowledgeGraph | None,
    links: Links | None,
    items: AttributeTable | None,
    *,
    languages: Sequence[str] = ("en", ""),
    entities: bool = True,
    label_relations: Sequence[str] = LABEL_RELATIONS,
    description_relations: Sequence[str] = DESCRIPTION_RELATIONS,
) -> dict[str, list[str]]:
    """Return texts by node type, in the order of the nodes; "" for a node without text.

    The text of an item is its title and categories from the item table, then the text of each of
    its entities. The text of an attribute value is the value itself.

    Args:
        data: The graph that `kgrec.graph.build.build_graph` built from the rest.
        kg: The knowledge graph.
        links: Which item is which entity, over the item vocabulary of `data`.
        items: The item table, over any vocabulary whose ids `data` holds.
        languages: Languages of labels and descriptions, best first.
        entities: Whether entities and attribute values get texts too.
        label_relations: IRIs of the properties that give names, best first.
        description_relations: IRIs of the properties that give descriptions, best first.
    """

    def told(rows: npt.NDArray[Any], description: bool = True) -> list[str]:
        return (
            verbalise(
                kg,
                rows,
                languages=languages,
                description=description,
                label_relations=label_relations,
                description_relations=description_relations,
            )
            if kg is not None
            else []
        )

    texts = {"item": _item_texts(data, links if kg is not None else None, items, told)}
    if entities:
        for kind in data.node_types:
            if "kg_row" in data[kind]:
                texts[kind] = told(data[kind].kg_row.numpy(), description=False)
            elif kind not in ("user", "item"):
                texts[kind] = list(data[kind].node_id)
    return {kind: values for kind, values in texts.items() if any(values)}


def _item_texts(
    data: HeteroData,
    links: Links | None,
    items: AttributeTable | None,
    told: Callable[[npt.NDArray[Any]], list[str]],
) -> list[str]:
    parts: list[list[str]] = [[] for _ in range(int(data["item"].num_nodes))]
    if items is not None:
        place = {id: row for row, id in enumerate(data["item"].node_id)}
        for id, text in zip(items.ids.ids, table_texts(items), strict=True):
            parts[place[id]].append(text)
    if links is not None and len(links):
        entities = np.unique(links.entity)
        of_entity = dict(zip(entities, told(entities), strict=True))
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
