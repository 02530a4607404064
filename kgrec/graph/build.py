"""One heterogeneous graph of interactions, a knowledge graph and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.graph.modalities import NUMERIC, attach
from kgrec.graph.numeric import (
    GRAPH,
    TABLE,
    Key,
    NumberScales,
    literal_columns,
    table_columns,
)
from kgrec.graph.relation_names import INTERACTS as INTERACTS
from kgrec.graph.relation_names import is_reserved, short_names
from kgrec.graph.selection import GraphConfig as GraphConfig
from kgrec.graph.selection import choose, type_of
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links
from kgrec.rdf.namespaces import RDF_TYPE
from kgrec.types import BoolArray, EdgeType, Float64Array, IntArray, index_to_mask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass
class _Edges:
    """Edges of one type."""

    source: IntArray
    target: IntArray
    iri: str


@dataclass
class _Draft:
    """Nodes and edges of an unfinished graph. Edge types as in PyG: (source, name, target)."""

    sizes: dict[str, int]
    edges: dict[EdgeType, _Edges] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    kg_row: dict[str, IntArray] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: EdgeType, source: IntArray, target: IntArray, iri: str) -> None:
        if len(source):
            width = max(self.sizes[kind[2]], 1)
            pairs = np.unique(source.astype(np.int64) * width + target)
            self.edges[kind] = _Edges(pairs // width, pairs % width, iri)

    def num_neighbors(self, node: str) -> IntArray:
        """Return the number of distinct neighbors of each node of a type, int64 of shape (n,)."""
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

    def restrict(self, node: str, keep: BoolArray) -> None:
        """Keep only the nodes of a type in `keep`, bool of shape (n,), and their edges."""
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
    scales: NumberScales | None = None,
) -> HeteroData:
    """Build the user–item–attribute graph from the training interactions alone.

    Node types are `user`, `item`, `entity`, `entity_<type>` if entities are split by type, and one
    for each categorical column, `item_<column>` or `user_<column>`. A linked item takes over the
    edges of its entity, as do several items of one entity; entities without an item stay nodes.
    Every relation is one edge type for each pair of node types that it joins, with the inverse
    `rev_<relation>`.

    Each node type has `num_nodes` and `node_id` (list of ids); those of entities also have
    `kg_row`, the rows in `kg.entities` (int64). Each edge type has `edge_index` (int64 of shape
    (2, E), source and destination rows) and `iri`. Numeric columns of the item table and numeric
    literals of the linked entities become the modality `data["item"].numeric` (float32 of shape
    (num_items, f)) with `numeric_names`; see `kgrec.graph.modalities`. `data.scales`
    (`NumberScales`) is their normalisation, `data.report` (a dict by node type) counts the nodes
    that were left out, and `data.choices` (a dict by setting) what settings left out or merged.

    Args:
        train: The training interactions; their vocabularies give the user and item rows.
        kg: The knowledge graph; None: only interactions and tables.
        links: Which item is which entity; needed when `kg` is given.
        items: The item table, over any vocabulary whose ids `train.items` holds.
        users: The user table, likewise.
        config: Settings.
        scales: Normalisation of numbers; None: learned from the items of `train`.

    Raises:
        DataError: `kg` is given without `links`, or the links are over another vocabulary.
        ConfigError: A setting names a relation or type that the graph does not have.
    """
    config = config or GraphConfig()
    draft = _Draft({"user": train.num_users, "item": train.num_items})
    draft.add(INTERACTS, train.user, train.item, "")
    draft.ids |= {"user": train.users.ids, "item": train.items.ids}
    for kind, table, vocabulary in (("item", items, train.items), ("user", users, train.users)):
        if table is not None:
            _add_categories(draft, kind, table.reindex(vocabulary))
    if kg is not None:
        if links is None:
            raise DataError("A knowledge graph was given without links from items to entities.")
        if links.items != train.items:
            raise DataError("links and train must share the item vocabulary; relink over it.")
        chosen = choose(kg, links, config)
        kg, links = chosen.kg, chosen.links
        draft.choices = dict(chosen.report)
        _add_relations(draft, kg, links, config)
    linked = np.zeros(0, dtype=np.int64) if links is None else links.entity
    for kind in list(draft.sizes):
        if kind not in ("user", "item"):
            _leave_out(draft, kind, config.min_degree, linked)
    if kg is not None:
        draft.ids |= {kind: kg.entities.take(row) for kind, row in draft.kg_row.items()}
    columns = table_columns(items.reindex(train.items).numbers) if items is not None else {}
    if kg is not None and links is not None and config.numbers:
        found, unread = literal_columns(kg, links)
        draft.choices["numbers"] = {"unreadable_literals": unread}
        columns |= found
    if scales is None:
        scales = _learn_scales(columns, train, links, config)
    return _assemble(draft, scales, scales.features(columns, train.num_items), config)


def _learn_scales(
    columns: Mapping[Key, Float64Array],
    train: Interactions,
    links: Links | None,
    config: GraphConfig,
) -> NumberScales:
    num_items = train.num_items
    trained = index_to_mask(train.item, num_items)
    linked = index_to_mask(train.item[:0] if links is None else links.item, num_items)
    described = {TABLE: np.ones(num_items, dtype=bool), GRAPH: linked}
    return NumberScales.learn(columns, trained, described, config.min_number_share)


def _leave_out(draft: _Draft, kind: str, min_degree: int, linked: IntArray) -> None:
    """Leave out the nodes of a type with too few neighbors, and entities that became items."""
    keep = draft.num_neighbors(kind) >= min_degree
    row = draft.kg_row.get(kind)
    taken = 0 if row is None else int(np.isin(row, linked).sum())
    draft.report[kind] = {
        "kept": int(keep.sum()),
        "left_out_below_min_degree": int((~keep).sum()) - taken,
        "taken_over_by_items": taken,
    }
    draft.restrict(kind, keep)
    if row is None:
        ids = draft.ids[kind]
        draft.ids[kind] = [ids[place] for place in np.flatnonzero(keep).tolist()]
    elif kind != "entity" and not keep.any():
        del draft.sizes[kind], draft.kg_row[kind]  # for example, a type that only items have
    else:
        draft.kg_row[kind] = row[keep]


def _add_categories(draft: _Draft, kind: str, table: AttributeTable) -> None:
    for column, category in table.categories.items():
        node = f"{kind}_{column}".replace(".", "_")  # PyTorch's module names have no dots
        draft.sizes[node] = len(category.values)
        draft.ids[node] = category.values.ids
        name = f"column_{column}" if is_reserved(column) else column
        draft.add((kind, name, node), category.row, category.value, "")


def _add_relations(draft: _Draft, kg: KnowledgeGraph, links: Links, config: GraphConfig) -> None:
    places = _Places(kg, links, config)
    for kind, rows in places.rows.items():
        draft.sizes[kind], draft.kg_row[kind] = len(rows), rows
    relations = kg.relations
    typing = -1 if config.types == "edges" else int(relations.rows([RDF_TYPE], missing="-1")[0])
    names = short_names(relations.ids)
    triples = np.asarray(kg.triples)
    order = np.argsort(triples[:, 1], kind="stable")
    bounds = np.searchsorted(triples[order, 1], np.arange(len(relations) + 1))
    for relation in range(len(relations)):
        stated = triples[order[bounds[relation] : bounds[relation + 1]]]
        if not len(stated) or relation == typing:
            continue
        iri = relations.id(relation)
        for ends, source, target in places.edges(stated[:, 0], stated[:, 2]):
            draft.add((ends[0], names[relation], ends[1]), source, target, iri)


class _Places:
    """The place of each entity in the graph: a node of its type, or one or several items.

    Attributes:
        rows: Entity rows of the nodes of each type, sorted.
    """

    def __init__(self, kg: KnowledgeGraph, links: Links, config: GraphConfig) -> None:
        order = np.argsort(links.entity, kind="stable")
        self.item = np.asarray(links.item)[order]
        self.start = np.searchsorted(
            np.asarray(links.entity)[order], np.arange(kg.num_entities + 1)
        )
        names = {-1: "entity"}
        kind = np.full(kg.num_entities, -1, dtype=np.int64)
        if config.types == "nodes":
            kind, named = type_of(kg, config.min_type_size)
            names |= named
        self.names = ["item"]
        self.kind = np.empty(kg.num_entities, dtype=np.int64)
        self.place = np.empty(kg.num_entities, dtype=np.int64)
        self.rows: dict[str, IntArray] = {}
        for number in sorted(names):
            rows = np.flatnonzero(kind == number)
            self.kind[rows], self.place[rows] = len(self.names), np.arange(len(rows))
            self.rows[names[number]] = rows
            self.names.append(names[number])

    def edges(
        self, subject: npt.NDArray[Any], object_: npt.NDArray[Any]
    ) -> Iterator[tuple[tuple[str, str], IntArray, IntArray]]:
        """Yield ((source type, target type), source rows, target rows) for entity edges."""
        index, source_kind, source = self._expand(subject.astype(np.int64))
        second, target_kind, target = self._expand(object_.astype(np.int64)[index])
        source_kind, source = source_kind[second], source[second]
        pair = source_kind * len(self.names) + target_kind
        for code in np.unique(pair).tolist():
            chosen = pair == code
            first, last = divmod(code, len(self.names))
            yield (self.names[first], self.names[last]), source[chosen], target[chosen]

    def _expand(self, entity: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Repeat each entity for each of its items; return indices, numbers of types, and rows."""
        count = self.start[entity + 1] - self.start[entity]
        repeats = np.maximum(count, 1)
        index = np.repeat(np.arange(len(entity)), repeats)
        within = np.arange(len(index)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        is_item = np.repeat(count > 0, repeats)
        kind = np.where(is_item, 0, self.kind[entity[index]])
        row = self.place[entity[index]]
        row[is_item] = self.item[(self.start[entity][index] + within)[is_item]]
        return index, kind, row


def _assemble(
    draft: _Draft, scales: NumberScales, numeric: npt.NDArray[Any], config: GraphConfig
) -> HeteroData:
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for kind, size in draft.sizes.items():
        data[kind].num_nodes = size
        data[kind].node_id = draft.ids[kind]
        if kind in draft.kg_row:
            data[kind].kg_row = torch.from_numpy(draft.kg_row[kind])
    for (source, name, target), edges in sorted(draft.edges.items()):
        index = torch.from_numpy(np.stack([edges.source, edges.target]))
        data[source, name, target].edge_index = index
        data[source, name, target].iri = edges.iri
        if config.inverse_relations or (source, name, target) == INTERACTS:
            data[target, f"rev_{name}", source].edge_index = index.flip(0).contiguous()
            data[target, f"rev_{name}", source].iri = edges.iri
    if scales.scales:
        attach(data, "item", NUMERIC, numeric, "kgrec.graph.numeric")
        data["item"].numeric_names = scales.names()
    data.scales = scales
    data.report = draft.report
    data.choices = draft.choices
    return data


def forward_types(data: HeteroData) -> Iterable[EdgeType]:
    """Return the edge types without the inverses that `build_graph` added."""
    return [kind for kind in data.edge_types if not kind[1].startswith("rev_")]


def describe(graph: HeteroData) -> str:
    """Return the size of a graph in words, and how much was left out."""
    nodes = ", ".join(f"{int(graph[kind].num_nodes):,} {kind}" for kind in graph.node_types)
    edges = sum(graph[kind].edge_index.shape[1] for kind in forward_types(graph))
    left = sum(part["left_out_below_min_degree"] for part in graph.report.values())
    size = f"{nodes} nodes, {edges:,} edges; {left:,} nodes below the minimum degree left out"
    chosen = [
        f"{setting}: "
        + ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items())
        for setting, counts in graph.choices.items()
        if any(counts.values())
    ]
    return "; ".join([size, *chosen])
