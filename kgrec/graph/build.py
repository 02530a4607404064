"""From interactions, a knowledge graph and tables to one heterogeneous graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, did_you_mean
from kgrec.graph.names import is_reserved, short_names
from kgrec.graph.numeric import literal_numbers, standardised
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.linking import Links

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

IntArray = npt.NDArray[np.int64]
INTERACTS = ("user", "interacts", "item")


class GraphConfig(BaseModel):
    """What of the knowledge graph becomes nodes and edges."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_degree: int = Field(
        default=2,
        ge=1,
        description="Entities and attribute values that touch fewer distinct nodes are left out, "
        "once: with one neighbour they connect nothing. How many stands in the graph's report.",
    )
    drop_relations: tuple[str, ...] = Field(
        default=(), description="IRIs of relations that do not become edges."
    )


@dataclass
class _Edges:
    """Edges of one type while they are collected."""

    source: IntArray
    target: IntArray
    iri: str


@dataclass
class _Draft:
    """Nodes and edges while the graph is put together. Types as in PyG: (source, name, target)."""

    sizes: dict[str, int]
    edges: dict[tuple[str, str, str], _Edges] = field(default_factory=dict)

    def add(self, kind: tuple[str, str, str], source: IntArray, target: IntArray, iri: str) -> None:
        if len(source):
            width = max(self.sizes[kind[2]], 1)
            pairs = np.unique(source.astype(np.int64) * width + target)
            self.edges[kind] = _Edges(pairs // width, pairs % width, iri)

    def num_neighbours(self, node: str) -> IntArray:
        """Return how many distinct nodes each node of a type touches, int64 of shape (n,)."""
        offset = dict(zip(self.sizes, np.cumsum([0, *self.sizes.values()]), strict=False))
        total = sum(self.sizes.values())
        pairs = [np.zeros(0, dtype=np.int64)]
        for (source, _, target), edges in self.edges.items():
            if source == node:
                pairs.append(edges.source * total + edges.target + offset[target])
            if target == node:
                pairs.append(edges.target * total + edges.source + offset[source])
        distinct = np.unique(np.concatenate(pairs))
        return np.bincount(distinct // max(total, 1), minlength=self.sizes[node])

    def restrict(self, node: str, keep: npt.NDArray[np.bool_]) -> None:
        """Drop the nodes of a type that `keep` (bool of shape (n,)) rules out, and their edges."""
        place = np.where(keep, np.cumsum(keep) - 1, -1)
        self.sizes[node] = int(keep.sum())
        for kind, edges in list(self.edges.items()):
            source = place[edges.source] if kind[0] == node else edges.source
            target = place[edges.target] if kind[2] == node else edges.target
            stays = (source >= 0) & (target >= 0)
            if stays.any():
                self.edges[kind] = _Edges(source[stays], target[stays], edges.iri)
            else:
                del self.edges[kind]


def build_graph(
    train: Interactions,
    kg: KnowledgeGraph | None = None,
    links: Links | None = None,
    *,
    items: AttributeTable | None = None,
    users: AttributeTable | None = None,
    config: GraphConfig | None = None,
) -> HeteroData:
    """Build the user–item–attribute graph from the training interactions alone.

    Node types are `user`, `item`, `entity` and one for each categorical column, `item_<column>`
    or `user_<column>`. A linked item takes over the edges of its entity, and two items on one
    entity each do; entities without an item stay `entity` nodes. Every relation is one edge type
    for each pair of node types that it joins, with its inverse beside it as `rev_<relation>`.

    Each node type has `num_nodes` and `node_id` (list of ids); `entity` also has `kg_row`, the
    rows in `kg.entities` (int64). Each edge type has `edge_index` (int64 of shape (2, E), source
    and destination rows) and `iri`. Numeric columns of the item table and numbers and dates of
    the linked entities become `data["item"].numeric` (float32 of shape (num_items, f),
    standardised, 0 where missing) with `numeric_names`. `data.report` (a dict) counts the
    nodes that were left out.

    Args:
        train: The interactions that may be seen; their vocabularies fix the user and item rows.
        kg: The knowledge graph; None: only interactions and tables.
        links: Which item is which entity; needed when `kg` is given.
        items: The item table, over any vocabulary whose ids `train.items` holds.
        users: The user table, likewise.
        config: Settings.

    Raises:
        DataError: `kg` is given without `links`, or the links are over another vocabulary.
        ConfigError: `drop_relations` names a relation that the graph does not have.
    """
    config = config or GraphConfig()
    draft = _Draft({"user": train.num_users, "item": train.num_items})
    draft.add(INTERACTS, train.user, train.item, "")
    ids: dict[str, Any] = {"user": train.users.ids, "item": train.items.ids}
    report: dict[str, Any] = {}
    for kind, table, vocabulary in (("item", items, train.items), ("user", users, train.users)):
        if table is not None:
            _add_categories(draft, ids, kind, table.over(vocabulary))
    kg_row = np.zeros(0, dtype=np.int64)
    if kg is not None:
        if links is None:
            raise DataError("A knowledge graph was given without links from items to entities.")
        if links.items != train.items:
            raise DataError("links and train must share the item vocabulary; relink over it.")
        _add_relations(draft, kg, links, config)
        kg_row = np.arange(len(kg.entities), dtype=np.int64)
    for kind in list(draft.sizes):
        if kind in ("user", "item"):
            continue
        keep = draft.num_neighbours(kind) >= config.min_degree
        taken = links.entity if kind == "entity" and links is not None else np.zeros(0, int)
        report[kind] = {
            "kept": int(keep.sum()),
            "left_out_below_min_degree": int((~keep).sum()) - len(np.unique(taken)),
            "taken_over_by_items": len(np.unique(taken)),
        }
        draft.restrict(kind, keep)
        if kind == "entity":
            kg_row = kg_row[keep]
        else:
            ids[kind] = [value for value, stays in zip(ids[kind], keep, strict=True) if stays]
    if kg is not None:
        ids["entity"] = kg.entities.take(kg_row)
    numbers = dict(items.over(train.items).numbers) if items is not None else {}
    if kg is not None and links is not None:
        numbers |= literal_numbers(kg, links)
    return _assemble(draft, ids, kg_row, report, numbers)


def _add_categories(draft: _Draft, ids: dict[str, Any], kind: str, table: AttributeTable) -> None:
    for column, category in table.categories.items():
        node = f"{kind}_{column}".replace(".", "_")  # PyTorch's module names have no dots
        draft.sizes[node] = len(category.values)
        ids[node] = category.values.ids
        name = f"column_{column}" if is_reserved(column) else column
        draft.add((kind, name, node), category.row, category.value, "")


def _add_relations(draft: _Draft, kg: KnowledgeGraph, links: Links, config: GraphConfig) -> None:
    relations: Vocabulary = kg.relations
    for iri in config.drop_relations:
        if iri not in relations:
            raise ConfigError(
                f"drop_relations names {iri!r}, which is no relation of the graph."
                + did_you_mean(iri, relations)
            )
    dropped = relations.rows(config.drop_relations)
    draft.sizes["entity"] = len(kg.entities)
    places = _Places(links, len(kg.entities))
    names = short_names(relations.ids)
    triples = np.asarray(kg.triples)
    order = np.argsort(triples[:, 1], kind="stable")
    bounds = np.searchsorted(triples[order, 1], np.arange(len(relations) + 1))
    for relation in range(len(relations)):
        rows = triples[order[bounds[relation] : bounds[relation + 1]]]
        if not len(rows) or relation in dropped:
            continue
        for kind, source, target in places.edges(rows[:, 0], rows[:, 2]):
            draft.add((kind[0], names[relation], kind[1]), source, target, relations.id(relation))


class _Places:
    """Where each entity stands in the graph: as itself, or as one or several items."""

    def __init__(self, links: Links, num_entities: int) -> None:
        order = np.argsort(links.entity, kind="stable")
        self.item = np.asarray(links.item)[order]
        self.start = np.searchsorted(np.asarray(links.entity)[order], np.arange(num_entities + 1))

    def edges(
        self, subject: npt.NDArray[Any], object_: npt.NDArray[Any]
    ) -> Iterator[tuple[tuple[str, str], IntArray, IntArray]]:
        """Yield ((source type, target type), source rows, target rows) for entity edges."""
        index, source_item, source = self._expand(subject.astype(np.int64))
        second, target_item, target = self._expand(object_.astype(np.int64)[index])
        source_item, source = source_item[second], source[second]
        for from_item in (True, False):
            for to_item in (True, False):
                chosen = (source_item == from_item) & (target_item == to_item)
                kinds = ("item" if from_item else "entity", "item" if to_item else "entity")
                yield kinds, source[chosen], target[chosen]

    def _expand(self, entity: IntArray) -> tuple[IntArray, npt.NDArray[np.bool_], IntArray]:
        """Repeat each entity once per item on it: (index, whether an item, row of that type)."""
        count = self.start[entity + 1] - self.start[entity]
        repeats = np.maximum(count, 1)
        index = np.repeat(np.arange(len(entity)), repeats)
        within = np.arange(len(index)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        is_item = np.repeat(count > 0, repeats)
        row = entity[index].copy()
        row[is_item] = self.item[(self.start[entity][index] + within)[is_item]]
        return index, is_item, row


def _assemble(
    draft: _Draft,
    ids: dict[str, Any],
    kg_row: IntArray,
    report: dict[str, Any],
    numbers: Mapping[str, npt.NDArray[np.float64]],
) -> HeteroData:
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for kind, size in draft.sizes.items():
        data[kind].num_nodes = size
        data[kind].node_id = ids[kind]
    if "entity" in draft.sizes:
        data["entity"].kg_row = torch.from_numpy(kg_row)
    for (source, name, target), edges in sorted(draft.edges.items()):
        index = torch.from_numpy(np.stack([edges.source, edges.target]))
        for edge_type, edge_index in (
            ((source, name, target), index),
            ((target, f"rev_{name}", source), index.flip(0).contiguous()),
        ):
            data[edge_type].edge_index = edge_index
            data[edge_type].iri = edges.iri
    if numbers:
        columns = [standardised(values) for values in numbers.values()]
        data["item"].numeric = torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))
        data["item"].numeric_names = list(numbers)
    data.report = report
    return data


def forward_types(data: HeteroData) -> Iterable[tuple[str, str, str]]:
    """Return the edge types without the inverses that `build_graph` added."""
    return [kind for kind in data.edge_types if not kind[1].startswith("rev_")]
