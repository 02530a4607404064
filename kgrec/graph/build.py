"""One heterogeneous graph of interactions, a knowledge graph and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.graph.arrays import GraphArrays, graph_arrays
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
from kgrec.graph.selection import GraphConfig as GraphConfig
from kgrec.graph.selection import choose
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import Links
from kgrec.types import EdgeType, Float64Array, index_to_mask

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


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
    made = graph_arrays(train, kg, links, items=items, users=users, config=config)
    columns = table_columns(items.reindex(train.items).numbers) if items is not None else {}
    if kg is not None and links is not None:
        chosen = choose(kg, links, config)  # known from before
        kg, links = chosen.kg, chosen.links
    if kg is not None and links is not None and config.numbers:
        found, unread = literal_columns(kg, links)
        made.choices["numbers"] = {"unreadable_literals": unread}
        columns |= found
    if scales is None:
        scales = _learn_scales(columns, train, links, config)
    return _assemble(made, scales, scales.features(columns, train.num_items), config)


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


def _assemble(
    made: GraphArrays, scales: NumberScales, numeric: npt.NDArray[Any], config: GraphConfig
) -> HeteroData:
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for kind, size in made.sizes.items():
        data[kind].num_nodes = size
        data[kind].node_id = made.ids[kind]
        if kind in made.kg_row:
            data[kind].kg_row = torch.from_numpy(made.kg_row[kind])
    for (source, name, target), edges in sorted(made.edges.items()):
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
    data.report = made.report
    data.choices = made.choices
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
